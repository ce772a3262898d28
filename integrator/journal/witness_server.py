"""A small witness: cosigns the checkpoints of the logs it watches, and never two that contradict each other.

C2SP tlog-witness v1.0.0. What it has seen of each log is durable (SQLite, synchronous=FULL) before it
answers, checked and replaced in one transaction. Run it elsewhere than the log it watches.

POST /add-checkpoint           cosignature lines, or 400, 403, 404, 409 with its own size, 422
GET  /<sha256 of origin>/checkpoint   what it cosigned last, for monitors
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from integrator.journal import note, witnessing
from integrator.journal.cosignature import Cosigner, with_signatures
from integrator.journal.note import Verifier
from integrator.journal.witnessing import REQUEST_BYTES_MAX, SIZE_TYPE, Refusal, Seen
from integrator.store import failpoints

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_TEXT = "text/plain; charset=utf-8"
_TABLE = """
CREATE TABLE IF NOT EXISTS log (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, checkpoint BLOB NOT NULL
) WITHOUT ROWID
"""


class Witness:
    """The witness itself, without HTTP. Its database is its memory: one that is lost must not be begun anew
    under the same key.

    `logs` are the keys by which it knows each log's checkpoints, by origin; `clock` gives seconds.
    """

    def __init__(
        self,
        path: Path,
        cosigner: Cosigner,
        logs: Mapping[str, Sequence[Verifier]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cosigner, self.logs, self._clock = cosigner, logs, clock
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA busy_timeout = 5000")
        self._database.execute(_TABLE)
        path.chmod(0o600)

    def add_checkpoint(self, data: bytes) -> bytes:
        """The cosignature lines for a request's body. Raises Refusal, sqlite3.Error."""
        asked, said = witnessing.open_request(data, self.logs)
        text = note.split(asked.checkpoint).text
        self._database.execute("BEGIN IMMEDIATE")
        try:
            witnessing.judge(asked, said, self._seen(said.origin))
            signature = self.cosigner.cosign(text, int(self._clock()))
            kept = with_signatures(_signed_by_log(asked.checkpoint, self.logs[said.origin]), [signature])
            self._database.execute(
                "INSERT INTO log (origin, size, root, checkpoint) VALUES (?, ?, ?, ?) ON CONFLICT (origin) "
                "DO UPDATE SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint",
                (said.origin, said.size, said.root, kept),
            )
            failpoints.hit("witness-before")
            self._database.execute("COMMIT")
            failpoints.hit("witness-after")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        return signature.line().encode()

    def last(self, name: str) -> bytes | None:
        """What it cosigned last of the log with this name (`witnessing.log_name`)."""
        origin = next((origin for origin in self.logs if witnessing.log_name(origin) == name), None)
        row = self._database.execute("SELECT checkpoint FROM log WHERE origin = ?", (origin,)).fetchone()
        return bytes(row[0]) if row else None

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _seen(self, origin: str) -> Seen:
        row = self._database.execute("SELECT size, root FROM log WHERE origin = ?", (origin,)).fetchone()
        return Seen(row[0], bytes(row[1])) if row else Seen()


def _signed_by_log(data: bytes, known: Sequence[Verifier]) -> bytes:
    """The checkpoint with the log's own signatures alone: what others wrote below it is not repeated."""
    proven = note.verify(data, known)
    return proven.text.encode() + b"\n" + "".join(one.line() for one in proven.signatures).encode()


class WitnessServer:
    """The witness as an ASGI application; requests are judged one at a time, in a thread."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="witness")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self._answer(scope, receive)
            headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        if path == "/add-checkpoint":
            if method != "POST":
                return 405, _TEXT, b"send a POST\n"
            data = await _body(receive)
            if data is None:
                return 413, _TEXT, b"the request is too large\n"
            return await self._in_thread(self._add, data)
        name, _, rest = path.removeprefix("/").partition("/")
        if method == "GET" and rest == "checkpoint":
            return await self._in_thread(self._last, name)
        return 404, _TEXT, b"there is nothing at this address\n"

    async def _in_thread(
        self, work: Callable[[Any], tuple[int, str, bytes]], value: Any
    ) -> tuple[int, str, bytes]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, value)

    def _add(self, data: bytes) -> tuple[int, str, bytes]:
        try:
            return 200, _TEXT, self._witness.add_checkpoint(data)
        except Refusal as refusal:
            if refusal.size is not None:
                return refusal.status, SIZE_TYPE, str(refusal).encode()
            return refusal.status, _TEXT, f"{refusal}\n".encode()
        except sqlite3.Error:
            return 503, _TEXT, b"the witness cannot keep its state now: try again later\n"

    def _last(self, name: str) -> tuple[int, str, bytes]:
        found = self._witness.last(name)
        if found is None:
            return 404, _TEXT, b"this witness has cosigned no such log\n"
        return 200, _TEXT, found


async def _body(receive: Receive) -> bytes | None:
    parts, size = [], 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if size > REQUEST_BYTES_MAX:
            return None
        if not event.get("more_body"):
            return b"".join(parts)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        if event["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "lifespan.startup.complete"})
