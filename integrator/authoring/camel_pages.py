"""docs/reference/camel/: the profile of Apache Camel that routes may use, from the parts' specifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from integrator.engine import known, registry
from integrator.engine.spec import COMMON, Option, Spec

FOLDER = "docs/reference/camel"
_HEAD = "<!-- Generated from the parts by `python -m integrator.authoring.generate`: edit those. -->"
_PAGES = {
    "steps": ("Steps", ("eip",), "What a route does with a message: Camel's EIPs, as items of `steps`."),
    "elements": ("Elements", ("element", "part"), "What stands at the top of a route file, beside `route`."),
    "languages": ("Languages", ("language",), "How a route reads and computes values."),
    "dataformats": ("Data formats", ("dataformat",), "What `marshal` and `unmarshal` take."),
    "components": ("Components", ("component",), "What `from`, `to` and the other steps that send may name."),
}
"""Page → title, kinds of part, introduction."""

_NOTHING_HERE = ("Accepted", "Not in the embedded engine", "Not yet in the embedded engine")
_INTRODUCTION = """\
Routes are plain Apache Camel YAML DSL; the embedded engine runs the part of Camel 4.18 described here,
with Camel's own behaviour, proven case by case against a real Camel. *Since* is the version of Camel
that brought a part: an older runtime does not know it."""


_ELSEWHERE = """\
Names of Camel 4.18 that the embedded engine has no part for. In a flow with `engine: embedded` (the default)
`check` refuses them; with `engine: camel-k` they are notes. *Not yet* is what the profile means to have."""
_PLAIN_ELEMENTS = frozenset({"from", "route"})


def camel_pages() -> dict[str, str]:
    """The pages by path in the repository."""
    pages = {f"{FOLDER}/{name}.md": _page(*told) for name, told in _PAGES.items()}
    return {f"{FOLDER}/README.md": _index(), f"{FOLDER}/elsewhere.md": _elsewhere(), **pages}


def _elsewhere() -> str:
    """What of Camel 4.18 the embedded engine has no part for, with the reason."""
    lines = ["# Not in the embedded engine", "", _HEAD, "", _ELSEWHERE, ""]
    for title, parts in (("Steps", registry.EIPS), ("Elements", registry.ELEMENTS), ("Languages", registry.LANGUAGES),
                         ("Data formats", registry.DATA_FORMATS), ("Components", registry.COMPONENTS)):  # fmt: skip
        by_reason: dict[str, list[str]] = {}
        for name in sorted(parts.all_names() - parts.names() - _PLAIN_ELEMENTS):
            by_reason.setdefault(known.why(name), []).append(f"`{name}`")
        lines += [f"## {title}", "", "| name | here |", "|---|---|"]
        lines += [f"| {', '.join(names)} | {reason} |" for reason, names in sorted(by_reason.items())]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _index() -> str:
    lines = ["# The Camel profile", "", _HEAD, "", _INTRODUCTION, ""]
    for name, (title, kinds, introduction) in _PAGES.items():
        found = [f"[`{spec.name}`]({name}.md#{_anchor(spec)})" for spec in _specs(kinds)]
        lines += [f"## [{title}]({name}.md)", "", introduction, "", " · ".join(found), ""]
    lines += [
        "## [Not in the embedded engine](elsewhere.md)",
        "",
        "What of Camel it has no part for, and why.",
        "",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _page(title: str, kinds: tuple[str, ...], introduction: str) -> str:
    lines = [f"# {title}", "", _HEAD, "", introduction, ""]
    if "eip" in kinds:
        lines += ["Every step has these options, too:", "", *_table(COMMON), ""]
    for spec in _specs(kinds):
        lines += _part(spec)
    return "\n".join(lines).rstrip() + "\n"


def _specs(kinds: tuple[str, ...]) -> list[Spec]:
    return sorted(
        (spec for spec in registry.specs() if spec.kind in kinds), key=lambda spec: spec.name.lower()
    )


def _anchor(spec: Spec) -> str:
    return spec.name.lower()


def _part(spec: Spec) -> Iterator[str]:
    yield f"## {spec.name}"
    yield ""
    yield f"{spec.doc} *Since Camel {spec.since}.*"
    yield ""
    yield from ("```yaml", spec.example, "```", "")
    if spec.text:
        yield from (f"A bare text stands for `{spec.text}`.", "")
    if spec.expression:
        yield from ("Takes an expression: one key that names a [language](languages.md).", "")
    here = [option for option in spec.options if not option.doc.startswith(_NOTHING_HERE)]
    if here:
        yield from _table(here)
        yield ""
    if spec.open:
        yield from ("It takes any other option, too.", "")
    for start, meaning in (("Accepted", "Accepted, without effect here"), ("Not", "Refused by `check`")):
        names = [
            f"`{option.name}`"
            for option in spec.options
            if option not in here and option.doc.startswith(start)
        ]
        if names:
            yield from (f"{meaning}: {', '.join(names)}.", "")


def _table(options: Any) -> Iterator[str]:
    yield "| option | type | default | meaning | example |"
    yield "|---|---|---|---|---|"
    for option in options:
        yield f"| {' | '.join(_cell(text) for text in _cells(option))} |"


def _cells(option: Option) -> tuple[str, ...]:
    kind = " or ".join(f"`{choice}`" for choice in option.choices) or option.type
    default = "**needed**" if option.required else _value(option.default)
    return (f"`{option.name}`", kind, default, option.doc, _value(option.example))


def _value(value: Any) -> str:
    if value is None:
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
