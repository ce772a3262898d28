"""docs/camel: the pages on what differs from Camel and what is left out, made from the tables the tests use.

`python -m tests.peers.camel.pages` writes them again.
"""

from __future__ import annotations

from pathlib import Path

from tests.engine import camel_not_yet
from tests.peers.camel.differences import DIFFERENT

DOCS = Path(__file__).parents[3] / "docs" / "camel"
_MADE = "<!-- Made from the tests' tables by `python -m tests.peers.camel.pages`: edit those. -->\n"


def differences() -> str:
    """What the embedded engine does otherwise than Camel 4.18, on purpose."""
    return (
        "# Where the embedded engine differs from Camel\n\n" + _MADE + "\n"
        "The same cases run on the embedded engine and on a real Camel 4.18 in one test run. These have another\n"
        "outcome on purpose:\n\n" + _rows({**camel_not_yet.DIFFERENT, **DIFFERENT}) + "\n"
        "In general:\n\n"
        "- A route that Camel loads and that fails on every message is refused when it is compiled.\n"
        "- Texts of errors never repeat values of messages: Camel's do.\n"
        "- Bodies can be read again and again; there are no one-time streams.\n"
        "- What leaves the process reaches only what an adapter of the site declares.\n"
        "- What waits, loops, nests or is kept is bounded: see [the limits](../reference/limits.md).\n"
    )


def left_out() -> str:
    """What of the recorded cases the profile has not."""
    return (
        "# Not in the profile\n\n" + _MADE + "\n"
        "Every name of Camel that the engine has no part for stands in\n"
        "[elsewhere](../reference/camel/elsewhere.md), as *not yet* or *runs on Camel K only*.\n\n"
        "## Recorded cases that wait for a part\n\n" + _rows(camel_not_yet.NOT_YET) + "\n"
        "## Expressions of parts the engine has that it refuses\n\n" + _rows(camel_not_yet.NOT_HERE)
    )


def _rows(reasons: dict[str, str]) -> str:
    lines = [f"| `{name}` | {reason} |" for name, reason in reasons.items()]
    return "\n".join(["| case | reason |", "|---|---|", *lines]) + "\n"


PAGES = {"differences.md": differences, "not-in-the-profile.md": left_out}


def main() -> None:
    """Write the pages."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), "utf-8")


if __name__ == "__main__":
    main()
