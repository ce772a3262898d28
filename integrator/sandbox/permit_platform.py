"""The simulator of the regional permit platform: REST, takes permits once per Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, ClassVar

from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractViolation
from integrator.exchange import InvalidRequest
from integrator.sandbox.faults import Fault
from integrator.sandbox.simulator import Reply, Request, Simulator
from integrator.security.parsers import dump_json, parse_json

KEYS_MAX = 10_000


class PermitPlatform(Simulator):
    """Accepts `POST /permits`. `schema` is what the operation declares for its requests, if anything.

    The same key with the same body gets the first answer again and is not kept twice; with another
    body it is refused (422).
    """

    faults: ClassVar[frozenset[Fault]] = Simulator.faults | {
        Fault.BREAKS_CONTRACT,
        Fault.UNAVAILABLE,
        Fault.REJECTED,
    }

    def __init__(self, schema: JsonSchema | None = None) -> None:
        super().__init__()
        self._schema = schema
        self._known: OrderedDict[str, tuple[bytes, Reply]] = OrderedDict()
        self._accepted = 0

    @property
    def accepted(self) -> int:
        """How many different permits were accepted."""
        return self._accepted

    def note(self, request: Request) -> dict[str, Any]:
        """What `received` keeps: the request, its key and whether that key was known."""
        key = request.headers.get("idempotency-key")
        return {**super().note(request), "key": key, "duplicate": key in self._known}

    def answer(self, request: Request) -> Reply:
        """201 for a new permit, the first answer again for a known one."""
        if request.path != "/permits":
            return _problem(404, "nothing is here: POST /permits")
        if request.method != "POST":
            return _problem(405, "POST a permit")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _problem(415, "send application/json")
        key = request.headers.get("idempotency-key")
        if not key:
            return _problem(400, "the header Idempotency-Key is missing")
        digest = hashlib.sha256(request.body).digest()
        known = self._known.get(key)
        if known is not None:
            return known[1] if known[0] == digest else _problem(422, "the key is known with another body")
        try:
            value = parse_json(request.body)
            if self._schema is not None:
                self._schema.validate(value)
        except (InvalidRequest, ContractViolation) as error:
            return _problem(400, str(error))
        return self._accept(key, digest)

    def play(self, fault: Fault, request: Request) -> Reply:
        """The answers of a provider in trouble."""
        if fault is Fault.UNAVAILABLE:
            return _problem(503, "down for maintenance")
        if fault is Fault.REJECTED:
            return _problem(400, "the permit is refused")
        return Reply(201, b'{"id": "PRM-1", ')

    def _accept(self, key: str, digest: bytes) -> Reply:
        self._accepted += 1
        reply = Reply(201, dump_json({"id": f"PRM-{self._accepted:06}", "status": "registered"}))
        self._known[key] = (digest, reply)
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)
        return reply


def _problem(status: int, title: str) -> Reply:
    return Reply(status, dump_json({"status": status, "title": title}), "application/problem+json")
