"""Elements of an XML text of any size, cut out as they stand: what xtokenize draws from.

The text goes through expat for its structure only; pieces are the bytes between two places of it, so that
they keep quotes, blanks and comments. What is no longer needed is let go.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.parsers import expat

from integrator.engine.exceptions import JavaException, failure
from integrator.exchange import InvalidRequest, Overloaded
from integrator.security.limits import DEFAULT
from integrator.security.parsers import xml_scanner

LONGEST = 16_000_000
"""Bytes of the longest element that is cut out."""
_ENCODINGS = {"utf-8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1"}
_LET_GO = 65_536
_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


class Name(NamedTuple):
    """A name with its namespace ("" for none) and its prefix ("" for none)."""

    uri: str
    local: str
    prefix: str = ""

    @property
    def written(self) -> str:
        """As it stands in a tag."""
        return f"{self.prefix}:{self.local}" if self.prefix else self.local


class Event(NamedTuple):
    """The start or end of an element, and where its tag begins (an end: where the element has ended)."""

    start: bool
    name: Name
    place: int
    namespaces: tuple[tuple[str, str], ...] = ()


class Reader:
    """Events of an XML text, one by one, and the text between places that were not passed for good.

    Raises from `next` JavaException (XMLStreamException) where the text is not well-formed, InvalidRequest
    for what the hardened parser refuses, Overloaded past the limits.
    """

    def __init__(self, chunks: Iterable[bytes], *, is_text: bool) -> None:
        self._chunks = iter(chunks)
        self._parser = xml_scanner("UTF-8" if is_text else None)
        self._parser.StartElementHandler = self._started
        self._parser.EndElementHandler = self._ended
        self._parser.StartNamespaceDeclHandler = self._declared
        self._parser.XmlDeclHandler = self._declaration
        self._declarations: list[tuple[str, str]] = []
        self._events: deque[Event] = deque()
        self._encoding = "utf-8"
        self._is_text = is_text
        self._buffer, self._base, self._kept = b"", 0, 0
        self._ends: list[int] = []
        self._finished = False
        self._wrong: JavaException | None = None

    def next(self) -> Event | None:
        """The next event; None at the end."""
        while not self._events:
            if self._wrong is not None:
                raise self._wrong
            if self._finished:
                return None
            self._feed()
        return self._events.popleft()

    def keep_from(self, place: int) -> None:
        """What stands before is no longer needed."""
        self._kept = place

    def text(self, start: int, end: int) -> str:
        """The text between two places."""
        return self._buffer[start - self._base : end - self._base].decode(self._encoding)

    def _feed(self) -> None:
        chunk = next(self._chunks, None)
        if self._kept - self._base > _LET_GO:
            self._buffer = self._buffer[self._kept - self._base :]
            self._base = self._kept
        if len(self._buffer) > LONGEST:
            raise Overloaded(f"an element has more than {LONGEST} bytes", reason="body-size")
        if chunk:
            self._buffer += chunk
        try:
            self._parser.Parse(chunk or b"", chunk is None)
        except expat.ExpatError as error:
            self._wrong = _malformed(error)  # what was read before it comes first
        self._finished = chunk is None

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and not self._is_text:
            known = _ENCODINGS.get(encoding.lower())
            if known is None:
                raise InvalidRequest("XML is cut in UTF-8, ASCII or ISO-8859-1 only", reason="encoding")
            self._encoding = known

    def _declared(self, prefix: str | None, uri: str | None) -> None:
        self._declarations.append((prefix or "", uri or ""))

    def _started(self, name: str, attributes: dict[str, str]) -> None:
        place = self._parser.CurrentByteIndex
        if len(self._ends) >= DEFAULT.xml_depth:
            raise InvalidRequest(
                f"the body has more than {DEFAULT.xml_depth} levels of nesting",
                reason="too-complex",
                status=413,
            )
        tag = _TAG.match(self._buffer, place - self._base)
        end = tag.end() + self._base if tag is not None and tag[0].endswith(b"/>") else 0
        self._ends.append(end)
        self._events.append(Event(True, name_of(name), place, tuple(self._declarations)))
        self._declarations.clear()

    def _ended(self, name: str) -> None:
        end = self._ends.pop()
        if not end:
            place = self._parser.CurrentByteIndex
            end = self._buffer.index(b">", place - self._base) + 1 + self._base
        self._events.append(Event(False, name_of(name), end))


def name_of(text: str) -> Name:
    """An expat name: `local`, `uri local`, or `uri local prefix`."""
    found = text.split(" ")
    return Name("", found[0]) if len(found) == 1 else Name(*found[:3])


_WOODSTOX = {
    expat.errors.codes[expat.errors.XML_ERROR_SYNTAX]: "WstxUnexpectedCharException",
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "WstxEOFException",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "WstxEOFException",
}


def _malformed(error: expat.ExpatError) -> JavaException:
    message = f"the body is not well-formed XML (line {error.lineno}, column {error.offset + 1})"
    return failure(f"com.ctc.wstx.exc.{_WOODSTOX.get(error.code, 'WstxParsingException')}", message)


class Step:
    """One step of a path: a name with `*` and `?`, of a namespace or (None) of any."""

    def __init__(self, uri: str | None, local: str) -> None:
        self.uri, self.local = uri, local
        wild = any(mark in local for mark in "*?")
        pattern = re.escape(local).replace(r"\*", ".*").replace(r"\?", ".")
        self._pattern = re.compile(pattern) if wild else None

    def matches(self, name: Name) -> bool:
        """Whether an element is meant."""
        if self.uri is not None and self.uri != name.uri:
            return False
        return (
            name.local == self.local
            if self._pattern is None
            else self._pattern.fullmatch(name.local) is not None
        )


def steps_of(path: str, namespaces: dict[str, str]) -> list[Step | None]:
    """The steps of `/a/p:b` or `//p:b`; None for a double slash. Unknown prefixes mean no namespace, as in Camel."""
    found: list[Step | None] = []
    for text in path[1:].rstrip("/").split("/"):
        prefix, _, local = text.rpartition(":")
        uri = None if prefix == "*" else namespaces.get(prefix, "")
        found.append(Step(uri, local) if text else None)
    return found


class Pieces:
    """The state of Camel's walk along a path; `mode` is i, w, u or t.

    i: the elements with the namespaces in scope declared on them; w: each within its ancestors, opened and
    closed again; u: what they contain; t: their texts. `group` so many make one.
    """

    def __init__(self, reader: Reader, path: list[Step | None], mode: str, group: int) -> None:
        self._reader, self._path, self._mode, self._group = reader, path, mode, group
        self._index, self._depth, self._track = 0, 0, -1
        self._consumed = 0
        self._names: list[Name] = []
        self._namespaces: list[dict[str, str]] = [{}]
        self._segments: list[str] = []
        self._log: list[Name] = []
        self._held: list[str] = []
        self._backtrack = False

    def __iter__(self) -> Iterator[str]:
        while (event := self._reader.next()) is not None:
            piece = self._start(event) if event.start else None
            if not event.start:
                if self._held and self._mode == "w" and self._leaving():
                    yield self._grouped()
                self._end(event.name)
            if piece is not None:
                if self._group == 1:
                    yield piece
                    continue
                self._held.append(piece)
                if len(self._held) == self._group:
                    yield self._grouped()
        if self._held:
            yield self._grouped()

    def _leaving(self) -> bool:
        return self._backtrack or (self._track > 0 and self._depth == self._track)

    def _current(self) -> Step | None:
        return self._path[self._index + (self._path[self._index] is None)]

    def _ancestor(self) -> Step | None:
        return None if self._index == 0 else self._path[self._index - 1]

    def _start(self, event: Event) -> str | None:
        self._depth += 1
        before = self._take(event.place)
        if not self._backtrack and self._mode == "w":
            self._segments.append(before)
            self._log.append(event.name)
        self._names.append(event.name)
        self._namespaces.append({**self._namespaces[-1], **dict(event.namespaces)})
        self._backtrack = False
        current, deep = self._current(), self._path[self._index] is None
        if current is not None and current.matches(event.name):
            if self._index == len(self._path) - (2 if deep else 1):
                return self._cut()
            self._index += 2 if deep else 1
        elif not deep:
            self._skip()
        return None

    def _take(self, place: int) -> str:
        """The text since what was taken last; only where it is needed."""
        text = self._reader.text(self._consumed, place) if self._mode == "w" else ""
        self._consumed = place
        self._reader.keep_from(place)
        return text

    def _cut(self) -> str:
        start, depth = self._consumed, self._depth
        while depth <= self._depth:
            event = self._next()
            self._depth += 1 if event.start else -1
        text = self._reader.text(start, event.place)
        self._consumed = event.place
        self._reader.keep_from(event.place)
        self._names.pop()
        piece = self._shown(text, self._namespaces.pop())
        self._backtrack, self._track = True, self._depth
        return piece

    def _skip(self) -> None:
        """Pass over an element that the path does not lead through."""
        depth = self._depth
        while depth <= self._depth:
            event = self._next()
            self._depth += 1 if event.start else -1
        self._depth += 1
        self._end(event.name)

    def _next(self) -> Event:
        event = self._reader.next()
        assert event is not None, "expat reports every end"
        return event

    def _end(self, name: Name) -> None:
        self._depth -= 1
        self._names.pop()
        self._namespaces.pop()
        if self._backtrack or (self._track > 0 and self._depth == self._track - 1):
            self._backtrack = True
            self._track -= 1
            if self._mode == "w":
                while self._log and self._log[-1][:2] != name[:2]:
                    self._log.pop()
                    self._segments.pop()
        ancestor = self._ancestor()
        if (ancestor is None and self._index > 0) or (ancestor is not None and ancestor.matches(name)):
            self._index -= 1

    def _shown(self, text: str, scope: dict[str, str]) -> str:
        if self._mode == "w" and self._group == 1:
            return "".join(self._segments) + text + self._closing()
        if self._mode == "i":
            return with_namespaces(text, scope)
        first, last = len(start_tag(text)), text.rfind("</")
        inside = text[first:last] if last > 0 else ""
        return inside if self._mode == "u" else "".join(_BETWEEN.split(inside)) if self._mode == "t" else text

    def _closing(self) -> str:
        return "".join(f"</{name.written}>" for name in reversed(self._names))

    def _grouped(self) -> str:
        inside = "".join(self._held)
        self._held.clear()
        if self._mode == "w":
            return "".join(self._segments) + inside + self._closing()
        return f"<group>{inside}</group>"


_BETWEEN = re.compile(r"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


def start_tag(text: str) -> str:
    """The tag that an element begins with."""
    found = _BETWEEN.match(text)
    return found[0] if found else text


_OWN = re.compile(r"""xmlns(:\w+|)\s*=\s*('[^']*'|"[^"]*")""")


def with_namespaces(text: str, scope: dict[str, str]) -> str:
    """An element with the namespaces in scope that it does not declare itself, in the order of Java's HashMap."""
    start = start_tag(text)
    own = list(_OWN.finditer(start))
    declared = {found[1].removeprefix(":") for found in own}
    quote = own[0][2][0] if own else '"'
    at = len(start) - (2 if start.endswith("/>") else 1)
    extra = "".join(
        f" xmlns{':' if prefix else ''}{prefix}={quote}{scope[prefix]}{quote}"
        for prefix in _java_order(scope)
        if prefix not in declared
    )
    return text[:at] + extra + text[at:]


def _java_order(names: Iterable[str]) -> list[str]:
    """The keys as a HashMap of them iterates: by bucket, then as they came."""
    listed = list(names)
    size = 16
    while len(listed) > size * 0.75:
        size *= 2

    def bucket(name: str) -> int:
        code = 0
        for character in name:
            code = (code * 31 + ord(character)) & 0xFFFFFFFF
        return (code ^ (code >> 16)) & (size - 1)

    return sorted(listed, key=bucket)
