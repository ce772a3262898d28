import json
import logging

import pytest
import structlog

from integrator.telemetry import log

CANARY = "85073003328"


@pytest.fixture
def configured():
    before = logging.root.handlers[:], logging.root.level
    log.configure("info")
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], level = before[0], before[1]
    logging.root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        "85073003328",
        "niss=85.07.30-033.28;",
        '"85073003328"',
        "person 85073003328 asked",
        "itg_ab12_sEcr-et_x",
    ],
)
def test_numbers_and_keys_are_masked(text):
    masked = log.redact(text)
    assert CANARY not in masked
    assert "85.07.30" not in masked
    assert "sEcr" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "1732431234567890",
        "01937c3e-7d5a-7c3e-85073003328a-aaaaaaaaaaaa",
        "2026-11-24T06:24:47.123456Z",
        "a1b2c385073003328f",
    ],
)
def test_ids_and_times_are_left_alone(text):
    assert log.redact(text) == text


def test_events_are_json_without_values_of_errors(capsys, configured):
    try:
        raise ValueError(f"bad person {CANARY}")
    except ValueError:
        log.get("gateway").error("exchange-failed", exchange="x", note=f"n {CANARY}", exc_info=True)
    line = capsys.readouterr().err.strip()
    event = json.loads(line)
    assert event["event"] == "exchange-failed"
    assert event["error"] == "ValueError"
    assert any("test_log.py" in frame for frame in event["trace"])
    assert CANARY not in line


def test_libraries_log_their_template_only(capsys, configured):
    logging.getLogger("kombu").warning("lost %s", CANARY)
    event = json.loads(capsys.readouterr().err.strip())
    assert event["message"] == "lost %s"
    assert event["logger"] == "kombu"
