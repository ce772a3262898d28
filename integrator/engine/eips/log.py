"""log: a line in the log; in personal flows literals, ids and sizes only."""

from __future__ import annotations

from integrator.engine.compiler import Node, source
from integrator.engine.javatypes import to_text
from integrator.engine.simple.safe import safe_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF")
SPEC = Spec(
    "eip",
    "log",
    "Writes a line to the log. Flows with personal data log literals, ids and sizes instead of values.",
    "2.2",
    "log: {message: 'found ${body.size} persons', loggingLevel: INFO}",
    options=(
        Option("message", "The line; simple.", required=True),
        Option("loggingLevel", "Its level.", default="INFO", choices=LEVELS),
        Option("logName", "Accepted; the logger is the route's."),
        Option("marker", "Accepted, without effect."),
        Option("logger", "Not in the embedded engine: needs a Java bean."),
        Option("logLanguage", "The language of the message.", default="simple", example="jsonpath"),
    ),
    text="message",
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step. The message is always evaluated, so that a broken one fails everywhere alike."""
    if node.options.get("logger") is not None:
        node.problem(
            "/logger",
            "not-yet",
            "logger is not in the embedded engine: it needs a Java bean",
            "Leave it out.",
        )
    found = source(
        node.text("logLanguage", "simple"), node.text("message"), f"{node.pointer}/message", node.scope
    )
    if found is None:
        return nothing
    level = node.text("loggingLevel", "INFO").upper()
    services = node.scope.services
    where = node.scope.where(node.pointer, "log")
    text = found.expression()
    safe = safe_text(found) if services.personal else None
    write = services.log

    def log(exchange: Exchange) -> None:
        shown = to_text(text(exchange)) or ""
        if level != "OFF":
            write(level, shown if safe is None else safe(exchange), where.route, where.line)

    return log
