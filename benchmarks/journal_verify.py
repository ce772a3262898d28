"""How fast outsiders prove a whole log: Go's own packages and our verifier, on the same files.

    python -m benchmarks.journal_verify [--entries 1000000] [--rounds 3]

The log is made of leaves as the writer makes them (two an exchange), with another id each. The programs
are started as an auditor starts them; their start is part of the time. They alternate.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.journal_build import NOW, first, keyring, last
from benchmarks.measure import ROOT, keep, spread, table
from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle, tiles
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.logkey import LogKey
from integrator.journal.tiles import ENTRIES, Tile
from integrator.journal.writer import Journal

ORIGIN = "bench.example/journal"
GOALS = {"Go": 300_000, "ours": 50_000}


def make(directory: Path, size: int) -> str:
    """Write a log of so many entries; its verifier key."""
    journal = Journal(keyring(), ORIGIN)
    samples = [
        journal.record(kind, context, now_us=NOW, final=final)
        for kind, context, final in (("received", first(), False), ("completed", last(), True))
    ]
    parts = []
    for row in samples:
        text = row.record_id.hex()
        shown = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()
        parts.append((row.leaf.split(shown)[0], shown[:24], row.leaf.split(shown)[1]))
    tree, above = merkle.CompactRange(), dict[int, list[bytes]]()
    for tile in tiles.of_level(0, size):
        entries = []
        for number in range(tile.start, tile.stop):
            before, shown, after = parts[number % 2]
            entries.append(b"%s%s%012x%s" % (before, shown, number, after))
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        for (level, _), item in tree.extend(leaves):
            above.setdefault(level // merkle.TILE_HEIGHT, []).append(item)
        _write(directory / tile.path(), tiles.join_hashes(leaves))
        _write(directory / Tile(ENTRIES, tile.index, tile.width).path(), tiles.join_entries(entries))
    for tile in tiles.tiles_of(size):
        if tile.level:
            _write(directory / tile.path(), tiles.join_hashes(above[tile.level][tile.start : tile.stop]))
    key = LogKey.current(ORIGIN, keyring())
    _write(directory / "checkpoint", checkpoints.sign(Checkpoint(ORIGIN, size, tree.root()), key))
    return str(key.verifier)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def build_go(directory: Path) -> list[str] | None:
    """The Go verifier of the tests; None without Go or its module."""
    go = shutil.which("go")
    if go is None:
        return None
    command = [go, "build", "-buildvcs=false", "-o", str(directory / "verify"), "."]
    done = subprocess.run(command, cwd=ROOT / "tests/peers/go/verify", check=False, capture_output=True)
    return [str(directory / "verify")] if done.returncode == 0 else None


def timed(command: list[str]) -> float:
    """Seconds until the log is proven."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        key = make(log, asked.entries)
        commands = {"ours": [sys.executable, "-m", "integrator.journal.verify", "--key", key, str(log)]}
        go = build_go(Path(name))
        if go is not None:
            commands["Go"] = [*go, key, ORIGIN, str(log)]
        found: dict[str, list[float]] = {who: [] for who in commands}
        for _ in range(asked.rounds):
            for who, command in commands.items():
                found[who].append(asked.entries / timed(command))
        megabytes = sum(path.stat().st_size for path in log.rglob("*") if path.is_file()) / 1e6
    lines = [["verifier", "entries/s", "(min-max)", "goal"]]
    kept: dict[str, Any] = {"entries": asked.entries, "log_mb": megabytes, "entries_per_second": found}
    for who, rates in found.items():
        rate = spread(rates)
        lines.append(
            [who, f"{rate['median']:,.0f}", f"({rate['min']:,.0f}-{rate['max']:,.0f})", f"{GOALS[who]:,}"]
        )
    print(table(lines))
    print(
        f"{asked.entries:,} entries, {megabytes:.0f} MB; kept in {keep('journal_verify', kept).relative_to(ROOT)}"
    )


if __name__ == "__main__":
    main()
