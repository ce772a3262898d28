"""Our own cases in which the engine differs from Camel on purpose, each with its reason.

docs/camel/differences.md tells them; a test compares the two.
"""

from __future__ import annotations

DIFFERENT: dict[str, str] = {
    "saga/steps-after": "steps after a saga run after it, and do not see its header; Camel 4.18 runs them before the saga's own",
    "split/jq-null-part": "a null among the values jq gives is no part of a split: parts have a value",
    "messages/unmarshal-json-same-key-twice": "JSON with the same key twice is refused: readers disagree on what it says",
    "messages/unmarshal-json-beyond-double": "a number that no double holds is refused: Camel reads it as Infinity",
    "errors/rollback-only-last": "markRollbackOnlyLast counts as rolled back: there are no nested transactions here",
}
"""Case id → reason."""
