"""The documented format is the one the code writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from integrator.exchange import Context, ErrorInfo, Leg, Subject
from integrator.journal import details, fields
from integrator.journal.leaf import FINALS, LEGS_MAX, RECEIVED
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.security.limits import Limits
from integrator.store.units import RecordRow
from tests.journal.conftest import NISS, NOW

EXCHANGE = "01933b2e-7c1a-7d3e-8a4b-0123456789ab"
DOCUMENT = Path(__file__).parents[2] / "docs" / "journal.md"


def paths(document: dict[str, Any], nested: tuple[str, ...] = ("consumer", "error", "legs")) -> set[str]:
    found = set(document)
    for name in nested:
        value = document.get(name)
        if isinstance(value, dict):
            found |= {f"{name}.{key}" for key in value}
        elif isinstance(value, list):
            found |= {f"{name}[].{key}" for item in value for key in item}
    return found


@pytest.fixture
def fullest(journal: Journal, keyring: Keyring, make_context: Callable[..., Context]) -> list[RecordRow]:
    """Records in which together every field occurs."""
    small = Journal(keyring, "bus.example/journal", limits=Limits(subjects_per_exchange=1))
    many = (Subject("niss", NISS), Subject("bce", "0316381138"))
    leg = Leg("a", "o", "read", 1, 2, "PROCESSED", "not a code", "t", 3, 4)
    first = make_context(
        outcome="duplicate", duplicate_of=EXCHANGE, attempts=1, fields=("g",) * 65,
        error=ErrorInfo("internal", "x", "bus"), legs=[leg] * (LEGS_MAX + 1), subjects_request=many,
        aggregates=(EXCHANGE,) * 64, aggregates_total=70, aggregated_into=(EXCHANGE,) * 64,
        aggregated_into_total=70, subjects_response=many, response_bytes=1, response_digest=bytes(32), replied_us=NOW,
    )  # fmt: skip
    later = make_context(previous=bytes(32))
    return [
        small.record("completed", first, now_us=NOW, final=True),
        small.record("failed", later, now_us=NOW, final=True),
        small.act(
            "noise",
            "bus",
            {"count": 1, "other": 1},
            now_us=NOW,
            secrets={"why": "because"},
            tagged=[(1, NISS)],
        ),
    ]


def test_every_field_of_a_leaf_is_documented_and_every_documented_one_is_written(
    fullest: list[RecordRow],
) -> None:
    written = set().union(*(paths(orjson.loads(row.leaf)) for row in fullest))
    assert written == set(fields.LEAF)


def test_every_field_of_the_details_too(fullest: list[RecordRow], keyring: Keyring) -> None:
    written: set[str] = set()
    for row in fullest:
        opened = details.unseal(keyring.get("details-1"), row.record_id, row.details or b"")
        written |= paths(opened.document)
    assert written == set(fields.DETAILS)


@pytest.mark.parametrize(("name", "table"), list(fields.tables()))
def test_the_document_shows_the_tables_of_the_code(name: str, table: str) -> None:
    shown = re.search(
        rf"<!-- {name}: generated -->\n(.*?)\n<!-- end -->", DOCUMENT.read_text("utf-8"), re.DOTALL
    )
    assert shown is not None
    assert shown[1] == table, "generate it anew: python -m integrator.journal.fields docs/journal.md"


def test_the_document_names_every_record_type() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert all(f"`{type_}`" in document for type_ in (RECEIVED, *FINALS))


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "journal.md"
    copy.write_text(DOCUMENT.read_text("utf-8").replace("| `legs_total` |", "| `old` |"), "utf-8")
    fields.generate(copy)
    assert copy.read_text("utf-8") == DOCUMENT.read_text("utf-8")
