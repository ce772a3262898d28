"""Rules about what routes reach by Camel's own components: each place is one that an adapter declares."""

from __future__ import annotations

from collections.abc import Iterator

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.engine import EndpointUse
from integrator.engine.uris import Uri, parse
from integrator.outbound.references import check_endpoint
from integrator.outbound.transport import EndpointProblem
from integrator.site.files import Item
from integrator.site.read import Place

PROTOCOLS = {
    "file": "files", "sftp": "sftp", "http": "http", "https": "http", "sql": "sql", "spring-rabbitmq": "queue",
}  # fmt: skip
"""Components that leave the process → the protocol of the adapter that declares where they may lead."""

_KEYS = {
    "rest": ("rest", "http"), "request": ("rest",), "answer": ("rest",), "directory": ("files", "sftp"),
    "queue": ("queue",), "exchange": ("queue",), "routing-keys": ("queue",),
}  # fmt: skip


def undeclared(view: View, use: EndpointUse, place: Place) -> Iterator[Finding]:
    """What `egress-not-registered` says about one of these components."""
    uri = _parsed(use)
    if uri is None:
        return
    protocol, name = PROTOCOLS[uri.scheme], _name(uri)
    declared = [item for item in view.adapters.values() if item.get("protocol") == protocol]
    if use.dynamic and "${" in name:
        if not declared:
            yield Finding(place, f"no adapter of the site has the protocol {protocol}",
                          "describe the system in adapters/<level>/<system>.yaml")  # fmt: skip
        return
    if _adapter(view, uri) is None:
        shown = (
            f"{uri.scheme}:{name}"
            if uri.scheme in ("file", "sftp", "http", "https")
            else f"'{name}' of {uri.scheme}:"
        )
        yield Finding(place, f"no adapter declares {shown}",
                      f"describe the system in adapters/<level>/<system>.yaml with 'protocol: {protocol}' and "
                      f"'reached-as: {name or '…'}'")  # fmt: skip


def _parsed(use: EndpointUse) -> Uri | None:
    try:
        return parse(use.uri)
    except ValueError:
        return None


def _name(uri: Uri) -> str:
    """What routes call the system: a directory, a host, a bean."""
    if uri.scheme == "sql":
        return uri.options.get("dataSource", "dataSource").removeprefix("#bean:").removeprefix("#")
    if uri.scheme == "spring-rabbitmq":
        return uri.options.get("connectionFactory", "").removeprefix("#bean:").removeprefix("#")
    path = uri.path.lstrip("/") if uri.scheme in ("http", "https") else uri.path
    if uri.scheme == "file":
        return path.rstrip("/")
    host, slash, rest = path.partition("/")
    host = host.rpartition("@")[2]
    return host + slash + rest.lstrip("/").rstrip("/") if uri.scheme == "sftp" else host


def _adapter(view: View, uri: Uri) -> Item | None:
    """The adapter that declares it, by what it is reached as."""
    protocol, name = PROTOCOLS[uri.scheme], _name(uri)
    found: list[tuple[int, Item]] = []
    of_kind = [item for item in view.adapters.values() if item.get("protocol") == protocol]
    if protocol == "queue" and not name and len(of_kind) == 1:
        return of_kind[0]
    for item in of_kind:
        known = (item.text("reached-as") or item.text("system") or "").rstrip("/")
        below = protocol in ("files", "sftp") and name.startswith(known + "/")
        address = (item.text("endpoint") or "").partition("://")[2].partition("/")[0]
        if name == known or below or (protocol == "http" and name and name == address):
            found.append((len(known), item))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _uses(view: View, flow: Item) -> Iterator[tuple[EndpointUse, Uri, Item]]:
    for use in view.endpoints(flow.text("route")):
        uri = _parsed(use)
        if uri is not None and uri.scheme in PROTOCOLS and not (use.dynamic and "${" in _name(uri)):
            adapter = _adapter(view, uri)
            if adapter is not None:
                yield use, uri, adapter


@rule("egress-not-allowed")
def egress_not_allowed(view: View) -> Iterator[Finding]:
    """The owner of a system does not allow a flow what its route does there.

    A route that reads, takes or asks needs an operation with `access: read`, one that writes or sends an
    operation with `access: write`, which names the flow under `allow`. Where it leads inside the system
    (directory, path, queue, exchange) is asked again for every message.
    """
    for flow in view.flows:
        for use, uri, adapter in _uses(view, flow):
            wanted = ("read", "search") if _reads(use, uri) else ("write",)
            fitting = [item for item in adapter.items("operations") if item.get("access") in wanted]
            if not any(allow.get("flow") == flow.id for item in fitting for allow in item.items("allow")):
                place = view.route_place(flow.text("route") or "", use.pointer, use.line)
                yield Finding(place, f"'{adapter.id}' does not allow the flow '{flow.id}' to {wanted[0]} there",
                              f"ask its owner to add '- {{flow: {flow.id}}}' under 'allow' of an operation with "
                              f"'access: {wanted[0]}'")  # fmt: skip


def _reads(use: EndpointUse, uri: Uri) -> bool:
    if uri.scheme in ("http", "https"):
        return uri.options.get("httpMethod") in ("GET", "HEAD", "OPTIONS")
    if uri.scheme == "sql":
        return uri.path.lstrip().lower().startswith(("select", "with"))
    return use.consumer or "pollEnrich" in use.pointer or use.pointer.rpartition("/")[0].endswith("/poll")


@rule("wrong-way")
def wrong_way(view: View) -> Iterator[Finding]:
    """Keys of an adapter do not fit its protocol, or two adapters have the same name for routes."""
    taken: dict[tuple[str, str], str] = {}
    for adapter in view.adapters.values():
        protocol = adapter.text("protocol") or ""
        if protocol not in ("soap", "rest"):
            yield from _named_once(adapter, protocol, taken)
            yield from _address(adapter, protocol)
        for operation in adapter.items("operations"):
            if protocol == "http" and isinstance(operation.value, dict) and operation.get("rest") is None:
                yield Finding(operation.place(key=True), f"the operation '{operation.id}' has no 'rest'",
                              "add its method and path, like 'rest: POST /permits'", "missing-key")  # fmt: skip
            for key, protocols in _KEYS.items():
                if protocol != "soap" and operation.get(key) is not None and protocol not in protocols:
                    yield Finding(operation.place(key, key=True), f"an operation of a {protocol} system has no '{key}'",
                                  "remove the key, or correct 'protocol'")  # fmt: skip


def _named_once(adapter: Item, protocol: str, taken: dict[tuple[str, str], str]) -> Iterator[Finding]:
    name = adapter.text("reached-as") or adapter.text("system") or ""
    other = taken.setdefault((protocol, name), adapter.id)
    if other != adapter.id:
        key = "reached-as" if adapter.get("reached-as") is not None else "system"
        yield Finding(adapter.place(key), f"routes reach '{other}' as '{name}', too",
                      "give one of the two another 'reached-as'")  # fmt: skip


def _address(adapter: Item, protocol: str) -> Iterator[Finding]:
    endpoint = adapter.text("endpoint") or ""
    if protocol in PROTOCOLS.values() and endpoint and "${" not in endpoint:
        try:
            check_endpoint(protocol, endpoint)
        except EndpointProblem as problem:
            message, _, remedy = str(problem).partition(": ")
            yield Finding(adapter.place("endpoint"), message, remedy or "correct it")
    if protocol == "sftp" and adapter.get("security", "known-hosts") is None:
        yield Finding(adapter.place("protocol"), "the keys of the SFTP server are not named",
                      'add \'security: {known-hosts: "${file:/run/secrets/known_hosts}", key: …}\'', "missing-key")  # fmt: skip
