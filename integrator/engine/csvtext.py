"""Lines of values as commons-csv reads and writes them: quoting, escapes, comments and nulls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from integrator.engine.exceptions import JavaException, failure, wrapped
from integrator.engine.javatypes import to_text

_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "b": "\b", "f": "\f"}
_STRICT = ("ALL_NON_NULL", "NON_NUMERIC")


@dataclass(frozen=True, slots=True)
class Format:
    """How lines are written and read. Empty texts mean: none; `null` and `mode` None: not set."""

    delimiter: str = ","
    quote: str = '"'
    end: str = "\r\n"
    escape: str = ""
    comment: str = ""
    null: str | None = None
    mode: str | None = None
    keeps_blank: bool = False
    trims: bool = False
    ignores_spaces: bool = False
    trailing: bool = False
    missing_names: bool = False


# --- writing -----------------------------------------------------------------------------------------


def line(shape: Format, values: list[Any]) -> str:
    """One line, its end included."""
    texts = [_written(shape, value, first=place == 0) for place, value in enumerate(values)]
    return shape.delimiter.join(texts) + (shape.delimiter if shape.trailing else "") + shape.end


def _written(shape: Format, value: Any, *, first: bool) -> str:
    if value is None:
        text = shape.null or ""
        return shape.quote + text + shape.quote if shape.null is not None and shape.mode == "ALL" else text
    text = to_text(value) or ""
    if shape.trims:
        text = text.strip()
    if shape.quote and shape.mode != "NONE":
        return _quoted(shape, value, text, first=first)
    return _with_escapes(shape, text) if shape.escape else text


def _quoted(shape: Format, value: Any, text: str, *, first: bool) -> str:
    quote, escape = shape.quote, shape.escape or shape.quote
    if shape.mode == "NON_NUMERIC":
        needed = isinstance(value, bool) or not isinstance(value, (int, float))
    elif shape.mode in ("ALL", "ALL_NON_NULL"):
        needed = True
    elif not text:
        needed = first
    else:
        marks = ("\n", "\r", quote, escape, shape.delimiter)
        needed = text[0] <= "#" or text[-1] <= " " or any(mark in text for mark in marks)
    if not needed:
        return text
    if escape != quote:
        text = text.replace(escape, escape * 2)
    return quote + text.replace(quote, escape + quote) + quote


def _with_escapes(shape: Format, text: str) -> str:
    escape = shape.escape
    text = text.replace(escape, escape * 2).replace(shape.delimiter, escape + shape.delimiter)
    return text.replace("\r", f"{escape}r").replace("\n", f"{escape}n")


# --- reading -----------------------------------------------------------------------------------------


def rows(shape: Format, text: str) -> Iterator[list[str | None]]:
    """The lines of a text, one by one. Raises JavaException (UncheckedIOException)."""
    return iter(_Lines(shape, text))


class _Lines:
    """Reads on from a place, as commons-csv's lexer does."""

    def __init__(self, shape: Format, text: str) -> None:
        self._shape, self._text, self._place = shape, text, 0
        special = re.escape(shape.delimiter) + r"\r\n" + (re.escape(shape.escape) if shape.escape else "")
        self._plain = re.compile(f"[^{special}]*")
        inside = re.escape(shape.quote) + (re.escape(shape.escape) if shape.escape else "")
        self._inside = re.compile(f"[^{inside}]*") if shape.quote else None

    def __iter__(self) -> Iterator[list[str | None]]:
        shape, text = self._shape, self._text
        while self._place < len(text):
            if text[self._place] in "\r\n" and not shape.keeps_blank:
                self._pass_end()
            elif shape.comment and text.startswith(shape.comment, self._place):
                found = re.compile(r"[^\r\n]*").match(text, self._place)
                self._place = found.end() if found else len(text)
                self._pass_end()
            else:
                yield self._record()

    def _pass_end(self) -> None:
        if self._text.startswith("\r\n", self._place):
            self._place += 2
        elif self._place < len(self._text):
            self._place += 1

    def _record(self) -> list[str | None]:
        shape, found = self._shape, []
        while True:
            value, quoted = self._value()
            last = not self._text.startswith(shape.delimiter, self._place)
            if shape.trims:
                value = value.strip()
            if not (last and shape.trailing and not value):
                found.append(self._null(value, quoted=quoted))
            if last:
                self._pass_end()
                return found
            self._place += len(shape.delimiter)

    def _null(self, value: str, *, quoted: bool) -> str | None:
        shape = self._shape
        strict = shape.mode in _STRICT
        if value == shape.null:
            return value if strict and quoted else None
        return None if strict and shape.null is None and not value and not quoted else value

    def _value(self) -> tuple[str, bool]:
        shape, text = self._shape, self._text
        if shape.ignores_spaces:
            self._skip_spaces()
        if shape.quote and text.startswith(shape.quote, self._place):
            return self._enclosed(), True
        found: list[str] = []
        while True:
            match = self._plain.match(text, self._place)
            assert match is not None, "an empty text matches"
            found.append(match[0])
            self._place = match.end()
            if not (shape.escape and text.startswith(shape.escape, self._place)):
                value = "".join(found)
                return (value.rstrip() if shape.ignores_spaces else value), False
            found.append(self._escape())

    def _skip_spaces(self) -> None:
        text, place = self._text, self._place
        while (
            place < len(text) and text[place].isspace() and text[place] not in f"{self._shape.delimiter}\r\n"
        ):
            place += 1
        self._place = place

    def _escape(self) -> str:
        shape, text = self._shape, self._text
        follow = text[self._place + 1 : self._place + 2]
        if not follow:
            raise self._wrong("EOF while processing escape sequence")
        self._place += 2
        known = _ESCAPED.get(follow)
        if known is not None:
            return known
        plain = (shape.delimiter, shape.escape, shape.quote, shape.comment, "\r", "\n", "\f", "\t", "\b")
        return follow if follow in plain else shape.escape + follow

    def _enclosed(self) -> str:
        shape, text = self._shape, self._text
        assert self._inside is not None, "there is a quote"
        start, found = self._place, []
        self._place += 1
        while True:
            match = self._inside.match(text, self._place)
            assert match is not None, "an empty text matches"
            found.append(match[0])
            self._place = match.end()
            if self._place >= len(text):
                line = text.count("\n", 0, start) + 1
                raise self._wrong(f"(startline {line}) EOF reached before encapsulated token finished")
            if not text.startswith(shape.quote, self._place):
                found.append(self._escape())
            elif text.startswith(shape.quote, self._place + 1):
                found.append(shape.quote)
                self._place += 2
            else:
                self._place += 1
                self._after_quote()
                return "".join(found)

    def _after_quote(self) -> None:
        """Pass what stands between a closing quote and the delimiter: blanks, that do not count."""
        shape, text = self._shape, self._text
        while self._place < len(text):
            mark = text[self._place]
            if mark in "\r\n" or text.startswith(shape.delimiter, self._place):
                break
            self._place += 1
            if not mark.isspace():
                line = text.count("\n", 0, self._place) + 1
                raise self._wrong(
                    "Invalid character between encapsulated token and delimiter at line:"
                    f" {line}, position: {self._place}"
                )

    def _wrong(self, message: str) -> JavaException:
        return wrapped(
            "java.io.UncheckedIOException", failure("org.apache.commons.csv.CSVException", message)
        )
