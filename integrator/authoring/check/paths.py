"""Rules about files that other files name."""

from __future__ import annotations

from collections.abc import Iterator

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractProblem
from integrator.site.compile import binder_path, imported_files, is_jq_file, route_resources
from integrator.site.files import GRANTS, ROUTE, Item, grants_path, inside
from integrator.site.models.base import HEADER_FAMILY
from integrator.site.problems import did_you_mean
from integrator.site.read import Place


def _named_files(view: View) -> Iterator[tuple[str, Place]]:
    """Every path a YAML file of the site names, with the place where it does."""
    for flow in view.flows:
        yield from _texts(flow, "route", "request", "answer")
        for entry in view.soap_entries(flow):
            yield from _texts(entry, "wsdl")
            for key in ("in", "out"):
                written = entry.text(key)
                if written is not None and is_jq_file(written):
                    yield written, entry.place(key)
            yield from _binder(entry)
    for adapter in view.adapters.values():
        yield from _texts(adapter, "wsdl")
        yield from _binder(adapter)
        for operation in adapter.items("operations"):
            yield from _texts(operation, "request", "answer")
    for document in view.site.routes.values():
        for pointer in document.places:
            value = Item("", document, (), document.data).get(*pointer)
            if isinstance(value, str):
                for path in route_resources(value):
                    yield path, document.place(pointer)


def _binder(item: Item) -> Iterator[tuple[str, Place]]:
    family = item.text("headers")
    if family and HEADER_FAMILY.fullmatch(family):
        yield binder_path(family), item.place("headers")


def _texts(item: Item, *keys: str) -> Iterator[tuple[str, Place]]:
    for key in keys:
        text = item.text(key)
        if text:
            yield text, item.place(key)


@rule("missing-file")
def missing_file(view: View) -> Iterator[Finding]:
    """A file that routes.yaml, an adapter or a route names does not exist in the site."""
    for path, place in _named_files(view):
        if inside(view.root, path) is None:
            if ".." not in path.split("/") and not path.startswith("/"):  # the model says so otherwise
                yield Finding(
                    place, f"'{path}' leads out of the site", "copy the file into the site", "outside-site"
                )
        elif not view.exists(path):
            yield Finding(place, f"there is no file '{path}'",
                          did_you_mean(path, _alike(view, path), "write the file, or correct its name"))  # fmt: skip


def _alike(view: View, path: str) -> Iterator[str]:
    suffix = path.rpartition(".")[2]
    return (name for name in view.site.names if name.endswith(f".{suffix}"))


@rule("missing-import")
def missing_import(view: View) -> Iterator[Finding]:
    """A style sheet or schema that a route names imports a file the site does not have."""
    for document in view.site.routes.values():
        for name in dict.fromkeys(route_resources(document.data)):
            waiting, seen = [name], {name}
            while waiting:
                current = waiting.pop()
                for other in imported_files(current, view.read(current) or ""):
                    if not view.exists(other):
                        yield Finding(Place(current), f"there is no file '{other}', which is imported here",
                                      "add the file, or correct the import")  # fmt: skip
                    elif other not in seen:
                        seen.add(other)
                        waiting.append(other)


@rule("route-file-name")
def route_file_name(view: View) -> Iterator[Finding]:
    """Routes stand in `routes/<level>/<name>.camel.yaml`, so that editors know what they are."""
    for flow in view.flows:
        path = flow.text("route")
        if path and view.exists(path) and not _is_route_path(path):
            yield Finding(flow.place("route"), "the route is not a *.camel.yaml file below routes/",
                          f"move it to routes/<level>/{flow.id}{ROUTE}")  # fmt: skip


def _is_route_path(path: str | None) -> bool:
    return path is not None and path.startswith("routes/") and path.endswith(ROUTE)


@rule("grants-without-flow")
def grants_without_flow(view: View) -> Iterator[Finding]:
    """A grants file belongs to no flow: it stands beside the route and is called `<flow>.grants.yaml`."""
    if not view.knows_flows:
        return
    expected = {grants_path(flow.text("route") or "", flow.id) for flow in view.flows}
    misplaced = {f"{flow.id}{GRANTS}" for flow in view.flows if not _is_route_path(flow.text("route"))}
    for name in view.site.grants:
        if name not in expected and name.rpartition("/")[2] not in misplaced:
            yield Finding(Place(name), "no flow has its grants in this file",
                          did_you_mean(name, expected, "name it <flow>.grants.yaml, beside the flow's route"))  # fmt: skip


@rule("flow-without-grants", severity="warning")
def flow_without_grants(view: View) -> Iterator[Finding]:
    """Nobody may use the flow: there is no grants file beside its route, or an empty one."""
    for flow in view.flows:
        if not _is_route_path(flow.text("route")):
            continue  # the route stands at a wrong place: so would the grants
        path = grants_path(flow.text("route") or "", flow.id)
        document = view.site.grants.get(path)
        if document is None or document.data == []:
            yield Finding(flow.place(key=True), f"nobody may use the flow '{flow.id}'", f"write {path}")


@rule("wrong-json-schema")
def wrong_json_schema(view: View) -> Iterator[Finding]:
    """A file named as JSON Schema is not one, or refers to a schema outside itself."""
    names = {flow.text(key): flow.place(key) for flow in view.flows for key in ("request", "answer")}
    for adapter in view.adapters.values():
        for operation in adapter.items("operations"):
            names |= {operation.text(key): operation.place(key) for key in ("request", "answer")}
    for name in sorted(filter(None, names)):
        error = view.json_error(name)
        schema = view.json_schema(name)
        if error is not None:
            yield Finding(Place(name), f"the file is no JSON Schema: {error}", "correct the file")
        elif schema is not None:
            try:
                JsonSchema(schema, file=name)
            except ContractProblem as problem:
                yield Finding(Place(name), problem.message, problem.remedy)
