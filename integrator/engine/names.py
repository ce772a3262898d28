"""What several steps share: names that are simple expressions, lists of settings, name patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from integrator.engine.compiler import Expression, Node, source
from integrator.engine.javatypes import to_text
from integrator.engine.spec import Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

PROTECTED = "Integrator"
"""Exchange properties that carry the Context: routes read them and never write them."""


def dynamic_name(node: Node, option: str = "name") -> tuple[str, Callable[[Exchange], str]]:
    """The name of a header, property or variable: fixed, or ("", function) where it holds `${…}`."""
    text = node.scope.fill(node.text(option), f"{node.pointer}/{option}")
    if "${" not in text and "$simple{" not in text:
        return text, _no_name
    found = source("simple", text, f"{node.pointer}/{option}", node.scope)
    value: Expression = found.expression() if found else nothing
    return "", lambda exchange: to_text(value(exchange)) or ""


def _no_name(_exchange: Exchange) -> str:
    return ""


def each(node: Node, option: str, spec: Spec, make: Callable[[Node], Run]) -> Run:
    """One step out of a list of settings."""
    runs: list[Run] = []
    for index, value in enumerate(node.options.get(option) or ()):
        setting = Node.of(spec, value, f"{node.pointer}/{option}/{index}", node.scope)
        if setting is not None:
            runs.append(make(setting))
    listed = tuple(runs)

    def set_each(exchange: Exchange) -> None:
        for run in listed:
            run(exchange)

    return set_each


def pattern(node: Node, option: str) -> Callable[[str], bool]:
    """Camel's name patterns: exact, `foo*`, or a regular expression that matches the whole name."""
    text = node.scope.fill(node.text(option), f"{node.pointer}/{option}")
    if not text:
        return lambda _name: False
    try:
        return matching(text)
    except re.error:
        node.problem(
            f"/{option}", "pattern", f"{option} is no regular expression", "Write a name, name*, or one."
        )
        return lambda _name: False


def matching(text: str) -> Callable[[str], bool]:
    """A name pattern. Raises re.error."""
    lower = text.lower()
    if lower == "*":
        return lambda _name: True
    if lower.endswith("*") and re.escape(lower[:-1]) == lower[:-1].replace("-", "\\-"):
        start = lower[:-1]
        return lambda name: name.lower().startswith(start)
    matches = re.compile(text, re.IGNORECASE).fullmatch
    return lambda name: name.lower() == lower or matches(name) is not None


def variables_of(exchange: Exchange, name: str) -> dict[str, Any]:
    """Where a variable lives: `route:` and `global:` ones in the exchange's trail, others in the exchange."""
    if name.startswith(("route:", "global:")):
        kept: dict[str, Any] = exchange.history[0].variables
        return kept
    return exchange.variables


def property_of(exchange: Exchange, name: str) -> Any:
    """An exchange property; `Integrator…` ones come from the Context."""
    found = exchange.properties.get(name)
    if found is None and name.startswith(PROTECTED) and exchange.context is not None:
        return context_properties(exchange).get(name)
    return found


def context_properties(exchange: Exchange) -> Mapping[str, Any]:
    """What routes may know of the Context, as exchange properties."""
    context = exchange.context
    if context is None:
        return {}
    return {
        "IntegratorExchangeId": context.exchange_id,
        "IntegratorFlow": context.flow,
        "IntegratorParty": context.party,
        "IntegratorOrganisation": context.organisation,
        "IntegratorOnBehalfOf": context.on_behalf_of,
        "IntegratorApplication": context.application,
        "IntegratorPurpose": context.purpose,
        "IntegratorDossier": context.dossier.id if context.dossier else None,
        "IntegratorDossierSource": context.dossier.source if context.dossier else None,
        "IntegratorDossierType": context.dossier.type if context.dossier else None,
        "IntegratorInscription": context.inscription,
        "IntegratorAttempt": context.attempts,
    }


def endpoint_pattern(text: str) -> Callable[[str], bool]:
    """Camel's endpoint patterns on normal forms (`direct://a`): exact, `direct:a*`, or a regular expression.

    The query of an endpoint counts only where the pattern has one.
    """
    scheme, colon, rest = text.partition(":")
    plain = f"{scheme}://{rest.removeprefix('//')}" if colon and "*" not in scheme else text
    if plain.endswith("*"):
        return lambda name: name.startswith(plain[:-1])
    try:
        matches = re.compile(text).fullmatch
    except re.error:
        return lambda name: name == plain

    def fits(name: str) -> bool:
        address = name.partition("?")[0]
        short = address.replace("://", ":", 1)
        return plain in (name, address) or matches(name) is not None or matches(short) is not None

    return fits
