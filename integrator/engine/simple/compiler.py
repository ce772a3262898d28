"""From simple's text to closures: expressions, and arguments of functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression, Source
from integrator.engine.javatypes import to_text
from integrator.engine.simple import functions, variables
from integrator.engine.simple.parser import Function, Part, parts, unquoted
from integrator.engine.simple.predicates import predicate
from integrator.exchange import Exchange

_OPERATOR = re.compile(r" (\?:|~>|\?) ")


def expression(text: str, source: Source) -> Expression:
    """An expression: one function keeps its type, anything else becomes text."""
    listed = parts(text)
    return _with_operators(listed, source) or _joined(listed, source)


def _joined(listed: list[Part], source: Source) -> Expression:
    if not listed:
        return lambda _exchange: ""
    if len(listed) == 1:
        return _value(listed[0], source)
    values = tuple(_value(part, source) for part in listed)

    def join(exchange: Exchange) -> str:
        return "".join([to_text(value(exchange)) or "" for value in values])

    return join


def _value(part: Part, source: Source) -> Expression:
    if isinstance(part, str):
        return lambda _exchange: part
    return function(part.content, source)


def function(content: str, source: Source) -> Expression:
    """A function by its content. Raises ExpressionError for one that Camel or the engine does not know."""
    content = content.strip()
    found = variables.compile_variable(content, source) or functions.compile_function(content, source)
    if found is None:
        raise functions.unknown(content)
    return found


def argument(text: str, source: Source, *, keep_quotes: bool = False) -> Expression:
    """An argument of a function: quotes removed, functions in it evaluated, blanks around it dropped."""
    text = text.strip()
    inside = None if keep_quotes else unquoted(text)
    return expression(text if inside is None else inside, source)


# --- operators of expressions: ++ -- ?: ? : ~> -------------------------------------------------------


def _with_operators(listed: list[Part], source: Source) -> Expression | None:
    if len(listed) == 2 and isinstance(listed[0], Function) and listed[1] in ("++", "--"):
        return _counted(function(listed[0].content, source), 1 if listed[1] == "++" else -1)
    for index, part in enumerate(listed):
        match = _OPERATOR.search(part) if isinstance(part, str) else None
        if match is None or index == 0:
            continue
        assert isinstance(part, str)
        before, after = part[: match.start()], part[match.end() :]
        right: list[Part] = [*filter(None, [after]), *listed[index + 1 :]]
        if match[1] == "?":
            found = _ternary(listed[:index], before, right, source)
            if found is not None:
                return found
        elif not before.strip():
            left = _joined(listed[:index], source)
            return _OPERATIONS[match[1]](left, _operand(right, source))
    return None


def _operand(listed: list[Part], source: Source) -> Expression:
    if len(listed) == 1 and isinstance(listed[0], str):
        inside = unquoted(listed[0])
        return expression(inside, source) if inside is not None else _value(listed[0].strip(), source)
    return _with_operators(listed, source) or _joined(listed, source)


def _counted(value: Expression, step: int) -> Expression:
    def count(exchange: Exchange) -> Any:
        found = value(exchange)
        number = functions.long_of(found)
        return str(number + step) if isinstance(found, str) else number + step

    return count


def _elvis(left: Expression, right: Expression) -> Expression:
    def elvis(exchange: Exchange) -> Any:
        found = left(exchange)
        return right(exchange) if found is None or found == "" or found is False else found

    return elvis


def _chain(left: Expression, right: Expression) -> Expression:
    def chain(exchange: Exchange) -> Any:
        return functions.with_body(exchange, left(exchange), right)

    return chain


_OPERATIONS: dict[str, Callable[[Expression, Expression], Expression]] = {"?:": _elvis, "~>": _chain}


def _ternary(left: list[Part], before: str, right: list[Part], source: Source) -> Expression | None:
    # Camel 4.18 binds the question to the text before it: `${x} == 7 ? 'yes' : 'no'` is `7yes`.
    colon = next(
        ((i, part.find(" : ")) for i, part in enumerate(right) if isinstance(part, str) and " : " in part),
        None,
    )
    if colon is None:
        return None
    index, at = colon
    part = right[index]
    assert isinstance(part, str)
    then = [*right[:index], *filter(None, [part[:at]])]
    other = [*filter(None, [part[at + 3 :]]), *right[index + 1 :]]
    if not (_is_operand(then) and _is_operand(other)):
        return None
    chosen, otherwise = _operand(then, source), _operand(other, source)
    prefix, found = _joined(left, source), chosen if before.strip() else otherwise
    return lambda exchange: (to_text(prefix(exchange)) or "") + (to_text(found(exchange)) or "")


def _is_operand(listed: list[Part]) -> bool:
    if len(listed) != 1:
        return False
    part = listed[0]
    return isinstance(part, Function) or unquoted(part) is not None or part.strip().lstrip("-").isdigit()


__all__ = ["argument", "expression", "function", "predicate"]
