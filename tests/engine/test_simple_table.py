"""The table of simple's functions says what the engine has, and no more."""

from __future__ import annotations

import pytest

from integrator.engine.simple import functions, table
from tests.engine.helpers import route, rules

NAMES = {function.name for function in table.FUNCTIONS}


def test_every_function_stands_in_the_table() -> None:
    assert {*functions.FUNCTIONS, *functions.BARE} <= NAMES
    assert len(NAMES) == len(table.FUNCTIONS)
    assert not NAMES & set(table.ELSEWHERE)


@pytest.mark.parametrize("function", table.FUNCTIONS, ids=lambda function: function.name)
def test_every_example_compiles(function: table.Function) -> None:
    example = function.example.replace("'", "''")
    assert rules(route(f"setBody: {{simple: '{example}'}}")) in ([], ["placeholder"]), function.name
    assert function.doc.endswith((".", "…"))


@pytest.mark.parametrize("name", table.ELSEWHERE)
def test_what_is_refused_is_refused(name: str) -> None:
    for text in (f"${{{name}}}", f"${{{name}.x}}", f"${{{name}:x}}", f"${{{name}(x)}}"):
        assert rules(route(f"setBody: {{simple: '{text}'}}")), text


def test_methods_are_a_closed_list() -> None:
    found = table.methods()
    assert {"length", "substring", "toUpperCase"} <= set(found["text"])
    assert {"get", "size", "contains"} <= set(found["list"])
    assert all(found.values())
