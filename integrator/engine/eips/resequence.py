"""resequence: messages are passed on in the order of an expression."""

from __future__ import annotations

from typing import Any

from integrator.engine import durations
from integrator.engine.aggregation import exchange_failure
from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import JavaException, failure
from integrator.engine.javatypes import converter, to_text, type_of
from integrator.engine.resequencing import Batches, Stream
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, IntegratorError

SPEC = Spec(
    "eip",
    "resequence",
    "Passes messages on in order: in batches that are sorted, or as a stream of whole numbers without gaps. The "
    "route goes on at once. An exchange of a flow ends after its own message was passed on.",
    "1.0",
    "resequence: {header: number, batchConfig: {batchSize: 10, batchTimeout: '500'}, steps: [{to: direct:next}]}",
    options=(
        Option("steps", "What is done with each message, in order.", type="steps"),
        Option("batchConfig", "Batches: the default.", type="object"),
        Option("streamConfig", "A stream; it counts where both are given, as in Camel.", type="object"),
    ),
    expression=True,
)
BATCH = Spec(
    "part", "batchConfig", "How batches are made.", "1.0", "batchConfig: {batchSize: 10, batchTimeout: '500'}",
    options=(
        Option("batchSize", "How many messages are one batch.", type="integer", default=100),
        Option("batchTimeout", "How long to wait for the next message of a batch.", default="1000"),
        Option("allowDuplicates", "Keeps messages of the same order; otherwise the first is kept.", type="boolean",
               default=False),
        Option("reverse", "The highest first.", type="boolean", default=False),
        Option("ignoreInvalidExchanges", "Leaves out messages without a value instead of failing.", type="boolean",
               default=False),
    ),
)  # fmt: skip
STREAM = Spec(
    "part", "streamConfig", "How a stream is put in order.", "1.0", "streamConfig: {timeout: '500'}",
    options=(
        Option("capacity", "How many messages may wait.", type="integer", default=1000),
        Option("timeout", "How long a message waits for the one before it.", default="1000"),
        Option("deliveryAttemptInterval", "How often messages that waited long enough are looked for.",
               default="1000"),
        Option("rejectOld", "Refuses messages that come after a later one was passed on.", type="boolean",
               default=False),
        Option("ignoreInvalidExchanges", "Leaves out messages without a number instead of failing.", type="boolean",
               default=False),
        Option("comparator", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip
_long = converter("java.lang.Long")


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    value, body = node.expression(), node.steps()
    services, closing = node.scope.services, node.scope.program.closing
    if node.options.get("streamConfig") is not None:
        part = Node.of(STREAM, node.options.get("streamConfig"), f"{node.pointer}/streamConfig", node.scope)
        if part is None:
            return lambda _exchange: None
        if part.options.get("comparator") is not None:
            part.problem("/comparator", "not-yet", "comparator needs a Java bean", "Leave it out.")
        stream = Stream(
            body, services, max(part.number("capacity"), 1), durations.option(part, "timeout", 1.0),
            max(durations.option(part, "deliveryAttemptInterval", 1.0), 0.001), reject_old=part.flag("rejectOld"),
        )  # fmt: skip
        closing.append(stream.close)
        return _streaming(stream, value, _shown(node), ignores=part.flag("ignoreInvalidExchanges"))
    part = Node.of(BATCH, node.options.get("batchConfig") or {}, f"{node.pointer}/batchConfig", node.scope)
    if part is None:
        return lambda _exchange: None
    size, reverse = part.number("batchSize"), part.flag("reverse")
    batches = Batches(
        body, services, (lambda one, other: _compare(other, one)) if reverse else _compare,
        size if size > 0 else services.bodies_grouped, durations.option(part, "batchTimeout", 1.0),
        duplicates=part.flag("allowDuplicates"),
    )  # fmt: skip
    closing.append(batches.close)
    return _batching(batches, value, ignores=part.flag("ignoreInvalidExchanges"))


def _batching(batches: Batches, value: Expression, *, ignores: bool) -> Run:
    def resequence(exchange: Exchange) -> None:
        try:
            found = value(exchange)
        except IntegratorError:
            found = None
        if found is not None:
            batches.take(exchange, found)
        elif not ignores:
            raise exchange_failure("Exchange is not valid to be used by the BatchProcessor", exchange)

    return resequence


def _shown(node: Node) -> str:
    """The expression as Camel's texts show it."""
    found = node.expression_source()
    if found is None:
        return ""
    return f"header({found.text})" if found.language == "header" else found.text


def _streaming(stream: Stream, value: Expression, shown: str, *, ignores: bool) -> Run:
    async def resequence(exchange: Exchange) -> None:
        try:
            await stream.take(exchange, _number(value, shown, exchange))
        except JavaException as error:
            if not ignores:
                said = "Error processing Exchange in StreamResequencer"
                raise exchange_failure(said, exchange, error) from error

    return resequence


def _number(value: Expression, shown: str, exchange: Exchange) -> int:
    assert _long is not None
    try:
        found = _long(value(exchange))
    except IntegratorError:
        found = None
    if found is None:
        raise failure(
            "java.lang.IllegalArgumentException", f"Element cannot be used in comparator: Comparator[{shown}]"
        )
    return int(found)


def _compare(one: Any, other: Any) -> int:
    """Camel's ExpressionComparator: as whole numbers where both can be, else as Java compares them."""
    assert _long is not None
    try:
        first, second = _long(one), _long(other)
    except IntegratorError:
        return _compare_values(one, other)
    return bool(first > second) - bool(first < second)


def _compare_values(one: Any, other: Any) -> int:
    mine, theirs = type_of(one), type_of(other)
    if mine != theirs and (mine in _COMPARABLE or theirs in _COMPARABLE):
        raise failure("java.lang.ClassCastException", f"class {mine} cannot be cast to class {theirs}")
    if isinstance(one, str) or mine not in _COMPARABLE:
        first, second = (
            (to_text(value) or "").encode("utf-16-be", "surrogatepass") for value in (one, other)
        )
        return (first > second) - (first < second)
    return bool(one > other) - bool(one < other)


_COMPARABLE = frozenset(
    f"java.lang.{name}" for name in ("String", "Integer", "Long", "Double", "Boolean")
) | {"java.math.BigInteger", "java.math.BigDecimal"}  # fmt: skip
