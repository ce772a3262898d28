"""The journal for auditors, data-protection officers and owners of sources: `/api/journal/…`, by role.

Every request names who reads and why. All are POST: what is searched for is personal, and stands in no URL.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from integrator.journal.viewers import Viewer
from integrator.portal import access, documents
from integrator.portal.api import Services

router = APIRouter(prefix="/api/journal", tags=["journal"])
Given = dict[str, str | int | None]
_CRITERIA = (
    "subject, ticket, inscription, dossier, agent, exchange, flow, party, purpose, outcome, from, until"
)
BreachId = Annotated[str, Path(max_length=64, description="id of a breach set")]


class Reading(BaseModel):
    """Who reads and why, which the journal keeps, and what for."""

    who: str = Field("", max_length=256, description="who reads", examples=["A. Peeters, internal audit"])
    why: str = Field("", max_length=1_024, description="why", examples=["complaint 2026/17, GDPR art. 15"])
    arguments: Given = Field(default_factory=dict, description=f"criteria: {_CRITERIA}")

    def criteria(self, *others: str) -> Given:
        """The arguments that are criteria."""
        return {name: value for name, value in self.arguments.items() if name not in others}


class Search(Reading):
    """A search; `limit` and `cursor` may stand beside the criteria or among the arguments."""

    limit: int = Field(50, description="exchanges a page, at most 200")
    cursor: str | None = Field(None, max_length=64, description="of the page before")


class ReportRequest(Reading):
    """A citizen's report: arguments subject, from, until."""

    format: Literal["json", "csv", "html"] = "json"
    language: Literal["fr", "nl", "de", "en"] = "fr"


async def _viewer(request: Request, wanted: Reading) -> Viewer:
    return await access.viewer(request, wanted.who)


@router.post("/search")
async def search(request: Request, wanted: Search, bus: Services) -> dict[str, Any]:
    """The exchanges that are all that is asked for, newest first; `cursor` gives the next page."""
    viewer = await _viewer(request, wanted)
    limit = wanted.arguments.get("limit")
    page = await bus.desk.inspector.search(
        viewer,
        wanted.why,
        wanted.criteria("limit"),
        limit=limit if isinstance(limit, int) else wanted.limit,
        cursor=wanted.cursor,
    )
    return {"records": page.rows, "cursor": page.cursor}


@router.post("/show")
async def show(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """Every record of an exchange, leaf and details as far as the role sees them, and its receipt."""
    viewer = await _viewer(request, wanted)
    return await bus.desk.inspector.show(viewer, wanted.why, str(wanted.arguments.get("exchange", "")))


@router.post("/readings")
async def readings(request: Request, wanted: Search, bus: Services) -> dict[str, Any]:
    """Who looked into the journal, when and why; by what was looked up, or the latest."""
    viewer = await _viewer(request, wanted)
    rows = await bus.desk.inspector.readings(
        viewer, wanted.why, wanted.criteria("limit"), limit=min(max(wanted.limit, 1), 200)
    )
    return {"records": rows}


@router.post("/report", response_model=None)
async def report(request: Request, wanted: ReportRequest, bus: Services) -> Response | dict[str, Any]:
    """Who consulted a person's data, when, why, under which authority: JSON, CSV or a page to print."""
    viewer = await _viewer(request, wanted)
    found = await bus.desk.reports.report(viewer, wanted.why, wanted.arguments)
    if wanted.format == "csv":
        text = documents.report_csv(found, wanted.language)
        return Response(text, media_type="text/csv; charset=utf-8", headers=documents.attached("report.csv"))
    if wanted.format == "html":
        return Response(documents.report_html(found, wanted.language), headers=documents.SECURITY,
                        media_type="text/html; charset=utf-8")  # fmt: skip
    return found


@router.post("/recipients")
async def recipients(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """The organisations that received data of a subject, to be told of a rectification."""
    viewer = await _viewer(request, wanted)
    return {"records": await bus.desk.reports.recipients(viewer, wanted.why, wanted.arguments)}


@router.post("/breach", status_code=201)
async def ask_breach(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """Ask for a breach set: arguments key, agent, party, flow, from, until. Another person releases it."""
    viewer = await _viewer(request, wanted)
    return await bus.desk.breaches.ask(viewer, wanted.why, wanted.arguments)


@router.post("/breach/list")
async def list_breaches(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """The breach sets asked for, newest first; never a subject."""
    return {"records": await bus.desk.breaches.list(await _viewer(request, wanted))}


@router.post("/breach/{breach}/release")
async def release_breach(
    breach: BreachId, request: Request, wanted: Reading, bus: Services
) -> dict[str, Any]:
    """Release a breach set that another person asked for, with another key."""
    return await bus.desk.breaches.release(await _viewer(request, wanted), wanted.why, breach)


@router.post("/breach/{breach}/subjects")
async def breach_subjects(
    breach: BreachId, request: Request, wanted: Reading, bus: Services
) -> dict[str, Any]:
    """The distinct subjects of a released breach set."""
    return await bus.desk.breaches.subjects(await _viewer(request, wanted), wanted.why, breach)


@router.post("/links")
async def links(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """The register of replaced national numbers: the latest first."""
    viewer = await _viewer(request, wanted)
    why, query = await bus.desk.inspector.prepared(viewer, "links", wanted.why, {})
    found = await bus.desk.links.list()
    await bus.desk.inspector.record(viewer, why, query, len(found), kind="links")
    return {
        "records": [
            {
                "link": link.id,
                "old": link.numbers[0],
                "new": link.numbers[1],
                "why": link.why,
                "who": link.who,
            }
            for link in found
        ]
    }


@router.post("/links/add", status_code=201)
async def add_link(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """Link a replaced national number to the new one: arguments old, new."""
    viewer = await _viewer(request, wanted)
    why, _ = await bus.desk.inspector.prepared(viewer, "links", wanted.why, {})
    old, new = (str(wanted.arguments.get(name, "")) for name in ("old", "new"))
    return {"link": (await bus.desk.links.add(viewer.actor, why, old, new)).id}


@router.post("/links/remove")
async def remove_link(request: Request, wanted: Reading, bus: Services) -> dict[str, Any]:
    """Forget a link that was a mistake: argument link."""
    viewer = await _viewer(request, wanted)
    why, _ = await bus.desk.inspector.prepared(viewer, "links", wanted.why, {})
    link = str(wanted.arguments.get("link", ""))
    await bus.desk.links.remove(viewer.actor, why, link)
    return {"link": link}
