"""An exported part of the log, judged by Go."""

from __future__ import annotations

import subprocess
from pathlib import Path

from integrator.journal import archive, verify
from integrator.journal.archive import Range
from tests.journal.log_files import ORIGIN, VKEY, build_log


def judged(program: Path, out: Path, *part: str) -> int:
    command = [str(program), VKEY, ORIGIN, str(out), *part]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).returncode


def test_go_accepts_an_exported_part_and_refuses_a_changed_one(go_verifier: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "part"
    build_log(log, [b"entry %d" % n for n in range(700)])
    archive.write(out, Range(ORIGIN, 700, 300, 310, (VKEY,)), verify.directory(log), lambda *_: None)
    assert judged(go_verifier, out, "300", "310") == 0
    assert judged(go_verifier, out) == 1  # the other entries are not there
    assert judged(go_verifier, log) == 0
    for name in ("checkpoint", "tile/0/000", "tile/0/001", "tile/entries/001", "tile/1/000.p/2"):
        path = out / name
        whole = path.read_bytes()
        path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
        assert judged(go_verifier, out, "300", "310") == 1, name
        path.write_bytes(whole)
    assert judged(go_verifier, out, "300", "x") == 1
