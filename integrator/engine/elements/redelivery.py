"""redeliveryPolicy: how often and how late a failed step is tried again."""

from __future__ import annotations

from collections.abc import Mapping

from integrator.engine import durations
from integrator.engine.compiler import Node
from integrator.engine.elements.beans import named
from integrator.engine.guards import Redelivery
from integrator.engine.spec import Option, Spec

CLASS = "org.apache.camel.processor.errorhandler.RedeliveryPolicy"
_UNUSED = (
    "allowRedeliveryWhileStopping", "asyncDelayedRedelivery", "exchangeFormatterRef", "logContinued",
    "logExhausted", "logExhaustedMessageBody", "logExhaustedMessageHistory", "logHandled", "logNewException",
    "logRetryAttempted", "logRetryStackTrace", "logStackTrace", "retriesExhaustedLogLevel",
    "retryAttemptedLogInterval", "retryAttemptedLogLevel", "disableRedelivery",
)  # fmt: skip
SPEC = Spec(
    "part",
    "redeliveryPolicy",
    "How often and how late a failed step is tried again.",
    "1.0",
    "redeliveryPolicy: {maximumRedeliveries: 3, redeliveryDelay: 2s, backOffMultiplier: 2, useExponentialBackOff: true}",
    options=(
        Option("maximumRedeliveries", "How often; -1 as often as the engine's limit allows.", type="integer",
               default=0, example=3),
        Option("redeliveryDelay", "The first delay: milliseconds or 5s.", default="1000", example="2s"),
        Option("maximumRedeliveryDelay", "The longest delay.", default="60000"),
        Option("backOffMultiplier", "The factor from one delay to the next.", default="2.0"),
        Option("useExponentialBackOff", "Whether delays grow.", type="boolean", default=False),
        Option("collisionAvoidanceFactor", "The part of a delay that is random.", default="0.15"),
        Option("useCollisionAvoidance", "Whether delays are random.", type="boolean", default=False),
        Option("delayPattern", "Delays by attempt.", example="1:1000;5:5000"),
        *(Option(name, "Accepted, without effect.", type="any") for name in _UNUSED),
    ),
)  # fmt: skip


def redelivery(node: Node, parent: Redelivery, *, has_steps: bool = False) -> Redelivery:
    """The policy of an onException or error handler; what it does not say is the parent's.

    Steps of an onException without a policy of their own are not tried again, as in Camel.
    """
    value, option = node.options.get("redeliveryPolicy"), "redeliveryPolicy"
    if node.options.get("redeliveryPolicyRef") is not None:
        value, option = _referred(node), "redeliveryPolicyRef"
    if value is None:
        if not has_steps or not parent.maximum:
            return parent
        return Redelivery(0, parent.delay, parent.longest, parent.factor, parent.spread, parent.pattern)
    if not isinstance(value, Mapping):
        node.problem(
            "/redeliveryPolicy",
            "options",
            "redeliveryPolicy is not a mapping",
            f"For example: {SPEC.example}",
        )
        return parent
    found = Node.of(SPEC, value, f"{node.pointer}/{option}", node.scope)
    if found is None:
        return parent
    options = found.options
    maximum = found.number("maximumRedeliveries") if "maximumRedeliveries" in options else parent.maximum
    if found.options.get("disableRedelivery") in (True, "true"):
        maximum = 0
    factor, spread = parent.factor, parent.spread
    if "useExponentialBackOff" in options or "backOffMultiplier" in options:
        factor = _number(found, "backOffMultiplier", 2.0) if found.flag("useExponentialBackOff") else 1.0
    if "useCollisionAvoidance" in options or "collisionAvoidanceFactor" in options:
        spread = (
            _number(found, "collisionAvoidanceFactor", 0.15) if found.flag("useCollisionAvoidance") else 0.0
        )
    return Redelivery(
        maximum,
        durations.option(found, "redeliveryDelay", parent.delay),
        durations.option(found, "maximumRedeliveryDelay", parent.longest),
        max(factor, 1.0),
        min(max(spread, 0.0), 1.0),
        _pattern(found) or parent.pattern,
    )


def _referred(node: Node) -> Mapping[str, object] | None:
    """What the bean of redeliveryPolicyRef says; notes a problem where it is none."""
    bean = named(node, "redeliveryPolicyRef")
    if bean is None:
        return None
    if bean.java_class != CLASS:
        node.problem("/redeliveryPolicyRef", "bean", f"{node.text('redeliveryPolicyRef')} is no redelivery policy",
                     f"Use a bean of the type {CLASS}.")  # fmt: skip
        return None
    return bean.properties


def _number(node: Node, name: str, default: float) -> float:
    text = node.text(name) or str(default)
    try:
        return float(text)
    except ValueError:
        node.problem(
            f"/{name}", "option-type", f"{name} of {node.spec.name} is no number", "Write for example 2.0."
        )
        return default


def _pattern(node: Node) -> tuple[tuple[int, float], ...]:
    found = []
    for part in filter(None, node.text("delayPattern").split(";")):
        attempt, _, delay = part.partition(":")
        wait = durations.seconds(delay)
        if not attempt.strip().isdigit() or wait is None:
            node.problem("/delayPattern", "option-type", "delayPattern is no list of attempt:delay",
                         "Write for example 1:1000;5:5000.")  # fmt: skip
            return ()
        found.append((int(attempt), wait))
    return tuple(sorted(found))
