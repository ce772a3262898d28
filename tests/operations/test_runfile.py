import os
import stat

import pytest

from integrator.operations import runfile
from integrator.operations.runfile import NotRunningError, RunFile


def example(**changes) -> RunFile:
    values = {
        "address": "http://127.0.0.1:1",
        "portal": "http://127.0.0.1:1/",
        "control_token": "t",
        "site": ".",
    }
    return RunFile(**{**values, "pids": {"bus": os.getpid()}, **changes})


def test_it_is_private_and_read_back(tmp_path):
    path = example(keys={"municipal/namur": "itg_a_b"}).write(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert runfile.read(tmp_path).keys == {"municipal/namur": "itg_a_b"}
    runfile.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_a_broken_and_a_stale_file_say_what_to_do(tmp_path):
    with pytest.raises(NotRunningError, match="integrator run"):
        runfile.read(tmp_path)
    (tmp_path / runfile.NAME).write_text("{")
    with pytest.raises(NotRunningError, match="cannot be read"):
        runfile.read(tmp_path)
    example(pids={"bus": 2**22 + 1}).write(tmp_path)
    with pytest.raises(NotRunningError, match="has ended"):
        runfile.read(tmp_path)
