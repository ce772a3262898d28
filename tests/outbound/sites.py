"""A small compiled site with the two adapters of the Walloon one, for tests of outbound and sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from integrator.contracts.binder import Binder
from integrator.contracts.compile import compile_binder, compile_wsdl
from integrator.contracts.contract import Contract
from integrator.exchange import Agent, Context, Dossier
from integrator.site.compiled import Adapter, AdapterOperation, Allow, CompiledSite

ROOT = Path(__file__).parents[2]
WSDL = "schemas/bced/person_v3.wsdl"
PERMIT_SCHEMA = "schemas/permit-notification.schema.json"
PERSON, PERMITS = "regional/bced-person", "regional/permit-platform"
CONSUMER, BUS = "0207362739", "0316381138"
EXCHANGE = "0197a2c0-0000-7000-8000-000000000001"

PERMIT = {
    "reference": "PE/2026/118",
    "type": "environmental",
    "decision": "granted",
    "decidedOn": "2026-03-02",
    "municipality": "92094",
    "applicant": {"niss": "53480200724", "name": "Camille Exemple"},
    "site": {"street": "Rue du Moulin", "houseNumber": "1", "postCode": "5000", "municipality": "92094"},
}


@cache
def contract_plain() -> Mapping[str, Any]:
    return compile_wsdl(ROOT / WSDL, ROOT)


@cache
def contract() -> Contract:
    return Contract(contract_plain())


@cache
def binder_plain() -> Mapping[str, Any]:
    return compile_binder(ROOT / "schemas/headers/bced-v1.yaml")


def permit_schema() -> Any:
    return json.loads((ROOT / PERMIT_SCHEMA).read_text("utf-8"))


def operation(name: str, access: str, flow: str, *purposes: str, **parts: Any) -> AdapterOperation:
    return AdapterOperation(name, access, allow=(Allow(flow, purposes),), **parts)


def person_adapter(**changes: Any) -> Adapter:
    operations = {
        "getPerson": operation("getPerson", "read", "person-consult", "environmental-permit"),
        "searchPersonByName": operation("searchPersonByName", "search", "person-consult"),
        "searchPersonByAddress": operation("searchPersonByAddress", "search", "person-consult"),
        "publishPerson": operation("publishPerson", "write", "person-consult"),
    }
    adapter = Adapter(
        PERSON, "bced-person", "regional/bced", "soap", "http://bced.example/bced/person/v3", operations,
        wsdl=WSDL, headers="bced-v1",
    )  # fmt: skip
    return replace(adapter, **changes)


def permit_adapter(**changes: Any) -> Adapter:
    register = operation(
        "registerPermit", "write", "permit-notification", path="/permits", request=PERMIT_SCHEMA
    )
    adapter = Adapter(
        PERMITS, "permit-platform", "regional/spw-permits", "rest", "http://permits.example",
        {"registerPermit": register}, identify_as="bus",
    )  # fmt: skip
    return replace(adapter, **changes)


def site(*adapters: Adapter) -> CompiledSite:
    found = adapters or (person_adapter(), permit_adapter())
    return CompiledSite(
        hash="00" * 32,
        organisation=BUS,
        languages=("fr",),
        purposes={},
        parties={},
        flows={},
        adapters={adapter.id: adapter for adapter in found},
        contracts={WSDL: contract_plain()},
        schemas={PERMIT_SCHEMA: permit_schema()},
        binders={"bced-v1": binder_plain()},
    )


def binders() -> dict[str, Binder]:
    return {"bced-v1": Binder(binder_plain())}


def context(flow: str = "person-consult", **changes: Any) -> Context:
    made = Context(
        exchange_id=EXCHANGE,
        flow=flow,
        site="00" * 32,
        party="municipal/namur",
        organisation=CONSUMER,
        application="urban",
        agent=Agent("RN/RBis", "85073003328"),
        purpose="environmental-permit",
        purpose_codes={"bced": "ENVIRONMENTAL_OR_SINGLE_PERMIT"},
        dossier=Dossier("imio-urban", "PE/2026/118"),
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made
