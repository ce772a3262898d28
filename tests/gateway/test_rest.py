from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from integrator.exchange import (
    BrokenContract,
    InvalidRequest,
    NoData,
    Overloaded,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
    Refused,
)
from integrator.security.limits import Limits
from tests.gateway.doubles import (
    AGENT,
    IMIO,
    NAMUR,
    NISS,
    FunctionRoutes,
    World,
    fails,
    person,
)

CONSULT = "/v1/persons/consult"


async def test_a_granted_consultation(world: World):
    answer = await world.consult()
    assert answer.status == 200
    assert answer.json == {
        "niss": NISS,
        "name": {"last": "Modèle", "first": "Alix"},
        "birthDate": "1985-07-30",
        "address": {"street": "Rue Exemple", "number": "1"},
    }
    assert world.store.types() == ["received", "completed"]
    first, last = world.store.leaves()
    assert first["consumer"] == {"party": "municipal/namur", "organisation": NAMUR}
    assert last["outcome"] == "with-data"
    assert last["previous"] == world.store.records[0].leaf_hash.hex()
    assert answer.headers["integrator-record"] == world.store.records[1].leaf_hash.hex()
    assert answer.headers["belgov-trace-id"] == first["exchange"] == last["exchange"]
    assert answer.headers["cache-control"] == "no-store"
    assert AGENT not in str(world.store.leaves())
    assert world.gateway.plane.open == {}


async def test_another_grant_releases_fewer_fields(world: World):
    answer = await world.consult(party="municipal/liege", integrator_agent=None)
    assert set(answer.json) == {"niss", "name", "birthDate"}
    assert world.store.leaves()[1]["fields"] == ["identity"]


async def test_the_context_routes_see(world: World):
    await world.consult(
        integrator_application="urban", belgov_related_trace_id="T-9", **{"integrator-dossier-type": "permit"}
    )
    context = world.routes.ran[0].context
    assert context is not None
    assert context.purpose_codes == {"bced": "ENVIRONMENTAL_OR_SINGLE_PERMIT"}
    assert (context.legal_basis, context.authorisation) == ("Décret du 11 mars 1999", "protocol 14")
    assert (context.application, context.consumer_ticket) == ("urban", "T-9")
    assert context.dossier is not None
    assert (context.dossier.source, context.dossier.id, context.dossier.type) == (
        "imio-urban",
        "PE/2026/118",
        "permit",
    )
    assert [s.id for s in context.subjects_request] == [NISS]
    assert [s.id for s in context.subjects_response] == [NISS]
    assert context.kind == "request-reply"


# --- who may not, and what is malformed --------------------------------------------------------

REFUSALS = [
    ({"integrator-purpose": None}, 403, "purpose-missing"),
    ({"integrator-purpose": "statistics"}, 403, "purpose-not-granted"),
    ({"integrator-purpose": "invented"}, 403, "purpose-not-granted"),
    ({"integrator-dossier": None}, 403, "dossier-missing"),
    ({"integrator-dossier": "imio-urban:0"}, 403, "dossier-void"),
    ({"integrator-dossier": "imio-urban:valeur sans importance"}, 403, "dossier-void"),
    ({"integrator-dossier": "imio-urban:"}, 403, "dossier-void"),
    ({"integrator-dossier": "elsewhere:PE/2026/118"}, 403, "dossier-source"),
    ({"integrator-dossier": "imio-urban:XX/1"}, 403, "dossier-pattern"),
    ({"integrator-dossier": "imio-urban:PE/2026/118x"}, 403, "dossier-pattern"),
    ({"integrator-agent": None}, 403, "agent-missing"),
    ({"integrator-agent": "RN/RBis:85073003329"}, 400, "agent-invalid"),
    ({"integrator-on-behalf-of": IMIO}, 403, "on-behalf-of-not-allowed"),
    ({"integrator-on-behalf-of": "123"}, 400, "header-unparsable"),
    ({"integrator-application": "x" * 33}, 400, "header-unparsable"),
    ({"integrator-dossier": "no colon"}, 400, "dossier-unparsable"),
    ({"idempotency-key": "k"}, 400, "idempotency-not-here"),
    ({"content-type": "text/plain"}, 415, "content-type"),
    ({"content-type": None}, 415, "content-type"),
    ({"content-type": "application/json; charset=latin1"}, 415, "charset"),
    ({"content-encoding": "gzip"}, 415, "content-encoding"),
    ({"authorization": None}, 401, "credentials-missing"),
    ({"authorization": "Bearer itg_x_y"}, 401, "credentials-invalid"),
    ({"authorization": "Basic eHg6eXk="}, 401, "credentials-invalid"),
]


@pytest.mark.parametrize(("changes", "status", "reason"), REFUSALS)
async def test_refused_with_one_record_and_nothing_forwarded(world: World, changes, status, reason):
    answer = await world.consult(**changes)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.routes.ran == []
    assert world.store.types() == ["refused"]
    (leaf,) = world.store.leaves()
    assert leaf["error"]["code"] == reason
    assert answer.json["instance"] == f"urn:uuid:{leaf['exchange']}"
    assert answer.headers["integrator-record"] == world.store.records[0].leaf_hash.hex()


async def test_charset_utf8_is_the_same_type(world: World):
    assert (await world.consult(**{"content-type": 'Application/JSON; charset="UTF-8"'})).status == 200


async def test_an_inscription_stands_for_a_dossier(world: World):
    changes = {"integrator-dossier": None, "integrator-inscription": "0191e5a0-1111-7222-8333-444455556666"}
    assert (await world.consult(**changes)).status == 200


@pytest.mark.parametrize(
    ("party", "reason"),
    [
        ("regional/spw", "no-grant"),
        ("municipal/mons", "grant-not-valid"),
        ("municipal/arlon", "purpose-not-granted"),
    ],
)
async def test_no_hint_of_other_grants(world: World, party, reason):
    answer = await world.consult(party=party)
    assert (answer.status, answer.json["reason"]) == (403, reason)
    for word in ("namur", "liege", "statistics", "environmental", "2021", "identity"):
        assert word not in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "json-malformed"),
        (b"{", 400, "json-malformed"),
        (b"<a/>", 400, "json-malformed"),
        (b'{"niss": "85073003328", "niss": "85073003328"}', 400, "json-duplicate-key"),
        (b'{"niss": NaN}', 400, "json-number"),
        (b'{"niss": "\\ud800"}', 400, "json-surrogate"),
        (b'{"niss": "\xff"}', 400, "encoding"),
        (b"[" * 100 + b"]" * 100, 413, "too-complex"),
        (b"[]", 400, "schema"),
        (b"{}", 400, "schema"),
        (b'{"niss": 85073003328}', 400, "schema"),
        (b'{"niss": "85073003329"}', 400, "subject-invalid"),
        (b'{"niss": "85073003328", "more": 1}', 400, "schema"),
        (b'{"niss": 1' + b"0" * 100 + b"}", 400, "json-number"),
        (b'{"niss": 1' + b"0" * 200 + b"}", 400, "json-number"),
    ],
)
async def test_a_body_that_breaks_its_contract(world: World, body, status, reason):
    answer = await world.ask("POST", CONSULT, world.headers(), body)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert world.store.types() == ["refused"]
    assert world.routes.ran == []
    assert b"8507300332" not in answer.body


async def test_problem_details_name_path_and_rule(world: World):
    document = (await world.ask("POST", CONSULT, world.headers(), b'{"niss": 1}')).json
    assert document["type"] == "urn:problem-type:belgif:badRequest"
    assert document["title"] == "Bad Request"
    assert document["issues"] == [
        {"type": "urn:problem-type:belgif:input-validation:schemaViolation", "in": "body", "name": "$.niss"}
    ]
    assert "$.niss: type" in document["message"]


@pytest.mark.parametrize(
    ("accepted", "title"),
    [("fr", "Autorisation absente"), ("nl-BE,fr;q=0.5", "Geen machtiging"), ("es, de;q=0.2", "Fehlende Berechtigung"),
     ("es", "Missing Permission"), ("*;q=x,,;", "Missing Permission")],
)  # fmt: skip
async def test_problems_speak_the_caller_s_language(world: World, accepted, title):
    answer = await world.consult(**{"integrator-purpose": None, "accept-language": accepted})
    assert answer.json["title"] == title


@pytest.mark.parametrize(
    "name",
    [
        "integrator-purpose",
        "integrator-dossier",
        "integrator-agent",
        "authorization",
        "integrator-application",
    ],
)
async def test_a_repeated_header(world: World, name):
    good = world.headers(integrator_application="a")
    answer = await world.ask("POST", CONSULT, [*good.items(), (name, good[name])], {"niss": NISS})
    assert (answer.status, answer.json["reason"]) == (400, "header-repeated")
    assert world.store.types() == ["refused"]


async def test_a_repeated_header_that_is_not_governed_is_no_matter(world: World):
    pairs = [*world.headers().items(), ("accept", "a/b"), ("accept", "c/d")]
    assert (await world.ask("POST", CONSULT, pairs, {"niss": NISS})).status == 200


async def test_body_limits(world: World):
    small = World(world.routes, world.handlers, limits=Limits(request_body_bytes=64)).build()
    headers = small.headers()
    declared = await small.ask("POST", CONSULT, {**headers, "content-length": "65"}, b"{}")
    assert (declared.status, declared.json["reason"]) == (413, "body-too-large")
    absurd = await small.ask("POST", CONSULT, {**headers, "content-length": "9" * 5000}, b"{}")
    assert absurd.status == 413
    lying = await small.ask("POST", CONSULT, {**headers, "content-length": "2"}, b" " * 65)
    assert lying.status == 413
    streamed = await small.ask("POST", CONSULT, headers, chunks=[b" " * 40, b" " * 40, b" " * 40])
    assert streamed.status == 413
    fits = await small.ask("POST", CONSULT, headers, chunks=[b'{"niss":', b'"85073003328"', b"}"])
    assert fits.status == 200
    assert small.store.types() == ["refused"] * 4 + ["received", "completed"]


async def test_the_limits_of_the_settings_hold_for_json():
    tight = World(FunctionRoutes({"flow:anything": person}), {}, limits=Limits(json_depth=2)).build()
    answer = await tight.ask("POST", "/v1/anything", tight.headers(), [[[1]]])
    assert (answer.status, answer.json["reason"]) == (413, "too-complex")


async def test_a_body_that_never_ends(world: World):
    answer = await world.ask("POST", CONSULT, world.headers(), b'{"niss"', disconnect=True)
    assert (answer.status, answer.json["reason"]) == (400, "body-incomplete")
    assert world.store.types() == ["refused"]


async def test_a_body_that_comes_too_slowly(world: World):
    slow = World(world.routes, world.handlers, limits=Limits(exchange_seconds=0.01)).build()
    headers = [(n.encode(), v.encode()) for n, v in slow.headers().items()]
    sent = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": CONSULT,
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    await slow.gateway(scope, receive, send)
    assert sent[0]["status"] == 408


# --- places ------------------------------------------------------------------------------------


async def test_unknown_path_and_wrong_method_without_credentials_are_noise(world: World):
    unknown = await world.ask("GET", "/nowhere")
    assert (unknown.status, unknown.json["reason"]) == (404, "path-unknown")
    assert "instance" not in unknown.json
    assert world.store.records == []
    await world.gateway.stop()
    (leaf,) = world.store.leaves()
    assert leaf["type"] == "noise"
    assert leaf["facts"]["reason"] == "path-unknown"
    assert leaf["facts"]["count"] == 1


async def test_unknown_path_of_a_known_party_is_recorded(world: World):
    answer = await world.ask("GET", "/nowhere", world.headers())
    assert answer.status == 404
    assert world.store.types() == ["refused"]
    assert world.store.leaves()[0]["consumer"]["party"] == "municipal/namur"


async def test_a_wrong_method_names_the_flow_and_what_is_allowed(world: World):
    answer = await world.ask("GET", CONSULT)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert world.store.types() == ["refused"]
    assert world.store.leaves()[0]["flow"] == "person-consult"
    both = await world.ask("DELETE", "/v1/anything", world.headers())
    assert (both.status, both.headers["allow"]) == (405, "POST, PUT")


async def test_parameters_of_path_and_query_become_the_canonical_request(world: World):
    answer = await world.ask(
        "GET",
        "/v1/codes/a%2Fb?year=2026&full=true&rate=1.5",
        world.headers(**{"x-wanted": "w", "x-other": "o"}),
    )
    assert answer.json == {"code": "a/b", "year": 2026, "full": True, "rate": 1.5, "wanted": "w"}
    assert list(world.routes.ran[0].message.headers) == ["X-Wanted"]


@pytest.mark.parametrize(
    "query", ["year=x", "full=1", "rate=nan", "rate=1_0", "year=1&year=2", "other=1", "year", "year=%ff", "code=1",
              "year=" + "9" * 30],
)  # fmt: skip
async def test_parameters_that_break_the_contract(world: World, query):
    answer = await world.ask("GET", f"/v1/codes/a?{query}", world.headers())
    assert (answer.status, answer.json["reason"]) == (400, "parameter")
    assert world.store.types() == ["refused"]


async def test_a_query_where_none_is_declared(world: World):
    answer = await world.ask("POST", f"{CONSULT}?niss={NISS}", world.headers(), {"niss": NISS})
    assert answer.status == 400
    assert NISS not in answer.body.decode()


# --- what providers and routes do ---------------------------------------------------------------

FAILURES = [
    (ProviderTimeout(), 504, "provider-timeout", "failed"),
    (ProviderUnreachable(), 502, "provider-unreachable", "failed"),
    (BrokenContract("HTML"), 502, "broken-contract", "failed"),
    (ProviderFault(code="SOA5100000"), 502, "provider-fault", "failed"),
    (Overloaded(), 503, "overloaded", "refused"),
    (Refused(reason="operation-not-allowed"), 403, "operation-not-allowed", "refused"),
    (InvalidRequest("x"), 502, "invalid-request", "failed"),
    (ValueError(NISS), 500, "internal", "failed"),
]


@pytest.mark.parametrize(("error", "status", "reason", "end"), FAILURES)
async def test_a_failing_provider(world: World, error, status, reason, end):
    world.routes.handlers = {"flow:person-consult": fails(error)}
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert world.store.types() == ["received", end]
    assert NISS not in answer.body.decode()


async def test_a_validation_before_the_first_call_is_the_consumer_s(world: World):
    world.routes.handlers = {"flow:person-consult": fails(InvalidRequest("$.niss: x"), after_call=False)}
    assert (await world.consult()).status == 400
    assert world.store.types() == ["received", "refused"]


async def test_no_data(world: World):
    world.routes.handlers = {"flow:person-consult": fails(NoData())}
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (404, "no-data")
    assert world.store.types() == ["received", "completed"]
    assert world.store.leaves()[1]["outcome"] == "no-data"
    assert "error" not in world.store.leaves()[1]


async def test_a_partial_answer(world: World):
    def partly(exchange):
        exchange.message.headers["Integrator-Outcome"] = "partial"
        return person(exchange)

    world.routes.handlers = {"flow:person-consult": partly}
    assert (await world.consult()).status == 200
    assert world.store.leaves()[1]["outcome"] == "partial"


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"niss": None, "name": {}}, "schema"),
        ({"name": {}}, "schema"),
        ({"niss": "85073003329", "name": {"a": 1}}, "subject-missing"),
        ({"niss": "", "name": {}}, "subject-missing"),
        ("text", "json-malformed"),
        (b"\xff", "encoding"),
        (None, "schema"),
        ([], "schema"),
    ],
)
async def test_an_answer_that_must_not_leave(world: World, result, reason):
    world.routes.handlers = {"flow:person-consult": lambda _exchange: result}
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (502, reason)
    assert world.store.types() == ["received", "failed"]
    leaf = world.store.leaves()[1]
    assert leaf["error"]["origin"] == "provider"
    assert "response" not in leaf


async def test_more_subjects_than_allowed_do_not_leave(world: World):
    few = World(
        FunctionRoutes(world.handlers), world.handlers, limits=Limits(subjects_per_exchange=1)
    ).build()
    few.routes.handlers = {"flow:person-consult": lambda _e: {"niss": NISS, "name": {"of": {"niss": AGENT}}}}
    answer = await few.consult()
    assert (answer.status, answer.json["reason"]) == (502, "subject-missing")


async def test_a_route_that_hangs_ends_at_the_deadline(world: World, monkeypatch):
    monkeypatch.setattr("integrator.gateway.pipeline._GRACE_SECONDS", 0.0)
    hasty = World(FunctionRoutes({}), {}, limits=Limits(exchange_seconds=0.01)).build()

    async def hang(_exchange):
        await asyncio.Event().wait()

    hasty.routes.handlers = {"flow:person-consult": hang}
    assert (await hasty.consult()).status == 504
    assert hasty.store.types() == ["received", "failed"]


async def test_an_answer_json_cannot_hold_is_the_bus_s_failure(world: World):
    world.routes.handlers = {"flow:anything": lambda _exchange: {"big": 10**40}}
    answer = await world.ask("POST", "/v1/anything", world.headers(), b"{}")
    assert (answer.status, answer.json["reason"]) == (500, "internal")
    assert world.store.types() == ["received", "failed"]


async def test_what_a_route_rolled_back_is_no_answer(world: World):
    def roll_back(exchange):
        exchange.rollback_only = True
        return {"niss": NISS}

    world.routes.handlers = {"flow:person-consult": roll_back}
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (500, "rolled-back")
    assert NISS not in answer.body.decode()
    assert world.store.types() == ["received", "failed"]


# --- corpora and canaries ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["y_", "n_", "i_"])
async def test_json_corpus(world: World, shared: Path, kind):
    files = sorted((shared / "corpora" / "json").glob(f"{kind}*.json"))
    assert files
    for file in files:
        answer = await world.ask("POST", "/v1/anything", world.headers(), file.read_bytes())
        if kind == "y_":
            refused = "duplicate" in file.name  # RFC 8259 only discourages them; we refuse them
            assert answer.status == (400 if refused else 200), file.name
        elif kind == "n_":
            assert answer.status in (400, 413), (file.name, answer.status)
        else:
            assert answer.status in (200, 400, 413), (file.name, answer.status)


CANARY = "kanarie-7f3a"
HEADERS = [
    "accept", "accept-encoding", "authorization", "belgov-related-trace-id", "client-cert", "cookie", "expect", "forwarded",
    "from", "host", "idempotency-key", "if-match", "integrator-application", "integrator-canary", "origin",
    "proxy-authorization", "range", "referer", "soapaction", "te", "traceparent", "upgrade", "user-agent", "via",
    "x-api-key", "x-correlation-id", "x-forwarded-for", "x-http-method-override", "x-wanted",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
async def test_a_canary_in_an_inbound_header_reaches_no_route_and_no_log(world: World, name, capsys):
    answer = await world.consult(**{name: CANARY})
    for exchange in world.routes.ran:
        assert dict(exchange.message.headers) == {}
        assert exchange.properties == {}
        context = exchange.context
        if name == "integrator-application":
            context.application = None
        if name == "belgov-related-trace-id":
            context.consumer_ticket = None
        assert CANARY not in repr(context)
    assert CANARY not in answer.body.decode()
    assert CANARY not in str(answer.headers)
    captured = capsys.readouterr()
    assert CANARY not in captured.err + captured.out
    assert CANARY not in str(world.store.leaves())


PERSON = "85073003328"


@pytest.mark.parametrize("case", range(len(REFUSALS) + len(FAILURES) + 6))
async def test_a_canary_person_is_in_no_log_problem_or_metric(world: World, case, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    body: object = {"niss": PERSON}
    changes: dict[str, str | None] = {"integrator-agent": f"RN/RBis:{PERSON}"}
    if case < len(REFUSALS):
        changes.update(REFUSALS[case][0])
    elif case < len(REFUSALS) + len(FAILURES):
        error = FAILURES[case - len(REFUSALS)][0]
        world.routes.handlers = {"flow:person-consult": fails(error)}
    else:
        body = [
            {"niss": PERSON, PERSON: PERSON},
            {PERSON: 1},
            [PERSON],
            PERSON,
            {"niss": PERSON + PERSON},
            {"niss": {"niss": PERSON}},
        ][case - len(REFUSALS) - len(FAILURES)]
    answer = await world.consult(body, **changes)
    assert answer.status >= 400
    captured = capsys.readouterr()
    seen = answer.body.decode() + str(answer.headers) + captured.err + captured.out + caplog.text
    seen += world.metrics.render().decode() + json.dumps(world.store.leaves())
    assert PERSON not in seen


async def test_identities_in_headers_never_reach_a_leaf(world: World):
    await world.consult(**{"integrator-purpose": PERSON})
    assert PERSON not in json.dumps(world.store.leaves())
