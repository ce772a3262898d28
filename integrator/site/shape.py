"""Holds a document against its model and tells every difference with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from integrator.site.files import SiteFiles
from integrator.site.models import AdapterFile, GrantsFile, IncludedFile, PartiesFile, RegisterFile
from integrator.site.problems import Problem, did_you_mean
from integrator.site.read import Document, Pointer

_TYPE_NAMES = {
    "string_type": "a text", "int_type": "a whole number", "float_type": "a number", "bool_type": "true or false",
    "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
}  # fmt: skip


def shape_problems(site: SiteFiles) -> Iterator[Problem]:
    """Where the register, grants, parties and adapters differ from their models."""
    yield from document_problems(site.register, RegisterFile)
    for documents, model in (
        (site.included, IncludedFile),
        (site.grants, GrantsFile),
        (site.parties, PartiesFile),
        (site.adapters, AdapterFile),
    ):
        for document in documents.values():
            yield from document_problems(document, model)


def document_problems(document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Where one document differs from its model; nothing where it could not be read."""
    if document.data is None and document.problems:
        return
    try:
        model.model_validate(document.data)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=True):
            yield _problem(document, model, item)


def _problem(document: Document, model: type[BaseModel], error: Mapping[str, Any]) -> Problem:
    location = tuple(error["loc"])
    kind = error["type"]
    of_key = bool(location) and location[-1] == "[key]"
    pointer = _pointer(document, location[:-1] if of_key else location)
    if kind == "extra_forbidden":
        place = document.place(pointer, key=True)
        key = str(location[-1])
        known = _known_keys(model, pointer[:-1])
        remedy = did_you_mean(key, known, f"remove it; known keys are {', '.join(sorted(known))}")
        return Problem(place.file, place.line, place.column, "unknown-key", f"unknown key '{key}'", remedy)
    if kind == "missing":
        # The parent's key tells more than the first line of what stands there.
        place = document.place(pointer[:-1], key=True)
        name = location[-1]
        return Problem(place.file, place.line, place.column, "missing-key", f"the key '{name}' is missing",
                       f"add '{name}: …'; docs/reference/site.md shows an example")  # fmt: skip
    place = document.place(pointer, key=of_key)
    rule, message, remedy = _value_problem(kind, error)
    return Problem(place.file, place.line, place.column, rule, message, remedy)


def _value_problem(kind: str, error: Mapping[str, Any]) -> tuple[str, str, str]:
    context = error.get("ctx") or {}
    if "remedy" in context:
        return kind, str(context["message"]), str(context["remedy"])
    if kind in _TYPE_NAMES:
        quoted = kind == "string_type" and isinstance(error.get("input"), (int, float))
        return "wrong-value", f"this is not {_TYPE_NAMES[kind]}", (
            "put the value in quotes" if quoted else f"write {_TYPE_NAMES[kind]} here"
        )  # fmt: skip
    if kind == "literal_error":
        expected = str(context.get("expected", ""))
        choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
        given = error.get("input")
        remedy = (
            did_you_mean(given, choices, f"write {expected}")
            if isinstance(given, str)
            else f"write {expected}"
        )
        return "wrong-value", f"this is not one of {expected}", remedy
    message = str(error["msg"])
    return "wrong-value", message[0].lower() + message[1:], "docs/reference/site.md shows an example"


def _pointer(document: Document, location: Pointer) -> Pointer:
    """The part of pydantic's location that is a place of the document (models name branches too)."""
    pointer: list[str | int] = []
    value = document.data
    for step in location:
        in_mapping = isinstance(value, dict) and step in value
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_mapping or in_list:
            value = value[step]
        elif step == location[-1]:
            value = None
        else:
            continue
        pointer.append(step)
    return tuple(pointer)


# --- known keys, from the model's own JSON Schema -------------------------------------------------


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema(by_alias=True)


def _known_keys(model: type[BaseModel], pointer: Pointer) -> list[str]:
    schema = _schema(model)
    nodes = [schema]
    for step in pointer:
        nodes = [child for node in nodes for child in _children(schema, node, step)]
    return sorted(
        {key for node in nodes for part in _branches(schema, node) for key in part.get("properties", {})}
    )


def _branches(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    reference = node.get("$ref")
    if reference is not None:
        yield from _branches(schema, schema["$defs"][reference.rpartition("/")[2]])
    for part in node.get("anyOf", ()):
        yield from _branches(schema, part)
    yield node


def _children(
    schema: Mapping[str, Any], node: Mapping[str, Any], step: str | int
) -> Iterator[Mapping[str, Any]]:
    for part in _branches(schema, node):
        if isinstance(step, int):
            if isinstance(part.get("items"), dict):
                yield part["items"]
        elif step in part.get("properties", {}):
            yield part["properties"][step]
        elif isinstance(part.get("additionalProperties"), dict):
            yield part["additionalProperties"]
        else:
            yield from part.get("patternProperties", {}).values()
