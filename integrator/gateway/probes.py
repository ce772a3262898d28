"""`/health` for everyone who watches over the bus, `/metrics` for this machine and trusted proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from integrator.gateway.http import JSON, Head, Proxies, Scope, Send, answer, is_local
from integrator.telemetry.metrics import CONTENT_TYPE, Metrics

Parts = Callable[[], Mapping[str, str]]
_WORST = {"UP": 0, "DEGRADED": 1, "DOWN": 2}


def overall(parts: Mapping[str, str]) -> str:
    """UP, DEGRADED or DOWN: the worst of the parts; an unknown word counts as DOWN."""
    worst = max((_WORST.get(state, 2) for state in parts.values()), default=0)
    return ("UP", "DEGRADED", "DOWN")[worst]


async def health(scope: Scope, send: Send, head: Head, parts: Parts) -> None:
    """Answer UP, DEGRADED (200) or DOWN (503); the parts only to this machine itself."""
    states = parts()
    state = overall(states)
    document: dict[str, object] = {"status": state}
    if is_local(scope, head):
        document["details"] = dict(states)
    await answer(send, 503 if state == "DOWN" else 200, JSON, orjson.dumps(document))


async def metrics(scope: Scope, send: Send, head: Head, proxies: Proxies, source: Metrics) -> bool:
    """Serve the metrics where the peer may see them; False where for this peer there are none."""
    if not is_local(scope, head) and not proxies.trusts(scope):
        return False
    await answer(send, 200, CONTENT_TYPE.encode(), source.render())
    return True
