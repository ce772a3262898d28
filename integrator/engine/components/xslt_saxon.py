"""xslt-saxon: XSLT 1.0 to 3.0 by SaxonC, the extra `xslt3`; it reads and writes nothing but the message."""

from __future__ import annotations

from lxml import etree

from integrator.engine import resources, saxon, unbuilt
from integrator.engine.compiler import Node
from integrator.engine.components.xslt import source_of, tree_of
from integrator.engine.exceptions import failure
from integrator.engine.problems import ExpressionError
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange
from integrator.security.parsers import parse_xml

SPEC = Spec(
    "component",
    "xslt-saxon",
    "Transforms the body with an XSLT file of the site, version 1.0 to 3.0, in one file without imports; needs the"
    " extra xslt3. Headers become parameters of the same name.",
    "3.0",
    "xslt-saxon:schemas/person.xsl",
    options=(
        Option("output", "string, bytes or DOM.", default="string", choices=("string", "bytes", "DOM")),
        Option("failOnNullBody", "Whether no body is an error.", type="boolean", default=True),
        Option("contentCache", "Accepted; files are read once.", type="boolean"),
        Option("allowStAX", "Accepted, without effect.", type="boolean"),
        Option("secureProcessing", "Accepted; it is always on.", type="boolean"),
        *unbuilt.XSLT_ACCEPTED,
        *unbuilt.options(unbuilt.SAXON),
    ),
)


def sheet_of(node: Node, path: str) -> saxon.Stylesheet | None:
    """The compiled stylesheet of a path; notes a problem where it cannot be had."""
    root: etree._Element | None = resources.parse(node, path)
    if root is None:
        return None
    try:
        return saxon.Stylesheet(root)
    except ExpressionError as error:
        node.problem(
            "/uri",
            error.rule if error.rule == "extra-missing" else "resource",
            f"{path}: {error}",
            error.remedy,
        )
        return None


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The transformation."""
    unbuilt.refuse(node, uri, unbuilt.SAXON)
    read = source_of(node, uri)
    if node.scope.checking:
        return nothing
    path = resources.path_of(uri)
    sheet = sheet_of(node, path)
    if sheet is None:
        return nothing
    output, needed = uri.options.get("output", "string"), uri.options.get("failOnNullBody") != "false"

    def transform(exchange: Exchange) -> None:
        message = exchange.message
        text = transformed(sheet, path, exchange, tree_of(exchange, read, needed=needed))
        if output == "DOM":
            message.body = parse_xml(text.encode("utf-8"))
        else:
            message.body = text.encode("utf-8") if output == "bytes" else text

    return transform


def transformed(sheet: saxon.Stylesheet, path: str, exchange: Exchange, tree: etree._Element) -> str:
    """The result of a stylesheet, its parameters from headers. Raises JavaException (TransformerException)."""
    headers = exchange.message.headers
    given = {name: headers[name] for name in sheet.parameters if headers.get(name) is not None}
    try:
        return sheet.transform(tree, given)
    except saxon.SaxonError:
        # The text of Saxon's error may repeat the message: I5.
        error = failure("net.sf.saxon.trans.XPathException", f"{path} failed")
        exchange.properties["CamelXsltFatalError"] = error
        raise error from None
