"""What the engine needs from outside: it declares the protocols, the composition root fills them in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from integrator.engine.spool import PROCESS, Spooling
from integrator.engine.tracing import Passed
from integrator.engine.ways import NoWays, Ways
from integrator.exchange import AdapterAnswer, Context, Conversions, Exchange, now_us
from integrator.security.parsers import CONVERSIONS

if TYPE_CHECKING:
    from integrator.engine.groups import Groups


class Sender(Protocol):
    """Carries one call to a connected system. The outbound implements it; routes reach nothing else.

    Called on the event loop, once for every `adapter:` step. Raises an IntegratorError (InvalidRequest,
    Refused, NoData, Overloaded, ProviderTimeout, ProviderUnreachable, BrokenContract, ProviderFault).
    """

    async def call(
        self, adapter: str, operation: str, body: Any, headers: Mapping[str, Any], context: Context | None
    ) -> AdapterAnswer:
        """Send `body` (JSON data) to an operation and return what the provider said."""
        ...


class NoSender:
    """The sender of routes that are only checked, or tested without adapters."""

    async def call(
        self, adapter: str, operation: str, body: Any, headers: Mapping[str, Any], context: Context | None
    ) -> AdapterAnswer:
        """Always raises LookupError: no adapter exists."""
        raise LookupError(f"no adapter {adapter} here: give Services a sender")


@dataclass(slots=True)
class Mocks:
    """What `mock:` endpoints received, by name, at most `kept` of each (the oldest go)."""

    kept: int = 1_000
    received: dict[str, list[Exchange]] = field(default_factory=dict)

    def record(self, name: str, exchange: Exchange) -> None:
        """Keep a snapshot that stands for itself."""
        snapshots = self.received.setdefault(name, [])
        snapshots.append(exchange)
        if len(snapshots) > self.kept:
            del snapshots[0]


class MessageKeys(Protocol):
    """Keys of idempotent consumers that outlive the process, apart for each flow and party. The gateway has them.

    A key is held by an exchange and its attempt until it is confirmed or released, or its time is over: a later
    attempt of the same exchange takes it again. Raises NotRecorded where the store cannot be written.
    """

    async def hold(self, context: Context, repository: str, key: str) -> str:
        """`new`: the key is this exchange's now; `held`: another's that is under way; `seen`: it was confirmed."""
        ...

    async def confirm(self, context: Context, repository: str, key: str) -> None:
        """The exchange that holds the key ended well: from now on it is seen."""
        ...

    async def release(self, context: Context, repository: str, key: str) -> None:
        """The exchange that holds the key gives it back."""
        ...


def no_resource(path: str) -> bytes:
    """The resource function of a site without files. Raises FileNotFoundError."""
    raise FileNotFoundError(f"{path} is not a file of the site")


def no_secret(_reference: str) -> bytes:
    """The secret function of routes without secrets. Raises LookupError."""
    raise LookupError("no secrets here: give Services a secret function")


def no_log(_level: str, _text: str, _route: str, _line: int) -> None:
    """Logs nothing."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything routes may use.

    `resource` reads a file of the site by its path (raises FileNotFoundError); `secret` gives what a reference,
    `${env:NAME}` or `${file:/path}`, stands for (raises LookupError or ValueError with a text that names it and
    never the value), when routes are compiled; `now_us` is the clock in
    microseconds since the epoch; `log` takes level, text, route id and line; `personal` keeps values of
    messages out of logs and of error texts (I5); `placeholders` fill `{{name}}`; `adapters` are the ids
    dynamic URIs may name (None: the sender decides alone); `mocks` collects what `mock:` receives; `trace`
    is told of every step that starts and ends, with the exchange's id (None: nobody is, and nothing is noted); `keys` are the
    idempotent keys of the store (None: there is none), `groups` the groups of aggregates of event flows there; `sleep`
    waits so many seconds (delays, redeliveries); `spooling` keeps large bodies out of memory; `ways` finds the
    systems that components reach by themselves.

    The limits of one exchange: how deep routes call each other and how often, how many children it may
    have in all, how often a loop turns, how often a step is tried again, how many parts run side by side,
    how long it may be delayed at once (seconds), how many messages wait for a `seda:` route or a throttle,
    how many keys an idempotent consumer remembers, how many messages one group of an aggregate has, how many
    groups and messages in all an aggregate keeps in memory, how many bytes a group in the store has, how long a route that stops waits (seconds), how many files a consumer looks at at once.
    """

    sender: Sender = field(default_factory=NoSender)
    resource: Callable[[str], bytes] = no_resource
    secret: Callable[[str], bytes] = no_secret
    conversions: Conversions = CONVERSIONS
    now_us: Callable[[], int] = now_us
    log: Callable[[str, str, str, int], None] = no_log
    personal: bool = True
    placeholders: Mapping[str, str] = field(default_factory=dict)
    adapters: Collection[str] | None = None
    mocks: Mocks | None = None
    trace: Callable[[str, Passed], None] | None = None
    keys: MessageKeys | None = None
    groups: Groups | None = None
    routes_nested: int = 64
    routes_entered: int = 1_000
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    children: int = 10_000_000
    turns: int = 1_000_000
    redeliveries: int = 1_000
    side_by_side: int = 16
    longest_delay: float = 3_600.0
    waiting: int = 1_000
    keys_kept: int = 100_000
    bodies_grouped: int = 100_000
    groups_kept: int = 10_000
    groups_bodies: int = 200_000
    group_bytes: int = 16_777_216
    stop_seconds: float = 10.0
    spooling: Spooling = PROCESS
    ways: Ways = field(default_factory=NoWays)
    files_per_poll: int = 10_000
