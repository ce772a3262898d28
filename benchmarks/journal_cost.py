"""What the journal costs flow A: the bus with its two durable records an exchange, beside one that keeps none.

    python -m benchmarks.journal_cost [--rounds 3] [--seconds 8] [--only sqlite,postgres]

The control is the same bus with a null journal (`null_journal.py`): nothing is built, written or sealed.
Both stand in one run, on one provider, and alternate within each round; the last column is the median of
the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.flow_a import ANSWER, Bus, measure
from benchmarks.measure import ROOT, Load, keep, spread, static_provider, table
from tests.services import postgres
from tests.services.site import open_site

CONTROL = "null journal"
GOAL = 0.85


def ratios(found: dict[str, dict[int, list[Load]]], name: str, connections: int) -> list[float]:
    """Of each round: the rate beside the control's."""
    pairs = zip(found[name][connections], found[CONTROL][connections], strict=True)
    return [one.rate / control.rate for one, control in pairs]


def rows(found: dict[str, dict[int, list[Load]]]) -> list[list[str]]:
    """The table."""
    lines = [
        [
            "bus",
            "connections",
            "requests/s",
            "(min-max)",
            "p50 ms",
            "p99 ms",
            "CPU ms/1000",
            "of control",
            "goal",
        ]
    ]
    for name, by_connections in found.items():
        for connections, loads in by_connections.items():
            rate = spread([load.rate for load in loads])
            cpu = [load.cpu_ms_per_1000 for load in loads if load.cpu_ms_per_1000 is not None]
            lines.append(
                [
                    name,
                    str(connections),
                    f"{rate['median']:.0f}",
                    f"({rate['min']:.0f}-{rate['max']:.0f})",
                    *(
                        f"{spread([getattr(load, p) for load in loads])['median']:.2f}"
                        for p in ("p50", "p99")
                    ),
                    f"{spread(cpu)['median']:.0f}" if cpu else "-",
                    f"{statistics.median(ratios(found, name, connections)):.2f}",
                    "" if name == CONTROL else f"{GOAL}",
                ]
            )
    return lines


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--only", default="sqlite,postgres")
    asked = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(static_provider(ANSWER, "text/xml; charset=utf-8"))
        site = open_site(directory)
        buses = [Bus(CONTROL, directory, site, provider, module="benchmarks.null_journal")]
        if "sqlite" in asked.only:
            buses.append(Bus("sqlite", directory, site, provider))
        if "postgres" in asked.only:
            binaries = postgres.find()
            if binaries is None:
                raise SystemExit("PostgreSQL is missing: apt-get install postgresql, or --only sqlite")
            server = postgres.Server(binaries, directory / "postgres")
            stack.callback(server.stop)
            database = server.create_database()[1]
            buses.append(Bus("postgres", directory, site, provider, "--database", database))
        systems = [stack.enter_context(one.serving()) for one in buses]
        found = measure(systems, asked.rounds, asked.seconds)
    print(table(rows(found)))
    kept = {
        name: {str(c): [asdict(load) for load in loads] for c, loads in by.items()}
        for name, by in found.items()
    }
    print(f"kept in {keep('journal_cost', kept).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
