"""A log asks its witnesses: what they know, what they answer, and what is kept of it; on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle
from integrator.journal import witness_client as clients
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigner
from integrator.journal.cosigned import CosignedLog
from integrator.journal.note import NoteError, Signer
from integrator.journal.policy import parse
from integrator.journal.published import Published
from integrator.journal.sealer import Sealer
from integrator.journal.witness_client import Reply, WitnessClient
from integrator.journal.witness_server import Witness
from integrator.journal.witnessing import SIZE_TYPE, Refusal, log_name
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit
from integrator.store.witnesses import Cosignatures
from tests.journal.conftest import LOG_KEY, NOW

ORIGIN = LOG_KEY.origin
KNOWN = [LOG_KEY.verifier]
SIGNERS = {
    name: Cosigner.of_seed(f"{name}.example/w", name.encode().ljust(32)) for name in ("one", "two", "three")
}
POLICY = parse(
    "".join(f"witness {name} {made.key} http://{name}\n" for name, made in SIGNERS.items()).encode()
    + b"group two-of-them 2 one two three\nquorum two-of-them\n"
)


class Net:
    """Three witnesses, each in its own database; `answers` are said instead of theirs."""

    def __init__(self, directory: Path) -> None:
        self.witnesses = {
            name: Witness(directory / f"{name}.db", made, {ORIGIN: KNOWN}, lambda: NOW / 1e6)
            for name, made in SIGNERS.items()
        }
        self.answers: dict[str, Reply | type[Exception]] = {}
        self.asked: list[tuple[str, bytes]] = []

    async def fetch(self, method: str, address: str, body: bytes) -> Reply:
        name, _, path = address.removeprefix("http://").partition("/")
        self.asked.append((name, body))
        said = self.answers.get(name)
        if isinstance(said, Reply):
            return said
        if said is not None:
            raise said("no connection")
        if method == "GET":
            kept = self.witnesses[name].last(path.split("/")[0])
            return Reply(200 if kept else 404, "text/plain", kept or b"")
        try:
            return Reply(200, "text/plain", self.witnesses[name].add_checkpoint(body))
        except Refusal as refusal:
            return Reply(
                refusal.status, SIZE_TYPE if refusal.size is not None else "text/plain", str(refusal).encode()
            )


@pytest.fixture
def net(tmp_path: Path):
    made = Net(tmp_path)
    yield made
    for witness in made.witnesses.values():
        witness.close()


@pytest.fixture
async def sealer(real: Store, anchor: Anchor) -> Sealer:
    made = Sealer(real, anchor, LOG_KEY, lambda: NOW)
    assert await made.prepare()
    return made


@pytest.fixture
def client(real: Store, net: Net) -> WitnessClient:
    return WitnessClient(real, POLICY, ORIGIN, net.fetch, sealing=lambda: True, pause_seconds=0.001)


Grow = Callable[[int], object]


@pytest.fixture
def grow(real: Store, sealer: Sealer, journal: Journal) -> Grow:
    async def more(count: int) -> None:
        await real.commit(Unit([journal.act("noise", "bus", {"count": n}, now_us=NOW) for n in range(count)]))
        await sealer.seal_pending()

    return more


async def ask(client: WitnessClient, real: Store, name: str, seen: int = 0) -> int:
    row = await real.last_checkpoint()
    assert row is not None
    return await client.ask(POLICY.witnesses[name], row, seen)


async def test_what_the_quorum_cosigned_is_served_and_not_what_less_did(
    client: WitnessClient, real: Store, grow: Grow
) -> None:
    log = Published(real, POLICY)
    await grow(3)
    assert await ask(client, real, "one") == 3
    plain = await log.checkpoint()
    assert plain is not None
    assert POLICY.names_of(plain) == {}  # one alone is no quorum: the checkpoint as it is
    assert await ask(client, real, "three") == 3
    note = await log.checkpoint()
    assert note is not None
    assert set(POLICY.names_of(note)) == {"one", "three"}
    await grow(2)
    assert await ask(client, real, "one", 3) == 5
    assert await log.checkpoint() == note  # the newest of one witness alone does not replace it
    found = await CosignedLog(real, POLICY).newest()
    assert found is not None
    assert (found.row.size, found.time_us) == (3, NOW // 1_000_000 * 1_000_000)
    assert await ask(client, real, "two", 0) == 5
    newer = await log.checkpoint()
    assert newer is not None
    assert checkpoints.verify(newer, KNOWN, ORIGIN).size == 5
    POLICY.require(newer)


async def test_a_witness_that_knows_another_size_is_asked_again_with_the_proof_it_needs(
    client: WitnessClient, real: Store, grow: Grow, net: Net
) -> None:
    await grow(300)
    assert await ask(client, real, "one") == 300
    await grow(41)
    net.asked.clear()
    assert await ask(client, real, "one", 0) == 341  # we had forgotten
    assert [body.split(b"\n")[0] for _, body in net.asked] == [b"old 0", b"old 300"]
    assert await ask(client, real, "one", 341) == 341  # the same once more renews its time
    rows = await Cosignatures(real).recent()
    assert [row.size for row in rows] == [341, 300]
    net.witnesses["one"]._clock = lambda: NOW / 1e6 + 90
    assert await ask(client, real, "one", 341) == 341
    renewed = (await Cosignatures(real).recent())[0]
    assert renewed.time_s == rows[0].time_s + 90


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(403, "text/plain", b"no"), "answered 403"),
        (Reply(422, "text/plain", b"no"), "answered 422"),
        (Reply(409, "text/plain", b"2\n"), "answered 409"),
        (Reply(409, SIZE_TYPE, b"two\n"), "no size"),
        (Reply(409, SIZE_TYPE, b"9" * 30), "no size"),
        (Reply(409, SIZE_TYPE, b"9\n"), "has seen 9 entries, more than the 4"),
        (Reply(409, SIZE_TYPE, b"2\n"), "changes at every request"),
        (Reply(200, "text/plain", b""), "no cosignature|signature"),
        (Reply(200, "text/plain", b"no signature\n"), "signature"),
        (Reply(200, "text/plain", b"\xff\n"), "text|UTF-8"),
    ],
)
async def test_an_answer_that_helps_nobody_is_kept_by_nobody(
    client: WitnessClient, real: Store, grow: Grow, net: Net, reply: Reply, said: str
) -> None:
    await grow(4)
    net.answers["one"] = reply
    with pytest.raises(NoteError, match=said):
        await ask(client, real, "one")
    assert await Cosignatures(real).recent() == []


async def test_a_cosignature_of_something_else_is_refused(
    client: WitnessClient, real: Store, grow: Grow, net: Net
) -> None:
    await grow(4)
    row = await real.last_checkpoint()
    assert row is not None
    other = checkpoints.sign(Checkpoint(ORIGIN, 5, bytes(32)), LOG_KEY)
    text = other.split(b"\n\n")[0].decode() + "\n"
    for cosigner in (SIGNERS["one"], SIGNERS["two"]):
        net.answers["one"] = Reply(200, "text/plain", cosigner.cosign(text, 1_800_000_000).line().encode())
        with pytest.raises(NoteError):
            await ask(client, real, "one")
    assert await Cosignatures(real).recent() == []


async def test_each_is_asked_at_its_own_pace(
    client: WitnessClient, real: Store, grow: Grow, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One does not answer, one says nonsense: the third cosigns all the same, and they follow later."""
    monkeypatch.setattr(clients, "AGAIN_SECONDS", 0.01)
    await grow(2)
    net.answers |= {"one": OSError, "two": Reply(500, "text/plain", b"")}
    running = asyncio.create_task(client.run())

    async def cosigned(names: set[str]) -> None:
        keys = {SIGNERS[name].key.public_key for name in names}
        async with asyncio.timeout(20):
            while {row.witness_key for row in await Cosignatures(real).recent()} != keys:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    await cosigned({"three"})
    net.answers.clear()
    await cosigned({"one", "two", "three"})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_who_does_not_seal_asks_nobody(real: Store, net: Net, grow: Grow) -> None:
    await grow(2)
    looked = asyncio.Event()

    def sealing() -> bool:
        looked.set()
        return False

    client = WitnessClient(real, POLICY, ORIGIN, net.fetch, sealing=sealing, pause_seconds=0.001)
    running = asyncio.create_task(client.run())
    await asyncio.wait_for(looked.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert net.asked == []


async def test_a_log_smaller_than_a_witness_knows_is_refused(
    client: WitnessClient, real: Store, grow: Grow, net: Net
) -> None:
    await grow(3)
    await client.require_nothing_lost(3, KNOWN)  # no witness has seen anything yet
    await ask(client, real, "two")
    await client.require_nothing_lost(3, KNOWN)
    with pytest.raises(AnchorRefused, match="two has cosigned 3 records of this log, the database has 2"):
        await client.require_nothing_lost(2, KNOWN)
    net.answers["two"] = OSError
    await client.require_nothing_lost(2, KNOWN)  # who cannot be reached says nothing
    net.answers["two"] = Reply(
        200, "text/plain", checkpoints.sign(Checkpoint(ORIGIN, 9, bytes(32)), Signer(ORIGIN, b"x" * 32))
    )
    await client.require_nothing_lost(2, KNOWN)  # nor does a checkpoint this log never signed


async def test_a_log_rewritten_since_a_witness_saw_it_is_refused(
    client: WitnessClient, real: Store, grow: Grow, net: Net
) -> None:
    other = merkle.root_of([merkle.leaf_hash(b"%d" % number) for number in range(3)])
    net.witnesses["one"].add_checkpoint(
        b"old 0\n\n" + checkpoints.sign(Checkpoint(ORIGIN, 3, other), LOG_KEY)
    )
    assert net.witnesses["one"].last(log_name(ORIGIN)) is not None
    await grow(5)
    with pytest.raises(AnchorRefused, match="another log of this name at 3 records"):
        await client.require_nothing_lost(5, KNOWN)
