"""Simple where true or false is expected: operators count, blanks around them are needed, and `&&` and
`||` run from left to right without precedence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.problems import ExpressionError
from integrator.engine.simple import parser
from integrator.engine.simple.operators import COMPARISONS, Comparison, compare, equal
from integrator.exchange import Exchange

_NUMBER = re.compile(r"-?\d{1,300}(\.\d{1,300})?(?=\s|$)")
_WORD = re.compile(r"(true|false|null)(?=\s|$)", re.IGNORECASE)
_COMPARISON = re.compile(
    r"\s+(" + "|".join(re.escape(sign) for sign in sorted(COMPARISONS, key=len, reverse=True)) + r")\s+"
)
_LOGICAL = re.compile(r"\s+(&&|\|\|)\s+")
_TRAILING = re.compile(r"\s+(\?:|\?|~>)\s+")
_QUOTES = "Operators need blanks around them, texts need quotes; there are no brackets, no and, or, !."

Operand = tuple[str, Any]
"""("value", constant) or ("expression", closure)."""


def truthy(value: Any) -> bool:
    """Camel's view of a bare value: null, false, blank texts and empty lists are false."""
    if value is None or value is False:
        return False
    if isinstance(value, str):
        text = value.strip().lower()
        return text == "true" if text in ("true", "false") else bool(text)
    return bool(value) if isinstance(value, list) else True


def predicate(text: str, source: Source) -> Predicate:
    """Compile a predicate. Raises ExpressionError."""
    return _Reader(text.strip(), source).read()


class _Reader:
    """One pass over the text."""

    def __init__(self, text: str, source: Source) -> None:
        self.text, self.source, self.position = text, source, 0

    def read(self) -> Predicate:
        if not self.text:
            raise ExpressionError("the predicate is empty", "Write one, for example ${body} != null.")
        found = self._comparison()
        while self.position < len(self.text):
            match = _LOGICAL.match(self.text, self.position)
            if match is None:
                raise self._unexpected()
            self.position = match.end()
            found = _LOGICALS[match[1]](found, self._comparison())
        return found

    def _unexpected(self) -> ExpressionError:
        return ExpressionError(f"unexpected text at position {self.position}", _QUOTES)

    def _comparison(self) -> Predicate:
        left = self._operand(first=True)
        match = _COMPARISON.match(self.text, self.position)
        if match is None:
            if _TRAILING.match(self.text, self.position):
                return self._whole_expression()
            return _bare(left)
        self.position = match.end()
        right = self._operand(first=False)
        if match[1] == "==" and _TRAILING.match(self.text, self.position):
            return self._whole_expression()
        if _TRAILING.match(self.text, self.position):
            return self._whole_expression()
        return _compared(match[1], left, right)

    def _whole_expression(self) -> Predicate:
        # `?:`, `? :` and `~>` make values; as a predicate the value's truth counts.
        from integrator.engine.simple.compiler import expression

        value = expression(self.text, self.source)
        self.position = len(self.text)
        return lambda exchange: truthy(value(exchange))

    def _operand(self, *, first: bool) -> Operand:
        text, start = self.text, self.position
        opening = parser.function_at(text, start)
        if opening:
            end = parser.function_end(text, start + opening)
            self.position = end + 1
            self._must_end()
            return ("expression", self._function(text[start + opening : end]))
        if text[start : start + 1] in ("'", '"'):
            end = self._quote_end(text[start], start + 1)
            self.position = end + 1
            self._must_end()
            return self._quoted(text[start + 1 : end])
        number = None if first else _NUMBER.match(text, start)
        if number:
            self.position = number.end()
            return ("value", Decimal(number[0]) if "." in number[0] else int(number[0]))
        word = _WORD.match(text, start)
        if word is None or (first and word[0].lower() == "null"):
            raise self._unexpected()
        self.position = word.end()
        return ("value", {"true": True, "false": False}.get(word[0].lower()))

    def _quote_end(self, quote: str, start: int) -> int:
        position = start
        while position < len(self.text):
            opening = parser.function_at(self.text, position)
            if opening:
                position = parser.function_end(self.text, position + opening)
            elif self.text[position] == quote:
                return position
            position += 1
        raise ExpressionError(f"the quote at position {start - 1} is not closed", "Close it.")

    def _must_end(self) -> None:
        if self.position < len(self.text) and not self.text[self.position].isspace():
            raise self._unexpected()

    def _function(self, content: str) -> Expression:
        from integrator.engine.simple.compiler import function

        return function(content, self.source)

    def _quoted(self, inside: str) -> Operand:
        from integrator.engine.simple.compiler import expression

        listed = parser.parts(inside)
        if all(isinstance(part, str) for part in listed):
            return ("value", "".join(str(part) for part in listed))
        return ("expression", expression(inside, self.source))


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda exchange: left(exchange) and right(exchange)


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda exchange: left(exchange) or right(exchange)


_LOGICALS: dict[str, Callable[[Predicate, Predicate], Predicate]] = {"&&": _and, "||": _or}


def _bare(operand: Operand) -> Predicate:
    kind, value = operand
    if kind == "value":
        found = truthy(value)
        return lambda _exchange: found
    return lambda exchange: truthy(value(exchange))


def _compared(sign: str, left: Operand, right: Operand) -> Predicate:
    test = COMPARISONS[sign]
    if left[0] == "expression" and right[0] == "value" and sign in ("==", "!="):
        return _compared_with_constant(left[1], right[1], wanted=sign == "==")
    first, second = _closure(left), _closure(right)
    return lambda exchange: test(first(exchange), second(exchange))


def _compared_with_constant(value: Expression, constant: Any, *, wanted: bool) -> Predicate:
    # The most frequent predicate of routes: a text or null that is often the same.
    def compared(exchange: Exchange) -> bool:
        found = value(exchange)
        if found is None or constant is None:
            return (found is constant) is wanted
        if found.__class__ is str and found == constant:
            return wanted
        return equal(found, constant) is wanted

    return compared


def _closure(operand: Operand) -> Expression:
    kind, value = operand
    if kind == "expression":
        found: Expression = value
        return found
    return lambda _exchange: value


__all__ = ["Comparison", "compare", "predicate", "truthy"]
