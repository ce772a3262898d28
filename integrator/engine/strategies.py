"""Camel's aggregation strategies: how the results of parts, branches or a resource become one.

A Fold takes the children in order; `answer` is the exchange whose state becomes the parent's. As in Camel,
a failed child is the strategy's affair: the grouping ones keep what the first child says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import uuid_utils

from integrator.engine.children import adopt
from integrator.engine.compiler import Bean, Node
from integrator.engine.elements.beans import named
from integrator.engine.javatypes import JavaList, to_text
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option
from integrator.exchange import Exchange, Message, Overloaded

AGGREGATE = "org.apache.camel.processor.aggregate."
SUFFIX = "AggregationStrategy"
OPTION = Option(
    "aggregationStrategy",
    "How results become one: `#class:` and a class of Camel, or `#` and the name of a bean.",
    example=f"#class:{AGGREGATE}GroupedBodyAggregationStrategy",
)
_GROUPED = "CamelGroupedExchange"
_PIECES = 4_096


class Buffer:
    """A java.lang.StringBuffer: filled piece by piece, without copying what it has."""

    java_class = "java.lang.StringBuffer"
    __slots__ = ("_joined", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._joined: list[str] = []

    def add(self, text: str | None, delimiter: str) -> None:
        """Append a text after a delimiter; null adds neither."""
        if text is None:
            return
        if delimiter:
            self._pieces.append(delimiter)
        self._pieces.append(text)
        if len(self._pieces) >= _PIECES:  # many small texts cost more than one large one
            self._joined.append("".join(self._pieces))
            self._pieces.clear()

    def __str__(self) -> str:
        return "".join((*self._joined, *self._pieces))


def holder(new: Exchange) -> Exchange:
    """An empty exchange beside one, as Camel's strategies make for lists of exchanges."""
    made = Exchange(
        Message(conversions=new.message.conversions),
        exchange_id=str(uuid_utils.uuid7()),
        context=new.context,
        pattern=new.pattern,
    )
    made.history = [replace(new.history[0], handled=False, after=[])]
    return made


class Fold:
    """Takes children one by one."""

    def __init__(self, parent: Exchange) -> None:
        self.parent = parent
        self.answer: Exchange | None = None

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called after the last child."""


class Latest(Fold):
    """The last child; an error before it stays, and so does a child that an error handler ended."""

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        old = self.answer
        if old is not None and old.exception is not None and new.exception is None:
            new.exception = old.exception
            new.properties["CamelFailureEndpoint"] = old.properties.get("CamelFailureEndpoint")
            adopt(new, old)
        ended = old is not None and (old.rollback_only or old.history[0].handled)
        if not (ended and new.exception is None):
            self.answer = new


class Original(Fold):
    """The parent as it was; the last error of a child becomes its own, once all have run."""

    def __init__(self, parent: Exchange) -> None:
        super().__init__(parent)
        self.answer = parent
        self._failed: Exchange | None = None
        self._caught: Any = None

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        if new.exception is not None:
            self._failed = new
        self._caught = new.properties.get("CamelExceptionCaught") or self._caught

    def finish(self) -> None:
        """Make the answer."""
        parent = self.parent
        if self._failed is not None:
            parent.exception = self._failed.exception
            adopt(parent, self._failed)
        if self._caught is not None:
            parent.properties["CamelExceptionCaught"] = self._caught


class Grouped(Fold):
    """A list of the children's bodies, in the first child; at most so many."""

    def __init__(self, parent: Exchange, most: int = 100_000) -> None:
        super().__init__(parent)
        self.values: list[Any] = JavaList()
        self.most = most

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new.message.body

    def add(self, new: Exchange) -> None:
        """Take one more child. Raises Overloaded where there are too many."""
        found = self.value(new)
        if found is not None:
            if len(self.values) >= self.most:
                raise grouping_full(self.most)
            self.values.append(found)
        if self.answer is None:
            self.answer = self.first(new)

    def first(self, new: Exchange) -> Exchange:
        """The exchange that gets the list."""
        return new

    def finish(self) -> None:
        """Make the answer."""
        if self.answer is not None:
            self.answer.message.body = self.values


class GroupedExchange(Grouped):
    """A list of the children themselves, in an empty exchange."""

    def first(self, new: Exchange) -> Exchange:
        """The exchange that gets the list."""
        return holder(new)

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new


class GroupedMessage(GroupedExchange):
    """A list of the children's messages, in an empty exchange."""

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new.message


class Joined(Fold):
    """One text of the children's bodies. As in Camel, a child without a body adds nothing, not even a delimiter."""

    def __init__(self, parent: Exchange, delimiter: str = "") -> None:
        super().__init__(parent)
        self.buffer = Buffer()
        self.delimiter = delimiter

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        self.buffer.add(to_text(new.message.body), "" if self.answer is None else self.delimiter)
        if self.answer is None:
            self.answer = new

    def finish(self) -> None:
        """Make the answer."""
        if self.answer is not None:
            self.answer.message.body = str(self.buffer)


class Sharing(Fold):
    """Another fold under shareUnitOfWork: how a child ended is how the whole ends."""

    def __init__(self, inner: Fold) -> None:
        super().__init__(inner.parent)
        self.inner = inner
        self._ended: Exchange | None = None

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        self.inner.add(new)
        if new.exception is not None or new.rollback_only or new.history[0].handled:
            self._ended = new

    def finish(self) -> None:
        """Make the answer."""
        self.inner.finish()
        answer = self.answer = self.inner.answer
        new = self._ended
        if answer is None or new is None:
            return
        if new.exception is not None:
            answer.exception = new.exception
        for name in ("CamelExceptionCaught", "CamelFailureEndpoint", "CamelFailureRouteId"):
            if name in new.properties:
                answer.properties[name] = new.properties[name]
        answer.history[0].handled = new.history[0].handled
        answer.rollback_only = answer.rollback_only or new.rollback_only


Folding = Callable[[Exchange], Fold]
_KINDS: dict[str, type[Fold]] = {
    "UseLatest": Latest,
    "UseOriginal": Original,
    "GroupedBody": Grouped,
    "GroupedExchange": GroupedExchange,
    "GroupedMessage": GroupedMessage,
    "String": Joined,
}
_NOT_HERE = ("aggregationStrategyMethodName", "aggregationStrategyMethodAllowNull")
REFUSED = tuple(
    Option(name, "Not in the embedded engine: needs a Java bean.", type="any") for name in _NOT_HERE
)


def folding(node: Node, default: type[Fold]) -> Folding:
    """What makes the fold of a step for one exchange; notes a strategy that the engine has not."""
    for name in _NOT_HERE:
        if node.options.get(name) is not None:
            node.problem(f"/{name}", "not-yet", f"{name} needs a Java bean", "Leave it out.")
    if node.options.get(OPTION.name) is None:
        return default
    bean = named(node, OPTION.name)
    if bean is None:
        return default
    kind = _KINDS.get(bean.java_class.removeprefix(AGGREGATE).removesuffix(SUFFIX))
    if kind is None:
        known = [f"{AGGREGATE}{name}{SUFFIX}" for name in _KINDS]
        node.problem("/aggregationStrategy", "bean", f"the engine has no aggregation strategy {bean.java_class}",
                     did_you_mean(bean.java_class, known))  # fmt: skip
        return default
    if kind is Joined:
        delimiter = delimiter_of(node, bean)
        return lambda parent: Joined(parent, delimiter)
    if issubclass(kind, Grouped):
        collecting, most = kind, node.scope.services.bodies_grouped
        return lambda parent: collecting(parent, most)
    return kind


def delimiter_of(node: Node, bean: Bean) -> str:
    """The delimiter of a StringAggregationStrategy; notes what else a strategy's bean says."""
    for name in bean.properties:
        if name != "delimiter" or not bean.java_class.endswith("StringAggregationStrategy"):
            node.problem(f"/{OPTION.name}", "bean", f"{bean.java_class} has no property {name} here",
                         "Only StringAggregationStrategy has one: delimiter.")  # fmt: skip
    return str(bean.properties.get("delimiter", ""))


def grouping_full(most: int) -> Overloaded:
    """The error of a group with too many messages."""
    return Overloaded(
        f"a group has more than {most} messages: complete it earlier, by a size or a predicate",
        reason="aggregation-full",
    )


def combine(fold: Fold, old: Exchange, new: Exchange | None) -> Exchange:
    """The answer where one resource enriches an exchange: `enrich` and `pollEnrich` of Camel.

    Strategies that make lists and texts only gather there: nobody tells them that the last one came.
    """
    if isinstance(fold, Joined):
        kept = old.properties.get(_GROUPED)
        buffer = kept if isinstance(kept, Buffer) else Buffer()
        old.properties[_GROUPED] = buffer
        buffer.add(None if new is None else to_text(new.message.body), fold.delimiter)
        return old
    if isinstance(fold, Grouped):
        kept = old.properties.get(_GROUPED)
        found = None if new is None else fold.value(new)
        listed = [*(kept if isinstance(kept, list) else ()), *(() if found is None else (found,))]
        old.properties[_GROUPED] = JavaList(listed)
        return old
    if new is None:
        return old
    fold.answer = old
    fold.add(new)
    assert fold.answer is not None
    return fold.answer
