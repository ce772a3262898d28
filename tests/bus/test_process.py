"""The bus as a process: what it leaves behind, what it refuses, how it follows its site."""

import json
import shutil
import stat
import subprocess
import sys

import psycopg
import pytest

from integrator.operations import runfile
from integrator.operations.client import call, control
from tests.services.bus import BusProcess


def integrator(*arguments, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "integrator.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_health_metrics_and_portal_answer(town):
    health = call(town.bus.address, "GET", "/health").json()
    assert health["status"] == "UP"
    town.consult()
    metrics = call(town.bus.address, "GET", "/metrics").body.decode()
    assert 'integrator_exchanges_total{flow="person-consult",outcome="with-data"}' in metrics
    assert "integrator_journal_size" in metrics
    page = call(town.bus.address, "GET", "/", headers={"Accept-Language": "de"}).body.decode()
    assert "Person abfragen" in page


def test_the_journal_is_whole(town, eventually):
    town.consult()
    report = eventually(lambda: town.journal("check"), lambda found: found["sound"])
    assert report["size"] > 0


def test_the_run_file_is_private(town):
    path = town.bus.var / runfile.NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_site_is_swapped_live_and_a_broken_one_is_not(town):
    register = town.bus.site / "routes.yaml"
    before = register.read_text()
    try:
        register.write_text(before.replace("retention: P10Y", "retention: P11Y", 1))
        done = integrator("activate", "--var", str(town.bus.var))
        assert done.returncode == 0, done.stderr
        assert control(town.run, "GET", "/api/flows/person-consult")["retention"] == "P11Y"
        assert town.consult().status == 200
        register.write_text(before.replace("owner: regional/spw-digital", "owner: regional/nobody", 1))
        refused = integrator("activate", "--var", str(town.bus.var))
        assert refused.returncode == 1
        assert "routes.yaml:" in refused.stderr
        assert town.consult().status == 200
    finally:
        register.write_text(before)
    assert integrator("activate", "--var", str(town.bus.var)).returncode == 0


def test_commands_use_the_running_bus(town, tmp_path):
    data = tmp_path / "request.json"
    data.write_text(json.dumps({"niss": "66091495277"}))
    environment = {**town.bus.environment, "INTEGRATOR_KEY": town.keys["municipal/namur"]}
    sent = integrator(
        *("send", "person-consult", "--as", "municipal/namur", "--data", str(data)),
        *("--purpose", "environmental-permit", "--dossier", "imio-urban:PE/2026/118"),
        *("--agent", "RN/RBis:78051495111", "--var", str(town.bus.var)),
        env=environment,
    )
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["niss"] == "66091495277"
    listed = integrator("journal", "list", "--limit", "3", "--var", str(town.bus.var))
    assert len(listed.stdout.splitlines()) == 3
    found = integrator(
        "journal",
        "search",
        "--subject",
        "66091495277",
        "--why",
        "a test of the bus",
        "--var",
        str(town.bus.var),
    )
    assert "person-consult" in found.stdout
    wrong = integrator(
        "journal", "search", "--subject", "1", "--why", "a test of the bus", "--var", str(town.bus.var)
    )
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr


@pytest.fixture
def alone(tmp_path):
    """A second embedded bus's directory, and how to start it."""
    from tests.services.site import open_site

    site = open_site(tmp_path)
    nowhere = {
        "regional/bced-person": "http://127.0.0.1:9/x",
        "regional/permit-platform": "http://127.0.0.1:9",
    }
    return BusProcess(site, tmp_path / "var", nowhere)


def test_a_second_bus_on_the_same_database_is_refused(alone):
    alone.start()
    second = BusProcess(
        alone.site,
        alone.var,
        {"regional/bced-person": "http://127.0.0.1:9/x", "regional/permit-platform": "http://127.0.0.1:9"},
    )
    try:
        with pytest.raises(AssertionError, match="PostgreSQL"):
            second.start()
    finally:
        assert alone.stop() == 0


def test_a_port_in_use_and_workers_on_sqlite_are_one_clear_line(alone, free_port):
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = integrator(
            *("run", "--site", str(alone.site), "--var", str(alone.var), "--port", str(port)),
            env=alone.environment,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert f":{port}" in done.stderr
    many = integrator("run", "--workers", "2", "--var", str(alone.var), env=alone.environment)
    assert many.returncode == 1
    assert "PostgreSQL" in many.stderr or "postgresql" in many.stderr


def test_without_the_sandbox_signed_adapters_and_missing_references_are_refused(alone, tmp_path):
    from tests.services.site import copy_site

    other = tmp_path / "signed"
    other.mkdir()
    site = copy_site(other)
    done = integrator(
        "run", "--site", str(site), "--var", str(tmp_path / "v2"), "--port", "0", env=alone.environment
    )
    assert done.returncode == 1
    assert "regional/bced-person" in done.stderr
    assert "--sandbox" in done.stderr
    environment = {k: v for k, v in alone.environment.items() if k != "PERMIT_PLATFORM_URL"}
    done = integrator(
        "run", "--site", str(alone.site), "--var", str(tmp_path / "v3"), "--port", "0", env=environment
    )
    assert done.returncode == 1
    assert "PERMIT_PLATFORM_URL" in done.stderr


def test_another_key_file_and_a_lost_database_are_refused(alone):
    alone.start()
    assert alone.stop() == 0
    keys = alone.var / "keys.json"
    kept = keys.read_text()
    keys.unlink()
    with pytest.raises(AssertionError, match="key"):
        alone.start()
    keys.write_text(kept)
    keys.chmod(0o600)
    for path in alone.var.glob("integrator.db*"):
        path.unlink()
    shutil.rmtree(alone.var / "nothing", ignore_errors=True)
    with pytest.raises(AssertionError, match="anchor"):
        alone.start()


def test_unknown_configuration_is_refused_with_the_nearest_name(alone):
    done = integrator("run", env={**alone.environment, "INTEGRATOR_WORKRES": "2"})
    assert done.returncode == 1
    assert "INTEGRATOR_WORKERS" in done.stderr


def test_a_clean_stop_leaves_nothing_open(alone):
    run = alone.start()
    key = alone.add_key(run, "municipal/namur")
    assert key.startswith("itg_")
    assert alone.stop() == 0
    assert not (alone.var / runfile.NAME).exists()
    listed = integrator("key", "list", "--var", str(alone.var))
    assert "municipal/namur" in listed.stdout


@pytest.mark.xdist_group("services")
def test_a_new_database_at_an_old_address_is_made_ready(alone, tmp_path, postgres_server):
    name, url = postgres_server.create_database()
    endpoints = {
        "regional/bced-person": alone.environment["BCED_PERSON_URL"],
        "regional/permit-platform": alone.environment["PERMIT_PLATFORM_URL"],
    }
    bus = BusProcess(alone.site, tmp_path / "services", endpoints, "--database", url)
    bus.start()
    assert bus.stop() == 0
    postgres_server.drop_database(name)
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    with pytest.raises(AssertionError, match="anchor"):  # ready, but its records are gone
        bus.start()
    (bus.var / "journal.anchor").unlink()
    bus.start()
    assert bus.stop() == 0
    postgres_server.drop_database(name)
