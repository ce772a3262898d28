"""Python functions of a site: what the steps bean and process, `bean:` and the language ref call.

They stand beside the route file, under its name: `permit.camel.yaml` has `permit.beans.py`. A function
computes; it reaches nothing: imports are those of `MODULES`, names and attributes that lead elsewhere are
refused, and so is everything private. That keeps honest code honest and reviewable; it is no sandbox, and a
second person approves a site before it runs. Functions run on the event loop: one that computes for long
stops the whole bus for as long. Nothing else than this engine runs them.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

from integrator.engine import exceptions
from integrator.engine.compiler import Scope
from integrator.engine.names import PROTECTED, property_of
from integrator.engine.problems import RouteProblem
from integrator.exchange import Exchange

SUFFIX = ".beans.py"
MODULES = (
    "base64", "calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools",
    "hashlib", "itertools", "json", "math", "operator", "re", "statistics", "string", "textwrap", "typing",
    "unicodedata",
)  # fmt: skip
"""What such a file may import."""
_HIDDEN = frozenset(
    [
        "ForwardRef",
        "Formatter",
        "attrgetter",
        "cache",
        "evaluate_forward_ref",
        "get_type_hints",
        "lru_cache",
        "make_dataclass",
        "methodcaller",
    ]
)
"""What these modules have that leads elsewhere, or keeps what messages said."""
_BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "ascii",
        "bin",
        "bool",
        "bytearray",
        "bytes",
        "chr",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "filter",
        "float",
        "frozenset",
        "hash",
        "hex",
        "int",
        "isinstance",
        "issubclass",
        "iter",
        "len",
        "list",
        "map",
        "max",
        "min",
        "next",
        "object",
        "oct",
        "ord",
        "pow",
        "property",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "slice",
        "sorted",
        "staticmethod",
        "classmethod",
        "str",
        "sum",
        "super",
        "tuple",
        "zip",
        "None",
        "True",
        "False",
        "NotImplemented",
        "Ellipsis",
        "ArithmeticError",
        "AssertionError",
        "AttributeError",
        "Exception",
        "IndexError",
        "KeyError",
        "LookupError",
        "NotImplementedError",
        "OverflowError",
        "RuntimeError",
        "StopIteration",
        "TypeError",
        "UnicodeError",
        "ValueError",
        "ZeroDivisionError",
    ]
)
_REFUSED_ATTRIBUTES = frozenset(
    [
        "format",
        "format_map",
        "gi_frame",
        "gi_code",
        "gi_yieldfrom",
        "cr_frame",
        "cr_code",
        "ag_frame",
        "ag_code",
        "f_back",
        "f_builtins",
        "f_code",
        "f_globals",
        "f_locals",
        "tb_frame",
        "tb_next",
        "mro",
        "func_globals",
    ]
)
_SETTINGS = ("exchange", "body", "headers", "properties", "variables")
_ANNOTATIONS = {"str": "java.lang.String", "int": "java.lang.Long", "float": "java.lang.Double",
                "bool": "java.lang.Boolean", "bytes": "byte[]", "dict": "java.util.Map", "list": "java.util.List"}  # fmt: skip


class View:
    """The exchange as functions of a site see it: everything Camel's Exchange has, the Context read-only."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def id(self) -> str:
        """The exchange id."""
        return self._exchange.id

    @property
    def body(self) -> Any:
        """The body."""
        return self._exchange.message.body

    @body.setter
    def body(self, value: Any) -> None:
        self._exchange.message.body = value

    @property
    def headers(self) -> Any:
        """The headers, case-insensitive."""
        return self._exchange.message.headers

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the exchange."""
        return self._exchange.variables

    def property(self, name: str) -> Any:
        """An exchange property; the Context's are called Integrator…."""
        return property_of(self._exchange, name)

    def set_property(self, name: str, value: Any) -> None:
        """Set an exchange property. Raises ValueError for those of the Context."""
        if name.startswith(PROTECTED):
            raise ValueError("properties of the Context are read-only")
        self._exchange.properties[name] = value


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a site: where each parameter comes from, and its type.

    `call` is None where routes are only checked.
    """

    name: str
    line: int
    parameters: tuple[tuple[str, str | None], ...]
    needed: int
    call: Callable[..., Any] | None = None


@dataclass(slots=True)
class Code:
    """The functions of one file by name."""

    file: str = ""
    functions: dict[str, Function] = field(default_factory=dict)


def code_of(scope: Scope) -> Code:
    """The functions beside a scope's route file, loaded once for a set; notes what is wrong with them."""
    source = scope.source
    key = f"code {source.file}"
    found = scope.program.shared.get(key)
    if found is None:
        found = scope.program.shared[key] = _load(scope) if source.code else Code()
    assert isinstance(found, Code)
    return found


def file_of(route_file: str) -> str:
    """The file with the functions of a route file."""
    return route_file.removesuffix(".camel.yaml") + SUFFIX


def _load(scope: Scope) -> Code:
    file = file_of(scope.source.file)
    try:
        tree = ast.parse(scope.source.code, file)
    except (SyntaxError, ValueError) as error:
        line, column = (error.lineno or 1, error.offset or 1) if isinstance(error, SyntaxError) else (1, 1)
        _note(scope, file, line, column, "the file is no Python", "Correct it.")
        return Code(file)
    guard = _Guard(scope, file)
    guard.visit(tree)
    code = Code(file)
    namespace = {} if guard.refused or scope.checking else _run(tree, file)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            code.functions[node.name] = _function(node, namespace.get(node.name))
    return code


def _note(scope: Scope, file: str, line: int, column: int, message: str, remedy: str) -> None:
    scope.problems.append(RouteProblem(file, line, "", "bean-code", message, remedy, column))


def _function(node: ast.FunctionDef, call: Callable[..., Any] | None) -> Function:
    listed = [*node.args.posonlyargs, *node.args.args]
    parameters = tuple(
        (one.arg, _ANNOTATIONS.get(one.annotation.id) if isinstance(one.annotation, ast.Name) else None)
        for one in listed
    )
    return Function(node.name, node.lineno, parameters, len(listed) - len(node.args.defaults), call)


def _run(tree: ast.Module, file: str) -> dict[str, Any]:
    allowed = {name: getattr(builtins, name) for name in _BUILTINS if hasattr(builtins, name)}
    allowed |= {"__import__": _import, "__build_class__": builtins.__build_class__, "fail": fail}
    namespace: dict[str, Any] = {"__builtins__": allowed, "__name__": "site_code"}
    exec(compile(tree, file, "exec"), namespace)  # noqa: S102 - vetted above, approved by a second person
    for name, value in namespace.items():
        if name != "__builtins__":
            namespace[name] = _frozen(value)
    return namespace


def _frozen(value: Any) -> Any:
    """A constant that functions cannot change: nothing of a message stays for the next."""
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return tuple(_frozen(item) for item in value)
    return frozenset(value) if isinstance(value, set) else value


def fail(java_class: str, message: str = "") -> None:
    """What functions raise errors with: Java class and message, as throwException does.

    Raises the error, or ValueError for a class the engine does not know.
    """
    if not exceptions.known(java_class):
        raise ValueError("fail needs a Java exception class that the engine knows")
    raise exceptions.thrown(java_class, message, "a function of the site refused the message")


def _import(name: str, _globals: Any = None, _locals: Any = None, _names: Any = (), level: int = 0) -> Any:
    if level or name not in MODULES:
        raise ImportError(f"{name} is not for functions of a site")
    return _public(importlib.import_module(name))


def _public(module: ModuleType) -> SimpleNamespace:
    """What a module is for, without the modules it uses itself."""
    listed = getattr(module, "__all__", None) or dir(module)
    names = [name for name in listed if not name.startswith("_") and name not in _HIDDEN]
    values = {name: getattr(module, name) for name in names}
    return SimpleNamespace(**{k: v for k, v in values.items() if not isinstance(v, ModuleType)})


class _Guard(ast.NodeVisitor):
    """Notes what a file of functions must not do."""

    def __init__(self, scope: Scope, file: str) -> None:
        self.scope, self.file, self.refused = scope, file, False

    def refuse(self, node: ast.AST, message: str, remedy: str) -> None:
        """Note it, with its place."""
        self.refused = True
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        _note(self.scope, self.file, line, column, message, remedy)

    def visit_Import(self, node: ast.Import) -> None:
        """`import x`."""
        for alias in node.names:
            self._module(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from x import y`."""
        if node.module == "__future__" and not node.level:
            return
        self._module(node, node.module or "." if not node.level else ".")
        for alias in node.names:
            if alias.name in _HIDDEN or alias.name.startswith("_") or alias.name == "*":
                self.refuse(node, f"{alias.name} is not for functions of a site", "Do without it.")

    def _module(self, node: ast.AST, name: str) -> None:
        if name not in MODULES:
            self.refuse(
                node, f"functions of a site cannot import {name}", "Use one of: " + ", ".join(MODULES) + "."
            )

    def visit_Name(self, node: ast.Name) -> None:
        """A name."""
        unknown = hasattr(builtins, node.id) and node.id not in _BUILTINS
        if isinstance(node.ctx, ast.Load) and (node.id.startswith("__") or unknown):
            self.refuse(
                node,
                f"functions of a site cannot use {node.id}",
                "They compute; routes and adapters do the rest.",
            )

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`a.b`."""
        if node.attr.startswith("_") or node.attr in _REFUSED_ATTRIBUTES or node.attr in _HIDDEN:
            self.refuse(node, f"functions of a site cannot use .{node.attr}",
                        "Use f-strings for texts; private things stay private.")  # fmt: skip
        self.generic_visit(node)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        """`case A(b=c)`: a way to read an attribute."""
        for name in node.kwd_attrs:
            if name.startswith("_") or name in _REFUSED_ATTRIBUTES:
                self.refuse(node, f"functions of a site cannot use .{name}", "Private things stay private.")
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """`def`: a default that can change would keep something from one message to the next."""
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            if isinstance(
                default, (ast.List, ast.Dict, ast.Set, ast.Call, ast.ListComp, ast.DictComp, ast.SetComp)
            ):
                self.refuse(
                    default, f"a default of {node.name} can change", "Use None, a text, a number or a tuple."
                )
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """`async def`."""
        self.refuse(node, f"{node.name} is async: functions of a site wait for nothing", "Write def.")

    def visit_Global(self, node: ast.Global) -> None:
        """`global x`."""
        self.refuse(
            node, "functions of a site keep nothing from one message to the next", "Do without global."
        )


def sources(function: Function) -> Mapping[str, str] | None:
    """Where each parameter comes from: its own name, or `body` for a first one of another name.

    None where a parameter that has no default comes from nowhere.
    """
    found: dict[str, str] = {}
    for index, (name, _type) in enumerate(function.parameters):
        if name in _SETTINGS:
            found[name] = name
        elif index == 0:
            found[name] = "body"
        elif index < function.needed:
            return None
    return found
