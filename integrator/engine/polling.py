"""Asking an endpoint for a message: what pollEnrich and poll share with the components they ask.

A component that can be polled has a function `poll(node, uri) -> Poll | None`, beside or instead of
`compile`; it notes what is wrong with the URI. `parked` is where `seda:` and `stub:` leave messages that no
route takes and some step of the set polls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from integrator.engine import known, registry
from integrator.engine.compiler import Node, Program
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.problems import did_you_mean
from integrator.engine.sending import address, check_options, named_failure
from integrator.engine.uris import Uri, parse
from integrator.exchange import Exchange

Poll = Callable[[Exchange, float | None], Awaitable[Exchange | None]]
"""Takes the polling exchange and how long to wait (seconds; 0 not at all, None for ever: the step bounds it).
Gives the polled exchange, or None where nothing came."""

_COMPUTED_KEPT = 256
_POLLED = "polled endpoints"
_ANY = "*"


class Parked:
    """Messages of one queue that wait to be polled, on one event loop."""

    def __init__(self) -> None:
        self.messages: deque[Exchange] = deque()
        self.came = asyncio.Event()

    def put(self, made: Exchange) -> None:
        """Leave a message."""
        self.messages.append(made)
        self.came.set()

    async def take(self, wait: float | None) -> Exchange | None:
        """The oldest message; None where none comes in time."""
        try:
            async with asyncio.timeout(wait):
                while not self.messages:
                    if wait == 0:
                        return None
                    self.came.clear()
                    await self.came.wait()
        except TimeoutError:
            return None
        return self.messages.popleft()


def parked(program: Program, name: str) -> Parked:
    """The queue of an address, for the running event loop."""
    loops = program.shared.setdefault(f"parked {name}", WeakKeyDictionary())
    assert isinstance(loops, WeakKeyDictionary)
    loop = asyncio.get_running_loop()
    found = loops.get(loop)
    if found is None:
        found = loops[loop] = Parked()
    assert isinstance(found, Parked)
    return found


def polled(program: Program, name: str) -> bool:
    """Whether some step of the set polls an address."""
    names: set[str] = program.shared.get(_POLLED, set())
    return name in names or f"{name.partition(':')[0]}:{_ANY}" in names


def note_polled(program: Program, name: str) -> None:
    """Remember that a step polls an address; `seda:*` is any of a scheme."""
    program.shared.setdefault(_POLLED, set()).add(name)


def poller(node: Node, uri: Uri, option: str = "uri") -> Poll | None:
    """The function that polls an endpoint; notes what is wrong with it."""
    pointer = f"{node.pointer}/{option}"
    node.scope.note_use(address(uri), pointer)
    module = registry.COMPONENTS.find(uri.scheme)
    if module is None and registry.COMPONENTS.not_yet(uri.scheme):
        node.problem("/uri", "not-yet", f"the component {uri.scheme}: {known.why(uri.scheme)}",
                     "Systems outside are reached by adapter:; other components run on Camel K.")  # fmt: skip
        return None
    if module is None:
        node.problem("/uri", "unknown-component", f"there is no component {uri.scheme}:",
                     did_you_mean(uri.scheme, registry.COMPONENTS.names()))  # fmt: skip
        return None
    return _of(node, uri)


def _of(node: Node, uri: Uri) -> Poll | None:
    module, spec = registry.COMPONENTS.find(uri.scheme), registry.COMPONENTS.spec(uri.scheme)
    make = getattr(module, "poll", None)
    if make is None:
        node.problem("/uri", "not-polled", f"{uri.scheme}: cannot be polled",
                     "Poll one of: " + ", ".join(sorted(pollable())) + ".")  # fmt: skip
        return None
    if not check_options(node, uri, spec):
        return None
    found: Poll | None = make(node, uri)
    return found


def pollable() -> list[str]:
    """The schemes that can be polled."""
    return [name for name in registry.COMPONENTS.names() if hasattr(registry.COMPONENTS.find(name), "poll")]


class Computed:
    """Endpoints that messages name: each is checked, compiled once and kept, up to a bound."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: dict[str, tuple[str, Poll]] = {}

    def find(self, text: str) -> tuple[str, Poll]:
        """Normal form and poller. Raises JavaException for one that may not be polled."""
        found = self._found.get(text)
        if found is not None:
            return found
        problems, uses = self._node.scope.problems, self._node.scope.uses
        before, used = len(problems), len(uses)
        try:
            uri = parse(text)
            poll = poller(self._node, uri) if _computed(uri.scheme) else None
        except ValueError:
            poll = None
        failed = len(problems) > before
        del problems[before:], uses[used:]  # they belong to the message, not to the route's compilation
        if poll is None or failed:
            scheme = text.partition(":")[0]
            parts = registry.COMPONENTS
            if scheme.isalnum() and parts.find(scheme) is None and not parts.not_yet(scheme):
                shown = text if "://" in text else text.replace(":", "://", 1)
                raise named_failure(self._node, shown)
            raise failure(
                CAMEL + "ResolveEndpointFailedException",
                f"the computed endpoint of {self._node.spec.name} is none this route may poll",
            )
        if len(self._found) >= _COMPUTED_KEPT:
            self._found.clear()
        self._found[text] = uri.name, poll
        return uri.name, poll


def _computed(scheme: str) -> bool:
    """Whether messages may name endpoints of a scheme: those inside, and what checks it for itself."""
    module = registry.COMPONENTS.find(scheme)
    return scheme in ("seda", "stub") or bool(getattr(module, "POLLS_COMPUTED", False))
