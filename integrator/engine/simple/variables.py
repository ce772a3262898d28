"""The parts of an exchange by name: `${body}`, `${header.x}`, `${exchangeProperty.x}`, `${exception.message}` …"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from integrator.engine.compiler import Expression, Source
from integrator.engine.exceptions import CAMEL, class_of, failure
from integrator.engine.javatypes import (
    JavaClass,
    JavaMap,
    cannot_convert,
    canonical,
    converter,
    to_text,
    type_of,
)
from integrator.engine.names import context_properties, property_of, variables_of
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.ognl import compile_path
from integrator.engine.simple.parser import unquoted
from integrator.exchange import Exchange, IntegratorError

_AS = re.compile(r"(?P<what>bodyAs|mandatoryBodyAs|messageAs)\((?P<type>[^)]*)\)(?P<path>.*)", re.DOTALL)
_HEADER_AS = re.compile(
    r"(?P<what>header|variable)As\(\s*['\"]?(?P<name>[^,()]+?)['\"]?\s*,\s*['\"]?(?P<type>[^()]+?)['\"]?\s*\)(?P<path>.*)",
    re.DOTALL,
)
_BODY = re.compile(r"(?:in\.)?body(?P<path>[.?\[].*)?", re.DOTALL)
_KEYED = re.compile(
    r"(?P<what>(?:in\.)?headers?|exchangeProperty|exchangeProperties|variables?)"
    r"(?:\??\.(?P<name>[^.?\[\]]+)|[.]?\[(?P<key>[^\]]+)\]|:(?P<colon>[^.?\[\]]+))(?P<path>[.?\[].*)?",
    re.DOTALL,
)
_REFUSED = re.compile(
    r"(sys|sysenv|env|type|ref|bean|attachment\w*|messageHistory|hostname|threadName|threadId|function)\b"
)


def compile_variable(content: str, source: Source) -> Expression | None:
    """The closure of a variable; None where the content is none. Raises ExpressionError."""
    fixed = _FIXED.get(content)
    if fixed is not None:
        return fixed
    for pattern, build in _PATTERNS:
        match = pattern.fullmatch(content)
        if match is not None:
            return build(match)
    if content in ("routeId", "stepId"):
        route = source.scope.route if content == "routeId" else None
        return lambda _exchange: route
    if content.startswith(("exception.", "exception?", "exception[")):
        return _exception_path(content[len("exception") :])
    if content.startswith(("properties:", "propertiesExist:")):
        return _placeholder(content, source)
    if _REFUSED.match(content):
        raise ExpressionError(
            f"the function {content.partition(':')[0].partition('.')[0]} is not in the embedded engine",
            "Routes see the exchange only: use headers, properties, variables or {{placeholders}}.", "not-yet",
        )  # fmt: skip
    return None


def _body(exchange: Exchange) -> Any:
    return exchange.message.body


def caught(exchange: Exchange) -> Any:
    """The exception being handled, or handled before."""
    return exchange.exception or exchange.properties.get("CamelExceptionCaught")


def _body_path(match: re.Match[str]) -> Expression:
    if not match["path"]:
        return _body
    follow = compile_path(match["path"])
    return lambda exchange: follow(exchange.message.body)


def _keyed(match: re.Match[str]) -> Expression:
    what = match["what"].removeprefix("in.")
    name = match["name"] or unquoted(match["key"] or "") or match["key"] or match["colon"]
    if match["path"] and match["key"] and match["path"].startswith("["):
        return lambda _exchange: None  # Camel takes `a][b` for one name
    if name == "size" and what.endswith("s") and not match["path"]:
        return _sizes[what]
    if what.startswith("variable") and name.startswith("header:") and match["path"]:
        return _reader(what, f"{name}{match['path']}".strip())  # variableReceive's name for a header
    reader = _reader(what, name.strip())
    if not match["path"]:
        return reader
    if match["path"] in ("()", "?"):
        raise ExpressionError(f"{match[0]} cannot be read", "Write header.name or header[name].")
    follow = compile_path(match["path"])
    if match["name"] is None or not match["path"].startswith("."):
        return lambda exchange: follow(reader(exchange))
    whole = _reader(what, f"{name}{match['path']}".strip())  # Camel looks for the whole name first

    def read(exchange: Exchange) -> Any:
        found = whole(exchange)
        return follow(reader(exchange)) if found is None else found

    return read


def _reader(what: str, name: str) -> Expression:
    if what in ("header", "headers"):
        lower = name.lower()

        def header(exchange: Exchange) -> Any:
            found = exchange.message.headers._values.get(lower)  # the class's own lookup, one call less
            if found is not None and found[1] is not None:
                return found[1]
            return exchange.properties.get(name)  # Camel falls back on the property of that name

        return header
    if what.startswith("exchangeProp"):
        return lambda exchange: property_of(exchange, name)
    return lambda exchange: variables_of(exchange, name).get(name)


def _all_headers(exchange: Exchange) -> Any:
    return JavaMap(exchange.message.headers)


def _all_properties(exchange: Exchange) -> Any:
    return JavaMap({**exchange.properties, **context_properties(exchange)})


_sizes: Mapping[str, Expression] = {
    "headers": lambda exchange: len(exchange.message.headers),
    "variables": lambda exchange: len(exchange.variables),
}


def _as_type(match: re.Match[str]) -> Expression:
    convert = _converter(match["type"])
    what, path = match["what"], match["path"]
    follow = compile_path(path) if path else None

    def read(exchange: Exchange) -> Any:
        if what == "messageAs":
            return None  # Camel finds no such conversion and gives null
        try:
            found = convert(exchange.message.body)
        except IntegratorError as error:
            if what == "bodyAs":
                if class_of(error) == CAMEL + "TypeConversionException":
                    raise
                return None  # no such conversion exists
            raise _mandatory(exchange, match["type"].strip(), error) from error
        if found is None and what == "mandatoryBodyAs":
            nothing = cannot_convert(None, canonical(match["type"].strip()))
            raise _mandatory(exchange, match["type"].strip(), nothing)
        return follow(found) if follow else found

    return read


def _mandatory(exchange: Exchange, wanted: str, error: IntegratorError) -> IntegratorError:
    found = type_of(exchange.message.body)
    text = f"No body available of type: {canonical(wanted)}"
    if exchange.message.body is not None:
        text += f" but has type: {found} on: Message"
    cause = failure(CAMEL + "InvalidPayloadException", text, error)
    return failure(
        CAMEL + "CamelExecutionException", "Exception occurred during execution on the exchange", cause
    )


def _header_as(match: re.Match[str]) -> Expression:
    convert, name, of_header = _converter(match["type"]), match["name"].strip(), match["what"] == "header"
    follow = compile_path(match["path"]) if match["path"] else None

    def read(exchange: Exchange) -> Any:
        held = exchange.message.headers if of_header else variables_of(exchange, name)
        found = convert(held.get(name))
        return follow(found) if follow else found

    return read


def _exchange_path(match: re.Match[str]) -> Expression:
    reader = _EXCHANGE[match["what"]]
    if not match["path"]:
        return reader
    follow = compile_path(match["path"])
    return lambda exchange: follow(reader(exchange))


def _converter(type_name: str) -> Callable[[Any], Any]:
    found = converter(type_name.strip().strip("'\""))
    if found is None:
        raise ExpressionError(
            f"the type {type_name.strip()} is unknown", "Use String, Integer, Map, List …", "type"
        )
    return found


def _exception_path(path: str) -> Expression:
    if path == ".stacktrace":
        return _stacktrace
    follow = compile_path(path)
    return lambda exchange: follow(caught(exchange))


def _stacktrace(exchange: Exchange) -> Any:
    error = caught(exchange)
    if error is None:
        message = (
            'Cannot invoke "java.lang.Throwable.printStackTrace(java.io.PrintWriter)" because "e" is null'
        )
        raise failure("java.lang.NullPointerException", message)
    where = getattr(error, "where", None)
    place = f"\n\tat {where.route}({where.file}:{where.line})" if where else ""
    return f"{to_text(error)}{place}\n"


def _placeholder(content: str, source: Source) -> Expression:
    kind, _, rest = content.partition(":")
    name, colon, default = rest.partition(":")
    found = source.scope.services.placeholders.get(name)
    if kind == "propertiesExist":
        exists = (source.scope.services.placeholders.get(name.removeprefix("!")) is None) is name.startswith(
            "!"
        )
        return lambda _exchange: exists
    if found is None and not colon:
        raise ExpressionError(
            f"no value for the placeholder {name}", "Define it, or give a default.", "placeholder"
        )
    value = default if found is None else found
    return lambda _exchange: value


def _one_line(exchange: Exchange) -> Any:
    text = to_text(exchange.message.body)
    return None if text is None else " ".join(text.split("\n"))


def _body_type(exchange: Exchange) -> Any:
    body = exchange.message.body
    return None if body is None else JavaClass(type_of(body))


_FIXED: dict[str, Expression] = {
    "body": _body,
    "in.body": _body,
    "bodyOneLine": _one_line,
    "bodyType": _body_type,
    "headers": _all_headers,
    "in.headers": _all_headers,
    "exchangeProperties": _all_properties,
    "variables": lambda exchange: JavaMap(exchange.variables),
    "exception": caught,
    "exchangeId": lambda exchange: exchange.id,
    "id": lambda exchange: exchange.id,
    "messageTimestamp": lambda _exchange: 0,
    "camelId": lambda _exchange: "integrator",
    "fromRouteId": lambda exchange: exchange.history[0].origin if exchange.history else None,
    "originalBody": lambda _exchange: None,
    "null": lambda _exchange: None,
    "routeGroup": lambda _exchange: None,
    **{
        f"{what}.{name}{call}": found
        for what, found in _sizes.items()
        for name in ("size", "length")
        for call in ("", "()")
    },
}
_EXCHANGE: dict[str, Expression] = {
    "exchangeId": lambda exchange: exchange.id,
    "pattern": lambda exchange: exchange.pattern,
    "fromRouteId": _FIXED["fromRouteId"],
    "properties": lambda exchange: JavaMap(exchange.properties),
}
_EXCHANGE_PATH = re.compile(r"exchange\.(?P<what>" + "|".join(_EXCHANGE) + r")(?P<path>[.?\[].*)?", re.DOTALL)
_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Expression]], ...] = (
    (_AS, _as_type),
    (_HEADER_AS, _header_as),
    (_BODY, _body_path),
    (_EXCHANGE_PATH, _exchange_path),
    (_KEYED, _keyed),
)
