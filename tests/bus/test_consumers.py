"""What the bus fetches by itself: recorded, delivered and governed like any event, in one process at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrator.operations.client import control
from integrator.operations.demo import notification
from integrator.operations.runfile import RunFile
from tests.services import postgres, rabbitmq
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

FLOW = """
  nightly-notice:
    title: {{fr: Avis, nl: Bericht, de: Mitteilung, en: Notice}}
    owner: regional/spw-digital
    route: routes/regional/nightly-notice.camel.yaml
    exchange: event
    entries:
      - consume: {{uri: "timer:notice", as: municipal/namur, purpose: environmental-permit, dossier: '{dossier}'}}
    delivery: {{attempts: 3, first-delay: 50ms, factor: 2, max-delay: 1s}}
    data: internal
"""
ROUTE = """
- route:
    id: nightly-notice
    from:
      uri: timer:notice
      parameters: {{period: "200", delay: "0"}}
      steps:
        - setBody: {{constant: '{body}'}}
        - to: adapter:regional/permit-platform?operation=registerPermit
"""
GRANT = """
- to: municipal/namur
  purposes: [environmental-permit]
  agent: optional
  authorisation: protocol SPW-2026-030
  valid: 2026-01-01/2030-12-31
"""
DOSSIER = '"imio-urban:PE/2026/118"'


def site_with_timer(directory: Path, dossier: str = DOSSIER) -> Path:
    site = open_site(directory)
    register = site / "routes.yaml"
    register.write_text(register.read_text() + FLOW.format(dossier=dossier))
    body = json.dumps(notification()).replace("'", "''")
    (site / "routes/regional/nightly-notice.camel.yaml").write_text(ROUTE.format(body=body))
    (site / "routes/regional/nightly-notice.grants.yaml").write_text(GRANT)
    adapter = site / "adapters/regional/permit-platform.yaml"
    text = adapter.read_text()
    adapter.write_text(text.replace("    allow:\n", "    allow:\n      - {flow: nightly-notice}\n"))
    return site


def journal(run: RunFile, command: str, **arguments: Any) -> Any:
    return control(
        run,
        "POST",
        f"/api/journal/{command}",
        {"arguments": arguments, "who": "auditor", "why": "test of consumers"},
    )


def ended(run: RunFile) -> list[dict[str, Any]]:
    found = journal(run, "list", flow="nightly-notice", limit=200)
    records = found["records"] if isinstance(found, dict) else found
    return [
        record for record in records if record["type"] in ("delivered", "refused", "failed", "dead-lettered")
    ]


def test_a_timer_is_an_event_of_its_party(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    site = site_with_timer(tmp_path)
    with simulators(site) as endpoints:
        bus = BusProcess(site, tmp_path / "var", endpoints)
        run = bus.start()
        try:
            records = eventually(lambda: ended(run), lambda found: len(found) >= 2)
            assert {record["type"] for record in records} == {"delivered"}
            shown = journal(run, "show", exchange=records[0]["exchange"])["records"]
            assert [record["type"] for record in shown] == ["received", "delivered"]
            assert all(record["party"] == "municipal/namur" for record in shown)
        finally:
            assert bus.stop() == 0


def test_what_the_grant_does_not_cover_is_refused_and_reaches_nobody(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    site = site_with_timer(tmp_path, '"elsewhere:PE/2026/118"')
    with simulators(site) as endpoints:
        bus = BusProcess(site, tmp_path / "var", endpoints)
        run = bus.start()
        try:
            records = eventually(lambda: ended(run), lambda found: len(found) >= 1)
            assert {record["type"] for record in records} == {"refused"}
        finally:
            assert bus.stop() == 0


@pytest.fixture
def services(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    database: postgres.Server = request.getfixturevalue("postgres_server")
    broker: rabbitmq.Server = request.getfixturevalue("rabbitmq_server")
    return ["--database", database.create_database()[1], "--broker", broker.create_vhost()[1]]


@pytest.mark.xdist_group("services")
def test_one_process_leads_and_another_takes_over(
    tmp_path: Path, services: list[str], eventually: Callable[..., Any]
) -> None:
    site = site_with_timer(tmp_path)
    with simulators(site) as endpoints:
        first = BusProcess(site, tmp_path / "one", endpoints, *services)
        second = BusProcess(site, tmp_path / "two", endpoints, *services)
        run = first.start()
        (tmp_path / "two").mkdir()
        for name in ("keys.json", "journal.anchor"):  # one bus: the keys and the anchor are the same
            (tmp_path / "two" / name).symlink_to(tmp_path / "one" / name)
        other = second.start()
        eventually(lambda: ended(run), lambda found: len(found) >= 2)
        first.kill()
        before = len(ended(other))
        eventually(lambda: ended(other), lambda found: len(found) >= before + 2)
        assert second.stop() == 0
