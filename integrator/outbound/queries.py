"""What statements to data sources have in common: marks, values, rows, and what went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrator.exchange import Overloaded, RouteFailed
from integrator.security.limits import Limits

SPRING_DAO, SPRING_JDBC = "org.springframework.dao.", "org.springframework.jdbc."
"""Packages of the classes Camel's errors of databases have."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave: columns and rows, or the count of changes and generated keys."""

    columns: Sequence[str] | None
    rows: Sequence[Sequence[Any]]
    changed: int
    keys: Sequence[Mapping[str, Any]] = ()


class StatementError(RouteFailed):
    """The database refused a statement; `java_class` is Spring's name for it. No values in the text."""

    def __init__(self, java_class: str, message: str) -> None:
        super().__init__(message)
        self.message, self.java_class = message, java_class


def placeholders(statement: str, mark: str) -> str:
    """The statement with the driver's own mark in place of each `?` outside quotes and comments."""
    return "".join(mark if text == "?" else text for text in pieces(statement))


def pieces(statement: str) -> Iterator[str]:
    """The statement in pieces: quoted texts and comments whole, every other character alone."""
    at, end = 0, len(statement)
    while at < end:
        start, char = at, statement[at]
        if char in "'\"":
            closing = statement.find(char, at + 1)
            at = end if closing < 0 else closing + 1
        elif statement.startswith("--", at):
            closing = statement.find("\n", at)
            at = end if closing < 0 else closing
        elif statement.startswith("/*", at):
            closing = statement.find("*/", at + 2)
            at = end if closing < 0 else closing + 2
        else:
            at += 1
        yield statement[start:at]


def few(rows: Sequence[Any], limits: Limits) -> Sequence[Any]:
    """The rows. Raises Overloaded where they are more than a query may give."""
    if len(rows) > limits.rows_per_query:
        raise Overloaded(
            f"a query gives more than {limits.rows_per_query} rows: ask for fewer", reason="rows-per-query"
        )
    return rows


def bound(value: Any) -> Any:
    """A value as the drivers take it; what is no scalar is bound as its text."""
    if value is None or isinstance(value, (str, int, float, bytes)):
        return (
            str(value)
            if type(value) not in (str, int, float, bool, bytes) and isinstance(value, str)
            else value
        )
    if isinstance(value, Decimal):
        return str(value)
    return value if hasattr(value, "isoformat") else str(value)


@contextlib.contextmanager
def refusals(kind: type[Exception], java_class: Callable[[Any], str]) -> Iterator[None]:
    """Raise StatementError for the driver's errors, `java_class` naming each as Spring does."""
    try:
        yield
    except kind as error:
        name = java_class(error)
        # What a driver says may repeat values.
        raise StatementError(name, f"the database refused the statement ({type(error).__name__})") from None
