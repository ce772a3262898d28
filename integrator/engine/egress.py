"""What compilation says about an endpoint that leaves the process without an adapter."""

from __future__ import annotations

from integrator.engine.compiler import Node

OF_TRANSPORT = frozenset({
    "cache-control", "connection", "content-length", "date", "host", "pragma", "trailer", "transfer-encoding",
    "upgrade", "via", "warning",
})  # fmt: skip
"""Headers of the HTTP message that brought them, in lower case: no transport sends them on, as with Camel."""


def undeclared(node: Node, what: str, protocol: str, option: str = "/uri") -> None:
    """Note that no adapter declares what an endpoint names; where a site is only checked, check itself says it."""
    if not node.scope.checking:
        node.problem(
            option, "egress-not-registered", f"no adapter of the site declares {what}",
            f"Describe it in adapters/<level>/<system>.yaml with protocol: {protocol}.",
        )  # fmt: skip
