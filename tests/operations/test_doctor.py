import socket
from dataclasses import replace

import pytest

from integrator.operations.doctor import Surroundings, examine


@pytest.fixture
def at(tmp_path, free_port):
    return Surroundings(
        tmp_path, "127.0.0.1", free_port(), "sqlite:///x.db", "memory://", tmp_path / "keys.json"
    )


def state_of(at: Surroundings, name: str):
    return next(finding for finding in examine(at) if finding.name == name)


def test_a_good_place_has_no_failures(at):
    findings = list(examine(at))
    assert not [f for f in findings if f.state == "failed"]
    assert {f.name for f in findings} >= {"python", "packages", "disk", "port", "database", "broker", "keys"}


def test_every_failure_and_advice_has_a_remedy(at, free_port):
    bad = replace(
        at, database=f"postgresql://127.0.0.1:{free_port()}/x", broker=f"amqp://127.0.0.1:{free_port()}"
    )
    for finding in examine(bad):
        assert bool(finding.remedy) is (finding.state != "ok"), finding
    assert state_of(bad, "database").state == "failed"
    assert state_of(bad, "broker").state == "failed"


def test_a_port_in_use_is_one_clear_line(at):
    with socket.create_server((at.host, at.port)):
        finding = state_of(at, "port")
    assert finding.state == "failed"
    assert "--port" in finding.remedy
    assert "\n" not in finding.detail


def test_a_readable_key_file_fails(at):
    at.keys.write_text("{}")
    at.keys.chmod(0o644)
    assert state_of(at, "keys").remedy == f"chmod 600 {at.keys}"


def test_a_service_that_answers_is_ok(at):
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        assert state_of(replace(at, broker=f"amqp://127.0.0.1:{port}"), "broker").state == "ok"
