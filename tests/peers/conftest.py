"""Other people's software, built for the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bus.conftest import eventually, town  # noqa: F401 - the fixtures
from tests.conftest import missing

GO = Path(__file__).parent / "go"
SOURCE = GO / "verify"
DEBIAN = Path("/usr/share/gocode")


@pytest.fixture(scope="session")
def go_verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier on Go's golang.org/x/mod, from the module proxy or Debian's package."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        missing("Go", "apt-get install golang-go golang-golang-x-mod-dev")
    assert go is not None
    program = tmp_path_factory.mktemp("go") / "verify"
    build = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    made = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False, timeout=110)
    if made.returncode and DEBIAN.is_dir():
        debian = {**os.environ, "GO111MODULE": "off", "GOPATH": str(DEBIAN)}
        made = subprocess.run(build, cwd=SOURCE, capture_output=True, text=True, check=False, env=debian)
    if made.returncode:
        missing(
            "golang.org/x/mod", "apt-get install golang-golang-x-mod-dev, or let Go reach its module proxy"
        )
    return program


@pytest.fixture(scope="session")
def go_witness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The witness, client and policies of transparency-dev, from the module proxy (Go 1.25 or newer)."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        missing("Go", "install Go 1.25 or newer from go.dev")
    assert go is not None
    program = tmp_path_factory.mktemp("go") / "witness"
    build = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    made = subprocess.run(build, cwd=GO / "witness", capture_output=True, text=True, check=False, timeout=300)
    if made.returncode:
        missing("transparency-dev's witness", "install Go 1.25 or newer, and let it reach its module proxy")
    return program


Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def go_verify(go_verifier: Path) -> Verify:
    """Run the verifier on a log's directory."""

    def run(directory: Path, key: str, origin: str) -> subprocess.CompletedProcess[str]:
        command = [str(go_verifier), key, origin, str(directory)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run
