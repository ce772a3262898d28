"""A witness, and a log that asks it: what is cosigned, what is refused, what survives a restart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigner, read_lines
from integrator.journal.merkle import CompactRange, range_hash, subtrees
from integrator.journal.note import NoteError, Signer
from integrator.journal.witness_server import Witness, WitnessServer
from integrator.journal.witnessing import SIZE_TYPE, AddCheckpoint, Refusal, decode, log_name

ORIGIN = "bus.example/journal"
LOG, OTHER = Signer(ORIGIN, b"\x01" * 32), Signer(ORIGIN, b"\x09" * 32)
KEY = Cosigner.of_seed("witness.example/w", b"\x02" * 32)
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(40)]


def root(leaves: list[bytes]) -> bytes:
    return merkle.root_of(leaves)


def proof(older: int, newer: int, leaves: list[bytes] = LEAVES) -> list[bytes]:
    def node(level: int, index: int) -> bytes:
        return merkle.root_of(leaves[index << level : (index + 1) << level])

    return [range_hash(start, stop, node) for start, stop in merkle.consistency_ranges(older, newer)]


def request(old: int, size: int, *, leaves: list[bytes] = LEAVES, signer: Signer = LOG, steps: list[bytes] | None = None,
            origin: str = ORIGIN) -> bytes:  # fmt: skip
    note = checkpoints.sign(Checkpoint(origin, size, root(leaves[:size])), signer)
    given = steps if steps is not None else proof(old, size, leaves) if 0 < old < size else []
    return AddCheckpoint(old, given, note).encode()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness(tmp_path / "w.db", KEY, {ORIGIN: [LOG.verifier]}, lambda: 1_800_000_000.7)
    yield made
    made.close()


def refusal(witness: Witness, body: bytes) -> tuple[int, int | None]:
    with pytest.raises(Refusal) as caught:
        witness.add_checkpoint(body)
    return caught.value.status, caught.value.size


def test_it_follows_a_growing_log(witness: Witness) -> None:
    seen = 0
    for size in (1, 2, 3, 7, 8, 8, 33, 40):
        said = Checkpoint(ORIGIN, size, root(LEAVES[:size]))
        found = read_lines(said.text(), witness.add_checkpoint(request(seen, size)), KEY.key)
        assert found is not None
        assert found.time_s == 1_800_000_000
        seen = size
    last = witness.last(log_name(ORIGIN))
    assert last is not None
    assert checkpoints.verify(last, [LOG.verifier], ORIGIN).size == 40


def test_every_pair_of_sizes(tmp_path: Path) -> None:
    for older in range(0, 20, 3):
        for newer in range(older, 24, 4):
            made = Witness(tmp_path / f"{older}-{newer}.db", KEY, {ORIGIN: [LOG.verifier]})
            if older:
                made.add_checkpoint(request(0, older))
            made.add_checkpoint(request(older, newer))
            made.close()


def test_what_contradicts_what_it_saw_is_refused_and_changes_nothing(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 8))
    forked = [*LEAVES[:5], merkle.leaf_hash(b"other"), *LEAVES[6:]]
    assert refusal(witness, request(8, 8, leaves=forked)) == (422, None)
    assert refusal(witness, request(8, 12, leaves=forked)) == (422, None)
    assert refusal(witness, request(8, 12, steps=proof(8, 12)[:-1])) == (422, None)
    assert refusal(witness, request(0, 12)) == (409, 8)
    assert refusal(witness, request(7, 12)) == (409, 8)
    assert refusal(witness, request(9, 12)) == (409, 8)
    witness.add_checkpoint(request(8, 12))


def test_who_may_ask(witness: Witness) -> None:
    assert refusal(witness, request(0, 8, signer=OTHER)) == (403, None)
    stranger = Signer("other.example/log", b"\x01" * 32)
    assert refusal(witness, request(0, 8, signer=stranger, origin="other.example/log")) == (404, None)
    assert refusal(witness, request(9, 8)) == (400, None)
    assert refusal(witness, request(0, 8, steps=[b"\x00" * 32])) == (422, None)


@pytest.mark.parametrize("body", [b"", b"old 1", b"old 01\n\nx", b"new 1\n\nx", b"old 1\nAA==\n\nx", b"old -1\n\n", b"\xff\n\n",
                                  b"old 1\n" + b"A" * 43 + b"=\n" * 70 + b"\n\n"])  # fmt: skip
def test_what_is_no_request(witness: Witness, body: bytes) -> None:
    assert refusal(witness, body) == (400, None)


def test_it_remembers_across_restarts(tmp_path: Path) -> None:
    first = Witness(tmp_path / "w.db", KEY, {ORIGIN: [LOG.verifier]})
    first.add_checkpoint(request(0, 8))
    first.close()
    second = Witness(tmp_path / "w.db", KEY, {ORIGIN: [LOG.verifier]})
    assert refusal(second, request(0, 12)) == (409, 8)
    second.close()


def test_two_servers_on_one_state_never_cosign_a_fork(tmp_path: Path) -> None:
    chance = random.Random(7)
    servers = [Witness(tmp_path / "w.db", KEY, {ORIGIN: [LOG.verifier]}) for _ in range(2)]
    servers[0].add_checkpoint(request(0, 8))
    accepted, conflicts = 0, []
    for _ in range(20):
        leaves = [*LEAVES[:8], *(merkle.leaf_hash(b"fork %d" % chance.getrandbits(30)) for _ in range(4))]
        try:
            chance.choice(servers).add_checkpoint(request(8, 12, leaves=leaves))
            accepted += 1
        except Refusal as refused:
            conflicts.append((refused.status, refused.size))
    assert accepted == 1
    assert set(conflicts) == {(409, 12)}
    for server in servers:
        server.close()


async def test_over_http(witness: Witness) -> None:
    transport = httpx.ASGITransport(app=WitnessServer(witness))
    async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
        assert (await client.get(f"/{log_name(ORIGIN)}/checkpoint")).status_code == 404
        good = await client.post("/add-checkpoint", content=request(0, 8))
        assert (good.status_code, good.content[:4]) == (200, "— w".encode()[:4])
        conflict = await client.post("/add-checkpoint", content=request(0, 9))
        assert (conflict.status_code, conflict.headers["content-type"], conflict.text) == (
            409,
            SIZE_TYPE,
            "8\n",
        )
        last = await client.get(f"/{log_name(ORIGIN)}/checkpoint")
        assert checkpoints.verify(last.content, [LOG.verifier], ORIGIN).size == 8
        assert (await client.get("/add-checkpoint")).status_code == 405
        assert (await client.post("/add-checkpoint", content=b"x" * 70_000)).status_code == 413
        assert (await client.get("/elsewhere")).status_code == 404


def test_a_request_is_read_as_it_is_written() -> None:
    asked = AddCheckpoint(3, [b"\x01" * 32, b"\x02" * 32], b"note")
    assert decode(asked.encode()) == asked
    with pytest.raises(NoteError):
        decode(asked.encode().replace(b"\n\n", b"\n"))


def test_the_tests_own_proofs_are_good() -> None:
    edge = CompactRange(5, [merkle.root_of(LEAVES[start:stop]) for start, stop in ((0, 4), (4, 5))])
    assert edge.root() == root(LEAVES[:5])
    assert subtrees(0, 5) == [(2, 0), (0, 4)]
