"""Exported archives verify alone, by our program and by Go's; every changed byte is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.exchange import InvalidRequest, NoData
from integrator.journal import archive, export, verify
from integrator.journal import checkpoint as checkpoints
from integrator.journal.anchor import Anchor
from integrator.journal.archive import ArchiveBroken, Range
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.log_files import ORIGIN, VKEY, build_log, files
from tests.journal.stores import Clock, sealed

READING = Reading("cli:auditor", "inspection 2026")
SIZE = 700


def quiet(_done: int, _total: int) -> None:
    return


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("log")
    build_log(made, [b"entry %d" % n for n in range(SIZE)])
    return made


@pytest.fixture
def pack(log: Path, tmp_path: Path) -> Callable[..., Path]:
    def packed(name: str, start: int = 0, stop: int = SIZE) -> Path:
        out = tmp_path / name
        archive.write(out, Range(ORIGIN, SIZE, start, stop, (VKEY,)), verify.directory(log), quiet)
        return out

    return packed


@pytest.mark.parametrize("name", ["whole.tar", "whole"])
def test_a_whole_log_verifies_alone(pack: Callable[..., Path], name: str, tmp_path: Path) -> None:
    out = pack(name)
    command = [sys.executable, "-m", "integrator.journal.verify", "--key", VKEY, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert f"of size {SIZE}" in done.stdout
    assert f"({SIZE} entries" in done.stdout
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.parametrize(("start", "stop", "bundles", "entries"), [(300, 310, 1, 256), (255, 257, 2, 512), (690, 700, 1, 188), (0, 1, 1, 256)])  # fmt: skip
def test_a_part_holds_its_entries_and_every_hash(
    pack: Callable[..., Path],
    start: int,
    stop: int,
    bundles: int,
    entries: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = pack("part", start, stop)
    assert len(list((out / "tile/entries").rglob("*[0-9]"))) >= bundles
    assert verify.main([str(out), "--key", VKEY]) == 0
    assert f"({entries} entries" in capsys.readouterr().out
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["entries"] == [start, stop]
    assert "python -m integrator.journal.verify" in (out / "README.txt").read_text()


def test_each_changed_or_missing_file_is_refused(pack: Callable[..., Path]) -> None:
    out = pack("part", 300, 310)
    for path in files(out):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert verify.main([str(out), "--key", VKEY]) == 1, path
        path.unlink()
        if path.name != "manifest.json":
            assert verify.main([str(out), "--key", VKEY]) == 1, path
        path.write_bytes(whole)
    assert verify.main([str(out), "--key", VKEY]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"size": 600}, {"entries": [310, 300]}, {"entries": [0, 10]}, {"entries": ["a", 3]}, {"format": "x"},
        {"sha256": {}}, {"keys": None}, {"entries": None},
    ],
)  # fmt: skip
def test_a_manifest_that_says_otherwise_is_refused(
    pack: Callable[..., Path], change: dict[str, object]
) -> None:
    out = pack("part", 300, 310)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ArchiveBroken, match="export it again"):
        archive.opened(verify.directory(out))


def test_what_is_no_archive_is_refused(tmp_path: Path, pack: Callable[..., Path]) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar")
    assert verify.main([str(tmp_path / "x.tar"), "--key", VKEY]) == 1
    with tarfile.open(tmp_path / "y.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("z"))
    assert verify.main([str(tmp_path / "y.tar"), "--key", VKEY]) == 1
    out = pack("z.tar")
    with pytest.raises(FileExistsError, match="name another place"):
        archive.write(out, Range(ORIGIN, 1, 0, 1, ()), verify.directory(tmp_path), quiet)


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(verify.Unreadable):
        archive.write(tmp_path / "x.tar", Range(ORIGIN, 1, 0, 1, ()), verify.directory(tmp_path), quiet)
    assert list(tmp_path.iterdir()) == []


# --- from a store --------------------------------------------------------------------------------


async def test_what_is_planned_is_recorded_and_covered(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    for _ in range(5):
        await real.commit(Unit([journal.act("noise", "bus", {"count": 1}, now_us=NOW)]))
    await sealed(real, anchor, clock)
    everything = await export.plan(real, journal, READING, clock)
    assert everything.range == Range(ORIGIN, 5, 0, 5, (VKEY,))
    part = await export.plan(real, journal, READING, clock, start=1, stop=3)
    assert part.range == Range(ORIGIN, 3, 1, 3, (VKEY,))  # the batch of three has a checkpoint of its own
    assert checkpoints.verify(part.checkpoint, [LOG_KEY.verifier], ORIGIN).size == 3
    ids = [record.record_id for record in await real.sealed_records(0, 5)]
    made = [int.from_bytes(one[:6], "big") * 1000 for one in ids]
    timed = await export.plan(real, journal, READING, clock, from_us=made[0], until_us=made[-1] + 1_000)
    assert (timed.range.start, timed.range.stop) == (0, 5)
    acts = [record for record in await real.latest_records(9) if record.type == "journal-exported"]
    assert len(acts) == 3
    assert b'"facts":{"size":3,"start":1,"stop":3}' in acts[1].leaf


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"start": 3, "stop": 3}, InvalidRequest),
        ({"start": -1}, InvalidRequest),
        ({"stop": 6}, NoData),
        ({"from_us": 1, "until_us": 2_000}, NoData),
    ],
)
async def test_ranges_that_are_none_are_refused(
    real: Store,
    journal: Journal,
    anchor: Anchor,
    clock: Clock,
    wanted: dict[str, int],
    error: type[Exception],
) -> None:
    for _ in range(5):
        await real.commit(Unit([journal.act("noise", "bus", {"count": 1}, now_us=NOW)]))
    await sealed(real, anchor, clock)
    with pytest.raises(error):
        await export.plan(real, journal, READING, clock, **wanted)
