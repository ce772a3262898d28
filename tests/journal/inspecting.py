"""A journal to look into: exchanges of two communes and two providers, on a real store. Synthetic people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrator.exchange import Context, ErrorInfo, Leg, Subject
from integrator.journal.desk import Desk
from integrator.journal.viewers import AUDITOR, DPO, OPERATOR, SOURCE_OWNER, Viewer
from integrator.journal.writer import Journal
from integrator.site.compiled import (
    Adapter,
    AdapterOperation,
    Allow,
    CompiledSite,
    Flow,
    Party,
    Purpose,
    RouteSource,
)
from integrator.store.api import Store
from integrator.store.units import Unit
from tests.journal.conftest import AGENT_NISS, NISS

OTHER = "66091495277"
WHY = "complaint 2026/17"
DAY_US = 86_400_000_000

AUDIT = Viewer(AUDITOR, None, "key:a1", "A. Peeters")
SECOND = Viewer(AUDITOR, None, "key:a2", "L. Janssens")
TOKEN = Viewer(OPERATOR, None, "operator", "operator")
NAMUR = Viewer(DPO, "municipal/namur", "key:d1", "dpo of Namur")
LIEGE = Viewer(DPO, "municipal/liege", "key:d2", "dpo of Liège")
BCED = Viewer(DPO, "regional/bced", "key:d3", "dpo of BCED")
SOURCE = Viewer(SOURCE_OWNER, "regional/bced", "key:s1", "owner of BCED")


def _flow(name: str, owner: str) -> Flow:
    return Flow(
        name, {"fr": name, "en": name}, owner, "request-reply", RouteSource("x.yaml", ()), None, None, ()
    )


def _adapter(name: str, party: str, flow: str) -> Adapter:
    operation = AdapterOperation("get", "read", allow=(Allow(flow),))
    return Adapter(name, name, party, "soap", "http://x.example", {"get": operation})


SITE = CompiledSite(
    hash="5f" * 32,
    organisation="0316381138",
    languages=("fr",),
    purposes={
        "environmental-permit": Purpose("environmental-permit", {"fr": "Permis", "en": "Permit"}, "Décret"),
        "inquiry": Purpose("inquiry", {"en": "Inquiry"}, "Act", disclosure="P6M"),
    },
    parties={
        "municipal/namur": Party(
            "municipal/namur", "0207362739", {"fr": "Ville de Namur"}, contact="it@namur.example"
        ),
        "municipal/liege": Party("municipal/liege", "0207343933", {"fr": "Ville de Liège"}),
        "regional/bced": Party("regional/bced", "0316381138", {"fr": "BCED"}),
        "regional/spw-digital": Party("regional/spw-digital", "0316381138", {"fr": "SPW"}),
        "federal/rn": Party("federal/rn", "0308357852", {"fr": "RN"}),
    },
    flows={
        "person-consult": _flow("person-consult", "regional/spw-digital"),
        "tax-consult": _flow("tax-consult", "federal/rn"),
    },
    adapters={
        "regional/bced-person": _adapter("regional/bced-person", "regional/bced", "person-consult"),
        "federal/rn-tax": _adapter("federal/rn-tax", "federal/rn", "tax-consult"),
    },
)


@dataclass
class World:
    """A store with exchanges, the desk over it, and what was put in, oldest first."""

    store: Store
    journal: Journal
    make: Callable[..., Context]
    now_us: int = field(default_factory=lambda: time.time_ns() // 1_000)
    exchanges: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Desk(self.store, self.journal, lambda: SITE, lambda: self.now_us)

    async def add(
        self,
        *,
        state: str = "completed",
        outcome: str | None = "with-data",
        answered: tuple[Subject, ...] = (Subject("niss", NISS),),
        adapter: str = "regional/bced-person",
        ticket: str = "ticket-of-provider",
        ended: bool = True,
        access: str = "read",
        **changes: Any,
    ) -> str:
        """One exchange as the gateway records it; its id."""
        context = self.make(**{"on_behalf_of": None, **changes})
        first = self.journal.record("received", context, now_us=self.now_us, final=False)
        assert await self.store.commit(Unit(records=[first])) is None
        if ended:
            context.previous, context.outcome = first.leaf_hash, outcome
            context.subjects_response = answered
            context.legs = [
                Leg(
                    adapter,
                    "get",
                    access,
                    self.now_us,
                    self.now_us + 8,
                    "PROCESSED",
                    "SOA0000000",
                    ticket,
                    12,
                    29,
                )
            ]
            if state != "completed":
                context.error = ErrorInfo("provider-fault", "SOA5100000", "provider")
            last = self.journal.record(state, context, now_us=self.now_us + 9, final=True)
            assert await self.store.commit(Unit(records=[last])) is None
        self.exchanges.append(context.exchange_id)
        return context.exchange_id

    async def found(self, viewer: Viewer = AUDIT, **given: Any) -> list[str]:
        """The exchanges a search finds, all pages of it."""
        given = {name.rstrip("_"): value for name, value in given.items()}
        ids: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.desk.inspector.search(viewer, WHY, given, cursor=cursor)
            ids += [row["exchange"] for row in page.rows]
            cursor = page.cursor
            if cursor is None:
                return ids

    async def readings(self) -> list[dict[str, Any]]:
        """The facts of every reading and refusal, newest first."""
        return await self.desk.inspector.readings(TOKEN, "a look at the readings", {})


AGENT = f"RN/RBis:{AGENT_NISS}"
