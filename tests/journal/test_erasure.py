"""Erasing a subject: what goes, what stays provable, and what nobody can guess afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrator.exchange import InvalidRequest, Subject
from integrator.journal import check, commands, details, tags
from integrator.journal.anchor import Anchor
from integrator.journal.erasure import Erasure, HeldError
from integrator.journal.holds import Holds
from integrator.journal.inspected import Links
from integrator.journal.published import Published
from integrator.journal.search import Reader, Reading, open_record
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.store.api import Store
from integrator.store.units import AcceptRow, IdempotencyRow, Unit
from tests.journal.attack import guessable
from tests.journal.conftest import LOG_KEY, NISS, NOW
from tests.journal.stores import Answered, Clock, Make, exchange, proven, sealed, unchanged

OTHER = "85073003328"
READING = Reading("cli:dpo", "order of the court 2026/17")


def payloads(number: str) -> list[bytes]:
    """The messages a consumer sends about somebody."""
    return [b'{"niss":"' + number.encode() + b'"}']


def about(make_context: Make, number: str, **more: Any) -> Any:
    digest = hashlib.sha256(payloads(number)[0]).digest()
    return make_context(subjects_request=(Subject("niss", number),), request_digest=digest, **more)


def answer(*subjects: str) -> Answered:
    def fill(context: Any, previous: bytes) -> Any:
        context.previous, context.outcome = previous, "with-data"
        context.subjects_response = tuple(Subject("niss", number) for number in subjects)
        context.response_digest = hashlib.sha256(payloads(subjects[0])[0]).digest()
        return context

    return fill


@pytest.fixture
async def three(real: Store, journal: Journal, make_context: Make) -> list[bytes]:
    """Three exchanges: about the subject alone, about him and another, and about the other alone."""
    made = [
        await exchange(real, journal, about(make_context, NISS, agent=None), answer(NISS)),
        await exchange(real, journal, about(make_context, NISS), answer(NISS, OTHER)),
        await exchange(real, journal, about(make_context, OTHER, agent=None), answer(OTHER)),
    ]
    return [UUID(context.exchange_id).bytes for context in made]


async def test_the_subject_goes_and_everything_else_stays(
    real: Store, journal: Journal, keyring: Keyring, clock: Clock, three: list[bytes]
) -> None:
    reader = Reader(real, journal, clock)
    assert len(await commands.search(reader, "subject", NISS, actor="a", why="b c")) == 2
    done = await Erasure(real, journal, clock).erase(READING, NISS)
    assert (done.exchanges, done.whole, done.open) == (3, 2, 0)  # two exchanges, and the search above
    assert done.parts >= 4
    alone, both, other = [await real.records_of(exchange_id) for exchange_id in three]
    assert [record.details for record in alone] == [None, None]
    first, last = (open_record(keyring, record) for record in both)
    assert (first.problem, last.problem) == (None, None)
    assert first.details is not None
    assert last.details is not None
    assert first.details["agent"]["manager"] == "RN/RBis"
    assert first.details["dossier"]["id"] == "PE/2026/118"
    assert last.details["subjects_response"] == [["niss", OTHER]]
    assert (first.details["erased"], last.details["erased"]) == (2, 3)
    assert "subjects_request" not in first.details
    assert not {"payload_salt", "consumer_ticket"} & (first.details.keys() | last.details.keys())
    for record in other:
        opened = open_record(keyring, record)
        assert opened.problem is None
        assert "payload_salt" in (opened.details or {})
    assert await commands.search(reader, "subject", NISS, actor="a", why="b c") == []
    assert len(await commands.search(reader, "subject", OTHER, actor="a", why="b c")) == 2


async def test_the_journal_says_what_was_done_and_not_to_whom(
    real: Store, journal: Journal, keyring: Keyring, clock: Clock, three: list[bytes]
) -> None:
    await Erasure(real, journal, clock).erase(READING, NISS)
    (act,) = [r for r in await real.latest_records(50) if r.type == "subject-erased"]
    opened = open_record(keyring, act)
    assert opened.leaf["facts"] == {"exchanges": 2, "records": 4, "whole": 2, "parts": 5}
    assert opened.details == {"actor": "cli:dpo", "why": "order of the court 2026/17"}


async def test_no_leaf_and_no_proof_changes(
    real: Store, journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock, three: list[bytes],
    tmp_path: Path,
) -> None:  # fmt: skip
    await sealed(real, anchor, clock)
    async with unchanged(real):
        await Erasure(real, journal, clock).erase(READING, NISS)
    await proven(real, tmp_path / "log")
    receipt = await Published(real).receipt((await real.records_of(three[0]))[0])
    assert receipt is not None
    report = await check.check_log(real, keyring, origin=LOG_KEY.origin, anchor=anchor)
    assert report.sound, report.problems


async def test_with_all_keys_known_nobody_can_be_guessed(
    real: Store, journal: Journal, keyring: Keyring, clock: Clock, three: list[bytes], make_context: Make
) -> None:
    reader = Reader(real, journal, clock)
    await commands.search(reader, "subject", NISS, actor="a", why="of 17.07.30-033.84")
    hold = await Holds(real, journal, clock).add(READING, "subject", NISS)
    await Holds(real, journal, clock).lift(READING, hold.id)
    await event(real, journal, make_context)
    space = [f"170730033{n:02d}" for n in range(100)]
    assert await guessable(real, keyring, space, payloads) == {NISS}
    await Erasure(real, journal, clock).erase(READING, NISS)
    assert await guessable(real, keyring, [*space, OTHER], payloads) == {OTHER}
    assert await Erasure(real, journal, clock).erase(READING, OTHER)
    assert await guessable(real, keyring, space, payloads) == set()


async def event(store: Store, journal: Journal, make_context: Make) -> bytes:
    """A dead letter about the subject: its body and its idempotency claim are still there."""
    context = about(make_context, NISS, kind="event", agent=None)
    exchange_id = UUID(context.exchange_id).bytes
    body = journal.keyring.current("bodies").seal(payloads(NISS)[0], exchange_id)
    index = journal.keyring.current("index")
    await store.commit(
        Unit(
            [journal.record("received", context, now_us=NOW, final=False)],
            AcceptRow(exchange_id, "f", "p", NOW, NOW, body, body, "bodies-1"),
            None,
            IdempotencyRow("p", "f", index.mac(b"k"), index.mac(payloads(NISS)[0]), exchange_id, NOW + 9),
        )
    )
    context.previous = (await store.records_of(exchange_id))[0].leaf_hash
    await store.commit(Unit([journal.record("dead-lettered", context, now_us=NOW, final=True)]))
    return exchange_id


async def test_linked_numbers_and_their_links_go_together(
    real: Store, journal: Journal, keyring: Keyring, clock: Clock, three: list[bytes]
) -> None:
    await Links(real, journal, clock).add("cli:dpo", "replaced in the register", NISS, OTHER)
    hold = await Holds(real, journal, clock).add(READING, "subject", OTHER)
    with pytest.raises(HeldError):
        await Erasure(real, journal, clock).erase(READING, NISS)
    await Holds(real, journal, clock).lift(READING, hold.id)
    with pytest.raises(InvalidRequest, match="say why without it"):
        await Erasure(real, journal, clock).erase(Reading("cli:dpo", f"also {OTHER}"), NISS)
    await Erasure(real, journal, clock).erase(READING, NISS)
    assert await real.rows("SELECT 1 FROM subject_link") == []
    for exchange_id in three:
        assert [record.details for record in await real.records_of(exchange_id)] == [None, None]
    assert await guessable(real, keyring, [NISS, OTHER], payloads) == set()


async def test_bodies_and_claims_of_the_exchange_go_too(
    real: Store, journal: Journal, clock: Clock, make_context: Make
) -> None:
    await event(real, journal, make_context)
    assert await real.rows("SELECT 1 FROM delivery_body") != []
    await Erasure(real, journal, clock).erase(READING, NISS)
    for table in ("delivery_body", "idempotency", "details", "tag"):
        left = await real.rows(f"SELECT * FROM {table}")
        assert len(left) == (table == "details"), table  # the record of the erasure itself


async def test_an_open_exchange_is_left_alone_and_counted(
    real: Store, journal: Journal, clock: Clock, make_context: Make
) -> None:
    row = journal.record("received", about(make_context, NISS), now_us=NOW, final=False)
    await real.commit(Unit([row]))
    done = await Erasure(real, journal, clock).erase(READING, NISS)
    assert (done.open, done.records) == (1, 0)
    assert (await real.records_of(row.exchange_id))[0].details is not None


@pytest.mark.parametrize("kind", ["subject", "exchange", "party", "flow"])
async def test_a_hold_stops_it_before_it_begins(
    real: Store, journal: Journal, clock: Clock, three: list[bytes], kind: str
) -> None:
    value = {
        "subject": NISS, "exchange": str(UUID(bytes=three[1])), "party": "municipal/namur",
        "flow": "person-consult",
    }[kind]  # fmt: skip
    holds = Holds(real, journal, clock)
    hold = await holds.add(READING, kind, value)
    with pytest.raises(HeldError, match=f"a legal hold forbids this: {hold.id}") as caught:
        await Erasure(real, journal, clock).erase(READING, NISS)
    assert value not in str(caught.value)
    assert all(record.details for record in await real.records_of(three[0]))
    await holds.lift(READING, hold.id)
    assert (await Erasure(real, journal, clock).erase(READING, NISS)).exchanges == 2


async def test_a_hold_on_others_or_another_time_does_not(
    real: Store, journal: Journal, clock: Clock, three: list[bytes]
) -> None:
    holds = Holds(real, journal, clock)
    await holds.add(READING, "party", "municipal/liege")
    await holds.add(READING, "flow", "person-consult", until_us=NOW)
    await holds.add(READING, "exchange", str(UUID(bytes=three[2])))
    assert (await Erasure(real, journal, clock).erase(READING, NISS)).exchanges == 2


@pytest.mark.parametrize("why", [f"erase {NISS}", "erase 17.07.30-033.84"])
async def test_a_reason_that_names_the_subject_is_refused(
    real: Store, journal: Journal, clock: Clock, why: str
) -> None:
    with pytest.raises(InvalidRequest, match="say why without it"):
        await Erasure(real, journal, clock).erase(Reading("cli:dpo", why), NISS)


async def test_what_is_no_subject_is_refused(real: Store, journal: Journal, clock: Clock) -> None:
    with pytest.raises(InvalidRequest, match="neither a national number nor an enterprise number"):
        await Erasure(real, journal, clock).erase(READING, "17073003385")


async def test_details_that_cannot_be_opened_go_whole_with_their_tags(
    real: Store, journal: Journal, clock: Clock, three: list[bytes]
) -> None:
    for record in await real.records_of(three[1]):
        await real.change(
            "UPDATE details SET sealed = %s WHERE record_id = %s", (b"x" * 99, record.record_id)
        )
    await Erasure(real, journal, clock).erase(READING, NISS)
    assert [record.details for record in await real.records_of(three[1])] == [None, None]
    index = journal.keyring.current("index")
    assert await real.find_records([tags.tag(index, tags.NISS, NISS)], 10) == []
    assert len(await real.find_records([tags.tag(index, tags.NISS, OTHER)], 10)) == 1


async def test_another_writer_meanwhile_brings_nothing_back(
    real: Store, journal: Journal, keyring: Keyring, clock: Clock, three: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    key = keyring.current("details")
    erasure = Erasure(real, journal, clock)
    write, disturbed = erasure._store.write, []

    async def disturb(changes: Any, unit: Any = None) -> Any:
        if not disturbed:
            for record in await real.records_of(three[1]):
                again = details.reseal(key, key, record.record_id, record.details or b"")
                disturbed.append(record.record_id)
                await real.change(
                    "UPDATE details SET sealed = %s WHERE record_id = %s", (again, record.record_id)
                )
        return await write(changes, unit)

    monkeypatch.setattr(erasure._store, "write", disturb)
    await erasure.erase(READING, NISS)
    assert disturbed
    for record in await real.records_of(three[1]):
        opened = details.unseal(key, record.record_id, record.details or b"")
        assert NISS not in str(opened.document)
