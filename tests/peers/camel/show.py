"""Run cases of a file on both engines and show the outcomes: `python -m tests.peers.camel.show FILE [ID]`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.engine import vectors
from tests.peers.camel.cases import own_cases
from tests.peers.camel.conftest import Camels


def main(arguments: list[str]) -> int:
    """Print, for each case, where the engine differs; with an id everything Camel did."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m tests.peers.camel.show FILE [ID]\n")
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        camels = Camels(Path(name))
        try:
            for case in own_cases(Path(arguments[0])):
                if len(arguments) == 2 and arguments[1] not in (case.id, case.id.partition("/")[2]):
                    continue
                live = vectors.Case(case.id, case.routes, case.data, camels.ask(case))
                outcome = vectors.run(case, camels.site, files=camels.site)
                found = (
                    vectors.differences(live, outcome) if "broken" not in live.expected else ["broken case"]
                )
                if found and vectors.refused_earlier(live, outcome):
                    found = []
                wrong += bool(found)
                sys.stdout.write(f"{'DIFFERS' if found else 'same'}  {case.id}\n")
                for text in found:
                    sys.stdout.write(f"    {text}\n")
                if len(arguments) == 2 or "broken" in live.expected:
                    sys.stdout.write(json.dumps(live.expected, indent=1, ensure_ascii=False) + "\n")
        finally:
            camels.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
