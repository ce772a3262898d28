"""The outbound pool beside aiohttp and httpx against one static server, in one run.

    python benchmarks/outbound_pool.py [--requests 10000] [--concurrency 20] [--rounds 3]

The server is another process on loopback; the clients take turns round by round, so that drift
hits all of them. Printed: requests a second and the client's CPU in microseconds a request (the
steadier figure), median of the rounds with the smallest and largest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from integrator.outbound.pool import Pool
from integrator.outbound.transport import HttpRequest, Origin

BODY = b"<x>" + b"y" * 1_000 + b"</x>"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nServer: static\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
Client = Callable[[], Awaitable[None]]


class Static(asyncio.Protocol):
    """Answers whatever ends a request body with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"</x>"):
            self.transport.write(ANSWER)


def serve(port: Any) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Static, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    uvloop.run(run())


async def load(client: Client, requests: int, concurrency: int) -> tuple[float, float]:
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await client()

    await client()
    start, cpu = time.perf_counter(), used()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return requests / (time.perf_counter() - start), (used() - cpu) / requests * 1e6


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def pool_client(port: int, concurrency: int) -> tuple[Client, Callable[[], Awaitable[None]]]:
    pool = Pool(connections=concurrency)
    loop = asyncio.get_running_loop()
    origin = Origin("http", "127.0.0.1", port)
    headers = (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '"x"'), ("Accept", "text/xml"))

    async def call() -> None:
        request = HttpRequest(origin, "POST", "/", headers, BODY, loop.time() + 10)
        assert (await pool.send(request)).body == BODY

    return call, pool.close


def aiohttp_client(port: int, concurrency: int) -> tuple[Client, Callable[[], Awaitable[None]]]:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency))
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"x"', "Accept": "text/xml"}

    async def call() -> None:
        async with session.post(f"http://127.0.0.1:{port}/", data=BODY, headers=headers) as response:
            assert await response.read() == BODY

    return call, session.close


def httpx_client(port: int, concurrency: int) -> tuple[Client, Callable[[], Awaitable[None]]]:
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=concurrency), trust_env=False)
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"x"', "Accept": "text/xml"}

    async def call() -> None:
        response = await client.post(f"http://127.0.0.1:{port}/", content=BODY, headers=headers)
        assert response.content == BODY

    return call, client.aclose


CLIENTS = {"pool": (pool_client, 1.0), "aiohttp": (aiohttp_client, 0.5), "httpx": (httpx_client, 0.05)}


async def measure(port: int, options: argparse.Namespace) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    for _ in range(options.rounds):
        for name, (make, share) in CLIENTS.items():
            try:
                client, close = make(port, options.concurrency)
            except ImportError:
                continue
            rows[name].append(await load(client, int(options.requests * share), options.concurrency))
            await close()
    return {name: summary(found) for name, found in rows.items() if found}


def summary(found: list[tuple[float, float]]) -> dict[str, list[float]]:
    columns = {"requests_per_second": [row[0] for row in found], "cpu_us": [row[1] for row in found]}
    return {
        key: [round(statistics.median(values), 1), round(min(values), 1), round(max(values), 1)]
        for key, values in columns.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    port = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.01)
    try:
        table = uvloop.run(measure(port.value, options))
    finally:
        process.terminate()
        process.join()
    if options.json:
        print(json.dumps(table))
        return
    print(f"{'client':<10}{'requests/s':>12}{'min':>9}{'max':>9}{'CPU µs':>9}{'min':>8}{'max':>8}")
    for name, row in table.items():
        rate, cpu = row["requests_per_second"], row["cpu_us"]
        print(f"{name:<10}{rate[0]:>12}{rate[1]:>9}{rate[2]:>9}{cpu[0]:>9}{cpu[1]:>8}{cpu[2]:>8}")


if __name__ == "__main__":
    main()
