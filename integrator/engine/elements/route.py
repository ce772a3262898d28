"""route and from: the specifications of a route and of its consumer."""

from __future__ import annotations

from integrator.engine.compiler import Node, source
from integrator.engine.names import variables_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, Trail, call
from integrator.exchange import Exchange, Message

NOT_HERE = {
    "errorHandlerRef": "it needs a Java bean: write errorHandler in the route",
    "routePolicy": "it needs a Java bean",
    "inputType": "data types need Java transformers: use json-validator:, validator: or unmarshal",
    "outputType": "data types need Java transformers: use json-validator:, validator: or marshal",
}
"""Options of a route that the engine has not, and why."""
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
        Option("precondition", "Whether there is such a route at all: simple over placeholders, asked once.",
               example="'{{region}}' == 'wallonia'"),
        Option("nodePrefixId", "Stands before the ids of the steps."),
        Option("streamCache", "Accepted; a body can always be read again.", type="boolean"),
        Option("shutdownRoute", "Accepted; running exchanges always end on their version.",
               choices=("Default", "Defer")),
        Option("shutdownRunningTask", "Accepted; running exchanges always end on their version.",
               choices=("CompleteCurrentTaskOnly", "CompleteAllTasks")),
        *(Option(name, f"Not in the embedded engine: {why}.", type="any") for name, why in NOT_HERE.items()),
    ),
)  # fmt: skip
FROM = Spec(
    "element", "from", "The consumer of a route.", "3.8", "from: {uri: flow:person-consult, steps: []}",
    options=(
        Option("uri", "`flow:` of the register, `direct:` or `seda:`.", required=True, example="flow:person-consult"),
        Option("parameters", "Options of the URI.", type="object"),
        Option("variableReceive", "Variable that takes the message; the body is null then."),
        Option("steps", "What is done with each message.", type="steps", required=True),
    ),
)  # fmt: skip
SPECS = (ROUTE, FROM)


def holds(node: Node, checking: bool) -> bool:
    """Whether a precondition holds; where values of placeholders are not known, it does."""
    text = node.text("precondition")
    if not text:
        return True
    before = len(node.scope.problems)
    found = source("simple", text, f"{node.pointer}/precondition", node.scope)
    test = found.predicate() if found is not None else None
    if checking:
        # Placeholders have values where the bus runs, not here.
        kept = [one for one in node.scope.problems[before:] if one.rule != "placeholder"]
        node.scope.problems[before:] = kept
        return True
    if test is None or len(node.scope.problems) > before:
        return True
    nobody = Exchange(Message(conversions=node.scope.services.conversions), exchange_id="", pattern="InOnly")
    nobody.history = [Trail("", "")]
    return test(nobody)


def received(start: Node, body: Block) -> Block:
    """The steps of a route whose message goes into a variable first."""
    name = start.text("variableReceive")
    if not name:
        return body

    async def receive(exchange: Exchange) -> None:
        message = exchange.message
        variables_of(exchange, name)[name] = message.body
        for header, value in message.headers.items():
            exchange.variables[f"header:{name}.{header}"] = value
        message.body = None
        await call(body.run, body.waits, exchange)

    return Block(receive, waits=True)
