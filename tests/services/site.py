"""The Walloon site as a test or benchmark can run it: no message security, no quota in the way."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_site(directory: Path) -> Path:
    """A copy of the site below `directory`, unchanged."""
    site = directory / "site"
    site.mkdir()
    for name in ("routes", "adapters", "parties", "schemas"):
        shutil.copytree(ROOT / name, site / name)
    shutil.copy(ROOT / "routes.yaml", site / "routes.yaml")
    return site


def open_site(directory: Path, delivery: str | None = None) -> Path:
    """A copy whose adapters need no signature, with quotas out of reach.

    `delivery` replaces the delivery policy of permit-notification.
    """
    site = copy_site(directory)
    adapter = site / "adapters/regional/bced-person.yaml"
    text = re.sub(r"^security:\n(?:[ ].*\n)+", "", adapter.read_text(), flags=re.MULTILINE)
    adapter.write_text(text.replace("concurrency: 32", "concurrency: 256"))
    for grants in (site / "routes").rglob("*.grants.yaml"):
        grants.write_text(re.sub(r"quota: \d+/min", "quota: 100000000/min", grants.read_text()))
    if delivery is not None:
        register = site / "routes.yaml"
        register.write_text(re.sub(r"delivery: \{.*\}", f"delivery: {delivery}", register.read_text()))
    return site
