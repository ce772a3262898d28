"""The embedded engine: compiles Camel YAML DSL routes into plain callables and runs them.

`compile_routes` gives a RouteSet, `check_routes` every mistake at once, `endpoints` what a file may reach,
`specs` the documented parts. Semantics are Apache Camel 4.18's, its surprises included.
"""

from integrator.engine import registry
from integrator.engine.compiler import EndpointUse
from integrator.engine.exceptions import JavaException
from integrator.engine.problems import RouteErrors, RouteProblem

registry.load()

from integrator.engine.registry import specs  # noqa: E402 - the parts are found first
from integrator.engine.routes import RouteSet, check_routes, compile_routes, endpoints  # noqa: E402
from integrator.engine.services import Mocks, Sender, Services  # noqa: E402

__all__ = [
    "EndpointUse",
    "JavaException",
    "Mocks",
    "RouteErrors",
    "RouteProblem",
    "RouteSet",
    "Sender",
    "Services",
    "check_routes",
    "compile_routes",
    "endpoints",
    "specs",
]
