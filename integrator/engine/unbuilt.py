"""Options of endpoints that are accepted without effect, or refused because they name Java objects."""

from __future__ import annotations

from collections.abc import Mapping

from integrator.engine.compiler import Node
from integrator.engine.spec import Option
from integrator.engine.uris import Uri

LAZY = Option("lazyStartProducer", "Accepted, without effect.", type="boolean")
BEAN = "needs a Java bean"
XSLT: Mapping[str, str] = {
    "allowTemplateFromHeader": "lets a header choose the stylesheet",
    "deleteOutputFile": "goes with files as output",
    **dict.fromkeys(
        ("entityResolver", "errorListener", "resultHandlerFactory", "transformerFactory", "transformerFactoryClass",
         "transformerFactoryConfigurationStrategy", "uriResolver", "xsltMessageLogger"), BEAN),
}  # fmt: skip
SAXON: Mapping[str, str] = {
    **XSLT,
    "saxonConfiguration": BEAN,
    "saxonExtensionFunctions": BEAN,
    "useJsonBody": "is not in the embedded engine: use xj",
}
XSLT_ACCEPTED = (
    LAZY,
    Option("transformerCacheSize", "Accepted; stylesheets are compiled once.", type="integer"),
    Option(
        "source",
        "What is transformed instead of the body: header:x, property:x or variable:x.",
        example="header:xml",
    ),
)


def options(reasons: Mapping[str, str]) -> tuple[Option, ...]:
    """The specifications of refused options."""
    return tuple(
        Option(name, f"Not in the embedded engine: {reason}.", type="any") for name, reason in reasons.items()
    )


def refuse(node: Node, uri: Uri, reasons: Mapping[str, str]) -> None:
    """Note a problem for each refused option that an endpoint sets."""
    for name, reason in reasons.items():
        if uri.options.get(name) not in (None, "false"):
            node.problem("/uri", "not-yet", f"{name} of {uri.scheme}: {reason}", "Leave it out.")
