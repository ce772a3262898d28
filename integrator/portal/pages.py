"""The portal's pages: plain HTML made on the server, no script, readable without style."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from integrator.portal.api import Services
from integrator.portal.texts import LANGUAGES, TEXTS, choose

router = APIRouter(include_in_schema=False)

_LATEST = 20
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _clock(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _words(title: Mapping[str, str], language: str, otherwise: str) -> Markup:
    """A title in the reader's language, else in one that it has, marked as such; else an id."""
    if language in title or not title:
        return escape(title.get(language) or otherwise)
    other, text = next(iter(title.items()))
    return Markup('<span lang="{}">{}</span>').format(other, text)


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters["clock"] = _clock
environment.globals["words"] = _words


@router.get("/", response_class=HTMLResponse)
async def index(
    request: Request, bus: Services, lang: Annotated[str | None, Query(max_length=8)] = None
) -> HTMLResponse:
    """Registered flows and the latest exchanges, in the reader's language."""
    language = choose(lang, request.headers.get("accept-language", ""))
    page = environment.get_template("index.html").render(
        t=TEXTS[language],
        language=language,
        languages=LANGUAGES,
        site=bus.site(),
        exchanges=await bus.latest(_LATEST),
    )
    return HTMLResponse(page, headers={**_SECURITY, "Content-Language": language, "Vary": "Accept-Language"})
