"""xslt: XSLT 1.0 by libxslt, reading and writing nothing but the message."""

from __future__ import annotations

from typing import Any

from lxml import etree

from integrator.engine import resources, unbuilt
from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.results import reader
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, IntegratorError, Message

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_access: Any = etree.XSLTAccessControl  # its stubs leave the constants out
SPEC = Spec(
    "component",
    "xslt",
    "Transforms the body with an XSLT 1.0 file of the site. Headers become parameters of the same name.",
    "1.3",
    "xslt:schemas/person.xsl",
    options=(
        Option("output", "string, bytes or DOM.", default="string", choices=("string", "bytes", "DOM")),
        Option("failOnNullBody", "Whether no body is an error.", type="boolean", default=True),
        Option("contentCache", "Accepted; files are read once.", type="boolean"),
        Option("allowStAX", "Accepted, without effect.", type="boolean"),
        *unbuilt.XSLT_ACCEPTED,
        *unbuilt.options(unbuilt.XSLT),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The transformation. document(), network, files and extension writes are closed."""
    unbuilt.refuse(node, uri, unbuilt.XSLT)
    read = source_of(node, uri)
    if node.scope.checking:
        return nothing
    path = resources.path_of(uri)
    root = resources.parse(node, path)
    if root is None:
        return nothing
    try:
        sheet = etree.XSLT(root, access_control=_access.DENY_ALL, regexp=False)
    except (etree.XSLTParseError, LookupError, OSError):
        node.problem(
            "/uri", "resource", f"{path} is no XSLT 1.0 stylesheet", "Correct it; imports stay in the site."
        )
        return nothing
    names = tuple(name for element in root.iterchildren(_XSL + "param") if (name := element.get("name")))
    output, needed = uri.options.get("output", "string"), uri.options.get("failOnNullBody") != "false"

    def transform(exchange: Exchange) -> None:
        message = exchange.message
        tree = tree_of(exchange, read, needed=needed)
        values = ((name, to_text(message.headers.get(name))) for name in names)
        given: dict[str, Any] = {name: sheet.strparam(value) for name, value in values if value is not None}
        try:
            result = sheet(tree, **given)
        except etree.XSLTApplyError:
            # Its text may repeat xsl:message, which may repeat the message: I5.
            raise failure("javax.xml.transform.TransformerException", f"{path} failed") from None
        message.body = _result(result, output)

    return transform


def tree_of(exchange: Exchange, read: Expression | None = None, *, needed: bool = True) -> etree._Element:
    """The XML of the body, or of what `read` gives; one empty element for null where it is not `needed`.

    Raises JavaException as xslt: does.
    """
    value = read(exchange) if read else exchange.message.body
    if value is None and not needed:
        return etree.Element("empty")
    if value is None:
        text = "Could not extract IN message body as type: interface javax.xml.transform.Source body is: null"
        raise failure(CAMEL + "ExpectedBodyTypeException", text)
    try:
        if read is None:
            return exchange.message.as_xml()
        return Message(value, conversions=exchange.message.conversions).as_xml()
    except IntegratorError as error:
        cause = failure("org.xml.sax.SAXParseException", error.message)
        raise failure("javax.xml.transform.TransformerException", error.message, cause) from cause


def source_of(node: Node, uri: Uri) -> Expression | None:
    """What `source` names; None for the body. Notes a problem for anything else."""
    try:
        return reader(uri.options.get("source", ""))
    except ExpressionError as error:
        node.problem("/uri", "option-value", error.message, error.remedy)
        return None


def _result(result: Any, output: str) -> Any:
    if output == "DOM":
        return result.getroot()
    data = bytes(result).rstrip(b"\n")
    return data if output == "bytes" else data.decode("utf-8")
