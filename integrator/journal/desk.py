"""What auditors and data-protection officers work with, over one journal."""

from __future__ import annotations

from collections.abc import Callable

from integrator.journal.breach import Breaches
from integrator.journal.inspection import Inspector
from integrator.journal.report import Reports
from integrator.journal.writer import Journal
from integrator.site.compiled import CompiledSite
from integrator.store.api import Store


class Desk:
    """Search, reports, breach sets and links of one journal, with one clock (µs since the epoch)."""

    def __init__(
        self, store: Store, journal: Journal, site: Callable[[], CompiledSite], clock: Callable[[], int]
    ) -> None:
        self.inspector = Inspector(store, journal, site, clock)
        self.reports = Reports(self.inspector, site, clock)
        self.breaches = Breaches(store, journal, self.inspector, clock)
        self.links = self.inspector.links
