"""The page of simple tells every function the engine's table has."""

from __future__ import annotations

from integrator.authoring.simple_page import PATH, simple_page
from integrator.engine.simple import table


def test_every_function_operator_and_refusal_is_told() -> None:
    page = simple_page()[PATH]
    for one in table.FUNCTIONS:
        assert one.doc.replace("|", "\\|") in page
    assert all(reason in page for reason in table.ELSEWHERE.values())
    assert page.count("\n| `") > 150
    assert all(
        len([cell for cell in line.replace("\\|", "").split("|")]) in (4, 6)
        for line in page.split("\n")
        if line.startswith("| ")
    )
