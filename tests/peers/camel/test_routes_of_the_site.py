"""Route files of the site and the documentation's examples: valid for Camel's own schema, and loaded by Camel."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from integrator.engine import registry
from integrator.engine.spec import Spec
from tests.peers.camel import jvm
from tests.peers.camel.peer import Camel

pytestmark = pytest.mark.xdist_group("camel")
ROUTES = sorted((jvm.ROOT / "routes").rglob("*.camel.yaml"))
_OURS = re.compile(r"\b(flow|adapter):([\w/.-]+)(\?[^\s'\",}]*)?")


@pytest.fixture(scope="module")
def check(camel_tools: None) -> Callable[[Any], None]:
    """Raises ValidationError for a route file that Camel's schema refuses; the schema is that of the jar."""
    jar = next(path for path in jvm.jars() if path.name.startswith("camel-yaml-dsl-4"))
    with zipfile.ZipFile(jar) as archive:
        schema = json.loads(archive.read("schema/camelYamlDsl.json"))
    return jsonschema_rs.Draft4Validator(schema).validate


def as_stubs(text: str) -> str:
    """The same routes with `flow:` and `adapter:`, which Camel has not, resolved to stubs."""
    return _OURS.sub(lambda found: f"stub:{found[1]}-{found[2].replace('/', '-')}", text)


@pytest.mark.parametrize("path", ROUTES, ids=[path.name for path in ROUTES])
def test_routes_of_the_site(path: Path, check: Callable[[Any], None], camel: Camel) -> None:
    text = path.read_text("utf-8")
    check(yaml.safe_load(text))
    loaded = camel.ask({"routes": as_stubs(text), "loadOnly": True})
    assert "loadError" not in loaded, loaded


STEPS = [spec for spec in registry.specs() if spec.kind in ("eip", "dataformat", "component")]


@pytest.mark.parametrize("spec", STEPS, ids=[f"{spec.kind}-{spec.name}" for spec in STEPS])
def test_examples_of_the_documentation(spec: Spec, check: Callable[[Any], None]) -> None:
    found = yaml.safe_load(spec.example)
    step = found if isinstance(found, dict) else {"to": spec.example}
    start = {"uri": "direct:start", "steps": [step]}
    if isinstance(found, dict) and set(found) <= {"from", "route"}:
        start = found.get("from") or found["route"]["from"]
    check([{"route": {"id": "r", "from": start}}])


TOP = [
    spec
    for spec in registry.specs()
    if spec.kind == "element" and not {spec.name} & {"route", "from", "beans"}
]


@pytest.mark.parametrize("spec", TOP, ids=[spec.name for spec in TOP])
def test_examples_of_elements(spec: Spec, check: Callable[[Any], None]) -> None:
    found = yaml.safe_load(spec.example)
    check(found if isinstance(found, list) else [found])


def test_there_are_routes_and_examples() -> None:
    assert ROUTES
    assert len(STEPS) > 60
