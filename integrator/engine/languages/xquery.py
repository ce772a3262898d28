"""xquery: XQuery 3.1 on the body's XML by SaxonC, the extra `xslt3`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml import etree

from integrator.engine import saxon
from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, JavaException, cause_of, failure, wrapped
from integrator.engine.javatypes import JavaList, cannot_convert, canonical
from integrator.engine.languages.xpath import document_of
from integrator.engine.names import context_properties
from integrator.engine.problems import ExpressionError
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.engine.xmlnames import namespaces_of
from integrator.exchange import Exchange

SPEC = Spec(
    "language",
    "xquery",
    "XQuery 3.1 on the body's XML; needs the extra xslt3. Without resultType the result is one element. Headers are"
    " external variables `$in.headers.name`, properties `$name`, the body is `$in.body`. It reads no files.",
    "1.0",
    "xquery: {expression: 'string-join(//p:name, \", \")', resultType: java.lang.String,"
    " namespace: [{key: p, value: 'urn:p'}]}",
    options=(
        EXPRESSION,
        RESULT_TYPE,
        SOURCE,
        TRIM,
        ID,
        Option("namespace", "The prefixes, as key and value.", type="list"),
        Option("configurationRef", "Not in the embedded engine: needs a Java bean."),
    ),
    text="expression",
)
_COLLECTIONS = ("java.util.List", "java.lang.Object", "java.util.Collection", "java.lang.Iterable")
_NODES = ("org.w3c.dom.Node", "org.w3c.dom.Document", "org.w3c.dom.Element")


def expression(source: Source) -> Expression:
    """The result: one element, with resultType a text, a list or whatever the one item becomes."""
    run, shape = _running(source), _shape(source)
    return lambda exchange: shape(run(exchange))


def predicate(source: Source) -> Predicate:
    """Whether there is a result that is not just `false`."""
    run = _running(source)

    def holds(exchange: Exchange) -> bool:
        found = run(exchange)
        return found[0].value if len(found) == 1 and isinstance(found[0].value, bool) else bool(found)

    return holds


def _running(source: Source) -> Callable[[Exchange], list[saxon.Item]]:
    if source.node.options.get("configurationRef") is not None:
        raise ExpressionError("configurationRef needs a Java bean", "Leave it out.", "not-yet")
    query, read = saxon.Query(source.text.strip(), namespaces_of(source)), document_of(source)
    strip = etree.XPath("//text()[not(normalize-space())]")

    def run(exchange: Exchange) -> list[Any]:
        try:
            tree = read(exchange)
        except JavaException as error:
            raise wrapped(CAMEL + "RuntimeExpressionException", _unreadable(error)) from None
        if strip(tree):
            tree = etree.fromstring(
                etree.tostring(tree), etree.XMLParser(remove_blank_text=True, resolve_entities=False)
            )
        try:
            return query.run(tree, _values(exchange))
        except saxon.SaxonError:
            raise _failed("the query failed on this message") from None

    return run


def _unreadable(error: JavaException) -> JavaException:
    """What Saxon says of a message that is no XML."""
    if error.java_class.endswith("InvalidPayloadException"):
        return cannot_convert(None, "javax.xml.transform.Source")
    cause = cause_of(error)
    text = cause.message if isinstance(cause, JavaException) else error.message
    return failure("net.sf.saxon.trans.XPathException", f"SXXP0003   Error reported by XML parser: {text}")


def _values(exchange: Exchange) -> dict[str, Any]:
    """The external variables: names that XML has none for are left out."""
    found = {f"in.headers.{name}": value for name, value in exchange.message.headers.items()}
    found |= {**exchange.properties, **context_properties(exchange)}
    return {
        name: value
        for name, value in found.items()
        if value is not None
        and isinstance(value, (str, bool, int, float))
        and name.replace(".", "").replace("-", "").isidentifier()
    }


def _failed(text: str) -> JavaException:
    return wrapped(CAMEL + "RuntimeExpressionException", failure("net.sf.saxon.trans.XPathException", text))


def _shape(source: Source) -> Callable[[list[saxon.Item]], Any]:
    name = canonical(source.node.text("resultType"))
    if name == "java.lang.String":
        return lambda found: "".join(item.text for item in found)
    if name in _COLLECTIONS and name != "java.util.List":
        return lambda found: JavaList(item.value for item in found)
    if name and name not in _NODES:
        raise ExpressionError(f"xquery has no result of type {name}", "Use java.lang.String, or leave resultType out.",
                              "result-type")  # fmt: skip
    return _one_element


def _one_element(found: list[saxon.Item]) -> Any:
    if len(found) == 1 and isinstance(found[0].value, etree._Element):
        return found[0].value
    cause = failure(
        "org.w3c.dom.DOMException",
        "HIERARCHY_REQUEST_ERR: An attempt was made to insert a node where it is not permitted.",
    )
    raise wrapped(CAMEL + "RuntimeExpressionException", wrapped("net.sf.saxon.trans.XPathException", cause))
