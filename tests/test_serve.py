"""The process that `make run` starts: what it prints, how it ends, what it leaves behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integrator.operations import runfile
from integrator.operations.client import call
from integrator.operations.runfile import RunFile
from tests.services.ports import free_port
from tests.services.site import copy_site

SECONDS = 60.0
_CURL = re.compile(r"^curl .*?(?<!\\)\n", re.MULTILINE | re.DOTALL)


class Started:
    """`integrator run --sandbox --demo` with its output in files."""

    def __init__(self, directory: Path, port: int) -> None:
        self.var, self.port = directory / "var", port
        self.printed, self.complained = directory / "stdout", directory / "stderr"
        command = [sys.executable, "-m", "integrator.cli", "run", "--sandbox", "--demo"]
        command += ["--log-level", "warning", "--site", str(directory / "site")]
        command += ["--var", str(self.var), "--port", str(port)]
        with self.printed.open("wb") as out, self.complained.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)

    def wait_for(self, text: str) -> str:
        """What it printed, once that text is in it."""
        self.until(lambda: text in self.printed.read_text())
        return self.printed.read_text()

    def until(self, true) -> None:
        """Wait until something is so."""
        end = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < end, self.complained.read_text()
            time.sleep(0.01)

    def child(self) -> int:
        """The process id of its sandbox, once it has one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found: list[str] = []

        def seen() -> bool:
            found[:] = children.read_text().split()
            return bool(found)

        self.until(seen)
        return int(found[0])

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it: to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=SECONDS)


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def start(tmp_path):
    """Start it, once or several times, on one directory; whatever still runs at the end is killed."""
    copy_site(tmp_path)
    started: list[Started] = []
    port = free_port()

    def begin() -> Started:
        started.append(Started(tmp_path, port))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_what_it_prints_can_be_read_and_copied(start):
    bus = start()
    text = bus.wait_for("Ctrl-C stops it")
    run = runfile.read(bus.var)
    assert [line.split()[-3] for line in text.splitlines()[3:9]] == ["200", "200", "404", "403", "202", "200"]
    columns = {re.search(r"\s\d{3}  ", line).start() for line in text.splitlines()[3:9]}
    assert len(columns) == 1
    assert run.portal in text
    assert "\x1b" not in text
    answers = [
        subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30).stdout
        for command in _CURL.findall(text)
    ]
    body, status = answers[0].rsplit("\n", 2)[:2]
    assert (json.loads(body)["niss"], status) == ("67051595240", "200")
    body, status = answers[1].rsplit("\n", 2)[:2]
    assert (json.loads(body)["reason"], status) == ("dossier-void", "403")
    assert bus.interrupt() == 0
    assert bus.complained.read_text() == ""
    assert "Stopped" in bus.printed.read_text()
    assert not alive(run.pids["sandbox"])
    assert not (bus.var / runfile.NAME).exists()


def test_killed_it_leaves_no_sandbox_and_starts_again(start):
    first = start()
    first.wait_for("Ctrl-C stops it")
    left = runfile.read(first.var)
    first.process.kill()
    first.process.wait()
    first.until(lambda: not alive(left.pids["sandbox"]))
    with pytest.raises(runfile.NotRunningError, match="has ended"):
        runfile.read(first.var)
    second = start()
    second.wait_for("Ctrl-C stops it")
    assert runfile.read(second.var).pids["bus"] == second.process.pid
    headers = {"Authorization": f"Bearer {left.keys['municipal/namur']}"}
    path = "/v1/exchanges/00000000-0000-7000-8000-000000000000"
    assert call(f"http://127.0.0.1:{second.port}", "GET", path, headers=headers).status == 401
    assert second.interrupt() == 0


@pytest.mark.parametrize("when", ["sandbox", "keys.json", "schema"])
def test_ctrl_c_while_it_starts_ends_it_without_a_word(start, when):
    bus = start()
    sandbox = bus.child()
    if when != "sandbox":
        bus.until(lambda: (bus.var / when).exists())
    assert bus.interrupt() in (0, 130)
    assert bus.complained.read_text() == ""
    bus.until(lambda: not alive(sandbox))
    assert not (bus.var / runfile.NAME).exists()


def test_a_port_in_use_is_said_before_anything_is_made(start):
    first = start()
    first.wait_for("Ctrl-C stops it")
    second = start()
    assert second.process.wait(timeout=SECONDS) == 1
    assert second.complained.read_text().count("\n") == 1
    assert "PORT=" in second.complained.read_text()
    assert first.interrupt() == 0


def test_a_site_with_mistakes_is_named_before_it_starts(start, tmp_path):
    register = tmp_path / "site/routes.yaml"
    register.write_text(register.read_text().replace("owner: regional/spw-digital", "owner: regional/no", 1))
    bus = start()
    assert bus.process.wait(timeout=SECONDS) == 1
    assert "routes.yaml:" in bus.complained.read_text()
    assert "Traceback" not in bus.complained.read_text()
    register.write_text("flows: [\n")
    bus = start()
    assert bus.process.wait(timeout=SECONDS) == 1
    assert "routes.yaml:" in bus.complained.read_text()
    assert "Traceback" not in bus.complained.read_text()


def test_a_run_file_whose_process_id_went_to_another_is_not_believed(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        tmp_path.joinpath("var").mkdir()
        RunFile(address, f"{address}/", "token", ".", {"bus": os.getpid()}).write(tmp_path / "var")
        command = [sys.executable, "-m", "integrator.cli", "key", "list"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no bus has run" in done.stderr
