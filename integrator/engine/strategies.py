"""Camel's aggregation strategies: how the results of parts, branches or a resource become one.

A Fold takes the children in order; `answer` is the exchange whose state becomes the parent's. As in Camel,
a failed child is the strategy's affair: the grouping ones keep what the first child says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.children import adopt
from integrator.engine.compiler import Node
from integrator.engine.elements.beans import named
from integrator.engine.javatypes import JavaList, to_text
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option
from integrator.exchange import Exchange

AGGREGATE = "org.apache.camel.processor.aggregate."
_SUFFIX = "AggregationStrategy"
OPTION = Option(
    "aggregationStrategy",
    "How results become one: `#class:` and a class of Camel, or `#` and the name of a bean.",
    example=f"#class:{AGGREGATE}GroupedBodyAggregationStrategy",
)
_GROUPED = "CamelGroupedExchange"


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
    """The last child; an error before it stays."""

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        old = self.answer
        if old is not None and old.exception is not None and new.exception is None:
            new.exception = old.exception
            new.properties["CamelFailureEndpoint"] = old.properties.get("CamelFailureEndpoint")
            adopt(new, old)
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
    """A list of the children's bodies, in the first child."""

    def __init__(self, parent: Exchange) -> None:
        super().__init__(parent)
        self.values: list[Any] = JavaList()

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new.message.body

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        found = self.value(new)
        if found is not None:
            self.values.append(found)
        if self.answer is None:
            self.answer = new

    def finish(self) -> None:
        """Make the answer."""
        if self.answer is not None:
            message = self.answer.message.copy()  # the list may hold the message itself
            message.body = self.values
            self.answer.message = message


class GroupedExchange(Grouped):
    """A list of the children themselves."""

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new


class GroupedMessage(Grouped):
    """A list of the children's messages."""

    def value(self, new: Exchange) -> Any:
        """What is kept of a child."""
        return new.message


class Joined(Fold):
    """One text of the children's bodies."""

    def __init__(self, parent: Exchange, delimiter: str = "") -> None:
        super().__init__(parent)
        self.texts: list[str] = []
        self.delimiter = delimiter

    def add(self, new: Exchange) -> None:
        """Take one more child."""
        self.texts.append(to_text(new.message.body) or "")
        if self.answer is None:
            self.answer = new

    def finish(self) -> None:
        """Make the answer."""
        if self.answer is not None:
            self.answer.message.body = self.delimiter.join(self.texts)


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
    kind = _KINDS.get(bean.java_class.removeprefix(AGGREGATE).removesuffix(_SUFFIX))
    if kind is None:
        known = [f"{AGGREGATE}{name}{_SUFFIX}" for name in _KINDS]
        node.problem("/aggregationStrategy", "bean", f"the engine has no aggregation strategy {bean.java_class}",
                     did_you_mean(bean.java_class, known))  # fmt: skip
        return default
    if kind is Joined:
        delimiter = str(bean.properties.get("delimiter", ""))
        return lambda parent: Joined(parent, delimiter)
    return kind


def combine(fold: Fold, old: Exchange, new: Exchange) -> Exchange:
    """The answer where one resource enriches an exchange: `enrich` and `pollEnrich` of Camel."""
    if isinstance(fold, Grouped):
        kept = old.properties.get(_GROUPED)
        old.properties[_GROUPED] = JavaList([*(kept if isinstance(kept, list) else ()), fold.value(new)])
        return old
    if isinstance(fold, Joined):
        body = to_text(old.message.body) or ""
        old.message.body = fold.delimiter.join((body, to_text(new.message.body) or ""))
        return old
    fold.answer = old
    fold.add(new)
    assert fold.answer is not None
    return fold.answer
