"""errorHandler: what holds for errors that no onException takes; deadLetterChannel, default, or none."""

from __future__ import annotations

from collections.abc import Mapping

from integrator.engine.calling import hook
from integrator.engine.compiler import Node
from integrator.engine.elements.on_exception import original
from integrator.engine.elements.redelivery import redelivery
from integrator.engine.guards import DeadLetter, Hooks, Redelivery
from integrator.engine.results import truth
from integrator.engine.sending import endpoint, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import is_waiting

_REFS = ("executorServiceRef", "loggerRef")
_POLICY = (
    Option("redeliveryPolicy", "How often and how late a failed step is tried again.", type="object"),
    Option("redeliveryPolicyRef", "A bean of Camel's class RedeliveryPolicy instead."),
    Option("useOriginalMessage", "Takes the message as it came.", type="boolean", default=False),
    Option("useOriginalBody", "Takes the body as it came.", type="boolean", default=False),
    Option("level", "Accepted, without effect."),
    Option("logName", "Accepted, without effect."),
    Option("onExceptionOccurredRef", "A function of the site, called at each error."),
    Option("onRedeliveryRef", "A function of the site, called before each redelivery."),
    Option("onPrepareFailureRef", "A function of the site, called before a failed message goes on."),
    Option("retryWhileRef", "A function of the site: tries again as long as it says true."),
    *(Option(name, "Not in the embedded engine: needs a Java bean.") for name in _REFS),
)
SPEC = Spec(
    "element",
    "errorHandler",
    "What is done with errors that no onException takes, in every route of the file.",
    "1.0",
    "errorHandler: {deadLetterChannel: {deadLetterUri: direct:dead, redeliveryPolicy: {maximumRedeliveries: 3}}}",
    options=(
        Option("defaultErrorHandler", "Tries again, then lets the caller see the error.", type="object"),
        Option("deadLetterChannel", "Tries again, then sends the message elsewhere.", type="object"),
        Option("noErrorHandler", "Leaves errors to the route that called this one.", type="object"),
        Option("refErrorHandler", "Not in the embedded engine: needs a Java bean.", type="any"),
        Option("jtaTransactionErrorHandler", "Not in the embedded engine.", type="any"),
        Option("springTransactionErrorHandler", "Not in the embedded engine.", type="any"),
    ),
)
DEFAULT = Spec("part", "defaultErrorHandler", "Tries again, then fails.", "1.0",
               "defaultErrorHandler: {redeliveryPolicy: {maximumRedeliveries: 3}}", _POLICY)  # fmt: skip
DEAD = Spec(
    "part", "deadLetterChannel", "Tries again, then sends the message elsewhere; the caller sees no error.", "1.0",
    "deadLetterChannel: {deadLetterUri: direct:dead}",
    (
        Option("deadLetterUri", "Where failed messages go.", required=True, example="direct:dead"),
        Option("deadLetterHandleNewException", "Whether errors on the way there are swallowed.", type="boolean",
               default=True),
        *_POLICY,
    ),
)  # fmt: skip
NONE = Spec("part", "noErrorHandler", "Leaves errors to the caller.", "1.0", "noErrorHandler: {}")


class Handler:
    """The compiled error handler: `quiet` is noErrorHandler."""

    __slots__ = ("dead", "hooks", "quiet", "redelivery")

    def __init__(
        self,
        redelivery: Redelivery | None = None,
        dead: DeadLetter | None = None,
        hooks: Hooks | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self.redelivery = redelivery or Redelivery()
        self.dead = dead
        self.hooks = hooks or Hooks()
        self.quiet = quiet


def handler(node: Node) -> Handler:
    """The error handler that an element, or the option of a route, describes."""
    given = [name for name in node.options if SPEC.option(name)]
    if len(given) != 1:
        node.problem(
            "",
            "missing-option",
            "errorHandler names no kind, or more than one",
            f"For example: {SPEC.example}",
        )
        return Handler()
    name = given[0]
    specs = {"defaultErrorHandler": DEFAULT, "deadLetterChannel": DEAD, "noErrorHandler": NONE}
    if name not in specs:
        node.problem(f"/{name}", "not-yet", f"{name} is not in the embedded engine", "Use deadLetterChannel.")
        return Handler()
    value = node.options[name]
    found = Node.of(
        specs[name], value if isinstance(value, Mapping) else {}, f"{node.pointer}/{name}", node.scope
    )
    if found is None or name == "noErrorHandler":
        return Handler(quiet=name == "noErrorHandler")
    for ref in _REFS:
        if found.options.get(ref) is not None:
            found.problem(f"/{ref}", "not-yet", f"{ref} needs a Java bean", "Leave it out.")
    dead = _dead(found) if name == "deadLetterChannel" else None
    return Handler(redelivery(found, Redelivery()), dead, _hooks(found))


def _hooks(node: Node) -> Hooks:
    retry = hook(node, "retryWhileRef")
    return Hooks(
        hook(node, "onExceptionOccurredRef"),
        hook(node, "onRedeliveryRef"),
        hook(node, "onPrepareFailureRef"),
        (lambda exchange: truth(retry(exchange))) if retry is not None else None,
    )


def _dead(node: Node) -> DeadLetter | None:
    pointer = f"{node.pointer}/deadLetterUri"
    uri = node.scope.uri(node.text("deadLetterUri"), None, pointer)
    if uri is None:
        return None
    send = endpoint(node, uri, "deadLetterUri")
    if send is None:
        return None
    run = received(node, send, uri.name)
    return DeadLetter(run, is_waiting(run), original(node), node.flag("deadLetterHandleNewException"))
