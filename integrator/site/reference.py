"""The reference pages of the site's files and of the settings, as Markdown; made from the models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any, get_args

import yaml
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from integrator.site.models import AdapterFile, GrantsFile, IncludedFile, PartiesFile, RegisterFile
from integrator.site.read import core_value
from integrator.site.settings import PREFIX, Settings

_KINDS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("routes.yaml", RegisterFile),
    ("Files that `include` names", IncludedFile),
    ("routes/‹level›/‹flow›.grants.yaml", GrantsFile),
    ("parties/*.yaml", PartiesFile),
    ("adapters/‹level›/‹system›.yaml", AdapterFile),
)
_HEAD = "<!-- Generated from the models by `python -m integrator.authoring.generate`: edit those. -->"


def site_page() -> str:
    """docs/reference/site.md: every key of every file of a site."""
    lines = ["# The files of a site", "", _HEAD, "", cleandoc(_INTRODUCTION), ""]
    shown: set[type[BaseModel]] = set()
    for name, model in _KINDS:
        lines += [f"## {name}", ""]
        lines += _model(model, shown)
    return "\n".join(lines).rstrip() + "\n"


def settings_page() -> str:
    """docs/reference/settings.md: every setting of a bus process."""
    lines = ["# Settings", "", _HEAD, "", cleandoc(_SETTINGS), ""]
    lines += ["| setting | variable | type | default | meaning | example |", "|---|---|---|---|---|---|"]
    schema = Settings.model_json_schema(by_alias=True)
    for name, field in Settings.model_fields.items():
        key = name.replace("_", "-")
        kind = _type(schema, schema["properties"][key])
        cells = (
            f"`{key}`",
            f"`{PREFIX}{name.upper()}`",
            kind,
            _default(field),
            field.description or "",
            _example(field),
        )
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _model(model: type[BaseModel], shown: set[type[BaseModel]]) -> Iterator[str]:
    shown.add(model)
    yield cleandoc(model.__doc__ or "")
    yield ""
    inner = list(_inner(model))
    if not issubclass(model, RootModel):
        yield from _table(model)
    for child in inner:
        if child not in shown:
            yield f"### {_heading(child)}"
            yield ""
            yield from _model(child, shown)


def _table(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    yield "| key | type | default | meaning | example |"
    yield "|---|---|---|---|---|"
    for name, field in model.model_fields.items():
        key = field.alias or name
        kind = _type(schema, schema["properties"][key])
        default = "**needed**" if field.is_required() else _default(field)
        cells = (f"`{key}`", kind, default, field.description or "", _example(field))
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield ""


def _inner(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        yield from _models_in(field.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _heading(model: type[BaseModel]) -> str:
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in model.__name__)
    return words.strip().removesuffix(" item").capitalize()


def _type(schema: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        return _type(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    if "anyOf" in node:
        return " or ".join(_type(schema, part) for part in node["anyOf"] if part.get("type") != "null")
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    kind = node.get("type")
    if kind == "array":
        return f"list of {_type(schema, node['items'])}"
    if kind == "object":
        inner = node.get("additionalProperties")
        return f"mapping to {_type(schema, inner)}" if isinstance(inner, Mapping) else "mapping"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(str(kind), str(kind))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True)
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if value is None or value in ([], {}):
        return "none"
    return f"`{_yaml(value if isinstance(value, (bool, int, float, list, dict)) else str(value))}`"


def _example(field: FieldInfo) -> str:
    return "<br>".join(f"`{_yaml(example)}`" for example in field.examples or ())


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 would read as a number: PyYAML writes YAML 1.1."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if core_value(text) is text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _yaml(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000
    )
    return text.strip().removesuffix("...").strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_INTRODUCTION = """
    A site is a directory with `routes.yaml`, `routes/`, `adapters/`, `parties/` and `schemas/`
    (and `flows/`, if `include` names it). Files are YAML 1.2, UTF-8, one document each: `yes`, `no`,
    `on` and `off` are texts, dates and times stay texts, a key may stand once. Numbers of
    enterprises, persons and municipalities are written in quotes, or a leading zero is lost.

    `integrator check` finds every mistake at once; [rules.md](rules.md) explains each. Editors show
    the keys with the JSON Schemas in `schemas/editor/`.
"""
_SETTINGS = """
    Settings come from the command line, the environment, and `integrator.yaml` in the working
    directory, in this order; the first that speaks wins. Unknown settings are refused. Secrets are named by file, never written here; addresses with a password
    are never shown.
"""
