"""Failed validations: an invalid request before the first provider call, a broken contract after it."""

from __future__ import annotations

from integrator.engine.exceptions import named
from integrator.exchange import BrokenContract, Exchange, IntegratorError, InvalidRequest


def violation(
    exchange: Exchange, java_class: str, message: str, paths: tuple[str, ...] = ()
) -> IntegratorError:
    """The error of a validation step, under Camel's class name (design, section 3)."""
    asked = exchange.context is not None and bool(exchange.context.legs)
    kind = BrokenContract if asked else InvalidRequest
    return named(kind(message, reason="validation", paths=paths), java_class)
