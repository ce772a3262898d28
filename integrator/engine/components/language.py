"""language: the body from an expression in any language of the engine."""

from __future__ import annotations

from urllib.parse import unquote

from integrator.engine import registry, resources
from integrator.engine.compiler import Expression, Node, source
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "language",
    "Evaluates an expression: `language:<language>:<text>`, or `language:<language>:resource:<file of the site>`.",
    "2.5",
    "language:simple:hello ${body}",
    options=(
        Option("transform", "Whether the value becomes the body.", type="boolean", default=True),
        Option("script", "The text, where it does not stand in the path."),
        Option("resultType", "Java type the value is converted to.", example="java.lang.String"),
        Option("cacheScript", "Accepted; expressions are compiled once.", type="boolean"),
        Option("contentCache", "Accepted; files are read once.", type="boolean"),
        Option("allowContextMapAll", "Accepted, without effect.", type="boolean"),
        Option("binary", "Not in the embedded engine: a file is a text.", choices=("false",)),
        Option("allowTemplateFromHeader", "Not in the embedded engine: no header names an expression.",
               choices=("false",)),
    ),
)  # fmt: skip


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    language, colon, text = uri.path.partition(":")
    if registry.LANGUAGES.find(language) is None:
        known = registry.LANGUAGES.names()
        rule = "not-yet" if registry.LANGUAGES.not_yet(language) else "unknown-language"
        node.problem("/uri", rule, f"the engine has no language {language}", did_you_mean(language, known))
        return nothing
    script = unquote(text) if colon else uri.options.get("script", "")
    if script.startswith("resource:"):
        if node.scope.checking:
            return nothing
        path = script.removeprefix("resource:").removeprefix("classpath:").removeprefix("file:").lstrip("/")
        data = resources.read(node, path)
        script = (data or b"").decode("utf-8")
    if not script:
        node.problem("/uri", "uri", "language: has no expression", f"For example: {SPEC.example}")
        return nothing
    return _evaluating(_expression(node, language, script, uri), uri.options.get("transform") != "false")


def _expression(node: Node, language: str, script: str, uri: Uri) -> Expression:
    options: dict[str, object] = {"expression": script}
    spec = registry.LANGUAGES.spec(language)
    if "resultType" in uri.options and spec.option("resultType") is not None:
        options["resultType"] = uri.options["resultType"]
    if spec.option("trim") is not None:
        options["trim"] = False
    found = source(language, options, f"{node.pointer}/uri", node.scope)
    return found.expression() if found else nothing


def _evaluating(value: Expression, transforms: bool) -> Run:
    def evaluate(exchange: Exchange) -> None:
        found = value(exchange)
        if transforms:
            exchange.message.body = found

    return evaluate
