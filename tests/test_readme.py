"""The README's first flow by hand, executed: its files are written and its commands run as printed."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.bus import BusProcess
from tests.services.site import ROOT, copy_site

_BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<what>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what its info string says to do with it, its text."""

    language: str
    what: str
    text: str


def blocks() -> list[Block]:
    """The fenced blocks of README.md in order."""
    found = _BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    return [Block(match["language"], match["what"] or "", match["text"]) for match in found]


def write_files(site: Path) -> list[str]:
    """Do what the file blocks say; the paths they wrote."""
    written = []
    for block in blocks():
        action, _, name = block.what.partition("=")
        path = site / name
        if action == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        elif action == "append":
            path.write_text(path.read_text("utf-8") + block.text, "utf-8")
        else:
            continue
        written.append(name)
    return written


def run_line(line: str, site: Path) -> subprocess.CompletedProcess[str]:
    """One line of a `sh run` block, with the environment's program for the one of .venv."""
    program = f"{shlex.quote(sys.executable)} -m integrator.cli"
    command = line.replace(".venv/bin/integrator", program)
    assert command != line, f"a line the README prints does not use the bus: {line}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("INTEGRATOR_")}
    return subprocess.run(
        ["sh", "-c", command], cwd=site, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def bus(tmp_path):
    """What `make run` starts, on a copy of the site."""
    site = copy_site(tmp_path)
    nowhere = {"regional/bced-person": "http://127.0.0.1:9", "regional/permit-platform": "http://127.0.0.1:9"}
    bus = BusProcess(site, site / "var", nowhere)
    bus.sandbox = True
    bus.start()
    yield bus
    assert bus.stop() == 0


def test_the_first_flow_by_hand_works_as_printed(bus):
    written = write_files(bus.site)
    assert written[-1] == "routes.yaml"
    assert len(written) == 4
    lines = [line for block in blocks() if block.what == "run" for line in block.text.splitlines()]
    done = {}
    for line in lines:
        result = run_line(line, bus.site)
        assert result.returncode == 0, (line, result.stdout, result.stderr)
        done[line.partition(".venv/bin/integrator ")[2].split()[0]] = result
    assert list(done) == ["check", "activate", "send", "journal"]
    assert "No mistakes" in done["check"].stdout
    assert "unchanged" not in done["activate"].stdout
    assert json.loads(done["send"].stdout) == {"class": "2", "fee": 110}
    records = [json.loads(line) for line in done["journal"].stdout.splitlines()]
    assert len(records) == 2
    assert {record["flow"] for record in records} == {"permit-fee"}
    assert {record["type"] for record in records} == {"received", "completed"}


def test_every_place_the_readme_names_is_there():
    text = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
    first_column = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    named = [name for cell in first_column for name in re.findall(r"`([^`]+)`", cell)]
    assert len(named) > 8
    for name in named:
        assert (ROOT / name).exists(), name


def test_make_targets_the_readme_names_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"make (\w+)", (ROOT / "README.md").read_text("utf-8"))) - {"python3"}
    assert {"run", "test", "bench"} <= named
    assert named <= targets | {"a"}
