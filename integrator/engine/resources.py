"""Files of the site that routes name: XSLT and XSD, with what they import, never from elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from lxml import etree

from integrator.engine.compiler import Node
from integrator.engine.uris import Uri
from integrator.security.parsers import xml_parser


def path_of(uri: Uri) -> str:
    """The site path an endpoint names: `file:`, `classpath:` and leading slashes do not count."""
    path = uri.path.removeprefix("file:").removeprefix("classpath:")
    return path.lstrip("/")


def read(node: Node, path: str) -> bytes | None:
    """The bytes of a file of the site; notes a problem where it cannot be read, or leaves the site."""
    if posixpath.normpath(path).startswith("..") or "://" in path:
        node.problem("/uri", "resource", f"{path} is outside the site", "Name a file of the site.")
        return None
    try:
        return node.scope.services.resource(path)
    except (OSError, KeyError) as error:
        node.problem(
            "/uri", "resource", f"{path} cannot be read ({type(error).__name__})", "Correct the path."
        )
        return None


class SiteResolver(etree.Resolver):
    """Resolves imports within the site; whatever is elsewhere is refused."""

    def __init__(self, resource: Callable[[str], bytes]) -> None:
        self._resource = resource

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> Any:
        """The text of an imported file. Raises LookupError for one outside the site."""
        url = (system_url or "").removeprefix("file://")
        path = posixpath.normpath(url)  # libxml2 has joined it with the importing file's path
        if "://" in url or path.startswith(("..", "/")):
            raise LookupError("an import leaves the site")
        answer: Any = self.resolve_string  # its stubs leave the context out
        return answer(self._resource(path), context, base_url=path)


def parse(node: Node, path: str) -> etree._Element | None:
    """The root of an XML file of the site; notes a problem where it cannot be read."""
    data = read(node, path)
    if data is None:
        return None
    parser = xml_parser()
    parser.resolvers.add(SiteResolver(node.scope.services.resource))
    try:
        return etree.fromstring(data, parser, base_url=path)
    except etree.XMLSyntaxError as error:
        node.problem("/uri", "resource", f"{path} is not well-formed (line {error.lineno})", "Correct it.")
        return None
