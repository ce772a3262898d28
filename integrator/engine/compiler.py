"""The compiler's working place: the scope of a file and route, and the nodes of its steps.

Everything wrong is collected as a RouteProblem; compilation goes on with a step that does nothing, so
that one pass finds every mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrator.engine import guards, known, option_types, registry, tracing
from integrator.engine.problems import ExpressionError, RouteProblem, did_you_mean, nearest
from integrator.engine.program import (
    Bean,
    EndpointUse,
    Expression,
    Flow,
    Intercept,
    Predicate,
    Program,
)
from integrator.engine.services import Services
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import (
    FINAL,
    OPEN,
    Block,
    Step,
    Where,
    block,
    call,
    is_waiting,
    nothing,
)
from integrator.engine.uris import Uri, camel_case, parse
from integrator.exchange import Exchange
from integrator.site.compiled import RouteSource

__all__ = [
    "Bean",
    "EndpointUse",
    "Expression",
    "Flow",
    "Intercept",
    "Node",
    "Predicate",
    "Program",
    "Scope",
    "Source",
    "source",
]

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_OPTIONAL = re.compile(r"\{\{\?[^{}]+\}\}")
_LOST = re.compile(r"([?&])[^?&=]+=(\{\{\?[^{}]+\}\})(?=&|$)")


def _without_lost(scope: Scope, uri: str) -> str:
    """A URI without the options whose optional value nobody gave."""
    if "{{?" not in uri:
        return uri
    kept = _LOST.sub(lambda match: match[0] if scope.fill(match[2], "") else match[1], uri)
    return re.sub(r"&+", "&", kept).replace("?&", "?").rstrip("?&")


@dataclass(slots=True)
class Scope:
    """Where compilation stands. `checking` compiles without the files of a site.

    `handler` is the error handler of the steps: OPEN, QUIET, FINAL, or a Guard. `start` is the normal form
    of the route's consumer; `intercepts` run before each step, `sends` around sending; `beans` by name.
    `sink` is what `kamelet:sink` stands for; `prefix` stands before the ids of steps.
    """

    source: RouteSource
    program: Program
    problems: list[RouteProblem]
    uses: list[EndpointUse]
    route: str = ""
    checking: bool = False
    handler: int | guards.Guard = FINAL
    start: str = ""
    intercepts: tuple[Intercept, ...] = ()
    sends: tuple[Intercept, ...] = ()
    beans: Mapping[str, Bean] = field(default_factory=dict)
    sink: Block | None = None
    prefix: str = ""

    @contextmanager
    def handled_by(self, handler: int | guards.Guard, *, plain: bool = False) -> Iterator[None]:
        """Compile steps under another error handler; `plain` ones without intercepts, too."""
        before = (self.handler, self.intercepts, self.sends)
        self.handler = handler
        if plain:
            self.intercepts, self.sends = (), ()
        try:
            yield
        finally:
            self.handler, self.intercepts, self.sends = before

    @property
    def services(self) -> Services:
        """What the routes may use."""
        return self.program.services

    def line(self, pointer: str) -> int:
        """The line of a node, or of the nearest node around it."""
        while pointer:
            line = self.source.lines.get(pointer)
            if line is not None:
                return line
            pointer = pointer.rpartition("/")[0]
        return self.source.lines.get("", 1)

    def note_use(
        self, uri: str, pointer: str, *, dynamic: bool = False, consumer: bool = False, line: int = 0
    ) -> None:
        """Note that a route names an endpoint."""
        file = self.source.file
        self.uses.append(EndpointUse(uri, line or self.line(pointer), pointer, dynamic, consumer, file))

    def problem(self, pointer: str, rule: str, message: str, remedy: str) -> None:
        """Note a mistake."""
        self.problems.append(
            RouteProblem(self.source.file, self.line(pointer), pointer, rule, message, remedy)
        )

    def where(self, pointer: str, step: str) -> Where:
        """The place of a step, for errors at run time."""
        return Where(self.route, self.source.file, self.line(pointer), step)

    def fill(self, text: str, pointer: str) -> str:
        """Replace `{{name}}`, `{{name:default}}` and `{{?name}}` by the services' placeholders."""

        def value(match: re.Match[str]) -> str:
            name, colon, default = match[1].partition(":")
            found = self.services.placeholders.get(name.removeprefix("?"))
            if found is not None:
                return found
            if colon or name.startswith("?"):
                return default
            self.problem(
                pointer, "placeholder", f"no value for {{{{{name}}}}}", "Define it, or give a default."
            )
            return ""

        return _PLACEHOLDER.sub(value, text) if "{{" in text else text

    def block(self, value: Any, pointer: str) -> Block:
        """Compile a list of steps under the error handler that holds here."""
        if isinstance(self.handler, int):
            return block(self.steps(value, pointer), self.handler)
        return guards.block(self.steps(value, pointer), self.handler)

    def steps(self, value: Any, pointer: str) -> Iterator[Step]:
        """Compile each step of a list; what is wrong is noted and left out.

        A step that could have steps and has none takes those after it, as Camel's loader does.
        """
        for item, place in self.listed(value, pointer):
            step = self.step(item, place)
            if step is None:
                continue
            for intercept in self.intercepts:
                yield Step(self._intercepting(intercept, item, step), intercept.body.waits, step.where)
            yield step

    def listed(self, value: Any, pointer: str) -> Iterator[tuple[Any, str]]:
        """The steps of a list and where they stand."""
        if value is None:
            return
        if not isinstance(value, (list, tuple)):
            self.problem(pointer, "steps", "steps are not a list", "Write them as a list, one `- ` each.")
            return
        first = 0
        if isinstance(value, Flow):
            pointer, first = value.pointer, value.first
        for index, item in enumerate(value):
            following = value[index + 1 :]
            place = f"{pointer}/{index + first}"
            if following and (taker := self._taker(item, place)):
                name, options = taker
                yield {name: {**options, "steps": Flow(following, pointer, index + first + 1)}}, place
                return
            yield item, place

    def _taker(self, item: Any, pointer: str) -> tuple[str, Mapping[str, Any]] | None:
        """Name and options of a step that takes the steps after it."""
        if not isinstance(item, Mapping) or len(item) != 1:
            return None
        name, options = next(iter(item.items()))
        if registry.EIPS.find(str(name)) is None or registry.EIPS.spec(name).option("steps") is None:
            return None
        if options is not None and not isinstance(options, Mapping):
            return None
        if (options or {}).get("steps") or (options or {}).get("disabled"):
            return None
        self.problem(
            f"{pointer}/{name}", "steps-empty", f"{name} has no steps: Camel runs those after it as its own",
            "Give it steps, or remove it.",
        )  # fmt: skip
        return str(name), options or {}

    def _intercepting(self, intercept: Intercept, item: Any, step: Step) -> Callable[[Exchange], Any]:
        """The steps of an intercept before one step, and what they may know of it."""
        value = item.get(step.where.step) if isinstance(item, Mapping) else None
        name = value.get("id") if isinstance(value, Mapping) else None
        if not isinstance(name, str):
            self.program.names += 1
            name = f"{step.where.step}{self.program.names}"
        about = {
            "CamelInterceptedNodeId": self.prefix + name,
            "CamelInterceptedParentEndpointUri": self.start,
            "CamelInterceptedRouteId": self.route,
        }
        body = intercept.body

        def plain(exchange: Exchange) -> None:
            exchange.properties.update(about)
            if intercept.applies(exchange):
                body.run(exchange)

        async def waiting(exchange: Exchange) -> None:
            exchange.properties.update(about)
            if intercept.applies(exchange):
                await call(body.run, body.waits, exchange)

        return waiting if body.waits else plain

    def step(self, item: Any, pointer: str) -> Step | None:
        """Compile one step; None where it is disabled or wrong."""
        if isinstance(item, str):
            item = {item: None}
        if not isinstance(item, Mapping) or len(item) != 1:
            self.problem(
                pointer,
                "step",
                "a step has exactly one name",
                "Write one step an item; check the indentation.",
            )
            return None
        name, value = next(iter(item.items()))
        module = registry.EIPS.find(str(name))
        if module is None:
            self._unknown_step(str(name), f"{pointer}/{name}")
            return None
        node = Node.of(registry.EIPS.spec(name), value, f"{pointer}/{name}", self)
        if node is None or node.flag("disabled"):
            return None
        run = module.compile(node)
        if run is nothing:
            return None
        guarded = not getattr(module, "UNGUARDED", False)
        made = Step(run, is_waiting(run), self.where(node.pointer, name), guarded)
        return made if self.services.trace is None else tracing.traced(made, self.services)

    def _unknown_step(self, name: str, pointer: str) -> None:
        if registry.EIPS.not_yet(name):
            self.problem(
                pointer, "not-yet", f"the step {name} {known.why(name)}",
                "Use other steps, or run the flow on Camel K.",
            )  # fmt: skip
            return
        if name in registry.ELEMENTS.all_names() and name != "redeliveryPolicy":
            self.problem(
                pointer, "misplaced", f"{name} stands among the steps", "Move it out: check the indentation."
            )
            return
        names = registry.EIPS.names()
        self.problem(pointer, "unknown-step", f"there is no step {name}", did_you_mean(name, names))

    def uri(self, text: str, parameters: Any, pointer: str) -> Uri | None:
        """Parse a static URI, with the dash-case lint of `parameters`."""
        if parameters is not None and not isinstance(parameters, Mapping):
            self.problem(pointer, "parameters", "parameters are not a mapping", "Write name: value pairs.")
            return None
        for name in parameters or ():
            renamed = camel_case(str(name))
            if renamed != name:
                self.problem(
                    f"{pointer}/parameters/{name}", "parameter-renamed",
                    f"Camel sends the parameter {name} as {renamed}",
                    f"Write {renamed}, or put {name} into the uri itself.",
                )  # fmt: skip
        try:
            filled = {
                name: self.fill(value, pointer) if isinstance(value, str) else value
                for name, value in (parameters or {}).items()
                if not (
                    isinstance(value, str) and _OPTIONAL.fullmatch(value) and not self.fill(value, pointer)
                )
            }
            return parse(self.fill(_without_lost(self, text), pointer), filled)
        except ValueError as error:
            self.problem(pointer, "uri", str(error), "Write scheme:name, for example direct:next.")
            return None


@dataclass(slots=True)
class Node:
    """One step (or part of one) with its options, checked against its specification."""

    spec: Spec
    options: Mapping[str, Any]
    pointer: str
    scope: Scope

    @classmethod
    def of(cls, spec: Spec, value: Any, pointer: str, scope: Scope) -> Node | None:
        """Read the options of a step. None where they cannot be read at all."""
        if isinstance(value, str) and spec.text:
            value = {spec.text: value}
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            scope.problem(
                pointer, "options", f"the options of {spec.name} are not a mapping",
                f"For example: {spec.example}",
            )  # fmt: skip
            return None
        node = cls(spec, value, pointer, scope)
        node._check()
        return node

    def _check(self) -> None:
        options = self.spec.known
        for name, value in self.options.items():
            option = options.get(name)
            if option is not None:
                self._check_type(option, value)
            elif not (
                self.spec.expression and (name == "expression" or name in registry.LANGUAGES.all_names())
            ):
                self._unknown_option(str(name), options)
        for option in self.spec.options:
            if option.required and self.options.get(option.name) is None:
                self.problem(
                    "", "missing-option", f"{self.spec.name} needs {option.name}: {option.doc}",
                    f"For example: {self.spec.example}",
                )  # fmt: skip

    def _unknown_option(self, name: str, options: Mapping[str, Option]) -> None:
        names = set(options)
        if self.spec.expression:
            names |= registry.LANGUAGES.names()
        self.problem(
            f"/{name}", "unknown-option", f"{self.spec.name} has no option {name}", did_you_mean(name, names)
        )

    def _check_type(self, option: Option, value: Any) -> None:
        good = option_types.TYPES[option.type]
        if value is not None and not good(value):
            self.problem(
                f"/{option.name}", "option-type", f"{option.name} of {self.spec.name} is no {option.type}",
                f"{option.doc} For example: {option.example if option.example is not None else option.default}",
            )  # fmt: skip
        elif isinstance(value, str) and option.type in option_types.PLAIN and "{{" not in value:
            self.problem(
                f"/{option.name}", "schema-type",
                f"Camel runs {option.name} as a text, its own schema refuses it: editors will, too",
                f"Write {value} without quotes.",
            )  # fmt: skip
        elif option.choices and value is not None and str(value) not in option.choices:
            self.problem(
                f"/{option.name}", "option-value", f"{option.name} of {self.spec.name} has no such value",
                did_you_mean(str(value), option.choices),
            )  # fmt: skip

    def problem(self, below: str, rule: str, message: str, remedy: str) -> None:
        """Note a mistake at this node or below it."""
        self.scope.problem(self.pointer + below, rule, message, remedy)

    def text(self, name: str, default: str = "") -> str:
        """An option as text."""
        value = self.options.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def flag(self, name: str) -> bool:
        """An option that is true or false, with its documented default."""
        option = self.spec.option(name)
        value = self.options.get(name, option.default if option else False)
        return value if isinstance(value, bool) else str(value).lower() == "true"

    def decimal(self, name: str) -> float:
        """An option that is a number, with its documented default."""
        option = self.spec.option(name)
        value = self.options.get(name)
        text = self.scope.fill("" if value is None else str(value), f"{self.pointer}/{name}").strip()
        default = 0.0 if option is None or option.default is None else float(option.default)
        return float(text) if option_types.is_number(text) else default

    def number(self, name: str, default: int = 0) -> int:
        """An option that is a whole number, with its documented default."""
        option = self.spec.option(name)
        value = self.options.get(name)
        if value is None:
            value = default if option is None or option.default is None else option.default
        text = self.scope.fill(str(value), f"{self.pointer}/{name}").strip()
        return int(text) if option_types.is_integer(text) else default

    def steps(self, name: str = "steps") -> Block:
        """The nested steps."""
        return self.scope.block(self.options.get(name), f"{self.pointer}/{name}")

    def guarded_by_nobody(self, name: str = "steps") -> Block:
        """The nested steps, whose errors this step takes itself."""
        with self.scope.handled_by(OPEN):
            return self.steps(name)

    def each_step(self, name: str = "steps") -> Iterator[Block]:
        """The nested steps, each as a block of its own: branches."""
        for index, step in enumerate(self.scope.listed(self.options.get(name), f"{self.pointer}/{name}")):
            yield self.scope.block(Flow((step[0],), step[1].rpartition("/")[0], index), "")

    def expression(self) -> Expression:
        """The expression of the step; notes a problem where there is none or more than one."""
        found = self.expression_source()
        return nothing if found is None else found.expression()

    def predicate(self) -> Predicate:
        """The same where true or false is expected."""
        found = self.expression_source()
        return (lambda _exchange: False) if found is None else found.predicate()

    def expression_source(self) -> Source | None:
        """The expression as written; notes a problem where there is none or more than one."""
        options, pointer = self.options, self.pointer
        inner = options.get("expression")
        if isinstance(inner, Mapping):
            options, pointer = inner, f"{pointer}/expression"
        names = [name for name in options if name in registry.LANGUAGES.all_names()]
        if len(names) == 1:
            return source(names[0], options[names[0]], f"{pointer}/{names[0]}", self.scope)
        candidate = next((name for name in options if nearest(name, registry.LANGUAGES.names())), None)
        if options is not self.options and candidate and not names:
            self.scope.problem(
                f"{pointer}/{candidate}", "unknown-language", f"there is no language {candidate}",
                did_you_mean(candidate, registry.LANGUAGES.names()),
            )  # fmt: skip
            return None
        what = "has more than one expression" if names else "has no expression"
        self.problem(
            "", "expression-missing", f"{self.spec.name} {what}", f"For example: {self.spec.example}"
        )
        return None


@dataclass(frozen=True, slots=True)
class Source:
    """An expression as written: its text, its options (a Node), and where it stands."""

    language: str
    text: str
    node: Node

    @property
    def scope(self) -> Scope:
        """The scope it is compiled in."""
        return self.node.scope

    def expression(self) -> Expression:
        """Compile it; what is wrong is noted, and null takes its place."""
        return self._compile("expression") or nothing

    def predicate(self) -> Predicate:
        """Compile it where true or false is expected."""
        return self._compile("predicate") or (lambda _exchange: False)

    def parts(self) -> Callable[[Exchange], Iterator[Any]] | None:
        """What draws the parts of a value one by one, for languages that can; None for others."""
        module = registry.LANGUAGES.find(self.language)
        if not hasattr(module, "parts") or not getattr(module, "draws", lambda _source: True)(self):
            return None
        found: Callable[[Exchange], Iterator[Any]] = self._compile("parts") or (lambda _exchange: iter(()))
        return found

    def _compile(self, how: str) -> Any:
        module = registry.LANGUAGES.find(self.language)
        if module is None:
            return None
        try:
            return getattr(module, how)(self)
        except ExpressionError as error:
            self.node.problem("", error.rule, f"{self.language}: {error.message}", error.remedy)
            return None


def source(language: str, value: Any, pointer: str, scope: Scope) -> Source | None:
    """The source of an expression in YAML: a text, or a mapping with `expression`."""
    if registry.LANGUAGES.find(language) is None:
        scope.problem(
            pointer, "not-yet", f"the language {language} {known.why(language)}",
            "Use one of: " + ", ".join(sorted(registry.LANGUAGES.names())) + ".",
        )  # fmt: skip
        return None
    if isinstance(value, (bool, int, float)):
        value = str(value).lower() if isinstance(value, bool) else str(value)
        scope.problem(
            pointer, "schema-type", f"Camel takes {value} for a text here, its own schema refuses it: editors will, too",
            f"Write '{value}' in quotes.",
        )  # fmt: skip
    node = Node.of(registry.LANGUAGES.spec(language), value, pointer, scope)
    if node is None:
        return None
    return Source(language, scope.fill(node.text("expression"), pointer), node)
