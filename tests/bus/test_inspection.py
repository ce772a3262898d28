"""The auditor's commands against a running bus: roles by key files, reports, breach sets by two people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NUMBER = "66091495277"
WHY = ("--why", "request 2026/17, GDPR art. 15")


def integrator(town: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a person runs it beside the bus."""
    environment = {**os.environ, **town.bus.environment}
    command = [sys.executable, "-m", "integrator.cli", *arguments, "--var", str(town.bus.var)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


def key_file(town: Any, directory: Path, party: str, role: str) -> str:
    """A file with a new key of a role."""
    made = integrator(town, "key", "add", party, "--role", role)
    assert made.returncode == 0, made.stderr
    path = directory / f"{role}.key"
    path.write_text(made.stdout.strip())
    return str(path)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_roles_see_their_half_through_the_command_line(town: Any, tmp_path: Path) -> None:
    exchange = town.consult(NUMBER).headers["belgov-trace-id"]
    search = ("journal", "search", "--exchange", exchange, *WHY)
    assert [row["exchange"] for row in lines(integrator(town, *search))] == [exchange]
    officer = key_file(town, tmp_path, "municipal/liege", "dpo")
    assert lines(integrator(town, *search, "--key-file", officer)) == []
    source = key_file(town, tmp_path, "regional/bced", "source-owner")
    (row,) = lines(integrator(town, *search, "--key-file", source))
    assert row["agent"] is None
    refused = integrator(town, "journal", "search", "--subject", NUMBER, *WHY, "--key-file", source)
    assert refused.returncode == 1
    assert "may not search by subject" in refused.stderr.replace("\n", " ")
    assert NUMBER not in refused.stderr


def test_a_role_key_exchanges_no_data(town: Any, tmp_path: Path) -> None:
    key = Path(key_file(town, tmp_path, "municipal/namur", "dpo")).read_text()
    answer = town.bus.status_of(town.consult(NUMBER).headers["belgov-trace-id"], key)
    assert answer.status == 401


def test_a_report_in_three_forms(town: Any, tmp_path: Path) -> None:
    exchange = town.consult(NUMBER).headers["belgov-trace-id"]
    report = ("journal", "report", "--subject", NUMBER, *WHY)
    document = json.loads(integrator(town, *report).stdout)
    assert exchange in {entry["exchange"] for entry in document["entries"]}
    page = integrator(town, *report, "--format", "html", "--lang", "nl").stdout
    assert '<html lang="nl">' in page
    assert NUMBER not in page
    saved = tmp_path / "report.csv"
    assert integrator(town, *report, "--format", "csv", "--save", str(saved)).returncode == 0
    assert saved.stat().st_mode & 0o077 == 0
    assert exchange in saved.read_text()
    void = integrator(town, "journal", "report", "--subject", NUMBER, "--why", "valeur sans importance")
    assert "this is no reason" in void.stderr.replace("\n", " ")


def test_a_breach_set_takes_two(town: Any, tmp_path: Path) -> None:
    town.consult(NUMBER)
    period = ("--from", "2020-01-01", "--until", "2099-01-01")
    asked = integrator(town, "journal", "breach", "ask", "--party", "municipal/namur", *period, *WHY)
    assert asked.returncode == 0, asked.stderr
    breach = asked.stdout.strip()
    own = integrator(town, "journal", "breach", "release", breach, "--who", "Somebody Else", *WHY)
    assert own.returncode == 1
    assert "another person does" in own.stderr.replace("\n", " ")
    auditor = key_file(town, tmp_path, "regional/spw-digital", "auditor")
    released = integrator(
        town, "journal", "breach", "release", breach, "--who", "L. Janssens", *WHY, "--key-file", auditor
    )
    assert released.returncode == 0, released.stderr
    found = lines(integrator(town, "journal", "breach", "subjects", breach, *WHY))
    assert NUMBER in {row["subject"] for row in found}
    listed = lines(integrator(town, "journal", "breach", "list"))
    assert {row["released_by"] for row in listed if row["breach"] == breach} == {"L. Janssens"}


def test_recipients_links_and_readings(town: Any) -> None:
    town.consult(NUMBER)
    found = lines(integrator(town, "journal", "recipients", "--subject", NUMBER, *WHY))
    assert "municipal/namur" in {row["party"] for row in found}
    link = integrator(town, "journal", "link", "add", "85073003328", NUMBER, *WHY)
    assert link.returncode == 0, link.stderr
    replaced = lines(integrator(town, "journal", "search", "--subject", "85073003328", *WHY))
    assert replaced
    assert integrator(town, "journal", "link", "remove", link.stdout.strip(), *WHY).returncode == 0
    readings = lines(integrator(town, "journal", "readings", "--subject", NUMBER, *WHY))
    assert readings[0]["why"] == WHY[1]
