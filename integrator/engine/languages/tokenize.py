"""tokenize: pieces of a text by a token, a pair of tokens, a regular expression, or an XML element."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.iterating import pieces, trimmed_ends
from integrator.engine.javatypes import JavaList, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.results import input_of, truth, with_result_type
from integrator.engine.spec import ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.exchange import Exchange

SPEC = Spec(
    "language",
    "tokenize",
    "The pieces of a text. An empty piece at either end is dropped; nothing is trimmed.",
    "2.0",
    "tokenize: {token: ','}",
    options=(
        Option("token", "What separates the pieces; with endToken what begins one; with xml the element's name.",
               required=True, example=","),
        Option("endToken", "What ends a piece."),
        Option("includeTokens", "Whether pieces keep both tokens.", type="boolean", default=False),
        Option("regex", "Whether the token is a regular expression.", type="boolean", default=False),
        Option("xml", "Takes the XML elements of the token's name.", type="boolean", default=False),
        Option("inheritNamespaceTagName", "Element whose namespaces the pieces inherit; xml only.", example="root"),
        Option("group", "How many pieces make one.", example="100"),
        Option("groupDelimiter", "What stands between the pieces of a group; the token by default."),
        Option("skipFirst", "Leaves the first piece out.", type="boolean", default=False),
        RESULT_TYPE, SOURCE, TRIM, ID,
        Option("expression", "Accepted, without effect."),
    ),
    text="token",
)  # fmt: skip
Cut = Callable[[str], Iterator[str]]


def parts(source: Source) -> Callable[[Exchange], Iterator[str]]:
    """The pieces, cut one by one as they are asked for."""
    cut, given = _cut(source), input_of(source)

    def draw(exchange: Exchange) -> Iterator[str]:
        text = to_text(given(exchange)) if given else _text(exchange)
        return cut(text) if text else iter(())

    return draw


def expression(source: Source) -> Expression:
    """The pieces as a list."""
    draw = parts(source)
    return with_result_type(source, lambda exchange: JavaList(draw(exchange)))


def predicate(source: Source) -> Predicate:
    """Whether there are pieces."""
    value = expression(source)
    return lambda exchange: truth(value(exchange))


def _text(exchange: Exchange) -> str | None:
    body = exchange.message.body
    return exchange.message.as_text() if isinstance(body, (str, bytes)) else to_text(body)


def _cut(source: Source) -> Cut:
    node = source.node
    token = source.scope.fill(node.text("token"), f"{node.pointer}/token")
    token = token.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")
    end = node.text("endToken").replace("\\n", "\n").replace("\\t", "\t")
    if not token:
        raise ExpressionError("there is no token", "Write token: ','.")
    if node.flag("xml"):
        cut = _elements(token, node.text("inheritNamespaceTagName"))
    elif end:
        cut = _pairs(token, end, included=node.flag("includeTokens"))
    elif node.flag("regex"):
        cut = _by_pattern(token)
    else:
        cut = _by_token(token)
    return _grouped(node, cut, token)


def _by_token(token: str) -> Cut:
    return lambda text: pieces(text, token)


def _by_pattern(token: str) -> Cut:
    try:
        pattern = re.compile(token)
    except re.error:
        raise ExpressionError(
            "the token is no regular expression", "Correct it, or leave regex out."
        ) from None

    def cut(text: str) -> Iterator[str]:
        start = 0
        for match in pattern.finditer(text):
            if match.end() > match.start():
                yield text[start : match.start()]
                start = match.end()
        yield text[start:]

    return lambda text: trimmed_ends(cut(text))


def _pairs(token: str, end: str, *, included: bool) -> Cut:
    def cut(text: str) -> Iterator[str]:
        place = 0
        while (first := text.find(token, place)) >= 0:
            last = text.find(end, first + len(token))
            if last < 0:
                return
            place = last + len(end)
            yield text[first:place] if included else text[first + len(token) : last]

    return cut


def _elements(name: str, inherit: str) -> Cut:
    if not re.fullmatch(r"[\w.:-]+", name):
        raise ExpressionError(
            "with xml the token is the name of an element", "Write token: person, without brackets."
        )
    prefix = "" if ":" in name else r"(?:[\w.-]+:)?"
    opening = re.compile(rf"<({prefix}{re.escape(name)})(?=[\s/>])[^>]*>")
    root = re.compile(rf"<(?:[\w.-]+:)?{re.escape(inherit)}(?=[\s/>])([^>]*)>") if inherit else None

    def cut(text: str) -> Iterator[str]:
        found = root.search(text) if root else None
        declared = _NAMESPACE.findall(found[1]) if found else []
        place = 0
        while match := opening.search(text, place):
            place = match.end()
            if not match[0].endswith("/>"):
                closing = f"</{match[1]}>"
                last = text.find(closing, place)
                if last < 0:
                    return
                place = last + len(closing)
            yield _with_namespaces(text[match.start() : place], match, declared)

    return cut


_NAMESPACE = re.compile(r"""(xmlns(?::[\w.-]+)?)=("[^"]*"|'[^']*')""")


def _with_namespaces(piece: str, match: re.Match[str], declared: list[tuple[str, str]]) -> str:
    own = {name for name, _ in _NAMESPACE.findall(match[0])}
    extra = "".join(f" {name}={value}" for name, value in declared if name not in own)
    at = len(match[1]) + 1
    return piece[:at] + extra + piece[at:]


def _grouped(node: Any, cut: Cut, token: str) -> Cut:
    skips, text = node.flag("skipFirst"), node.text("group")
    if not text and not skips:
        return cut
    size = int(text) if text.isdigit() else 0
    if text and size < 1:
        raise ExpressionError("group is no number of pieces", "Write for example group: '100'.")
    between = node.text("groupDelimiter") or token

    def grouped(whole: str) -> Iterator[str]:
        found = cut(whole)
        if skips:
            next(found, None)
        if not size:
            yield from found
            return
        held: list[str] = []
        for piece in found:
            held.append(piece)
            if len(held) == size:
                yield between.join(held)
                held = []
        if held:
            yield between.join(held)

    return grouped
