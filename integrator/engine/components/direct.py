"""direct: the route of the same set that consumes this name, on the same exchange."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, Trail
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, Overloaded

CONSUMES = True
SPEC = Spec(
    "component",
    "direct",
    "Calls another route of the set on the same exchange.",
    "1.0",
    "direct:next",
    options=(
        Option("block", "Accepted; a missing route fails at once here.", type="boolean"),
        Option("failIfNoConsumers", "Whether a missing route is an error.", type="boolean", default=True),
        Option("timeout", "Accepted, without effect.", type="integer"),
        Option("synchronous", "Accepted, without effect.", type="boolean"),
    ),
)


def no_consumer(uri: str, *, computed: bool = False) -> JavaException:
    """Camel's exception for a `direct:` that no route consumes; a computed name stays in the exchange."""
    said = f"No consumers available on endpoint: {uri.replace(':', '://', 1)}"
    return JavaException(
        CAMEL + "component.direct.DirectConsumerNotAvailableException",
        "No consumers available on a computed endpoint" if computed else said,
        text=said,
    )


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The call. How deep routes call each other, and how often in one exchange, is limited."""
    program = node.scope.program
    address = f"direct:{uri.path}"
    quiet = uri.options.get("failIfNoConsumers") == "false"
    deepest, most = program.services.routes_nested, program.services.routes_entered

    async def call(exchange: Exchange) -> None:
        route = program.consumers.get(address)
        if route is None or not route.started:
            if quiet:
                return
            raise no_consumer(uri.name.replace("://", ":", 1), computed=uri.computed)
        trail: Trail = exchange.history[0]
        if trail.depth >= deepest or trail.entered >= most:
            raise Overloaded(
                f"routes call each other more than {deepest} deep or {most} times", reason="route-loop"
            )
        trail.depth += 1
        trail.entered += 1
        pattern = exchange.pattern
        try:
            if route.body.waits:
                await route.body.run(exchange)
            else:
                route.body.run(exchange)
        finally:
            trail.depth -= 1
            exchange.pattern = pattern  # setExchangePattern counts to the end of its route

    return call
