from __future__ import annotations

from typing import Any

import pytest

from integrator.journal import text

RECORD: dict[str, Any] = {
    "index": 7, "time": "2026-09-21T14:13:20.000Z", "type": "completed", "flow": "person-consult",
    "party": "municipal/namur", "outcome": "with-data", "exchange": "e", "record": "r", "leaf_hash": "ab",
}  # fmt: skip
FOUND: dict[str, Any] = {
    "exchange": "e", "time": "t", "flow": "f", "party": "municipal/namur", "organisation": "0207362739",
    "on_behalf_of": "0316381138", "agent": {"manager": "RN/RBis", "identifier": "1"}, "application": None,
    "purpose": "permit", "dossier": {"source": "imio", "id": "PE/1"}, "legal_basis": "law",
    "authorisation": "protocol", "fields": ["identity"], "state": "completed", "outcome": "with-data",
    "found_in": ["request", "answer"], "records": [], "problems": ["details deleted"],
}  # fmt: skip


def test_a_line_a_record() -> None:
    (line,) = text.records([RECORD])
    assert line.split() == [
        "7", "2026-09-21T14:13:20.000Z", "e", "completed", "(with-data)", "person-consult", "municipal/namur",
    ]  # fmt: skip
    (line,) = text.records([{**RECORD, "index": None, "flow": None, "party": None, "outcome": None}])
    assert line.split() == ["-", "2026-09-21T14:13:20.000Z", "e", "completed", "-", "-"]


def test_nothing_found_is_said() -> None:
    assert list(text.records([])) == ["no records"]
    assert list(text.exchange([])) == ["no such exchange or record"]
    assert list(text.found([])) == ["no exchanges"]


def test_an_exchange_with_leaf_and_details() -> None:
    row = {**RECORD, "leaf": {"v": 1}, "details": {"agent": "é"}, "problem": None}
    lines = list(text.exchange([row, {**row, "index": None, "details": None, "problem": "details deleted"}]))
    assert lines[1:3] == ["  leaf", '    "v": 1']
    assert '    "agent": "é"' in lines
    assert lines[-1] == "  ! details deleted"
    assert "not sealed yet" in "\n".join(lines)


def test_who_when_why_under_which_authority() -> None:
    assert list(text.found([FOUND])) == [
        "t  f  e",
        "  who        municipal/namur, 0207362739, RN/RBis:1",
        "  for        0316381138",
        "  why        permit, imio:PE/1",
        "  authority  protocol, law",
        "  how        completed, with-data, identity",
        "  subject in request and answer",
        "  ! details deleted",
    ]


def test_what_is_absent_is_a_dash() -> None:
    bare: dict[str, Any] = {
        **dict.fromkeys(FOUND),
        "fields": [],
        "found_in": [],
        "problems": [],
        "time": "t",
        "exchange": "e",
        "state": "open",
    }
    assert list(text.found([bare]))[1:] == [
        "  who        -",
        "  why        -",
        "  authority  -",
        "  how        open",
    ]


@pytest.mark.parametrize("bad", ["\x1b[2J", "a\nb", "\u202eabc", "\x9b31m", "\u2066"])
def test_what_consumers_typed_cannot_steer_the_terminal(bad: str) -> None:
    rows = [{**FOUND, "dossier": {"source": bad, "id": bad}, "agent": {"manager": bad, "identifier": bad}}]
    shown = [
        *text.found(rows),
        *text.exchange([{**RECORD, "leaf": {}, "details": {"dossier": bad}, "problem": None}]),
    ]
    assert not [line for line in shown if bad in line or "\x1b" in line or "\n" in line]


def test_a_report() -> None:
    report: dict[str, Any] = {
        "size": 2, "unsealed": 1, "exchanges_ended": 1, "exchanges_open": 0, "details_checked": 3,
        "details_deleted": 0, "running_hash": "ab", "problems": [], "problems_total": 0, "sound": True,
    }  # fmt: skip
    assert list(text.report(report))[-1] == "the journal is sound"
    problem = {"index": None, "record_id": None, "rule": "gap", "message": "the log has no entry 3"}
    lines = list(text.report({**report, "sound": False, "problems": [problem], "problems_total": 1}))
    assert lines[-2:] == ["1 problems", "  -  log  gap: the log has no entry 3"]
