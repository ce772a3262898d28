"""Reading the Camel vectors, running a case on the embedded engine, and comparing what comes out.

Java types are compared through a small table; texts of exceptions are compared after `normal`, which takes
out exchange ids, object hashes, Xerces' and Jackson's own wording, and the values that Camel repeats and
the bus must not (I5).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lxml import etree

from integrator.engine import Mocks, RouteErrors, RouteProblem, Services, compile_routes
from integrator.engine.exceptions import cause_of, class_of, text_of
from integrator.engine.javatypes import JavaList, JavaMap, NodeList, to_java, to_text, type_of
from integrator.exchange import Exchange, Message
from integrator.security.parsers import CONVERSIONS, parse_xml
from integrator.site.compiled import RouteSource
from integrator.site.problems import Problem
from integrator.site.read import read_text
from tests.engine import clock
from tests.engine.open_ways import OpenWays

SKIPPED_PROPERTIES = frozenset({
    "CamelToEndpoint", "CamelReceivedTimestamp", "CamelAggregationStrategy", "CamelUnitOfWork",
    "CamelExceptionCaught", "CamelStreamCacheUnitOfWork", "CamelFatalFallbackErrorHandler", "CamelSlipProducer",
    "CamelFileExchangeFile", "CamelFileInitialOffset",
})  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One exchange series: a row of a table, or a whole case file."""

    id: str
    routes: str
    data: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass
class Outcome:
    """What the engine did: problems that keep the routes from loading, or replies and mocks."""

    problems: tuple[RouteProblem, ...] = ()
    replies: list[Exchange] = field(default_factory=list)
    mocks: Mapping[str, list[Exchange]] = field(default_factory=dict)

    @property
    def load_error(self) -> str | None:
        """The problems as text."""
        return "; ".join(f"{problem.rule}: {problem.message}" for problem in self.problems) or None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What Camel has and the engine says it does not have yet."""
        return tuple(problem.message for problem in self.problems if problem.rule in ("not-yet", "consumer"))


def cases(folder: Path) -> Iterator[Case]:
    """Every case, rows as cases of their own."""
    for path in sorted((folder / "cases").glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))
        expected = json.loads((folder / "expected" / f"{path.stem}.json").read_text("utf-8"))
        if "rows" not in data:
            yield Case(path.stem, data["routes"], data, expected)
            continue
        for row, outcome in zip(data["rows"], expected, strict=True):
            yield Case(outcome["id"], row_route(data, row), data, outcome)


def row_route(data: Mapping[str, Any], row: Any) -> str:
    """The route of a row of a table of expressions."""
    steps: list[Any] = list(data.get("pre", ()))
    if data.get("kind") == "pred":
        when = {data["lang"]: row, "steps": [{"setBody": {"constant": "TRUE"}}]}
        otherwise = {"steps": [{"setBody": {"constant": "FALSE"}}]}
        steps.append({"choice": {"when": [when], "otherwise": otherwise}})
    else:
        steps.append({"setBody": {data["lang"]: row}})
    return yaml.safe_dump([{"route": {"id": "r", "from": {"uri": "direct:start", "steps": steps}}}])


def run(case: Case, site: Path) -> Outcome:
    """Run a case as Camel's runner does; routes read the files of `site`."""
    mocks = Mocks()
    services = Services(
        resource=lambda path: (site / path).read_bytes(),
        placeholders={"dummy": "x", **case.data.get("placeholders", {})},
        personal=False,
        mocks=mocks,
        ways=OpenWays(site, case.data.get("dataSource")),
    )
    try:
        document = read_text(case.routes.encode(), f"{case.id}.yaml")
        if document.problems:
            return Outcome(problems=tuple(map(_unreadable, document.problems)))
        routes = compile_routes([RouteSource(document.file, tuple(document.data))], services)
    except RouteErrors as error:
        return Outcome(problems=error.problems)
    outcome = Outcome(mocks=mocks.received)

    async def one(message: Mapping[str, Any], exchange: Exchange) -> None:
        await routes.run(message.get("entry") or case.data.get("entry") or "direct:start", exchange)

    async def send() -> None:
        routes.start()
        messages = [] if case.data.get("noSend") else case.data.get("send") or [case.data]
        outcome.replies = [_exchange(case, message) for message in messages]
        if case.data.get("parallel"):
            await asyncio.gather(*map(one, messages, outcome.replies))
        else:
            for message, exchange in zip(messages, outcome.replies, strict=True):
                await asyncio.sleep(message.get("pauseMs", 0) / 1_000)
                await one(message, exchange)
        await _settled(case, mocks)
        await routes.stop()

    clock.run(send())
    return outcome


async def _settled(case: Case, mocks: Mocks) -> None:
    """Wait for what comes later: the counts, then as long as the case says, on a clock that jumps."""
    wanted: Mapping[str, int] = case.data.get("counts", {})
    loop = asyncio.get_running_loop()
    ends = loop.time() + case.data.get("timeoutMs", 15_000) / 1_000

    def lacking() -> bool:
        return any(len(mocks.received.get(name, ())) < count for name, count in wanted.items())

    while lacking() and loop.time() < ends:  # noqa: ASYNC110 - the time that passes is not real
        await asyncio.sleep(0.01)
    await asyncio.sleep(case.data.get("settleMs", 0) / 1_000)


def _unreadable(problem: Problem) -> RouteProblem:
    return RouteProblem(problem.file, problem.line, "", problem.rule, problem.message, problem.remedy)


def _exchange(case: Case, data: Mapping[str, Any]) -> Exchange:
    body = to_java(data.get("body"))
    kind = data.get("bodyType") or case.data.get("bodyType")
    if isinstance(body, str) and kind in ("stream", "bytes", "utf8"):
        body = body.encode("utf-8")
    elif isinstance(body, str) and kind == "dom":
        body = parse_xml(body.encode("utf-8"))
    message = Message(body, to_java(data.get("headers") or {}), conversions=CONVERSIONS)
    exchange = Exchange(message, exchange_id="X", pattern=data.get("pattern", "InOut"))
    exchange.properties = dict(to_java(data.get("properties") or {}))
    exchange.variables = dict(to_java(data.get("variables") or {}))
    return exchange


# --- comparing ------------------------------------------------------------------------------------


def differences(case: Case, outcome: Outcome) -> list[str]:
    """Where the outcome is not Camel's; empty where it is."""
    expected = case.expected
    if "loadError" in expected or outcome.load_error is not None:
        if "loadError" in expected and outcome.load_error is not None:
            return []
        return [f"load error: Camel {expected.get('loadError')}, engine {outcome.load_error}"]
    found: list[str] = []
    skip = SKIPPED_PROPERTIES.union(*case.data.get("skip", {}).values())
    for number, (wanted, reply) in enumerate(zip(expected["replies"], outcome.replies, strict=True)):
        found += [f"reply {number}: {text}" for text in _reply(wanted, reply, skip)]
    for name, wanted in expected.get("mocks", {}).items():
        received = outcome.mocks.get(name, [])
        if len(wanted) != len(received):
            found.append(f"{name} received {len(received)}, not {len(wanted)}")
            continue
        if name in case.data.get("unordered", ()):
            received = _paired(wanted, received, skip)
        for number, (message, got) in enumerate(zip(wanted, received, strict=True)):
            found += [f"{name} {number}: {text}" for text in _message(message, got, skip)]
    return found


def _paired(
    wanted: list[Mapping[str, Any]], received: list[Exchange], skip: frozenset[str]
) -> list[Exchange]:
    """The messages in the order of those they are the same as; those without one fill the other places."""
    left = list(received)
    found: list[Exchange | None] = []
    for message in wanted:
        same = next((got for got in left if not list(_message(message, got, skip))), None)
        if same is not None:
            left = [got for got in left if got is not same]
        found.append(same)
    return [left.pop(0) if got is None else got for got in found]


def refused_earlier(case: Case, outcome: Outcome) -> bool:
    """Whether Camel fails only when a message comes, and the engine refuses the route."""
    replies = case.expected.get("replies") or [{}]
    return outcome.load_error is not None and all(reply.get("exception") for reply in replies)


def _reply(wanted: Mapping[str, Any], reply: Exchange, skip: frozenset[str]) -> Iterator[str]:
    yield from _failure("exception", wanted.get("exception"), reply.exception)
    yield from _failure("caught", wanted.get("caught"), reply.properties.get("CamelExceptionCaught"))
    if bool(wanted.get("routeStop")) != reply.route_stop:
        yield f"routeStop is {reply.route_stop}"
    if bool(wanted.get("rollbackOnly")) != reply.rollback_only and "rollbackOnly" not in skip:
        yield f"rollbackOnly is {reply.rollback_only}"
    yield from _message(wanted, reply, skip)


def _message(wanted: Mapping[str, Any], got: Exchange, skip: frozenset[str]) -> Iterator[str]:
    yield from _value("body", wanted.get("body"), got.message.body)
    yield from _mapping("header", wanted.get("headers", {}), dict(got.message.headers), skip)
    yield from _mapping("property", wanted.get("properties", {}), got.properties, skip)
    if "variables" in wanted:
        yield from _mapping("variable", wanted["variables"], got.variables, skip)
    if "pattern" in wanted and wanted["pattern"] != got.pattern:
        yield f"pattern is {got.pattern}, not {wanted['pattern']}"


def _mapping(
    what: str, wanted: Mapping[str, Any], got: Mapping[str, Any], skip: frozenset[str]
) -> Iterator[str]:
    names = {name for name in wanted if name not in skip}
    others = {name for name in got if name not in skip}
    if names != others:
        yield f"{what} names {sorted(others)}, not {sorted(names)}"
    for name in names & others:
        yield from _value(f"{what} {name}", wanted[name], got[name])


def _failure(what: str, wanted: Mapping[str, Any] | None, error: BaseException | None) -> Iterator[str]:
    if wanted is None or error is None:
        if wanted is not None or error is not None:
            yield f"{what}: {error!r} {getattr(error, '__cause__', '')!r}, not {wanted}"
        return
    if class_of(error) != wanted["class"]:
        yield f"{what} is {class_of(error)}: {text_of(error)}, not {wanted['class']}"
        return
    if normal(text_of(error)) != normal(wanted.get("message") or ""):
        yield f"{what} says {normal(text_of(error))!r}, not {normal(wanted.get('message') or '')!r}"
    if "cause" in wanted:
        yield from _failure(f"{what}'s cause", wanted["cause"], cause_of(error))


_NORMAL = (
    (r"\.?\s*Exchange\[[^\]]*\]", ""),
    (r"JqExpression@\w+", "JqExpression"),
    (r"(?s)^Unexpected character .*JsonParser.*|^Unexpected character .*StreamReadFeature.*", "<not JSON>"),
    (r"(?s)^mapping values are not allowed here.*", "<not YAML>"),
    (r"(?s)^Cannot deserialize value of type .*", "Cannot deserialize"),
    (r"(?s)^No content to map due to end-of-input.*", "No content to map due to end-of-input"),
    (r"(?s)^Unexpected character .*in prolog.*", "<not XML>"),
    (r"(?s)(?:com\.fasterxml\.jackson\.core\.JsonParseException: )?Unrecognized token .*", "<not JSON>"),
    (r"the body is not well-formed JSON \(line \d+, column \d+\)", "<not JSON>"),
    (r"com\.fasterxml\.jackson\.core\.JsonParseException: <not JSON>", "<not JSON>"),
    (r"Content is not allowed in prolog\.|the body is not well-formed XML \([^)]*\)", "<not XML>"),
    (r"(Unexpected character|Unexpected close tag|Unexpected EOF)[^\n]*\n at \[row,col[^\n]*", "<not XML>"),
    (r"(?s)while (?:parsing|scanning) a.*|the body is no YAML that is read here.*", "<not YAML>"),
    (r"For input string: \"[^\"]*\"", "For input string"),
    (r" with value .*? due to", " due to"),
    (r" not found (?:on|in) bean: .* of type", " not found on bean of type"),
    (r" not found in bean of type", " not found on bean of type"),
    (r" on the exchange:?", ""),
    (r" out of bounds with List from bean: .*?using", " out of bounds with List using"),
    (r"(?s)Validation failed for: .*", "Validation failed"),
    (r"(?s)(JSON validation error with \d+ errors:)\n.*", r"\1"),
    (r" on: Message\b.*", ""),
    (r"required type: int\b", "required type: java.lang.Integer"),
    (r"(?s)conversion to JSON due to", "conversion from type: java.lang.String to the required type: "
     "com.fasterxml.jackson.databind.JsonNode due to"),
    (r"\s+\n?$", ""),
)  # fmt: skip


_EXCHANGE = re.compile(r"Exchange\[[^\]]*\]")


def normal(text: str) -> str:
    """A message without what differs from run to run, and without values."""
    for pattern, replacement in _NORMAL:
        text = re.sub(pattern, replacement, text)
    return text.strip()


_SAME = {
    "java.lang.Long": "number", "java.lang.Integer": "number", "java.math.BigInteger": "number",
    "IntNode": "number", "LongNode": "number", "BigIntegerNode": "number",
    "java.lang.Double": "double", "DoubleNode": "double", "java.math.BigDecimal": "double",
    "java.lang.String": "text", "TextNode": "text",
    "java.lang.Boolean": "boolean", "BooleanNode": "boolean",
    "byte[]": "bytes", "[B": "bytes",
    "java.util.LinkedHashMap": "map", "java.util.TreeMap": "map", "org.apache.camel.util.CaseInsensitiveMap": "map",
    "java.util.ArrayList": "list", "java.util.LinkedList": "list", "java.util.LinkedHashSet": "set",
    "java.util.LinkedHashMap$LinkedKeySet": "set", "java.util.LinkedHashMap$LinkedEntrySet": "set",
    "java.util.LinkedHashMap$LinkedValues": "list", "java.util.ArrayList$SubList": "list",
    "java.util.concurrent.ConcurrentHashMap": "map", "java.lang.Character": "text", "org.apache.camel.ExchangePattern": "text",
    "org.apache.camel.processor.aggregate.AbstractListAggregationStrategy$GroupedExchangeList": "list",
    "[Ljava.lang.String;": "array", "java.lang.Object[]": "array",
    "ObjectNode": "object node", "ArrayNode": "array node",
    "java.lang.Class": "class",
    "org.w3c.dom.NodeList": "nodes", "DTMNodeList": "nodes", "org.w3c.dom.Element": "element",
}  # fmt: skip


def java_type(name: str) -> str:
    """The row of the type table."""
    short = name.removeprefix("com.fasterxml.jackson.databind.node.")
    if "InputStream" in name or "StreamCache" in name:
        return "bytes"
    if name.endswith("DTMNodeList"):
        return "nodes"
    if "xerces" in name:
        return "text" if "Text" in name or "Attr" in name else "element"
    return _SAME.get(short, name)


def _value(what: str, wanted: Any, got: Any) -> Iterator[str]:
    name = wanted.get("t") if isinstance(wanted, dict) else None
    if name is None or got is None:
        if name is not None or got is not None:
            yield f"{what} is {type_of(got) if got is not None else None} {got!r}, not {wanted}"
        return
    kind, mine = java_type(name), java_type(type_of(got))
    if kind != mine:
        yield f"{what} is {mine} {got!r}, not {kind} {wanted.get('v')!r}"
        return
    if got.__class__ is str and isinstance(wanted.get("v"), str):
        wanted, got = (
            {**wanted, "v": _EXCHANGE.sub("Exchange[]", wanted["v"])},
            _EXCHANGE.sub("Exchange[]", got),
        )
    if "v" in wanted and not _same(wanted["v"], got) and not _alike(wanted["v"], got):
        yield f"{what} is {got!r}, not {wanted['v']!r}"


_ALIKE = (
    r"<id>|[0-9A-F]{15}-[0-9A-F]{16}|X|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # exchange ids
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}",  # dates as Java shows them
    r"1[67]\d{11}",  # milliseconds of these years
    r"\d{4}-\d\d-\d\dT\d\d:\d\d",
    r"\d{4}-\d\d-\d\d",
    r"[0-9A-F]{5}-[0-9A-F]{10}",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"ID-\w+-\d+-\d+-\d+",
    r"camel-\d+|integrator",
    r"[a-zA-Z]+\d+",  # ids of nodes, counted per process
)


def _alike(wanted: Any, got: Any) -> bool:
    """Whether both are times, ids or random values of the same shape."""
    texts = (str(wanted), str(got))
    return any(all(re.fullmatch(pattern, text) for text in texts) for pattern in _ALIKE)


def _same(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, dict) and "t" in wanted and set(wanted) <= {"t", "v", "b64"}:
        return not list(_value("", wanted, got))
    if isinstance(wanted, dict) and isinstance(got, Mapping):
        return set(wanted) == set(got) and all(_same(wanted[key], got[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(_same(w, g) for w, g in zip(wanted, got, strict=True))
    if isinstance(got, etree._Element):
        return bool(etree.canonicalize(to_text(got)) == etree.canonicalize(wanted))
    if isinstance(got, bytes):
        return bool(got.decode("utf-8") == wanted)
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    return to_text(got) == wanted if isinstance(wanted, str) else wanted == got


__all__ = [
    "Case",
    "JavaList",
    "JavaMap",
    "NodeList",
    "Outcome",
    "cases",
    "differences",
    "refused_earlier",
    "run",
]
