"""Files that a commune drops: recorded and delivered as its exchanges, refused where they must be, lost never."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrator.operations.demo import notification
from integrator.operations.runfile import RunFile
from tests.bus.test_consumers import journal
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[BusProcess]:
    site = open_site(tmp_path)
    route = site / "routes/regional/permit-notification.camel.yaml"
    text = route.read_text().replace("delay: 5s", "delay: 50\n        initialDelay: 0")
    route.write_text(text.replace("readLock: changed", "readLock: none"))
    with simulators(site) as endpoints:
        made = BusProcess(site, tmp_path / "var", endpoints)
        made.drop.mkdir()
        yield made
        if made.process is not None:
            made.kill()


def drop(bus: BusProcess, number: int, **changes: Any) -> None:
    body = {**notification(), "reference": f"PE/2026/{number}", "municipality": "63023", **changes}
    part = bus.drop / f"{number}.json.part"
    part.write_text(json.dumps(body))
    part.rename(bus.drop / f"{number}.json")


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.glob("*.json")} if directory.is_dir() else set()


def ends(run: RunFile, kind: str) -> list[dict[str, Any]]:
    found = journal(run, "list", flow="permit-notification", limit=1_000)
    records = found["records"] if isinstance(found, dict) else found
    return [record for record in records if record["type"] == kind]


def test_good_files_are_delivered_and_bad_ones_refused(
    bus: BusProcess, eventually: Callable[..., Any]
) -> None:
    run = bus.start()
    drop(bus, 1)
    drop(bus, 2)
    drop(bus, 3, decision="perhaps")
    drop(bus, 4, reference="none")
    (bus.drop / "5.json").write_text("{no json")
    (bus.drop / "readme.txt").write_text("no decision")
    eventually(lambda: names(bus.drop / "refused"), lambda found: found == {"3.json", "4.json", "5.json"})
    eventually(lambda: names(bus.drop / "done"), lambda found: found == {"1.json", "2.json"})
    delivered = eventually(lambda: ends(run, "delivered"), lambda found: len(found) == 2)
    shown = journal(run, "show", exchange=delivered[0]["exchange"])["records"]
    assert [record["type"] for record in shown] == ["received", "delivered"]
    assert {record["party"] for record in shown} == {"municipal/eupen"}
    assert len(ends(run, "refused")) == 3
    assert names(bus.drop) == set()
    assert (bus.drop / "readme.txt").exists()


def test_a_killed_bus_loses_no_file_and_delivers_none_twice(
    bus: BusProcess, eventually: Callable[..., Any]
) -> None:
    count = 120
    bus.start()
    for number in range(count):
        drop(bus, number)
    for seen in (10, 60):
        eventually(lambda: len(names(bus.drop / "done")), lambda found, least=seen: found >= least)
        bus.kill()
        run = bus.start()
    eventually(lambda: len(names(bus.drop / "done")), lambda found: found == count)
    delivered = eventually(lambda: ends(run, "delivered"), lambda found: len(found) >= count)
    assert len(delivered) == count
    assert len({record["exchange"] for record in delivered}) == count
    assert names(bus.drop / "refused") == set()
