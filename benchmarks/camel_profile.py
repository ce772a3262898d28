"""Four scenarios beside a real Camel, in one run: proxy, content-based routing, XSLT both ways, JSON to SOAP to JSON.

    python -m benchmarks.camel_profile [--rounds 3] [--seconds 6] [--sizes 1,10,100] [--only p1,p2,p5,p7] [--warm 20]

Ours is one worker with everything an exchange has (identity, grant, metrics, two durable records), on SQLite
and on PostgreSQL. Camel 4.18 (camel-main, platform-http, http) runs without any record, and with a durable row
before and after, as its users write them (`sql:` over a pool of 16, PostgreSQL). Systems alternate within each
round; a JVM is warmed up for --warm seconds a scenario. In P2 and P5 the document is XML: Camel gets it as the body, ours
as a field of the JSON, because an entry of the bus takes JSON. Needs wrk, Go, PostgreSQL, a JDK and Maven.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
import yaml

from benchmarks import java
from benchmarks.flow_a import System, measure
from benchmarks.measure import ROOT, Load, free_port, keep, load, spread, static_provider, table, wait_for
from integrator.operations.client import call
from integrator.operations.send import Justification
from integrator.security.keyring import Keyring
from tests.services import postgres

HERE = Path(__file__).parent / "profile"
SCENARIOS = {"p1": "proxy", "p2": "routing by XPath", "p5": "XSLT both ways", "p7": "JSON-SOAP-JSON"}
ROW = "INSERT INTO audit (exchange, flow) VALUES (:#${exchangeId}, :#${routeId})"
TABLE = (
    "CREATE TABLE audit (id bigserial PRIMARY KEY, exchange text, flow text, at timestamptz DEFAULT now())"
)
WHY = Justification("statistics", None, None, "benchmark")


def document(kilobytes: int) -> str:
    """An order in XML, about so large."""
    line = '<line no="{}">twenty-eight letters of text</line>'
    lines = [line.format(number) for number in range(max(kilobytes * 1_000 // 55 - 2, 1))]
    return f"<order><id>1234</id><kind>permit</kind>{''.join(lines)}</order>"


def soap(kilobytes: int) -> bytes:
    """The same order as a SOAP answer."""
    inner = document(kilobytes).replace("<order>", "<o:order>").replace("</order>", "</o:order>")
    for name in ("id", "kind", "line"):
        inner = inner.replace(f"<{name}", f"<o:{name}").replace(f"</{name}>", f"</o:{name}>")
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<o:getOrderResponse xmlns:o="urn:order">{inner}</o:getOrderResponse></soap:Body></soap:Envelope>'
    ).encode()


@dataclass(frozen=True)
class Providers:
    """Ports of the static providers of one size: JSON, XML in JSON, XML, SOAP."""

    plain: int
    wrapped: int
    xml: int
    soap: int


@contextlib.contextmanager
def providers(kilobytes: int) -> Iterator[Providers]:
    """Static providers that answer with documents of that size."""
    xml = document(kilobytes).encode()
    wrapped = json.dumps({"document": xml.decode()}).encode()
    with contextlib.ExitStack() as stack:
        yield Providers(
            *(
                stack.enter_context(static_provider(body, kind))
                for body, kind in ((wrapped, "application/json"), (wrapped, "application/json"),
                                   (xml, "application/xml"), (soap(kilobytes), "text/xml; charset=utf-8"))
            )
        )  # fmt: skip


# --- ours -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def bus(name: str, directory: Path, ports: Providers, *services: str) -> Iterator[dict[str, str]]:
    """A worker of the bus: url and key. It is started twice, the first start compiles the site."""
    var, port = directory / f"var-{name}", free_port()
    environment = {
        **os.environ,
        "PROVIDER_PLAIN": f"http://127.0.0.1:{ports.plain}",
        "PROVIDER_WRAPPED": f"http://127.0.0.1:{ports.wrapped}",
        "PROVIDER_SOAP": f"http://127.0.0.1:{ports.soap}",
    }
    if services:
        Keyring.create(var / "keys.json")
    command = [sys.executable, "-m", "integrator.cli"]
    start = [*command, "run", "--log-level", "error", "--site", str(HERE / "site"), "--var", str(var), "--port", str(port),
             *services]  # fmt: skip
    with _running(start, port, environment):
        call(f"http://127.0.0.1:{port}", "GET", "/health")
        add = [*command, "key", "add", "municipal/one", "--var", str(var)]
        key = subprocess.run(add, check=True, capture_output=True, text=True).stdout.strip()
    with _running([*start, "--data-plane-only"], port, environment) as process:
        call(f"http://127.0.0.1:{port}", "GET", "/health")
        yield {"url": f"http://127.0.0.1:{port}", "key": key, "pid": str(process.pid)}


@contextlib.contextmanager
def _running(
    command: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, 60.0)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def ours(name: str, running: dict[str, str], scenario: str, kilobytes: int) -> System:
    """A scenario of the bus."""
    given = {"id": "1234"} if scenario == "p7" else {"document": document(kilobytes)}
    headers = {
        "Authorization": f"Bearer {running['key']}", "Content-Type": "application/json", **WHY.headers(),
    }  # fmt: skip
    return System(
        name, f"{running['url']}/v1/{scenario}", headers, json.dumps(given).encode(), [int(running["pid"])]
    )


# --- Camel ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def camel(directory: Path, ports: Providers, database: str | None) -> Iterator[tuple[str, int]]:
    """Camel with the four routes: url and process id; with a database address, two durable rows an exchange."""
    text = (HERE / "camel.yaml").read_text("utf-8").replace("@XSLT@", str(HERE / "site/schemas/upper.xsl"))
    routes = yaml.safe_load(text)
    for route in routes:
        source = route["route"]["from"]
        audit = [{"to": f"sql:{ROW}"}] if database else []
        source["steps"] = [
            step for item in source["steps"] for step in (audit if item == "@AUDIT@" else [item])
        ]
    port = free_port()
    file = directory / f"camel-{port}.yaml"
    told = json.dumps(routes)
    for name, number in (
        ("json", ports.plain),
        ("none", ports.plain),
        ("xml", ports.xml),
        ("soap", ports.soap),
    ):
        told = told.replace("http:{{provider}}/" + name, f"http:127.0.0.1:{number}/{name}")
    file.write_text(told, "utf-8")
    command = [
        *java.program(Path(__file__).parent / "camel/Serve.java"),
        str(file),
        str(port),
        "-",
        database or "none",
    ]
    with _running(command, port) as process:
        url = f"http://127.0.0.1:{port}"
        _await_routes(url)
        yield url, process.pid


def _await_routes(url: str) -> None:
    """Camel opens its port before its routes answer: wait until the last one does."""
    end = time.monotonic() + 60
    while call(url, "POST", "/p7", body=b"{}").status == 404:
        if time.monotonic() > end:
            raise SystemExit("Camel opened its port, but its routes do not answer: see what it printed above")
        time.sleep(0.1)


def theirs(name: str, running: tuple[str, int], scenario: str, kilobytes: int) -> System:
    """A scenario of Camel."""
    url, pid = running
    if scenario == "p7":
        body, kind = json.dumps({"id": "1234"}), "application/json"
    elif scenario == "p1":
        body, kind = json.dumps({"document": document(kilobytes)}), "application/json"
    else:
        body, kind = document(kilobytes), "application/xml"
    return System(name, f"{url}/{scenario}", {"Content-Type": kind}, body.encode(), [pid])


# --- measuring ------------------------------------------------------------------------------------


def of_size(
    kilobytes: int, scenarios: list[str], rounds: int, seconds: float, warm: float
) -> dict[str, dict[str, dict[int, list[Load]]]]:
    """Every scenario at one size: scenario → system → connections → loads."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = stack.enter_context(providers(kilobytes))
        binaries = postgres.find()
        if binaries is None:
            raise SystemExit("PostgreSQL is missing: apt-get install postgresql")
        server = postgres.Server(binaries, directory / "postgres")
        stack.callback(server.stop)
        _, audit = server.create_database()
        with psycopg.connect(audit, autocommit=True) as connection:
            connection.execute(TABLE)
        embedded = stack.enter_context(bus("sqlite", directory, ports))
        shared = stack.enter_context(
            bus("postgres", directory, ports, "--database", server.create_database()[1])
        )
        plain = stack.enter_context(camel(directory, ports, None))
        audited = stack.enter_context(camel(directory, ports, _jdbc(audit)))
        found = {}
        for scenario in scenarios:
            systems = [
                ours("ours, SQLite", embedded, scenario, kilobytes),
                ours("ours, PostgreSQL", shared, scenario, kilobytes),
                theirs("Camel, no record", plain, scenario, kilobytes),
                theirs("Camel, two rows", audited, scenario, kilobytes),
            ]
            for system in systems:
                _check(system, scenario)
                if system.name.startswith("Camel"):
                    load(system.url, system.body, system.headers, connections=20, seconds=warm)
            print(f"{scenario} ({SCENARIOS[scenario]}), {kilobytes} KB", flush=True)
            found[scenario] = measure(systems, rounds, seconds)
        return found


def _check(system: System, scenario: str) -> None:
    """One request, to see that the system does the scenario at all."""
    path = "/" + system.url.partition("//")[2].partition("/")[2]
    base = system.url.removesuffix(path)
    answer = call(base, "POST", path, body=system.body, headers=system.headers)
    if answer.status != 200 or b"1234" not in answer.body:
        raise SystemExit(f"{system.name} does not do {scenario}: {answer.status} {answer.body[:300]!r}")


def _jdbc(url: str) -> str:
    host = psycopg.conninfo.conninfo_to_dict(url)
    user = f"user={host.get('user', 'postgres')}"
    return f"jdbc:postgresql://{host['host']}:{host['port']}/{host['dbname']}?{user}&password={host.get('password', '')}"


def rows(found: dict[int, dict[str, dict[str, dict[int, list[Load]]]]]) -> list[list[str]]:
    """The table: requests/s at 20 and 100 connections and CPU, medians."""
    lines = [["scenario", "KB", "system", "at 20", "at 100", "CPU ms/1000 at 20"]]
    for kilobytes, scenarios in found.items():
        for scenario, systems in scenarios.items():
            for name, by in systems.items():
                rate = {n: spread([item.rate for item in loads])["median"] for n, loads in by.items()}
                cpu = spread([item.cpu_ms_per_1000 or 0.0 for item in by[20]])["median"]
                lines.append([f"{scenario} {SCENARIOS[scenario]}", str(kilobytes), name, f"{rate[20]:.0f}",
                              f"{rate[100]:.0f}", f"{cpu:.0f}"])  # fmt: skip
    return lines


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--sizes", default="1,10,100")
    parser.add_argument("--only", default=",".join(SCENARIOS))
    given = parser.parse_args()
    if shutil.which("wrk") is None or not java.available():
        raise SystemExit("this needs wrk, a JDK and Maven: apt-get install wrk openjdk-17-jdk-headless maven")
    sizes = [int(size) for size in given.sizes.split(",")]
    found = {
        size: of_size(size, given.only.split(","), given.rounds, given.seconds, given.warm) for size in sizes
    }
    print(table(rows(found)))
    kept = {
        str(size): {s: {n: {str(c): [asdict(i) for i in loads] for c, loads in by.items()} for n, by in systems.items()}
                    for s, systems in scenarios.items()}
        for size, scenarios in found.items()
    }  # fmt: skip
    print(f"kept in {keep('camel_profile', kept).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
