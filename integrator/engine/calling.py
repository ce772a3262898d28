"""Calling a function of the site from a step: which one, with which arguments, and what becomes of its result."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from integrator.engine.compiler import Expression, Node, source
from integrator.engine.javatypes import converter
from integrator.engine.problems import did_you_mean
from integrator.engine.simple.parser import arguments as split_arguments
from integrator.engine.site_code import Function, View, code_of, file_of, sources
from integrator.exchange import Exchange

_METHOD = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)


def function(node: Node, name: str, option: str) -> Function | None:
    """The function of that name beside the route file; notes a problem where there is none."""
    name = name.strip().removeprefix("#bean:").removeprefix("#")
    code = code_of(node.scope)
    found = code.functions.get(name)
    if found is None:
        if name in node.scope.beans:
            node.problem(
                f"/{option}", "bean", f"the bean {name} is no function", "Name a function of the site."
            )
        else:
            where = file_of(node.scope.source.file)
            remedy = (
                did_you_mean(name, code.functions)
                if code.functions
                else f"Write def {name}(body) in {where}."
            )
            node.problem(f"/{option}", "bean", f"there is no bean {name}", remedy)
        return None
    node.problem(f"/{option}", "bean-not-portable", f"{name} is a Python function: only the embedded engine has it",
                 "Use an expression or another step if the route has to run on Camel, too.")  # fmt: skip
    return found


def hook(node: Node, option: str) -> Expression | None:
    """The function that an option names, called with what it asks for; None where the option is not there."""
    name = node.text(option)
    found = function(node, name, option) if name else None
    return invocation(node, found, None, option) if found else None


def invocation(node: Node, found: Function, arguments: str | None, option: str) -> Expression:
    """What calls the function for an exchange. `arguments` is the text between the brackets of a method."""
    call = found.call
    given = _given(node, arguments, option) if arguments and arguments.strip() else None
    readers = _bound(node, found, option) if given is None else _positional(node, found, given, option)
    if call is None:
        return lambda _exchange: None  # routes are only checked

    def invoke(exchange: Exchange) -> Any:
        result = call(*[read(exchange) for read in readers])
        return thawed(result) if isinstance(result, (MappingProxyType, tuple)) else result

    return invoke


def thawed(value: Any) -> Any:
    """A constant of the file as data of its own, so that routes may change it."""
    if isinstance(value, MappingProxyType):
        return {key: thawed(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    return value


def method(node: Node, text: str, option: str) -> tuple[str, str | None]:
    """The name and the arguments of `name` or `name(…)`."""
    match = _METHOD.fullmatch(text)
    if match is None:
        node.problem(
            f"/{option}", "option-value", "this is no name of a method", "Write name, or name(${body}, 'x')."
        )
        return "", None
    return match[1], match[2]


def _bound(node: Node, found: Function, option: str) -> list[Expression]:
    names = sources(found)
    if names is None:
        node.problem(f"/{option}", "bean", f"{found.name} has a parameter that nothing fills",
                     "Parameters are exchange, body, headers, properties and variables; or give arguments.")  # fmt: skip
        return []
    types = dict(found.parameters)
    return [_converted(_READERS[where], types.get(name)) for name, where in names.items()]


def _positional(node: Node, found: Function, given: list[Expression], option: str) -> list[Expression]:
    if not found.needed <= len(given) <= len(found.parameters):
        node.problem(f"/{option}", "bean", f"{found.name} takes {found.needed} to {len(found.parameters)} arguments",
                     "Give as many.")  # fmt: skip
        return []
    return [_converted(read, kind) for read, (_name, kind) in zip(given, found.parameters, strict=False)]


def _converted(read: Expression, type_name: str | None) -> Expression:
    convert = converter(type_name) if type_name else None
    return read if convert is None else lambda exchange: convert(read(exchange))


def _given(node: Node, arguments: str, option: str) -> list[Expression]:
    return [_argument(node, text.strip(), option) for text in split_arguments(arguments)]


def _argument(node: Node, text: str, option: str) -> Expression:
    """An argument as Camel reads it: true, false, null, numbers, quoted texts, simple functions."""
    fixed: dict[str, Any] = {"true": True, "false": False, "null": None}
    if text in fixed:
        value: Any = fixed[text]
    elif re.fullmatch(r"[+-]?\d+", text):
        value = int(text)
    elif re.fullmatch(r"[+-]?\d+\.\d+", text):
        value = float(text)
    else:
        inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
        if "${" not in inner:
            value = inner
        else:
            found = source(
                "simple", {"expression": inner, "trim": False}, f"{node.pointer}/{option}", node.scope
            )
            return found.expression() if found else (lambda _exchange: None)
    return lambda _exchange: value


_READERS: dict[str, Callable[[Exchange], Any]] = {
    "exchange": View,
    "body": lambda exchange: exchange.message.body,
    "headers": lambda exchange: exchange.message.headers,
    "properties": lambda exchange: dict(exchange.properties),
    "variables": lambda exchange: exchange.variables,
}
