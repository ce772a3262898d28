"""Run cases of a file on both engines and show the outcomes: `python -m tests.peers.camel.show FILE [ID]`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.engine import vectors
from tests.peers.camel.cases import beside_camel, own_cases
from tests.peers.camel.peer import Camel


def main(arguments: list[str]) -> int:
    """Print, for each case, where the engine differs; with an id everything Camel did."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m tests.peers.camel.show FILE [ID]\n")
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory() as name, Camel(Path(name)) as camel:
        for case in own_cases(Path(arguments[0])):
            short = case.id.partition("/")[2]
            if len(arguments) == 2 and arguments[1] not in (case.id, short, short.partition("#")[0]):
                continue
            wrong += _show(case, camel, whole=len(arguments) == 2)
    return 1 if wrong else 0


def _show(case: vectors.Case, camel: Camel, *, whole: bool) -> bool:
    live, found = beside_camel(case, camel)
    sys.stdout.write(f"{'DIFFERS' if found else 'same'}  {case.id}\n")
    for text in found:
        sys.stdout.write(f"    {text}\n")
    if live.expected.get("timedOut"):
        sys.stdout.write("    Camel's mocks never had the messages counted on\n")
    if whole:
        sys.stdout.write(case.routes + "\n" + json.dumps(live.expected, indent=1, ensure_ascii=False) + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
