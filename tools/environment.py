#!/usr/bin/env python3
"""Makes .venv with the pinned, hash-checked dependencies; needs only Python 3.11 and the network.

    python3 tools/environment.py run     what the bus needs
    python3 tools/environment.py dev     and what its tests need

Uses uv where it is installed, else python3's own venv and pip, else a uv wheel whose hash is pinned
here (a bare Debian has neither pip nor venv). Does nothing when the lock file did not change.
"""

from __future__ import annotations

import hashlib
import html.parser
import importlib.util
import os
import platform
import shutil
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
UV_VERSION = "0.13.9"
UV_WHEELS = {
    "x86_64": (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    "aarch64": (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
}


def main() -> int:
    """Bring .venv to the state of the lock file."""
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in ("run", "dev"):
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may have another Python
        print(f"Python 3.11 or newer is needed, this is {platform.python_version()}: apt-get install python3")
        return 1
    lock = ROOT / "requirements" / f"{kind}.lock"
    state = hashlib.sha256(lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = VENV / f".{kind}"
    if stamp.exists() and stamp.read_text() == state:
        return 0
    print(f"Making the environment in .venv ({kind}) ...", flush=True)
    install = installer()
    install("--require-hashes", "-r", str(lock))
    install("--no-deps", "--no-build-isolation", "-e", str(ROOT))
    stamp.write_text(state)
    if kind == "dev":  # the larger set contains the smaller one
        run_lock = (ROOT / "requirements/run.lock").read_bytes()
        (VENV / ".run").write_text(
            hashlib.sha256(run_lock + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
        )
    return 0


def installer():
    """A function that installs into .venv, made by the best means this machine has."""
    python = VENV / "bin" / "python"
    uv = shutil.which("uv")
    if uv is None and importlib.util.find_spec("ensurepip") is None:
        uv = str(fetch_uv())
    if uv:
        if not python.exists():
            run(uv, "venv", "--quiet", "--python", sys.executable, str(VENV))
        return lambda *arguments: run(uv, "pip", "install", "--quiet", "--python", str(python), *arguments)
    if not (VENV / "bin" / "pip").exists():
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    return lambda *arguments: run(str(python), "-m", "pip", "install", "--quiet", *arguments)


def run(*command: str) -> None:
    """Run a command; end with its status where it fails."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        print(f"failed: {' '.join(command[:4])} ... (is the network there?)", file=sys.stderr)
        raise SystemExit(done.returncode)


def fetch_uv() -> Path:
    """The uv program from its wheel on the package index, refused unless its hash is the pinned one."""
    program = ROOT / ".cache" / f"uv-{UV_VERSION}" / "uv"
    if program.exists():
        return program
    try:
        tag, expected = UV_WHEELS[platform.machine()]
    except KeyError:
        raise SystemExit("no pinned installer for this processor: apt-get install python3-venv") from None
    name = f"uv-{UV_VERSION}-py3-none-{tag}.whl"
    index = (os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple").rstrip("/") + "/uv/"
    links = Links(index)
    links.feed(read(index).decode())
    if name not in links.by_name:
        raise SystemExit(f"the package index has no {name}: apt-get install python3-venv")
    wheel = read(links.by_name[name])
    if hashlib.sha256(wheel).hexdigest() != expected:
        raise SystemExit(f"{name} is not the pinned file: its hash differs, nothing was installed")
    program.parent.mkdir(parents=True, exist_ok=True)
    packed = program.parent / name
    packed.write_bytes(wheel)
    with zipfile.ZipFile(packed) as archive:
        member = next(item for item in archive.namelist() if item.endswith("/scripts/uv"))
        program.write_bytes(archive.read(member))
    packed.unlink()
    program.chmod(0o755)
    return program


class Links(html.parser.HTMLParser):
    """The files of a simple index page (PEP 503) by name."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.by_name: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keep where each link points."""
        target = dict(attributes).get("href")
        if tag == "a" and target:
            url = urllib.parse.urljoin(self.base, target)
            self.by_name[urllib.parse.unquote(urllib.parse.urlsplit(url).path.rpartition("/")[2])] = url


def read(url: str) -> bytes:
    """What is at an https address."""
    if not url.startswith("https://"):
        raise SystemExit(f"only https is used to install: {url}")
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"))
    with urllib.request.urlopen(url, context=context, timeout=180) as answer:
        body: bytes = answer.read()
        return body


if __name__ == "__main__":
    raise SystemExit(main())
