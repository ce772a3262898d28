"""Our log and their witness, our witness and their client: transparency-dev's code, in Go."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle
from integrator.journal.anchor import Anchor
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigner
from integrator.journal.note import NoteError, Signer
from integrator.journal.policy import Policy, parse
from integrator.journal.published import Published
from integrator.journal.sealer import Sealer
from integrator.journal.witness_client import Reply, WitnessClient
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.bus.test_witnesses import WitnessProcess
from tests.journal.conftest import LOG_KEY, NOW
from tests.services.ports import free_port

ORIGIN = LOG_KEY.origin
VKEY = str(LOG_KEY.verifier)
THEIRS = Signer("other.example/witness", b"t" * 32)
pytestmark = pytest.mark.timeout(400)


def _fetch(method: str, address: str, body: bytes) -> Reply:
    request = urllib.request.Request(address, data=body or None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Reply(answer.status, answer.headers.get("content-type", ""), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers.get("content-type", ""), error.read())


async def fetch(method: str, address: str, body: bytes) -> Reply:
    return await asyncio.to_thread(_fetch, method, address, body)


@contextlib.contextmanager
def their_witness(program: Path, vkey: str = VKEY) -> Iterator[Policy]:
    """Their witness on a port; the policy that asks it alone."""
    port = free_port()
    command = [str(program), "serve", vkey, THEIRS.secret_text(), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"serving\n"
            text = f"witness theirs {Cosigner(THEIRS).key} http://127.0.0.1:{port}\nquorum theirs\n"
            yield parse(text.encode())
        finally:
            process.kill()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    migrate("sqlite:", tmp_path)
    made = open_store("sqlite:", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def sealer(store: Store, tmp_path: Path) -> Sealer:
    made = Sealer(store, Anchor(tmp_path / "anchor", ORIGIN), LOG_KEY, lambda: NOW)
    assert await made.prepare()
    return made


async def grow(store: Store, sealer: Sealer, count: int) -> bytes:
    """So many records more, sealed and published; the last one's exchange id."""
    keyring = Keyring([Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES, 1)])
    journal = Journal(keyring, ORIGIN)
    rows = [journal.act("noise", "bus", {"count": n}, now_us=NOW) for n in range(count)]
    await store.commit(Unit(rows))
    await sealer.seal_pending()
    return rows[-1].exchange_id


async def test_their_witness_cosigns_our_log_and_their_policy_accepts_it(
    store: Store, sealer: Sealer, go_witness: Path, tmp_path: Path
) -> None:
    with their_witness(go_witness) as policy:
        client = WitnessClient(store, policy, ORIGIN, fetch, sealing=lambda: True)
        witness, seen, exchange = policy.witnesses["theirs"], 0, b""
        for count in (1, 1, 5, 250, 600):
            exchange = await grow(store, sealer, count)
            row = await store.last_checkpoint()
            assert row is not None
            seen = await client.ask(witness, row, seen)
            assert seen == row.size
        assert await client.ask(witness, row, 0) == seen  # as after a restart: told its size, 409
        log = Published(store, policy)
        note = await log.checkpoint()
        assert note is not None
        assert policy.satisfied(policy.names_of(note))
        (record,) = await store.records_of(exchange)
        receipt = await log.receipt(record)
        assert receipt is not None
        kept = tmp_path / "kept.tlog-proof"
        kept.write_bytes(receipt.encode())
    for name, data in (
        ("checkpoint", note),
        ("policy", f"witness theirs {witness.key} {witness.url}\nquorum theirs\n".encode()),
    ):
        (tmp_path / name).write_bytes(data)
    judged = run(go_witness, "judge", str(tmp_path / "policy"), VKEY, str(tmp_path / "checkpoint"))
    assert judged == (0, "witnessed\n")
    assert run(go_witness, "proof", str(kept), VKEY, record.leaf_hash.hex()) == (
        0,
        f"included {record.index}\n",
    )
    assert run(go_witness, "proof", str(kept), VKEY, bytes(32).hex())[0] == 1
    lines = note.split(b"\n")
    (tmp_path / "checkpoint").write_bytes(b"\n".join(line for line in lines if b"other.example" not in line))
    assert run(go_witness, "judge", str(tmp_path / "policy"), VKEY, str(tmp_path / "checkpoint"))[0] == 1


async def test_their_witness_refuses_what_is_not_ours(store: Store, sealer: Sealer, go_witness: Path) -> None:
    await grow(store, sealer, 4)
    row = await store.last_checkpoint()
    assert row is not None
    # Theirs answers 500 where it knows the log but not the key; the protocol says 403.
    other_log, other_key = (Signer(name, b"o" * 32).verifier for name in ("other.example/log", ORIGIN))
    for vkey, status in ((other_log, "404"), (other_key, "403|500")):
        with their_witness(go_witness, str(vkey)) as policy:
            client = WitnessClient(store, policy, ORIGIN, fetch, sealing=lambda: True)
            with pytest.raises(NoteError, match=f"it answered ({status})"):
                await client.ask(policy.witnesses["theirs"], row, 0)


def run(program: Path, *arguments: str, given: bytes = b"") -> tuple[int, str]:
    done = subprocess.run(
        [str(program), *arguments], input=given, capture_output=True, check=False, timeout=60
    )
    return done.returncode, (done.stdout or done.stderr).decode()


def checkpoint(size: int, signer: Signer | None = None, origin: str = ORIGIN) -> bytes:
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(size)]
    return checkpoints.sign(Checkpoint(origin, size, merkle.root_of(leaves)), signer or LOG_KEY)


def test_their_client_and_policy_accept_our_witness(go_witness: Path, tmp_path: Path) -> None:
    witness = WitnessProcess(tmp_path, "ours")
    url = witness.line.split()[3]
    witness.start(VKEY)
    try:
        status, lines = run(go_witness, "ask", url, "0", given=checkpoint(5))
        assert status == 0, lines
        (tmp_path / "checkpoint").write_bytes(checkpoint(5) + lines.encode())
        (tmp_path / "policy").write_text(witness.line + "quorum ours\n")
        judged = run(go_witness, "judge", str(tmp_path / "policy"), VKEY, str(tmp_path / "checkpoint"))
        assert judged == (0, "witnessed\n")
        assert run(go_witness, "ask", url, "3", given=checkpoint(9)) == (
            1,
            "refused: old size != current (size 5)\n",
        )
        assert "old size > current" in run(go_witness, "ask", url, "9", given=checkpoint(5))[1]
        other = Signer(ORIGIN, b"o" * 32)
        assert "signature" in run(go_witness, "ask", url, "5", given=checkpoint(9, other))[1]
        foreign = checkpoint(9, Signer("other.example/log", b"o" * 32), "other.example/log")
        assert "unknown" in run(go_witness, "ask", url, "5", given=foreign)[1]
        assert "proof" in run(go_witness, "ask", url, "5", given=checkpoint(9))[1]
    finally:
        witness.kill()
