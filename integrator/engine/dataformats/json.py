"""json: Jackson's JSON. marshal writes compact bytes; unmarshal gives Java maps and lists."""

from __future__ import annotations

from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import compact, not_json, pretty, to_java, to_node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, InvalidRequest

_JACKSON = "com.fasterxml.jackson."
SPEC = Spec(
    "dataformat",
    "json",
    "JSON. Numbers keep their digits; reading is stricter than Jackson: nothing may follow the value.",
    "2.0",
    "marshal: {json: {prettyPrint: true}}",
    options=(
        Option(
            "library",
            "Jackson; others are not in the embedded engine.",
            default="Jackson",
            choices=("Jackson",),
        ),
        Option("prettyPrint", "Writes several lines.", type="boolean", default=False),
        Option(
            "unmarshalType", "Java class of the result: a Map type or a List type.", example="java.util.Map"
        ),
        Option("contentTypeHeader", "Sets Content-Type when writing.", type="boolean", default=True),
        Option("useList", "Reads into a list.", type="boolean", default=False),
        Option("useDefaultObjectMapper", "Accepted, without effect.", type="boolean"),
    ),
)


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Body to JSON bytes."""
    lines, typed = node.flag("prettyPrint"), node.flag("contentTypeHeader")

    def marshal_json(exchange: Exchange) -> None:
        message = exchange.message
        value = to_node(message.body) if isinstance(message.body, (dict, list)) else message.body
        if isinstance(value, bytes):
            value = message.as_text()
        message.body = (pretty(value) if lines else compact(value)).encode("utf-8")
        if typed:
            message.headers["Content-Type"] = "application/json"

    return marshal_json


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """JSON text to Java collections."""
    wanted = node.text("unmarshalType")
    is_sorted = wanted.endswith("TreeMap")
    if wanted and not wanted.startswith("java.util."):
        node.problem(
            "/unmarshalType", "result-type", f"no class {wanted} here", "Use java.util.Map or leave it out."
        )

    def unmarshal_json(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None:
            if allow_null:
                return
            raise failure("org.apache.camel.InvalidPayloadException", "No body available to unmarshal")
        if message.body in ("", b""):
            raise failure(
                _JACKSON + "databind.exc.MismatchedInputException", "No content to map due to end-of-input"
            )
        try:
            value = to_java(message.as_json())
        except InvalidRequest as error:
            raise not_json(error) from None
        message.body = _sorted(value) if is_sorted else value

    return unmarshal_json


def _sorted(value: Any) -> Any:
    return type(value)(sorted(value.items())) if isinstance(value, dict) else value
