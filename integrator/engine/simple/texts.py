"""simple's functions on texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaArray, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.calls import Arguments, Builder, items_of, text_function
from integrator.engine.simple.prettying import pretty
from integrator.exchange import Exchange, StreamBody

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
    first = arguments.number(0)
    second = arguments.number(1) if len(arguments) > 1 else (lambda _exchange: 0)
    value = arguments.body_or(2)

    def substring(exchange: Exchange) -> Any:
        head, tail = first(exchange), second(exchange)
        if head < 0 and tail == 0:
            head, tail = 0, head
        head, tail = abs(head), abs(tail)
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


def _between(text: str, start: str, end: str) -> str | None:
    rest = _after(text, start)
    return _before(rest, end) if rest is not None else None


def _pad(arguments: Arguments) -> Expression:
    arguments.need(2, 3)
    value, number = arguments.value(0), arguments.number(1)
    fill = (arguments.text(2) or " ") if len(arguments) > 2 else " "

    def pad(exchange: Exchange) -> Any:
        text, width = to_text(value(exchange)), number(exchange)
        if text is None:
            return None
        if abs(width) > _PAD_LONGEST:
            raise failure(
                "java.lang.IllegalArgumentException", f"pad is limited to {_PAD_LONGEST} characters"
            )
        more = fill * -(-max(abs(width) - len(text), 0) // len(fill))
        return text + more if width > 0 else more + text

    return pad


def _concat(arguments: Arguments) -> Expression:
    arguments.need(1, 3)
    listed = arguments.values()
    if len(listed) == 1:
        listed = (lambda exchange: exchange.message.body, *listed)
    separator = arguments.text(2) if len(arguments) > 2 else ""

    def concat(exchange: Exchange) -> str:
        texts = [to_text(value(exchange)) for value in listed[:2]]
        return separator.join(text for text in texts if text is not None)

    return concat


def _join(arguments: Arguments) -> Expression:
    # Camel drops empty arguments first: `-,,x` is separator and prefix, on the body.
    listed = [text for text in arguments.listed if text.strip()]
    filled = Arguments(arguments.name, listed, arguments.source)
    filled.need(0, 3)
    separator = filled.text(0) if listed else ","
    prefix = filled.text(1) if len(listed) > 1 else ""
    value = filled.body_or(2)

    def join(exchange: Exchange) -> str:
        found = value(exchange)
        if found is None:
            raise failure(
                "java.lang.IllegalArgumentException",
                "expression: body evaluated on must return an java.util.Iterator must be specified",
            )
        return separator.join(prefix + (to_text(item) or "") for item in items_of(found) if item is not None)

    return join


def _split(arguments: Arguments) -> Expression:
    arguments.need(0, 2)
    value = arguments.value(0) if len(arguments) > 1 else arguments.body_or(len(arguments))
    separator = arguments.text(len(arguments) - 1) if len(arguments) else ","
    try:
        pattern = re.compile(separator)
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


def _doubled(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text if quoted else f'"{_unquote(text)}"'


def _safe_quote(arguments: Arguments) -> Expression:
    value = arguments.only()

    def quote(exchange: Exchange) -> Any:
        found = value(exchange)
        if found is None or isinstance(found, (bool, int, float, Decimal)):
            return found
        return f'"{_unquote(to_text(found) or "")}"'

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


def _all_of(test: Callable[[str], bool]) -> Builder:
    def build(arguments: Arguments) -> Expression:
        value = arguments.only()
        return lambda exchange: test(to_text(value(exchange)) or "")

    return build


def _length(arguments: Arguments) -> Expression:
    value = arguments.only()

    def length(exchange: Exchange) -> Any:
        found = value(exchange)
        if isinstance(found, StreamBody):
            return found.size
        if isinstance(found, (bytes, JavaArray)):
            return len(found)
        text = to_text(found)
        return None if text is None else len(text)

    return length


FUNCTIONS: dict[str, Builder] = {
    "trim": text_function(str.strip),
    "uppercase": text_function(str.upper),
    "lowercase": text_function(str.lower),
    "capitalize": text_function(
        lambda text: " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    ),
    "normalizeWhitespace": text_function(lambda text: " ".join(text.split())),
    "quote": text_function(_doubled),
    "unquote": text_function(_unquote),
    "safeQuote": _safe_quote,
    "length": _length,
    "isAlpha": _all_of(str.isalpha),
    "isNumeric": _all_of(str.isdigit),
    "isAlphaNumeric": _all_of(str.isalnum),
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
