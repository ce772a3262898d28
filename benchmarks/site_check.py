"""How long check, compile and the content hash of a large site take: `python benchmarks/site_check.py [FLOWS]`.

The site is made up of FLOWS flows (default 500), each with route, grants and its own operation of one
of FLOWS / 50 adapters, and as many communes. Prints seconds; the goal for 500 flows is 10 s to check.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from integrator.authoring.check import check
from integrator.site.compile import compile_site
from integrator.site.content_hash import content_hash

FLOWS_PER_FILE, OPERATIONS_PER_ADAPTER = 25, 50
SCHEMA = '{"type": "object", "properties": {"niss": {"type": "string"}, "name": {"type": "string"}}}\n'


def bce(number: int) -> str:
    """A synthetic enterprise number with valid check digits."""
    base = 9_000_000 + number
    return f"{base:08}{97 - base % 97:02}"


def write_site(root: Path, flows: int) -> None:
    """Write a site with so many flows."""
    texts = {"schemas/thing.schema.json": SCHEMA, "routes.yaml": register(flows)}
    texts["parties/all.yaml"] = "".join(
        f'municipal/commune-{n}: {{organisation: "{bce(n)}", nis: "{10_000 + n}", title: {{fr: Commune {n}}}}}\n'
        for n in range(flows)
    )
    for first in range(0, flows, FLOWS_PER_FILE):
        numbers = range(first, min(first + FLOWS_PER_FILE, flows))
        texts[f"flows/part-{first}.yaml"] = "flows:\n" + "".join(map(flow, numbers))
    for n in range(flows):
        texts[f"routes/regional/flow-{n}.camel.yaml"] = route(n)
        texts[f"routes/regional/flow-{n}.grants.yaml"] = grants(n)
    for first in range(0, flows, OPERATIONS_PER_ADAPTER):
        name = f"system-{first // OPERATIONS_PER_ADAPTER}"
        numbers = range(first, min(first + OPERATIONS_PER_ADAPTER, flows))
        texts[f"adapters/regional/{name}.yaml"] = adapter(name, numbers)
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def register(flows: int) -> str:
    return (
        'integrator: 1\ninclude: [flows/*.yaml]\nbus: {organisation: "0316381138", languages: [fr]}\npurposes:\n'
        + "".join(
            f"  purpose-{n}: {{title: {{fr: But {n}}}, legal-basis: Décret {n}}}\n"
            for n in range(flows // 10)
        )
    )


def flow(n: int) -> str:
    return f"""\
  flow-{n}:
    title: {{fr: Flux {n}}}
    owner: municipal/commune-{n}
    route: routes/regional/flow-{n}.camel.yaml
    exchange: request-reply
    request: schemas/thing.schema.json
    answer: schemas/thing.schema.json
    entries: [{{rest: POST /v1/things-{n}}}]
    subjects: {{request: [$.niss], response: [$..niss]}}
    field-groups: {{all: [niss, name]}}
"""


def route(n: int) -> str:
    return f"""\
- route:
    id: flow-{n}
    from:
      uri: flow:flow-{n}
      steps:
        - setBody: {{jq: '{{number: .niss, kind: "{n}"}}'}}
        - to: adapter:regional/system-{n // OPERATIONS_PER_ADAPTER}?operation=ask-{n}
        - choice:
            when:
              - simple: ${{header.Adapter-Code}} == 'NONE'
                steps: [{{throwException: {{exceptionType: java.util.NoSuchElementException, message: nothing}}}}]
        - transform: {{jq: '{{niss: .number, name: .name}}'}}
"""


def grants(n: int) -> str:
    return f"- {{to: municipal/commune-{n}, purposes: [purpose-{n // 20}], fields: [all], quota: 100/min}}\n"


def adapter(name: str, numbers: range) -> str:
    head = f"system: {name}\nparty: municipal/commune-0\nprotocol: rest\nendpoint: https://{name}.example\noperations:\n"
    return head + "".join(
        f"  ask-{n}: {{rest: POST /ask/{n}, access: read, allow: [{{flow: flow-{n}}}]}}\n" for n in numbers
    )


def timed(what: str, call: Callable[[], object]) -> object:
    started = time.perf_counter()
    result = call()
    print(f"{what:<14}{time.perf_counter() - started:8.3f} s")
    return result


def main() -> None:
    flows = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_site(root, flows)
        print(f"{flows} flows, {sum(1 for path in root.rglob('*') if path.is_file())} files")
        timed("content hash", lambda: content_hash(root))
        problems = timed("check", lambda: check(root))
        timed("compile", lambda: compile_site(root))
        for problem in list(problems)[:5]:  # a made-up site has none
            print(problem)


if __name__ == "__main__":
    main()
