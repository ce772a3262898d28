"""Searches on both databases: every criterion and combination, pages, roles, and that each is recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from integrator.exchange import Context, InvalidRequest, NoData, Refused, Subject
from integrator.journal.inspection import LIMIT_MAX
from integrator.journal.writer import Journal
from integrator.store.api import Store
from tests.journal.conftest import AGENT_NISS, NISS
from tests.journal.inspecting import (
    AGENT,
    AUDIT,
    BCED,
    LIEGE,
    NAMUR,
    OTHER,
    SOURCE,
    TOKEN,
    WHY,
    World,
)


@pytest.fixture
async def world(real: Store, journal: Journal, make_context: Callable[..., Context]) -> World:
    return World(real, journal, make_context)


@pytest.fixture
async def four(world: World) -> World:
    """Namur by its ticket; Liège; one refused; one whose subject occurs only in the answer."""
    await world.add(consumer_ticket="ours-1", ticket="theirs-1")
    await world.add(
        party="municipal/liege", organisation="0207343933", ticket="theirs-2", consumer_ticket="l-1"
    )
    await world.add(
        state="failed", outcome=None, purpose="inquiry", flow="tax-consult", adapter="federal/rn-tax",
        subjects_request=(Subject("niss", OTHER),), answered=(), agent=None, dossier=None, inscription=None,
        consumer_ticket="t-1", ticket="theirs-3",
    )  # fmt: skip
    await world.add(
        subjects_request=(), answered=(Subject("niss", OTHER),), consumer_ticket="o-1", ticket="theirs-4"
    )
    return world


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({"subject": NISS}, [1, 0]),
        ({"subject": "66.09.14-952.77"}, [3, 2]),
        ({"party": "municipal/liege"}, [1]),
        ({"flow": "tax-consult"}, [2]),
        ({"purpose": "environmental-permit"}, [3, 1, 0]),
        ({"purpose": "inquiry"}, [2]),
        ({"dossier": "imio-urban:PE/2026/118"}, [3, 1, 0]),
        ({"agent": AGENT}, [3, 1, 0]),
        ({"inscription": "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a22"}, [3, 1, 0]),
        ({"outcome": "failed"}, [2]),
        ({"outcome": "with-data"}, [3, 1, 0]),
        ({"outcome": "completed"}, [3, 1, 0]),
        ({"outcome": "open"}, []),
        ({"ticket": "ours-1"}, [0]),
        ({"ticket": "theirs-2"}, [1]),
        ({"subject": NISS, "party": "municipal/namur"}, [0]),
        ({"subject": OTHER, "outcome": "failed"}, [2]),
        ({"agent": AGENT, "subject": OTHER}, [3]),
        ({"agent": AGENT, "dossier": "imio-urban:PE/2026/118", "purpose": "inquiry"}, []),
        ({"flow": "person-consult", "party": "municipal/liege", "outcome": "with-data"}, [1]),
        ({"flow": "person-consult", "subject": OTHER}, [3]),
        ({"subject": "0316381138"}, []),
        ({"party": "nobody"}, []),
    ],
)
async def test_every_criterion_and_combination(
    four: World, given: dict[str, Any], numbers: list[int]
) -> None:
    assert await four.found(**given) == [four.exchanges[number] for number in numbers]


async def test_an_exchange_is_found_by_its_id_and_by_a_records(four: World) -> None:
    exchange = four.exchanges[1]
    assert await four.found(exchange=exchange) == [exchange]
    record = (await four.desk.inspector.show(AUDIT, WHY, exchange))["records"][1]["record"]
    assert await four.found(exchange=record) == [exchange]
    assert await four.found(exchange=exchange, party="municipal/namur") == []


async def test_what_has_not_ended_is_open(world: World) -> None:
    await world.add()
    running = await world.add(ended=False)
    assert await world.found(outcome="open") == [running]
    assert await world.found(subject=NISS, outcome="open") == [running]


async def test_times_bound_when_an_exchange_began(world: World) -> None:
    await world.add()
    now = datetime.fromtimestamp(world.now_us / 1e6, UTC)
    later = datetime.fromtimestamp((world.now_us + 1_000_000) / 1e6, UTC).isoformat()
    today = now.date().isoformat()
    for given in ({}, {"subject": NISS}, {"flow": "person-consult"}, {"outcome": "with-data"}):
        assert await world.found(from_=today, until=today, **given) == world.exchanges
        assert await world.found(from_=later, **given) == []
        assert await world.found(until=now.isoformat(), **given) == []
    assert await world.found(until="2001-01-01") == []


async def test_pages_meet_everything_once_in_order(world: World) -> None:
    for number in range(7):
        await world.add(party=("municipal/namur", "municipal/liege")[number % 2])
    expected = list(reversed(world.exchanges))
    for given in (
        {"subject": NISS},
        {"flow": "person-consult"},
        {"purpose": "environmental-permit"},
        {"from": "2020-01-01"},
    ):
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(10):
            page = await world.desk.inspector.search(AUDIT, WHY, given, limit=2, cursor=cursor)
            seen += [row["exchange"] for row in page.rows]
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == expected


async def test_a_cursor_is_of_its_search_and_role(world: World) -> None:
    for _ in range(3):
        await world.add()
    cursor = (await world.desk.inspector.search(AUDIT, WHY, {"subject": NISS}, limit=1)).cursor
    assert cursor is not None
    for viewer, given, text in (
        (AUDIT, {"subject": OTHER}, cursor),
        (NAMUR, {"subject": NISS}, cursor),
        (AUDIT, {"subject": NISS}, cursor[:-2] + "zz"),
        (AUDIT, {"subject": NISS}, "not a cursor"),
    ):
        with pytest.raises(InvalidRequest, match="begin again"):
            await world.desk.inspector.search(viewer, WHY, given, cursor=text)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"subject": "123"}, "subject-invalid"),
        ({"colour": "red"}, "criterion-kind"),
        ({"exchange": "zz-9"}, "id-invalid"),
        ({"outcome": "lovely"}, "outcome-unknown"),
        ({"from": "yesterday"}, "time-form"),
        ({"from": "1960-01-01"}, "time-form"),
        ({"from": "2026-02-30"}, "time-form"),
        ({"from": "2026-03-02", "until": "2026-03-01"}, "period-empty"),
        ({"dossier": "nocolonhere"}, "criterion-form"),
        ({"flow": "x" * 300}, "criterion-form"),
        ({"ticket": "a\0b"}, "criterion-form"),
    ],
)
async def test_what_is_wrong_is_said_and_recorded(world: World, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await world.found(**given)
    assert caught.value.reason == reason
    assert all(str(value) not in caught.value.message for value in given.values())
    (refusal,) = [row for row in await world.readings() if row["refused"]]
    assert refusal["refused"] == reason
    assert AUDIT.who in refusal["actor"]


@pytest.mark.parametrize("limit", [0, LIMIT_MAX + 1])
async def test_a_page_has_bounds(world: World, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="page"):
        await world.desk.inspector.search(AUDIT, WHY, {"subject": NISS}, limit=limit)


# --- recorded ------------------------------------------------------------------------------------


async def test_a_search_is_itself_found_and_so_is_a_refused_one(four: World) -> None:
    await four.found(subject=NISS)
    with pytest.raises(InvalidRequest):
        await four.desk.inspector.search(AUDIT, "test", {"subject": NISS})
    rows = await four.desk.inspector.readings(TOKEN, "who looked", {"subject": NISS})
    assert [(row["act"], row["criterion"], row["found"], row["refused"]) for row in rows] == [
        ("journal-read-refused", "subject", None, "why-short"),
        ("journal-read", "subject", 2, None),
    ]
    assert rows[1]["why"] == WHY
    assert rows[1]["actor"] == AUDIT.actor
    with pytest.raises(Refused):
        await four.desk.inspector.readings(NAMUR, WHY, {})


async def test_opening_is_recorded_with_what_was_opened(four: World) -> None:
    exchange = four.exchanges[0]
    shown = await four.desk.inspector.show(AUDIT, WHY, exchange)
    assert [record["type"] for record in shown["records"]] == ["received", "completed"]
    row = (await four.readings())[0]
    assert (row["criterion"], row["found"]) == ("exchange", 1)
    with pytest.raises(NoData):
        await four.desk.inspector.show(AUDIT, WHY, "01933b2e-7c1a-7d3e-8a4b-0123456789ab")


async def test_nothing_personal_stands_in_the_leaf_of_a_reading(four: World) -> None:
    await four.found(subject=NISS, agent=AGENT, dossier="imio-urban:PE/2026/118")
    leaves = await four.store.rows("SELECT leaf FROM record WHERE type = 'journal-read'")
    assert leaves
    for (leaf,) in leaves:
        for secret in (NISS, AGENT_NISS, "PE/2026", "Peeters", "complaint"):
            assert secret.encode() not in bytes(leaf)


# --- roles ---------------------------------------------------------------------------------------


async def test_an_officer_sees_the_own_half_only(four: World) -> None:
    ours, liege, tax, answered = four.exchanges
    assert await four.found(NAMUR, subject=NISS) == [ours]
    assert await four.found(LIEGE, subject=NISS) == [liege]
    assert await four.found(LIEGE, from_="2020-01-01") == [liege]
    assert await four.found(NAMUR, from_="2020-01-01") == [answered, tax, ours]
    assert await four.found(BCED, from_="2020-01-01") == [answered, liege, ours]
    assert await four.found(BCED, flow="tax-consult") == []
    for exchange in (liege,):
        with pytest.raises(NoData):
            await four.desk.inspector.show(NAMUR, WHY, exchange)


async def test_a_consumers_officer_is_not_shown_what_the_provider_said(four: World) -> None:
    shown = await four.desk.inspector.show(NAMUR, WHY, four.exchanges[0])
    details = [record["details"] for record in shown["records"]]
    assert details[0]["agent"]["identifier"] == AGENT_NISS
    assert "provider_tickets" not in details[1]
    assert "provider_tickets" in details[1]["redacted"]
    (leg,) = shown["records"][1]["leaf"]["legs"]
    assert set(leg) == {"adapter", "operation", "access"}
    assert "theirs-1" not in str(shown)
    assert await four.found(NAMUR, ticket="theirs-1") == []  # a hit would tell
    assert await four.found(NAMUR, ticket="ours-1") == [four.exchanges[0]]


async def test_a_providers_officer_is_not_shown_who_asked_behind_the_party(four: World) -> None:
    shown = await four.desk.inspector.show(BCED, WHY, four.exchanges[0])
    text = str(shown)
    for secret in (AGENT_NISS, "PE/2026/118", "ours-1", "itg-0001", "urban"):
        assert secret not in text.replace("'imio-urban'", "")
    assert "theirs-1" in text
    assert NISS in text  # it answered about this person
    assert await four.found(BCED, agent=AGENT) == []
    assert await four.found(BCED, dossier="imio-urban:PE/2026/118") == []
    assert await four.found(BCED, ticket="ours-1") == []
    assert await four.found(BCED, ticket="theirs-1") == [four.exchanges[0]]
    (row,) = (await four.desk.inspector.search(BCED, WHY, {"ticket": "theirs-1"})).rows
    assert (row["agent"], row["dossier"], row["application"]) == (None, None, None)


async def test_a_source_owner_sees_who_used_its_data_and_nobody_in_it(four: World) -> None:
    assert await four.found(SOURCE, from_="2020-01-01") == [four.exchanges[n] for n in (3, 1, 0)]
    text = str(await four.desk.inspector.show(SOURCE, WHY, four.exchanges[0]))
    for secret in (NISS, AGENT_NISS, "PE/2026/118", "ours-1", "itg-0001"):
        assert secret not in text
    assert "municipal/namur" in text
    assert "protocol SPW-2026-014" in text
    for hidden in ({"subject": NISS}, {"agent": AGENT}, {"dossier": "a:b"}, {"inscription": "x"}):
        with pytest.raises(Refused, match="may not search"):
            await four.found(SOURCE, **hidden)
    assert await four.found(SOURCE, ticket="ours-1") == []
    assert await four.found(SOURCE, ticket="theirs-1") == [four.exchanges[0]]
    assert await four.found(SOURCE, ticket="theirs-3") == []


async def test_on_behalf_of_is_a_half_too(world: World) -> None:
    exchange = await world.add(on_behalf_of="0207343933")
    assert await world.found(LIEGE, subject=NISS) == [exchange]


# --- linked numbers ------------------------------------------------------------------------------


async def test_a_search_by_either_number_finds_both(four: World) -> None:
    await four.desk.links.add(TOKEN.actor, "RN correction 2026/118", NISS, OTHER)
    assert await four.found(subject=NISS) == list(reversed(four.exchanges))
    assert await four.found(subject=OTHER) == list(reversed(four.exchanges))
    rows = await four.store.rows("SELECT mac_one, mac_other, sealed FROM subject_link")
    for value in itertools.chain(*rows):
        assert NISS.encode() not in bytes(value)
    readings = await four.desk.inspector.readings(TOKEN, "who looked", {"subject": OTHER})
    assert [row["act"] for row in readings][-1] == "numbers-linked"
    (link,) = await four.desk.links.list()
    assert set(link.numbers) == {NISS, OTHER}
    await four.desk.links.remove(TOKEN.actor, "a mistake in 2026/118", link.id)
    assert await four.found(subject=NISS) == [four.exchanges[1], four.exchanges[0]]


@pytest.mark.parametrize(("old", "new"), [(NISS, NISS), (NISS, "1"), ("0316381138", NISS)])
async def test_only_two_national_numbers_are_linked(world: World, old: str, new: str) -> None:
    with pytest.raises(InvalidRequest):
        await world.desk.links.add(TOKEN.actor, WHY, old, new)
    assert await world.desk.links.list() == []


async def test_links_are_made_once_and_removed_once(world: World) -> None:
    link = await world.desk.links.add(TOKEN.actor, WHY, NISS, OTHER)
    with pytest.raises(InvalidRequest, match="already"):
        await world.desk.links.add(TOKEN.actor, WHY, OTHER, NISS)
    await world.desk.links.remove(TOKEN.actor, WHY, link.id)
    with pytest.raises(NoData):
        await world.desk.links.remove(TOKEN.actor, WHY, link.id)


# --- what an index is for ------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # PostgreSQL reads small tables whole
async def test_rare_states_and_purposes_are_read_from_an_index(four: World) -> None:
    from integrator.store import inspection as sql

    for columns, index in (
        (sql.Columns(purpose="inquiry"), "record_purpose"),
        (sql.Columns(rare="failed"), "record_rare"),
        (sql.Columns(flow="tax-consult"), "record_flow"),
    ):
        values = [value for _, value in columns.named()]
        plan = await four.store.rows(
            "EXPLAIN QUERY PLAN " + sql.listed(columns), (b"", b"\xff" * 16, *values, 5)
        )
        assert index in str(plan)
