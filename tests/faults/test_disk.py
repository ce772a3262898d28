"""The disk of an embedded bus is full, or fails: nothing leaves unrecorded, and it goes on afterwards."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager
from uuid import uuid4

import pytest

from integrator.journal import verify
from integrator.journal.note import Verifier
from tests.bus.conftest import PERSON, PLATFORM
from tests.conftest import missing
from tests.peers.conftest import go_verifier, go_verify  # noqa: F401 - the fixtures


@contextmanager
def full_disk(town):
    """No file of the bus grows past one kilobyte (the kernel answers EFBIG)."""
    pid = town.bus.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_024, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_nothing_is_forwarded_while_the_disk_is_full(start_town, eventually):
    town = start_town()
    assert town.consult().status == 200
    with full_disk(town):
        answer = town.consult()
        assert (answer.status, answer.json()["reason"]) == (503, "not-recorded")
        event = town.notify(str(uuid4()))
        assert event.status == 503
        assert town.consult(purpose=None).status == 503
    eventually(lambda: town.consult().status, lambda status: status == 200)
    assert len(town.received(PERSON)) == 2
    assert town.received(PLATFORM) == []
    eventually(
        lambda: town.status(answer.headers["belgov-trace-id"]),
        lambda found: found.status == 200 and found.json()["state"] == "failed",
    )
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


def test_an_answer_is_withheld_where_the_disk_filled_up_meanwhile(start_town, eventually):
    town = start_town()
    town.fault(PERSON, "slow", next=1, seconds=2)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(town.consult()))
    asking.start()
    eventually(lambda: len(town.received(PERSON)), lambda count: count == 1)
    with full_disk(town):
        asking.join(timeout=60)
    (answer,) = answers
    assert (answer.status, answer.json()["reason"]) == (503, "outcome-unknown")
    eventually(
        lambda: town.status(answer.json()["exchange"]).json()["state"], lambda state: state == "unanswered"
    )
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


@pytest.mark.parametrize(("calls", "error"), [("fsync,fdatasync", "EIO"), ("pwrite64", "ENOSPC")])
def test_a_disk_that_fails_is_not_believed(start_town, eventually, tmp_path, go_verify, calls, error):  # noqa: F811
    if shutil.which("strace") is None:
        missing("strace", "apt-get install strace")
    town = start_town()
    assert town.consult().status == 200
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    command = ["strace", "-f", "-p", str(town.bus.process.pid), *inject]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        try:
            if b"attached" not in tracer.stderr.readline():
                missing("the right to trace a process", "allow ptrace (kernel.yama.ptrace_scope)")
            assert town.consult().status == 503
            assert town.notify(str(uuid4())).status == 503
            assert len(town.received(PERSON)) == 1
        finally:
            tracer.send_signal(signal.SIGINT)
    town.bus.kill()
    town.run = town.bus.start()
    eventually(lambda: town.consult().status, lambda status: status == 200)
    report = eventually(lambda: town.journal("check"), lambda found: found["sound"])
    assert report["exchanges_open"] == 0
    assert town.consult(purpose=None).status == 403
    key = town.journal("key")["key"]
    eventually(lambda: town.journal("check"), lambda found: found["unsealed"] <= 1)
    assert verify.main([f"{town.bus.address}/log", "--key", key, "--keep", str(tmp_path / "log")]) == 0
    assert go_verify(tmp_path / "log", key, Verifier.parse(key).name).returncode == 0
    assert town.bus.stop() == 0
