"""Expressions in the texts of exceptions, as Camel's own classes print them; never with a value of a message."""

from __future__ import annotations

import re

from integrator.engine.compiler import Source

_KINDS = "header|exchangeProperty|variable"
_FUNCTION = r"\$\{(?:in\.)?(?:(?P<body>body)|(?P<kind>" + _KINDS + r")s?\.(?P<name>[\w-]+))\}"
_LEFT = re.compile(_FUNCTION)
_COMPARED = re.compile(
    _FUNCTION
    + r"\s+(?P<sign>\S+)\s+(?:"
    + _FUNCTION.replace("?P<", "?P<other")
    + r"|'(?P<text>[^'$]*)'|\"(?P<quoted>[^\"$]*)\"|(?P<word>[\w.-]+))"
)
_FORMS = {
    "constant": "{}",
    "header": "header({})",
    "exchangeProperty": "exchangeProperty({})",
    "variable": "variable({})",
    "jsonpath": "jsonpath[{}]",
    "xpath": "XPath: {}",
    "jq": "org.apache.camel.language.jq.JqExpression",
}


def shown(source: Source | None) -> str:
    """The expression as Camel prints it."""
    if source is None:
        return ""
    text = source.text.strip()
    if source.language == "simple":
        return _simple(text)
    return _FORMS.get(source.language, "{}").format(text)


def _simple(text: str) -> str:
    match = _LEFT.fullmatch(text)
    if match:
        return _operand(match, "")
    match = _COMPARED.fullmatch(text)
    if match is None:
        return text
    right = next((match[name] for name in ("text", "quoted", "word") if match[name] is not None), None)
    return f"{_operand(match, '')} {match['sign']} {_operand(match, 'other') if right is None else right}"


def _operand(match: re.Match[str], which: str) -> str:
    return "body" if match[f"{which}body"] else f"{match[f'{which}kind']}({match[f'{which}name']})"
