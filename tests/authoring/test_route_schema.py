"""The editors' schema of route files takes what the engine takes, and tells what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from integrator.authoring.camel_pages import camel_pages
from integrator.authoring.route_schema import PATH, route_schema
from integrator.engine import registry

ROOT = Path(__file__).parents[2]
ROUTES = sorted(ROOT.glob("routes/**/*.camel.yaml"))
SPECS = {f"{spec.kind}-{spec.name}": spec for spec in registry.specs()}


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.validator_for(json.loads(route_schema()[PATH]))


def mistakes(validator: Any, document: Any) -> list[str]:
    return [
        f"{list(error.instance_path)}: {error.message[:200]}" for error in validator.iter_errors(document)
    ]


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path.name)
def test_the_site_s_routes_are_valid(path: Path, validator: Any) -> None:
    assert not mistakes(validator, yaml.safe_load(path.read_text("utf-8")))


@pytest.mark.parametrize("name", [name for name in SPECS if name.split("-")[0] in ("eip", "element")])
def test_every_example_is_valid(name: str, validator: Any) -> None:
    example = yaml.safe_load(SPECS[name].example)
    if SPECS[name].kind == "element":
        document = [example]
    else:
        document = [{"from": {"uri": "direct:a", "steps": [example]}}]
    assert not mistakes(validator, document)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_example_is_yaml_and_about_its_part(name: str) -> None:
    assert SPECS[name].name in str(yaml.safe_load(SPECS[name].example))


@pytest.mark.parametrize(
    "step",
    [{"setBodi": {"constant": "a"}}, {"log": {"mesage": "a"}}, {"loop": {"constant": "2", "copy": "perhaps"}},
     {"filter": {"simpel": "a", "steps": []}}, {"setBody": {"constant": "a"}, "stop": None}],
    ids=["step", "option", "type", "language", "two steps"],
)  # fmt: skip
def test_mistakes_are_told(step: Any, validator: Any) -> None:
    assert mistakes(validator, [{"from": {"uri": "direct:a", "steps": [step]}}])


def test_the_pages_tell_every_part_and_option() -> None:
    pages = camel_pages()
    everything = "\n".join(pages.values())
    for spec in SPECS.values():
        assert f"## {spec.name}\n" in everything
        assert all(f"`{option.name}`" in everything for option in spec.options)
    index = pages["docs/reference/camel/README.md"]
    assert all(f"`{spec.name}`" in index for spec in SPECS.values())
