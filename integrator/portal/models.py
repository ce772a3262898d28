"""What the API says: one model an answer, each field described for its OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from integrator.portal.services import ExchangeLine
from integrator.site.compiled import Flow
from integrator.store.api import KeyRow


def moment(microseconds: int | None) -> datetime | None:
    """Microseconds since the epoch as a UTC time."""
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)


class EntryView(BaseModel):
    """A door to a flow."""

    kind: str = Field(description="rest or soap", examples=["rest"])
    method: str = Field(examples=["POST"])
    path: str = Field(examples=["/v1/persons/consult"])


class FlowView(BaseModel):
    """A registered exchange of data."""

    id: str = Field(examples=["person-consult"])
    title: dict[str, str] = Field(description="by language")
    owner: str = Field(description="the party responsible", examples=["regional/spw-digital"])
    exchange: str = Field(description="request-reply or event")
    data: str = Field(description="public, internal, personal or sensitive")
    purposes: list[str] = Field(description="granted to at least one party")
    entries: list[EntryView]
    retention: str = Field(description="how long its records' details are kept", examples=["P10Y"])

    @classmethod
    def of(cls, flow: Flow) -> FlowView:
        """The view of a compiled flow."""
        return cls(
            id=flow.id,
            title=dict(flow.title),
            owner=flow.owner,
            exchange=flow.exchange,
            data=flow.data,
            purposes=sorted({purpose for grant in flow.grants for purpose in grant.purposes}),
            entries=[EntryView(kind=e.kind, method=e.method, path=e.path) for e in flow.entries],
            retention=flow.retention,
        )


class ExchangeView(BaseModel):
    """One exchange, without personal data."""

    exchange: str = Field(description="exchange id")
    time: datetime
    flow: str | None
    party: str | None
    state: str = Field(description="received, or its final state", examples=["completed"])
    outcome: str | None = Field(examples=["with-data"])
    index: int | None = Field(description="place in the log; null until sealed")

    @classmethod
    def of(cls, line: ExchangeLine) -> ExchangeView:
        """The view of a listed exchange."""
        return cls(
            exchange=line.exchange_id,
            time=datetime.fromtimestamp(line.time_us / 1e6, UTC),
            flow=line.flow,
            party=line.party,
            state=line.state,
            outcome=line.outcome,
            index=line.index,
        )


class SiteView(BaseModel):
    """The active site."""

    hash: str = Field(description="SHA-256 of its source files")
    flows: int
    adapters: int
    parties: int


class ActivationView(BaseModel):
    """What became of an activation."""

    site: str
    changed: bool
    problems: list[dict[str, object]] = Field(description="what `integrator check` found, if it was refused")


class KeyRequest(BaseModel):
    """A new API key."""

    party: str = Field(examples=["municipal/namur"])
    label: str = Field("", max_length=64, description="what it is for", examples=["urbanism production"])
    days: int | None = Field(365, ge=1, le=3650, description="how long it is valid")
    role: Literal["auditor", "dpo", "source-owner"] | None = Field(
        None, description="with a role it reads the journal and exchanges no data"
    )


class KeyView(BaseModel):
    """An API key, without its secret."""

    id: str
    party: str
    label: str
    created: datetime | None
    expires: datetime | None
    revoked: datetime | None
    role: str | None = None

    @classmethod
    def of(cls, row: KeyRow) -> KeyView:
        """The view of a stored key."""
        return cls(
            id=row.key_id,
            party=row.party,
            label=row.label,
            created=moment(row.created_us),
            expires=moment(row.expires_us),
            revoked=moment(row.revoked_us),
            role=row.role,
        )


class NewKeyView(KeyView):
    """A key just made: the only time its text is shown."""

    key: str = Field(description="send it as Authorization: Bearer")


class JournalRequest(BaseModel):
    """A reading of the journal; it is itself recorded."""

    arguments: dict[str, str | int | None] = Field(default_factory=dict, description="of the command")
    who: str = Field(min_length=1, max_length=128, description="who reads")
    why: str = Field(min_length=3, max_length=256, description="why, kept in the record of the reading")
