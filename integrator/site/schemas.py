"""JSON Schemas of the site's YAML files, for editors; made from the models."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from integrator.site.models import AdapterFile, GrantsFile, IncludedFile, PartiesFile, RegisterFile
from integrator.site.settings import Settings

FOLDER = "schemas/editor"
FILES: dict[str, tuple[type[BaseModel], str]] = {
    "routes": (RegisterFile, "routes.yaml"),
    "flows": (IncludedFile, "files that `include` of routes.yaml names"),
    "grants": (GrantsFile, "routes/<level>/<flow>.grants.yaml"),
    "parties": (PartiesFile, "parties/*.yaml"),
    "adapter": (AdapterFile, "adapters/<level>/<system>.yaml"),
    "settings": (Settings, "integrator.yaml"),
}
"""The kinds of file: name of the schema → model, and which files it describes."""


def editor_schemas() -> dict[str, str]:
    """The JSON Schema texts by path in the repository."""
    return {f"{FOLDER}/{name}.schema.json": _text(model, files) for name, (model, files) in FILES.items()}


def _text(model: type[BaseModel], files: str) -> str:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    described = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$comment": f"Generated from the models: describes {files}.",
        **_tidy(schema),
    }
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


class _Generator(GenerateJsonSchema):
    """Defaults of nested models by their aliases, in the order the models declare."""

    def encode_default(self, value: Any) -> Any:
        return (
            value.model_dump(by_alias=True) if isinstance(value, BaseModel) else super().encode_default(value)
        )


def _tidy(node: Any, *, names: bool = False) -> Any:
    # pydantic titles every property with its name: editors show the description, which says more.
    # `names` says that the keys are names of the site's files, not keywords of JSON Schema.
    if isinstance(node, dict):
        return {
            key: value
            if not names and key in ("examples", "default")
            else _tidy(value, names=not names and key in ("properties", "patternProperties", "$defs"))
            for key, value in node.items()
            if names or key != "title"
        }
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    return node
