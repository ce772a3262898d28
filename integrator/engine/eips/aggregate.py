"""aggregate: messages of one correlation key become one, once their group is complete."""

from __future__ import annotations

from integrator.engine import durations
from integrator.engine.aggregation import Rules, Strategy, strategy
from integrator.engine.aggregator import Aggregator
from integrator.engine.compiler import Expression, Node, Source, source
from integrator.engine.durable import Durable, is_of_event, name_step
from integrator.engine.elements.beans import named
from integrator.engine.groups import DurableStep
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.strategies import OPTION, REFUSED
from integrator.exchange import Exchange, InvalidRequest

STORE = "org.apache.camel.processor.aggregate.jdbc.JdbcAggregationRepository"
MEMORY = "org.apache.camel.processor.aggregate.MemoryAggregationRepository"
_STRATEGY = "#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy"
SPEC = Spec(
    "eip",
    "aggregate",
    "Collects messages of one correlation key; its steps see them as one message once the group is complete. The "
    "route goes on at once, with each message as it came. Groups of different flows, parties and purposes never mix. "
    "In event flows they are kept in the store, and each complete one is an event of its own.",
    "1.0",
    f"aggregate: {{correlationExpression: {{header: dossier}}, aggregationStrategy: '{_STRATEGY}', "
    "completionSize: 10, steps: [{to: direct:dossiers}]}",
    options=(
        Option("steps", "What is done with each complete group.", type="steps"),
        Option("correlationExpression", "The key: messages of one key are one group.", type="object", required=True),
        OPTION,
        *REFUSED,
        Option("completionSize", "Complete with so many messages.", type="integer", example=10),
        Option("completionSizeExpression", "The same, asked of the aggregate each time.", type="object"),
        Option("completionTimeout", "Complete when no message came for so long.", example="5m"),
        Option("completionTimeoutExpression", "The same in milliseconds, asked of each message.", type="object"),
        Option("completionTimeoutCheckerInterval", "How often timeouts are looked for.", default="1000"),
        Option("completionInterval", "Complete all groups every so often.", example="1h"),
        Option("completionPredicate", "Complete when it holds for the aggregate.", type="object"),
        Option("eagerCheckCompletion", "Asks predicate and size of the message that came, not of the aggregate.",
               type="boolean", default=False),
        Option("completionFromBatchConsumer", "Complete when CamelBatchSize messages have come.", type="boolean",
               default=False),
        Option("completionOnNewCorrelationGroup", "A new group completes all others.", type="boolean", default=False),
        Option("forceCompletionOnStop", "Completes all groups in memory when the route stops.", type="boolean",
               default=False),
        Option("completeAllOnStop", "Waits for the groups in memory to complete when the route stops.",
               type="boolean", default=False),
        Option("ignoreInvalidCorrelationKeys", "Leaves out messages without a key instead of failing.",
               type="boolean", default=False),
        Option("closeCorrelationKeyOnCompletion",
               "Refuses keys of complete groups: so many are remembered, 0 for as many as the engine's limit allows.",
               type="integer", example=1000),
        Option("discardOnCompletionTimeout", "Drops groups that time out.", type="boolean", default=False),
        Option("discardOnAggregationFailure", "Drops a group whose strategy fails.", type="boolean", default=False),
        Option("parallelProcessing", "Runs complete groups side by side.", type="boolean", default=False),
        Option("optimisticLocking", "Accepted: groups in the store are always changed so.", type="boolean"),
        Option("optimisticLockRetryPolicy", "Accepted; a change that lost the race is made again at once.",
               type="object"),
        Option("aggregationRepository", f"Where groups are kept: a bean, or #class: and {MEMORY} or {STORE}, which "
               "is the bus's own store and asks for an event flow.", example=f"#class:{STORE}"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
        Option("timeoutCheckerExecutorService", "Not in the embedded engine: needs a Java bean."),
        Option("aggregateController", "Not in the embedded engine: groups are completed by the headers "
               "CamelAggregationCompleteAllGroups and CamelAggregationCompleteAllGroupsInclusive."),
    ),
)  # fmt: skip
PART = Spec("part", "correlationExpression", "An expression of an aggregate.", "1.0",
            "correlationExpression: {header: dossier}", expression=True)  # fmt: skip
_CONDITIONS = (
    "completionSize", "completionTimeout", "completionInterval", "completionPredicate",
    "completionFromBatchConsumer", "completionTimeoutExpression", "completionSizeExpression",
)  # fmt: skip
_JAVA = ("executorService", "timeoutCheckerExecutorService", "aggregateController")


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    _check(node)
    services, scope = node.scope.services, node.scope
    in_store, rules, how, body = _repository(node), _rules(node), _strategy(node), node.steps()
    work = Aggregator(rules, how, body, services, scope.where(node.pointer, "aggregate"))
    scope.program.closing.append(work.close)
    groups = services.groups
    if groups is None:
        return work.process
    step = DurableStep(
        name_step(node), rules, how, services.conversions,
        services.groups_kept, services.group_bytes,
    )  # fmt: skip
    durable = Durable(step, body, services)
    durable.register(scope.program)

    async def aggregate(exchange: Exchange) -> None:
        if is_of_event(exchange):
            await durable.process(groups, exchange)
        elif in_store and exchange.context is not None:
            raise InvalidRequest(
                "JdbcAggregationRepository keeps the groups of event flows only: leave aggregationRepository out",
                reason="aggregation-repository",
            )
        else:
            work.process(exchange)

    return aggregate


def _check(node: Node) -> None:
    options = node.options
    for name in _JAVA:
        if options.get(name) is not None:
            known = node.spec.option(name)
            node.problem(
                f"/{name}", "not-yet", f"{name} needs a Java bean", known.doc if known else "Leave it out."
            )
    if not any(options.get(name) for name in _CONDITIONS):
        node.problem("", "completion-missing", "an aggregate without a completion never completes",
                     "Give it completionSize, completionTimeout, completionInterval or completionPredicate.")  # fmt: skip
    if options.get("completionInterval") and options.get("completionTimeout"):
        node.problem("/completionInterval", "option-value", "completionInterval and completionTimeout exclude each other",
                     "Keep one of them.")  # fmt: skip
    if node.flag("completionFromBatchConsumer") and node.flag("discardOnAggregationFailure"):
        node.problem("/discardOnAggregationFailure", "option-value",
                     "completionFromBatchConsumer and discardOnAggregationFailure exclude each other",
                     "Keep one of them.")  # fmt: skip


def _strategy(node: Node) -> Strategy:
    if not node.options.get(OPTION.name):
        node.problem(
            "", "missing-option", "aggregate needs an aggregationStrategy", f"For example: '{_STRATEGY}'"
        )
    for refused in REFUSED:
        if node.options.get(refused.name) is not None:
            node.problem(f"/{refused.name}", "not-yet", f"{refused.name} needs a Java bean", "Leave it out.")
    return strategy(node)


def _repository(node: Node) -> bool:
    """Whether the groups are to be kept in the store; notes a repository that the engine has not."""
    if not node.text("aggregationRepository"):
        return False
    bean = named(node, "aggregationRepository")
    if bean is None or bean.java_class in (MEMORY, STORE):
        return bean is not None and bean.java_class == STORE
    node.problem("/aggregationRepository", "bean", f"the engine has no aggregation repository {bean.java_class}",
                 f"Use {STORE}, or leave it out for groups in memory.")  # fmt: skip
    return False


def _rules(node: Node) -> Rules:
    size_of, timeout_of = (
        _source(node, name) for name in ("completionSizeExpression", "completionTimeoutExpression")
    )
    predicate = _source(node, "completionPredicate")
    closed = node.options.get("closeCorrelationKeyOnCompletion")
    return Rules(
        _correlation(node),
        predicate.predicate() if predicate else None,
        node.number("completionSize"),
        size_of.expression() if size_of else None,
        durations.option(node, "completionTimeout"),
        timeout_of.expression() if timeout_of else None,
        durations.option(node, "completionInterval"),
        max(durations.option(node, "completionTimeoutCheckerInterval", 1.0), 0.01),
        batch=node.flag("completionFromBatchConsumer"),
        eager=node.flag("eagerCheckCompletion"),
        on_new_group=node.flag("completionOnNewCorrelationGroup"),
        ignore_invalid=node.flag("ignoreInvalidCorrelationKeys"),
        closed=None if closed is None else node.number("closeCorrelationKeyOnCompletion"),
        discard_timed_out=node.flag("discardOnCompletionTimeout"),
        discard_failed=node.flag("discardOnAggregationFailure"),
        force_on_stop=node.flag("forceCompletionOnStop"),
        complete_on_stop=node.flag("completeAllOnStop"),
        parallel=node.flag("parallelProcessing"),
        reads_group=predicate is not None and "CamelGroupedExchange" in predicate.text,
    )


def _correlation(node: Node) -> Expression:
    found = _source(node, "correlationExpression")
    return (lambda _exchange: None) if found is None else found.expression()


def _source(node: Node, name: str) -> Source | None:
    """An expression below the step; a bare text is simple."""
    value = node.options.get(name)
    if value is None:
        return None
    pointer = f"{node.pointer}/{name}"
    if isinstance(value, str):
        return source("simple", value, pointer, node.scope)
    part = Node.of(PART, value, pointer, node.scope)
    return part.expression_source() if part else None
