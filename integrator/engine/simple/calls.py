"""What the functions of simple share: their arguments, Java's long arithmetic, another body for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression, Source
from integrator.engine.exceptions import failure
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import canonical, converter, to_text
from integrator.engine.problems import ExpressionError
from integrator.exchange import Exchange, IntegratorError


class Arguments:
    """The arguments of one call, each as written; `inside` is all of them."""

    def __init__(self, name: str, listed: list[str], source: Source, inside: str = "") -> None:
        self.name, self.listed, self.source, self.inside = name, listed, source, inside

    def __len__(self) -> int:
        return len(self.listed)

    def need(self, least: int, most: int) -> None:
        """Raises ExpressionError unless there are so many arguments."""
        if not least <= len(self.listed) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"{self.name} takes {count} arguments", "Add or remove some.")

    def value(self, index: int, *, keep_quotes: bool = False) -> Expression:
        """An argument as an expression."""
        from integrator.engine.simple.compiler import argument

        return argument(self.listed[index], self.source, keep_quotes=keep_quotes)

    def values(self) -> tuple[Expression, ...]:
        """All arguments as expressions."""
        return tuple(self.value(index) for index in range(len(self.listed)))

    def body_or(self, index: int) -> Expression:
        """The argument if it is there, the body otherwise."""
        return self.value(index) if len(self.listed) > index else _body

    def only(self) -> Expression:
        """The one argument, quotes in it dropped as Camel does; the body where there is none."""
        from integrator.engine.simple.compiler import expression

        if not self.inside.strip():
            return _body
        return expression(self.inside.replace("'", "").replace('"', ""), self.source)

    def number(self, index: int) -> Callable[[Exchange], int]:
        """An argument that becomes a whole number. Raises ExpressionError for a fixed one that is none."""
        if "${" not in self.listed[index]:
            fixed = self.whole_number(index)
            return lambda _exchange: fixed
        value, convert = self.value(index), _integer
        assert convert is not None

        def number(exchange: Exchange) -> int:
            found: int | None = convert(value(exchange))
            if found is None:
                raise failure("java.lang.NullPointerException", "a number is null")
            return found

        return number

    def trimmed(self) -> tuple[Expression, ...]:
        """All arguments as expressions, blanks dropped inside quotes too, as Camel does for lists."""
        from integrator.engine.simple.compiler import expression
        from integrator.engine.simple.parser import unquoted

        texts = (
            text.strip() if (inside := unquoted(text)) is None else inside.strip() for text in self.listed
        )
        return tuple(expression(text, self.source) for text in texts)

    def text(self, index: int) -> str:
        """An argument as it stands, without quotes and blanks."""
        from integrator.engine.simple.parser import unquoted

        text = self.listed[index]
        inside = unquoted(text)
        return text.strip() if inside is None else inside

    def whole_number(self, index: int) -> int:
        """An argument that must be a whole number in the route itself."""
        try:
            return int(self.text(index))
        except ValueError:
            raise ExpressionError(f"{self.name} takes a whole number here", "Write digits.") from None


Builder = Callable[[Arguments], Expression]
_long = converter("java.lang.Long")
_integer = converter("java.lang.Integer")
assert _long is not None


def _body(exchange: Exchange) -> Any:
    return exchange.message.body


def text_function(work: Callable[[str], Any]) -> Builder:
    """A function of one text: its argument, or the body; null stays null."""

    def build(arguments: Arguments) -> Expression:
        value = arguments.only()

        def apply(exchange: Exchange) -> Any:
            found = to_text(value(exchange))
            return None if found is None else work(found)

        return apply

    return build


def long_of(value: Any) -> Any:
    """Java's conversion to long. Raises JavaException."""
    assert _long is not None
    if value is None:
        from integrator.engine.javatypes import cannot_convert

        raise cannot_convert(value, canonical("Long"))
    return _long(value)


def try_long(value: Any) -> int | None:
    """The same; None where it is none."""
    try:
        found: int = long_of(value)
    except IntegratorError:
        return None
    return found


def with_body(exchange: Exchange, body: Any, work: Callable[[Exchange], Any]) -> Any:
    """Evaluate with another body; the exchange's own comes back whatever happens."""
    original = exchange.message
    exchange.message = original.copy()
    exchange.message.body = body
    try:
        return work(exchange)
    finally:
        exchange.message = original


def items_of(value: Any) -> list[Any]:
    """The elements of a value as Camel iterates over it: of a list, entries of a map, parts of a text between commas."""
    return list(iterate(value))
