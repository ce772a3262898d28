"""Route files that no flow names are compiled together with those of the flows: templates, called routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from integrator.gateway.runtime import Runtime
from integrator.site.compiled import RouteSource
from tests.gateway.doubles import World, site


async def test_shared_files_are_part_of_every_route_set(world: World) -> None:
    shared = RouteSource("routes/regional/shared.camel.yaml", ())
    compiled = replace(site(), routes=(shared,))
    seen: list[list[str]] = []
    tools = world.tools

    def routes(sources: Sequence[RouteSource], personal: bool) -> object:
        seen.append([source.file for source in sources])
        return tools.routes(sources, personal)

    Runtime.build(compiled, replace(tools, routes=routes))  # type: ignore[arg-type]
    assert seen
    assert all(files.count(shared.file) == 1 for files in seen)
