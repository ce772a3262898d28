"""Camel's iteration over any value: lists, maps, texts with a delimiter, single values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrator.engine.javatypes import JavaEntry, JavaIterator

_COMMA = re.compile(r",(?!(?:[^(,]|[^)],[^)])+\))")
_COMMA_TEXT = 100_000
"""Longer texts are split at each comma: the look-ahead for brackets is for short lists of endpoints."""


def iterate(value: Any, delimiter: str = ",") -> Iterator[Any]:
    """The elements: nothing of null, each of a list, entries of a map, parts of a text.

    `delimiter` `false` leaves texts whole. Commas between brackets do not count, as in Camel.
    """
    if value is None:
        return
    if isinstance(value, str):
        yield from pieces(value, delimiter)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield JavaEntry(key, item)
    elif isinstance(value, (list, tuple, JavaIterator)):
        yield from value
    else:
        yield value


def pieces(text: str, delimiter: str) -> Iterator[str]:
    """The parts of a text. One empty part at each end is dropped, as Camel's scanner does."""
    if not text:
        return
    if delimiter in ("false", "single", "") or delimiter not in text:
        if text.strip():  # what is blank is nothing, in Camel
            yield text
        return
    if delimiter == "," and "(" in text and len(text) <= _COMMA_TEXT:
        yield from trimmed_ends(iter(_COMMA.split(text)))
        return
    yield from trimmed_ends(_split(text, delimiter))


def _split(text: str, delimiter: str) -> Iterator[str]:
    start = 0
    while (end := text.find(delimiter, start)) >= 0:
        yield text[start:end]
        start = end + len(delimiter)
    yield text[start:]


def trimmed_ends(found: Iterator[str]) -> Iterator[str]:
    """The same without one empty text at the beginning and one at the end."""
    first = next(found, None)
    if first is None:
        return
    held = first or None
    for item in found:
        if held is not None:
            yield held
        held = item
    if held:
        yield held
