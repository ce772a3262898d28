"""The API of the control plane, `/api`: what the portal shows and the command line does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from integrator.portal.access import require_token
from integrator.portal.models import (
    ActivationView,
    ExchangeView,
    FlowView,
    JournalRequest,
    KeyRequest,
    KeyView,
    NewKeyView,
    SiteView,
)
from integrator.portal.services import ControlServices
from integrator.site.problems import nearest

router = APIRouter(prefix="/api")
_token = [Depends(require_token)]


def services(request: Request) -> ControlServices:
    """The bus behind this application."""
    found: ControlServices = request.app.state.services
    return found


Services = Annotated[ControlServices, Depends(services)]


@router.get("/flows", tags=["register"])
async def flows(bus: Services) -> list[FlowView]:
    """Every registered flow."""
    return [FlowView.of(flow) for flow in bus.site().flows.values()]


@router.get("/flows/{flow_id}", tags=["register"])
async def flow(flow_id: str, bus: Services) -> FlowView:
    """One flow."""
    found = bus.site().flows.get(flow_id)
    if found is None:
        close = nearest(flow_id, bus.site().flows)
        remedy = f"did you mean {close!r}?" if close else "GET /api/flows lists them"
        raise HTTPException(404, f"no flow {flow_id!r} in the active site: {remedy}")
    return FlowView.of(found)


@router.get("/exchanges", tags=["exchanges"])
async def exchanges(bus: Services, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> list[ExchangeView]:
    """The latest exchanges, newest first, without personal data."""
    return [ExchangeView.of(line) for line in await bus.latest(limit)]


@router.get("/site", tags=["register"])
async def site(bus: Services) -> SiteView:
    """The active site."""
    active = bus.site()
    return SiteView(
        hash=active.hash, flows=len(active.flows), adapters=len(active.adapters), parties=len(active.parties)
    )


@router.post("/site/activate", tags=["register"], dependencies=_token)
async def activate(bus: Services) -> ActivationView:
    """Check, compile and activate the site directory as it is now; running exchanges end on the old one."""
    done = await bus.activate()
    return ActivationView(site=done.site, changed=done.changed, problems=[dict(p) for p in done.problems])


@router.get("/keys", tags=["keys"], dependencies=_token)
async def keys(bus: Services) -> list[KeyView]:
    """Every API key, without its secret."""
    return [KeyView.of(row) for row in await bus.keys()]


@router.post("/keys", tags=["keys"], dependencies=_token, status_code=201)
async def add_key(wanted: KeyRequest, bus: Services) -> NewKeyView:
    """Make an API key; its text is in this answer and nowhere else."""
    text, row = await bus.add_key(wanted.party, wanted.label, wanted.days, wanted.role)
    return NewKeyView(key=text, **KeyView.of(row).model_dump())


@router.delete("/keys/{key_id}", tags=["keys"], dependencies=_token, status_code=204)
async def revoke_key(key_id: str, bus: Services) -> None:
    """End an API key now."""
    if not await bus.revoke_key(key_id):
        raise HTTPException(404, f"no valid key {key_id!r}")


@router.post("/journal/{command}", tags=["journal"], dependencies=_token)
async def journal(
    command: Literal["list", "check", "receipt", "key"],
    wanted: JournalRequest,
    bus: Services,
) -> Any:
    """Read the journal. Who read what, and why, becomes a record too."""
    return await bus.journal(command, wanted.arguments, wanted.who, wanted.why)
