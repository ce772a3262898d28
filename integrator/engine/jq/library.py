"""Programs beyond the closures, on libjq (PyPI `jq`): only functions that end and that see the input alone.

Left out on purpose: what reads the environment or more input, what prints, and what may never end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jq

from integrator.engine.javatypes import compact
from integrator.engine.jq.errors import JqError
from integrator.engine.jq.lexer import Token, tokens

ALLOWED = frozenset([
    "abs", "add", "all", "any", "arrays", "ascii", "ascii_downcase", "ascii_upcase", "booleans",
    "capture", "ceil", "combinations", "contains", "date", "dateadd", "datesub", "del", "delpaths",
    "empty", "endswith", "error", "exp", "exp2", "explode", "fabs", "first", "flatten", "floor",
    "from_entries", "fromdate", "fromdateiso8601", "fromjson", "getpath", "gmtime", "group_by",
    "gsub", "has", "implode", "in", "index", "indices", "infinite", "inside", "isinfinite", "isnan",
    "isnormal", "iterables", "join", "keys", "keys_unsorted", "last", "leaf_paths", "length",
    "limit", "log", "log10", "log2", "ltrim", "ltrimstr", "map", "map_values", "match", "max",
    "max_by", "min", "min_by", "mktime", "nan", "not", "now", "nth", "nulls", "numbers", "objects",
    "path", "paths", "pick", "pow", "reverse", "rindex", "round", "rtrim", "rtrimstr", "scalars",
    "scan", "select", "setpath", "sort", "sort_by", "split", "splits", "sqrt", "startswith",
    "strftime", "strings", "strptime", "sub", "test", "to_entries", "toarray", "todate",
    "todateiso8601", "tojson", "tonumber", "tostring", "transpose", "trim", "type", "unique",
    "unique_by", "values", "walk", "with_entries",
])  # fmt: skip
"""Functions that end, and that see their input alone."""

_KEYWORDS = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "end",
        "as",
        "reduce",
        "foreach",
        "try",
        "catch",
        "and",
        "or",
        "true",
        "false",
        "null",
    ]
)


def refused_names(text: str) -> list[str]:
    """The names in a program that libjq must not run here. Raises JqSyntaxError."""
    return sorted(set(_names(tokens(text))))


def _names(listed: list[Token]) -> Iterator[str]:
    brackets: list[str] = []
    for index, token in enumerate(listed):
        if token.kind == "string":  # its interpolations are code, too
            for part in token.value:
                if isinstance(part, list):
                    yield from _names(part)
        elif token.kind == "op" and token.value in ("{", "(", "["):
            brackets.append(token.value)
        elif token.kind == "op" and token.value in ("}", ")", "]"):
            if brackets:
                brackets.pop()
        elif token.kind == "variable":
            if token.value == "$ENV" or token.value.startswith("$__"):
                yield token.value
        elif token.kind == "name" and token.value not in ALLOWED | _KEYWORDS:
            key = brackets and brackets[-1] == "{" and listed[index - 1].value in ("{", ",")
            if not key:
                yield token.value


def compile_program(text: str) -> Callable[[Any], list[Any]]:
    """Compile on libjq. Raises ValueError with libjq's message where the program is wrong."""
    program = jq.compile(text)

    def run(value: Any) -> list[Any]:
        try:
            found = program.input_text(compact(value)).text()
        except ValueError as error:
            raise JqError(_without_values(str(error))) from None
        return [json.loads(line) for line in found.split("\n") if line]

    return run


def _without_values(message: str) -> str:
    # libjq repeats data in brackets and quotes: I5 keeps the words only.
    return re.sub(r"\([^)]*\)|\"[^\"]*\"", "…", message.partition("\n")[0])[:200]
