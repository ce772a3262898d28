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
    "http/parameter-with-ampersand": "a value under `parameters:` stays one: Camel makes two options of a=x&z=1",
    "http/query-with-percent": "%26 in a query is part of a value: Camel decodes it first and begins another option there",
    "http/hop-by-hop": "headers of one connection are not sent on (RFC 9110, section 7.6.1): TE, Proxy-Authorization",
}
"""Case id → reason."""
