"""The plain form: complete, JSON-able, groups expanded, files in it."""

from __future__ import annotations

import json

import pytest

from integrator.site.compile import compile_site, imported_files, is_jq_file, route_resources
from integrator.site.compiled import Allow, CompiledSite, Delivery
from integrator.site.content_hash import content_hash
from integrator.site.problems import SiteError
from tests.authoring.sites import BASE, LG, WSDL, Edit, M, N, P, R, edited, write


def compiled(tmp_path, *edits):
    files, _places = edited(*edits)
    return CompiledSite.from_plain(json.loads(json.dumps(compile_site(write(tmp_path, files)))))


def test_it_is_named_by_its_content(tmp_path):
    assert compiled(tmp_path).hash == content_hash(tmp_path)


def test_the_register(tmp_path):
    site = compiled(tmp_path)
    assert (site.organisation, site.languages) == ("0316381138", ("fr",))
    assert site.purposes["permit"].contexts == {"mini": "PERMIT"}
    flow = site.flows["lookup"]
    assert (flow.exchange, flow.data, flow.retention) == ("request-reply", "personal", "P10Y")
    assert flow.field_groups == {"identity": ("niss", "name"), "address": ("address",)}
    assert (flow.subjects_request, flow.subjects_response, flow.subjects_none) == (
        ("$.niss",),
        ("$..niss",),
        None,
    )
    assert site.flows["notify"].delivery == Delivery(attempts=3)


def test_entries(tmp_path):
    rest, soap = compiled(tmp_path).flows["lookup"].entries
    assert (rest.kind, rest.method, rest.path) == ("rest", "POST", "/v1/lookups")
    assert (soap.kind, soap.path, soap.operation, soap.binder) == ("soap", "/soap/mini", "getMini", "mini-v1")
    assert (soap.to_request, soap.to_request_file) == ("{niss: .number}", None)
    assert (soap.from_answer, soap.from_answer_file) == (BASE["schemas/mini.jq"], "schemas/mini.jq")


def test_an_entry_s_own_header_family_wins(tmp_path):
    site = compiled(
        tmp_path,
        Edit(R, "operation: getMini", "operation: getMini\n          headers: other-v1"),
        Edit("schemas/headers/other-v1.yaml", "", BASE["schemas/headers/mini-v1.yaml"]),
    )
    assert site.flows["lookup"].entries[1].binder == "other-v1"
    assert set(site.binders) == {"mini-v1", "other-v1"}


def test_grants_have_their_groups_expanded(tmp_path):
    one, group = compiled(tmp_path).flows["lookup"].grants
    assert (one.parties, one.quota, one.agent) == (("municipal/one",), (100, 60), "required")
    assert (one.valid_from, one.valid_until) == ("2026-01-01", "2030-12-31")
    assert group.parties == ("municipal/two", "municipal/three")
    assert (group.valid_from, group.quota, group.entries) == (None, None, ())


def test_grants_for_one_kind_of_entry(tmp_path):
    edit = Edit(LG, "fields: [identity, address]", "fields: [address]\n  entries: [rest]")
    assert compiled(tmp_path, edit).flows["lookup"].grants[0].entries == ("rest",)


@pytest.mark.parametrize(
    ("written", "days"), [("2026-01-01/", ("2026-01-01", None)), ("/2030-12-31", (None, "2030-12-31"))]
)
def test_open_periods(written, days, tmp_path):
    grant = compiled(tmp_path, Edit(LG, "2026-01-01/2030-12-31", written)).flows["lookup"].grants[0]
    assert (grant.valid_from, grant.valid_until) == days


@pytest.mark.parametrize(("written", "quota"), [("5/s", (5, 1)), ("7/h", (7, 3600)), ("9/day", (9, 86_400))])
def test_quotas(written, quota, tmp_path):
    assert compiled(tmp_path, Edit(LG, "100/min", written)).flows["lookup"].grants[0].quota == quota


def test_groups_may_nest_and_even_hold_each_other(tmp_path):
    site = compiled(
        tmp_path,
        Edit(P, "group/all: {members: [municipal/two, municipal/three]}",
             "group/all: {members: [municipal/two, group/more]}\ngroup/more: {members: [municipal/three, group/all]}"),
    )  # fmt: skip
    assert site.parties["software/house"].may_act_for == ("municipal/two", "municipal/three")
    assert "group/all" not in site.parties


def test_adapters(tmp_path):
    site = compiled(
        tmp_path, Edit(M, "headers: mini-v1", "headers: mini-v1\ntimeout: 500ms\nidentify-as: bus")
    )
    mini, desk = site.adapters["regional/mini"], site.adapters["regional/desk"]
    assert (mini.protocol, mini.wsdl, mini.headers, mini.timeout) == (
        "soap",
        "schemas/mini.wsdl",
        "mini-v1",
        0.5,
    )
    assert (mini.identify_as, mini.endpoint, mini.breaker_open) == ("bus", "${env:MINI_URL}", 30.0)
    assert mini.operations["getMini"].allow == (Allow("lookup", ("permit", "study")),)
    register = desk.operations["register"]
    assert (register.method, register.path, register.access) == ("POST", "/notices", "write")
    assert register.allow == (Allow("notify"),)


def test_routes_keep_the_line_of_every_node(tmp_path):
    route = compiled(tmp_path).flows["lookup"].route
    assert route.file == "routes/regional/lookup.camel.yaml"
    assert route.documents[0]["route"]["from"]["uri"] == "flow:lookup"
    assert route.lines["/0/route/from/steps/1"] == 7


def test_pointers_are_escaped(tmp_path):
    edit = Edit(
        N, "- to: adapter", "- setHeaders: {headers: [{name: a/b~c, constant: x}]}\n        - to: adapter"
    )
    lines = compiled(tmp_path, edit).flows["notify"].route.lines
    assert lines["/0/route/from/steps/0/setHeaders/headers/0/name"] == 6


def test_contracts_and_schemas_come_along(tmp_path):
    site = compiled(tmp_path)
    assert set(site.contracts) == {"schemas/mini.wsdl"}
    assert set(site.contracts["schemas/mini.wsdl"]["operations"]) == {"getMini"}
    assert set(site.schemas) == {"schemas/request.schema.json", "schemas/answer.schema.json"}
    assert set(site.texts) == {"schemas/mini.jq"}
    assert site.binders["mini-v1"]["family"] == "mini"


def test_style_sheets_come_with_what_they_import(tmp_path):
    sheet = '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0">{}</x:stylesheet>\n'
    site = compiled(
        tmp_path,
        Edit(N, "- to: adapter", "- to: xslt:schemas/x/a.xsl?output=bytes\n        - to: adapter"),
        Edit("schemas/x/a.xsl", "", sheet.format('<x:import href="../b.xsl"/>')),
        Edit("schemas/b.xsl", "", sheet.format('<x:include href="x/a.xsl"/>')),
    )
    assert set(site.texts) == {"schemas/mini.jq", "schemas/x/a.xsl", "schemas/b.xsl"}


def test_included_registers(tmp_path):
    register, notify = BASE[R].split("  notify:\n")
    site = compiled(
        tmp_path,
        Edit(R, "", register.replace("integrator: 1", "integrator: 1\ninclude: [flows/*.yaml]")),
        Edit("flows/events.yaml", "", f"flows:\n  notify:\n{notify}"),
    )
    assert set(site.flows) == {"lookup", "notify"}
    assert len(site.flows["notify"].grants) == 1


def test_a_shape_that_is_wrong_is_refused_with_every_problem(tmp_path):
    files, places = edited(Edit(P, '"92094"', "§92094"), Edit(R, "exchange: event", "exchange: §evnt"))
    with pytest.raises(SiteError) as caught:
        compile_site(write(tmp_path, files))
    found = [(problem.file, problem.line, problem.column) for problem in caught.value.problems]
    assert sorted(found) == sorted(places)
    assert str(caught.value).startswith("2 mistakes in the site")


@pytest.mark.parametrize(
    "edit",
    [Edit(R, "out: schemas/mini.jq", "out: schemas/none.jq"), Edit(LG, "municipal/one", "municipal/none"),
     Edit(R, "regional/notify.camel", "regional/none.camel")],
)  # fmt: skip
def test_what_is_missing_is_named(edit, tmp_path):
    files, _places = edited(edit)
    with pytest.raises(SiteError, match="no"):
        compile_site(write(tmp_path, files))


@pytest.mark.parametrize(
    ("written", "is_file"),
    [("schemas/a.jq", True), ("a.jq", True), (".a", False), ("{a: .b.jq}", False), (".a | .jq", False)],
)
def test_jq_text_or_file(written, is_file):
    assert is_jq_file(written) is is_file


def test_resources_of_a_route():
    steps = [
        {"to": "xslt:a.xsl?x=1"},
        {"setBody": {"jq": "resource:classpath:b.jq"}},
        {"to": "validator:file:c.xsd"},
    ]
    assert list(route_resources(steps)) == ["a.xsl", "b.jq", "c.xsd"]


def test_imports_from_the_network_are_not_followed():
    text = '<xs:import schemaLocation="http://x.example/a.xsd"/><xs:include schemaLocation="./b.xsd"/>'
    assert list(imported_files("schemas/c.xsd", text)) == ["schemas/b.xsd"]
    assert list(imported_files("schemas/c.wsdl", WSDL)) == []


def test_route_files_that_no_flow_names_come_along_with_their_functions(tmp_path):
    files, _places = edited()
    files["routes/regional/shared.camel.yaml"] = (
        "- routeTemplate: {id: t, from: {uri: 'direct:{{n}}', steps: []}}\n"
    )
    files["routes/regional/notify.beans.py"] = "def twice(body):\n    return body * 2\n"
    site = CompiledSite.from_plain(json.loads(json.dumps(compile_site(write(tmp_path, files)))))
    assert [(route.file, route.code) for route in site.routes] == [("routes/regional/shared.camel.yaml", "")]
    assert site.routes[0].documents[0]["routeTemplate"]["id"] == "t"
    assert site.routes[0].lines["/0/routeTemplate"] == 1
    assert site.flows["notify"].route.code.startswith("def twice")
    assert site.flows["lookup"].route.code == ""


def test_style_sheets_of_shared_routes_come_along(tmp_path):
    files, _places = edited()
    files["routes/regional/shared.camel.yaml"] = (
        "- route: {id: s, from: {uri: 'direct:s', steps: [{to: 'xslt:schemas/a.xsl'}]}}\n"
    )
    files["schemas/a.xsl"] = "<a/>"
    site = CompiledSite.from_plain(json.loads(json.dumps(compile_site(write(tmp_path, files)))))
    assert site.texts["schemas/a.xsl"] == "<a/>"
