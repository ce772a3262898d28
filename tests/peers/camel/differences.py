"""Our own cases in which the engine differs from Camel on purpose, each with its reason.

docs/camel/differences.md tells them; a test compares the two.
"""

from __future__ import annotations

DIFFERENT: dict[str, str] = {
    "errors/rollback-only-last": "markRollbackOnlyLast counts as rolled back: there are no nested transactions here",
}
"""Case id → reason."""
