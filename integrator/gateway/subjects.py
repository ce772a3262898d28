"""Whom the data is about: subject finders and minimisers, compiled once to closures.

Paths are a subset of JSONPath (RFC 9535): `$.a`, `$.a.b`, `$.a[*].b`, `$[*].a` and `$..name`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrator.exchange import Subject
from integrator.identifiers import subject as identify

Finder = Callable[[Any], list[Any]]
Minimiser = Callable[[Any], Any]

_STEP = re.compile(r"\.\.(?P<deep>[A-Za-z_@#][\w@#-]*)|\.(?P<name>[A-Za-z_@#][\w@#-]*)|(?P<all>\[\*\])")


class PathProblem(ValueError):
    """A subject path is not of the subset the gateway knows: `$.a.b`, `$.a[*].b`, `$..name`."""


def compile_path(path: str) -> Finder:
    """A function that returns every value at the path, nulls left out. Raises PathProblem."""
    steps: list[tuple[str, str]] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        steps.append((str(match.lastgroup), match[match.lastgroup or 0]))
        position = match.end()
    if not path.startswith("$") or position != len(path) or not steps:
        raise PathProblem(f"{path} is no subject path: write $.a.b, $.a[*].b or $..name")
    names = [name for _kind, name in steps]
    if all(kind == "name" for kind, _ in steps):
        return _straight(names)
    return _general(steps)


def _straight(names: list[str]) -> Finder:
    if len(names) == 1:
        (only,) = names

        def top(value: Any) -> list[Any]:
            found = value.get(only) if type(value) is dict else None
            return [] if found is None else [found]

        return top

    def walk(value: Any) -> list[Any]:
        for name in names:
            if type(value) is not dict:
                return []
            value = value.get(name)
        return [] if value is None else [value]

    return walk


def _general(steps: list[tuple[str, str]]) -> Finder:
    def walk(value: Any) -> list[Any]:
        found = [value]
        for kind, name in steps:
            if kind == "name":
                found = [item[name] for item in found if isinstance(item, dict) and name in item]
            elif kind == "all":
                found = [inner for item in found if isinstance(item, list) for inner in item]
            else:
                found = [inner for item in found for inner in _descendants(item, name)]
        return [item for item in found if item is not None]

    return walk


def _descendants(value: Any, name: str) -> list[Any]:
    found: list[Any] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            for key, inner in item.items():
                if key == name:
                    found.append(inner)
                if type(inner) is dict or type(inner) is list:
                    stack.append(inner)
        elif type(item) is list:
            stack.extend(item)
    return found


class SubjectFinder:
    """Finds the subjects of a canonical message: NISS and enterprise numbers in normal form."""

    __slots__ = ("_finders", "_limit", "_paths")

    def __init__(self, paths: Iterable[str], limit: int) -> None:
        self._paths = tuple(paths)
        self._finders = tuple(compile_path(path) for path in self._paths)
        self._limit = limit

    def __call__(self, value: Any) -> tuple[tuple[Subject, ...], str | None]:
        """The distinct subjects in order, and the first path whose value is no valid subject.

        The path is `too many` beyond the limit of subjects an exchange may have.
        """
        subjects: dict[tuple[str, str], Subject] = {}
        for path, finder in zip(self._paths, self._finders, strict=True):
            for found in finder(value):
                known = identify(found) if type(found) is str else None
                if known is None:
                    return tuple(subjects.values()), path
                if known not in subjects:
                    if len(subjects) >= self._limit:
                        return tuple(subjects.values()), "too many"
                    subjects[known] = Subject(*known)
        return tuple(subjects.values()), None


def has_data(value: Any) -> bool:
    """Whether a canonical answer says anything: any scalar that is not null."""
    if type(value) is dict:
        return any(has_data(item) for item in value.values())
    if type(value) is list:
        return any(has_data(item) for item in value)
    return value is not None


# --- minimisation -------------------------------------------------------------------------------


def compile_minimiser(groups: Mapping[str, Iterable[str]], granted: Iterable[str]) -> Minimiser:
    """A function that keeps of an answer what the granted field groups name, and nothing else.

    A field is a property of the answer, or a path `a.b` into it; an array means each of its
    items. What is not an object or an array of objects has no granted field and becomes null.
    """
    tree: dict[str, Any] = {}
    for group in granted:
        for path in groups.get(group, ()):
            _plant(tree, path.split("."))
    if all(branch is None for branch in tree.values()):
        return _flat(frozenset(tree))
    return lambda value: _prune(value, tree)


def _plant(tree: dict[str, Any], names: list[str]) -> None:
    for name in names[:-1]:
        branch = tree.setdefault(name, {})
        if branch is None:
            return  # the whole is granted already
        tree = branch
    tree[names[-1]] = None


def _flat(names: frozenset[str]) -> Minimiser:
    def keep(value: Any) -> Any:
        if type(value) is dict:
            return {key: item for key, item in value.items() if key in names}
        if type(value) is list:
            return [keep(item) for item in value]
        return None

    return keep


def _prune(value: Any, tree: dict[str, Any]) -> Any:
    if type(value) is dict:
        return {
            key: item if tree[key] is None else _prune(item, tree[key])
            for key, item in value.items()
            if key in tree
        }
    if type(value) is list:
        return [_prune(item, tree) for item in value]
    return None
