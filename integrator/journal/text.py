"""The journal's answers as text for a terminal: one line a record, a short block an exchange.

Details hold what consumers typed: characters that steer a terminal or turn text around are shown as
question marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Row = dict[str, Any]
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def records(rows: Sequence[Row]) -> Iterator[str]:
    """`journal list`: a line a record."""
    if not rows:
        yield "no records"
    for row in rows:
        index = "-" if row["index"] is None else str(row["index"])
        end = row["type"] + (f" ({row['outcome']})" if row["outcome"] else "")
        yield f"{index:>8}  {row['time']}  {row['exchange']}  {end}  {row['flow'] or '-'}  {row['party'] or '-'}"


def exchange(rows: Sequence[Row]) -> Iterator[str]:
    """`journal show`: leaf and details of each record."""
    if not rows:
        yield "no such exchange or record"
    for row in rows:
        index = "not sealed yet" if row["index"] is None else f"index {row['index']}"
        yield f"{row['time']}  {row['type']}  {index}  leaf hash {row['leaf_hash']}"
        yield from _block("leaf", row["leaf"])
        if row["details"] is not None:
            yield from _block("details", row["details"])
        if row["problem"]:
            yield f"  ! {row['problem']}"


def found(rows: Sequence[Row]) -> Iterator[str]:
    """`journal search`: who, when, why, under which authority."""
    if not rows:
        yield "no exchanges"
    for row in rows:
        agent, dossier = row["agent"], row["dossier"]
        yield f"{row['time']}  {row['flow'] or '-'}  {row['exchange']}"
        yield f"  who        {_joined(row['party'], row['organisation'], agent and _colon(agent, 'manager', 'identifier'))}"
        if row["on_behalf_of"]:
            yield f"  for        {row['on_behalf_of']}"
        case = _colon(dossier, "source", "id") if isinstance(dossier, dict) else dossier
        yield f"  why        {_joined(row['purpose'], case)}"
        yield f"  authority  {_joined(row['authorisation'], row['legal_basis'])}"
        yield f"  how        {_joined(row['state'], row['outcome'], *row['fields'])}"
        if row["found_in"]:
            yield f"  subject in {' and '.join(row['found_in'])}"
        for problem in row["problems"]:
            yield f"  ! {problem}"


def report(row: Row) -> Iterator[str]:
    """`journal check`: what was checked, then every problem."""
    yield (
        f"{row['size']} sealed records, {row['unsealed']} not sealed yet; "
        f"{row['exchanges_ended']} exchanges ended, {row['exchanges_open']} open"
    )
    yield f"details: {row['details_checked']} fit their commitment, {row['details_deleted']} deleted"
    yield f"running hash {row['running_hash']}"
    if row["sound"]:
        yield "the journal is sound"
        return
    yield f"{row['problems_total']} problems"
    for problem in row["problems"]:
        where = problem["record_id"] or "log"
        index = "-" if problem["index"] is None else problem["index"]
        yield f"  {index}  {where}  {problem['rule']}: {problem['message']}"


def _block(title: str, document: Row) -> Iterator[str]:
    yield f"  {title}"
    for line in json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).splitlines()[1:-1]:
        yield f"  {_plain(line)}"


def _joined(*parts: str | None) -> str:
    return ", ".join(_present(parts)) or "-"


def _present(parts: Iterable[str | None]) -> Iterator[str]:
    return (_plain(part) for part in parts if part)


def _plain(value: str) -> str:
    return _STEERING.sub("?", value)


def _colon(document: Row, left: str, right: str) -> str:
    return f"{document.get(left)}:{document.get(right)}"
