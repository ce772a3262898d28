"""One plain request to an address outside the register's adapters: the witnesses an operator names."""

from __future__ import annotations

import asyncio

from integrator.exchange import IntegratorError
from integrator.outbound.transport import EndpointProblem, HttpRequest, Transport, parse_endpoint


async def fetch(
    transport: Transport, method: str, address: str, body: bytes, *, seconds: float = 10.0
) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer. Raises OSError where there is none in time."""
    try:
        origin, target = parse_endpoint(address)
        deadline = asyncio.get_running_loop().time() + seconds
        headers = (("Content-Type", "text/plain; charset=utf-8"),) if body else ()
        answer = await transport.send(HttpRequest(origin, method, target, headers, body, deadline))
    except (EndpointProblem, IntegratorError) as error:
        raise OSError(type(error).__name__) from error
    return answer.status, answer.header(b"content-type") or "", answer.body
