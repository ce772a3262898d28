from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from integrator.contracts.binder import Binder
from integrator.contracts.compile import compile_wsdl
from integrator.contracts.contract import Contract
from integrator.exchange import (
    BrokenContract,
    NoData,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
)
from integrator.security.limits import Limits
from integrator.site.compile import compile_site
from integrator.site.compiled import CompiledSite, Entry
from integrator.store.units import StoreUnavailable
from tests.gateway.doubles import (
    AGENT,
    NAMUR,
    NISS,
    Answer,
    FunctionRoutes,
    World,
    called,
    flow,
    grant,
    site,
)

ROOT = Path(__file__).parents[2]
PATH = "/soap/person/v3"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
ERR = "{http://soa.spw.wallonie.be/data/common/error/v1}"
COD = "{http://soa.spw.wallonie.be/data/common/code/v1}"
TICKET = "0191e5a0-1111-7222-8333-444455556666"


@pytest.fixture(scope="session")
def walloon() -> CompiledSite:
    return CompiledSite.from_plain(compile_site(ROOT))


@pytest.fixture(scope="session")
def contracts(walloon: CompiledSite) -> dict[str, Contract]:
    return {name: Contract(plain) for name, plain in walloon.contracts.items()}


def known(exchange: Any) -> Any:
    called(exchange)
    return {
        "niss": exchange.message.as_json()["niss"],
        "name": {"lastName": ["Modèle"], "firstName": ["Alix"]},
        "birthDate": "1985-07-30",
    }


@pytest.fixture
def bced(walloon: CompiledSite, contracts: dict[str, Contract]) -> World:
    routes = FunctionRoutes({"flow:person-consult": known})
    binders = {name: Binder(plain) for name, plain in walloon.binders.items()}
    return World(routes, {}).build(walloon, contracts=contracts, binders=binders)


@pytest.fixture(scope="session")
def zeep_client(shared: Path) -> zeep.Client:
    return zeep.Client(str(shared / "contracts/bced/person_v3/BCEDPersonService_v3.wsdl"))


def request(client: zeep.Client, **changes: Any) -> bytes:
    """A getPerson request as zeep builds it from the original contract."""
    values: dict[str, Any] = {
        "organisation": NAMUR, "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT", "agent": AGENT, "manager": "RN/RBis",
        "dossier": "PE/2026/118", "source": "imio-urban", "niss": NISS, **changes,
    }  # fmt: skip
    privacy: dict[str, Any] = {
        "context": values["context"],
        "dossier": {"dossierId": {"_value_1": values["dossier"], "source": values["source"]}},
    }
    if values["agent"]:
        privacy["civilServantIdentifier"] = {
            "_value_1": values["agent"],
            "identityManager": values["manager"],
        }
    root = client.create_message(
        client.service,
        "getPerson",
        customerInformations={
            "ticket": TICKET,
            "timestampSent": "2026-11-24T08:00:00Z",
            "customerIdentification": {"organisationId": values["organisation"], "applicationName": "urban"},
        },
        privacyLog=privacy,
        request={"personNumber": values["niss"]},
    )
    return etree.tostring(root)


async def call(world: World, body: bytes, party: str = "municipal/namur", **changes: str | None) -> Answer:
    headers: dict[str, str | None] = {
        "content-type": "text/xml; charset=utf-8", "authorization": world.key(party), "soapaction": '"any"',
    }  # fmt: skip
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return await world.ask("POST", PATH, {k: v for k, v in headers.items() if v is not None}, body)


def fault(answer: Answer) -> tuple[str, str, str | None]:
    """Code, text and BCED category of a fault."""
    root = etree.fromstring(answer.body)
    element = root.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    assert element is not None, answer.body
    code = element.findtext(f"detail/{ERR}error/{ERR}code/{COD}code")
    return element.findtext("faultcode", ""), element.findtext("faultstring", ""), code


async def test_a_client_of_the_original_contract_is_served(bced: World, zeep_client: zeep.Client):
    answer = await call(bced, request(zeep_client))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8"), answer.body
    operation = zeep_client.service._binding._operations["getPerson"]
    reply = operation.process_reply(etree.fromstring(answer.body))
    exchange = answer.headers["belgov-trace-id"]
    assert (reply.customerTicket, reply.requestId) == (TICKET, exchange)
    assert (reply.status.value, reply.status.code) == ("PROCESSED", "SOA0000000")
    assert reply.person.personNumber == NISS
    assert bced.store.types() == ["received", "completed"]
    leaf = bced.store.leaves()[0]
    assert (leaf["entry"], leaf["purpose"], leaf["flow"]) == (
        "soap",
        "environmental-permit",
        "person-consult",
    )
    context = bced.routes.ran[0].context
    assert context is not None
    assert (context.consumer_ticket, context.application, context.organisation) == (TICKET, "urban", NAMUR)
    assert context.agent is not None
    assert (context.agent.manager, context.agent.identifier) == ("RN/RBis", AGENT)
    assert context.sent_us == 1_795_507_200_000_000


async def test_the_answer_is_valid_by_the_original_contract(
    bced: World, zeep_client: zeep.Client, shared: Path
):
    folder = shared / "contracts/bced/person_v3"
    original = Contract(compile_wsdl(folder / "BCEDPersonService_v3.wsdl", folder))
    answer = await call(bced, request(zeep_client))
    original.validate(etree.fromstring(answer.body).find(f"{{{SOAP}}}Body")[0])


async def test_no_data_is_the_contract_s_empty_answer(bced: World, zeep_client: zeep.Client):
    def nobody(_exchange):
        raise NoData

    bced.routes.handlers = {"flow:person-consult": nobody}
    answer = await call(bced, request(zeep_client))
    reply = zeep_client.service._binding._operations["getPerson"].process_reply(etree.fromstring(answer.body))
    assert (reply.status.value, reply.status.code, reply.person) == ("PROCESSED", "SOA0000001", None)
    assert bced.store.types() == ["received", "completed"]
    assert bced.store.leaves()[1]["outcome"] == "no-data"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"context": "HIGH_SCHOOL_CAREER"}, "purpose-not-granted"),
        ({"context": "INVENTED"}, "purpose-not-granted"),
        ({"dossier": "0"}, "dossier-void"),
        ({"dossier": "valeur sans importance"}, "dossier-void"),
        ({"dossier": "XX/1"}, "dossier-pattern"),
        ({"source": "elsewhere"}, "dossier-source"),
        ({"agent": None}, "agent-missing"),
        ({"agent": "85073003329"}, "agent-invalid"),
        ({"organisation": "0207343933"}, "on-behalf-of-not-allowed"),
        ({"organisation": "not-a-number"}, "organisation-mismatch"),
        ({"niss": "85073003329"}, "subject-invalid"),
        ({"niss": "12"}, "schema"),
    ],
)
async def test_refused_as_the_contract_s_fault(bced: World, zeep_client: zeep.Client, changes, reason):
    answer = await call(bced, request(zeep_client, **changes))
    assert answer.status == 500
    code, text, category = fault(answer)
    assert (code, category) == ("soap:Client", "600/00001")
    assert "8507300332" not in answer.body.decode()
    assert bced.routes.ran == []
    assert bced.store.types() == ["refused"]
    assert bced.store.leaves()[0]["error"]["code"] == reason
    assert text


async def test_a_grant_for_rest_alone_is_refused_at_the_soap_door(
    walloon: CompiledSite, contracts: dict[str, Contract], zeep_client: zeep.Client
):
    consult = walloon.flows["person-consult"]
    grants = tuple(replace(grant, entries=("rest",)) for grant in consult.grants)
    narrowed = replace(walloon, flows={**walloon.flows, "person-consult": replace(consult, grants=grants)})
    binders = {name: Binder(plain) for name, plain in walloon.binders.items()}
    routes = FunctionRoutes({"flow:person-consult": known})
    world = World(routes, {}).build(narrowed, contracts=contracts, binders=binders)
    answer = await call(world, request(zeep_client))
    assert answer.status == 500
    assert world.store.types() == ["refused"]
    assert world.store.leaves()[0]["error"]["code"] == "entry-not-granted"
    assert routes.ran == []


async def test_a_software_house_names_its_commune(bced: World, zeep_client: zeep.Client):
    answer = await call(bced, request(zeep_client, organisation="0207313348"), "software/imio")
    assert answer.status == 200
    consumer = bced.store.leaves()[0]["consumer"]
    assert consumer == {
        "party": "software/imio", "organisation": "0207313348", "on_behalf_of": "0207313348",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ProviderTimeout(), "140/00002"),
        (ProviderUnreachable(), "140/00002"),
        (BrokenContract("HTML"), "140/00001"),
        (ProviderFault(), "140/00001"),
        (ValueError(NISS), "150/00001"),
    ],
)
async def test_failures_are_server_faults_with_their_category(
    bced: World, zeep_client: zeep.Client, error, category
):
    def fail(_exchange):
        raise error

    bced.routes.handlers = {"flow:person-consult": fail}
    answer = await call(bced, request(zeep_client))
    assert answer.status == 500
    assert (fault(answer)[0], fault(answer)[2]) == ("soap:Server", category)
    assert bced.store.types() == ["received", "failed"]
    assert NISS not in answer.body.decode()


async def test_a_fault_is_understood_by_zeep(bced: World, zeep_client: zeep.Client):
    answer = await call(bced, request(zeep_client, dossier="0"))
    with pytest.raises(zeep.exceptions.Fault) as caught:
        zeep_client.service._binding.process_error(
            etree.fromstring(answer.body), zeep_client.service._binding._operations["getPerson"]
        )
    assert caught.value.code == "soap:Client"


async def test_end_record_not_writable(bced: World, zeep_client: zeep.Client):
    bced.store.fail = lambda unit: StoreUnavailable() if unit.records[0].final else None
    answer = await call(bced, request(zeep_client))
    assert answer.status == 503
    assert f"/v1/exchanges/{answer.headers['belgov-trace-id']}" in fault(answer)[1]
    assert NISS not in answer.body.decode()


async def test_without_credentials(bced: World, zeep_client: zeep.Client):
    answer = await call(bced, request(zeep_client), authorization=None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert fault(answer)[0] == "soap:Client"
    assert bced.store.types() == ["refused"]


def wrapped(inner: str, namespace: str = SOAP, before: str = "", header: str = "") -> bytes:
    return f'{before}<s:Envelope xmlns:s="{namespace}">{header}<s:Body>{inner}</s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "soap:Client"),
        (b"<a", "soap:Client"),
        (b"{}", "soap:Client"),
        (b"<a/>", "soap:Client"),
        (wrapped(""), "soap:Client"),
        (wrapped("<x/>"), "soap:Client"),
        (wrapped('<x xmlns="urn:x"/>'), "soap:Client"),
        (wrapped('<x xmlns="urn:x"/><y xmlns="urn:x"/>'), "soap:Client"),
        (wrapped("", before="<!DOCTYPE a>"), "soap:Client"),
        (wrapped("", before="<?evil x?>"), "soap:Client"),
        (wrapped("", namespace="http://www.w3.org/2002/06/soap-envelope"), "soap:VersionMismatch"),
    ],
)
async def test_what_is_no_message_of_the_contract(bced: World, body, code):
    answer = await call(bced, body)
    assert answer.status == 500
    assert fault(answer)[0] == code
    assert bced.store.types() == ["refused"]
    assert bced.routes.ran == []


async def test_xml_attacks(bced: World, shared: Path):
    files = [file for file in (shared / "corpora/xml-attacks").iterdir() if file.suffix == ".xml"]
    assert files
    for file in files:
        answer = await call(bced, file.read_bytes())
        assert answer.status in (413, 500), file.name
        assert fault(answer)[0] == "soap:Client"
    assert set(bced.store.types()) == {"refused"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 415),
        (None, 415),
        ("text/xml; charset=latin1", 415),
        ("application/soap+xml", 415),
    ],
)
async def test_content_types(bced: World, zeep_client: zeep.Client, kind, status):
    answer = await call(bced, request(zeep_client), content_type=kind)
    assert answer.status == status
    assert bced.store.types() == ["refused"]


async def test_a_version_the_contract_does_not_bind(bced: World, zeep_client: zeep.Client):
    body = request(zeep_client).replace(SOAP.encode(), SOAP12.encode())
    answer = await call(bced, body, content_type="application/soap+xml")
    root = etree.fromstring(answer.body)
    assert root.findtext(f".//{{{SOAP12}}}Value") == "soap:VersionMismatch"
    assert answer.headers["content-type"].startswith("application/soap+xml")


async def test_a_header_block_that_must_be_understood(bced: World, zeep_client: zeep.Client):
    block = (
        b'<soap-env:Header><h xmlns="urn:h" soap-env:mustUnderstand="1"/></soap-env:Header><soap-env:Body>'
    )
    answer = await call(bced, request(zeep_client).replace(b"<soap-env:Body>", block))
    assert fault(answer)[0] == "soap:MustUnderstand"


async def test_an_operation_without_an_entry(bced: World, contracts: dict[str, Contract]):
    (contract,) = contracts.values()
    root = contract.operations["searchPersonByName"].input
    namespace, _, name = root[1:].partition("}")
    answer = await call(bced, wrapped(f'<{name} xmlns="{namespace}"/>'))
    assert fault(answer)[0] == "soap:Client"
    assert bced.store.leaves()[0]["error"]["code"] == "operation-unknown"


async def test_limits(walloon: CompiledSite, contracts: dict[str, Contract]):
    binders = {name: Binder(plain) for name, plain in walloon.binders.items()}
    small = World(FunctionRoutes({}), {}, limits=Limits(request_body_bytes=100)).build(
        walloon, contracts=contracts, binders=binders
    )
    answer = await call(small, b" " * 101)
    assert answer.status == 413
    assert fault(answer)[0] == "soap:Client"


async def test_the_contract_is_served(bced: World):
    for query in ("wsdl", "WSDL"):
        answer = await bced.ask("GET", f"{PATH}?{query}", {"host": "bus.example:8080"})
        assert answer.status == 200
        root = etree.fromstring(answer.body)
        address = root.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
        assert address is not None
        assert address.get("location") == f"http://bus.example:8080{PATH}"
    imported = [node.get("schemaLocation") for node in root.iter("{http://www.w3.org/2001/XMLSchema}import")]
    assert imported
    served = await bced.ask("GET", str(imported[0]).replace("http://bus.example:8080", ""))
    assert served.status == 200
    assert etree.fromstring(served.body).tag == "{http://www.w3.org/2001/XMLSchema}schema"
    assert bced.store.records == []


@pytest.mark.parametrize("host", ["", "evil\\host/<x>", "a b"])
async def test_a_wicked_host_is_not_repeated(bced: World, host):
    answer = await bced.ask("GET", f"{PATH}?wsdl", {"host": host})
    assert b"http://localhost/soap/person/v3" in answer.body


async def test_the_public_address_is_served(bced: World):
    bced.gateway.plane.public_url = "https://bus.example/"
    assert b"https://bus.example/soap/person/v3" in (await bced.ask("GET", f"{PATH}?wsdl")).body


@pytest.mark.parametrize("query", ["", "?xsd=", "?xsd=../../etc/passwd", "?xsd=nothing.xsd", "?other"])
async def test_other_questions_by_get(bced: World, query):
    answer = await bced.ask("GET", f"{PATH}{query}")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert (await bced.ask("PUT", PATH)).status == 405


async def test_every_answer_with_a_broken_mapping_is_our_failure(bced: World, zeep_client: zeep.Client):
    bced.routes.handlers = {"flow:person-consult": lambda _exchange: {"niss": NISS, "name": {"invented": 1}}}
    answer = await call(bced, request(zeep_client))
    assert answer.status == 500
    assert bced.store.types() == ["received", "failed"]
    assert bced.store.leaves()[1]["error"]["code"] in ("answer-mapping", "schema")


# --- SOAP 1.2, on a contract of the tests without a header family -----------------------------------

DATA = Path(__file__).parent / "data"
SOAP12_TYPE = "application/soap+xml; charset=utf-8"


@pytest.fixture
def lookup() -> World:
    contract = Contract(compile_wsdl(DATA / "lookup.wsdl", DATA))
    entry = Entry("soap", "/soap/lookup", wsdl="lookup.wsdl", operation="Lookup", to_request="{niss: .number}",
                  from_answer="{number: .niss}")  # fmt: skip
    person = flow(
        "lookup", entry, subjects_request=("$.niss",), subjects_response=("$.niss",),
        field_groups={"identity": ("niss",)}, grants=(grant("municipal/namur", fields=("identity",)),),
    )  # fmt: skip
    routes = FunctionRoutes({"flow:lookup": lambda exchange: exchange.message.as_json()})
    return World(routes, {}).build(site(flows={"lookup": person}), contracts={"lookup.wsdl": contract})


async def ask12(world: World, number: str = NISS, **changes: str | None) -> Answer:
    body = wrapped(f'<lookup xmlns="urn:test:lookup"><number>{number}</number></lookup>', SOAP12)
    return await world.ask(
        "POST", "/soap/lookup", world.headers(**{"content-type": SOAP12_TYPE, **changes}), body
    )


async def test_soap_12_with_the_governed_http_headers(lookup: World):
    answer = await ask12(lookup)
    assert (answer.status, answer.headers["content-type"]) == (200, SOAP12_TYPE)
    root = etree.fromstring(answer.body)
    assert root.tag == f"{{{SOAP12}}}Envelope"
    assert root.findtext(".//{urn:test:lookup}number") == NISS
    assert lookup.store.leaves()[0]["purpose"] == "environmental-permit"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [({"integrator-purpose": None}, 400, "soap:Sender"), ({"authorization": None}, 401, "soap:Sender")],
)
async def test_soap_12_faults(lookup: World, changes, status, code):
    answer = await ask12(lookup, **changes)
    assert answer.status == status
    root = etree.fromstring(answer.body)
    assert root.findtext(f".//{{{SOAP12}}}Code/{{{SOAP12}}}Value") == code
    assert root.find(f".//{{{SOAP12}}}Detail") is None


async def test_soap_12_server_faults_and_no_data(lookup: World):
    def broken(_exchange):
        raise ProviderTimeout

    lookup.routes.handlers = {"flow:lookup": broken}
    answer = await ask12(lookup)
    assert answer.status == 500
    assert etree.fromstring(answer.body).findtext(f".//{{{SOAP12}}}Value") == "soap:Receiver"

    def nobody(_exchange):
        raise NoData

    lookup.routes.handlers = {"flow:lookup": nobody}
    answer = await ask12(lookup)
    assert answer.status == 200
    found = etree.fromstring(answer.body).find(".//{urn:test:lookup}found")
    assert found is not None
    assert len(found) == 0
