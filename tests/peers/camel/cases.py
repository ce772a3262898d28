"""The cases of this folder, and what of a case real Camel is given.

Each file of `cases/` is a list of cases; README.md tells what a case may say.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from integrator.site.read import read_text
from tests.engine import vectors
from tests.peers.camel.peer import Camel
from tests.peers.camel.served import serving

FOLDER = Path(__file__).parent / "cases"
SENT = frozenset({"entry", "body", "bodyType", "headers", "properties", "variables", "pattern", "pauseMs"})
"""What a message says."""
ASKED = frozenset({
    "send", "parallel", "noSend", "mocks", "counts", "timeoutMs", "settleMs", "stopFirst", "placeholders",
    "dataSource", "saxon", "streamCaching",
})  # fmt: skip
"""What else real Camel is told."""
_OURS = frozenset({
    "id", "routes", "steps", "rows", "lang", "kind", "pre", "files", "unordered", "skip", "directory", "served",
})  # fmt: skip
_RECORDED = frozenset({"showMock", "http"})


class CaseError(ValueError):
    """A case file says what no case may say."""


def own_cases(path: Path | None = None) -> Iterator[vectors.Case]:
    """Every case of one file, or of all; rows are cases of their own: `file/id` or `file/id#row`.

    Raises CaseError for a file that is not as README.md says.
    """
    for file in sorted(FOLDER.glob("*.yaml")) if path is None else [path]:
        document = read_text(file.read_bytes(), file.name)
        if document.problems:
            raise CaseError("; ".join(map(str, document.problems)))
        for data in document.data:
            yield from _cases(f"{file.stem}/{data.get('id')}", data)


def _cases(name: str, data: Mapping[str, Any]) -> Iterator[vectors.Case]:
    unknown = set(data) - SENT - ASKED - _OURS
    if unknown:
        raise CaseError(f"{name}: {', '.join(sorted(unknown))} is nothing a case says")
    if "rows" in data:
        for number, row in enumerate(data["rows"]):
            yield vectors.Case(f"{name}#{number}", vectors.row_route(data, row), data, {})
        return
    yield vectors.Case(name, _routes(name, data), data, {})


def _routes(name: str, data: Mapping[str, Any]) -> str:
    routes = data.get("routes")
    if "steps" in data:
        start = {"route": {"id": "r", "from": {"uri": "direct:start", "steps": data["steps"]}}}
        routes = [*(routes or ()), start]  # what stands for all routes has to come before them
    if routes is None:
        raise CaseError(f"{name}: a case has routes, steps or rows")
    return routes if isinstance(routes, str) else json.dumps(routes, ensure_ascii=False, indent=1)


def beside_camel(case: vectors.Case, camel: Camel) -> tuple[vectors.Case, list[str]]:
    """The case with what real Camel does with it as the expected outcome, and where the engine differs.

    The engine goes first: Camel is then waited for as long as it has fewer messages than the engine, so
    that no thread of Camel that is only late counts as a difference.
    """
    if not case.data.get("served"):
        return _beside_camel(case, camel)
    with serving() as host:
        data = json.loads(json.dumps(case.data).replace("HOST", host))
        return _beside_camel(replace(case, routes=case.routes.replace("HOST", host), data=data), camel)


def _beside_camel(case: vectors.Case, camel: Camel) -> tuple[vectors.Case, list[str]]:
    _prepare(case, camel.site)
    outcome = vectors.run(case, camel.site)
    left = _left(case, camel.site)
    received = {name: len(outcome.mocks.get(name, ())) for name in case.data.get("mocks", ())}
    _prepare(case, camel.site)
    given = {key: value for key, value in case.data.items() if key not in _OURS | _RECORDED}
    if case.expected.get("timedOut"):
        given["timeoutMs"] = 1_500  # what did not come when it was recorded does not come
    expected = camel.ask({**given, "routes": case.routes, "likely": received})
    live = replace(case, expected={**expected, "left": _left(case, camel.site)})
    return live, _differences(live, outcome, left)


def _prepare(case: vectors.Case, site: Path) -> None:
    """The files of a case, and nothing else in its directory."""
    if "directory" in case.data:
        shutil.rmtree(site / case.data["directory"], ignore_errors=True)
    for name, text in case.data.get("files", {}).items():
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def _left(case: vectors.Case, site: Path) -> dict[str, str]:
    """What is in the directory of a case: path → text."""
    root = site / case.data["directory"] if "directory" in case.data else None
    found = sorted(root.rglob("*")) if root else []
    return {str(path.relative_to(site)): path.read_text("latin-1") for path in found if path.is_file()}


def _differences(live: vectors.Case, outcome: vectors.Outcome, left: Mapping[str, str]) -> list[str]:
    """Where the engine's outcome is not Camel's; empty where it is."""
    if outcome.waits_for:
        return [f"the engine waits for {', '.join(outcome.waits_for)}"]
    found = vectors.differences(live, outcome)
    wanted = live.expected["left"]
    if wanted != left:
        found.append(f"files left are {left}, not {wanted}")
    return [] if found and vectors.refused_earlier(live, outcome) else found
