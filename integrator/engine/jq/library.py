"""Programs beyond the closures, on libjq (PyPI `jq`): only functions that end and that see the input alone.

Left out on purpose: what reads the environment or more input, what prints, and what may never end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import jq

from integrator.engine.javatypes import compact
from integrator.engine.jq.errors import JqError

ALLOWED = frozenset(
    [
        "path",
        "paths",
        "leaf_paths",
        "del",
        "delpaths",
        "setpath",
        "to_number",
        "tojson",
        "fromjson",
        "sub",
        "gsub",
        "scan",
        "match",
        "capture",
        "splits",
        "ascii",
        "indices",
        "rindex",
        "index",
        "todate",
        "fromdate",
        "date",
        "dateadd",
        "datesub",
        "gmtime",
        "mktime",
        "strftime",
        "strptime",
        "fromdateiso8601",
        "todateiso8601",
        "combinations",
        "input_line_number",
        "isnan",
        "isinfinite",
        "isnormal",
        "infinite",
        "nan",
        "log",
        "log2",
        "log10",
        "exp",
        "exp2",
        "pow",
        "floor",
        "sqrt",
        "ltrimstr",
        "rtrimstr",
        "tojson",
        "getpath",
        "pick",
        "have_literal_numbers",
        "limit",
        "first",
        "last",
        "nth",
        "until_never",
        "map",
        "select",
        "map_values",
        "with_entries",
        "to_entries",
        "from_entries",
        "keys",
        "values",
        "length",
        "has",
        "in",
        "inside",
        "contains",
        "startswith",
        "endswith",
        "split",
        "join",
        "add",
        "any",
        "all",
        "min",
        "max",
        "min_by",
        "max_by",
        "sort",
        "sort_by",
        "group_by",
        "unique",
        "unique_by",
        "reverse",
        "flatten",
        "tostring",
        "tonumber",
        "type",
        "not",
        "empty",
        "error",
        "test",
        "ascii_downcase",
        "ascii_upcase",
        "explode",
        "implode",
        "now",
        "objects",
        "arrays",
        "strings",
        "numbers",
        "booleans",
        "nulls",
        "iterables",
        "scalars",
        "walk",
        "transpose",
        "trim",
        "ltrim",
        "rtrim",
        "abs",
        "round",
        "ceil",
        "fabs",
        "recurse_down",
        "splits",
        "getpath",
        "todate",
        "keys_unsorted",
    ]
) - {"input_line_number", "until_never", "recurse_down", "have_literal_numbers"}
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD = re.compile(r"(?<![.\w$@])[A-Za-z_]\w*")
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
_REFUSED = re.compile(
    r"\$ENV|\$__|\b(env|input|inputs|debug|stderr|import|include|def|label|halt\w*|recurse|repeat|while|until|range|getpath/|input_filename|get_search_list|ltrimstr/)\b"
)


def refused_names(text: str) -> list[str]:
    """The names in a program that libjq must not run here, in its strings' interpolations, too."""
    found = set(_REFUSED.findall(text)) | ({"$ENV"} if "$ENV" in text or "$__" in text else set())
    # Interpolations hide code in strings: such strings are read as code, others are left out.
    code = _STRING.sub(lambda match: match[0] if "\\(" in match[0] else '""', text)
    objects_keys = set(re.findall(r"([A-Za-z_]\w*)\s*:", code))
    words = set(_WORD.findall(re.sub(r'"[^"\\]*"', '""', code)))
    return sorted((found - {""}) | (words - ALLOWED - _KEYWORDS - objects_keys))


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
