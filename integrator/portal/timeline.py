"""An exchange as a picture of bars: the whole of it, and each call to a provider within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lane:
    """One bar: where it begins and how wide it is, in percent of the whole; `took` says it in words."""

    label: str
    left: float
    width: float
    took: str
    call: bool = False


def lanes(records: Sequence[Mapping[str, Any]], words: Mapping[str, str]) -> list[Lane]:
    """The lanes of an exchange's records; times of leaves are in microseconds."""
    leaves = [record["leaf"] for record in records if record["leaf"]]
    if not leaves:
        return []
    begin = int(leaves[0].get("received") or leaves[0]["time"])
    calls = [leg for leaf in leaves for leg in leaf.get("legs", ()) if "sent" in leg]
    ends = [int(leaf.get("replied") or leaf["time"]) for leaf in leaves]
    end = max([*ends, *(int(leg.get("answered") or leg["sent"]) for leg in calls), begin + 1])
    begin = min([begin, *(int(leg["sent"]) for leg in calls)])
    whole = end - begin
    found = [Lane(words["timeline-whole"], 0.0, 100.0, _took(whole))]
    for leg in calls:
        sent, answered = int(leg["sent"]), leg.get("answered")
        until = int(answered) if answered is not None else end
        found.append(Lane(
            words["timeline-call"].format(leg["adapter"]),
            min(round(100 * (sent - begin) / whole, 2), 99.0), round(100 * (until - sent) / whole, 2),
            _took(until - sent) if answered is not None else words["timeline-unanswered"], call=True,
        ))  # fmt: skip
    return found


def _took(microseconds: int) -> str:
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds / 1_000_000:.1f} s"
