"""route and from: the specifications of a route and of its consumer."""

from __future__ import annotations

from integrator.engine.spec import Option, Spec

NOT_YET = (
    "errorHandlerRef", "routePolicy", "precondition", "streamCaching",
    "streamCache", "inputType", "outputType", "shutdownRoute", "shutdownRunningTask", "nodePrefixId", "variableReceive",
)  # fmt: skip
ROUTE = Spec(
    "element", "route", "A route: where messages come from and what is done with them.", "3.8",
    "route: {id: person-consult, from: {uri: flow:person-consult, steps: []}}",
    options=(
        Option("from", "The consumer and its steps.", type="object", required=True),
        Option("autoStartup", "Whether the route takes messages.", type="boolean", default=True),
        Option("errorHandler", "The error handler of this route.", type="object"),
        Option("routeConfigurationId", "Names of routeConfigurations, with commas; `a*` matches several.",
               example="strict"),
        Option("group", "A name that several routes share."),
        Option("startupOrder", "The order of starting; nothing depends on it here.", type="integer"),
        Option("messageHistory", "Accepted; the engine always knows where a step failed.", type="boolean"),
        Option("trace", "Accepted, without effect.", type="boolean"),
        Option("logMask", "Accepted; values of personal flows are never logged.", type="boolean"),
        *(Option(name, "Not yet in the embedded engine.", type="any") for name in NOT_YET),
    ),
)  # fmt: skip
FROM = Spec(
    "element", "from", "The consumer of a route.", "3.8", "from: {uri: flow:person-consult, steps: []}",
    options=(
        Option("uri", "`flow:` of the register, `direct:` or `seda:`.", required=True, example="flow:person-consult"),
        Option("parameters", "Options of the URI.", type="object"),
        Option("steps", "What is done with each message.", type="steps", required=True),
    ),
)  # fmt: skip
SPECS = (ROUTE, FROM)
