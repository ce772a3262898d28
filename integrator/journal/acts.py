"""The bus's own acts in the journal: which facts of each may stand in the leaf.

A fact not named here goes into the encrypted details, so that a new act never publishes by mistake.
Who did it is personal and always stands in the details.
"""

from __future__ import annotations

ACTS: dict[str, tuple[str, ...]] = {
    "site-activated": ("site", "previous_site", "flows"),
    "key-added": ("key_id", "party", "expires", "role"),
    "key-revoked": ("key_id", "party"),
    "journal-read": ("criterion", "found", "role"),
    "journal-read-refused": ("criterion", "reason", "role"),
    "numbers-linked": ("link",),
    "numbers-unlinked": ("link",),
    "breach-asked": ("breach", "criterion"),
    "breach-released": ("breach", "criterion"),
    "journal-checked": ("size", "problems"),
    "anchor-adopted": ("size", "running_hash"),
    "retention-applied": ("class", "deleted", "held", "until"),
    "subject-erased": ("exchanges", "records", "whole", "parts"),
    "hold-placed": ("hold", "kind"),
    "hold-lifted": ("hold", "kind"),
    "keys-replaced": ("details_key", "index_key", "records", "tags", "left"),
    "key-retired": ("key_id",),
    "journal-exported": ("start", "stop", "size"),
    "journal-recovered": ("start", "stop", "source"),
    "epoch-begun": ("number", "kept_size", "old_origin", "old_size", "old_root"),
    "vault-opened": ("exchange", "found"),
    "vault-erased": ("exchange", "payloads"),
    "vault-month-destroyed": ("month",),
    "noise": ("reason", "count", "minute"),
    "dead-letter-discarded": ("exchange", "flow", "reason"),
}
