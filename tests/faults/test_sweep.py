"""kill -9 at every named point of writing, sealing and witnessing, on one log that must survive them all."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integrator.store import failpoints
from integrator.store.migrate import migrate
from tests.faults.crashing_log import LOG_KEY, ORIGIN, CrashingLog
from tests.faults.victim import Round, line
from tests.peers.conftest import Verify, go_verifier, go_verify  # noqa: F401 - the fixtures

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "20"))
# A batch holds many records: what happens once a batch is reached less often.
HITS_MAX = {"commit-before": 20, "commit-after": 20}


@contextmanager
def forking() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.victim"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def lives(chance: random.Random) -> Iterator[tuple[str | None, float]]:
    """Every named point in turn, then a moment at random; each at a random hit."""
    while True:
        for name in (*failpoints.POINTS, None):
            hit = f"{name}:{chance.randint(1, HITS_MAX.get(name, 6))}" if name else None
            yield hit, chance.uniform(0.0, 0.1)


@pytest.mark.timeout(1800)
async def test_whatever_kills_it_the_log_goes_on_and_is_proven(
    store_url: str,
    tmp_path: Path,
    go_verify: Verify,  # noqa: F811
) -> None:
    seed = int(os.environ.get("FAULT_SEED", random.randrange(2**32)))
    print(f"FAULT_SEED={seed}")
    (tmp_path / "data").mkdir()
    migrate(store_url, tmp_path / "data")
    log, size = CrashingLog(store_url, tmp_path), 0
    with forking() as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        for number, (point, seconds) in zip(range(ROUNDS), lives(random.Random(seed)), strict=False):
            told = tmp_path / f"round-{number}"
            victim.stdin.write(line(Round(store_url, str(tmp_path), str(told), point, seconds)))
            victim.stdin.flush()
            assert victim.stdout.readline() == "-9\n", (number, point)
            if told.exists():
                log.acknowledged |= {bytes.fromhex(one) for one in told.read_text().split()}
            before, size = size, await log.examine()
            assert size >= before, point
    assert size >= ROUNDS
    done = go_verify(tmp_path / "log", str(LOG_KEY.verifier), ORIGIN)
    assert done.returncode == 0, done.stderr
    assert f"{size} entries" in done.stdout


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("services"))])
def store_url(request: pytest.FixtureRequest) -> str:
    return "sqlite:///bus.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
