"""What the engine costs: the person-consult route beside its adapter call, and jq closures against libjq.

Run: python benchmarks/engine_micro.py
Prints microseconds (median of seven rounds) as JSON lines. Closures and libjq are timed in turn, in one process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import jq
import yaml

from integrator.engine import Services, compile_routes
from integrator.engine.languages.jq import compile_jq
from integrator.exchange import AdapterAnswer, Exchange, Message
from integrator.security.parsers import CONVERSIONS
from integrator.site.compiled import RouteSource

ROUTE = """
- route:
    id: person-consult
    from:
      uri: flow:person-consult
      steps:
        - setBody: {jq: '{request: {personNumber: .niss}}'}
        - to: adapter:regional/bced-person?operation=getPerson
        - choice:
            when:
              - simple: "${header.Adapter-Code} == 'SOA0000001'"
                steps: [{throwException: {exceptionType: java.util.NoSuchElementException, message: none}}]
        - transform: {jq: '{niss: .person.personNumber, name: .person.name,
            birthDate: .person.birth.officialBirthDate,
            address: ([.person.addresses.address[]? | select(."@addressType" == "Residential")] | first)}'}
"""
PERSON = {
    "person": {
        "personNumber": "85073003328",
        "name": {"firstName": ["Jean", "Luc"], "lastName": "Exemple"},
        "birth": {"officialBirthDate": "1985-07-30"},
        "addresses": {
            "address": [
                {"@addressType": "Contact", "plainText": [{"#text": "rue A 1", "@lang": "fr"}]},
                {"@addressType": "Residential", "plainText": [{"#text": "rue B 2", "@lang": "fr"}]},
            ]
        },
    }
}
PROGRAMS = {
    "request": ("{request: {personNumber: .niss}}", {"niss": "85073003328"}),
    "path": (".person.birth.officialBirthDate", PERSON),
    "answer": (
        "{niss: .person.personNumber, name: .person.name, birthDate: .person.birth.officialBirthDate, address: "
        '([.person.addresses.address[]? | select(."@addressType" == "Residential")] | first)}',
        PERSON,
    ),
}
ROUNDS = 7


class Answering:
    """A sender that answers at once."""

    answer = AdapterAnswer(PERSON, status="PROCESSED", code="SOA0000000", ticket="T-1")

    async def call(self, *_: Any) -> AdapterAnswer:
        return self.answer


def microseconds(work: Callable[[int], None], count: int) -> float:
    """One round: the mean of `count` runs."""
    start = time.perf_counter()
    work(count)
    return (time.perf_counter() - start) / count * 1e6


def route_cost(count: int = 5_000) -> dict[str, Any]:
    """The whole route with an adapter that answers at once, beside making the exchange alone."""
    source = RouteSource("person-consult.camel.yaml", tuple(yaml.safe_load(ROUTE)))
    routes = compile_routes([source], Services(sender=Answering()))
    request = {"niss": "85073003328"}

    def exchange() -> Exchange:
        return Exchange(Message(request, conversions=CONVERSIONS), exchange_id="x")

    async def run(times: int) -> None:
        for _ in range(times):
            await routes.run("flow:person-consult", exchange())

    def make(times: int) -> None:
        for _ in range(times):
            exchange()

    rounds = [
        (microseconds(lambda n: asyncio.run(run(n)), count), microseconds(make, count)) for _ in range(ROUNDS)
    ]
    whole, made = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "measure": "person-consult route",
        "us": round(whole - made, 2),
        "limit_us": 25,
        "exchange_us": round(made, 2),
    }


def jq_cost(name: str, text: str, value: Any, count: int = 2_000) -> dict[str, Any]:
    """A program as closure and on libjq, round by round."""
    closure, program = compile_jq(text), jq.compile(text)
    assert closure(value) == program.input_value(value).all()

    def closures(times: int) -> None:
        for _ in range(times):
            closure(value)

    def library(times: int) -> None:
        for _ in range(times):
            program.input_value(value).all()

    rounds = [(microseconds(closures, count), microseconds(library, count // 4)) for _ in range(ROUNDS)]
    own, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "measure": f"jq {name}",
        "closure_us": round(own, 2),
        "libjq_us": round(other, 2),
        "ratio": round(other / own, 1),
    }


def main() -> None:
    """Measure everything and print it."""
    gc.disable()
    print(json.dumps(route_cost()))
    for name, (text, value) in PROGRAMS.items():
        print(json.dumps(jq_cost(name, text, value)))


if __name__ == "__main__":
    main()
