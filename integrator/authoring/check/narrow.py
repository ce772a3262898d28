"""Whether what a grant leaves of the answer still makes a valid message of the SOAP contract.

Tried on a synthetic answer made from the answer schema: minimised to the grant's fields, mapped by
the entry's jq, encoded, and held against the XSD, as the gateway does with a real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jq

from integrator.authoring.check.contracts import jq_error
from integrator.authoring.check.fields import resolved
from integrator.authoring.check.rule import Finding, declare, rule
from integrator.authoring.check.view import View
from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract
from integrator.contracts.problems import ContractViolation
from integrator.exchange import Context
from integrator.site.files import Item

MAX_DEPTH = 12
SAMPLE_ID = "00000000-0000-7000-8000-000000000000"

declare(
    "answer-mapping",
    """The `out` mapping of a SOAP entry makes no valid message even of a complete answer.

    Tried on an answer made from the answer schema (its `examples` first); give the schema examples
    that a real answer could have, or correct the mapping.
    """,
    "warning",
)


@rule("grant-too-narrow-for-contract")
def grant_too_narrow(view: View) -> Iterator[Finding]:
    """The fields of a grant are too few for the mandatory elements of the flow's SOAP contract.

    The party would get a fault instead of an answer. Grant more fields, or say `entries: [rest]` in
    the grant: on REST any part of the answer can be given.
    """
    for flow in view.flows:
        schema = view.json_schema(flow.text("answer"))
        if schema is None or not isinstance(flow.get("field-groups"), dict):
            continue
        for entry in view.soap_entries(flow):
            trial = _Trial.of(view, entry)
            if trial is not None:
                yield from _narrow_grants(view, flow, entry, trial, schema)


def _narrow_grants(
    view: View, flow: Item, entry: Item, trial: _Trial, schema: Mapping[str, Any]
) -> Iterator[Finding]:
    complete = next((sample for sample in samples(schema) if trial.fails(sample) is None), None)
    if complete is None:
        yield Finding(entry.place("out"), "a complete answer makes no valid message of the contract",
                      "correct the mapping, or give the answer schema examples", "answer-mapping")  # fmt: skip
        return
    groups = {group.id: [field for field, _place in group.texts()] for group in flow.items("field-groups")}
    for grant in view.site.grants_of(flow):
        if grant.get("entries") == ["rest"]:
            continue
        fields = {field for name, _place in grant.texts("fields") for field in groups.get(name, ())}
        failure = trial.fails({name: value for name, value in complete.items() if name in fields})
        if failure is not None:
            place = grant.place("fields") if grant.get("fields") else grant.place()
            yield Finding(place, f"the fields are too few for {entry.text('operation')} of the SOAP entry ({failure})",
                          "grant more field groups, or add 'entries: [rest]' to the grant")  # fmt: skip


class _Trial:
    """One SOAP entry, ready to build messages."""

    def __init__(self, contract: Contract, output: str, binder: Binder, mapping: str) -> None:
        self._contract, self._output, self._binder = contract, output, binder
        self._program = jq.compile(mapping)

    @classmethod
    def of(cls, view: View, entry: Item) -> _Trial | None:
        """The trial of an entry, or None where another rule says what is wrong with it."""
        plain = view.contract(entry.text("wsdl"))
        family = view.binder(view.family_of(entry))
        mapping = view.jq_text(entry.text("out") or "")
        operation = (plain or {}).get("operations", {}).get(entry.text("operation"))
        if plain is None or family is None or not mapping or operation is None or not operation["output"]:
            return None
        if jq_error(mapping) is not None:
            return None
        return cls(Contract(plain), operation["output"], Binder(family), mapping)

    def fails(self, answer: Mapping[str, Any]) -> str | None:
        """What keeps an answer from being a valid message (path and rule), or None."""
        context = Context(exchange_id=SAMPLE_ID, flow="", site="", consumer_ticket=SAMPLE_ID)
        binder = self._binder
        try:
            value = self._program.input_value(answer).first()
            if not isinstance(value, dict) or not value:
                return "the message would be empty"
            message = binder.write_answer(value, context, status=binder.success, code=binder.ok_code)
            self._contract.validate(self._contract.encode(self._output, message))
        except ContractViolation as violation:
            path, broken = violation.violations[0]
            return f"{path}: {broken}"
        except (ValueError, StopIteration) as error:
            return " ".join(str(error).split())[:200] or "the mapping gives nothing"
        return None


# --- synthetic answers ----------------------------------------------------------------------------


def samples(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Complete answers a schema allows: its examples, then with few and with all inner properties."""
    examples = schema.get("examples")
    yield from (item for item in (examples if isinstance(examples, list) else ()) if isinstance(item, dict))
    for everything in (False, True):
        made = _sample(schema, schema, everything=everything, depth=0)
        if isinstance(made, dict):
            yield made


def _sample(root: Mapping[str, Any], node: Any, *, everything: bool, depth: int) -> Any:
    parts = [part for part in resolved(root, node) if part.get("type") != "null"]
    for part in parts:
        for key in ("examples", "enum"):
            if isinstance(part.get(key), list) and part[key]:
                return part[key][0]
        for key in ("const", "default"):
            if part.get(key) is not None:
                return part[key]
    kinds = [part["type"] for part in parts if part.get("type")]
    kind = kinds[0] if kinds else "object"
    kind = next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        return _sample_object(root, parts, everything=everything, depth=depth)
    if kind == "array":
        items: Any = next((part["items"] for part in parts if isinstance(part.get("items"), Mapping)), {})
        return [_sample(root, items, everything=everything, depth=depth + 1)] if depth < MAX_DEPTH else []
    return {"string": "x", "integer": 1, "number": 1, "boolean": True}.get(kind)


def _sample_object(
    root: Mapping[str, Any], parts: list[Mapping[str, Any]], *, everything: bool, depth: int
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: set[str] = set()
    for part in parts:
        properties |= part["properties"] if isinstance(part.get("properties"), Mapping) else {}
        required |= set(part["required"]) if isinstance(part.get("required"), list) else set()
    if depth >= MAX_DEPTH:
        properties = {}
    return {
        name: _sample(root, value, everything=everything, depth=depth + 1)
        for name, value in properties.items()
        if everything or depth == 0 or name in required
    }
