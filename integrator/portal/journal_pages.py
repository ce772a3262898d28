"""The journal's pages: search, record with its proof, citizen's report, breach sets. No script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from integrator.exchange import IntegratorError
from integrator.journal.query import NAMES, OUTCOMES, STATES
from integrator.journal.viewers import Viewer
from integrator.portal import documents, session
from integrator.portal.api import Services
from integrator.portal.journal_texts import JOURNAL_TEXTS
from integrator.portal.pages import environment
from integrator.portal.rendering import SECURITY, render
from integrator.portal.services import ControlServices
from integrator.portal.texts import LANGUAGES, choose
from integrator.portal.timeline import lanes

router = APIRouter(prefix="/journal", include_in_schema=False)
Lang = Annotated[str | None, Query(max_length=8)]
_BREACH = ("key", "agent", "party", "flow", "from", "until")


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


environment.filters["pretty"] = _pretty
environment.globals["said"] = documents.said


def _language(request: Request, lang: str | None) -> str:
    return choose(lang, request.headers.get("accept-language", ""))


def _page(
    template: str, language: str, here: str, viewer: Viewer | None, status: int = 200, **values: Any
) -> HTMLResponse:
    problem = values.pop("problem", None)
    said = _said(problem, language) if isinstance(problem, IntegratorError) else problem
    page = render(
        template, language, here=here, viewer=viewer, problem=said,
        english=isinstance(problem, IntegratorError) and said == problem.message, **values,
    )  # fmt: skip
    return HTMLResponse(page, status, {**SECURITY, "Content-Language": language})


def _said(problem: IntegratorError, language: str) -> str:
    """A refusal in the reader's language, where there are words for it; else as it is, in English."""
    return JOURNAL_TEXTS[language].get(f"error-{problem.reason}", problem.message)


def _login(language: str, problem: str | None = None) -> HTMLResponse:
    return _page("journal_login.html", language, "/journal", None, 401 if problem else 200, problem=problem)


@router.post("/login")
async def login(request: Request, bus: Services, lang: Lang = None) -> Response:
    """Begin a session."""
    language = _language(request, lang)
    response = RedirectResponse(f"/journal?lang={language}", 303, SECURITY)
    try:
        await session.sign_in(bus, await session.form(request), response)
    except IntegratorError:
        return _login(language, JOURNAL_TEXTS[language]["login-failed"])
    return response


@router.post("/logout")
async def logout(request: Request, lang: Lang = None) -> Response:
    """End the session."""
    response = RedirectResponse(f"/journal?lang={_language(request, lang)}", 303, SECURITY)
    session.sign_out(response)
    return response


@router.get("")
async def search_form(request: Request, bus: Services, lang: Lang = None) -> Response:
    """The form to search with, or to sign in."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    return _search(bus, language, viewer) if viewer else _login(language)


@router.post("")
async def search(request: Request, bus: Services, lang: Lang = None) -> Response:
    """A page of results; the search is journalled."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    if viewer is None:
        return _login(language)
    fields = await session.form(request)
    given = {name: fields[name] for name in NAMES if name in fields}
    why = fields.get("why", "")
    try:
        found = await bus.desk.inspector.search(viewer, why, given, cursor=fields.get("cursor"))
    except IntegratorError as error:
        return _search(bus, language, viewer, given, why, problem=error)
    return _search(bus, language, viewer, given, why, rows=found.rows, cursor=found.cursor)


def _search(
    bus: ControlServices, language: str, viewer: Viewer, given: Mapping[str, str] | None = None, why: str = "", *,
    rows: list[Any] | None = None, cursor: str | None = None, problem: IntegratorError | None = None,
) -> HTMLResponse:  # fmt: skip
    return _page(
        "journal_search.html", language, "/journal", viewer, problem.http_status if problem else 200,
        site=bus.site(), given=_Given(given or {}), why=why, rows=rows, cursor=cursor,
        outcomes=(*OUTCOMES, *STATES), problem=problem,
    )  # fmt: skip


class _Given(dict[str, str]):
    """Fields of a form; one that was not given is empty."""

    def __missing__(self, name: str) -> str:
        return ""


@router.post("/record")
async def record(request: Request, bus: Services, lang: Lang = None) -> Response:
    """One exchange with its proof; opening it is journalled."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    if viewer is None:
        return _login(language)
    fields = await session.form(request)
    try:
        shown = await bus.desk.inspector.show(viewer, fields.get("why", ""), fields.get("exchange", ""))
    except IntegratorError as error:
        return _search(bus, language, viewer, problem=error)
    timeline = lanes(shown["records"], JOURNAL_TEXTS[language])
    return _page("journal_record.html", language, "/journal", viewer, shown=shown, timeline=timeline)


@router.get("/report")
async def report_form(request: Request, bus: Services, lang: Lang = None) -> Response:
    """The form of a citizen's report."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    if viewer is None:
        return _login(language)
    return _page("journal_report.html", language, "/journal/report", viewer, given=_Given(), why="")


@router.post("/report")
async def report(request: Request, bus: Services, lang: Lang = None) -> Response:
    """The report as a page to print, CSV or JSON, in the citizen's language."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    if viewer is None:
        return _login(language)
    fields = await session.form(request)
    why, spoken = fields.get("why", ""), fields.get("language", language)
    spoken = spoken if spoken in LANGUAGES else language
    try:
        found = await bus.desk.reports.report(viewer, why, fields)
    except IntegratorError as error:
        return _page("journal_report.html", language, "/journal/report", viewer, error.http_status,
                     given=_Given(fields), why=why, problem=error)  # fmt: skip
    if fields.get("format") == "csv":
        text = documents.report_csv(found, spoken)
        return Response(text, media_type="text/csv; charset=utf-8", headers=documents.attached("report.csv"))
    if fields.get("format") == "json":
        return Response(
            orjson.dumps(found), media_type="application/json", headers=documents.attached("report.json")
        )
    return HTMLResponse(documents.report_html(found, spoken), headers=SECURITY)


@router.get("/breach")
async def breach(request: Request, bus: Services, lang: Lang = None) -> Response:
    """The breach sets asked for, and the form to ask for one."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    return await _breaches(bus, language, viewer) if viewer else _login(language)


async def _breaches(
    bus: ControlServices, language: str, viewer: Viewer, given: Mapping[str, str] | None = None,
    problem: IntegratorError | None = None,
) -> HTMLResponse:  # fmt: skip
    try:
        sets = await bus.desk.breaches.list(viewer)
    except IntegratorError as error:
        sets, problem = [], problem or error
    return _page(
        "journal_breach.html", language, "/journal/breach", viewer, problem.http_status if problem else 200,
        sets=sets, given=_Given(given or {}), why=(given or {}).get("why", ""),
        problem=problem,
    )  # fmt: skip


@router.post("/breach/{act}")
async def breach_act(act: str, request: Request, bus: Services, lang: Lang = None) -> Response:
    """Ask for a set, release one, or download one."""
    language, viewer = _language(request, lang), await session.viewer(request, bus)
    if viewer is None:
        return _login(language)
    fields = await session.form(request)
    why, breach_id = fields.get("why", ""), fields.get("breach", "")
    try:
        if act == "subjects":
            found = await bus.desk.breaches.subjects(viewer, why, breach_id)
            headers = documents.attached("breach.csv")
            return Response(
                documents.breach_csv(found), media_type="text/csv; charset=utf-8", headers=headers
            )
        if act == "release":
            await bus.desk.breaches.release(viewer, why, breach_id)
        else:
            await bus.desk.breaches.ask(viewer, why, {name: fields.get(name) for name in _BREACH})
    except IntegratorError as error:
        return await _breaches(bus, language, viewer, fields, error)
    return RedirectResponse(f"/journal/breach?lang={language}", 303, SECURITY)
