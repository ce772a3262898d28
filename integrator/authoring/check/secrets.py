"""No secret stands in a site: it is read by many, kept in version control, and stored as a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.files import Item
from integrator.site.read import Document, Place, Pointer

_SECRET_KEY = re.compile(
    r"(?i)(^|[-_.])(passwords?|passwd|passphrase|pwd|secrets?|tokens?|api[-_]?keys?|private[-_]?keys?|credentials?"
    r"|client[-_]?secret|authorization)$"
)
_SECRET_VALUE = re.compile(
    r"itg_[A-Za-z0-9_-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:Bearer|Basic) [A-Za-z0-9+/=._-]{12,}"
    r"|://[^/\s:@$]+:[^/\s:@$]+@"
)
_EXPRESSION = re.compile(r"\$\{[^}]*\}")
_REMEDY = 'move it out of the site and name it: "${env:NAME}" or "${file:/run/secrets/…}"; then replace it'
_TEXT_SUFFIXES = (
    ".json",
    ".jq",
    ".xsl",
    ".xslt",
    ".xsd",
    ".wsdl",
    ".yaml",
    ".yml",
    ".py",
    ".pem",
    ".txt",
    ".md",
)


@rule("secret-in-site")
def secret_in_site(view: View) -> Iterator[Finding]:
    """A password, token or private key is written into a file of the site.

    API keys of consumers are made by `integrator key add`; keys and passwords for systems are named
    by `${env:…}` or `${file:…}`. What was ever written down counts as known: replace it.
    """
    read = set()
    for document in view.site.documents():
        read.add(document.file)
        for pointer in document.places:
            value = Item("", document, (), document.data).get(*pointer)
            if isinstance(value, str) and _is_secret(_name_of(document, pointer), value):
                yield Finding(document.place(pointer), "this looks like a secret", _REMEDY)
    for name in view.site.names:
        if name not in read and name.endswith(_TEXT_SUFFIXES):
            yield from _in_text(view, name)


def _name_of(document: Document, pointer: Pointer) -> object:
    """What a value is called: its key, or the `name` beside it where a step sets a constant."""
    if pointer[-1:] == ("constant",):
        return Item("", document, (), document.data).get(*pointer[:-1], "name") or "constant"
    return pointer[-1] if pointer else ""


def _is_secret(key: object, value: str) -> bool:
    if _SECRET_VALUE.search(value):
        return True
    named = isinstance(key, str) and _SECRET_KEY.search(key) is not None
    return named and bool(_EXPRESSION.sub("", value).strip())


def _in_text(view: View, name: str) -> Iterator[Finding]:
    for number, line in enumerate((view.read(name) or "").splitlines(), 1):
        match = _SECRET_VALUE.search(line)
        if match:
            yield Finding(Place(name, number, match.start() + 1), "this looks like a secret", _REMEDY)
