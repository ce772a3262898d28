"""How the outbound says what went wrong: contract violations and parser errors to error classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.contracts.problems import ContractViolation
from integrator.exchange import (
    BrokenContract,
    IntegratorError,
    InvalidRequest,
    ProviderTimeout,
    ProviderUnreachable,
)
from integrator.outbound.transport import HttpResponse

PATHS_MAX = 10  # of one error: enough to correct the message, too few to flood a log

# Reasons of answers that say the provider is down although something answered for it.
_DOWN_REASONS = frozenset({"html-answer", "provider-unavailable", "not-http"})


def tells_down(error: IntegratorError) -> bool:
    """Whether an error speaks about the provider's health, not about this one request."""
    return isinstance(error, (ProviderTimeout, ProviderUnreachable)) or error.reason in _DOWN_REASONS


def invalid_request(violation: ContractViolation) -> InvalidRequest:
    """A message of ours that the provider's contract does not allow."""
    return InvalidRequest(
        f"the request breaks the contract of the provider: {_first(violation)}",
        reason="contract",
        paths=_paths(violation),
    )


def broken_contract(violation: ContractViolation) -> BrokenContract:
    """An answer that its own contract does not allow."""
    return BrokenContract(
        f"the provider's answer breaks its contract: {_first(violation)}",
        reason="contract",
        origin="provider",
        paths=_paths(violation),
    )


def broken(message: str, reason: str) -> BrokenContract:
    """An answer that is not what the contract promises at all."""
    return BrokenContract(message, reason=reason, origin="provider")


def parsed(parse: Callable[[bytes], Any], body: bytes) -> Any:
    """Parse an answer; what the hardened parser refuses is the provider's broken contract."""
    try:
        return parse(body)
    except InvalidRequest as error:
        raise broken(f"the provider's answer cannot be read: {error.message}", error.reason) from None


_MEDIA_TYPES_KEPT = 256
_media_types: dict[str, str] = {}  # the few values that providers send


def media_type(response: HttpResponse) -> str:
    """The media type of an answer, lower case, without parameters; empty where it has none."""
    value = response.header(b"content-type")
    if value is None:
        return ""
    known = _media_types.get(value)
    if known is None:
        known = value.partition(";")[0].strip().lower()
        if len(_media_types) < _MEDIA_TYPES_KEPT:
            _media_types[value] = known
    return known


def refuse_html(response: HttpResponse) -> None:
    """Raise BrokenContract (`html-answer`) for a web page instead of an answer."""
    body = response.body
    start = b"" if body[:5] == b"<?xml" else body[:200].lstrip().lower()
    if media_type(response) == "text/html" or start.startswith((b"<!doctype html", b"<html")):
        raise broken("the provider answered with a web page instead of a message", "html-answer")


def _first(violation: ContractViolation) -> str:
    path, rule = violation.violations[0] if violation.violations else ("", "not valid")
    return f"{path or '/'}: {rule}"


def _paths(violation: ContractViolation) -> tuple[str, ...]:
    return tuple(path for path, _ in violation.violations[:PATHS_MAX])
