"""The bus's own acts in the journal: which facts of each may stand in the leaf.

A fact not named here goes into the encrypted details, so that a new act never publishes by mistake.
Who did it is personal and always stands in the details.
"""

from __future__ import annotations

ACTS: dict[str, tuple[str, ...]] = {
    "site-activated": ("site", "previous_site", "flows"),
    "key-added": ("key_id", "party", "expires"),
    "key-revoked": ("key_id", "party"),
    "journal-read": ("criterion", "found"),
    "journal-checked": ("size", "problems"),
    "anchor-adopted": ("size", "running_hash"),
    "noise": ("reason", "count", "minute"),
    "dead-letter-discarded": ("exchange", "flow", "reason"),
}
