"""New keys for old rows: everything found before, while and after, and no leaf changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.exchange import InvalidRequest
from integrator.journal import check, commands, rekey, verify
from integrator.journal import checkpoint as checkpoints
from integrator.journal.anchor import Anchor
from integrator.journal.holds import Holds
from integrator.journal.logkey import LogKey
from integrator.journal.note import NoteError
from integrator.journal.published import Published
from integrator.journal.rekey import Rekey, retire
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reader, Reading
from integrator.journal.vault import Vault
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, Keyring
from integrator.store.api import Store
from integrator.store.units import IdempotencyRow, StoreUnavailable, Unit
from tests.journal.conftest import LOG_KEY, NISS, NOW
from tests.journal.stores import Answered, Clock, Make, exchange, proven, published, sealed, unchanged

WHO = {"actor": "cli:auditor", "why": "complaint 2026/17"}
READING = Reading("cli:operator", "yearly rotation")


@pytest.fixture
def rotated(keyring: Keyring) -> Journal:
    """The journal after a rotation of both keys."""
    more = [Key("details-2", "details", b"e" * 32), Key("index-2", "index", b"j" * 32)]
    return Journal(Keyring([*keyring, *more]), LOG_KEY.origin)


@pytest.fixture
async def ten(real: Store, journal: Journal, make_context: Make, answered: Answered) -> None:
    for _ in range(10):
        await exchange(real, journal, make_context(), answered)


async def everything_found(store: Store, journal: Journal, clock: Clock, count: int = 10) -> None:
    reader = Reader(store, journal, clock)
    for kind, value in (
        ("subject", NISS), ("subject", "0316381138"), ("dossier", "imio-urban:PE/2026/118"),
        ("agent", "RN/RBis:85073003328"), ("ticket", "ticket-of-provider"),
        ("ticket", "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a11"),
    ):  # fmt: skip
        rows = await commands.search(reader, kind, value, **WHO)
        assert len(rows) == count, kind
        assert [row["problems"] for row in rows] == [[]] * count


async def test_everything_moves_and_nothing_public_changes(
    real: Store, rotated: Journal, anchor: Anchor, clock: Clock, ten: None, tmp_path: Path
) -> None:
    await sealed(real, anchor, clock)
    await everything_found(real, rotated, clock)
    seen: list[tuple[int, int]] = []
    async with unchanged(real):
        done = await Rekey(real, rotated, clock).run(READING, advance=lambda *p: seen.append(p))
    assert done.records == 20
    assert done.tags >= 60
    assert (done.unreadable, done.left) == (0, [])
    assert seen[-1][0] == seen[-1][1]
    await everything_found(real, rotated, clock)
    keys = await real.rows("SELECT DISTINCT key_id FROM details")
    assert keys == [("details-2",)]
    assert await real.rows("SELECT DISTINCT index_key FROM tag") == [("index-2",)]
    new = Journal(
        Keyring([key for key in rotated.keyring if key.id not in ("details-1", "index-1")]), LOG_KEY.origin
    )
    await everything_found(real, new, clock)
    await proven(real, tmp_path / "log")
    report = await check.check_log(real, new.keyring, origin=LOG_KEY.origin, anchor=anchor)
    assert report.sound, report.problems


async def test_both_keys_answer_while_it_runs_and_it_goes_on_after_a_stop(
    real: Store, rotated: Journal, clock: Clock, ten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekey, "PAGE", 3)
    run = Rekey(real, rotated, clock)
    write, calls = run._store.write, 0

    async def fail_later(*given: object) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise StoreUnavailable("lost")
        return await write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(run._store, "write", fail_later)
    with pytest.raises(StoreUnavailable):
        await run.run(READING)
    keys = {key_id for (key_id,) in await real.rows("SELECT DISTINCT key_id FROM details")}
    assert keys == {"details-1", "details-2"}
    assert await run.waiting()
    await everything_found(real, rotated, clock)
    again = Rekey(real, rotated, clock)
    assert (await again.run(READING)).records < 20 + 6
    assert not await again.waiting()
    await everything_found(real, rotated, clock)


async def test_other_keys_begin_anew(real: Store, rotated: Journal, clock: Clock, ten: None) -> None:
    await real.change(
        "INSERT INTO upkeep (name, target, done) VALUES (%s, %s, %s)",
        ("rekey", "details-9 index-9", b"\xff" * 16),
    )
    assert (await Rekey(real, rotated, clock).run(READING)).records == 20


async def test_readings_and_holds_move_too(
    real: Store, journal: Journal, rotated: Journal, clock: Clock, ten: None
) -> None:
    await commands.search(Reader(real, journal, clock), "subject", NISS, **WHO)
    hold = await Holds(real, journal, clock).add(READING, "subject", NISS)
    assert (await Rekey(real, rotated, clock).run(READING)).left == []
    (found,) = await commands.readings(Reader(real, rotated, clock), "subject", NISS, **WHO)
    assert found["why"] == WHO["why"]
    assert await Holds(real, rotated, clock).list() == [hold]
    assert await real.rows("SELECT key_id FROM legal_hold") == [("details-2",)]


async def test_the_vaults_months_move_too(
    real: Store, journal: Journal, clock: Clock, make_context: Make
) -> None:
    exchange_id = make_context().exchange_id
    change = await Vault(real, journal.keyring, clock).keep(exchange_id, "request", b"what was asked", "P1Y")
    await real.together([change])
    ring = Keyring([*journal.keyring, Key("bodies-2", "bodies", b"b" * 32)])
    rotated = Journal(ring, LOG_KEY.origin)
    with pytest.raises(InvalidRequest, match="rows of vault_month were written with it"):
        await retire(real, rotated, "bodies-1", READING, clock)
    await Rekey(real, rotated, clock).run(READING)
    assert await real.rows("SELECT key_id FROM vault_month") == [("bodies-2",)]
    opened = await Vault(real, ring, clock).open(rotated, READING, exchange_id)
    assert opened == {"request": b"what was asked"}
    await retire(real, rotated, "bodies-1", READING, clock)


async def test_what_cannot_be_opened_is_counted_and_its_keys_stay(
    real: Store, rotated: Journal, clock: Clock, ten: None
) -> None:
    (first, *_), *_ = await real.rows("SELECT record_id FROM details ORDER BY record_id")
    await real.change("UPDATE details SET sealed = %s WHERE record_id = %s", (b"x" * 99, first))
    done = await Rekey(real, rotated, clock).run(READING)
    assert (done.records, done.unreadable) == (19, 1)
    assert done.left == ["details-1", "index-1"]


async def test_a_key_in_use_is_not_retired_and_one_that_is_not_is(
    real: Store, journal: Journal, rotated: Journal, clock: Clock, ten: None
) -> None:
    for key in rotated.keyring:
        await real.add_key_check(key.id, key.check_value())
    for key_id in ("details-1", "index-1"):
        with pytest.raises(
            InvalidRequest, match=f"the key {key_id} is still needed: rows of .*journal rekey"
        ):
            await retire(real, rotated, key_id, READING, clock)
    await Rekey(real, rotated, clock).run(READING)
    for key_id in ("details-1", "index-1"):
        await retire(real, rotated, key_id, READING, clock)
    assert not {"details-1", "index-1"} & (await real.key_checks()).keys()
    assert [r.type for r in await real.latest_records(2)] == ["key-retired"] * 2


@pytest.mark.parametrize(
    ("key_id", "match"),
    [
        ("details-2", "new data is written with it. Add another with `integrator keyring rotate details`"),
        ("log-1", "checkpoints signed with it"),
        ("credentials-1", "1 API keys may have been made with it"),
        ("index-1", "1 idempotency claims are named with it"),
        ("bodies-1", "Wait until the events accepted with it have ended"),
    ],
)
async def test_why_a_key_stays(
    real: Store,
    rotated: Journal,
    clock: Clock,
    key_id: str,
    match: str,
    add_api_key: Callable[[Store], object],
) -> None:
    more = [Key(f"{p}-2", p, b"m" * 32) for p in ("log", "credentials", "bodies")]
    journal = Journal(Keyring([*rotated.keyring, *more]), LOG_KEY.origin)
    await add_api_key(real)  # type: ignore[misc]
    claim = IdempotencyRow("p", "f", bytes(32), bytes(32), b"e" * 16, NOW + 9)
    await real.commit(Unit([journal.act("noise", "bus", {}, now_us=NOW)], None, None, claim))
    await real.change(
        "INSERT INTO delivery_body (exchange_id, key_id, body, context) VALUES (%s, %s, %s, %s)",
        (b"e" * 16, "bodies-1", b"b", b"c"),
    )
    with pytest.raises(InvalidRequest, match=match):
        await retire(real, journal, key_id, READING, clock)


@pytest.fixture
def add_api_key() -> Callable[[Store], object]:
    from integrator.store.api import KeyRow

    async def add(store: Store) -> None:
        await store.add_key(KeyRow("k", bytes(32), "p", "", NOW))

    return add


# --- the key the log is signed with --------------------------------------------------------------


async def test_after_a_rotation_the_present_checkpoint_is_signed_anew(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, ten: None, tmp_path: Path
) -> None:
    await sealed(real, anchor, clock)
    old = await real.last_checkpoint()
    assert old is not None
    receipt = await Published(real).receipt((await real.latest_records(1))[0])
    key = LogKey(LOG_KEY.origin, Key("log-2", "log", bytes([9] * 32)))
    assert await Sealer(real, anchor, key, clock).prepare()
    new = await real.last_checkpoint()
    assert new is not None
    assert (new.size, new.root) == (old.size, old.root)
    with pytest.raises(NoteError):
        checkpoints.verify(new.note, [LOG_KEY.verifier], LOG_KEY.origin)
    assert checkpoints.verify(new.note, [key.verifier], LOG_KEY.origin).size == 20
    state = anchor.load()
    assert state is not None
    assert state.checkpoint.encode() == new.note
    both = [LOG_KEY.verifier, key.verifier]
    assert checkpoints.verify(old.note, both, LOG_KEY.origin).size == 20
    assert receipt is not None
    assert verify.verify_receipt(receipt.encode(), both, LOG_KEY.origin) == receipt.index
    assert receipt.checkpoint == old.note
    log = await published(real, tmp_path / "log")
    assert verify.verify(verify.directory(log), both, LOG_KEY.origin).size == 20
    ring = Keyring([*journal.keyring, Key("log-2", "log", bytes([9] * 32))])
    report = await check.check_log(real, ring, origin=LOG_KEY.origin, anchor=anchor)
    assert report.sound, report.problems
