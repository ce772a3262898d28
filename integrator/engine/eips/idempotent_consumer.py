"""idempotentConsumer: steps for messages whose key was not seen before."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from integrator.engine.compiler import Node
from integrator.engine.elements.beans import named
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import to_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, call
from integrator.exchange import Exchange

MEMORY = "org.apache.camel.support.processor.idempotent.MemoryIdempotentRepository"
SPEC = Spec(
    "eip",
    "idempotentConsumer",
    "Runs its steps once for each key, of one flow and party; the route goes on for duplicates, too.",
    "1.0",
    f"idempotentConsumer: {{header: Event-Id, idempotentRepository: '#class:{MEMORY}', steps: []}}",
    options=(
        Option("steps", "What is done with new messages.", type="steps"),
        Option("idempotentRepository", "Where keys are kept: a bean, or #class: and the memory repository.",
               required=True, example=f"#class:{MEMORY}"),
        Option("eager", "Whether a key counts while its message is under way.", type="boolean", default=True),
        Option("completionEager", "Whether a key counts as soon as the steps ended well.", type="boolean",
               default=False),
        Option("skipDuplicate", "Whether duplicates skip the steps.", type="boolean", default=True),
        Option("removeOnFailure", "Whether the key of a failed message is forgotten.", type="boolean", default=True),
    ),
    expression=True,
)  # fmt: skip


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


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    key, body, keys = node.expression(), node.steps(), _repository(node)
    shown = next((str(value) for name, value in node.options.items() if name not in SPEC_NAMES), "")
    eager, at_once = node.flag("eager"), node.flag("completionEager")
    skips, forgets = node.flag("skipDuplicate"), node.flag("removeOnFailure")

    async def consume(exchange: Exchange) -> None:
        text = to_text(key(exchange))
        if text is None:
            raise failure(
                CAMEL + "processor.idempotent.NoMessageIdException",
                f"No message ID could be found using expression: {shown} on message exchange: Exchange[{exchange.id}]",
            )
        digest = keys.digest(exchange, text)
        if not (keys.add(digest) if eager else digest not in keys):
            exchange.properties["CamelDuplicateMessage"] = True
            if not skips:
                await call(body.run, body.waits, exchange)
            return

        def end(_exchange: Exchange, failed: bool) -> None:
            if not failed:
                keys.add(digest)
            elif forgets:
                keys.remove(digest)

        if not at_once:
            exchange.history[0].after.append(end)
            await call(body.run, body.waits, exchange)
            return
        ended_well = False
        try:
            await call(body.run, body.waits, exchange)
            ended_well = True
        finally:
            end(exchange, not ended_well)

    return consume


SPEC_NAMES = frozenset(option.name for option in SPEC.options) | {"id", "description", "note"}


def _repository(node: Node) -> Keys:
    most = node.scope.services.keys_kept
    text = node.text("idempotentRepository")
    if not text:
        return Keys(most)
    bean = named(node, "idempotentRepository")
    if bean is None:
        return Keys(most)
    if bean.java_class != MEMORY:
        node.problem("/idempotentRepository", "bean", f"the engine has no idempotent repository {bean.java_class}",
                     f"Use {MEMORY}.")  # fmt: skip
        return Keys(most)
    size = str(bean.properties.get("cacheSize", ""))
    made = Keys(min(int(size), most) if size.isdigit() else most)
    if text.startswith("#class:"):
        return made
    shared = node.scope.program.shared
    found = shared.setdefault(f"idempotent {node.scope.source.file} {text.lstrip('#')}", made)
    assert isinstance(found, Keys)
    return found
