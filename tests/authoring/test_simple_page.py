"""The page of simple tells every function the engine's table has."""

from __future__ import annotations

from integrator.authoring.simple_page import PATH, simple_page
from integrator.engine.simple import table


def test_every_function_operator_and_refusal_is_told() -> None:
    page = simple_page()[PATH]
    for one in table.FUNCTIONS:
        assert one.doc.replace("|", "\\|") in page
    assert all(reason in page for reason in table.ELSEWHERE.values())
    assert page.count("\n| `") > 100
    rows = [line.replace("\\|", "") for line in page.split("\n") if line.startswith("| ")]
    assert {row.count("|") for row in rows} <= {3, 5}
