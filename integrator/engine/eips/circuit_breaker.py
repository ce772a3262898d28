"""circuitBreaker: steps that are left out for a while where they fail too often; onFallback instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from integrator.engine import exceptions
from integrator.engine.breaker import Breaker, Settings
from integrator.engine.children import adopt, child, contained, copy_results, settle
from integrator.engine.compiler import Node
from integrator.engine.exceptions import JavaException, causes_match, failure, thrown, wrapped
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import QUIET, Block, Run, call
from integrator.exchange import Exchange, IntegratorError

UNGUARDED = True  # its errors pass the route's error handler by, as in Camel
_STEPS = Option("steps", "What is done.", type="steps")
SPEC = Spec(
    "eip",
    "circuitBreaker",
    "Leaves its steps out for a while where they fail too often; onFallback is done instead. They run on a copy, "
    "and no onException sees their errors. Counted in this process.",
    "2.21",
    "circuitBreaker: {resilience4jConfiguration: {minimumNumberOfCalls: 5}, steps: [{to: direct:a}], "
    "onFallback: {steps: [{setBody: {constant: later}}]}}",
    options=(
        _STEPS,
        Option("onFallback", "What is done where they fail, are too slow, or are left out.", type="object"),
        Option("resilience4jConfiguration", "When it opens and closes.", type="object"),
        Option("configuration", "Not in the embedded engine: needs a Java bean."),
        Option("faultToleranceConfiguration", "Not in the embedded engine: use resilience4jConfiguration.",
               type="any"),
    ),
)  # fmt: skip
FALLBACK = Spec(
    "part", "onFallback", "What a circuitBreaker does instead of its steps.", "2.21",
    "onFallback: {steps: [{setBody: {constant: later}}]}",
    (_STEPS, Option("fallbackViaNetwork", "Not in the embedded engine: resilience4j has it not, either.",
                    type="boolean", default=False)),
)  # fmt: skip
_BEANS = ("circuitBreaker", "config", "timeoutExecutorService")
RESILIENCE = Spec(
    "part", "resilience4jConfiguration", "When a circuitBreaker opens and closes.", "3.0",
    "resilience4jConfiguration: {failureRateThreshold: 50, slidingWindowSize: 20, waitDurationInOpenState: 30}",
    (
        Option("failureRateThreshold", "Percent of failures from which on it opens.", type="number", default=50),
        Option("minimumNumberOfCalls", "Fewer calls say nothing; at most the window counts.", type="integer",
               default=100),
        Option("slidingWindowSize", "How many calls count, or seconds.", type="integer", default=100),
        Option("slidingWindowType", "What the window counts.", default="COUNT_BASED",
               choices=("COUNT_BASED", "TIME_BASED")),
        Option("permittedNumberOfCallsInHalfOpenState", "How many calls try whether it is well again.",
               type="integer", default=10),
        Option("waitDurationInOpenState", "Seconds until calls are tried again.", type="integer", default=60),
        Option("automaticTransitionFromOpenToHalfOpenEnabled", "Whether the state changes without a call.",
               type="boolean", default=False),
        Option("slowCallRateThreshold", "Percent of slow calls from which on it opens.", type="number", default=100),
        Option("slowCallDurationThreshold", "Seconds from which on a call is slow.", type="integer", default=60),
        Option("timeoutEnabled", "Whether steps are given up after timeoutDuration.", type="boolean", default=False),
        Option("timeoutDuration", "Milliseconds.", type="integer", default=1000),
        Option("timeoutCancelRunningFuture", "Accepted; steps that are given up always end.", type="boolean"),
        Option("bulkheadEnabled", "Whether few calls may be under way at once.", type="boolean", default=False),
        Option("bulkheadMaxConcurrentCalls", "How many.", type="integer", default=25),
        Option("bulkheadMaxWaitDuration", "Milliseconds that others wait.", type="integer", default=0),
        Option("throwExceptionWhenHalfOpenOrOpenState", "Whether a call that is left out fails, without onFallback.",
               type="boolean", default=False),
        Option("recordException", "Classes that count as failures; all others as successes.", type="list",
               example=["java.io.IOException"]),
        Option("ignoreException", "Classes that count for nothing.", type="list",
               example=["java.lang.IllegalArgumentException"]),
        Option("writableStackTraceEnabled", "Accepted; errors of routes have no stack trace.", type="boolean"),
        Option("micrometerEnabled", "Accepted, without effect.", type="boolean"),
        *(Option(name, "Not in the embedded engine: needs a Java bean.") for name in _BEANS),
    ),
)  # fmt: skip
_SUCCESS, _FALLBACK = "CamelCircuitBreakerSuccessfulExecution", "CamelCircuitBreakerResponseFromFallback"
_SHORT, _REJECTED = "CamelCircuitBreakerResponseShortCircuited", "CamelCircuitBreakerResponseRejected"
_TIMED_OUT, _IGNORED = "CamelCircuitBreakerResponseTimedOut", "CamelCircuitBreakerResponseIgnored"
_STATE, _TRYING = "CamelCircuitBreakerState", "TryRouteBlock"
_OPENED = "io.github.resilience4j.circuitbreaker.CallNotPermittedException"
_FULL = "io.github.resilience4j.bulkhead.BulkheadFullException"
_TIMEOUT = "java.util.concurrent.TimeoutException"
_Test = Callable[[BaseException], bool]


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around the steps beside the breaker. `timeout` in seconds, 0 for none."""

    name: str
    throws: bool
    timeout: float
    records: _Test | None
    ignores: _Test | None
    bulkhead: _Bulkhead | None


class _Bulkhead:
    """How many calls are under way."""

    def __init__(self, most: int, wait: float, waiting: int) -> None:
        self.free, self.wait, self.waiting = most, wait, waiting
        self.turn = asyncio.Event()

    async def enter(self) -> bool:
        """Take a place, waiting for one. Gives whether there was one in time."""
        if self.free <= 0 and self.wait > 0 and self.waiting > 0:
            self.waiting -= 1
            try:
                async with asyncio.timeout(self.wait):
                    while self.free <= 0:
                        await self.turn.wait()
            except TimeoutError:
                return False
            finally:
                self.waiting += 1
        if self.free <= 0:
            return False
        self.free -= 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.free += 1
        self.turn.set()
        self.turn = asyncio.Event()


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    for name in ("configuration", "faultToleranceConfiguration"):
        if node.options.get(name) is not None:
            node.problem(f"/{name}", "not-yet", f"{name} of circuitBreaker is not in the embedded engine",
                         "Write resilience4jConfiguration in the step.")  # fmt: skip
    given = node.options.get("resilience4jConfiguration")
    options = Node.of(RESILIENCE, given, f"{node.pointer}/resilience4jConfiguration", node.scope)
    body = node.guarded_by_nobody()
    fallback = _fallback(node)
    if options is None:
        options = Node(RESILIENCE, {}, node.pointer, node.scope)
    return _run(Breaker(_settings(options)), _around(node, options), body, fallback)


def _fallback(node: Node) -> Block | None:
    if node.options.get("onFallback") is None:
        return None
    found = Node.of(FALLBACK, node.options["onFallback"], f"{node.pointer}/onFallback", node.scope)
    if found is None:
        return None
    if found.flag("fallbackViaNetwork"):
        found.problem(
            "/fallbackViaNetwork", "option-value", "resilience4j has no fallbackViaNetwork", "Leave it out."
        )
    with node.scope.handled_by(QUIET):
        return found.steps()


def _settings(node: Node) -> Settings:
    for name in _BEANS:
        if node.options.get(name) is not None:
            node.problem(f"/{name}", "not-yet", f"{name} needs a Java bean", "Leave it out.")
    for name, least in (("minimumNumberOfCalls", 1), ("slidingWindowSize", 1),
                        ("permittedNumberOfCallsInHalfOpenState", 1), ("waitDurationInOpenState", 1),
                        ("slowCallDurationThreshold", 1), ("bulkheadMaxConcurrentCalls", 1),
                        ("failureRateThreshold", 0.001), ("slowCallRateThreshold", 0.001)):  # fmt: skip
        found = node.decimal(name)
        if found < least or (name.endswith("RateThreshold") and found > 100):
            node.problem(f"/{name}", "option-value", f"{name} of resilience4jConfiguration is out of bounds",
                         "Write percents up to 100, and numbers from 1 on.")  # fmt: skip
    return Settings(
        node.decimal("failureRateThreshold"),
        node.decimal("slowCallRateThreshold"),
        node.decimal("slowCallDurationThreshold"),
        node.number("slidingWindowSize"),
        node.text("slidingWindowType") == "TIME_BASED",
        node.number("minimumNumberOfCalls"),
        node.number("permittedNumberOfCallsInHalfOpenState"),
        node.decimal("waitDurationInOpenState"),
        node.flag("automaticTransitionFromOpenToHalfOpenEnabled"),
    )


def _around(step: Node, node: Node) -> _Around:
    bulkhead = None
    if node.flag("bulkheadEnabled"):
        wait = node.number("bulkheadMaxWaitDuration") / 1000
        bulkhead = _Bulkhead(node.number("bulkheadMaxConcurrentCalls"), wait, step.scope.services.waiting)
    return _Around(
        step.text("id") or "circuitBreaker",
        node.flag("throwExceptionWhenHalfOpenOrOpenState"),
        node.number("timeoutDuration") / 1000 if node.flag("timeoutEnabled") else 0.0,
        _classes(node, "recordException"),
        _classes(node, "ignoreException"),
        bulkhead,
    )


def _classes(node: Node, option: str) -> _Test | None:
    listed = node.options.get(option)
    if not listed:
        return None
    names = [str(name) for name in listed] if isinstance(listed, (list, tuple)) else [str(listed)]
    for index, name in enumerate(names):
        if not exceptions.known(name):
            node.problem(f"/{option}/{index}", "unknown-exception", f"the engine knows no exception class {name}",
                         did_you_mean(name, exceptions.PARENTS))  # fmt: skip
    return causes_match(frozenset(names))


def _run(breaker: Breaker, around: _Around, body: Block, fallback: Block | None) -> Run:
    async def guard(exchange: Exchange) -> None:
        exchange.properties[_TRYING] = True
        try:
            error = await _attempt(exchange, breaker, around, body)
            if error is not None:
                await _recover(exchange, error, breaker, around, fallback)
        finally:
            exchange.properties.pop(_TRYING, None)
        error, exchange.exception = exchange.exception, None
        if error is not None:
            raise error
        settle(exchange)

    return guard


async def _attempt(exchange: Exchange, breaker: Breaker, around: _Around, body: Block) -> Exception | None:
    """Run the steps on a copy where that is permitted; what they failed with, as the breaker sees it."""
    clock = asyncio.get_running_loop().time
    began = clock()
    if not breaker.permits(began):
        return failure(
            _OPENED, f"CircuitBreaker '{around.name}' is {breaker.state} and does not permit further calls"
        )
    ended = False
    try:
        error = await _call(exchange, around, body)
        now = clock()
        if error is None or (around.records is not None and not around.records(error)):
            ignored = error is not None and around.ignores is not None and around.ignores(error)
            breaker.released() if ignored else breaker.succeeded(now, now - began)
        elif around.ignores is not None and around.ignores(error):
            breaker.released()
        else:
            breaker.failed(now, now - began)
        ended = True
    finally:
        if not ended:
            breaker.released()  # cancelled: says nothing about the steps
    if error is None:
        exchange.properties[_SUCCESS] = True
        exchange.properties[_STATE] = breaker.current(now)
    return error


async def _call(exchange: Exchange, around: _Around, body: Block) -> Exception | None:
    if around.bulkhead is None:
        return await _on_copy(exchange, around, body)
    if not await around.bulkhead.enter():
        return failure(_FULL, f"Bulkhead '{around.name}' is full and does not permit further calls")
    try:
        return await _on_copy(exchange, around, body)
    finally:
        around.bulkhead.leave()


async def _on_copy(exchange: Exchange, around: _Around, body: Block) -> Exception | None:
    made = child(exchange, exchange.message.copy())
    if around.timeout:
        try:
            async with asyncio.timeout(around.timeout):
                await contained(body.run, body.waits, made)
        except TimeoutError:
            message = f"TimeLimiter '{around.name}' recorded a timeout exception."
            return thrown(_TIMEOUT, message, message)
    else:
        await contained(body.run, body.waits, made)
    error = made.exception
    if error is not None:
        exchange.exception = error
        adopt(exchange, made)
        return _runtime(error)
    copy_results(exchange, made)
    exchange.properties[_FALLBACK] = False
    return None


def _runtime(error: Exception) -> Exception:
    """Java's wrapping of what is no RuntimeException."""
    if not isinstance(error, IntegratorError):
        return error
    if "java.lang.RuntimeException" in exceptions.ancestors(exceptions.class_of(error)):
        return error
    return wrapped(exceptions.RUNTIME_CAMEL, error)


async def _recover(
    exchange: Exchange, error: Exception, breaker: Breaker, around: _Around, fallback: Block | None
) -> None:
    properties = exchange.properties
    properties[_STATE] = breaker.current(asyncio.get_running_loop().time())
    ignored = around.ignores is not None and around.ignores(error)
    if ignored or (around.records is not None and not around.records(error)):
        properties.update({_SUCCESS: not ignored, _FALLBACK: False, _SHORT: False})
        if ignored:
            properties[_IGNORED] = True
        exchange.exception = None
        return
    properties.update({_SUCCESS: False, _FALLBACK: fallback is not None, _SHORT: True})
    if fallback is None:
        _without_fallback(exchange, error, around)
        return
    properties.setdefault("CamelFailureEndpoint", exchange.history[0].endpoint)
    properties["CamelExceptionHandled"] = True
    if exchange.exception is None:
        properties.pop("CamelExceptionCaught", None)
    else:
        properties["CamelExceptionCaught"] = exchange.exception
    exchange.route_stop, exchange.exception = False, None
    await call(fallback.run, fallback.waits, exchange)


def _without_fallback(exchange: Exchange, error: Exception, around: _Around) -> None:
    kind = exceptions.class_of(error)
    exchange.exception = error
    if kind == _TIMEOUT and not isinstance(error, JavaException):
        exchange.properties.update({_SHORT: False, _TIMED_OUT: True})
        return
    exchange.properties[_REJECTED] = True
    if kind == _OPENED and not around.throws:
        exchange.exception = None
