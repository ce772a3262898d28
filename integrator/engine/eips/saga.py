"""saga: steps that are all completed or all compensated, in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from integrator.engine import durations, sagas
from integrator.engine.compiler import Bean, Expression, Node, Scope
from integrator.engine.elements.beans import named
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import to_text
from integrator.engine.sagas import HEADER, Ending, Saga, Service, Step
from integrator.engine.sending import endpoint, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, RouteStop, Run, call, is_waiting, nothing
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "saga",
    "Runs steps as part of a saga: when it ends, the completion or the compensation of every step is called, the "
    "last first. Kept in memory: a process that dies forgets its sagas.",
    "2.21",
    "saga: {compensation: direct:undo, completion: direct:confirm, steps: [{to: direct:book}]}",
    options=(
        Option("propagation", "How it stands to a saga that is under way.", default="REQUIRED",
               choices=("REQUIRED", "REQUIRES_NEW", "MANDATORY", "SUPPORTS", "NOT_SUPPORTED", "NEVER")),
        Option("completionMode", "AUTO ends the saga with the steps, MANUAL leaves it to `saga:complete`.",
               default="AUTO", choices=("AUTO", "MANUAL")),
        Option("timeout", "When the saga is compensated if it has not ended; milliseconds or 5s.", example="1m"),
        Option("compensation", "The endpoint that undoes the steps.", type="any", example="direct:undo"),
        Option("completion", "The endpoint that confirms them.", type="any", example="direct:confirm"),
        Option("option", "Headers of those calls, each with a key and an expression.", type="list"),
        Option("sagaService", "The bean of a saga service; the only one of the file by default.", example="saga"),
        Option("steps", "What is done.", type="steps"),
    ),
)  # fmt: skip
ACTION = Spec(
    "part", "saga endpoint", "Where a saga's end is sent.", "2.21", "compensation: {uri: direct:undo}",
    (
        Option("uri", "The endpoint.", required=True, example="direct:undo"),
        Option("parameters", "Its options.", type="object"),
    ),
    text="uri",
)  # fmt: skip
OPTION = Spec(
    "part", "option", "A header of the calls that end a saga.", "2.21", "option: [{key: id, simple: '${body}'}]",
    (Option("key", "The name of the header.", required=True, example="id"),), expression=True,
)  # fmt: skip
Propagate = Callable[[Exchange, Saga | None], Awaitable[None]]


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    service = service_of(node, "sagaService")
    step, kind = _step(node), node.text("propagation") or "REQUIRED"
    body = node.steps()
    if kind in ("NOT_SUPPORTED", "NEVER") and not (
        step.empty and node.text("completionMode") in ("", "AUTO")
    ):
        node.problem("/propagation", "option-value", f"a saga with propagation {kind} enlists nothing",
                     "Leave compensation, completion, option, timeout and completionMode out.")  # fmt: skip
    if service is None:
        return nothing
    run = _Propagation(service, step, body, node.text("completionMode") != "MANUAL").of(kind)

    async def saga(exchange: Exchange) -> None:
        await run(exchange, service.find(to_text(exchange.message.headers.get(HEADER))))

    return saga


def service_of(node: Node, option: str) -> Service | None:
    """The saga service that a step or endpoint works with; notes a problem where there is none."""
    scope = node.scope
    bean: tuple[str, Bean] | None = None
    if node.spec.option(option) is not None and node.options.get(option) is not None:
        found = named(node, option)
        if found is not None:
            bean = (node.text(option).removeprefix("#bean:").removeprefix("#"), found)
    else:
        listed = [(name, one) for name, one in scope.beans.items() if one.java_class == sagas.CLASS]
        bean = listed[0] if len(listed) == 1 else None
        if bean is None:
            node.problem("", "bean", "there is no saga service, or more than one",
                         f"Add beans: [{{name: saga, type: {sagas.CLASS}}}], or name one.")  # fmt: skip
    if bean is None:
        return None
    name, made = bean
    if made.java_class != sagas.CLASS:
        node.problem(f"/{option}", "bean", f"the bean {name} is no saga service", f"Use {sagas.CLASS}.")
        return None
    return _service(scope, name, made)


def _service(scope: Scope, name: str, bean: Bean) -> Service:
    key = f"saga service {name}"
    shared = scope.program.shared
    if key not in shared:
        properties = bean.properties
        attempts = str(properties.get("maxRetryAttempts", "5"))
        delay = durations.seconds(str(properties.get("retryDelayInMilliseconds", "5000")))
        shared[key] = Service(
            scope.services, int(attempts) if attempts.isdigit() else 5, 5.0 if delay is None else delay
        )
    found = shared[key]
    assert isinstance(found, Service)
    return found


def _step(node: Node) -> Step:
    options: list[tuple[str, Expression]] = []
    for index, value in enumerate(node.options.get("option") or ()):
        one = Node.of(OPTION, value, f"{node.pointer}/option/{index}", node.scope)
        if one is not None:
            options.append((one.text("key"), one.expression()))
    return Step(_ending(node, "compensation"), _ending(node, "completion"), tuple(sorted(options, key=lambda o: o[0])),
                max(durations.option(node, "timeout"), 0.0))  # fmt: skip


def _ending(node: Node, option: str) -> Ending | None:
    value = node.options.get(option)
    if value is None:
        return None
    action = Node.of(ACTION, value, f"{node.pointer}/{option}", node.scope)
    if action is None or not action.text("uri"):
        return None
    parameters = action.options.get("parameters")
    uri = node.scope.uri(
        action.text("uri"), parameters if isinstance(parameters, Mapping) else None, action.pointer
    )
    send = endpoint(action, uri) if uri else None
    if uri is None or send is None:
        return None
    run = received(action, send, uri.name)
    return Ending(run, is_waiting(run))


class _Propagation:
    """What a step does in each of Camel's ways to stand to a saga that is under way."""

    def __init__(self, service: Service, step: Step, body: Block, automatic: bool) -> None:
        self.service, self.step, self.body, self.automatic = service, step, body, automatic

    def of(self, kind: str) -> Propagate:
        """The way of that name."""
        return {
            "REQUIRED": self.required,
            "REQUIRES_NEW": self.requires_new,
            "MANDATORY": self.mandatory,
            "SUPPORTS": self.supports,
            "NOT_SUPPORTED": self.not_supported,
        }.get(kind, self.never)

    async def required(self, exchange: Exchange, current: Saga | None) -> None:
        """Join the saga, or begin one."""
        if current is None:
            await self._own(exchange, None)
        else:
            await self._joined(exchange, current)

    async def requires_new(self, exchange: Exchange, current: Saga | None) -> None:
        """Begin one in any case."""
        await self._own(exchange, current)

    async def mandatory(self, exchange: Exchange, current: Saga | None) -> None:
        """Join the saga; there has to be one."""
        if current is None:
            raise failure(CAMEL + "CamelExchangeException", "Exchange is not part of a saga")
        await self._joined(exchange, current)

    async def supports(self, exchange: Exchange, current: Saga | None) -> None:
        """Join the saga if there is one."""
        if current is not None:
            self.begin(exchange, current)
        await self._steps(exchange)

    async def not_supported(self, exchange: Exchange, current: Saga | None) -> None:
        """Outside of the saga, if there is one."""
        exchange.message.headers.pop(HEADER, None)
        try:
            await self._steps(exchange)
        finally:
            _set(exchange, current)

    async def never(self, exchange: Exchange, current: Saga | None) -> None:
        """There must be none."""
        if current is not None:
            raise failure(
                CAMEL + "CamelExchangeException", "Route cannot handle exchanges that are joining a saga"
            )
        await self._steps(exchange)

    def begin(self, exchange: Exchange, saga: Saga) -> None:
        """Enlist."""
        saga.begin(exchange, self.step)

    async def _steps(self, exchange: Exchange) -> None:
        await call(self.body.run, self.body.waits, exchange)

    async def _joined(self, exchange: Exchange, saga: Saga) -> None:
        _set(exchange, saga)
        self.begin(exchange, saga)
        await self._steps(exchange)

    async def _own(self, exchange: Exchange, before: Saga | None) -> None:
        saga = self.service.new()
        _set(exchange, saga)
        try:
            self.begin(exchange, saga)
            await self._steps(exchange)
        except RouteStop:
            await self._ended(exchange, saga, before, failed=exchange.exception is not None)
            raise
        except Exception:
            await self._ended(exchange, saga, before, failed=True)
            raise
        await self._ended(exchange, saga, before, failed=False)

    async def _ended(self, exchange: Exchange, saga: Saga, before: Saga | None, *, failed: bool) -> None:
        if not self.automatic:
            return
        await (saga.compensate(exchange) if failed else saga.complete(exchange))
        _set(exchange, before)


def _set(exchange: Exchange, saga: Saga | None) -> None:
    if saga is None:
        exchange.message.headers.pop(HEADER, None)
    else:
        exchange.message.headers[HEADER] = saga.id
