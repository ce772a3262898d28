"""The control plane's half of keeping the journal: `/api/journal/…` and `/api/keyring/…`.

Auditors place and lift holds and export, from where they are and with their own key; what deletes is
the operator's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from integrator.exchange import InvalidRequest
from integrator.journal.search import Reading
from integrator.portal import access
from integrator.portal.api import Services
from integrator.portal.services import ControlServices
from integrator.security.keyring import KeyringError

router = APIRouter(prefix="/api", tags=["journal"])
_OPERATOR = [Depends(access.require_token)]
_KNOWN = [Depends(access.require_known)]
_JOBS = "begins; `GET /api/journal/jobs/{id}` says how far it is"


class Explained(BaseModel):
    """Who asks and why: both are recorded."""

    who: str = Field(min_length=1, max_length=128, description="who asks")
    why: str = Field(min_length=3, max_length=256, description="why, kept in the record of it")

    def reading(self) -> Reading:
        """As the journal records it."""
        return Reading(self.who, self.why)


Moment = Annotated[datetime | None, Field(description="UTC where it has no offset")]


class HoldRequest(Explained):
    """A new legal hold."""

    kind: str = Field(examples=["subject"], description="subject, exchange, party or flow")
    value: str = Field(max_length=256, description="the number, exchange id, party or flow")
    since: Moment = None
    until: Moment = None


class HoldsRequest(Explained):
    """A look at the legal holds."""

    all: bool = Field(False, description="lifted ones too")


class EraseRequest(Explained):
    """The erasure of a subject."""

    subject: str = Field(max_length=64, description="national or enterprise number")


class RetainRequest(Explained):
    """An application of the retention classes."""

    dry: bool = Field(False, description="only count")


class ExportRequest(Explained):
    """A range of the log: by index, or by the time its records were made."""

    start: int = Field(0, ge=0)
    stop: int | None = Field(None, ge=0)
    since: Moment = None
    until: Moment = None


class VaultRequest(Explained):
    """A look into the payload vault, or the end of what it keeps of an exchange."""

    exchange: str = Field(max_length=64, description="the exchange id")


class RetireRequest(Explained):
    """A key to be forgotten."""

    key_id: str = Field(max_length=128, examples=["details-1"])


class HoldView(BaseModel):
    """A legal hold."""

    hold: str
    kind: str
    value: str
    why: str
    who: str
    since: datetime | None
    until: datetime | None
    placed: datetime | None
    lifted: datetime | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> HoldView:
        """The view of a hold as plain data."""
        times = {name: _moment(row[name]) for name in ("until", "placed", "lifted")}
        return cls(**{**row, **times}, since=_moment(row["from"]))


class WorkView(BaseModel):
    """Long work: `done` of `total` details or exchanges."""

    id: str
    kind: str
    state: str = Field(description="running, done or failed")
    done: int
    total: int
    result: dict[str, Any]
    error: str


class PlanView(BaseModel):
    """What to export: fetch these files below `/log`; the checkpoint is the one given here."""

    origin: str
    size: int
    start: int
    stop: int
    keys: list[str]
    checkpoint: str


async def _reading(request: Request, wanted: Explained, act: str) -> Reading:
    """Who asks and why: the operator, or a key whose role may. Raises NotAuthenticated, Refused."""
    if access.is_operator(request):
        return wanted.reading()
    bus: ControlServices = request.app.state.services
    viewer = await access.viewer(request, wanted.who)
    return await bus.desk.inspector.reading(viewer, act, wanted.why)


def _us(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    microseconds = int(aware.timestamp()) * 1_000_000 + aware.microsecond
    if microseconds < 0:
        raise InvalidRequest("the journal has nothing of before 1970", reason="time-early")
    return microseconds


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else datetime.fromtimestamp(time_us / 1e6, UTC)


@router.post("/journal/holds", dependencies=_KNOWN, status_code=201)
async def place_hold(request: Request, wanted: HoldRequest, bus: Services) -> HoldView:
    """Place a legal hold: what it covers is neither deleted nor erased."""
    row = await bus.stewardship.place(
        await _reading(request, wanted, "hold"),
        wanted.kind,
        wanted.value,
        _us(wanted.since),
        _us(wanted.until),
    )
    return HoldView.of(row)


@router.post("/journal/holds/list", dependencies=_KNOWN)
async def list_holds(request: Request, wanted: HoldsRequest, bus: Services) -> list[HoldView]:
    """The legal holds in force, newest first; looking at them is recorded."""
    reading = await _reading(request, wanted, "hold")
    return [HoldView.of(row) for row in await bus.stewardship.held(reading, all_=wanted.all)]


@router.post("/journal/holds/{hold_id}/lift", dependencies=_KNOWN)
async def lift_hold(hold_id: str, request: Request, wanted: Explained, bus: Services) -> HoldView:
    """Lift a legal hold."""
    return HoldView.of(await bus.stewardship.lift(await _reading(request, wanted, "hold"), hold_id))


@router.post(
    "/journal/erase",
    dependencies=_OPERATOR,
    status_code=202,
    description=f"Erasing one subject's details {_JOBS}.",
)
async def erase(wanted: EraseRequest, bus: Services) -> WorkView:
    """Erase one subject's details."""
    return WorkView(**(await bus.stewardship.erase(wanted.reading(), wanted.subject)).row())


@router.post(
    "/journal/vault/open",
    dependencies=_OPERATOR,
    description="What the vault keeps of an exchange; the look is recorded.",
)
async def open_vault(wanted: VaultRequest, bus: Services) -> dict[str, str]:
    """The request and the answer of an exchange."""
    found: dict[str, str] = await bus.stewardship.payloads(wanted.reading(), wanted.exchange)
    return found


@router.post(
    "/journal/vault/erase",
    dependencies=_OPERATOR,
    description="Destroys the keys of what the vault keeps of an exchange.",
)
async def erase_vault(wanted: VaultRequest, bus: Services) -> dict[str, int]:
    """How many payloads there were."""
    done: dict[str, int] = await bus.stewardship.forget(wanted.reading(), wanted.exchange)
    return done


@router.post(
    "/journal/retain",
    dependencies=_OPERATOR,
    status_code=202,
    description=f"Deleting what has expired {_JOBS}.",
)
async def retain(wanted: RetainRequest, bus: Services) -> WorkView:
    """Apply the retention classes now."""
    return WorkView(**(await bus.stewardship.retain(dry=wanted.dry)).row())


@router.post(
    "/journal/rekey",
    dependencies=_OPERATOR,
    status_code=202,
    description=f"Moving everything under the current keys {_JOBS}.",
)
async def rekey(wanted: Explained, bus: Services) -> WorkView:
    """Replace the keys of what is there already."""
    return WorkView(**(await bus.stewardship.rekey(wanted.reading())).row())


@router.get("/journal/jobs/{job_id}", dependencies=_OPERATOR)
async def job(job_id: str, bus: Services) -> WorkView:
    """How far long work is."""
    return WorkView(**bus.stewardship.jobs.get(job_id).row())


@router.post("/journal/export", dependencies=_KNOWN)
async def export(request: Request, wanted: ExportRequest, bus: Services) -> PlanView:
    """What to fetch for an archive of a range of the log; recorded."""
    plan = await bus.stewardship.export(
        await _reading(request, wanted, "export"),
        wanted.start,
        wanted.stop,
        _us(wanted.since),
        _us(wanted.until),
    )
    span = plan.range
    return PlanView(
        origin=span.origin, size=span.size, start=span.start, stop=span.stop, keys=list(span.keys),
        checkpoint=plan.checkpoint.decode(),
    )  # fmt: skip


@router.post("/keyring/retire", dependencies=_OPERATOR, status_code=204)
async def retire(wanted: RetireRequest, bus: Services) -> None:
    """Let the database forget a key that nothing needs; take it out of the key file afterwards."""
    try:
        await bus.stewardship.retire(wanted.reading(), wanted.key_id)
    except KeyringError as error:
        raise InvalidRequest(str(error), reason="key-unknown") from error
