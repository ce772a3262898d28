"""Camel's object paths in simple: `.name`, `?.name`, `[key]`, `.method(arguments)` on values.

Java would look methods up on the class; here a closed list of those of texts, lists, maps, numbers and
exceptions exists. Error texts name types and methods, never values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from integrator.engine.exceptions import CAMEL, JavaException, cause_of, class_of, failure, text_of
from integrator.engine.javatypes import (
    JavaArray,
    JavaClass,
    JavaEntry,
    JavaList,
    JavaMap,
    JavaSet,
    to_text,
    type_of,
)
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.parser import arguments, unquoted

_STEP = re.compile(
    r"(?P<safe>\?)?\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<call>\((?P<arguments>[^()]*)\))?|(?P<keysafe>\?)?\[(?P<key>[^\]]*)\]"
)
LONGEST_PATTERN_INPUT = 100_000
_WITH_LOCALE = frozenset({"toUpperCase", "toLowerCase"})


@dataclass(frozen=True, slots=True)
class _Step:
    name: str | None
    arguments: tuple[Any, ...]
    key: str | None
    safe: bool
    shown: str

    @property
    def called(self) -> str:
        """The method as written, its brackets included."""
        return self.shown.lstrip("?.")


def compile_path(text: str) -> Callable[[Any], Any]:
    """The function that follows a path from a value. Raises ExpressionError for a bad path."""
    steps: list[_Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ExpressionError(
                f"the path {text} cannot be read", "Write .name, [key] or .method(arguments)."
            )
        position = match.end()
        steps.append(_step(match))
        if match["name"] in _WITH_LOCALE and not match["call"]:
            raise ExpressionError(f"Java has two methods {match['name']}", f"Write {match['name']}().")
    listed = tuple(steps)

    def follow(value: Any) -> Any:
        for step in listed:
            if value is None:
                return None
            value = _index(value, step) if step.name is None else _method(value, step)
        return value

    return follow


def _step(match: re.Match[str]) -> _Step:
    if match["name"] is None:
        return _Step(
            None, (), unquoted(match["key"]) or match["key"].strip(), bool(match["keysafe"]), match[0]
        )
    listed = arguments(match["arguments"]) if match["arguments"] else []
    return _Step(
        match["name"], tuple(_argument(text) for text in listed), None, bool(match["safe"]), match[0]
    )


def _argument(text: str) -> Any:
    inside = unquoted(text)
    if inside is not None:
        return inside
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text


def _index(value: Any, step: _Step) -> Any:
    key = step.key or ""
    if isinstance(value, Mapping):
        return value.get(key)
    number = _number(key, value)
    if number is not None and isinstance(value, list):
        if 0 <= number < len(value):
            return value[number]
        if step.safe:
            return None
        cause = failure(
            "java.lang.IndexOutOfBoundsException",
            f"Index: {key}, Size: {len(value)} out of bounds with List using OGNL path [{step.shown}]",
        )
        raise _failed(step, value, cause)
    if step.safe:
        return None
    message = f"Key: {key} not found in bean of type: {type_of(value)} using OGNL path [{step.shown}]"
    raise _failed(step, value, failure("java.lang.IndexOutOfBoundsException", message))


def _number(key: str, value: Any) -> int | None:
    if key.startswith("last") and isinstance(value, list):
        back = key[4:].replace("-", "").strip()
        return len(value) - 1 - (int(back) if back.isdigit() else 0)
    return int(key) if key.lstrip("-").isdigit() else None


def _failed(step: _Step, value: Any, cause: JavaException, *, method: bool = False) -> JavaException:
    shown = f"{step.called} on null" if method else f"{step.shown} on {type_of(value)}"
    message = f"Failed to invoke method: {shown} due to: {cause.java_class}: {cause.message}"
    return failure(CAMEL + "language.bean.RuntimeBeanExpressionException", message, cause)


def _method(value: Any, step: _Step) -> Any:
    name = step.name or ""
    if isinstance(value, JavaException):
        for member in (name, _getter(name)):
            if member in value.members:
                return value.members[member]
    for kind, methods in _METHODS:
        if isinstance(value, kind):
            method = methods.get(name) or methods.get(_getter(name))
            if method is not None:
                return _call(method, value, step)
    method = ANY.get(name) or ANY.get(_getter(name))
    if method is not None:
        return _call(method, value, step)
    message = f"Method with name: {step.called} not found on bean of type: {type_of(value)}"
    raise _failed(
        step, value, failure(CAMEL + "component.bean.MethodNotFoundException", message), method=True
    )


def _getter(name: str) -> str:
    return name[3].lower() + name[4:] if name.startswith("get") and len(name) > 3 else name


def _call(method: Callable[..., Any], value: Any, step: _Step) -> Any:
    try:
        return method(value, *step.arguments)
    except (IndexError, ValueError) as error:
        if isinstance(value, str) and error.args:
            cause = failure("java.lang.StringIndexOutOfBoundsException", str(error))
            raise _failed(step, value, cause, method=True) from error
        cause = failure(
            "java.lang.IndexOutOfBoundsException", f"the arguments of {step.name} are out of range"
        )
        raise _failed(step, value, cause) from error
    except (TypeError, AttributeError) as error:
        message = (
            f"Method with name: {step.name} not found on bean of type: {type_of(value)} with these arguments"
        )
        cause = failure(CAMEL + "component.bean.MethodNotFoundException", message)
        raise _failed(step, value, cause, method=True) from error


def _as_written(argument: Any) -> Any:
    """An argument where Java wants any object: numbers are texts there."""
    return str(argument) if isinstance(argument, int) and not isinstance(argument, bool) else argument


def _substring(text: Any, start: int, end: int | None = None) -> Any:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise IndexError(f"begin {start}, end {last}, length {len(text)}")
    return text[start:last]


def _compared(text: str, other: str) -> int:
    """Java's String.compareTo: the distance of the first different characters, or of the lengths."""
    for one, two in zip(text, other, strict=False):
        if one != two:
            return ord(one) - ord(two)
    return len(text) - len(other)


def _char_at(text: str, index: int) -> str:
    if not 0 <= index < len(text):
        raise IndexError
    return text[index]


def _pattern(text: str, pattern: str) -> re.Pattern[str]:
    if len(text) > LONGEST_PATTERN_INPUT:
        raise failure("java.lang.IllegalArgumentException", "the text is too long for a regular expression")
    try:
        return re.compile(pattern)
    except re.error:
        raise failure("java.util.regex.PatternSyntaxException", "no regular expression") from None


TEXT: dict[str, Callable[..., Any]] = {
    "length": len,
    "size": len,
    "isEmpty": lambda text: not text,
    "isBlank": lambda text: not text.strip(),
    "toUpperCase": str.upper,
    "toLowerCase": str.lower,
    "trim": str.strip,
    "strip": str.strip,
    "substring": _substring,
    "contains": lambda text, other: str(other) in text,
    "startsWith": lambda text, other: text.startswith(str(other)),
    "endsWith": lambda text, other: text.endswith(str(other)),
    "indexOf": lambda text, other, start=0: text.find(str(other), int(start)),
    "lastIndexOf": lambda text, other: text.rfind(str(other)),
    "compareTo": lambda text, other: _compared(text, str(other)),
    "stripLeading": str.lstrip,
    "stripTrailing": str.rstrip,
    "bytes": lambda text: text.encode("utf-8"),
    "charAt": _char_at,
    "concat": lambda text, other: text + str(other),
    "replace": lambda text, old, new: text.replace(str(old), str(new)),
    "replaceAll": lambda text, old, new: _pattern(text, old).sub(str(new), text),
    "replaceFirst": lambda text, old, new: _pattern(text, old).sub(str(new), text, count=1),
    "matches": lambda text, pattern: _pattern(text, pattern).fullmatch(text) is not None,
    "equalsIgnoreCase": lambda text, other: text.lower() == str(other).lower(),
    "split": lambda text, pattern: JavaArray(_pattern(text, pattern).split(text)),
    "repeat": lambda text, times: text * min(int(times), 1000),
}
LIST: dict[str, Callable[..., Any]] = {
    "size": len,
    "length": len,
    "isEmpty": lambda items: not items,
    "get": lambda items, index: _char_at(items, int(index)),
    "contains": lambda items, item: _as_written(item) in items,
    "indexOf": lambda items, item: items.index(_as_written(item)) if _as_written(item) in items else -1,
    "lastIndexOf": lambda items, item: max(
        (place for place, found in enumerate(items) if found == _as_written(item)), default=-1
    ),
    "subList": lambda items, start, end: JavaList(_substring(items, start, end)),
}
MAP: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda items: not items,
    "get": lambda items, key: items.get(str(key)),
    "getOrDefault": lambda items, key, default: items.get(str(key), default),
    "containsKey": lambda items, key: str(key) in items,
    "containsValue": lambda items, value: value in items.values(),
    "keySet": lambda items: JavaSet(items),
    "values": lambda items: JavaList(items.values()),
    "entrySet": lambda items: JavaSet(JavaEntry(key, value) for key, value in items.items()),
    "has": lambda items, key: str(key) in items,
    "path": lambda items, key: items.get(str(key)),
}
NUMBER: dict[str, Callable[..., Any]] = {
    "compareTo": lambda number, other: (number > other) - (number < other),
    "intValue": int,
    "longValue": int,
    "doubleValue": float,
}
EXCEPTION: dict[str, Callable[..., Any]] = {
    "message": text_of,
    "localizedMessage": text_of,
    "cause": cause_of,
    "class": lambda error: JavaClass(class_of(error)),
}
CLASS: dict[str, Callable[..., Any]] = {
    "name": str.__str__,
    "simpleName": lambda name: str(name).rpartition(".")[2],
    "typeName": str.__str__,
}
XML: dict[str, Callable[..., Any]] = {
    "textContent": lambda element: "".join(element.itertext()),
    "localName": lambda element: etree.QName(element).localname,
}
ANY: dict[str, Callable[..., Any]] = {
    "toString": to_text,
    "asText": to_text,
    "class": lambda value: JavaClass(type_of(value)),
}
ENTRY: dict[str, Callable[..., Any]] = {
    "key": lambda entry: entry.key,
    "value": lambda entry: entry.value,
}
BYTES: dict[str, Callable[..., Any]] = {"length": len}
_METHODS: tuple[tuple[type | tuple[type, ...], dict[str, Callable[..., Any]]], ...] = (
    (JavaClass, CLASS),
    (JavaEntry, ENTRY),
    (bytes, BYTES),
    (str, TEXT),
    (list, LIST),
    ((dict, JavaMap, Mapping), MAP),
    ((int, float), NUMBER),
    (BaseException, EXCEPTION),
    (etree._Element, XML),
)
