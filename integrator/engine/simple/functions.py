"""The functions of simple by name: `${name(arguments)}` and `${date:…}`.

`SINCE` says which Camel brought each: an export for an older runtime has to refuse those that are newer.
"""

from __future__ import annotations

import re

from integrator.engine.compiler import Expression, Source
from integrator.engine.problems import ExpressionError, nearest
from integrator.engine.simple import data, dates, files, nested, numbers, table, texts
from integrator.engine.simple.calls import Arguments, Builder, long_of, with_body
from integrator.engine.simple.parser import arguments, call

FUNCTIONS: dict[str, Builder] = {
    **texts.FUNCTIONS,
    **numbers.FUNCTIONS,
    **data.FUNCTIONS,
    **nested.FUNCTIONS,
}
BARE: dict[str, Builder] = {"uuid": data.uuid, "prettyBody": texts.pretty_body}
SINCE: dict[str, str] = {function.name: function.since for function in table.FUNCTIONS}
_CONVERTED = re.compile(r"convertTo\((?P<inside>[^()]*(?:\$\{[^}]*\}[^()]*)*)\)(?P<path>[.?\[].+)", re.DOTALL)
_NOT_YET = frozenset({"messageHistory", "attachmentContent"})
_GUESSED = {"contextId": "camelId", "ternary": "iif", "toJson": "pretty", "loadResource": "load", "and": "&&"}


def compile_function(content: str, source: Source) -> Expression | None:
    """The closure of a function call; None where the name is unknown. Raises ExpressionError."""
    if content.startswith(("date:", "date-with-timezone:")):
        return dates.compile_date(content, source)
    if content.startswith("file:"):
        return files.compile_file(content.removeprefix("file:"))
    if content in BARE:
        return BARE[content](Arguments(content, [], source))
    if (path := _CONVERTED.fullmatch(content)) is not None:
        inside = path["inside"]
        return data.converted(Arguments("convertTo", arguments(inside), source, inside), path["path"])
    found = call(content)
    if found is None:
        return None
    name, inside = found
    builder = FUNCTIONS.get(name)
    if builder is None:
        return None
    texts_ = arguments(inside) if inside.strip() else []
    return builder(Arguments(name, texts_, source, inside))


def unknown(content: str) -> ExpressionError:
    """The error for a function that Camel or the embedded engine does not know."""
    name = content.partition("(")[0].partition(":")[0].partition(".")[0]
    if name in _NOT_YET:
        return ExpressionError(
            f"the function {name} is not yet in the embedded engine", "Use jq for it.", "not-yet"
        )
    known = [
        *FUNCTIONS,
        "body",
        "header",
        "exchangeProperty",
        "variable",
        "date",
        "exception",
        "uuid",
        "camelId",
    ]
    guess = _GUESSED.get(name) or nearest(name, known)
    bare = name in FUNCTIONS
    remedy = (
        f"Write {name}(…)." if bare else f"Did you mean {guess}?" if guess else "See the list of functions."
    )
    return ExpressionError(f"unknown function {name or '(empty)'}", remedy)


__all__ = ["BARE", "FUNCTIONS", "SINCE", "compile_function", "long_of", "unknown", "with_body"]
