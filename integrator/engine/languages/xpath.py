"""xpath: XPath 1.0 by libxml2. Without a result type the result is a list of nodes, as in Camel."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from lxml import etree

from integrator.engine import saxon
from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, JavaException, failure, wrapped
from integrator.engine.javatypes import NodeList, cannot_convert, canonical, to_text, type_of
from integrator.engine.names import property_of
from integrator.engine.problems import ExpressionError
from integrator.engine.results import input_of, result_converter
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.engine.xmlnames import namespaces_of
from integrator.exchange import Exchange, InvalidRequest, StreamBody

_RESULTS = ("NODESET", "NODE", "STRING", "NUMBER", "BOOLEAN")
SPEC = Spec(
    "language",
    "xpath",
    "XPath 1.0 on the body's XML. Give resultType or resultQName for anything but nodes.",
    "1.1",
    "xpath: {expression: /p:person/p:name, resultType: java.lang.String, namespace: [{key: p, value: 'urn:p'}]}",
    options=(
        EXPRESSION,
        RESULT_TYPE,
        SOURCE,
        TRIM,
        ID,
        Option("resultQName", "What XPath returns.", default="NODESET", choices=_RESULTS),
        Option("namespace", "The prefixes, as key and value.", type="list"),
        Option("saxon", "XPath 2 and later; needs the extra xslt3.", type="boolean", default=False),
        Option("objectModel", "Not in the embedded engine: needs Java classes."),
        Option("factoryRef", "Not in the embedded engine: needs a Java bean."),
        Option("documentType", "Accepted, without effect."),
        Option("logNamespaces", "Accepted, without effect.", type="boolean"),
        Option("threadSafety", "Accepted, without effect.", type="boolean"),
        Option("preCompile", "Accepted; expressions are always compiled once.", type="boolean"),
    ),
    text="expression",
)
_IN = "http://camel.apache.org/xml/in/"
_FUNCTION = "http://camel.apache.org/xml/function/"
_XML = "http://www.w3.org/XML/1998/namespace"
_VARIABLE = re.compile(r"\$([A-Za-z_][\w.-]*)")
_PREFIX = re.compile(r"([A-Za-z_][\w.-]*):(?!:)")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SIMPLE = re.compile(r"function:simple\(\s*(?:'([^']*)'|\"([^\"]*)\")\s*\)")
_current: ContextVar[Exchange | None] = ContextVar("xpath_exchange", default=None)


def expression(source: Source) -> Expression:
    """The result, by resultQName or resultType."""
    for name in ("objectModel", "factoryRef"):
        if source.node.options.get(name) is not None:
            source.node.problem(f"/{name}", "not-yet", f"{name} of xpath needs Java classes", "Leave it out.")
    wanted = _wanted(source)
    evaluate = _evaluator(source, _WRAPPED.get(wanted, "{}"))
    read = document_of(source, shown=wanted in ("NODESET", "NODE"))
    text, convert = source.text.strip(), result_converter(source)

    def run(exchange: Exchange) -> Any:
        found = _shaped(evaluate(exchange, read(exchange)), wanted, text)
        return found if convert is None else convert(found)

    return run


def predicate(source: Source) -> Predicate:
    """XPath's own boolean of the result."""
    evaluate, read = _evaluator(source, "boolean({})"), document_of(source, shown=False)
    return lambda exchange: bool(evaluate(exchange, read(exchange)))


_WRAPPED = {"STRING": "string({})", "NUMBER": "number({})", "BOOLEAN": "boolean({})"}


def _wanted(source: Source) -> str:
    named = source.node.text("resultQName")
    if named:
        return named
    kind = canonical(source.node.text("resultType"))
    if kind in ("java.lang.String", "java.lang.Integer", "java.lang.Long"):
        return "STRING"
    if kind == "java.lang.Double":
        return "NUMBER"
    return "BOOLEAN" if kind == "java.lang.Boolean" else "NODESET"


def _shaped(found: Any, wanted: str, text: str) -> Any:
    if wanted not in ("NODESET", "NODE"):
        return found
    if not isinstance(found, list):
        kind = "BOOLEAN" if isinstance(found, bool) else "STRING" if isinstance(found, str) else "NUMBER"
        cause = failure(
            "com.sun.org.apache.xpath.internal.XPathException", f"Can not convert #{kind} to a NodeList!"
        )
        middle = wrapped("javax.xml.xpath.XPathExpressionException", cause)
        message = f"Invalid xpath: {text}. Reason: {middle.java_class}: {middle.message}"
        raise failure(CAMEL + "language.xpath.InvalidXPathException", message, middle)
    if wanted == "NODE":
        return found[0] if found else None
    return NodeList(found)


def _evaluator(source: Source, wrap: str) -> Callable[[Exchange, etree._Element], Any]:
    text = source.text.strip()
    if source.node.flag("saxon"):
        return _by_saxon(source, text, wrap)
    namespaces = {"in": _IN, "function": _FUNCTION, "xml": _XML, **namespaces_of(source)}
    bare = _QUOTED.sub("''", text)
    for prefix in _PREFIX.findall(bare):
        if prefix not in namespaces:
            raise ExpressionError(f"the prefix {prefix} is not declared", "Declare it under namespace.")
    names = tuple(dict.fromkeys(_VARIABLE.findall(bare)))
    try:
        compiled = etree.XPath(
            wrap.format(text),
            namespaces=namespaces,
            extensions=_extensions(source),
            regexp=False,
            smart_strings=False,
        )
    except etree.XPathSyntaxError as error:
        raise ExpressionError("the XPath expression cannot be read", "Correct it.") from error

    def evaluate(exchange: Exchange, tree: etree._Element) -> Any:
        token = _current.set(exchange)
        try:
            return compiled(tree, **{name: _value(exchange, name) for name in names})
        except etree.XPathError as error:
            message = f"Invalid xpath: {text}. Reason: {type(error).__name__}"
            raise failure(CAMEL + "language.xpath.InvalidXPathException", message) from None
        finally:
            _current.reset(token)

    return evaluate


def _by_saxon(source: Source, text: str, wrap: str) -> Callable[[Exchange, etree._Element], Any]:
    """XPath 2 and later, by SaxonC; header and property are variables of their name."""
    names = tuple(dict.fromkeys(_VARIABLE.findall(_QUOTED.sub("''", text))))
    declared = "".join(f"declare variable ${name} external;\n" for name in names)
    query = saxon.Query(declared + text, namespaces_of(source))

    def evaluate(exchange: Exchange, tree: etree._Element) -> Any:
        try:
            found = query.run(tree, {name: _value(exchange, name) for name in names})
        except saxon.SaxonError:
            message = f"Invalid xpath: {text}. Reason: it failed on this message"
            raise failure(CAMEL + "language.xpath.InvalidXPathException", message) from None
        if wrap == "string({})":
            return found[0].text if found else ""
        if wrap == "number({})":
            return float(found[0].text) if found else float("nan")
        if wrap == "boolean({})":
            return bool(found) and (found[0].is_node or bool(found[0].value))
        return found[0].value if len(found) == 1 and not found[0].is_node else [item.value for item in found]

    return evaluate


def _value(exchange: Exchange, name: str) -> Any:
    headers = exchange.message.headers
    value = headers.get(name) if name in headers else property_of(exchange, name)
    if value is None or isinstance(value, (str, bool, int, float, etree._Element)):
        return "" if value is None else value
    return to_text(value)


def _extensions(source: Source) -> dict[tuple[str, str], Callable[..., Any]]:
    from integrator.engine.simple.compiler import expression as simple

    texts = {}
    for single, double in _SIMPLE.findall(source.text):
        text = single or double
        texts[text] = simple(text, source)

    def exchange() -> Exchange:
        found = _current.get()
        assert found is not None
        return found

    def header(_context: Any, name: Any) -> str:
        return to_text(exchange().message.headers.get(_one(name))) or ""

    def of_simple(_context: Any, text: Any) -> str:
        value = texts.get(_one(text))
        return (to_text(value(exchange())) or "") if value else ""

    def body(_context: Any) -> str:
        return exchange().message.as_text()

    return {(_IN, "header"): header, (_IN, "body"): body, (_FUNCTION, "simple"): of_simple}


def _one(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else value
    return to_text(first) or ""


def document_of(source: Source, *, shown: bool = True) -> Callable[[Exchange], etree._Element]:
    """Reads the XML of the body, or of what `source` names. Raises JavaException.

    `shown`: nodes of it may be kept by the exchange, so that each reading needs a tree of its own.
    """
    given, parse = input_of(source), source.scope.services.conversions.parse_xml

    def of_value(exchange: Exchange) -> etree._Element:
        assert given is not None
        value = given(exchange)
        if not shown and exchange.document is not None and exchange.document[0] is value:
            return exchange.document[1]
        tree = _document(value, lambda: parse((to_text(value) or "").encode("utf-8")))
        if not shown and isinstance(value, (str, bytes)):
            exchange.document = (value, tree)
        return tree

    def of_body(exchange: Exchange) -> etree._Element:
        return _document(exchange.message.body, exchange.message.as_xml)

    return of_body if given is None else of_value


def _document(value: Any, parse: Callable[[], etree._Element]) -> etree._Element:
    if isinstance(value, NodeList) and value:
        value = value[0]
    if isinstance(value, etree._Element):
        # A node taken out of a document is its own document in Camel.
        return value if value.getparent() is None else copy.deepcopy(value)
    if value is None:
        raise failure(CAMEL + "InvalidPayloadException", "No body available of type: org.w3c.dom.Document")
    if not isinstance(value, (str, bytes, StreamBody)):
        raise cannot_convert(value, "org.w3c.dom.Document")
    try:
        return parse()
    except InvalidRequest as error:
        raise _not_xml(value, error) from error


def _not_xml(value: Any, error: InvalidRequest) -> JavaException:
    cause = failure("org.xml.sax.SAXParseException", error.message)
    text = (
        f"Error during type conversion from type: {type_of(value)} to the required type: org.w3c.dom.Document"
        f" due to {cause.java_class}: {cause.message}"
    )
    return failure(CAMEL + "TypeConversionException", text, cause)
