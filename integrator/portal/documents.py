"""What is given out on paper or as a table: the citizen's report as a page to print, and CSV.

A cell of a CSV file that a spreadsheet would take for a formula gets an apostrophe before it (CWE-1236):
organisations and providers write these texts, not we.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrator.portal.journal_texts import JOURNAL_TEXTS
from integrator.portal.rendering import SECURITY, render
from integrator.portal.texts import LANGUAGES, TEXTS

__all__ = ["SECURITY", "attached", "breach_csv", "csv_text", "report_csv", "report_html"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_BOM = "\ufeff"


def attached(name: str) -> dict[str, str]:
    """Headers of a file to save."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff"}  # fmt: skip


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file (RFC 4180, UTF-8 with its mark so that spreadsheets read accents)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow([_harmless(head) for head in heads])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return _BOM + out.getvalue()


def _harmless(cell: object) -> str:
    text = "" if cell is None else str(cell).replace("\0", "")
    return "'" + text if text.lstrip(" \u00a0").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def said(title: Mapping[str, str], language: str, otherwise: str | None) -> str:
    """A title in a language, else in one that it has, else an id."""
    if language in title:
        return title[language]
    return next((title[one] for one in LANGUAGES if one in title), otherwise or "–")


_CELLS = ("time", "organisation", "organisation_number", "on_behalf_of", "agent", "flow", "purpose", "legal_basis",
          "authorisation", "fields", "outcome", "exchange")  # fmt: skip


def report_lines(report: Mapping[str, Any], language: str) -> list[dict[str, str]]:
    """The entries of a report as words of a language."""
    words = TEXTS[language] | JOURNAL_TEXTS[language]
    lines = []
    for entry in report["entries"]:
        organisation = said(entry["organisation_title"], language, entry["party"])
        lines.append({
            "time": entry["time"],
            "organisation": organisation,
            "organisation_number": entry["organisation"] or "",
            "on_behalf_of": entry["on_behalf_of"] or "",
            "agent": words["an-agent"].format(organisation) if entry["agent"] else words["no-agent"],
            "flow": said(entry["flow_title"], language, entry["flow"]),
            "purpose": said(entry["purpose_title"], language, entry["purpose"]),
            "legal_basis": entry["legal_basis"] or "–",
            "authorisation": entry["authorisation"] or "–",
            "fields": ", ".join(entry["fields"]) or words["no-fields"],
            "state": words.get(entry["state"], entry["state"]),
            "outcome": words.get(entry["outcome"] or entry["state"], entry["outcome"] or entry["state"]),
            "exchange": entry["exchange"],
        })  # fmt: skip
    return lines


def report_csv(report: Mapping[str, Any], language: str) -> str:
    """The report as a CSV file, its heads in the language."""
    words = TEXTS[language] | JOURNAL_TEXTS[language]
    lines = report_lines(report, language)
    return csv_text(
        [words[f"report-{name}"] for name in _CELLS], [[line[n] for n in _CELLS] for line in lines]
    )


def report_html(report: Mapping[str, Any], language: str) -> str:
    """The report as a page of its own, made to be printed."""
    return render("report.html", language, report=report, lines=report_lines(report, language))


def breach_csv(found: Mapping[str, Any]) -> str:
    """The subjects of a released breach set."""
    heads = ("kind", "subject", "times", "first", "last")
    return csv_text(heads, ([row[name] for name in heads] for row in found["subjects"]))
