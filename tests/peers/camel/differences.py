"""Our own cases in which the engine differs from Camel on purpose, each with its reason.

docs/camel/differences.md tells them; a test compares the two.
"""

from __future__ import annotations

DIFFERENT: dict[str, str] = {}
"""Case id → reason."""
