"""Asking a directory for one file: what pollEnrich and poll do with file: and sftp:."""

from __future__ import annotations

import asyncio

import uuid_utils

from integrator.engine.compiler import Node
from integrator.engine.file_consumer import Files, Ready, batch_of, compile_reader
from integrator.engine.filing import operation_failed
from integrator.engine.polling import Poll
from integrator.engine.steps import Trail
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, IntegratorError

_EVERY = 0.5


def compile_poller(node: Node, uri: Uri) -> Poll | None:
    """The function that takes one file; the file is moved or deleted when the polling exchange has ended."""
    files = compile_reader(node, uri, polled=True)
    if files is None:
        return None

    async def poll(exchange: Exchange, wait: float | None) -> Exchange | None:
        loop = asyncio.get_running_loop()
        ends = None if wait is None else loop.time() + wait
        while True:
            made = await _take(files, exchange)
            if made is not None:
                return made
            left = None if ends is None else ends - loop.time()
            if left is not None and left <= 0:
                return None
            await files.services.sleep(_EVERY if left is None else min(_EVERY, left))

    return poll


async def _take(files: Files, exchange: Exchange) -> Exchange | None:
    trail: Trail = exchange.history[0]
    try:
        async with files.place.way.use(exchange.context, "read", files.place.path) as leg:
            for entry in await files.list():
                ready = await files.begin(entry)
                if ready is None:
                    continue
                made = Exchange(
                    await files.message(ready.at), exchange_id=str(uuid_utils.uuid7()), pattern="InOnly"
                )
                made.properties.update(batch_of(0, 1))
                made.history = [Trail(trail.origin, trail.endpoint, family=trail.family)]
                leg.answered_bytes = ready.at.size

                def ended(_exchange: Exchange, failed: bool, ready: Ready = ready) -> None:
                    task = asyncio.ensure_future(_end(files, ready, failed=failed))
                    trail.family.tasks.add(task)
                    task.add_done_callback(trail.family.tasks.discard)

                trail.after.append(ended)
                return made
    except OSError as error:
        raise operation_failed("Cannot retrieve file", cause=error) from None
    return None


async def _end(files: Files, ready: Ready, *, failed: bool) -> None:
    try:
        await files.end(ready, failed=failed)
    except (OSError, IntegratorError) as error:
        files.services.log("WARN", f"{files.uri}: a file could not be moved ({type(error).__name__})", "", 0)
