"""tokenize: pieces of a text by a token, a pair of tokens, a regular expression, or an XML element."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.iterating import trimmed_ends
from integrator.engine.javatypes import JavaList, bad_number, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.results import input_of, result_converter, truth
from integrator.engine.spec import ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.engine.windows import Window
from integrator.exchange import Exchange, StreamBody

SPEC = Spec(
    "language",
    "tokenize",
    "The pieces of a text. An empty piece at either end is dropped; nothing is trimmed. Tokens, group and"
    " inheritNamespaceTagName may have ${functions}. Bodies of any size are cut piece by piece.",
    "2.0",
    "tokenize: {token: ','}",
    options=(
        Option("token", "What separates the pieces; with endToken what begins one; with xml the element's name.",
               required=True, example=","),
        Option("endToken", "What ends a piece."),
        Option("includeTokens", "Whether pieces keep both tokens; needs endToken.", type="boolean", default=False),
        Option("regex", "Whether the token is a regular expression.", type="boolean", default=False),
        Option("xml", "Takes the XML elements of the token's name.", type="boolean", default=False),
        Option("inheritNamespaceTagName", "Element whose namespaces the pieces inherit, or `*` for all that stands"
               " around the pieces; xml only.", example="root"),
        Option("group", "How many pieces make one.", example="100"),
        Option("groupDelimiter", "What stands between the pieces of a group; the token by default."),
        Option("skipFirst", "Leaves the first piece out; not with xml.", type="boolean", default=False),
        RESULT_TYPE, SOURCE, TRIM, ID,
        Option("expression", "Accepted, without effect."),
    ),
    text="token",
)  # fmt: skip
Cut = Callable[[Window], Iterator[str]]
_KEPT = 64
_PREFIX = r"(?:[^:<>]{1,15}?:|)"
_SPECIAL = re.compile(r"[\\^$.|?*+()\[{]")
_NAMESPACE = re.compile(r"""xmlns(?::\w+|)\s*=\s*(?:'[^']+'|"[^"]+")""")


def parts(source: Source) -> Callable[[Exchange], Iterator[Any]]:
    """The pieces, cut one by one as they are asked for, each in the result type."""
    draw, convert = _drawing(source), result_converter(source)
    if convert is None:
        return draw
    return lambda exchange: (convert(piece) for piece in draw(exchange))


def expression(source: Source) -> Expression:
    """The pieces as a list."""
    draw = parts(source)
    return lambda exchange: JavaList(draw(exchange))


def predicate(source: Source) -> Predicate:
    """Whether there are pieces."""
    value = expression(source)
    return lambda exchange: truth(value(exchange))


def _drawing(source: Source) -> Callable[[Exchange], Iterator[str]]:
    given, cutter, group = input_of(source), _cutter(source), _grouping(source)
    strict = source.node.flag("xml") or bool(source.node.text("endToken"))
    if source.node.text("endToken") and not source.node.flag("xml"):
        given = None  # Camel's pairs are always those of the body

    def draw(exchange: Exchange) -> Iterator[str]:
        value = given(exchange) if given else exchange.message.body
        if value is None and not strict:
            raise failure("java.lang.NullPointerException", "source")
        if value is None:
            raise failure(CAMEL + "InvalidPayloadException", "No body available of type: java.io.InputStream")
        if isinstance(value, StreamBody):
            window = Window.of_bytes(value.chunks())
        else:
            text = (
                exchange.message.as_text() if given is None and isinstance(value, bytes) else to_text(value)
            )
            if not text:
                return iter(())
            window = Window.of(text)
        return group(exchange, cutter(exchange)(window))

    return draw


# --- tokens, fixed or computed -----------------------------------------------------------------------


def _cutter(source: Source) -> Callable[[Exchange], Cut]:
    """How to cut: compiled once, or once for each of the computed tokens."""
    names = ("token", "endToken", "inheritNamespaceTagName")
    fixed = {name: _unescaped(source, name) for name in names}
    _check(source, fixed)
    if not any("${" in text for text in fixed.values()):
        cut = _compiled(source, **fixed)
        return lambda _exchange: cut
    from integrator.engine.simple.compiler import expression as simple

    texts = {name: simple(text, source) for name, text in fixed.items()}
    kept: dict[tuple[str, ...], Cut] = {}

    def computed(exchange: Exchange) -> Cut:
        key = tuple(to_text(texts[name](exchange)) or "" for name in names)
        if key not in kept:
            if len(kept) >= _KEPT:
                kept.clear()
            try:
                kept[key] = _compiled(source, *key)
            except ExpressionError as error:
                raise failure("java.lang.IllegalArgumentException", str(error)) from None
        return kept[key]

    return computed


def _unescaped(source: Source, name: str) -> str:
    text = source.scope.fill(source.node.text(name), f"{source.node.pointer}/{name}")
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")


def _check(source: Source, fixed: dict[str, str]) -> None:
    node = source.node
    if not fixed["token"]:
        raise ExpressionError("there is no token", "Write token: ','.")
    if node.flag("xml") and (fixed["endToken"] or node.flag("includeTokens")):
        raise ExpressionError("xml goes without endToken and includeTokens", "Leave them out.")
    if fixed["endToken"] and fixed["inheritNamespaceTagName"]:
        raise ExpressionError("endToken goes without inheritNamespaceTagName", "Leave one of them out.")
    if node.flag("includeTokens") and not fixed["endToken"]:
        raise ExpressionError("includeTokens needs an endToken", "Add endToken, or leave it out.")


def _compiled(source: Source, token: str, endToken: str, inheritNamespaceTagName: str) -> Cut:  # noqa: N803
    node = source.node
    if node.flag("xml"):
        return _elements(token, inheritNamespaceTagName)
    if endToken:
        cut = _pairs(token, endToken, included=node.flag("includeTokens"))
    else:
        cut = _by_pattern(token) if node.flag("regex") else _by_token(token)
    if node.flag("skipFirst") and not node.text("group") and not endToken:
        return lambda window: _skipping(cut(window))
    return cut


def _skipping(found: Iterator[str]) -> Iterator[str]:
    next(found, None)
    yield from found


def _by_token(token: str) -> Cut:
    if _SPECIAL.search(token):
        return _by_pattern(token)  # in Camel each token is one

    def cut(window: Window) -> Iterator[str]:
        while (piece := window.before(token)) is not None:
            yield piece
        yield window.rest()

    return lambda window: trimmed_ends(cut(window))


def _pattern(token: str) -> re.Pattern[str]:
    try:
        return re.compile(token)
    except re.error:
        raise ExpressionError(
            "the token is no regular expression", "In Camel it is one: write \\\\ before special characters."
        ) from None


def _by_pattern(token: str) -> Cut:
    pattern = _pattern(token)

    def cut(window: Window) -> Iterator[str]:
        while (found := window.match(pattern)) is not None:
            yield found[0]
        yield window.rest()

    def between(window: Window) -> Iterator[str]:
        text, start = window.rest(), 0
        for found in pattern.finditer(text):
            if found.end():
                yield text[start : found.start()]
                start = found.end()
        yield text[start:]

    every = between if pattern.match("") else cut
    return lambda window: trimmed_ends(every(window))


def _pairs(token: str, end: str, *, included: bool) -> Cut:
    scanned = "\\" + end if end.startswith("[") else end
    scanned = scanned[:-1] + "\\]" if scanned.endswith("]") else scanned
    pattern = _pattern(scanned)

    def cut(window: Window) -> Iterator[str]:
        ended = False
        while not ended:
            found = window.match(pattern)
            piece = window.rest() if found is None else found[0]
            ended = found is None
            _, mark, inside = piece.partition(token)
            if not mark:
                return  # as in Camel, a stretch without the first token is the last
            yield token + inside + end if included else inside

    return cut


# --- elements of XML ---------------------------------------------------------------------------------


def _elements(name: str, inherit: str) -> Cut:
    name, inherit = name.removeprefix("<").removesuffix(">"), inherit.removeprefix("<").removesuffix(">")
    if not re.fullmatch(r"[\w.:-]+", name) or not re.fullmatch(r"[\w.:-]*|\*", inherit):
        raise ExpressionError(
            "with xml the tokens are names of elements", "Write token: person, without brackets."
        )
    tag = _PREFIX + re.escape(name)
    opening = re.compile(rf"<{tag}(?:\s+[^>]*)?/?>")
    closing = re.compile(rf"</{tag}\s*>")
    root = (
        re.compile(rf"<{_PREFIX}{re.escape(inherit)}(?:\s+[^>]*\s*)?>") if inherit not in ("", "*") else None
    )

    def cut(window: Window) -> Iterator[str]:
        declared: list[str] = []
        if root is not None and (found := window.match(root)) is not None:
            declared = _NAMESPACE.findall(found[1][0])
        head = tail = None
        while (begun := window.match(opening)) is not None:
            if inherit == "*" and head is None:
                head, tail = begun[0], _closing(begun[0])
            start = begun[1][0]
            piece = start
            if not start.endswith("/>"):
                ended = window.match(closing)
                if ended is None:
                    return
                piece = start + ended[0] + ended[1][0]
            yield (
                head + piece + (tail or "") if head is not None else _with_namespaces(piece, start, declared)
            )

    return cut


def _closing(head: str) -> str:
    """The end tags of the elements that a text leaves open, innermost first."""
    names: list[str] = []
    for end, name, empty in re.findall(r"<(/?)([A-Za-z_][\w.:-]*)[^>]*?(/?)>", head):
        if end and names:
            names.pop()
        elif not empty:
            names.append(name)
    return "".join(f"</{name}>" for name in reversed(names))


def _with_namespaces(piece: str, start: str, declared: list[str]) -> str:
    own = _NAMESPACE.findall(start)
    extra = "".join(f" {text}" for text in declared if text not in own)
    at = len(start) - (2 if start.endswith("/>") else 1)
    return piece[:at] + extra + piece[at:]


# --- groups ------------------------------------------------------------------------------------------


def _grouping(source: Source) -> Callable[[Exchange, Iterator[str]], Iterator[str]]:
    from integrator.engine.simple.compiler import expression as simple

    node = source.node
    text = node.text("group")
    if not text:
        return lambda _exchange, found: found
    if "${" not in text and not (text.isdigit() and int(text) > 0):
        raise ExpressionError("group is no number of pieces", "Write for example group: '100'.")
    size = simple(text, source)
    skips, xml = node.flag("skipFirst"), node.flag("xml")
    between = "" if xml else _unescaped(source, "groupDelimiter") or _unescaped(source, "token")

    def grouped(exchange: Exchange, found: Iterator[str]) -> Iterator[str]:
        count = to_text(size(exchange)) or ""
        if not count.isdigit():
            raise bad_number()
        if int(count) < 1:
            raise failure(
                CAMEL + "RuntimeExchangeException", f"Group must be a positive number, was: {count}"
            )
        return _groups(found, int(count), between, skips=skips and not xml)

    return grouped


def _groups(found: Iterator[str], size: int, between: str, *, skips: bool) -> Iterator[str]:
    if skips and next(found, None) is not None:
        first = next(found, None)
        if first is None:
            yield ""  # as in Camel: nothing but the first piece makes one empty group
            return
        found = _with_first(first, found)
    held: list[str] = []
    for piece in found:
        held.append(piece)
        if len(held) == size:
            yield between.join(held)
            held = []
    if held:
        yield between.join(held)


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
