"""`${file:…}`: the file a message came from, as its headers tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.problems import ExpressionError, did_you_mean
from integrator.exchange import Exchange

NAME, ONLY = "CamelFileName", "CamelFileNameOnly"
Cut = Callable[[str], str | None]


def _extension(name: str) -> str | None:
    _, dot, rest = name.rpartition("/")[2].partition(".")
    return rest if dot else None


def _last_extension(name: str) -> str | None:
    _, dot, rest = name.rpartition("/")[2].rpartition(".")
    return rest if dot else None


def _without(name: str, extension: str | None) -> str:
    return name if extension is None else name[: len(name) - len(extension) - 1]


def _of(header: str, cut: Cut) -> Expression:
    def value(exchange: Exchange) -> Any:
        name = exchange.message.headers.get(header)
        return cut(name) if isinstance(name, str) else name

    return value


def _only(cut: Cut) -> Expression:
    def value(exchange: Exchange) -> Any:
        headers = exchange.message.headers
        name = headers.get(ONLY)
        if not isinstance(name, str):
            name = headers.get(NAME)
        return cut(name.rpartition("/")[2]) if isinstance(name, str) else None

    return value


def _same(name: str) -> str:
    return name


_FUNCTIONS: dict[str, Expression] = {
    "name": _of(NAME, _same),
    "name.noext": _of(NAME, lambda name: _without(name, _extension(name))),
    "name.noext.single": _of(NAME, lambda name: _without(name, _last_extension(name))),
    "name.ext": _of(NAME, _extension),
    "name.ext.single": _of(NAME, _last_extension),
    "ext": _of(NAME, _extension),
    "ext.single": _of(NAME, _last_extension),
    "onlyname": _only(_same),
    "onlyname.noext": _only(lambda name: _without(name, _extension(name))),
    "onlyname.noext.single": _only(lambda name: _without(name, _last_extension(name))),
    "parent": _of("CamelFileParent", _same),
    "path": _of("CamelFilePath", _same),
    "absolute": _of("CamelFileAbsolute", _same),
    "absolute.path": _of("CamelFileAbsolutePath", _same),
    "length": _of("CamelFileLength", _same),
    "size": _of("CamelFileLength", _same),
    "modified": _of("CamelFileLastModified", _same),
}


def compile_file(name: str) -> Expression:
    """The closure of `file:name`. Raises ExpressionError for one that does not exist."""
    found = _FUNCTIONS.get(name.strip())
    if found is None:
        raise ExpressionError(f"there is no file:{name}", did_you_mean(name, _FUNCTIONS))
    return found
