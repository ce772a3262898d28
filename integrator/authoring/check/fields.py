"""Rules about the canonical JSON: fields, field groups and subjects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.problems import did_you_mean

_STEP = re.compile(r"\.\.([\w@#-]+)|\.([\w@#-]+)|(\[\*\])")


@rule("unknown-field")
def unknown_field(view: View) -> Iterator[Finding]:
    """A field group names a property that the answer schema does not have."""
    for flow in view.flows:
        schema = view.json_schema(flow.text("answer"))
        if schema is None:
            continue
        properties = set(_properties(schema, schema))
        for group in flow.items("field-groups"):
            for field, place in group.texts():
                if field not in properties:
                    yield Finding(place, f"the answer has no field '{field}'",
                                  did_you_mean(field, properties, f"name one of {', '.join(sorted(properties))}"))  # fmt: skip


@rule("unknown-field-group")
def unknown_field_group(view: View) -> Iterator[Finding]:
    """A grant names a field group that its flow does not have."""
    for flow in view.flows:
        groups = flow.get("field-groups")
        known = set(groups) if isinstance(groups, dict) else set()
        for grant in view.site.grants_of(flow):
            for group, place in grant.texts("fields"):
                if group not in known:
                    yield Finding(place, f"the flow '{flow.id}' has no field group '{group}'",
                                  did_you_mean(group, known, "describe it under 'field-groups' of the flow"))  # fmt: skip


@rule("ungrouped-field", severity="warning")
def ungrouped_field(view: View) -> Iterator[Finding]:
    """A property of the answer is in no field group, so that nobody can ever be granted it."""
    for flow in view.flows:
        schema = view.json_schema(flow.text("answer"))
        if schema is not None:
            grouped = {field for group in flow.items("field-groups") for field, _place in group.texts()}
            for field in sorted(set(_properties(schema, schema)) - grouped):
                yield Finding(flow.place("answer"), f"the field '{field}' is in no field group",
                              "put it into a group of 'field-groups', or out of the schema")  # fmt: skip


@rule("personal-without-subjects")
def personal_without_subjects(view: View) -> Iterator[Finding]:
    """A flow with personal or sensitive data does not say whom its data is about.

    Without subjects nobody can answer "who saw the data of this citizen"; the bus would not release
    one answer. A flow about nobody says `subjects: {none: <reason>}`.
    """
    for flow in view.flows:
        if not view.is_personal(flow):
            continue
        if flow.get("subjects") is None:
            yield Finding(flow.place(key=True), f"the flow '{flow.id}' has personal data and no subjects",
                          "add 'subjects: {request: [$.niss], response: [$..niss]}'")  # fmt: skip
        elif (
            flow.get("exchange") == "request-reply"
            and flow.get("answer")
            and not (flow.get("subjects", "none") or flow.get("subjects", "response"))
        ):
            yield Finding(flow.place("subjects", key=True), "the subjects of the answer are missing",
                          "add 'response: [$..niss]', with the paths of your answer schema")  # fmt: skip


@rule("subject-not-in-schema")
def subject_not_in_schema(view: View) -> Iterator[Finding]:
    """A subject path leads to nothing that the request or answer schema describes."""
    for flow in view.flows:
        for key, schema_key in (("request", "request"), ("response", "answer")):
            schema = view.json_schema(flow.text(schema_key))
            if schema is None:
                continue
            for path, place in flow.texts("subjects", key):
                if not leads_somewhere(schema, path):
                    yield Finding(place, f"the path {path} is not in the schema {flow.text(schema_key)}",
                                  "correct the path, or describe the property in the schema")  # fmt: skip


@rule("subject-without-schema", severity="warning")
def subject_without_schema(view: View) -> Iterator[Finding]:
    """Subject paths stand without a schema, so that nothing says whether they lead anywhere."""
    for flow in view.flows:
        for key, schema_key in (("request", "request"), ("response", "answer")):
            if flow.get("subjects", key) and flow.get(schema_key) is None:
                yield Finding(flow.place("subjects", key, key=True), f"the flow has no '{schema_key}' schema",
                              f"add '{schema_key}: schemas/<name>.schema.json'")  # fmt: skip


# --- walking a JSON Schema ------------------------------------------------------------------------


def leads_somewhere(schema: Mapping[str, Any], path: str) -> bool:
    """Whether a JSONPath of the bus's subset can lead to a value the schema describes."""
    nodes: list[Mapping[str, Any]] = [schema]
    steps = list(_STEP.finditer(path))
    if path[:1] != "$" or sum(len(step[0]) for step in steps) != len(path) - 1:
        return True  # not of the subset: the model says so
    for step in steps:
        if step[1]:
            nodes = [found for node in nodes for part in _everywhere(schema, node)
                     for found in _named(schema, part, step[1])]  # fmt: skip
        elif step[2]:
            nodes = [found for node in nodes for found in _named(schema, node, step[2])]
        else:
            nodes = [found for node in nodes for found in _items(schema, node)]
    return bool(nodes)


def resolved(schema: Mapping[str, Any], node: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The node with what it refers to and combines, as one flat list of schemas."""
    if not isinstance(node, Mapping) or depth > 32:
        return
    yield node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        yield from resolved(schema, _at(schema, reference), depth + 1)
    for key in ("allOf", "anyOf", "oneOf"):
        parts = node.get(key)
        for part in parts if isinstance(parts, list) else ():
            yield from resolved(schema, part, depth + 1)
    for key in ("then", "else"):
        yield from resolved(schema, node.get(key), depth + 1)


def _at(schema: Mapping[str, Any], reference: str) -> Any:
    value: Any = schema
    for part in filter(None, reference[1:].split("/")):
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _properties(schema: Mapping[str, Any], node: Any) -> Iterator[str]:
    for part in resolved(schema, node):
        if isinstance(part.get("properties"), Mapping):
            yield from part["properties"]


def _named(schema: Mapping[str, Any], node: Any, name: str) -> Iterator[Mapping[str, Any]]:
    for part in resolved(schema, node):
        properties = part.get("properties")
        if isinstance(properties, Mapping) and isinstance(properties.get(name), Mapping):
            yield properties[name]


def _items(schema: Mapping[str, Any], node: Any) -> Iterator[Mapping[str, Any]]:
    for part in resolved(schema, node):
        if isinstance(part.get("items"), Mapping):
            yield part["items"]


def _everywhere(schema: Mapping[str, Any], node: Any) -> Iterator[Mapping[str, Any]]:
    """The node and every schema below it, each once: schemas may refer to themselves."""
    waiting, seen = [node], set[int]()
    while waiting:
        for part in resolved(schema, waiting.pop()):
            if id(part) in seen:
                continue
            seen.add(id(part))
            yield part
            properties = part.get("properties")
            waiting.extend(properties.values() if isinstance(properties, Mapping) else ())
            waiting.append(part.get("items"))
            waiting.append(part.get("additionalProperties"))
