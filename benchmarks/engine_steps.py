"""What a step costs in the engine, and how long 10,000 routes take to load; a real Camel beside it.

Run: python -m benchmarks.engine_steps
Prints a table and writes benchmarks/results/engine_steps.json. A step's cost is that of a route with fifty of
them less that of a route with none, divided by fifty. Both engines are asked in turn, one after the other, in one run.
Needs a JDK and Maven for Camel's side; without them ours stands alone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks import java
from benchmarks.measure import ROOT, keep, table
from integrator.engine import Services, check_routes, compile_routes
from integrator.exchange import Exchange, Message
from integrator.security.parsers import CONVERSIONS
from integrator.site.compiled import RouteSource, plain
from integrator.site.read import read_text

STEPS = 50
ROUNDS = 7
KINDS: dict[str, Any] = {
    "setHeader, constant": {"setHeader": {"name": "A", "constant": "b"}},
    "setHeader, simple": {"setHeader": {"name": "A", "simple": "${header.Kind}-x"}},
    "setBody, simple": {"setBody": {"simple": "${body}"}},
    "choice, simple": {
        "choice": {
            "when": [{"simple": "${header.Kind} == 'other'", "steps": [{"stop": {}}]}],
            "otherwise": {"steps": []},
        }
    },
    "filter, simple": {
        "filter": {
            "simple": "${header.Kind} == 'permit'",
            "steps": [{"setProperty": {"name": "a", "constant": "b"}}],
        }
    },
}
ROUTES = 10_000
ROUTE = """
- route:
    id: r{number}
    from:
      uri: direct:r{number}
      steps:
        - setHeader: {{name: Kind, constant: permit}}
        - setBody: {{jq: '{{request: {{personNumber: .niss}}}}'}}
        - choice:
            when:
              - simple: "${{header.Kind}} == 'permit'"
                steps: [{{to: {{uri: 'mock:a'}}}}]
            otherwise: {{steps: [{{to: {{uri: 'mock:b'}}}}]}}
        - transform: {{jq: '{{niss: .request.personNumber, name: .name}}'}}
"""


def documents() -> list[dict[str, Any]]:
    """One route for each kind of step, and one with none of them."""
    first = {"setProperty": {"name": "a", "constant": "b"}}  # Camel loads no route without a step
    routes = {"short": [first], **{name: [first, *[step] * STEPS] for name, step in KINDS.items()}}
    return [
        {"route": {"id": _entry(name), "from": {"uri": f"direct:{_entry(name)}", "steps": steps}}}
        for name, steps in routes.items()
    ]


def _entry(name: str) -> str:
    return name.replace(", ", "-")


def own_rounds(listed: list[dict[str, Any]], count: int) -> dict[str, list[float]]:
    """Microseconds of one exchange by route, one figure a round."""
    routes = compile_routes([RouteSource("steps.camel.yaml", tuple(listed))], Services())

    async def run(uri: str) -> None:
        for _ in range(count):
            message = Message("a permit", conversions=CONVERSIONS)
            message.headers["Kind"] = "permit"
            exchange = Exchange(message, exchange_id="x")
            await routes.run(uri, exchange)
            if exchange.exception is not None:
                raise exchange.exception

    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for document in listed:
            entry = document["route"]["id"]
            start = time.perf_counter()
            asyncio.run(run(f"direct:{entry}"))
            found.setdefault(entry, []).append((time.perf_counter() - start) / count * 1e6)
    return found


def camel_rounds(listed: list[dict[str, Any]], count: int) -> dict[str, list[float]]:
    """The same of a real Camel, after as many rounds again that warm it up."""
    entries = [document["route"]["id"] for document in listed]
    lines = _camel("steps", [json.dumps(listed)], str(2 * ROUNDS), str(count), *entries)
    found: dict[str, list[float]] = {}
    for line in lines[ROUNDS * len(entries) :]:
        entry, nanoseconds = line.split()
        found.setdefault(entry, []).append(int(nanoseconds) / 1_000)
    return found


def a_step(rounds: dict[str, list[float]], entry: str) -> float:
    """The median over the rounds of what one step adds, in microseconds."""
    pairs = zip(rounds[entry], rounds["short"], strict=True)
    return statistics.median((whole - short) / STEPS for whole, short in pairs)


def own_loading() -> dict[str, float]:
    """Seconds to read and check the YAML of every route, and to load the compiled form until they run."""
    start = time.perf_counter()
    sources = [_source(ROUTE.format(number=number), number) for number in range(ROUTES)]
    problems = check_routes(sources)
    if problems:
        raise SystemExit(f"the routes of the benchmark are wrong: {problems[0]}")
    compiled = time.perf_counter() - start
    kept = orjson.dumps([plain(source) for source in sources])
    del sources
    gc.collect()
    start = time.perf_counter()
    loaded = [RouteSource(one["file"], tuple(one["documents"]), one["lines"]) for one in orjson.loads(kept)]
    routes = compile_routes(loaded, Services())
    seconds = time.perf_counter() - start
    if len(routes.uris) != ROUTES:
        raise SystemExit("not every route was loaded")
    return {
        "compile_s": round(compiled, 2),
        "load_s": round(seconds, 2),
        "cache_mb": round(len(kept) / 1e6, 1),
    }


def _source(text: str, number: int) -> RouteSource:
    document = read_text(text.encode(), f"routes/r{number}.camel.yaml")
    lines = {"".join(f"/{part}" for part in pointer): place[0] for pointer, place in document.places.items()}
    return RouteSource(document.file, tuple(document.data), lines)


def camel_loading() -> float:
    """Seconds until a Camel context has started the same routes."""
    hundreds = [range(first, first + 100) for first in range(0, ROUTES, 100)]  # its reader takes 3 MB a file
    (milliseconds,) = _camel("load", ["".join(ROUTE.format(number=n) for n in some) for some in hundreds])
    return int(milliseconds) / 1_000


def _camel(command: str, files: Sequence[str], *arguments: str) -> list[str]:
    """Run benchmarks/camel/Steps.java on routes; the lines it prints."""
    with tempfile.TemporaryDirectory() as name:
        for number, text in enumerate(files):
            Path(name, f"routes{number}.yaml").write_text(text, "utf-8")
        program = [*java.program(ROOT / "benchmarks/camel/Steps.java"), command, name, *arguments]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"Camel's side failed:\n{done.stderr[-2_000:]}")
    return done.stdout.split("\n")[:-1]


def main() -> None:
    """Measure both engines, print the table and keep it."""
    gc.disable()
    with_camel = java.available()
    listed = documents()
    own = own_rounds(listed, 2_000)
    other = camel_rounds(listed, 2_000) if with_camel else None
    rows: list[list[str]] = [["measure", "ours", "Camel"]]
    results: dict[str, Any] = {}
    for name in KINDS:
        figures = [a_step(own, _entry(name)), a_step(other, _entry(name)) if other else None]
        results[name] = dict(zip(("ours_us", "camel_us"), figures, strict=True))
        rows.append([f"{name}, µs a step", *(_shown(figure, 2) for figure in figures)])
    gc.enable()
    loading = own_loading()
    results["routes"] = {"count": ROUTES, **loading, "camel_s": camel_loading() if with_camel else None}
    rows.append(
        [
            f"{ROUTES} routes from YAML, s",
            _shown(loading["compile_s"], 1),
            _shown(results["routes"]["camel_s"], 1),
        ]
    )
    rows.append([f"{ROUTES} routes from the cache, s", _shown(loading["load_s"], 2), ""])
    sys.stdout.write(table(rows) + "\n")
    keep("engine_steps", results)


def _shown(figure: float | None, digits: int) -> str:
    return "" if figure is None else f"{figure:.{digits}f}"


if __name__ == "__main__":
    main()
