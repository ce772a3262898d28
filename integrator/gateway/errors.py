"""One error model, two faces: Belgif problem details on REST, contract faults on SOAP.

Answers hold the reason, texts of the catalogue and the paths at fault: never a value of a message,
never a provider's words.
"""

from __future__ import annotations

import math
from typing import Any

import orjson

from integrator.exchange import (
    BrokenContract,
    ErrorInfo,
    IntegratorError,
    InvalidRequest,
    NoData,
    NotAuthenticated,
    NotRecorded,
    Overloaded,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
    Refused,
    RouteFailed,
)
from integrator.gateway.http import RawHeaders
from integrator.gateway.texts import detail, title

# Types of the Belgif REST guide where it has one for the status, else ours in the same words.
_BELGIF = {
    400: "badRequest", 403: "missingPermission", 404: "resourceNotFound", 413: "payloadTooLarge",
    429: "tooManyRequests", 500: "internalServerError", 502: "badGateway", 503: "serviceUnavailable",
}  # fmt: skip
_OURS = {
    405: "methodNotAllowed", 408: "requestTimeout", 409: "conflict", 415: "unsupportedMediaType",
    422: "unprocessable", 504: "gatewayTimeout",
}  # fmt: skip
_CREDENTIALS = {"credentials-missing": "noAccessToken", "credentials-expired": "expiredAccessToken"}
_ISSUE = "urn:problem-type:belgif:input-validation:schemaViolation"
_PATHS_SHOWN = 20

_CONSUMER = (InvalidRequest, NotAuthenticated, Refused, NoData)
_PROVIDER = (ProviderTimeout, ProviderUnreachable, BrokenContract, ProviderFault)


def problem_type(error: IntegratorError) -> tuple[str, str]:
    """The short type of an error and its URN. Total over the error tree and every status we use."""
    status = error.http_status
    if status == 401:
        short = _CREDENTIALS.get(error.reason, "invalidAccessToken")
    elif status in _BELGIF:
        short = _BELGIF[status]
    elif status in _OURS:
        return _OURS[status], f"urn:problem-type:integrator:{_OURS[status]}"
    else:
        short = "badRequest" if 400 <= status < 500 else "internalServerError"
    return short, f"urn:problem-type:belgif:{short}"


def problem(
    error: IntegratorError, language: str, exchange_id: str | None, status_url: str | None = None
) -> bytes:
    """The body of an error answer, `application/problem+json` (RFC 9457, Belgif REST guide)."""
    short, urn = problem_type(error)
    document: dict[str, Any] = {
        "type": urn,
        "title": title(short, language),
        "status": error.http_status,
        "detail": detail(error.reason, error.category, language),
        "reason": error.reason,
    }
    if exchange_id is not None:
        document["instance"] = f"urn:uuid:{exchange_id}"
    if status_url is not None:
        document["exchange"] = exchange_id
        document["statusUrl"] = status_url
    if isinstance(error, InvalidRequest):
        document["message"] = error.message
        if error.paths:
            document["issues"] = [
                {"type": _ISSUE, "in": "body", "name": path} for path in error.paths[:_PATHS_SHOWN]
            ]
    return orjson.dumps(document)


def error_headers(error: IntegratorError) -> RawHeaders:
    """The HTTP headers an error answer carries besides its body: WWW-Authenticate, Retry-After."""
    if error.http_status == 401:
        return [(b"www-authenticate", b'Bearer realm="integrator"')]
    if isinstance(error, (Overloaded, NotRecorded)):
        wait = getattr(error, "wait_seconds", 1.0)
        return (
            [] if error.reason == "outcome-unknown" else [(b"retry-after", b"%d" % max(1, math.ceil(wait)))]
        )
    return []


def fault_status(error: IntegratorError, version: str) -> int:
    """The HTTP status of a fault: SOAP 1.1 says 500 (section 6.2), SOAP 1.2 tells sender from receiver.

    What is refused before the envelope is processed keeps its HTTP status (WS-I BP 1.1, R1113-R1115).
    """
    status = error.http_status
    if status in (401, 405, 408, 413, 415, 429, 503):
        return status
    return 400 if version == "1.2" and status < 500 else 500


def error_info(error: IntegratorError) -> ErrorInfo:
    """What the journal keeps of an error: category, reason token, who caused it."""
    origin = error.origin
    if origin == "bus":
        origin = (
            "consumer"
            if isinstance(error, _CONSUMER) or error.http_status == 429
            else "provider"
            if isinstance(error, _PROVIDER)
            else "bus"
        )
    return ErrorInfo(category=error.category, code=error.reason, origin=origin)


def after_the_route(error: BaseException, called: bool) -> IntegratorError:
    """The error of the tree a failed route ends with.

    A failed validation after the first provider call is the provider's (design, section 3): what
    broke is what it sent. Anything that is not of the tree is the bus's own failure.
    """
    if not isinstance(error, IntegratorError):
        return RouteFailed()
    if called and isinstance(error, InvalidRequest):
        return BrokenContract(error.message, reason=error.reason, paths=error.paths)
    return error


def rolled_back() -> RouteFailed:
    """How a route ends that marked its exchange for rollback only: Camel raises nothing there, and yet
    nothing of it may count as delivered or answered."""
    return RouteFailed("the route rolled the exchange back", reason="rolled-back")


class OutcomeUnknown(NotRecorded):
    """The outcome could not be recorded: do not repeat, ask for the status of the exchange."""

    def __init__(self) -> None:
        super().__init__(reason="outcome-unknown")
