"""Which files a consumer takes, and in which order."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from integrator.engine.compiler import Expression, Node
from integrator.engine.filing import LOCK, Place, about, done_name, expression, is_done, predicate, simple
from integrator.engine.javatypes import to_text
from integrator.engine.uris import Uri
from integrator.engine.ways import Entry
from integrator.exchange import Conversions, Exchange

Test = Callable[[Exchange], bool]
_RENAMED = ".camelExclusiveReadLock"


@dataclass(frozen=True, slots=True)
class Choice:
    """The filters of an endpoint."""

    place: Place
    conversions: Conversions
    patterns: tuple[re.Pattern[str] | None, re.Pattern[str] | None]
    extensions: tuple[tuple[str, ...], tuple[str, ...]]
    ants: tuple[tuple[re.Pattern[str], ...], tuple[re.Pattern[str], ...]]
    name: Expression | None
    files: Test | None
    directories: Test | None
    depths: tuple[int, int]
    hidden: tuple[bool, bool]
    done: str
    order: tuple[tuple[Expression, bool, bool], ...]
    shuffle: bool

    def takes(self, entry: Entry, present: frozenset[str]) -> bool:
        """Whether a file is one; `present` are the names of all files there."""
        name = self.place.named(entry.path)
        *above, only = name.split("/")
        if any(part.startswith(".") for part in above) and not self.hidden[1]:
            return False
        if (only.startswith(".") and not self.hidden[0]) or only.endswith((LOCK, _RENAMED)):
            return False
        if not self.depths[0] <= len(above) + 1 <= self.depths[1]:
            return False
        if not self._by_name(only) or not self._by_ant(name):
            return False
        if self.directories is not None and not self._through(above, entry):
            return False
        if self.done and (is_done(self.done, only) or done_name(self.done, name) not in present):
            return False
        if self.name is None and self.files is None:
            return True
        exchange = about(self.place, entry, self.conversions)
        if self.name is not None:
            wanted = to_text(self.name(exchange))
            if wanted is not None and wanted != only:
                return False
        return self.files is None or self.files(exchange)

    def _by_name(self, only: str) -> bool:
        include, exclude = self.patterns
        if exclude is not None and exclude.fullmatch(only):
            return False
        if include is not None and not include.fullmatch(only):
            return False
        wanted, unwanted = self.extensions
        if any(only.lower().endswith("." + one) for one in unwanted):
            return False
        return not wanted or any(only.lower().endswith("." + one) for one in wanted)

    def _by_ant(self, name: str) -> bool:
        include, exclude = self.ants
        if any(pattern.fullmatch(name) for pattern in exclude):
            return False
        return not include or any(pattern.fullmatch(name) for pattern in include)

    def _through(self, above: Sequence[str], entry: Entry) -> bool:
        assert self.directories is not None
        for number in range(len(above)):
            exchange = about(self.place, entry, self.conversions)
            path = "/".join(above[: number + 1])
            exchange.message.headers.update({"CamelFileName": path, "CamelFileNameOnly": above[number]})
            if not self.directories(exchange):
                return False
        return True

    def sorted(self, entries: list[Entry]) -> list[Entry]:
        """The files in the order they are taken."""
        if self.shuffle:
            random.shuffle(entries)
        known = (
            {entry.path: about(self.place, entry, self.conversions) for entry in entries}
            if self.order
            else {}
        )
        for value, reverse, folded in reversed(self.order):
            entries.sort(key=lambda entry: _key(value(known[entry.path]), folded=folded), reverse=reverse)
        return entries


def _key(value: Any, *, folded: bool) -> tuple[int, Any]:
    if isinstance(value, (int, float)):
        return (0, value)
    text = to_text(value) or ""
    return (1, text.lower() if folded else text)


def choice(node: Node, uri: Uri, found: Place) -> Choice | None:
    """The choice of an endpoint; notes what is wrong with its options."""
    options = uri.options
    patterns = (_pattern(node, uri, "include"), _pattern(node, uri, "exclude"))
    depths = [options.get(name, default) for name, default in (("minDepth", "0"), ("maxDepth", "2147483647"))]
    if not all(depth.isdigit() for depth in depths):
        node.problem(
            "/uri", "option-value", f"minDepth or maxDepth of {uri.scheme}: is no number", "Write 1, 2 …"
        )
        return None
    folds = options.get("antFilterCaseSensitive") == "false"
    order = []
    for part in filter(None, options.get("sortBy", "").split(";")):
        flags, part = set[str](), part.strip()
        while part.startswith(("reverse:", "ignoreCase:")):
            flag, _, part = part.partition(":")
            flags.add(flag)
        value = simple(node, part if "${" in part else "${" + part + "}")
        if value is not None:
            order.append((value, "reverse" in flags, "ignoreCase" in flags))
    return Choice(
        found, node.scope.services.conversions, patterns,
        (_extensions(options.get("includeExt")), _extensions(options.get("excludeExt"))),
        (_ants(options.get("antInclude"), folds=folds), _ants(options.get("antExclude"), folds=folds)),
        expression(node, uri, "fileName"), predicate(node, uri, "filterFile"), predicate(node, uri, "filterDirectory"),
        (int(depths[0]), int(depths[1])),
        (options.get("includeHiddenFiles") == "true", options.get("includeHiddenDirs") == "true"),
        options.get("doneFileName", ""), tuple(order), options.get("shuffle") == "true",
    )  # fmt: skip


def _pattern(node: Node, uri: Uri, name: str) -> re.Pattern[str] | None:
    text = uri.options.get(name)
    if not text:
        return None
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error:
        node.problem(
            "/uri", "pattern", f"{name} of {uri.scheme}: does not compile", "Correct the regular expression."
        )
        return None


def _extensions(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in (text or "").split(",") if part.strip())


def _ants(text: str | None, *, folds: bool) -> tuple[re.Pattern[str], ...]:
    flags = re.IGNORECASE if folds else 0
    return tuple(re.compile(_ant(part.strip()), flags) for part in (text or "").split(",") if part.strip())


def _ant(pattern: str) -> str:
    """An Ant pattern as a regular expression: `?`, `*` within a directory, `**` across."""
    found, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            found, at = found + "(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            found, at = found + ".*", at + 2
        else:
            char = pattern[at]
            found += {"?": "[^/]", "*": "[^/]*"}.get(char) or re.escape(char)
            at += 1
    return found
