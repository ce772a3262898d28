"""Reads one YAML file of a site: plain data, and the line and column of every value.

YAML 1.2 core schema (section 10.3): `true` and `false` are the only booleans, dates and clock
times stay text, so that a country code NO or a time 12:30 is what it looks like. Duplicate keys,
tags, several documents and unbounded input are refused. libyaml's events are read one by one:
its own composer recurses in C and ends the process on 100,000 opening brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integrator.site.problems import Problem

Pointer = tuple[str | int, ...]

MAX_FILE_BYTES = 4_194_304
MAX_DEPTH = 64
MAX_NODES = 500_000
MAX_EXPRESSIONS_RECOVERED = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file of the site; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1


@dataclass(slots=True)
class Document:
    """A file as data. `places` has the place of each value, `keys` that of each mapping key.

    `data` is None where the file cannot be read at all; `problems` say why.
    """

    file: str
    data: Any = None
    places: dict[Pointer, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Pointer, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, pointer: Pointer = (), *, key: bool = False) -> Place:
        """Where the value (or with `key` its name) at `pointer` stands, else its nearest parent."""
        for end in range(len(pointer), -1, -1):
            wanted = pointer[:end]
            if key and wanted in self.keys:
                return Place(self.file, *self.keys[wanted])
            if wanted in self.places:
                return Place(self.file, *self.places[wanted])
        return Place(self.file)


def read_yaml(path: Path, name: str) -> Document:
    """Read the file at `path`, called `name` in messages. Never raises for what a person can write."""
    document = Document(name)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            document.problems.append(_too_large(name, f"it is larger than {MAX_FILE_BYTES} bytes"))
            return document
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        document.problems.append(Problem(name, 1, 1, "unreadable-file", f"cannot read the file: {reason}",
                                         "correct its name or its permissions"))  # fmt: skip
        return document
    return read_text(raw, name)


def read_text(raw: bytes, name: str) -> Document:
    """Read YAML text; see `read_yaml`."""
    document = Document(name)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        document.problems.append(Problem(name, line, column, "not-utf-8", "this byte is not UTF-8 text",
                                         "save the file as UTF-8"))  # fmt: skip
        return document
    for _attempt in range(MAX_EXPRESSIONS_RECOVERED):
        builder = _Builder(name, hidden_braces=bool(document.problems))
        try:
            builder.read(text)
        except yaml.YAMLError as error:
            problem = _syntax_problem(error, text, name)
            document.problems.append(problem)
            recovered = _without_expression(text, problem)
            if recovered is None:
                return document
            text = recovered  # so that one unquoted expression hides no other mistake of the file
            continue
        except _Refused as refused:
            document.problems.append(refused.problem)
            return document
        builder.problems[:0] = document.problems
        return Document(name, builder.data, builder.places, builder.keys, builder.problems)
    return document


# --- building the data ----------------------------------------------------------------------------


class _Refused(Exception):  # ends the reading of one file, never leaves this module
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    """An open collection: its data and, in a mapping, the key that waits for its value."""

    data: Any
    pointer: Pointer
    anchor: str | None
    key: str | None = None
    seen: set[str] = field(default_factory=set)


class _Builder:
    def __init__(self, name: str, *, hidden_braces: bool) -> None:
        self.name = name
        self.hidden_braces = hidden_braces
        self.data: Any = None
        self.places: dict[Pointer, tuple[int, int]] = {}
        self.keys: dict[Pointer, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.stack: list[_Frame] = []

    def read(self, text: str) -> None:
        loader = yaml.CSafeLoader(text)
        documents = 0
        while True:
            event = loader.get_event()
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._open({}, event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._open([], event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, "several-documents", "the file holds a second YAML document",
                                       "keep one document a file: remove the line '---'")  # fmt: skip
            elif isinstance(event, yaml.StreamEndEvent):
                return

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._check_tag(event)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and isinstance(frame.data, dict):
            self._key(frame, event)
            return
        text = event.value.translate(_SHOW_BRACES) if self.hidden_braces else event.value
        value = text if event.style or event.tag == "!" else core_value(text)
        self._count(1, event)
        self._remember(event, value, 1)
        self._add(value, event)

    def _key(self, frame: _Frame, event: yaml.ScalarEvent) -> None:
        # Every key of a site is a name: it stays the text that is written.
        key = event.value
        pointer = (*frame.pointer, key)
        if key in frame.seen:
            line = self.keys[pointer][0]
            self.problems.append(
                Problem(self.name, *_position(event), "duplicate-key",
                        f"the key '{key}' stands twice, first on line {line}", "remove one of the two")
            )  # fmt: skip
        else:
            self.keys[pointer] = _position(event)
        frame.seen.add(key)
        frame.key = key

    def _open(self, data: Any, event: yaml.CollectionStartEvent) -> None:
        self._check_tag(event)
        if self.stack and self.stack[-1].key is None and isinstance(self.stack[-1].data, dict):
            raise self._refuse(event, "key-not-text", "a key must be a text", "write the key as plain text")
        if len(self.stack) >= MAX_DEPTH:
            raise _Refused(_too_large(self.name, f"it nests deeper than {MAX_DEPTH} levels", event))
        self._count(1, event)
        pointer = self._add(data, event)
        self.stack.append(_Frame(data, pointer, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.data, _size(frame.data))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self.stack and self.stack[-1].key is None and isinstance(self.stack[-1].data, dict):
            raise self._refuse(event, "key-not-text", "a key must be a text", "write the key as plain text")
        if event.anchor not in self.anchors:
            # Also an anchor inside itself: it is not closed yet, so a value never contains itself.
            raise self._refuse(event, "unknown-alias", f"nothing is anchored as '{event.anchor}'",
                               "anchor a value above it with '&', or write the value out")  # fmt: skip
        value, size = self.anchors[event.anchor]
        self._count(size, event)
        self._add(value, event)

    def _add(self, value: Any, event: yaml.NodeEvent) -> Pointer:
        pointer: Pointer = ()
        if not self.stack:
            self.data = value
        else:
            frame = self.stack[-1]
            if isinstance(frame.data, dict):
                assert frame.key is not None
                pointer = (*frame.pointer, frame.key)
                frame.data[frame.key] = value
                frame.key = None
            else:
                pointer = (*frame.pointer, len(frame.data))
                frame.data.append(value)
        self.places[pointer] = _position(event)
        return pointer

    def _remember(self, event: yaml.ScalarEvent, value: Any, size: int) -> None:
        if event.anchor:
            self.anchors[event.anchor] = (value, size)

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _Refused(_too_large(self.name, f"it has more than {MAX_NODES} values", event))

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!"):
            raise self._refuse(event, "yaml-tag", f"the tag '{event.tag}' is not allowed", "remove the tag")

    def _refuse(self, event: yaml.Event, rule: str, message: str, remedy: str) -> _Refused:
        return _Refused(Problem(self.name, *_position(event), rule, message, remedy))


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    assert mark is not None  # libyaml marks every event
    return mark.line + 1, mark.column + 1


def _size(data: Any) -> int:
    if isinstance(data, dict):
        return 1 + sum(_size(value) for value in data.values())
    if isinstance(data, list):
        return 1 + sum(_size(value) for value in data)
    return 1


# --- YAML 1.2 core schema -------------------------------------------------------------------------

_CORE: Mapping[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER_START = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_CHARS = 128


def core_value(text: str) -> Any:
    """The value of a plain scalar under the core schema; infinities and NaN stay text."""
    if text in _CORE:
        return _CORE[text]
    if text[0] not in _NUMBER_START or len(text) > _MAX_NUMBER_CHARS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


# --- problems -------------------------------------------------------------------------------------

_EXPRESSION = re.compile(r"\$\{[^{}\n]*\}")
_HIDE_BRACES = {ord("{"): "\ue000", ord("}"): "\ue001"}  # private use: no site means anything by them
_SHOW_BRACES = {0xE000: "{", 0xE001: "}"}


def _too_large(name: str, what: str, event: yaml.Event | None = None) -> Problem:
    line, column = _position(event) if event else (1, 1)
    return Problem(name, line, column, "file-too-large", f"the file is refused: {what}", "split the file")


def _syntax_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # a character YAML does not allow; the error knows its position only
        position = int(getattr(error, "position", 0))
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        return Problem(name, line, column, "yaml-syntax", "this control character is not allowed in YAML",
                       "remove the character")  # fmt: skip
    line, column = mark.line + 1, mark.column + 1
    lines = text.split("\n")
    written = lines[mark.line] if mark.line < len(lines) else ""
    expression = _expression_at(written, mark.column)
    if expression is not None:
        return Problem(name, line, expression + 1, "unquoted-expression",
                       "an unquoted ${…} inside {…} or […] is not YAML",
                       'put the whole value in double quotes: "${…}"')  # fmt: skip
    if "\t" in written[: max(column, len(written) - len(written.lstrip()))]:
        tab = written.index("\t")
        return Problem(name, line, tab + 1, "yaml-tab", "a tab cannot indent YAML",
                       "replace the tab by spaces")  # fmt: skip
    what = str(getattr(error, "problem", None) or "the YAML cannot be read")
    context = getattr(error, "context", None)
    message = f"not YAML: {what}" + (f" ({context})" if context else "")
    return Problem(name, line, column, "yaml-syntax", message, _syntax_remedy(what))


def _expression_at(line: str, column: int) -> int | None:
    # libyaml stops at the brace after the dollar, or at what follows the closing brace.
    for match in _EXPRESSION.finditer(line):
        before = line[: match.start()]
        inside_flow = before.count("{") + before.count("[") > before.count("}") + before.count("]")
        if match.start() <= column <= match.end() and inside_flow:
            return match.start()
    return None


def _syntax_remedy(what: str) -> str:
    if "mapping values" in what:
        return "indent the line like its neighbours, or put the value in quotes"
    if "expected" in what:
        return "close what is open, separate items with commas, and quote texts with braces or brackets"
    if "cannot start any token" in what:
        return "put the value in quotes"
    return "correct the line; an editor with the site's JSON Schemas shows the place"


def _without_expression(text: str, problem: Problem) -> str | None:
    """The text with the braces of the expression at fault hidden from libyaml, else None."""
    if problem.rule != "unquoted-expression":
        return None
    lines = text.split("\n")
    line = lines[problem.line - 1]
    match = _EXPRESSION.match(line, problem.column - 1)
    if match is None:
        return None
    lines[problem.line - 1] = line[: match.start()] + match[0].translate(_HIDE_BRACES) + line[match.end() :]
    return "\n".join(lines)
