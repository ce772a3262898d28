"""yaml: YAML 1.1, as SnakeYAML reads and writes it. Aliases are bounded: they can grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaList, JavaMap, to_text
from integrator.engine.payloads import body_text, refuse
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, InvalidRequest

_REASONS = {
    "allowAnyType": "needs Java classes",
    "constructor": "needs a Java bean",
    "representer": "needs a Java bean",
    "dumperOptions": "needs a Java bean",
    "resolver": "needs a Java bean",
}
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
        Option("maxAliasesForCollections", "How many aliases of lists and maps a text may have.", type="integer",
               default=50),
        Option("allowRecursiveKeys", "Accepted; what refers to itself is refused.", type="boolean"),
        Option("typeFilter", "Accepted; only plain types are read."),
        Option("unmarshalType", "java.util.Map, or another collection.", example="java.util.Map"),
        *(Option(name, f"Not in the embedded engine: {reason}.", type="any") for name, reason in _REASONS.items()),
    ),
)  # fmt: skip
LONGEST = 256_000
DEEPEST = 50
WIDEST = 100_000
"""Values that a text may stand for, those of its aliases counted each time."""


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Data to YAML text, lists and maps of plain values in one line."""
    import yaml  # compile time only: workers that use no YAML load none

    _refuse(node)

    spooling = node.scope.services.spooling

    def marshal_yaml(exchange: Exchange) -> None:
        body = exchange.message.body
        if body is None and allow_null:
            return
        text = yaml.safe_dump(
            plain(body), default_flow_style=None, sort_keys=False, allow_unicode=True, width=80
        )
        exchange.message.body = spooling.keep(text.removesuffix("...\n").encode("utf-8"))

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
    load = _loader(node.number("maxAliasesForCollections", 50))

    def unmarshal_yaml(exchange: Exchange) -> None:
        text = body_text(exchange, allow_null=allow_null)
        if text is None:
            return
        if len(text) > LONGEST:
            raise InvalidRequest(f"the body has more than {LONGEST} characters of YAML", reason="yaml-limit")
        exchange.message.body = _java(load(text))

    return unmarshal_yaml


def _refuse(node: Node) -> None:
    refuse(node, _REASONS)
    wanted = node.text("unmarshalType")
    if wanted and not wanted.startswith("java.util.") and wanted != "java.lang.Object":
        node.problem("/unmarshalType", "not-yet", "yaml reads collections only", "Leave unmarshalType out.")


def _loader(most: int) -> Callable[[str], Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Few aliases of collections, and only so deep."""

        depth = aliases = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            """One node. Raises YAMLError."""
            if self.check_event(yaml.AliasEvent):
                return self.alias(super().compose_node(parent, index))
            self.depth += 1
            if self.depth > DEEPEST:
                raise yaml.YAMLError("too deep")
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

        def alias(self, node: Any) -> Any:
            """What an alias stands for. Raises YAMLError."""
            if isinstance(node, yaml.CollectionNode):
                self.aliases += 1
                if self.aliases > most:
                    raise yaml.YAMLError("too many aliases")
            return node

    def load(text: str) -> Any:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            _count(node, {}, frozenset())
            return None if node is None else loader.construct_document(node)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            kind = _ERRORS.get(type(error).__name__, "error.YAMLException")
            raise failure(
                f"org.yaml.snakeyaml.{kind}", f"the body is no YAML that is read here{place}"
            ) from None
        finally:
            loader.dispose()

    return load


_ERRORS = {
    "ParserError": "parser.ParserException",
    "ScannerError": "scanner.ScannerException",
    "ComposerError": "composer.ComposerException",
    "ConstructorError": "constructor.ConstructorException",
}


def _count(node: Any, known: dict[int, int], above: frozenset[int]) -> int:
    """How many values a node stands for. Raises ValueError where they are too many, or it contains itself."""
    if id(node) in above:
        raise ValueError("a value contains itself")
    if id(node) in known:
        return known[id(node)]
    total, inside = 1, above | {id(node)}
    for item in node.value if node is not None and not isinstance(node.value, str) else ():
        for part in item if isinstance(item, tuple) else (item,):
            total += _count(part, known, inside)
    if total > WIDEST:
        raise ValueError("too many values")
    known[id(node)] = total
    return total


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
