"""XSLT 3, XQuery 3.1 and XPath 3.1 by SaxonC, the extra `xslt3`: no files, no network, no environment.

SaxonC is loaded where a route first asks for it. It reads what is handed to it and nothing else: no protocol
is allowed, extension functions, xsl:evaluate and xsl:result-document are off, and no environment variable is
shown. XML goes through the hardened parser before. Texts of its errors may repeat values, so none is passed on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

from lxml import etree

from integrator.engine.javatypes import to_text
from integrator.engine.problems import ExpressionError
from integrator.security.parsers import parse_xml

_FEATURE = "http://saxon.sf.net/feature/"
_CLOSED = {
    "allowedProtocols": "",
    "allow-external-functions": "false",
    "disableXslEvaluate": "true",
}
_ENVIRONMENT = re.compile(r"(?<![\w.-])(?:available-)?environment-variables?\s*[(#]|function-lookup")
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_IMPORTS = ("import", "include", "use-package", "import-schema", "result-document", "source-document")
_quiet = Lock()


class SaxonError(Exception):
    """An expression or stylesheet failed on the data; without the text, which may repeat values."""


@cache
def processor() -> Any:
    """The one processor of the process, closed to the outside. Raises ExpressionError where it is not installed."""
    try:
        import saxonche
    except ImportError:
        raise ExpressionError(
            "SaxonC is not installed", "Install the extra: pip install 'integrator[xslt3]'.", "extra-missing"
        ) from None
    made = saxonche.PySaxonProcessor(license=False)
    for name, value in _CLOSED.items():
        made.set_configuration_property(_FEATURE + name, value)
    return made


@contextmanager
def _quiet_output() -> Iterator[None]:
    """Drops what SaxonC writes to the process's standard error: texts of errors, with values of the message."""
    with _quiet:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


@contextmanager
def guarded() -> Iterator[None]:
    """Saxon at work: its errors become SaxonError, and what it prints about them is dropped."""
    with _quiet_output():
        try:
            yield
        except Exception as error:
            raise SaxonError(type(error).__name__) from None


def refuse_environment(text: str) -> None:
    """Raises ExpressionError for what would show the process's environment."""
    if _ENVIRONMENT.search(text):
        raise ExpressionError("the environment of the bus is not shown", "Use headers or variables.")


def document(tree: etree._Element) -> Any:
    """A node of Saxon from one of lxml, as a document of its own."""
    return processor().parse_xml(xml_text=etree.tostring(tree, encoding="unicode", with_tail=False))


def parameter(value: Any) -> Any:
    """A value as what Saxon takes for a parameter."""
    made = processor()
    if isinstance(value, bool):
        return made.make_boolean_value(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return made.make_long_value(value)
    if isinstance(value, float):
        return made.make_double_value(value)
    if isinstance(value, etree._Element):
        return document(value)
    return made.make_string_value(to_text(value) or "")


# --- stylesheets -------------------------------------------------------------------------------------


class Stylesheet:
    """A compiled XSLT 1.0 to 3.0 file. Raises ExpressionError where it cannot be used."""

    def __init__(self, root: etree._Element) -> None:
        refuse_environment(etree.tostring(root, encoding="unicode"))
        for name in _IMPORTS:
            if root.find(f".//{_XSL}{name}") is not None:
                raise ExpressionError(
                    f"xsl:{name} is not in the embedded engine", "Put the whole stylesheet into one file."
                )
        names = (found.get("name") for found in root.iterchildren(_XSL + "param"))
        self.parameters: tuple[str, ...] = tuple(str(name) for name in names if name)
        text = etree.tostring(root, encoding="unicode")
        try:
            with guarded():
                self._sheet = processor().new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
                self._sheet.set_save_xsl_message(False)
        except SaxonError:
            raise ExpressionError("the file is no stylesheet of XSLT 1.0 to 3.0", "Correct it.") from None

    def transform(self, tree: etree._Element, parameters: Mapping[str, Any]) -> str:
        """The result as text. Raises SaxonError."""
        with guarded():
            self._sheet.clear_parameters()
            for name, value in parameters.items():
                self._sheet.set_parameter(name, parameter(value))
            answer: str | None = self._sheet.transform_to_string(xdm_node=document(tree))
        return answer or ""


# --- queries -----------------------------------------------------------------------------------------


class Item(NamedTuple):
    """One item of a result: as a value of Python or an lxml element, and as XPath's text."""

    value: Any
    text: str
    is_node: bool


class Query:
    """An XQuery (or an XPath, which is one) with its prefixes. Raises ExpressionError where it is none."""

    def __init__(self, text: str, namespaces: Mapping[str, str]) -> None:
        refuse_environment(text)
        if re.search(r"\bimport\s+(?:module|schema)\b", text):
            raise ExpressionError("modules cannot be imported", "Put the whole query into the expression.")
        self._text, self._namespaces = text, dict(namespaces)
        processor()
        with _quiet_output():
            try:
                self._prepared(processor().parse_xml(xml_text="<none/>")).run_query_to_value()
            except Exception as error:
                # SaxonC compiles when it runs. What fails on an empty document for other reasons may work on data.
                if re.search(r"\b(XPST|XQST)\d{4}\b", str(error)):
                    raise ExpressionError("the query cannot be read", "Correct it.") from None

    def _prepared(self, context: Any) -> Any:
        made = processor().new_xquery_processor()
        for prefix, uri in self._namespaces.items():
            made.declare_namespace(prefix, uri)
        made.set_query_content(self._text)
        if context is not None:
            made.set_context(xdm_item=context)
        return made

    def run(self, tree: etree._Element, values: Mapping[str, Any]) -> list[Item]:
        """The items of the result. `values` are its external variables.

        Raises SaxonError.
        """
        with guarded():
            made = self._prepared(document(tree))
            for name, value in values.items():
                made.set_parameter(name, parameter(value))
            found = made.run_query_to_value()
            return [] if found is None else [_item(found.item_at(place)) for place in range(found.size)]


def _item(found: Any) -> Item:
    if not found.is_node:
        return Item(_atomic(found) if found.is_atomic else found.string_value, found.string_value, False)
    node = found.get_node_value()
    text: str = node.string_value
    if node.node_kind_str not in ("element", "document"):
        return Item(text, text, True)
    made = processor().new_xpath_processor()
    made.set_context(xdm_item=node)
    written = made.evaluate_single("serialize(., map{'method': 'xml', 'indent': false()})").string_value
    return Item(parse_xml(written.encode("utf-8")), text, True)


def _atomic(found: Any) -> Any:
    value = found.get_atomic_value()
    kind, text = value.primitive_type_name.rpartition("}")[2], value.string_value
    if kind == "boolean":
        return value.boolean_value
    if kind == "integer":
        return int(text)
    if kind in ("double", "float"):
        return float(text.replace("INF", "inf"))
    return Decimal(text) if kind == "decimal" else text
