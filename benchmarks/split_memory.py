"""Memory of splitting and aggregating large bodies: each case in a process of its own.

    python -m benchmarks.split_memory            # 100 MB of XML and of JSON, a million parts
    python -m benchmarks.split_memory 10         # a tenth

The body is made piece by piece and stands on disk, encrypted, as the bodies of files do. `peak` is the largest
resident memory of the whole process, `base` what it had before the body came.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

GROUP = "aggregationStrategy: '#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy'"
AGGREGATE = (
    f"aggregate: {{correlationExpression: {{constant: 'true'}}, completionSize: 1000, {GROUP},"
    " steps: [{to: mock:group}]}"
)
CASES = {
    "xml: xtokenize, aggregate": ("xtokenize: //person", "xml", AGGREGATE),
    "xml: tokenize xml, aggregate": ("tokenize: {token: person, xml: true}", "xml", AGGREGATE),
    "json: jsonpath, aggregate": ("jsonpath: '$.persons[*]'", "json", AGGREGATE),
    "lines: tokenize, a million parts": (
        'tokenize: {token: "\\n"}',
        "lines",
        "setHeader: {name: n, constant: x}",
    ),
}
PERSON = (
    "<person><niss>85073003328</niss><name>{:07d} Dupont</name><town>Namur</town>"
    + "<note>"
    + "x" * 60
    + "</note></person>"
)
OBJECT = '{{"niss": "85073003328", "name": "{:07d} Dupont", "town": "Namur", "note": "' + "x" * 60 + '"}}'


def body(kind: str, size: int) -> Iterator[bytes]:
    """A body of so many bytes, or (lines) of so many lines a hundredth of it."""
    if kind == "lines":
        count = size // 100
        for start in range(0, count, 10_000):
            yield b"".join(b"%d\n" % number for number in range(start, min(start + 10_000, count)))
        return
    one, opening, closing, between = (
        (PERSON, b"<list>", b"</list>", "") if kind == "xml" else (OBJECT, b'{"persons": [', b"]}", ",")
    )
    yield opening
    made, number = 0, 0
    while made < size:
        text = between.join(one.format(number + place) for place in range(500))
        yield (between if number else "").encode() + text.encode()
        made, number = made + len(text), number + 500
    yield closing


def peak() -> float:
    """The largest resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(name: str, size: int) -> dict[str, float | str]:
    """One case in this process."""
    from integrator.engine import Mocks, Services
    from tests.engine.helpers import exchange, route, run

    expression, kind, step = CASES[name]
    services = Services(mocks=Mocks(kept=1))
    base = peak()
    spooled = services.spooling.body(body(kind, size))
    done = exchange(spooled)
    text = route(
        f"split: {{{expression}, streaming: true, steps: [{{{step}}}, {{log: x}}]}}".replace(", {log: x}", "")
    )
    started = time.perf_counter()
    await run(text, done, services)
    if done.exception is not None:
        raise done.exception
    return {
        "case": name,
        "MB": round(services.spooling.bytes_on_disk / 1e6, 1),
        "base": round(base, 1),
        "peak": round(peak(), 1),
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    """Run every case in a child, or (with a name) that one here."""
    share = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if len(sys.argv) > 2:
        sys.stdout.write(json.dumps(asyncio.run(measure(sys.argv[2], share * 1_000_000))))
        return
    sys.stdout.write(f"{'case':36} {'MB':>7} {'base MB':>8} {'peak MB':>8} {'seconds':>8}\n")
    for name in CASES:
        command = [sys.executable, "-m", "benchmarks.split_memory", str(share), name]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        sys.stdout.write(
            f"{name:36} {found['MB']:>7} {found['base']:>8} {found['peak']:>8} {found['seconds']:>8}\n"
        )


if __name__ == "__main__":
    main()
