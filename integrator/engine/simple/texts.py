"""simple's functions on texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaArray, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.calls import Arguments, Builder, items_of, text_function
from integrator.engine.simple.prettying import pretty
from integrator.exchange import Exchange

_HASHES = {"SHA-1": "sha1", "SHA1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512",
           "SHA3-256": "sha3_256", "SHA3-512": "sha3_512", "MD5": "md5"}  # fmt: skip
_SPECIAL = {
    "&empty;": "",
    "&quot;": '"',
    "&apos;": "'",
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
}
_PAD_LONGEST = 10_000


def _replace(arguments: Arguments) -> Expression:
    arguments.need(2, 3)
    old, new = (_SPECIAL.get(arguments.text(i), arguments.text(i)) for i in (0, 1))
    value = arguments.body_or(2)

    def replace(exchange: Exchange) -> Any:
        text = to_text(value(exchange))
        return None if text is None else text.replace(old, new)

    return replace


def _substring(arguments: Arguments) -> Expression:
    arguments.need(1, 3)
    first = arguments.whole_number(0)
    head, tail = (0, -first) if first < 0 and len(arguments) == 1 else (max(first, 0), 0)
    if len(arguments) > 1:
        tail = abs(arguments.whole_number(1))
    value = arguments.body_or(2)

    def substring(exchange: Exchange) -> Any:
        text = to_text(value(exchange))
        return None if text is None else text[head : max(len(text) - tail, head)]

    return substring


def _part(cut: Callable[..., str | None], marks: int) -> Builder:
    def build(arguments: Arguments) -> Expression:
        arguments.need(marks, marks + 1)
        given = len(arguments) > marks
        value = arguments.value(0) if given else arguments.body_or(len(arguments))
        ends = [arguments.value(index + (1 if given else 0)) for index in range(marks)]

        def part(exchange: Exchange) -> Any:
            text = to_text(value(exchange))
            return None if text is None else cut(text, *(to_text(end(exchange)) or "" for end in ends))

        return part

    return build


def _before(text: str, mark: str) -> str | None:
    found = text.find(mark)
    return text[:found] if found >= 0 else None


def _after(text: str, mark: str) -> str | None:
    found = text.find(mark)
    return text[found + len(mark) :] if found >= 0 else None


def _between(text: str, start: str, end: str) -> str:
    rest = _after(text, start)
    return (_before(rest, end) or "") if rest is not None else ""


def _pad(arguments: Arguments) -> Expression:
    arguments.need(2, 3)
    value, width = arguments.value(0), arguments.whole_number(1)
    if abs(width) > _PAD_LONGEST:
        raise ExpressionError(f"pad is limited to {_PAD_LONGEST} characters", "Choose a smaller width.")
    fill = (arguments.text(2) or " ")[0] if len(arguments) > 2 else " "

    def pad(exchange: Exchange) -> Any:
        text = to_text(value(exchange))
        if text is None:
            return None
        return text.ljust(width, fill) if width >= 0 else text.rjust(-width, fill)

    return pad


def _concat(arguments: Arguments) -> Expression:
    arguments.need(1, 3)
    listed = arguments.values()
    if len(listed) == 1:
        listed = (lambda exchange: exchange.message.body, *listed)
    first, second = listed[:2]
    separator = arguments.text(2) if len(arguments) > 2 else ""
    return lambda exchange: separator.join(to_text(value(exchange)) or "" for value in (first, second))


def _join(arguments: Arguments) -> Expression:
    # Camel drops empty arguments first: `-,,x` is separator and prefix, on the body.
    listed = [text for text in arguments.listed if text.strip()]
    filled = Arguments(arguments.name, listed, arguments.source)
    filled.need(0, 3)
    separator = filled.text(0) if listed else ","
    prefix = filled.text(1) if len(listed) > 1 else ""
    value = filled.body_or(2)

    def join(exchange: Exchange) -> str:
        return separator.join(prefix + (to_text(item) or "") for item in items_of(value(exchange)))

    return join


def _split(arguments: Arguments) -> Expression:
    arguments.need(0, 2)
    value = arguments.value(0) if len(arguments) > 1 else arguments.body_or(len(arguments))
    separator = arguments.text(len(arguments) - 1) if len(arguments) else ","
    try:
        pattern = re.compile(separator if len(separator) > 1 else re.escape(separator))
        if "{" in separator:
            raise re.error("Java takes no bare brace")
    except re.error:
        raise ExpressionError(
            "the separator of split is no regular expression",
            "With one argument it is the separator: use split(value,',').",
        ) from None

    def split(exchange: Exchange) -> Any:
        text = to_text(value(exchange))
        if text is None:
            return None
        found = pattern.split(text)
        while len(found) > 1 and found[-1] == "":
            found.pop()
        return JavaArray(found)

    return split


def _hash(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    value = arguments.value(0)
    name = _HASHES.get(arguments.text(1).upper() if len(arguments) > 1 else "SHA-256")
    if name is None:
        raise ExpressionError("hash knows no such algorithm", "Use " + ", ".join(_HASHES) + ".")

    def digest(exchange: Exchange) -> Any:
        text = to_text(value(exchange))
        return None if text is None else hashlib.new(name, text.encode("utf-8")).hexdigest()

    return digest


def _encode(text: str) -> str:
    data = base64.b64encode(text.encode("utf-8")).decode("ascii")
    return "".join(data[start : start + 76] + "\r\n" for start in range(0, len(data), 76))


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise failure("java.lang.IllegalArgumentException", "the text is not base64") from None


def _unquote(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _safe_quote(arguments: Arguments) -> Expression:
    arguments.need(0, 1)
    value = arguments.body_or(0)

    def quote(exchange: Exchange) -> Any:
        found = value(exchange)
        return f'"{found}"' if isinstance(found, str) else found

    return quote


def pretty_body(arguments: Arguments) -> Expression:
    """`${prettyBody}`: the body as `pretty` shows it."""
    return _shown(arguments, lambda exchange: to_text(exchange.message.body))


def _pretty(arguments: Arguments) -> Expression:
    from integrator.engine.simple.compiler import expression

    return _shown(arguments, expression(arguments.inside.strip(), arguments.source))


def _shown(arguments: Arguments, value: Expression) -> Expression:
    conversions = arguments.source.scope.services.conversions

    def shown(exchange: Exchange) -> Any:
        found = value(exchange)
        if not isinstance(found, (str, bytes)):
            return None  # Camel pretty-prints texts only
        return pretty(to_text(found) or "", conversions.parse_json, conversions.parse_xml)

    return shown


FUNCTIONS: dict[str, Builder] = {
    "trim": text_function(str.strip),
    "uppercase": text_function(str.upper),
    "lowercase": text_function(str.lower),
    "capitalize": text_function(
        lambda text: " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    ),
    "normalizeWhitespace": text_function(lambda text: " ".join(text.split())),
    "quote": text_function(lambda text: f'"{text}"'),
    "unquote": text_function(_unquote),
    "safeQuote": _safe_quote,
    "length": text_function(len),
    "isAlpha": text_function(lambda text: bool(text) and all(c.isalpha() or c.isspace() for c in text)),
    "isNumeric": text_function(lambda text: text.isdigit()),
    "isAlphaNumeric": text_function(str.isalnum),
    "base64Encode": text_function(_encode),
    "base64Decode": text_function(_decode),
    "replace": _replace,
    "substring": _substring,
    "substringBefore": _part(_before, 1),
    "substringAfter": _part(_after, 1),
    "substringBetween": _part(_between, 2),
    "pad": _pad,
    "concat": _concat,
    "join": _join,
    "split": _split,
    "hash": _hash,
    "pretty": _pretty,
}
