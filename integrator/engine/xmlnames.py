"""The prefixes that expressions on XML declare."""

from __future__ import annotations

from collections.abc import Mapping

from integrator.engine.compiler import Source


def namespaces_of(source: Source) -> dict[str, str]:
    """The entries of `namespace`, key to value; notes a problem for what is none."""
    found: dict[str, str] = {}
    for index, entry in enumerate(source.node.options.get("namespace") or ()):
        if (
            isinstance(entry, Mapping)
            and isinstance(entry.get("key"), str)
            and isinstance(entry.get("value"), str)
        ):
            found[entry["key"]] = entry["value"]
        else:
            source.node.problem(f"/namespace/{index}", "options", "a namespace has key and value",
                                "Write {key: p, value: 'urn:p'}.")  # fmt: skip
    return found
