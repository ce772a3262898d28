"""Which options of the profile the cases use: every mapping named as a part, every endpoint by its scheme."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from integrator.engine import registry
from tests.engine import vectors

Used = set[tuple[str, str]]
"""(part, option)"""
_URI = re.compile(r"([a-z][a-z-]*):([^?]*)(?:\?(.*))?", re.DOTALL)
WITHOUT_EFFECT = re.compile(r"^(Accepted|Belongs|Not (?:yet )?in|Not yet|Needs)", re.IGNORECASE)
"""How the documentation of an option begins that Camel has and the engine takes without effect, or refuses."""


def of(cases: Iterable[vectors.Case]) -> Used:
    """Every option that some case uses."""
    found: Used = set()
    for case in cases:
        found |= set(_walk(yaml.safe_load(case.routes), ""))
    return found


def profile() -> Used:
    """Every option of every part that has an effect."""
    return {
        (part.name, option.name)
        for part in registry.specs()
        for option in part.options
        if not WITHOUT_EFFECT.match(option.doc)
    }


def _walk(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield name, str(key)
            yield from _walk(item, str(key))
        yield from _endpoint(value.get("uri"), value.get("parameters"))
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, name)
    elif value is not None:
        yield from _short(name)
        yield from _endpoint(value, None)


def _short(name: str) -> Iterator[tuple[str, str]]:
    """A text that stands for one option of a part."""
    for parts in registry.KINDS:
        if parts.find(name) is not None:
            text = parts.spec(name).text or ("expression" if parts is registry.LANGUAGES else None)
            if text:
                yield name, text


def _endpoint(uri: Any, parameters: Any) -> Iterator[tuple[str, str]]:
    match = _URI.match(uri) if isinstance(uri, str) else None
    if match is None or registry.COMPONENTS.find(match[1]) is None:
        return
    for part in (match[3] or "").split("&"):
        yield match[1], part.partition("=")[0]
    for name in parameters if isinstance(parameters, Mapping) else ():
        yield match[1], str(name)
