from __future__ import annotations

import os
from pathlib import Path

import pytest

from integrator.security.limits import DEFAULT
from integrator.site.settings import PREFIX, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refused(*arguments, **named):
    with pytest.raises(SettingsError) as caught:
        load_settings(*arguments, **named)
    return caught.value.problems


def test_the_defaults_are_the_embedded_mode():
    settings = load_settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert settings.database_url == "sqlite:///integrator.db"  # relative to `var`
    assert settings.broker_url == "memory://"
    assert settings.anchor_path == Path("var/journal.anchor")
    assert settings.embedded
    assert settings.effective_limits() == DEFAULT


def test_arguments_win_over_environment_over_file(monkeypatch, tmp_path):
    file = tmp_path / "integrator.yaml"
    file.write_text("port: 1\nhost: file.example\nlog-level: debug\nworkers: 3\n")
    monkeypatch.setenv("INTEGRATOR_PORT", "2")
    monkeypatch.setenv("INTEGRATOR_HOST", "env.example")
    settings = load_settings({"port": 3, "workers": None})
    assert (settings.port, settings.host, settings.log_level, settings.workers) == (
        3,
        "env.example",
        "debug",
        3,
    )


def test_lists_and_mappings_of_the_environment(monkeypatch):
    monkeypatch.setenv("INTEGRATOR_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    monkeypatch.setenv("INTEGRATOR_LIMITS", '{"json_depth": 7, "exchange_seconds": 2.5}')
    settings = load_settings()
    assert settings.trusted_proxies == ["10.0.0.0/8", "192.0.2.1/32"]
    limits = settings.effective_limits()
    assert (limits.json_depth, limits.exchange_seconds, limits.xml_depth) == (7, 2.5, DEFAULT.xml_depth)
    assert type(limits.json_depth) is int


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "INTEGRATOR_PROT",
            "1",
            "unknown setting INTEGRATOR_PROT in the environment: did you mean 'INTEGRATOR_PORT'?",
        ),
        ("INTEGRATOR_PORT", "http", "port:"),
        ("INTEGRATOR_PORT", "70000", "port:"),
        ("INTEGRATOR_WORKERS", "0", "workers:"),
        ("INTEGRATOR_DATABASE", "mysql://x", "database: write sqlite:///file or postgresql://"),
        ("INTEGRATOR_BROKER", "redis://x", "broker: write memory:// or amqp://"),
        ("INTEGRATOR_TRUSTED_PROXIES", "proxy.example", "trusted-proxies.0: write an address or a network"),
        ("INTEGRATOR_LIMITS", "{", "limits: write a JSON object"),
        (
            "INTEGRATOR_LIMITS",
            '{"jsn_depth": 1}',
            "limits: unknown limit 'jsn_depth'; did you mean 'json_depth'?",
        ),
        ("INTEGRATOR_LIMITS", '{"json_depth": 0}', "limits: the limit 'json_depth' must be more than 0"),
        ("INTEGRATOR_LOG_LEVEL", "loud", "log-level:"),
        ("INTEGRATOR_ORIGIN", "a b", "origin:"),
    ],
)
def test_refused_in_the_environment(name, value, message, monkeypatch):
    monkeypatch.setenv(name, value)
    assert len(refused()) == 1
    assert refused()[0].startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 1\n", "integrator.yaml:1:1: unknown setting 'prot': did you mean 'port'?"),
        ("port: 1\nport: 2\n", "integrator.yaml:2:1: the key 'port' stands twice"),
        ("- port\n", "integrator.yaml: the settings are not a mapping"),
        ("port: [\n", "integrator.yaml:"),
    ],
)
def test_refused_in_the_file(text, message, tmp_path):
    (tmp_path / "integrator.yaml").write_text(text)
    assert refused()[0].startswith(message)


def test_a_named_file_must_exist():
    assert refused(file=Path("other.yaml")) == (
        "other.yaml: there is no such settings file: correct its name",
    )


def test_all_problems_at_once(monkeypatch, tmp_path):
    (tmp_path / "integrator.yaml").write_text("hots: x\nworkers: many\n")
    monkeypatch.setenv("INTEGRATOR_PRT", "1")
    assert len(refused()) == 3


def test_unknown_arguments_are_refused():
    assert "nothing" in refused({"nothing": 1})[0]


def test_addresses_with_passwords_are_never_shown(monkeypatch):
    monkeypatch.setenv("INTEGRATOR_DATABASE", "postgresql://bus:hunter2@db.example/x")
    assert "hunter2" not in repr(load_settings())
    assert load_settings().database_url.endswith("hunter2@db.example/x")
    monkeypatch.setenv("INTEGRATOR_DATABASE", "mysql://bus:hunter2@db.example/x")
    assert "hunter2" not in "".join(refused())


def test_crash_points_of_the_fault_tests_are_no_settings(monkeypatch):
    monkeypatch.setenv("INTEGRATOR_FAILPOINT", "commit-before")
    assert load_settings().port == 8080
