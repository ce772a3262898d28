from __future__ import annotations

from integrator.journal.acts import ACTS


def test_no_act_publishes_who_or_why() -> None:
    assert not {"actor", "who", "why", "reason_text", "label", "name"} & {
        n for names in ACTS.values() for n in names
    }


def test_acts_are_named_like_tokens() -> None:
    assert all(act.replace("-", "").isalpha() and act.islower() for act in ACTS)
