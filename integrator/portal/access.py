"""Who may reach the control plane: this machine only, until it has a login (design, section 8).

A request through a proxy comes from the proxy's address, so any forwarding header is refused; a
foreign Host header is refused because a page elsewhere could otherwise rebind its name to loopback.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Annotated

from fastapi import Header, HTTPException, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_FORWARDING = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"}
_LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}


def is_local(scope: Scope) -> bool:
    """Whether a request was made on this machine, by name and by address."""
    client = scope.get("client")
    try:
        if client is None or not ip_address(client[0]).is_loopback:
            return False
    except ValueError:
        return False
    host = b""
    for name, value in scope["headers"]:
        if name in _FORWARDING:
            return False
        if name == b"host":
            host = value
    name, separator, port = host.decode("latin-1").rpartition(":")
    return (name if separator and port.isdigit() else host.decode("latin-1")) in _LOCAL_NAMES


class LocalOnly:
    """ASGI middleware: 403 with the reason for whoever is not on this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass local requests on."""
        if scope["type"] == "http" and not is_local(scope):
            answer = JSONResponse(
                {
                    "type": "urn:problem-type:integrator:local-only",
                    "title": "Only from this machine",
                    "status": 403,
                    "detail": "the control plane has no login yet: open it on the machine of the bus, or through ssh -L",
                },
                status_code=403,
                media_type="application/problem+json",
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def require_token(
    request: Request,
    authorization: Annotated[str | None, Header(description="Bearer token of var/run.json")] = None,
) -> None:
    """Refuse what changes something without the token that only the bus's user can read."""
    expected = f"Bearer {request.app.state.services.control_token}"
    if authorization is None or not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise HTTPException(401, "send Authorization: Bearer with the control token of var/run.json")
