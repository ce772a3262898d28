"""One mistake for every rule: found at its place, by its rule, and nothing else is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from integrator import engine
from integrator.authoring.check.routes import _ENGINE
from integrator.authoring.check.rule import RULES
from integrator.engine.problems import LINTS
from tests.authoring.sites import LG, NG, D, Edit, L, M, N, P, R

TWO_FLOWS_ONE_PATH = Edit(R, "POST /v1/notices", "§POST /v1/lookups")

DROP = "adapters/regional/drop.yaml"
FILES = """\
system: drop
party: regional/office
protocol: files
endpoint: /srv/drop
operations:
  take: {access: read, allow: [{flow: notify}]}
"""

CASES: dict[str, tuple[str, tuple[Edit, ...]]] = {
    # reading
    "not YAML": ("yaml-syntax", (Edit(D, "protocol: rest", "protocol: re§: st"),)),
    "tab": ("yaml-tab", (Edit(D, "    rest: POST", "§\trest: POST"),)),
    "tag": ("yaml-tag", (Edit(D, "system: desk", "system: §!!python/name:os.system desk"),)),
    "unquoted expression": (
        "unquoted-expression",
        (Edit(N, "        - to:", "        - setBody: {simple: §${body}}\n        - to:"),),
    ),
    "unquoted reference": ("unquoted-expression", (Edit(M, "headers: mini-v1",
        "headers: mini-v1\nsecurity: {sign: {certificate: §${file:/run/a.pem}}}"),)),
    "duplicate key": ("duplicate-key", (Edit(D, "protocol: rest", "protocol: rest\n§protocol: rest"),)),
    "key not text": ("key-not-text", (Edit(P, "regional/office:", "? §[a, b]\n: c\nregional/office:"),)),
    "alias": ("unknown-alias", (Edit(D, "system: desk", "system: §*nothing"),)),
    "two documents": ("several-documents", (Edit(D, "system: desk", "system: desk\n§---\nparty: x/y"),)),
    "misplaced": ("misplaced-file", (Edit("adapters/lost.yaml", "", "§system: lost\n"),)),
    "yml": ("misplaced-file", (Edit("routes/regional/old.yml", "", "§[]\n"),)),
    "no such include": ("missing-file", (Edit(R, "integrator: 1", "integrator: 1\ninclude: [§flows/*.yaml]"),)),
    # the models
    "unknown key": ("unknown-key", (Edit(R, "    field-groups:", "    §feild-groups: {}\n    field-groups:"),)),
    "missing key": ("missing-key", (Edit(R, "  notify:\n    title: {fr: Notifier}", "  §notify:"),)),
    "wrong choice": ("wrong-value", (Edit(R, "exchange: request-reply", "exchange: §request"),)),
    "number for text": ("wrong-value", (Edit(P, 'nis: "92094"', "nis: §92094"),)),
    "wrong name": ("wrong-name", (Edit(R, "    owner: regional/office\n    route: routes/regional/n",
                                       "    owner: §Office\n    route: routes/regional/n"),)),
    "wrong BCE": ("wrong-bce", (Edit(P, '"0207362739"', '§"0207362738"'),)),
    "wrong NIS": ("wrong-nis", (Edit(P, '"92094"', '§"9209"'),)),
    "fingerprint": ("wrong-fingerprint", (Edit(P, "contact: it@one.example", "certificates: [§sha256:00]"),)),
    "duration": ("wrong-duration", (Edit(D, "protocol: rest", "protocol: rest\ntimeout: §8 seconds"),)),
    "period backwards": ("wrong-period", (Edit(LG, "2026-01-01/2030-12-31", "§2030-01-01/2026-12-31"),)),
    "no such day": ("wrong-period", (Edit(LG, "2026-01-01/2030-12-31", "§2026-02-30/2030-12-31"),)),
    "quota": ("wrong-quota", (Edit(LG, "100/min", "§100 per minute"),)),
    "percentage": ("wrong-percentage", (Edit(R, "    delivery:", "    service-level: {availability: §99.5 percent}\n    delivery:"),)),
    "retention": ("wrong-retention", (Edit(R, "    delivery:", "    retention: §10 years\n    delivery:"),)),
    "REST line": ("wrong-rest-path", (Edit(R, "POST /v1/notices", "§v1/notices"),)),
    "JSONPath": ("wrong-json-path", (Edit(R, "[$..niss]", "[§'$..[?(@.niss)]']"),)),
    "header name": ("wrong-header-name", (Edit(R, "[{rest: POST /v1/notices}]",
                                               "[{rest: POST /v1/notices, headers: [§A B]}]"),)),
    "header family": ("wrong-header-family", (Edit(M, "headers: mini-v1", "headers: §mini"),)),
    "pattern": ("wrong-pattern", (Edit(R, "contexts: {mini: PERMIT}",
                                       "contexts: {mini: PERMIT}, dossier: {sources: [a], pattern: §'('}"),)),
    "reference": ("wrong-reference", (Edit(M, "${env:MINI_URL}", "${environment:MINI}"),)),
    "key written out": ("wrong-reference", (Edit(M, "headers: mini-v1",
                                                 "headers: mini-v1\nsecurity: {sign: {certificate: §bced.pem}}"),)),
    "endpoint": ("wrong-endpoint", (Edit(D, "https://desk.example/base", "§desk.example"),)),
    "two doors": ("wrong-entry", (Edit(R, "[{rest: POST /v1/notices}]", "[§{parameters: [a]}]"),)),
    "subjects and none": ("wrong-subjects", (Edit(R, "    subjects: {request: [$.niss]}\n",
                                                  "    subjects: §{request: [$.niss], none: because of a reason}\n"),)),
    "party": ("wrong-party", (Edit(P, "{members: [municipal/two, municipal/three]}", '§{title: {fr: Rien}}'),)),
    "outside": ("outside-site", (Edit(R, "request: schemas/request.schema.json\n    answer",
                                      "request: §../request.json\n    answer"),)),
    # files
    "missing route": ("missing-file", (Edit(R, "routes/regional/notify.camel.yaml", "§routes/regional/notifi.camel.yaml"),)),
    "missing schema": ("missing-file", (Edit(R, "answer: schemas/answer.schema.json", "answer: §schemas/answers.json"),)),
    "missing jq": ("missing-file", (Edit(R, "out: schemas/mini.jq", "out: §schemas/maxi.jq"),)),
    "missing binder": ("missing-file", (Edit(M, "mini-v1", "§maxi-v1"),)),
    "missing style sheet": ("missing-file", (Edit(N, "- to: adapter", "- to: §xslt:schemas/none.xsl\n        - to: adapter"),)),
    "missing import": ("missing-import", (
        Edit(N, "- to: adapter", "- to: xslt:schemas/a.xsl\n        - to: adapter"),
        Edit("schemas/a.xsl", "", '§<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0">'
                                  '<x:import href="b.xsl"/></x:stylesheet>\n'))),
    "route name": ("route-file-name", (Edit(R, "routes/regional/notify.camel.yaml", "§schemas/request.schema.json"),
                                       Edit(N, "uri: flow:notify", "uri: direct:notify"))),
    "stray grants": ("grants-without-flow", (Edit("routes/regional/notfy.grants.yaml", "", "§[]\n"),)),
    "no grants": ("flow-without-grants", (Edit(NG, "", "[]\n"), Edit(R, "  notify:", "  §notify:"))),
    "not JSON": ("wrong-json-schema", (Edit("schemas/request.schema.json", "", "§{\n"),)),
    "no JSON Schema": ("wrong-json-schema", (Edit("schemas/request.schema.json", "", '§{"type": "objct", "properties": {"niss": {}}}\n'),)),
    "remote reference": ("wrong-json-schema", (
        Edit("schemas/request.schema.json", "",
             '§{"properties": {"niss": {"$ref": "https://schema.example/niss.json"}}}\n'),)),
    # names
    "flow twice": ("duplicate-id", (
        Edit(R, "integrator: 1", "integrator: 1\ninclude: [flows/*.yaml]"),
        Edit("flows/more.yaml", "", "purposes:\n  §permit: {title: {fr: Permis}, legal-basis: Loi, contexts: {mini: PERMIT}}\n"))),
    "party twice": ("duplicate-id", (
        Edit("parties/more.yaml", "", '§municipal/one: {organisation: "0207362739", title: {fr: Un}}\n'),)),
    "certificate twice": ("duplicate-certificate", (
        Edit(P, "contact: it@one.example", f"certificates: [sha256:{'0' * 64}]"),
        Edit(P, "title: {fr: Deux}", f"title: {{fr: Deux}}, certificates: [§sha256:{'0' * 64}]"))),
    "unknown owner": ("unknown-party", (Edit(D, "party: regional/office", "party: §regional/offise"),)),
    "unknown grantee": ("unknown-party", (Edit(NG, "to: municipal/two", "to: §municipal/tow"),)),
    "unknown member": ("unknown-party", (Edit(P, "[group/all]", "[§group/al]"),)),
    "group as owner": ("group-not-allowed", (Edit(D, "party: regional/office", "party: §group/all"),)),
    "unknown purpose": ("unknown-purpose", (Edit(NG, "[permit]", "[§permits]"),)),
    "unknown purpose of adapter": ("unknown-purpose", (Edit(M, "[permit, study]", "[permit, study, §hobby]"),)),
    "unknown flow": ("unknown-flow", (Edit(D, "[{flow: notify}]", "[{flow: notify}, {flow: §notifi}]"),)),
    "language": ("title-language", (Edit(R, "    title: {fr: Notifier}", "    §title: {en: Notify}"),)),
    # entries
    "reserved": ("reserved-path", (Edit(R, "POST /v1/notices", "§POST /v1/exchanges/notices"),)),
    "below /soap": ("reserved-path", (Edit(R, "POST /v1/notices", "§POST /soap/notices"),)),
    "same path": ("overlapping-path", (TWO_FLOWS_ONE_PATH,)),
    "template overlaps": ("overlapping-path", (Edit(R, "POST /v1/notices", '§"POST /v1/{kind}"'),)),
    "SOAP operation twice": ("overlapping-path", (
        Edit(R, "    subjects: {request: [$.niss], response",
             "      - soap: {path: /soap/mini, wsdl: schemas/mini.wsdl, operation: §getMini, in: ., out: schemas/mini.jq}\n"
             "    subjects: {request: [$.niss], response"),)),
    "identifier in path": ("personal-identifier-in-path", (Edit(R, "POST /v1/lookups", "§POST /v1/lookups/{niss}"),)),
    "identifier in query": ("personal-identifier-in-path", (
        Edit(R, "- rest: POST /v1/lookups", "- {rest: POST /v1/lookups, parameters: [§personNumber]}"),)),
    "personal by GET": ("personal-identifier-in-path", (Edit(R, "POST /v1/lookups", "§GET /v1/lookups"),)),
    "delivery of a reply": ("event-entry", (Edit(R, "    field-groups:", "    §delivery: {}\n    field-groups:"),)),
    "event by SOAP": ("event-entry", (
        Edit(R, "entries: [{rest: POST /v1/notices}]", "entries:\n      - rest: POST /v1/notices\n      - soap: §{path: /soap/notices, "
             "wsdl: schemas/mini.wsdl, operation: getMini, in: ., out: .}"),)),
    "answer of an event": ("event-entry", (Edit(R, "    delivery:", "    §field-groups: {}\n    delivery:"),)),
    # fields
    "unknown field": ("unknown-field", (Edit(R, "[niss, name]", "[niss, name, §nam]"),)),
    "unknown group": ("unknown-field-group", (Edit(LG, "[identity, address]", "[identity, address, §adress]"),)),
    "ungrouped": ("ungrouped-field", (Edit(R, "answer: schemas/answer.schema.json", "answer: §schemas/answer.schema.json"),
                                      Edit("schemas/answer.schema.json", '"name": {', '"nick": {"type": "string"}, "name": {'))),
    "no subjects": ("personal-without-subjects", (
        Edit(R, "  notify:", "  §notify:"), Edit(R, "    subjects: {request: [$.niss]}\n", ""))),
    "no subjects of the answer": ("personal-without-subjects", (
        Edit(R, "    subjects: {request: [$.niss], response: [$..niss]}", "    §subjects: {request: [$.niss]}"),)),
    "subject nowhere": ("subject-not-in-schema", (Edit(R, "response: [$..niss]", "response: [§$.address.niss]"),)),
    "subject without schema": ("subject-without-schema", (
        Edit(R, "    request: schemas/request.schema.json\n    entries", "    entries"),
        Edit(R, "    subjects: {request: [$.niss]}\n", "    subjects: {§request: [$.niss]}\n"))),
    # adapters
    "system name": ("system-name", (Edit(D, "system: desk", "system: §dsk"),)),
    "SOAP without contract": ("missing-key", (Edit(M, "protocol: soap\nwsdl: schemas/mini.wsdl", "protocol: §soap"),
                                              Edit(R, "wsdl: schemas/mini.wsdl",
                                                   "wsdl: schemas/mini.wsdl\n          headers: mini-v1"))),
    "REST with contract": ("wrong-adapter", (Edit(D, "protocol: rest", "protocol: rest\n§wsdl: schemas/mini.wsdl"),)),
    "SOAP with path": ("wrong-adapter", (Edit(M, "{access: read", "{§rest: POST /x, access: read"),)),
    "REST without path": ("missing-key", (Edit(D, "  register:\n    rest: POST /notices", "  §register:"),)),
    "operation of adapter": ("operation-not-in-wsdl", (Edit(M, "  getMini:", "  §getMinis: {access: read, allow: [{flow: lookup}]}\n  getMini:"),)),
    "operation of entry": ("operation-not-in-wsdl", (Edit(R, "operation: getMini", "operation: §getMaxi"),)),
    "operation for nobody": ("unused-operation", (Edit(D, "  register:", "  §other: {rest: GET /x, access: read}\n  register:"),)),
    # routes
    "no list": ("route-not-list", (Edit(N, "", "§{}\n"),)),
    "engine": ("engine-missing", (Edit(R, "exchange: event", "exchange: event\n    engine: §camel-k"),)),
    "step": ("unknown-step", (Edit(N, "- to: adapter", "- setBdy: §{constant: a}\n        - to: adapter"),)),
    "expression": ("expression", (Edit(L, "jq: '{number: .niss}'", "jq: §'{number: .niss'"),)),
    "timer": ("entry-not-registered", (Edit(N, "uri: flow:notify", "uri: flow:notify\n      steps: []\n- route:\n"
                                            "    id: tick\n    from:\n      uri: §timer:tick"),)),
    "other flow": ("entry-not-registered", (Edit(N, "- route:", "- route: {id: x, from: {uri: §flow:nowhere, steps: []}}\n- route:"),)),
    "entry of nothing": ("entry-without-consumer", (
        Edit(R, "entries: [{rest: POST /v1/notices}]", "entries:\n      - rest: POST /v1/notices\n      - consume: "
             "{uri: §'timer:tick', as: municipal/one, purpose: permit}"),)),
    "groups of a call": ("groups-not-kept", (
        Edit(L, "- setBody:", "- aggregate: {correlationExpression: {constant: a}, completionSize: 2, steps: [{stop: {}}], aggregationStrategy: '#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy', "
             "aggregationRepository: §'#class:org.apache.camel.processor.aggregate.jdbc.JdbcAggregationRepository'}"
             "\n        - setBody:"),)),
    "reply to nobody": ("event-entry", (
        Edit(R, "      - rest: POST /v1/lookups", "      - rest: POST /v1/lookups\n      - consume: §{uri: 'timer:tick', as: municipal/one, purpose: permit}"),)),
    "no flow consumer": ("flow-without-route", (Edit(N, "uri: flow:notify", "uri: direct:notify"),
                                                Edit(R, "route: routes/regional/notify", "route: §routes/regional/notify"))),
    "egress": ("egress-not-registered", (Edit(N, "- to: adapter", "- to: §https://other.example/x\n        - to: adapter"),)),
    "unknown egress": ("egress-not-registered", (Edit(N, "- to: adapter", "- to: §tunnel:somewhere\n        - to: adapter"),)),
    "dynamic egress": ("egress-not-registered", (Edit(N, "- to: adapter", "- toD: §${header.where}\n        - to: adapter"),)),
    "no way": ("egress-not-registered", (Edit(N, "- to: adapter", "- to: §file:nowhere?fileName=a\n        - to: adapter"),)),
    "no data source": ("egress-not-registered", (Edit(N, "- to: adapter",
                                                      "- to: §sql:select 1?dataSource=#none\n        - to: adapter"),)),
    "no way at all": ("egress-not-registered", (Edit(N, "- to: adapter", "- toD: §http:${header.host}\n        - to: adapter"),)),
    "way not allowed": ("egress-not-allowed", (Edit(DROP, "", FILES),
                                               Edit(N, "- to: adapter", "- to: §file:drop?fileName=a\n        - to: adapter"))),
    "way of another kind": ("wrong-way", (Edit(DROP, "", FILES.replace("read,", "read, §queue: x,")),)),
    "way without path": ("missing-key", (Edit(DROP, "", FILES.replace("files", "http").replace("/srv/drop", "https://a.example")
                                              .replace("  take", "  §take")),)),
    "address of another kind": ("wrong-way", (Edit(DROP, "", FILES.replace("protocol: files", "protocol: sql")
                                                   .replace("/srv/drop", "§/srv/drop")),)),
    "two of one name": ("wrong-way", (Edit(DROP, "", FILES), Edit("adapters/regional/other.yaml", "", FILES.replace(
        "system: drop", "system: other\nreached-as: §drop")))),
    "server not known": ("missing-key", (Edit(DROP, "", FILES.replace("protocol: files", "protocol: §sftp")
                                              .replace("/srv/drop", "sftp://bus@drop.example/in")),)),
    "adapter": ("dangling-adapter", (Edit(N, "adapter:regional/desk?", "§adapter:regional/dsk?"),)),
    "adapter operation": ("dangling-adapter", (Edit(N, "adapter:regional/desk?operation=register",
                                                    "§adapter:regional/desk?operation=regster"),)),
    "adapter without operation": ("dangling-adapter", (Edit(N, "adapter:regional/desk?operation=register",
                                                            "§adapter:regional/desk"),)),
    "not allowed": ("operation-not-allowed", (Edit(D, "[{flow: notify}]", "[{flow: lookup}]"),
                                              Edit(N, "adapter:regional/desk", "§adapter:regional/desk"))),
    "purpose not allowed": ("purpose-not-allowed", (Edit(M, "[permit, study]", "[permit]"),
                                                    Edit(LG, "[study]", "[§study]"))),
    # contracts
    "contract": ("wrong-contract", (Edit("schemas/mini.wsdl", "", "§<definitions\n"),)),
    "contract from the network": ("wrong-contract", (
        Edit("schemas/mini.wsdl", "", '§<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">'
             '<import namespace="urn:x" location="http://x.example/x.wsdl"/></definitions>\n'),)),
    "binder": ("wrong-contract", (Edit("schemas/headers/mini-v1.yaml", "", "§family: mini\n"),)),
    "header family no YAML": ("file-too-large", (Edit("schemas/headers/mini-v1.yaml", "", "[" * 64 + "§[\n"),)),
    "header family twice": ("duplicate-key", (Edit("schemas/headers/mini-v1.yaml", "family: mini", "family: mini\n§family: x"),)),
    "no header family": ("soap-without-headers", (Edit(M, "headers: mini-v1\n", ""),
                                                  Edit(R, "wsdl: schemas/mini.wsdl", "wsdl: §schemas/mini.wsdl"))),
    "mapping": ("mapping-expression", (Edit(R, "in: '{niss: .number}'", "in: §'{niss: .number'"),)),
    "mapping file": ("mapping-expression", (Edit("schemas/mini.jq", "", "§{number: .niss,\n"),)),
    "no code": ("purpose-without-context", (Edit(R, "Étude}, legal-basis: Décret, contexts: {mini: STUDY}",
                                                 "Étude}, legal-basis: Décret"), Edit(LG, "[study]", "[§study]"))),
    "same code": ("same-context-code", (Edit(R, "{mini: STUDY}", "{mini: PERMIT}"),
                                        Edit(LG, "purposes: [permit]", "purposes: [permit, §study]"))),
    "too narrow": ("grant-too-narrow-for-contract", (Edit(LG, "fields: [identity, address]", "fields: §[address]"),)),
    "no message at all": ("answer-mapping", (Edit("schemas/mini.jq", "", "{number: .niss}\n"),
                                             Edit(R, "out: schemas/mini.jq", "out: §schemas/mini.jq"))),
    # secrets
    "password": ("secret-in-site", (Edit(N, "- to: adapter", "- setHeader: {name: Password, constant: §a}\n        - to: adapter"),)),
    "token value": ("secret-in-site", (Edit(N, "- to: adapter",
                                            "- setHeader: {name: X, constant: §Bearer abcdefghijklmnop}\n        - to: adapter"),)),
    "key in a file": ("secret-in-site", (Edit("schemas/mini.jq", "{number", "# §itg_0123456789abcdefghij\n{number"),)),
}  # fmt: skip

NOT_BY_TABLE = {
    "unreadable-file",
    "not-utf-8",
    "file-too-large",
    "route",
    "camel-k-only",
}  # test_check.py, tests/site/test_read.py


@pytest.mark.parametrize("name", CASES)
def test_rule(name, checked):
    rule, edits = CASES[name]
    problems, places = checked(*edits)
    assert [problem.rule for problem in problems] == [rule], problems
    if places:
        problem = problems[0]
        assert [(problem.file, problem.line, problem.column)] == places
    assert all(problem.message and problem.remedy for problem in problems)
    assert all(problem.severity == RULES[rule].severity for problem in problems)


def test_every_rule_has_a_case():
    cased = {rule for rule, _edits in CASES.values()}
    assert set(RULES) - cased - NOT_BY_TABLE - set(_ENGINE) - LINTS == set()  # the engine's: tests/engine


def test_every_rule_is_documented():
    assert all(len(rule.doc) > 15 for rule in RULES.values())


def test_every_rule_of_the_engine_is_in_the_catalogue():
    """The engine writes its rule ids where it finds the mistake: read them from its source."""
    places = {"problem": 1, "RouteProblem": 3, "ExpressionError": 2}
    found = set()
    for path in Path(engine.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(
                getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", "")
            )
            if isinstance(node, ast.Call) and name in places:
                given = [*node.args[places[name] :][:1], *(k.value for k in node.keywords if k.arg == "rule")]
                found |= {item.value for item in given if isinstance(item, ast.Constant)}
    assert len(found) > 20
    assert found - set(RULES) == set()
