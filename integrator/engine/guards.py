"""Error handlers at run time: onException's policies, redelivery, the dead letter channel.

A Guard watches every step of the routes it belongs to. An error is taken once, by the innermost step;
steps around it see that it is exhausted and let it pass, as Camel's error handlers do.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from integrator.engine.exceptions import ancestors, causes, class_of, failure
from integrator.engine.services import Services
from integrator.engine.steps import (
    OPEN,
    QUIET,
    Block,
    RouteStop,
    Run,
    Step,
    Trail,
    call,
    failed_at,
    nothing,
)
from integrator.exchange import Exchange, Message

Predicate = Callable[[Exchange], bool]
_REDELIVERED, _COUNTER, _MOST = "CamelRedelivered", "CamelRedeliveryCounter", "CamelRedeliveryMaxCounter"
REDELIVERY = (_REDELIVERED, _COUNTER, _MOST)
"""The headers by which steps see that they are tried again."""
_FAILURE = ("CamelFailureRouteId", "CamelFailureEndpoint", "CamelExceptionCaught")


@dataclass(frozen=True, slots=True)
class Redelivery:
    """How often and how late a failed step is tried again; times in seconds."""

    maximum: int = 0
    delay: float = 1.0
    longest: float = 60.0
    factor: float = 1.0
    spread: float = 0.0
    pattern: tuple[tuple[int, float], ...] = ()

    def wait(self, attempt: int) -> float:
        """The delay before an attempt, the first being 1."""
        if self.pattern:
            return next((delay for from_, delay in reversed(self.pattern) if attempt >= from_), 0.0)
        found = min(self.delay * self.factor ** min(attempt - 1, 64), self.longest)
        if self.spread:
            found *= 1 + (secrets.randbelow(2001) - 1000) / 1000 * self.spread
        return found


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions of the site that an error handler calls: at each error, before each redelivery, before failures go on.

    What they raise replaces the error.
    """

    occurred: Run | None = None
    redelivering: Run | None = None
    preparing: Run | None = None
    retry_while: Predicate | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One onException. `original` is "", "message" or "body"."""

    classes: tuple[str, ...]
    redelivery: Redelivery
    body: Block | None = None
    when: Predicate | None = None
    handled: Predicate | None = None
    continued: Predicate | None = None
    retry_while: Predicate | None = None
    original: str = ""
    hooks: Hooks = Hooks()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The endpoint of a dead letter channel, and what it gets."""

    send: Run
    waits: bool
    original: str = ""
    swallows: bool = True


@dataclass(frozen=True, slots=True)
class Guard:
    """The error handler of a route. `originals`: useOriginalMessage is switched on somewhere."""

    services: Services
    policies: tuple[Policy, ...]
    redelivery: Redelivery
    dead_letter: DeadLetter | None = None
    originals: bool = False
    hooks: Hooks = Hooks()

    @property
    def redelivers(self) -> bool:
        """Whether a step may be tried again, so that its input has to be kept."""
        return bool(
            self.redelivery.maximum
            or self.hooks.retry_while
            or any(policy.redelivery.maximum or policy.retry_while for policy in self.policies)
        )

    def policy(self, exchange: Exchange, error: BaseException) -> Policy | None:
        """The onException for an error: causes before what wraps them, the nearest class first."""
        for link in reversed(list(causes(error))):
            distance = {name: steps for steps, name in enumerate(ancestors(class_of(link)))}
            best: tuple[int, Policy] | None = None
            for policy in self.policies:
                steps = min((distance[name] for name in policy.classes if name in distance), default=None)
                if steps is None or (best and best[0] <= steps):
                    continue
                if policy.when is None or policy.when(exchange):
                    best = (steps, policy)
            if best:
                return best[1]
        return None

    async def take(
        self, exchange: Exchange, error: Exception, step: Step, before: Message | None, kept: dict[str, Any]
    ) -> None:
        """Deal with what a step raised. Returns where the route goes on; raises what is left, or RouteStop."""
        trail: Trail = exchange.history[0]
        counted = exchange.message.headers.get(_COUNTER)  # an outer handler's count goes on, as in Camel
        attempt = counted if isinstance(counted, int) and self.redelivers else 0
        while True:
            error = failed_at(exchange, error, step.where, OPEN)
            policy = self.policy(exchange, error)
            attempt += 1
            self._hook(exchange, policy, "occurred")
            if before is None or not self._tries_again(policy, attempt, exchange, before):
                break
            await self._wait(policy, attempt)
            self._prepare(exchange, before, policy, attempt)
            self._hook(exchange, policy, "redelivering")
            try:
                await call(step.run, step.waits, exchange)
            except Exception as again:
                if trail.exhausted is again:
                    raise
                error = again
                continue
            for name in _FAILURE[:2]:  # the step is well now
                exchange.properties.pop(name, None)
            exchange.properties.update(kept)
            return
        await self._exhausted(exchange, error, policy, attempt - 1)

    def _hook(self, exchange: Exchange, policy: Policy | None, name: str) -> None:
        """Call a function of the site: the policy's own, else that of the error handler."""
        run = (getattr(policy.hooks, name) if policy else None) or getattr(self.hooks, name)
        if run is not None:
            try:
                run(exchange)
            except Exception as again:
                exchange.history[0].failed = exchange.history[0].exhausted = again
                raise

    def _redelivery(self, policy: Policy | None) -> Redelivery:
        return policy.redelivery if policy else self.redelivery

    def _tries_again(self, policy: Policy | None, attempt: int, exchange: Exchange, before: Message) -> bool:
        if attempt > self.services.redeliveries:
            return False
        redelivery = self._redelivery(policy)
        ends = exchange.context.deadline if exchange.context is not None else None
        if ends is not None and asyncio.get_running_loop().time() + redelivery.wait(attempt) >= ends:
            return False  # nobody waits for a later answer
        if policy is not None and policy.retry_while is not None:
            self._count(exchange.message, attempt, redelivery.maximum)
            return policy.retry_while(exchange)
        if policy is None and self.hooks.retry_while is not None:
            self._count(exchange.message, attempt, redelivery.maximum)
            return self.hooks.retry_while(exchange)
        return redelivery.maximum < 0 or attempt <= redelivery.maximum

    async def _wait(self, policy: Policy | None, attempt: int) -> None:
        seconds = self._redelivery(policy).wait(attempt)
        if seconds > 0:
            await self.services.sleep(min(seconds, self.services.longest_delay))

    def _prepare(self, exchange: Exchange, before: Message, policy: Policy | None, attempt: int) -> None:
        exchange.message = before.copy()
        exchange.rollback_only = False
        exchange.properties.pop("CamelFailureEndpoint", None)
        self._count(exchange.message, attempt, self._redelivery(policy).maximum)

    def _count(self, message: Message, attempt: int, most: int) -> None:
        message.headers[_REDELIVERED] = attempt > 0
        message.headers[_COUNTER] = attempt
        if most > 0:
            message.headers[_MOST] = most

    async def _exhausted(
        self, exchange: Exchange, error: Exception, policy: Policy | None, attempts: int
    ) -> None:
        trail: Trail = exchange.history[0]
        goes_on = bool(policy and policy.continued and policy.continued(exchange))
        handled = bool(policy and policy.handled and policy.handled(exchange))
        dead = self.dead_letter if policy is None or policy.body is None else None
        if handled or goes_on or dead:
            for name in (_REDELIVERED, _COUNTER, _MOST):
                exchange.message.headers.pop(name, None)
            exchange.rollback_only = False
        elif policy is not None or attempts:
            self._count(exchange.message, attempts, self._redelivery(policy).maximum)
        if dead is not None or (policy is not None and policy.body is not None):
            self._hook(exchange, policy, "preparing")
        if dead is not None and not goes_on:
            await self._bury(exchange, dead)
        elif policy is not None and policy.body is not None:
            await self._respond(exchange, policy)
        if handled or dead is not None or goes_on:
            exchange.exception = None
            if goes_on:
                return
            trail.handled = True
            raise RouteStop
        if policy is not None:
            exchange.properties["CamelFailureEndpoint"] = trail.endpoint
        trail.failed = trail.exhausted = error
        raise error from error.__cause__

    async def _respond(self, exchange: Exchange, policy: Policy) -> None:
        """Run the steps of an onException; what they throw replaces the error."""
        assert policy.body is not None
        trail: Trail = exchange.history[0]
        try:
            self._original(exchange, policy.original)
            await call(policy.body.run, policy.body.waits, exchange)
        except Exception as again:
            trail.failed = trail.exhausted = again
            exchange.properties["CamelExceptionCaught"] = again
            raise

    async def _bury(self, exchange: Exchange, dead: DeadLetter) -> None:
        """Send to the dead letter endpoint; a failure on the way there is no failure of the exchange."""
        trail: Trail = exchange.history[0]
        if trail.in_dead_letter:
            exchange.properties["CamelErrorHandlerCircuitDetected"] = True
            return
        trail.in_dead_letter = True
        pattern, exchange.pattern = exchange.pattern, "InOnly"
        try:
            self._original(exchange, dead.original)
            await call(dead.send, dead.waits, exchange)
        except RouteStop:
            exchange.route_stop = False
        except Exception as again:
            if not dead.swallows:
                trail.failed = trail.exhausted = again
                raise
            exchange.properties["CamelExceptionCaught"] = again
        finally:
            trail.in_dead_letter, exchange.pattern = False, pattern

    def _original(self, exchange: Exchange, wanted: str) -> None:
        if not wanted:
            return
        original: Message | None = exchange.history[0].original
        if original is None or not self.originals:
            raise failure(
                "java.lang.IllegalStateException",
                "AllowUseOriginalMessage is disabled. Cannot access the original message.",
            )
        if wanted == "message":
            exchange.message = original.copy()
        else:
            exchange.message.body = original.body


def block(steps: Iterable[Step], guard: Guard) -> Block:
    """One callable that runs the steps in order, each under the guard."""
    listed = tuple(steps)
    if not listed:
        return Block(nothing, waits=False)
    keeps = guard.redelivers

    async def run_guarded(exchange: Exchange) -> None:
        for step in listed:
            before = exchange.message.copy() if keeps else None
            try:
                if step.waits:
                    await step.run(exchange)
                else:
                    step.run(exchange)
            except Exception as error:
                if exchange.history[0].exhausted is error:
                    raise
                if not step.guarded:
                    raise failed_at(exchange, error, step.where, QUIET) from error.__cause__
                properties = exchange.properties
                kept = {name: properties[name] for name in _FAILURE[:2] if name in properties}
                error = failed_at(exchange, error, step.where, OPEN)
                properties["CamelFailureRouteId"] = step.where.route
                await guard.take(exchange, error, step, before, kept)

    return Block(run_guarded, waits=True)
