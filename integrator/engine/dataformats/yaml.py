"""yaml: YAML 1.1, as SnakeYAML reads and writes it. Anchors are refused: they can grow without bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaList, JavaMap, to_text
from integrator.engine.payloads import body_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, InvalidRequest

SPEC = Spec(
    "dataformat",
    "yaml",
    "YAML 1.1: yes is true, and a date is a date. How long and how deep a text may be is limited.",
    "2.17",
    "unmarshal: {yaml: {}}",
    options=(
        Option("library", "SnakeYAML; others are not in the embedded engine.", default="SnakeYAML",
               choices=("SnakeYAML",)),
        Option("prettyFlow", "Accepted, without effect.", type="boolean"),
        Option("useApplicationContextClassLoader", "Accepted, without effect.", type="boolean"),
        Option("maxAliasesForCollections", "Accepted; anchors are refused.", type="integer"),
        Option("unmarshalType", "Not in the embedded engine: needs a Java class."),
        Option("allowAnyType", "Not in the embedded engine: needs Java classes."),
    ),
)  # fmt: skip
LONGEST = 256_000
DEEPEST = 50


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Data to YAML text, lists and maps of plain values in one line."""
    import yaml  # compile time only: workers that use no YAML load none

    _refuse(node)

    def marshal_yaml(exchange: Exchange) -> None:
        body = exchange.message.body
        if body is None and allow_null:
            return
        text = yaml.safe_dump(
            plain(body), default_flow_style=None, sort_keys=False, allow_unicode=True, width=80
        )
        exchange.message.body = text.removesuffix("...\n").encode("utf-8")

    return marshal_yaml


def plain(value: Any) -> Any:
    """The value as what the YAML library writes."""
    if isinstance(value, Mapping):
        return {to_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float, datetime)):
        return str(value) if isinstance(value, str) else value
    return float(value) if isinstance(value, Decimal) else to_text(value)


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """YAML text to Java collections."""
    _refuse(node)
    load = _loader()

    def unmarshal_yaml(exchange: Exchange) -> None:
        text = body_text(exchange, allow_null=allow_null)
        if text is None:
            return
        if len(text) > LONGEST:
            raise InvalidRequest(f"the body has more than {LONGEST} characters of YAML", reason="yaml-limit")
        exchange.message.body = _java(load(text))

    return unmarshal_yaml


def _refuse(node: Node) -> None:
    for name in ("unmarshalType", "allowAnyType"):
        if node.options.get(name) not in (None, False):
            node.problem(f"/{name}", "not-yet", f"{name} of yaml needs Java classes", "Leave it out.")


def _loader() -> Callable[[str], Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """No anchors, and only so deep."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            """One node. Raises YAMLError."""
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("anchors are refused")
            self.depth += 1
            if self.depth > DEEPEST:
                raise yaml.YAMLError("too deep")
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    def load(text: str) -> Any:
        loader = Loader(text)
        try:
            return loader.get_single_data()
        except (yaml.YAMLError, ValueError, TypeError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            raise failure(
                "org.yaml.snakeyaml.error.YAMLException", f"the body is no YAML that is read here{place}"
            ) from None
        finally:
            loader.dispose()

    return load


def _java(value: Any) -> Any:
    if isinstance(value, dict):
        return JavaMap((to_text(_java(key)) or "", _java(item)) for key, item in value.items())
    if isinstance(value, (list, tuple, set)):
        return JavaList(_java(item) for item in value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value
