"""A log checked from outside: what is sound is proven, and every change to it is found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from integrator.journal import verify as outside
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import EMPTY_ROOT, leaf_hash, root_of
from integrator.journal.note import Signer
from integrator.journal.tiles import ENTRIES, Tile, join_entries
from integrator.journal.verify import LogRefused, Unreadable, directory, verify
from tests.journal.conftest import LOG_KEY
from tests.journal.log_files import ORIGIN, VKEY, build_log, files, replace_by

SMALL = [b"entry %d" % n for n in range(5)]
LARGE = [b"%d" % n for n in range(700)]
KNOWN = [LOG_KEY.verifier]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    build_log(tmp_path / "log", SMALL)
    return tmp_path / "log"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    build_log(tmp_path / "log", LARGE)
    return tmp_path / "log"


def refused(log: Path, **more: object) -> str:
    with pytest.raises(LogRefused) as caught:
        verify(directory(log), KNOWN, ORIGIN, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_sound_log(large: Path) -> None:
    done = verify(directory(large), KNOWN, ORIGIN)
    assert (done.size, done.entries, done.tiles) == (700, 700, 4)
    assert done.root == root_of([leaf_hash(entry) for entry in LARGE])
    assert verify(directory(large), KNOWN, ORIGIN, tiles_only=True).entries == 0


def test_an_empty_log(tmp_path: Path) -> None:
    build_log(tmp_path, [])
    assert verify(directory(tmp_path), KNOWN, ORIGIN).root == EMPTY_ROOT


def test_every_flipped_bit_of_a_small_log_is_found(small: Path) -> None:
    for path in files(small):
        whole = path.read_bytes()
        for place in range(len(whole)):
            for bit in range(8):
                altered = bytearray(whole)
                altered[place] ^= 1 << bit
                path.write_bytes(altered)
                refused(small)
        path.write_bytes(whole)
    assert verify(directory(small), KNOWN, ORIGIN).size == 5


@pytest.mark.parametrize("tile", ["tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"])
def test_every_tile_of_a_larger_log_is_held_against_the_entries(large: Path, tile: str) -> None:
    path = large / tile
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        refused(large)
    path.write_bytes(whole[:-32])
    refused(large)
    path.unlink()
    assert "cannot be read" in refused(large)


def removed(entries: list[bytes]) -> list[bytes]:
    return [*entries[:2], *entries[3:]]


def swapped(entries: list[bytes]) -> list[bytes]:
    return [entries[0], entries[2], entries[1], *entries[3:]]


@pytest.mark.parametrize("change", [removed, swapped])
def test_a_record_removed_or_swapped(small: Path, tmp_path: Path, change: Callable[[list], list]) -> None:
    """In the entries alone, and in all files with care but under the old checkpoint."""
    bundle = small / Tile(ENTRIES, 0, 5).path()
    whole = bundle.read_bytes()
    bundle.write_bytes(join_entries(change(SMALL)))
    refused(small)
    bundle.write_bytes(whole)
    build_log(tmp_path / "other", change(SMALL), Signer(ORIGIN, b"x" * 32))
    assert "no key you trust" in refused(tmp_path / "other")
    replace_by(small, tmp_path / "other")
    refused(small)


def test_a_bundle_with_an_entry_too_few(small: Path) -> None:
    bundle = small / Tile(ENTRIES, 0, 5).path()
    bundle.write_bytes(join_entries(SMALL[:4]))
    assert "4 entries instead of 5" in refused(small)


def test_an_edited_size_and_another_origin(small: Path, tmp_path: Path) -> None:
    signed = (small / "checkpoint").read_bytes()
    (small / "checkpoint").write_bytes(signed.replace(b"\n5\n", b"\n4\n"))
    assert "altered" in refused(small)
    build_log(tmp_path / "other", SMALL, LOG_KEY, origin="other.example/journal")
    with pytest.raises(LogRefused, match=r"of other\.example/journal, not of"):
        verify(directory(tmp_path / "other"), KNOWN, ORIGIN)


def test_it_continues_what_was_seen_before(large: Path, small: Path, tmp_path: Path) -> None:
    hashes = [leaf_hash(entry) for entry in LARGE]
    build_log(tmp_path / "log", LARGE)
    earlier = [Checkpoint(ORIGIN, size, root_of(hashes[:size])) for size in (0, 1, 256, 300, 700)]
    verify(directory(large), KNOWN, ORIGIN, earlier=earlier)
    assert "rewritten: at 300" in refused(large, earlier=[Checkpoint(ORIGIN, 300, bytes(32))])
    assert "rewritten: at 0" in refused(large, earlier=[Checkpoint(ORIGIN, 0, bytes(32))])
    assert "shrunk" in refused(large, earlier=[Checkpoint(ORIGIN, 701, bytes(32))])


def test_the_command(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert outside.main([str(small), "--key", VKEY]) == 0
    assert "size 5" in capsys.readouterr().out
    assert outside.main([str(small), "--key", VKEY, "--earlier", str(small / "checkpoint")]) == 0
    assert outside.main([str(small), "--key", VKEY, "--origin", "other"]) == 1
    assert outside.main([str(small), "--key", "no key"]) == 1
    assert outside.main([str(tmp_path / "nothing"), "--key", VKEY]) == 1
    assert capsys.readouterr().err.count("refused: ") == 3


def test_over_http_with_a_copy_kept(large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=str(large)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        assert outside.main([url, "--key", VKEY, "--keep", str(tmp_path / "copy")]) == 0
        with pytest.raises(Unreadable, match="404"):
            outside.address(url)("tile/5/000")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "700 entries and 4 tiles" in capsys.readouterr().out
    assert [p.read_bytes() for p in files(tmp_path / "copy")] == [p.read_bytes() for p in files(large)]
    with pytest.raises(Unreadable, match="cannot be read"):
        outside.address(url)("checkpoint")
    with pytest.raises(Unreadable, match="http or https"):
        outside.address("file:///etc")


def test_it_stands_alone(small: Path) -> None:
    """Neither the writer nor the store nor anything but the formats is loaded."""
    code = (
        "import sys; from integrator.journal.verify import main; "
        f"status = main([{str(small)!r}, '--key', {VKEY!r}]); "
        "print(*sorted(name for name in sys.modules if name.startswith('integrator'))); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    formats = {"archive", "cosignature", "policy"} | {
        "merkle",
        "tiles",
        "note",
        "checkpoint",
        "proof",
        "verify",
    }
    assert loaded == {"integrator", "integrator.journal", *(f"integrator.journal.{name}" for name in formats)}
