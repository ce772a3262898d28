"""The two ways a jq program goes wrong. Texts name types, paths and operations, never data."""

from __future__ import annotations

from typing import Any


class JqSyntaxError(Exception):
    """The program does not compile: `position` is where, 0-based."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message, self.position = message, position


class JqUnsupportedError(Exception):
    """The program uses what the closures have not; `name` says what."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class JqError(Exception):
    """The program fails on its input. `value` is what `error(x)` was given, as `catch` sees it."""

    def __init__(self, message: str, value: Any = None, *, thrown: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.value = value if thrown else message
        self.thrown = thrown


class JqInputError(JqError):
    """A function got a value of a type it does not take."""
