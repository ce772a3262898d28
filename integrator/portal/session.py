"""The session of somebody who reads the journal in a browser: a sealed cookie, half an hour, one path.

It names the key, not its secret; the key is looked up at each request, so that a revoked one ends at once.
Strict same-site cookies and the Origin header keep other pages from posting in its name.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response

from integrator.exchange import IntegratorError, InvalidRequest, NotAuthenticated
from integrator.journal.viewers import OPERATOR, Viewer, named
from integrator.portal.access import of_key
from integrator.portal.services import ControlServices
from integrator.security.keyring import KeyringError

COOKIE, PATH, SECONDS = "integrator_journal", "/journal", 1_800
FORM_BYTES = 16_384


async def form(request: Request) -> Mapping[str, str]:
    """The fields of a posted form that have a value. Raises InvalidRequest for a foreign or too large one."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise InvalidRequest("this form was sent from another page", reason="origin-foreign")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise InvalidRequest(f"a form has at most {FORM_BYTES} bytes", reason="form-large")
    fields = parse_qsl(body.decode("utf-8", "replace"), max_num_fields=40)
    return {name: value.strip() for name, value in fields if value.strip()}


async def sign_in(bus: ControlServices, fields: Mapping[str, str], response: Response) -> None:
    """Begin a session with a key's text or the control token. Raises NotAuthenticated, Refused."""
    text, who = fields.get("key", ""), named(fields.get("who", ""))
    if hmac.compare_digest(text.encode(), bus.control_token.encode()):
        key_id = ""
    else:
        row = await bus.key(text)
        if row is None:
            raise NotAuthenticated("this key does not open the journal", reason="credentials-invalid")
        await of_key(bus, row, who)
        key_id = row.key_id
    document = {"key": key_id, "who": who, "until": int(time.time()) + SECONDS}
    value = base64.urlsafe_b64encode(bus.sealed(orjson.dumps(document))).decode()
    response.set_cookie(COOKIE, value, max_age=SECONDS, path=PATH, httponly=True, samesite="strict")


def sign_out(response: Response) -> None:
    """End the session in this browser."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")


async def viewer(request: Request, bus: ControlServices) -> Viewer | None:
    """Whose session this is; None where there is none, or it or its key has ended."""
    try:
        sealed = base64.urlsafe_b64decode(request.cookies.get(COOKIE, ""))
        document = orjson.loads(bus.unsealed(sealed))
    except (binascii.Error, ValueError, KeyringError):
        return None
    if document["until"] <= time.time():
        return None
    if not document["key"]:
        return Viewer(OPERATOR, None, OPERATOR, document["who"])
    row = await bus.valid_key(document["key"])
    try:
        return await of_key(bus, row, document["who"]) if row is not None else None
    except IntegratorError:
        return None
