"""docs/reference/rules.md: every rule of `check`, from the rules' own documentation."""

from __future__ import annotations

from integrator.authoring.check.rule import RULES

_HEAD = "<!-- Generated from the rules by `python -m integrator.authoring.generate`: edit those. -->"
_INTRODUCTION = """\
`integrator check` reads every file of a site in one pass and names each mistake with its file, line,
column, rule and remedy. An **error** keeps the site from being activated; a **warning** does not."""


def rules_page() -> str:
    """The page as Markdown, rules in alphabetical order."""
    lines = ["# The rules of check", "", _HEAD, "", _INTRODUCTION, ""]
    for name, rule in sorted(RULES.items()):
        lines += [f"## {name}", "", f"*{rule.severity}*", "", rule.doc.strip(), ""]
    return "\n".join(lines).rstrip() + "\n"
