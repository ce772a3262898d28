"""Camel's aggregation strategies one message at a time, and when a group is complete.

What `strategies` does for the children of one step, this does for messages that arrive one after the other.
As in Camel the aggregate is an exchange: of the first message where bodies are collected, of the last one
where it replaces the others. What is collected stands in its property CamelGroupedExchange until it is
complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrator.engine.compiler import Expression, Node, Predicate
from integrator.engine.elements.beans import named
from integrator.engine.exceptions import CAMEL, JavaException, class_of, text_of
from integrator.engine.javatypes import JavaList, converter, to_text
from integrator.engine.problems import did_you_mean
from integrator.engine.strategies import (
    AGGREGATE,
    OPTION,
    SUFFIX,
    Buffer,
    delimiter_of,
    grouping_full,
    holder,
)
from integrator.exchange import Exchange

GROUPED = "CamelGroupedExchange"
SIZE, KEY, BY, TIMEOUT = (
    "CamelAggregatedSize", "CamelAggregatedCorrelationKey", "CamelAggregatedCompletedBy", "CamelAggregatedTimeout",
)  # fmt: skip
COMPLETE_CURRENT = "CamelAggregationCompleteCurrentGroup"
COMPLETE_ALL = "CamelAggregationCompleteAllGroups"
COMPLETE_ALL_INCLUSIVE = "CamelAggregationCompleteAllGroupsInclusive"
_boolean, _integer, _long = (converter(f"java.lang.{name}") for name in ("Boolean", "Integer", "Long"))


@dataclass(frozen=True, slots=True)
class Strategy:
    """One of Camel's strategies by its short name: `GroupedBody`, `String` (with a delimiter), …"""

    name: str
    delimiter: str = ""
    most: int = 100_000

    @property
    def holds_first(self) -> bool:
        """Whether the aggregate begins as the first message; lists of exchanges are in an empty one."""
        return self.name not in ("GroupedExchange", "GroupedMessage")

    @property
    def collects(self) -> bool:
        """Whether the aggregate is the first message with what is collected of all."""
        return self.name not in ("UseLatest", "UseOriginal")

    def aggregate(self, old: Exchange | None, new: Exchange) -> Exchange | None:
        """The aggregate with one more message; None where Camel's strategy returns null.

        Raises Overloaded where a group would have too many messages.
        """
        if self.name == "UseLatest":
            return new
        if self.name == "UseOriginal":
            return old
        answer = old
        if answer is None:
            answer = new if self.holds_first else holder(new)
        if self.name == "String":
            self._join(answer, new, first=old is None)
        else:
            self._collect(answer, new)
        return answer

    def value(self, new: Exchange, *, first: bool) -> Any:
        """What is collected of a message; None for nothing."""
        if self.name == "String":
            text = to_text(new.message.body)
            return text if text is None or first else f"{self.delimiter}{text}"
        if self.name == "GroupedExchange":
            return new
        if self.name == "GroupedMessage":
            return new.message
        return new.message.body if self.name == "GroupedBody" else None

    @staticmethod
    def collected(values: list[str]) -> Buffer:
        """The texts of a group in one buffer."""
        buffer = Buffer()
        for text in values:
            buffer.add(text, "")
        return buffer

    def _join(self, answer: Exchange, new: Exchange, *, first: bool) -> None:
        buffer = answer.properties.get(GROUPED)
        if not isinstance(buffer, Buffer):
            buffer = answer.properties[GROUPED] = Buffer()
        buffer.add(self.value(new, first=first), "")

    def _collect(self, answer: Exchange, new: Exchange) -> None:
        values = answer.properties.get(GROUPED)
        if not isinstance(values, list):
            values = answer.properties[GROUPED] = JavaList()
        value = self.value(new, first=False)
        if value is None:
            return
        if len(values) >= self.most:
            raise grouping_full(self.most)
        values.append(value)

    def complete(self, answer: Exchange) -> None:
        """Make the collected values the body of a complete group."""
        if not self.collects:
            return
        values = answer.properties.pop(GROUPED, None)
        if isinstance(values, Buffer):
            answer.message.body = str(values)
        elif values is not None:
            answer.message.body = values


STRATEGIES = ("GroupedBody", "GroupedExchange", "GroupedMessage", "String", "UseLatest", "UseOriginal")


def strategy(node: Node) -> Strategy:
    """The strategy an aggregate names; notes one that the engine has not."""
    most = node.scope.services.bodies_grouped
    if node.options.get(OPTION.name) is None:
        return Strategy("UseLatest", most=most)
    bean = named(node, OPTION.name)
    name = "" if bean is None else bean.java_class.removeprefix(AGGREGATE).removesuffix(SUFFIX)
    if bean is None or name in STRATEGIES:
        return Strategy(name or "UseLatest", "" if bean is None else delimiter_of(node, bean), most)
    listed = [f"{AGGREGATE}{known}{SUFFIX}" for known in STRATEGIES]
    node.problem(f"/{OPTION.name}", "bean", f"the engine has no aggregation strategy {bean.java_class}",
                 did_you_mean(bean.java_class, listed))  # fmt: skip
    return Strategy("UseLatest", most=most)


@dataclass(frozen=True, slots=True)
class Rules:
    """When a group is complete and what else an aggregate does; times in seconds, 0 for none.

    `closed` is how many keys of completed groups are remembered and refused: None for no closing, 0 for as
    many as there may be.
    """

    correlation: Expression
    predicate: Predicate | None = None
    size: int = 0
    size_of: Expression | None = None
    timeout: float = 0.0
    timeout_of: Expression | None = None
    interval: float = 0.0
    tick: float = 1.0
    batch: bool = False
    eager: bool = False
    on_new_group: bool = False
    ignore_invalid: bool = False
    closed: int | None = None
    discard_timed_out: bool = False
    discard_failed: bool = False
    force_on_stop: bool = False
    complete_on_stop: bool = False
    parallel: bool = False
    reads_group: bool = False  # the predicate reads what is collected so far

    def key(self, exchange: Exchange) -> str | None:
        """The correlation key; None where there is none and the message is to be ignored. Raises JavaException."""
        text = to_text(self.correlation(exchange))
        if text is not None and text.strip():
            return text
        if self.ignore_invalid:
            return None
        raise exchange_failure("Invalid correlation key", exchange)

    def completed_by(self, exchange: Exchange) -> str | None:
        """Why the group of this aggregate (or, eagerly, of this message) is complete; None where it is not."""
        properties = exchange.properties
        if true(properties.get(COMPLETE_CURRENT)):
            del properties[COMPLETE_CURRENT]
            return "strategy"
        if self.predicate is not None and self.predicate(exchange):
            return "predicate"
        needed = self.size
        if self.size_of is not None:
            assert _integer is not None
            asked = _integer(self.size_of(exchange))
            needed = asked if asked is not None and asked > 0 else needed
        return "size" if 0 < needed <= properties.get(SIZE, 1) else None

    def times_out_after(self, exchange: Exchange) -> int | None:
        """The timeout of the group this message came into, in milliseconds; None for none."""
        if self.timeout_of is not None:
            assert _long is not None
            asked = _long(self.timeout_of(exchange))
            if asked is not None and asked > 0:
                return int(asked)
        return round(self.timeout * 1_000) if self.timeout > 0 else None


@dataclass(slots=True)
class Taken:
    """What one message did to its group: the aggregate, why it is complete, and its timeout in milliseconds."""

    answer: Exchange
    completed_by: str | None
    timeout: int | None
    discarded: bool = False


def take(
    rules: Rules,
    how: Strategy,
    key: str,
    old: Exchange | None,
    new: Exchange,
    batch_ends: Callable[[Exchange], bool] = lambda _exchange: False,
) -> Taken | None:
    """Aggregate one message as Camel does; None where it is discarded and began the group.

    `batch_ends` says whether this message is the last of its batch. Raises JavaException
    (CamelExchangeException) where the strategy or a condition fails, Overloaded where a group is too large.
    """
    size = 1 if old is None else old.properties.get(SIZE, 0) + 1
    complete, timeout = None, None
    if rules.eager:
        new.properties[SIZE], new.properties[KEY] = size, key
        complete = "consumer" if batch_ends(new) else rules.completed_by(new)
        if complete is None:
            timeout = _track(rules, new)
        del new.properties[SIZE], new.properties[KEY]
    failed = False
    try:
        answer = how.aggregate(old, new)
    except JavaException as error:
        if not rules.discard_failed:
            raise exchange_failure("Error occurred during aggregation", new, error) from error
        if old is None:
            return None
        answer, failed, complete = old, True, "strategy"
    if answer is None:
        raise exchange_failure(
            f"AggregationStrategy {how.name}AggregationStrategy returned null which is not allowed", new
        )
    answer.properties[SIZE] = size
    if not rules.eager:
        found = "consumer" if batch_ends(answer) else rules.completed_by(answer)
        complete = found if not failed or found is not None else complete
        if found is None:
            timeout = _track(rules, new)
    return Taken(answer, complete, timeout, discarded=failed)


def _track(rules: Rules, new: Exchange) -> int | None:
    timeout = rules.times_out_after(new)
    if timeout is not None:
        new.properties[TIMEOUT] = timeout
    return timeout


def exchange_failure(said: str, exchange: Exchange, cause: Exception | None = None) -> JavaException:
    """Camel's CamelExchangeException: the text names the exchange and the cause."""
    text = f"{said}. Exchange[{exchange.id}]"
    if cause is not None:
        text += f". Caused by: [{class_of(cause)} - {text_of(cause)}]"
    error = JavaException(CAMEL + "CamelExchangeException", said, text=text)
    error.java_cause = cause
    return error


def true(value: Any) -> bool:
    """Whether a header or property says true."""
    if value is None or isinstance(value, bool):
        return bool(value)
    assert _boolean is not None
    return bool(_boolean(value))


def batch_size(exchange: Exchange) -> int:
    """How many messages the batch of a message has; 0 where it is none."""
    assert _integer is not None
    return _integer(exchange.properties.get("CamelBatchSize")) or 0


def flagged_all(exchange: Exchange) -> bool:
    """Whether a message only asks for all groups to be completed; the flag is taken off it."""
    headers, properties = exchange.message.headers, exchange.properties
    if not true(headers.get(COMPLETE_ALL)) and not true(properties.get(COMPLETE_ALL)):
        return False
    headers.pop(COMPLETE_ALL, None)
    properties.pop(COMPLETE_ALL, None)
    return True


def flagged_inclusive(exchange: Exchange) -> bool:
    """Whether all groups are to be completed after this message; the flag is taken off it."""
    return true(exchange.message.headers.pop(COMPLETE_ALL_INCLUSIVE, None))


def unflagged(made: Exchange) -> Exchange:
    """A copy of a message for its group, without the flags."""
    for name in (COMPLETE_CURRENT, COMPLETE_ALL):
        made.properties.pop(name, None)
    for name in (COMPLETE_ALL, COMPLETE_ALL_INCLUSIVE):
        made.message.headers.pop(name, None)
    return made
