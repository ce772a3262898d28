"""jsonpath: Jayway's dialect. A definite path gives its value, any other a list; results are Java's types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, JavaException, failure, wrapped
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import JavaList, JavaMap, compact, not_json, to_java, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.results import input_of, result_converter, truth
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.exchange import Exchange, InvalidRequest, StreamBody
from integrator.security.parsers import json_items

_JAYWAY = "com.jayway.jsonpath."
_OPTIONS = ("DEFAULT_PATH_LEAF_TO_NULL", "ALWAYS_RETURN_LIST", "SUPPRESS_EXCEPTIONS")
SPEC = Spec(
    "language",
    "jsonpath",
    "JSONPath on the body's JSON. A wildcard or filter gives a list even for one hit.",
    "2.13",
    "jsonpath: $.person.name",
    options=(
        EXPRESSION,
        RESULT_TYPE,
        SOURCE,
        TRIM,
        ID,
        Option("suppressExceptions", "A path without result gives null.", type="boolean", default=False),
        Option("allowSimple", "Evaluates ${functions} in the path first.", type="boolean", default=True),
        Option("allowEasyPredicate", "Accepted; write full predicates.", type="boolean", default=True),
        Option("writeAsString", "Gives JSON texts instead of maps and lists.", type="boolean", default=False),
        Option("unpackArray", "A list of one becomes its element.", type="boolean", default=False),
        Option("option", "Jayway's options, comma-separated.", example="SUPPRESS_EXCEPTIONS"),
    ),
    text="expression",
)
_DEFINITE = re.compile(
    r"\$(?P<steps>(?:\.[A-Za-z_][\w-]*(?!\w|\()|\['[^'\[\]]+'\]|\[\"[^\"\[\]]+\"\]|\[-?\d+\])*)"
)
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<quote>['\"])(?P<key>.+?)(?P=quote)\]|\[(?P<index>-?\d+)\]"
)
_PREFIX = re.compile(r"\$(?:\.[A-Za-z_][\w-]*|\['[^']*'\])*")
_FUNCTION = re.compile(r"(?P<path>.*)\.(?P<name>length|size|keys|min|max|avg|sum|first|last)\(\)")
_LIST = re.compile(r"\$((?:\.[A-Za-z_][\w-]*)*)\[\*\]")
_DYNAMIC_KEPT = 256

Finder = Callable[[Any], Any]
"""Takes JSON data, returns the result. Raises JavaException (Jayway's)."""


def expression(source: Source) -> Expression:
    """The value at the path."""
    node = source.node
    find = _dynamic(source) if "${" in source.text and node.flag("allowSimple") else _fixed(source.text)
    options = [name.strip() for name in node.text("option").split(",") if name.strip()]
    if any(name not in _OPTIONS for name in options):
        raise ExpressionError("an option is unknown", "Use " + ", ".join(_OPTIONS) + ".")
    quiet = node.flag("suppressExceptions") or "SUPPRESS_EXCEPTIONS" in options
    shape = _shape(source, always_list="ALWAYS_RETURN_LIST" in options)
    convert = result_converter(source)
    read = _input(source)

    def evaluate(exchange: Exchange) -> Any:
        data = read(exchange)
        if data is None:
            return None
        try:
            found = find(exchange)(data)
        except JavaException as error:
            if quiet:
                return None
            raise wrapped(CAMEL + "ExpressionEvaluationException", error) from error
        found = shape(to_java(found) if not isinstance(found, (JavaMap, JavaList)) else found)
        return found if convert is None else convert(found)

    return evaluate


def draws(source: Source) -> bool:
    """Whether the path names a list whose elements can be drawn one by one: `$.a.b[*]`, without options."""
    plain = not any(
        source.node.options.get(name) for name in ("source", "option", "writeAsString", "resultType")
    )
    return plain and _LIST.fullmatch(source.text.strip()) is not None


def parts(source: Source) -> Callable[[Exchange], Iterator[Any]]:
    """The elements of such a list; one by one where the body is on disk."""
    keys = tuple(source.text.strip().removesuffix("[*]").split(".")[1:])
    value = expression(source)

    def draw(exchange: Exchange) -> Iterator[Any]:
        body = exchange.message.body
        return _drawn(body, keys) if isinstance(body, StreamBody) else iterate(value(exchange))

    return draw


def _drawn(body: StreamBody, keys: tuple[str, ...]) -> Iterator[Any]:
    try:
        with body.open() as reader:
            for item in json_items(reader, keys):
                yield to_java(item)
    except InvalidRequest as error:
        middle = wrapped(_JAYWAY + "InvalidJsonException", not_json(error))
        raise wrapped(CAMEL + "ExpressionEvaluationException", middle) from None


def predicate(source: Source) -> Predicate:
    """Whether something was found that is not false and not empty."""
    value = expression(source)
    return lambda exchange: truth(value(exchange))


def _fixed(text: str) -> Callable[[Exchange], Finder]:
    find = compile_path(text)
    return lambda _exchange: find


def _dynamic(source: Source) -> Callable[[Exchange], Finder]:
    from integrator.engine.simple.compiler import expression as simple

    text = simple(source.text, source)
    kept: dict[str, Finder] = {}

    def finder(exchange: Exchange) -> Finder:
        path = to_text(text(exchange)) or ""
        find = kept.get(path)
        if find is None:
            try:
                find = compile_path(path)
            except ExpressionError:
                raise failure(_JAYWAY + "InvalidPathException", "the computed path cannot be read") from None
            if len(kept) >= _DYNAMIC_KEPT:
                kept.clear()
            kept[path] = find
        return find

    return finder


def compile_path(text: str) -> Finder:
    """A path as a function from JSON data to its result. Raises ExpressionError."""
    path = text.strip()
    if not path.startswith(("$", "@")):
        path = f"$.{path}" if not path.startswith("[") else f"${path}"
    function = _FUNCTION.fullmatch(path)
    if function is not None:
        return _apply(compile_path(function["path"]), function["name"])
    match = _DEFINITE.fullmatch(path)
    return _definite(match["steps"]) if match else _indefinite(path)


def _definite(text: str) -> Finder:
    steps = [
        int(match["index"]) if match["index"] else match["name"] or match["key"]
        for match in _STEP.finditer(text)
    ]
    shown = [
        "$" + "".join(f"[{s}]" if isinstance(s, int) else f"['{s}']" for s in steps[: i + 1])
        for i in range(len(steps))
    ]

    def find(data: Any) -> Any:
        for number, step in enumerate(steps):
            if isinstance(step, int):
                if not isinstance(data, list) or not -len(data) <= step < len(data):
                    raise _missing(f"No results for path: {shown[number]}")
            elif not isinstance(data, dict) or step not in data:
                if number < len(steps) - 1 and isinstance(data, dict):
                    raise _missing(f"Missing property in path {shown[number]}")
                raise _missing(f"No results for path: {shown[number]}")
            data = data[step]
        return data

    return find


def _must_have(data: Any, steps: list[str]) -> None:
    """The properties before the first wildcard have to be there. Raises JavaException."""
    shown = "$"
    for step in steps:
        shown += f"['{step}']"
        if not isinstance(data, dict):
            return
        if step not in data:
            raise _missing(f"Missing property in path {shown}")
        data = data[step]


def _missing(message: str) -> JavaException:
    return failure(_JAYWAY + "PathNotFoundException", message)


def _indefinite(path: str) -> Finder:
    import jsonpath

    try:
        compiled = jsonpath.compile(path)
    except (jsonpath.JSONPathError, ValueError, RecursionError) as error:
        raise ExpressionError("the path cannot be read", "Write it as $.a.b[*].c.") from error
    start = _PREFIX.match(path)
    steps = [match["name"] or match["key"] for match in _STEP.finditer(start[0][1:] if start else "")]

    def find(data: Any) -> Any:
        _must_have(data, steps)
        try:
            return JavaList(to_java(item) for item in compiled.findall(data))
        except (jsonpath.JSONPathError, RecursionError):
            raise failure(
                _JAYWAY + "JsonPathException", "the path cannot be evaluated on this data"
            ) from None

    return find


def _apply(find: Finder, name: str) -> Finder:
    work = _FUNCTIONS[name]

    def apply(data: Any) -> Any:
        try:
            return work(find(data))
        except (TypeError, ValueError, IndexError, AttributeError):
            text = "Aggregation function attempted to calculate value using empty array"
            raise failure(_JAYWAY + "JsonPathException", text) from None

    return apply


def _numbers(value: Any) -> list[Any]:
    found = [item for item in value if isinstance(item, (int, float)) and not isinstance(item, bool)]
    if not found:
        raise ValueError
    return found


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "length": len,
    "size": len,
    "keys": lambda value: JavaList(value.keys()),
    "min": lambda value: float(min(_numbers(value))),
    "max": lambda value: float(max(_numbers(value))),
    "avg": lambda value: sum(_numbers(value)) / len(_numbers(value)),
    "sum": lambda value: float(sum(_numbers(value))),
    "first": lambda value: value[0],
    "last": lambda value: value[-1],
}


def _shape(source: Source, *, always_list: bool) -> Callable[[Any], Any]:
    texts, unpack = source.node.flag("writeAsString"), source.node.flag("unpackArray")

    def shape(found: Any) -> Any:
        if always_list and not isinstance(found, list):
            found = JavaList([found])
        if unpack and isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not texts:
            return found
        if isinstance(found, dict):
            return JavaMap((key, compact(item)) for key, item in found.items())
        return JavaList(compact(item) for item in found) if isinstance(found, list) else compact(found)

    return shape


def _input(source: Source) -> Expression:
    given, parse = input_of(source), source.scope.services.conversions.parse_json

    def read(exchange: Exchange) -> Any:
        value = exchange.message.body if given is None else given(exchange)
        if not isinstance(value, (str, bytes, StreamBody)):
            return value
        try:
            if given is None:
                return exchange.message.as_json()
            value = value.read() if isinstance(value, StreamBody) else value
            return parse(value.encode("utf-8") if isinstance(value, str) else bytes(value))
        except InvalidRequest as error:
            middle = wrapped(_JAYWAY + "InvalidJsonException", not_json(error))
            raise wrapped(CAMEL + "ExpressionEvaluationException", middle) from middle

    return read
