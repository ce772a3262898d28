"""log: writes the message to the log; ids and sizes only in flows with personal data."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.javatypes import to_text, type_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

_FLAGS = (
    "showAll", "showBody", "showBodyType", "showExchangeId", "showExchangePattern", "showHeaders", "showProperties",
    "showVariables", "showException", "showCaughtException", "showStackTrace", "multiline", "showAllProperties",
    "showFiles", "showFuture", "showRouteId", "showRouteGroup", "showStreams", "plain",
    "skipBodyLineSeparator", "showCachedStreams",
)  # fmt: skip
SPEC = Spec(
    "component",
    "log",
    "Writes the message to the log. Flows with personal data log type and size instead of values.",
    "1.0",
    "log:permits?level=INFO&showHeaders=true",
    options=(
        Option(
            "level", "Its level.", default="INFO", choices=("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF")
        ),
        Option("marker", "Accepted, without effect."),
        Option("maxChars", "Longest body shown.", type="integer", default=10000),
        *(Option(name, "What is shown; see Camel's log component.", type="boolean") for name in _FLAGS),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    services = node.scope.services
    where = node.scope.where(node.pointer, "log")
    level = uri.options.get("level", "INFO")
    longest = int(uri.options.get("maxChars", "10000"))
    headers = "true" in (uri.options.get("showAll"), uri.options.get("showHeaders"))

    def log(exchange: Exchange) -> None:
        if level == "OFF":
            return
        body = exchange.message.body
        parts = [f"Exchange[Id: {exchange.id}", f"BodyType: {type_of(body)}"]
        if services.personal:
            parts.append(f"Size: {len(exchange.message.as_bytes())}")
        else:
            parts.append(f"Body: {(to_text(body) or '[Body is null]')[:longest]}")
            if headers:
                values = ", ".join(
                    f"{name}={to_text(value)}" for name, value in exchange.message.headers.items()
                )
                parts.append(f"Headers: {{{values}}}")
        services.log(level, f"{uri.path}: " + ", ".join(parts) + "]", where.route, where.line)

    return log
