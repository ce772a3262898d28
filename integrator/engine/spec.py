"""What every part of the engine says about itself: plain data for check, editors and reference pages.

A part (EIP, language, component, data format) is one module with a `SPEC` of this kind and a
`compile` function. Importing the specifications imports no schema, XSLT or JSON Schema library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a part. `type` is string, boolean, integer, number, list, object, steps or any."""

    name: str
    doc: str
    type: str = "string"
    default: Any = None
    example: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()


COMMON = (
    Option("id", "Name of the step, unique in the file.", example="ask-bced"),
    Option("description", "What the step is for.", example="Ask the national register"),
    Option("note", "A remark for the next reader."),
    Option("disabled", "Leaves the step out.", type="boolean", default=False),
)
"""Options that every step has."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A part of the route language.

    `since` is the Camel version that brought it; `text` names the option a bare text stands for;
    `expression` says that the part takes an expression in any language; `open` that it takes any option.
    """

    kind: str  # eip | language | component | dataformat
    name: str
    doc: str
    since: str
    example: str
    options: tuple[Option, ...] = ()
    text: str | None = None
    expression: bool = False
    open: bool = False
    known: Mapping[str, Option] = field(init=False, repr=False, compare=False)
    """Every option by name, those of all steps included."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {option.name: option for option in (*self.options, *COMMON)})

    def option(self, name: str) -> Option | None:
        """The option of that name, if the part has it."""
        return next((option for option in self.options if option.name == name), None)


RESULT_TYPE = Option("resultType", "Java type the result is converted to.", example="java.lang.String")
TRIM = Option("trim", "Removes blanks around the expression.", type="boolean", default=True)
SOURCE = Option(
    "source",
    "What is read instead of the body: `header:x`, `property:x` or `variable:x`.",
    example="header:json",
)
EXPRESSION = Option("expression", "The expression itself.", required=True)
ID = Option("id", "Name of the expression.")
