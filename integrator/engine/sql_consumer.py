"""Polling a query: what sql: does when a route starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import class_of
from integrator.engine.lifecycle import Offer, Take, no_room
from integrator.engine.schedule import Schedule, schedule
from integrator.engine.services import Services
from integrator.engine.statements import Statement, rows
from integrator.engine.uris import Uri
from integrator.engine.ways import DatabaseWay
from integrator.exchange import Exchange, IntegratorError, Message


@dataclass(frozen=True, slots=True)
class Query:
    """The consumer. `after` are the statements that follow a message, by option."""

    file: str
    uri: str
    way: DatabaseWay
    services: Services
    schedule: Schedule
    query: Statement
    after: Mapping[str, Statement | None]
    expected: int
    breaks: bool
    each: bool
    empty: bool
    idle: bool
    most: int
    alone: bool = True

    async def run(self, take: Take) -> None:
        """Ask again and again."""
        if not self.way.taken_by(self.file, ""):
            raise PermissionError("the adapter's owner does not allow the flow to take rows from there")
        if self.after and not self.way.taken_by(self.file, "", "write"):
            raise PermissionError(
                "the adapter's owner does not allow the flow to write what onConsume writes"
            )
        await self.schedule.run(lambda: self._look(take))

    async def _look(self, take: Take) -> int:
        try:
            return await self._ask(take)
        except IntegratorError as error:
            self.services.log("WARN", f"{_shown(self.uri)} failed ({class_of(error)})", "", 0)
            return -1

    async def _ask(self, take: Take) -> int:
        text, values = self.query.bind(self._exchange(None), None)
        found = rows(await self.way.database.run(text, values, reading=True))
        bodies: list[Any] = list(found) if self.each else [found] if found or self.empty else []
        if not bodies and self.idle:
            bodies = [None]
        total = min(len(bodies), self.most) if self.most else len(bodies)
        for index, body in enumerate(bodies[:total]):
            batch = {
                "CamelBatchIndex": index,
                "CamelBatchSize": total,
                "CamelBatchComplete": index == total - 1,
            }
            offer = Offer(self.uri, Message(body, conversions=self.services.conversions), None, batch)
            error = await take(offer)
            if no_room(error):
                return index  # the next look has the rest
            await self._follow("onConsumeFailed" if error is not None else "onConsume", body)
        if total:
            await self._follow("onConsumeBatchComplete", None)
        return total

    async def _follow(self, option: str, body: Any) -> None:
        statement = self.after.get(option)
        if statement is None or (body is None and option != "onConsumeBatchComplete"):
            return
        try:
            text, values = statement.bind(self._exchange(body), body)
            changed = (await self.way.database.run(text, values, reading=False)).changed
        except IntegratorError as error:
            if self.breaks:
                raise
            self.services.log("WARN", f"{option} of {_shown(self.uri)} failed ({class_of(error)})", "", 0)
            return
        if option == "onConsume" and self.expected >= 0 and changed != self.expected:
            self.services.log(
                "WARN", f"{option} of {_shown(self.uri)} changed {changed} rows, not {self.expected}", "", 0
            )

    def _exchange(self, body: Any) -> Exchange:
        return Exchange(
            Message(body, conversions=self.services.conversions), exchange_id="", pattern="InOnly"
        )


def _shown(uri: str) -> str:
    return uri if len(uri) <= 60 else uri[:57] + "..."


def compile_query(
    node: Node, uri: Uri, way: DatabaseWay, query: Statement, after: Mapping[str, Statement | None]
) -> Query | None:
    """The consumer of an endpoint; notes what is wrong with its options."""
    times, options = schedule(node, uri), uri.options
    numbers = [options.get("expectedUpdateCount", "-1"), options.get("maxMessagesPerPoll", "0")]
    if not all(number.lstrip("-").isdigit() for number in numbers):
        node.problem("/uri", "option-value", "expectedUpdateCount or maxMessagesPerPoll of sql: is no number",
                     "Write 1, or leave it out.")  # fmt: skip
        return None
    if not query.reads:
        node.problem("/uri", "option-value", "a route that starts from sql: needs a query",
                     "Write a select; statements that change rows belong into onConsume.")  # fmt: skip
        return None
    if times is None:
        return None
    return Query(
        node.scope.source.file, f"sql:{uri.path}", way, node.scope.services, times, query, after, int(numbers[0]),
        options.get("breakBatchOnConsumeFail") == "true", options.get("useIterator") != "false",
        options.get("routeEmptyResultSet") == "true", options.get("sendEmptyMessageWhenIdle") == "true",
        max(int(numbers[1]), 0),
    )  # fmt: skip


__all__ = ["Query", "compile_query"]
