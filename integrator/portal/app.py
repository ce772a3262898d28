"""The FastAPI application of the control plane; the composition root mounts it beside the gateway."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import integrator
from integrator.exchange import IntegratorError
from integrator.portal import api, journal_api, journal_pages, pages, retention_api
from integrator.portal.access import LocalOnly
from integrator.portal.services import ControlServices


def create_app(services: ControlServices) -> FastAPI:
    """The control plane of one bus."""
    app = FastAPI(
        title="Walloon integrator: control plane",
        version=integrator.__version__,
        description="What the bus does, for the people who run it. Reached from its own machine only.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.services = services
    app.add_middleware(LocalOnly)
    app.add_exception_handler(IntegratorError, _problem)
    app.include_router(retention_api.router)  # before /journal/{command}
    app.include_router(journal_api.router)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(journal_pages.router)
    return app


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, IntegratorError):
        raise error
    return JSONResponse(
        {
            "type": f"urn:problem-type:integrator:{error.reason}",
            "title": error.category,
            "status": error.http_status,
            "detail": error.message,
        },
        status_code=error.http_status,
        media_type="application/problem+json",
    )
