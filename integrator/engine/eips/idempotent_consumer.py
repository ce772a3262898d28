"""idempotentConsumer: steps for messages whose key was not seen before."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable

from integrator.engine.compiler import Bean, Node
from integrator.engine.elements.beans import named
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import to_text
from integrator.engine.services import MessageKeys, Services
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import RouteStop, Run, call
from integrator.exchange import Context, Exchange

MEMORY = "org.apache.camel.support.processor.idempotent.MemoryIdempotentRepository"
STORE = "org.apache.camel.processor.idempotent.jdbc.JdbcMessageIdRepository"
SPEC = Spec(
    "eip",
    "idempotentConsumer",
    "Runs its steps once for each key, of one flow and party; the route goes on for duplicates, too.",
    "1.0",
    f"idempotentConsumer: {{header: Event-Id, idempotentRepository: '#class:{MEMORY}', steps: []}}",
    options=(
        Option("steps", "What is done with new messages.", type="steps"),
        Option("idempotentRepository", f"Where keys are kept: a bean, or #class: and {MEMORY}, or {STORE}, which is "
               "the bus's own store: keys count across processes and restarts.",
               required=True, example=f"#class:{MEMORY}"),
        Option("eager", "Whether a key counts while its message is under way.", type="boolean", default=True),
        Option("completionEager", "Whether a key counts as soon as the steps ended well.", type="boolean",
               default=False),
        Option("skipDuplicate", "Whether duplicates skip the steps.", type="boolean", default=True),
        Option("removeOnFailure", "Whether the key of a failed message is forgotten.", type="boolean", default=True),
    ),
    expression=True,
)  # fmt: skip
_AGAIN_SECONDS = 0.05
_AGAIN_SECONDS_MAX = 1.0


class Keys:
    """Keys seen, as digests: they may be personal. The oldest go where there are too many."""

    def __init__(self, most: int) -> None:
        self._most, self._secret = max(most, 1), secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def digest(self, exchange: Exchange, key: str) -> bytes:
        """The key of one flow and party, without its text."""
        context = exchange.context
        owner = "" if context is None else f"{context.flow}\0{context.party}\0"
        return hashlib.blake2b(f"{owner}{key}".encode(), key=self._secret, digest_size=16).digest()

    def __contains__(self, key: bytes) -> bool:
        return key in self._seen

    def add(self, key: bytes) -> bool:
        """Keep a key; False where it was there already."""
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        self._seen.pop(key, None)


class _InMemory:
    """The memory repository at one step."""

    def __init__(self, keys: Keys, *, eager: bool, forgets: bool) -> None:
        self.keys, self.eager, self.forgets = keys, eager, forgets

    async def begin(self, exchange: Exchange, text: str) -> bool:
        """Whether the key is new."""
        digest = self.keys.digest(exchange, text)
        return self.keys.add(digest) if self.eager else digest not in self.keys

    async def end(self, exchange: Exchange, text: str, failed: bool) -> None:
        """Keep or forget the key of an exchange that ended."""
        self.end_later(exchange, text, failed)

    def end_later(self, exchange: Exchange, text: str, failed: bool) -> None:
        """The same at once."""
        digest = self.keys.digest(exchange, text)
        if not failed:
            self.keys.add(digest)
        elif self.forgets:
            self.keys.remove(digest)


class _InStore:
    """The store's repository at one step. A key that is not eager waits for one that is under way."""

    def __init__(
        self, keys: MessageKeys, name: str, *, eager: bool, forgets: bool, services: Services
    ) -> None:
        self.keys, self.name, self.eager, self.forgets = keys, name, eager, forgets
        self.sleep = services.sleep

    async def begin(self, exchange: Exchange, text: str) -> bool:
        """Whether the key is new. Raises NotRecorded."""
        context = _context(exchange)
        pause = _AGAIN_SECONDS
        while True:
            found = await self.keys.hold(context, self.name, text)
            if found != "held" or self.eager:
                return found == "new"
            await self.sleep(pause)
            pause = min(pause * 2, _AGAIN_SECONDS_MAX)

    async def end(self, exchange: Exchange, text: str, failed: bool) -> None:
        """Confirm or release the key of an exchange that ended. Raises NotRecorded."""
        context = _context(exchange)
        if failed and (self.forgets or not self.eager):
            await self.keys.release(context, self.name, text)
        else:
            await self.keys.confirm(context, self.name, text)

    def end_later(self, exchange: Exchange, text: str, failed: bool) -> None:
        """The same once all the exchange's children have ended."""
        exchange.history[0].family.endings.append(lambda: self.end(exchange, text, failed))


def _context(exchange: Exchange) -> Context:
    if exchange.context is not None:
        return exchange.context
    return Context(exchange.id, "", "")  # of no flow: it counts by the key alone


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    key, body, kept = node.expression(), node.steps(), _repository(node)
    found = node.expression_source()
    shown = "" if found is None else f"header({found.text})" if found.language == "header" else found.text
    at_once, skips = node.flag("completionEager"), node.flag("skipDuplicate")

    async def consume(exchange: Exchange) -> None:
        text = to_text(key(exchange))
        if text is None:
            raise failure(
                CAMEL + "processor.idempotent.NoMessageIdException",
                f"No message ID could be found using expression: {shown} on message exchange: Exchange[{exchange.id}]",
            )
        if not await kept.begin(exchange, text):
            exchange.properties["CamelDuplicateMessage"] = True
            if skips:
                return
        if not at_once:
            exchange.history[0].after.append(_ending(kept, text))
            await call(body.run, body.waits, exchange)
            return
        try:
            await call(body.run, body.waits, exchange)
        except RouteStop:
            await kept.end(exchange, text, exchange.exception is not None or exchange.history[0].handled)
            raise
        except Exception:
            await kept.end(exchange, text, failed=True)
            raise
        await kept.end(exchange, text, failed=False)

    return consume


def _ending(kept: _InMemory | _InStore, text: str) -> Callable[[Exchange, bool], None]:
    def end(exchange: Exchange, failed: bool) -> None:
        only_marked = (
            exchange.rollback_only and exchange.exception is None and not exchange.history[0].handled
        )
        kept.end_later(exchange, text, failed and not only_marked)

    return end


def _repository(node: Node) -> _InMemory | _InStore:
    """Where the keys of a step are kept; notes a repository that the engine has not."""
    services = node.scope.services
    eager, forgets = node.flag("eager"), node.flag("removeOnFailure")
    bean = named(node, "idempotentRepository") if node.text("idempotentRepository") else None
    if bean is not None and bean.java_class == STORE and services.keys is not None:
        name = str(bean.properties.get("processorName") or f"{node.scope.route}")
        return _InStore(services.keys, name, eager=eager, forgets=forgets, services=services)
    if bean is not None and bean.java_class not in (MEMORY, STORE):
        node.problem("/idempotentRepository", "bean", f"the engine has no idempotent repository {bean.java_class}",
                     f"Use {MEMORY} or {STORE}.")  # fmt: skip
        bean = None
    return _InMemory(_keys(node, bean), eager=eager, forgets=forgets)


def _keys(node: Node, bean: Bean | None) -> Keys:
    most = node.scope.services.keys_kept
    if bean is None:
        return Keys(most)
    size = str(bean.properties.get("cacheSize", ""))
    made = Keys(min(int(size), most) if size.isdigit() else most)
    text = node.text("idempotentRepository")
    if text.startswith("#class:"):
        return made
    shared = node.scope.program.shared
    found = shared.setdefault(f"idempotent {node.scope.source.file} {text.lstrip('#')}", made)
    assert isinstance(found, Keys)
    return found
