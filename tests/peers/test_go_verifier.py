"""Go's checksum-database code judges our log: it accepts what is sound and refuses every change."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.journal.merkle import leaf_hash, root_of
from integrator.journal.note import Signer
from tests.journal.log_files import ORIGIN, VKEY, build_log, files, replace_by
from tests.peers.conftest import Verify

SMALL = [b"entry %d" % n for n in range(5)]


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 1_050, 70_000])
def test_it_accepts_logs_of_any_size(tmp_path: Path, go_verify: Verify, size: int) -> None:
    entries = [b"%d" % n for n in range(size)]
    build_log(tmp_path, entries)
    done = go_verify(tmp_path, VKEY, ORIGIN)
    assert done.returncode == 0, done.stderr
    root = base64.b64encode(root_of([leaf_hash(entry) for entry in entries])).decode()
    assert done.stdout == f"proven: {ORIGIN}, {size} entries, root {root}\n"


def test_it_refuses_a_flipped_bit_in_every_byte_of_a_small_log(tmp_path: Path, go_verify: Verify) -> None:
    build_log(tmp_path, SMALL)
    bits = itertools.cycle(range(8))
    for path in files(tmp_path):
        whole = path.read_bytes()
        for place in range(len(whole)):
            altered = bytearray(whole)
            altered[place] ^= 1 << next(bits)
            path.write_bytes(altered)
            done = go_verify(tmp_path, VKEY, ORIGIN)
            assert done.returncode == 1, (path, place, done.stdout)
            assert done.stderr.startswith("refused: ")
        path.write_bytes(whole)
    assert go_verify(tmp_path, VKEY, ORIGIN).returncode == 0


@pytest.mark.parametrize(
    "change",
    [lambda e: [*e[:2], *e[3:]], lambda e: [e[0], e[2], e[1], *e[3:]], lambda e: [*e, b"one more"]],
    ids=["removed", "swapped", "added"],
)
def test_it_refuses_other_records_under_the_checkpoint(
    tmp_path: Path, go_verify: Verify, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    build_log(tmp_path / "log", SMALL)
    build_log(tmp_path / "other", change(SMALL), Signer(ORIGIN, b"x" * 32))
    assert "checkpoint" in go_verify(tmp_path / "other", VKEY, ORIGIN).stderr
    replace_by(tmp_path / "log", tmp_path / "other")
    assert go_verify(tmp_path / "log", VKEY, ORIGIN).returncode == 1


def test_it_refuses_an_edited_size_and_another_origin(tmp_path: Path, go_verify: Verify) -> None:
    build_log(tmp_path, SMALL)
    assert "of another log" in go_verify(tmp_path, VKEY, "other.example/journal").stderr
    path = tmp_path / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n5\n", b"\n4\n"))
    assert "checkpoint" in go_verify(tmp_path, VKEY, ORIGIN).stderr
