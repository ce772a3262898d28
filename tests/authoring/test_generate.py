"""What is generated is committed, and up to date."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from integrator.authoring.generate import generated, main
from integrator.site.read import read_yaml
from tests.authoring.sites import BASE, write

ROOT = Path(__file__).parents[2]
KINDS = {
    "routes.yaml": "routes", "routes/": "grants", "parties/": "parties", "adapters/": "adapter",
}  # fmt: skip


@pytest.mark.parametrize("path", generated())
def test_the_committed_file_is_up_to_date(path):
    assert (ROOT / path).read_text(encoding="utf-8") == generated()[path], "run: integrator site schemas"


def test_main_writes_every_file(tmp_path):
    assert main([str(tmp_path)]) == 0
    assert all((tmp_path / path).read_text(encoding="utf-8") == text for path, text in generated().items())


@pytest.mark.parametrize("site", ["walloon", "small"])
def test_the_editor_schemas_accept_good_sites(site, tmp_path):
    root = ROOT if site == "walloon" else write(tmp_path, BASE)
    seen = set()
    for path in (root / "routes.yaml", *root.glob("routes/*/*.grants.yaml"), *root.glob("parties/*.yaml"),
                 *root.glob("adapters/*/*.yaml")):  # fmt: skip
        name = path.relative_to(root).as_posix()
        kind = next(kind for start, kind in KINDS.items() if name.startswith(start))
        schema = json.loads(generated()[f"schemas/editor/{kind}.schema.json"])
        assert jsonschema_rs.validator_for(schema).is_valid(read_yaml(path, name).data), name
        seen.add(kind)
    assert seen == set(KINDS.values())


def test_the_editor_schemas_show_an_unknown_key():
    schema = json.loads(generated()["schemas/editor/adapter.schema.json"])
    errors = list(jsonschema_rs.validator_for(schema).iter_errors({"systm": "x"}))
    assert any("systm" in error.message for error in errors)


def test_every_key_is_described_and_shown():
    from integrator.site.reference import _KINDS, _inner
    from integrator.site.settings import Settings

    waiting = [Settings, *(model for _name, model in _KINDS)]
    seen = set()
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        waiting.extend(_inner(model))
        for name, field in model.model_fields.items():
            if name != "root":
                assert field.description, f"{model.__name__}.{name}"
                assert field.examples, f"{model.__name__}.{name}"
    assert len(seen) > 15


def test_numbers_of_public_bodies_are_quoted_in_examples():
    page = generated()["docs/reference/site.md"]
    assert '"0316381138"' in page
    assert '`"92094"`' in page
