"""The citizen's report, recipients and breach sets, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from integrator.exchange import Context, InvalidRequest, NoData, Refused, Subject
from integrator.journal.viewers import OPERATOR, Viewer
from integrator.journal.writer import Journal
from integrator.store.api import Store
from tests.journal.conftest import AGENT_NISS, NISS
from tests.journal.inspecting import AGENT, AUDIT, BCED, NAMUR, OTHER, SECOND, SOURCE, TOKEN, WHY, World


@pytest.fixture
async def world(real: Store, journal: Journal, make_context: Callable[..., Context]) -> World:
    return World(real, journal, make_context)


def today(world: World) -> str:
    return datetime.fromtimestamp(world.now_us / 1e6, UTC).date().isoformat()


# --- the report ----------------------------------------------------------------------------------


async def test_it_says_who_when_why_and_under_which_authority(world: World) -> None:
    exchange = await world.add(answered=(Subject("niss", NISS), Subject("niss", OTHER)))
    report = await world.desk.reports.report(AUDIT, WHY, {"subject": NISS})
    (entry,) = report["entries"]
    assert report["complete"] is True
    assert entry["organisation_title"] == {"fr": "Ville de Namur"}
    assert entry["purpose_title"]["en"] == "Permit"
    assert entry["legal_basis"].startswith("Décret")
    assert entry["authorisation"] == "protocol SPW-2026-014"
    assert entry["fields"] == ["identity", "address"]
    assert entry["outcome"] == "with-data"
    assert entry["named_in"] == ["request", "answer"]
    assert entry["exchange"] == exchange
    assert entry["agent"] is True
    for secret in (AGENT_NISS, OTHER, "PE/2026/118", "itg-0001"):
        assert secret not in str(report)


async def test_late_disclosure_leaves_out_and_counts_nowhere(world: World) -> None:
    await world.add(purpose="inquiry")
    shown = await world.add()
    report = await world.desk.reports.report(AUDIT, WHY, {"subject": NISS})
    assert [entry["exchange"] for entry in report["entries"]] == [shown]
    assert (await world.readings())[0]["found"] == 1
    world.now_us += 200 * 86_400_000_000
    later = await world.desk.reports.report(AUDIT, WHY, {"subject": NISS})
    assert len(later["entries"]) == 2


async def test_a_refused_attempt_gave_no_data(world: World) -> None:
    await world.add(state="failed", outcome=None, answered=())
    (entry,) = (await world.desk.reports.report(AUDIT, WHY, {"subject": NISS}))["entries"]
    assert (entry["state"], entry["fields"]) == ("failed", [])


async def test_a_report_by_a_linked_number_has_both(world: World) -> None:
    await world.add()
    await world.add(subjects_request=(Subject("niss", OTHER),), answered=())
    await world.desk.links.add(TOKEN.actor, WHY, OTHER, NISS)
    report = await world.desk.reports.report(AUDIT, WHY, {"subject": OTHER})
    assert [entry["named_in"] for entry in report["entries"]] == [["request"], ["request", "answer"]]


async def test_who_may_make_one(world: World) -> None:
    ours = await world.add()
    await world.add(party="municipal/liege", adapter="federal/rn-tax", flow="tax-consult")
    found = await world.desk.reports.report(NAMUR, WHY, {"subject": NISS})
    assert [entry["exchange"] for entry in found["entries"]] == [ours]
    for viewer in (SOURCE, Viewer("none", None, "key:x", "x y")):
        with pytest.raises(Refused):
            await world.desk.reports.report(viewer, WHY, {"subject": NISS})
    with pytest.raises(InvalidRequest, match="subject"):
        await world.desk.reports.report(AUDIT, WHY, {})
    assert [row["refused"] for row in await world.readings()][:3] == [
        "subject-missing", "role-not-allowed", "role-not-allowed",
    ]  # fmt: skip


# --- recipients ----------------------------------------------------------------------------------


async def test_recipients_are_those_who_received_data(world: World) -> None:
    await world.add()
    await world.add()
    await world.add(
        party="municipal/liege", organisation="0207343933", state="completed", outcome="no-data", answered=()
    )
    await world.add(kind="event", state="delivered", outcome=None, access="write", adapter="federal/rn-tax",
                    flow="tax-consult", answered=())  # fmt: skip
    rows = await world.desk.reports.recipients(AUDIT, WHY, {"subject": NISS})
    assert [(row["party"], row["flow"], row["times"]) for row in rows] == [
        ("federal/rn", "tax-consult", 1),
        ("municipal/namur", "person-consult", 2),
    ]
    assert rows[1]["contact"] == "it@namur.example"
    assert rows[1]["since"] <= rows[1]["last"]
    with pytest.raises(Refused):
        await world.desk.reports.recipients(SOURCE, WHY, {"subject": NISS})


# --- breach sets ---------------------------------------------------------------------------------


async def asked(world: World, viewer: Viewer = AUDIT, **given: Any) -> str:
    wanted = {"from": today(world), "until": today(world), **given}
    breach: str = (await world.desk.breaches.ask(viewer, WHY, wanted))["breach"]
    return breach


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({"party": "municipal/namur"}, [NISS, OTHER]),
        ({"agent": AGENT}, [NISS, OTHER]),
        ({"flow": "tax-consult"}, []),
        ({"key": "itg-0002"}, [OTHER]),
        ({"key": "itg-0001", "party": "municipal/namur"}, [NISS]),
    ],
)
async def test_a_set_has_each_subject_once(world: World, given: dict[str, Any], numbers: list[str]) -> None:
    await world.add()
    await world.add()
    await world.add(key_id="itg-0002", subjects_request=(), answered=(Subject("niss", OTHER),))
    breach = await asked(world, **given)
    await world.desk.breaches.release(SECOND, WHY, breach)
    found = await world.desk.breaches.subjects(AUDIT, WHY, breach)
    assert [row["subject"] for row in found["subjects"]] == numbers
    assert (await world.readings())[0]["criterion"] == "breach"


async def test_two_people_with_two_keys(world: World) -> None:
    await world.add()
    breach = await asked(world, party="municipal/namur")
    with pytest.raises(Refused, match="not released"):
        await world.desk.breaches.subjects(AUDIT, WHY, breach)
    same_key = Viewer(AUDIT.role, None, AUDIT.credential, "Somebody Else")
    same_name = Viewer(OPERATOR, None, "operator", "  a. PEETERS")
    for viewer in (AUDIT, same_key, same_name):
        with pytest.raises(Refused) as caught:
            await world.desk.breaches.release(viewer, WHY, breach)
        assert caught.value.reason == "four-eyes"
    for viewer in (NAMUR, SOURCE):
        with pytest.raises(Refused):
            await world.desk.breaches.release(viewer, WHY, breach)
    done = await world.desk.breaches.release(SECOND, WHY, breach)
    assert done["released_by"] == SECOND.who
    with pytest.raises(InvalidRequest, match="already"):
        await world.desk.breaches.release(SECOND, WHY, breach)
    with pytest.raises(NoData):
        await world.desk.breaches.release(SECOND, WHY, "01933b2e-7c1a-7d3e-8a4b-0123456789ab")
    types = [
        row[0]
        for row in await world.store.rows(
            "SELECT type FROM record WHERE type IN ('breach-asked', 'breach-released') ORDER BY record_id"
        )
    ]
    assert types == ["breach-asked", "breach-released"]
    (sealed,) = (await world.store.rows("SELECT sealed FROM breach_request"))[0]
    assert b"Peeters" not in bytes(sealed)


async def test_an_officer_asks_about_the_own_party(world: World) -> None:
    await world.add()
    with pytest.raises(Refused, match="own party"):
        await asked(world, NAMUR, party="municipal/liege")
    breach = await asked(world, NAMUR)
    await world.desk.breaches.release(SECOND, WHY, breach)
    assert len((await world.desk.breaches.subjects(NAMUR, WHY, breach))["subjects"]) == 1
    assert [row["breach"] for row in await world.desk.breaches.list(NAMUR)] == [breach]
    assert await world.desk.breaches.list(BCED) == []
    with pytest.raises(Refused):
        await world.desk.breaches.subjects(BCED, WHY, breach)
    with pytest.raises(Refused):
        await world.desk.breaches.list(SOURCE)


@pytest.mark.parametrize(
    "given", [{}, {"party": "x", "until": None}, {"party": "x", "from": None}, {"subject": NISS}]
)
async def test_a_set_is_bounded(world: World, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        await asked(world, **given)
    assert await world.desk.breaches.list(AUDIT) == []


# --- keys ----------------------------------------------------------------------------------------


async def test_links_and_sets_move_to_new_keys(world: World) -> None:
    from integrator.journal import inspected
    from integrator.security.keyring import Key, Keyring
    from integrator.store.inspection import InspectionStore

    await world.desk.links.add(TOKEN.actor, WHY, NISS, OTHER)
    await asked(world, party="municipal/namur")
    newer = [Key("details-9", "details", bytes([9] * 32)), Key("index-9", "index", bytes([8] * 32))]
    keyring = Keyring([*world.journal.keyring, *newer])
    assert keyring.current("index").id == "index-9"
    changes = await inspected.renewed(InspectionStore(world.store), keyring)
    await world.store.together(changes)
    assert await inspected.renewed(InspectionStore(world.store), keyring) == []
    moved = World(world.store, Journal(keyring, "bus.example/journal"), world.make)
    assert len(await moved.desk.links.of((1, NISS))) == 1
    assert len(await moved.desk.breaches.list(AUDIT)) == 1
