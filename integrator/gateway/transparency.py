"""The journal's log served read-only: `/log/checkpoint`, `/log/tile/…`, and receipts of exchanges.

C2SP tlog-tiles, "APIs". Entry bundles go to this machine, to the control token and to auditors' keys
only; hash tiles too where the settings say so. A receipt goes to the exchange's sender. None of it is an exchange.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from integrator.exchange import IntegratorError, NoData, NotRecorded, Refused
from integrator.gateway.http import SAFE_HEADERS, Head, RawHeaders, Scope, Send, is_local
from integrator.gateway.pipeline import Ended
from integrator.gateway.plane import Plane
from integrator.gateway.rest import STATUS_PATH, send_problem
from integrator.gateway.runtime import Runtime
from integrator.gateway.status import own_records
from integrator.journal import tiles
from integrator.journal.tiles import ENTRIES, TileError
from integrator.journal.tree import TreeBroken
from integrator.store.units import StoreUnavailable

LOG_PATH = "/log/"
RECEIPT = "/receipt"
_TEXT = b"text/plain; charset=utf-8"
_BYTES = b"application/octet-stream"
_FRESH = b"max-age=1"
_FOR_EVER = b"max-age=31536000, immutable"
_KEPT_HEADERS: RawHeaders = [pair for pair in SAFE_HEADERS if pair[0] != b"cache-control"]


@dataclass(frozen=True, slots=True)
class LogAccess:
    """Who may read what: whether hash tiles are public, the token that opens everything, and whose keys do.

    `is_auditor` says of a key's text whether it is an auditor's, and in force.
    """

    tiles_public: bool = True
    token: str | None = None
    is_auditor: Callable[[str], Awaitable[bool]] | None = None

    async def insider(self, scope: Scope, head: Head) -> bool:
        """Whether the request comes from this machine, with the token or with an auditor's key."""
        if is_local(scope, head):
            return True
        scheme, _, given = head.values.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            return False
        if self.token is not None and hmac.compare_digest(given, self.token.encode()):
            return True
        return self.is_auditor is not None and await self.is_auditor(given.decode("ascii", "replace").strip())


async def log(
    plane: Plane, runtime: Runtime, access: LogAccess, scope: Scope, send: Send, head: Head
) -> None:
    """Serve one file of the log."""
    name = scope["path"][len(LOG_PATH) :]
    try:
        if name == "checkpoint":
            body = await plane.published.checkpoint()
            kind, cache, public = _TEXT, _FRESH, True
        else:
            body, public = await _tile(plane, access, name, scope, head)
            kind, cache = _BYTES, _FOR_EVER
        if body is None:
            raise _nothing()
    except (StoreUnavailable, TreeBroken):
        await send_problem(plane, runtime, send, head, Ended(_unreadable()), None)
    except IntegratorError as error:
        await send_problem(plane, runtime, send, head, Ended(error), None)
    else:
        scoped = b"public, " if public else b"private, "
        await _send(send, kind, body, [(b"cache-control", scoped + cache)])


async def _tile(
    plane: Plane, access: LogAccess, name: str, scope: Scope, head: Head
) -> tuple[bytes | None, bool]:
    try:
        tile = tiles.parse(name)
    except TileError:
        raise _nothing() from None
    public = access.tiles_public and tile.level != ENTRIES
    if not public and not await access.insider(scope, head):
        raise Refused("this part of the log is for auditors", reason="log-closed")
    return await plane.published.tile(tile), public


async def receipt(plane: Plane, runtime: Runtime, scope: Scope, send: Send, head: Head) -> None:
    """`GET /v1/exchanges/{id}/receipt`: the tlog-proof of the exchange's end record, for its sender."""
    identifier = scope["path"][len(STATUS_PATH) : -len(RECEIPT)]
    try:
        exchange_id, records = await own_records(plane, runtime, scope, head, identifier)
        last = next((record for record in records if record.final), None)
        made = await plane.published.receipt(last) if last is not None else None
        if made is None:
            raise NoData("the end of this exchange is not in the log yet", reason="receipt-not-yet")
    except (StoreUnavailable, TreeBroken):
        await send_problem(plane, runtime, send, head, Ended(_unreadable()), None)
    except IntegratorError as error:
        if error.http_status in (400, 401):
            plane.count_noise(error.reason)
        more: RawHeaders = [(b"retry-after", b"1")] if error.reason == "receipt-not-yet" else []
        await send_problem(plane, runtime, send, head, Ended(error), None, more)
    else:
        name = f'attachment; filename="{exchange_id}.tlog-proof"'.encode()
        headers = [(b"cache-control", b"no-store"), (b"content-disposition", name)]
        await _send(send, _TEXT, made.encode(), headers)


def _nothing() -> IntegratorError:
    return NoData("the log has no such file", reason="path-unknown")


def _unreadable() -> IntegratorError:
    return NotRecorded("the journal cannot be read now: try again later")


async def _send(send: Send, kind: bytes, body: bytes, more: RawHeaders) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *_KEPT_HEADERS, *more]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        return  # the reader has gone
