"""docs/reference/camel/simple.md: simple's functions, operators and methods, from the engine's own table."""

from __future__ import annotations

from integrator.engine.simple import table

PATH = "docs/reference/camel/simple.md"
_HEAD = (
    "<!-- Generated from integrator/engine/simple/table.py by `python -m integrator.authoring.generate`. -->"
)
_INTRODUCTION = """\
`simple` reads and computes values in routes. *Since* is the version of Camel that brought a function: an
older runtime, such as that of Camel K 2.9 and 2.10 (Camel 4.8), does not know it. `[value]` is the body where
it is left out."""


def simple_page() -> dict[str, str]:
    """The page by its path in the repository."""
    lines = ["# simple", "", _HEAD, "", _INTRODUCTION, "", "## Functions", ""]
    lines += ["| function | since | meaning | example |", "|---|---|---|---|"]
    for one in sorted(table.FUNCTIONS, key=lambda one: one.name.lower()):
        lines.append(f"| {_code(one.forms)} | {one.since} | {_cell(one.doc)} | {_code(one.example)} |")
    lines += [
        "",
        "## Operators",
        "",
        "They count where true or false is expected, with blanks around them.",
        "",
    ]
    lines += ["| operator | meaning |", "|---|---|"]
    lines += [f"| {_code(signs)} | {_cell(doc)} |" for signs, doc in table.OPERATORS.items()]
    lines += [
        "",
        "## Methods",
        "",
        "What may be called on a value, `${body.trim()}`; no other method exists here.",
        "",
    ]
    lines += ["| of a | methods |", "|---|---|"]
    for kind, names in table.methods().items():
        lines.append(f"| {kind} | {', '.join(f'`{name}`' for name in names)} |")
    lines += ["", "## Not in the embedded engine", "", "| function | because |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(reason)} |" for name, reason in sorted(table.ELSEWHERE.items())]
    return {PATH: "\n".join(lines) + "\n"}


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
