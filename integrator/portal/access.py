"""Who may reach the control plane: this machine only; from elsewhere, keys that read the journal.

A request through a proxy comes from the proxy's address, so any forwarding header is refused; a
foreign Host header is refused because a page elsewhere could otherwise rebind its name to loopback.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Annotated

from fastapi import Header, HTTPException, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from integrator.exchange import NotAuthenticated, Refused
from integrator.journal.query import Query
from integrator.journal.viewers import AUDITOR, KEY_ROLES, OPERATOR, Viewer, named
from integrator.portal.services import ControlServices
from integrator.store.api import KeyRow

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


REMOTE_PATHS, REMOTE_BYTES = "/api/journal/", 65_536
"""What a key with a role reaches from elsewhere, and how much it may send there."""


def _by_key(scope: Scope) -> bool:
    """Whether a request from elsewhere brings an API key to the journal; the key is checked behind."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    return (
        scope["path"].startswith(REMOTE_PATHS)
        and headers.get("authorization", "").startswith("Bearer itg_")
        and length.isdigit()
        and int(length) <= REMOTE_BYTES
    )


class LocalOnly:
    """ASGI middleware: 403 with the reason for whoever is neither on this machine nor brings a key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass local requests on."""
        if scope["type"] == "http" and not is_local(scope) and not _by_key(scope):
            answer = JSONResponse(
                {
                    "type": "urn:problem-type:integrator:local-only",
                    "title": "Only from this machine",
                    "status": 403,
                    "detail": "open the control plane on the machine of the bus, or through ssh -L; the journal is "
                    "read from elsewhere at /api/journal/ with a key of `integrator key add PARTY --role …`",
                },
                status_code=403,
                media_type="application/problem+json",
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_operator(request: Request) -> bool:
    """Whether a request comes from this machine with the control token."""
    bus: ControlServices = request.app.state.services
    authorization = request.headers.get("authorization", "")
    return is_local(request.scope) and hmac.compare_digest(
        authorization.encode(), f"Bearer {bus.control_token}".encode()
    )


async def _key(request: Request) -> KeyRow | None:
    """The key in force that a request brings."""
    bus: ControlServices = request.app.state.services
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return await bus.key(text.strip()) if scheme.lower() == "bearer" else None


async def viewer(request: Request, who: str) -> Viewer:
    """Who reads the journal: the control token's holder on this machine, or a key with a role.

    Raises NotAuthenticated, and Refused for a key without a role, which is recorded.
    """
    bus: ControlServices = request.app.state.services
    if is_operator(request):
        return Viewer(OPERATOR, None, OPERATOR, named(who))
    row = await _key(request)
    if row is None:
        raise NotAuthenticated(
            "send Authorization: Bearer with a key of `integrator key add PARTY --role …`",
            reason="credentials-invalid" if request.headers.get("authorization") else "credentials-missing",
        )
    return await of_key(bus, row, who)


async def of_key(bus: ControlServices, row: KeyRow, who: str) -> Viewer:
    """The viewer of a key. Raises Refused where it has no role, or its party is gone; recorded."""
    name = named(who)
    credential = f"key:{row.key_id}"
    known = row.party in bus.site().parties
    if row.role in KEY_ROLES and (known or row.role == AUDITOR):
        return Viewer(row.role, None if row.role == AUDITOR else row.party, credential, name)
    error = Refused(
        "this key does not read the journal: make one with `integrator key add PARTY --role …`",
        reason="role-missing",
    )
    nobody = Viewer(row.role or "none", row.party, credential, name)
    raise await bus.desk.inspector.refused(nobody, "", Query(), error)


async def require_known(request: Request) -> None:
    """Refuse whoever brings neither the control token nor a key in force, before anything else is read."""
    if not is_operator(request) and await _key(request) is None:
        raise HTTPException(
            401, "send Authorization: Bearer with an auditor's key, or the control token of var/run.json here"
        )


def require_token(
    request: Request,
    authorization: Annotated[str | None, Header(description="Bearer token of var/run.json")] = None,
) -> None:
    """Refuse what changes something without the token that only the bus's user can read."""
    expected = f"Bearer {request.app.state.services.control_token}"
    if authorization is None or not hmac.compare_digest(authorization.encode(), expected.encode()):
        raise HTTPException(401, "send Authorization: Bearer with the control token of var/run.json")
