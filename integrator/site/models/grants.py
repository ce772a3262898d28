"""`routes/<level>/<flow>.grants.yaml`: who may use a flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel

from integrator.site.models.base import Identifier, PartyId, Period, Quota, SiteModel


class GrantItem(SiteModel):
    """One permission: a party or a group may use the flow, for these purposes, to see these fields."""

    to: PartyId = Field(description="A party, or a group of parties.", examples=["municipal/namur"])
    purposes: Annotated[list[Identifier], Field(min_length=1)] = Field(
        description="The purposes it may have.", examples=[["environmental-permit"]]
    )
    fields: list[Identifier] = Field(
        default=[],
        description="Field groups of the answer it may see; none: the answer carries no data.",
        examples=[["identity", "address"]],
    )
    entries: list[Literal["rest", "soap", "consume"]] = Field(
        default=[],
        description="Kinds of entry it may use; none: all. `[rest]` where the fields are too few for "
        "the SOAP contract.",
        examples=[["rest"]],
    )
    agent: Literal["required", "optional"] = Field(
        default="required",
        description="Whether the civil servant on whose behalf the call is made must be named.",
        examples=["required"],
    )
    authorisation: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The protocol, deliberation or decision that allows it.",
        examples=["protocol SPW-2026-014"],
    )
    valid: Period | None = Field(
        default=None,
        description="First and last day, both included; one side may be empty.",
        examples=["2026-01-01/2030-12-31"],
    )
    quota: Quota | None = Field(
        default=None,
        description="Most exchanges of one party in a span of time (s, min, h, day).",
        examples=["100/min"],
    )


class GrantsFile(RootModel[list[GrantItem]]):
    """A grants file: a list of permissions."""
