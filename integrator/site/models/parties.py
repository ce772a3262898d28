"""`parties/*.yaml`: organisations, groups of them, and software houses that act for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel, model_validator

from integrator.site.models.base import Bce, Fingerprint, Nis, PartyId, SiteModel, Title, wrong


class PartyItem(SiteModel):
    """An organisation (it has `organisation`), or a group of them (it has `members`)."""

    organisation: Bce | None = Field(
        default=None, description="BCE number of the organisation.", examples=["0207362739"]
    )
    members: Annotated[list[PartyId], Field(min_length=1)] | None = Field(
        default=None,
        description="Parties of a group; grants to the group are grants to each of them.",
        examples=[["municipal/namur", "municipal/liege"]],
    )
    title: Title | None = Field(
        default=None,
        description="Its name, by language; required for organisations.",
        examples=[{"fr": "Ville de Namur", "nl": "Stad Namen"}],
    )
    nis: Nis | None = Field(default=None, description="NIS code, for municipalities.", examples=["92094"])
    contact: Annotated[str, Field(min_length=3, max_length=254)] | None = Field(
        default=None,
        description="A functional mailbox, not that of a person.",
        examples=["it@namur.example"],
    )
    certificates: list[Fingerprint] = Field(
        default=[],
        description="SHA-256 fingerprints of the client certificates it may use.",
        examples=[["sha256:" + "0f" * 32]],
    )
    may_act_for: list[PartyId] = Field(
        default=[],
        description="Parties and groups on whose behalf it may call.",
        examples=[["group/imio-communes"]],
    )

    @model_validator(mode="after")
    def _organisation_or_group(self) -> PartyItem:
        if (self.organisation is None) == (self.members is None):
            raise wrong("wrong-party", "a party has either 'organisation' or 'members'",
                        "give an organisation its BCE number, a group its members")  # fmt: skip
        if self.members is None and self.title is None:
            raise wrong("missing-key", "the key 'title' is missing", "add 'title: {fr: …}'")
        if self.members is not None and (self.nis or self.certificates or self.may_act_for):
            raise wrong("wrong-party", "a group has only 'title', 'contact' and 'members'",
                        "give the other keys to its members")  # fmt: skip
        return self


class PartiesFile(RootModel[dict[PartyId, PartyItem]]):
    """A parties file: organisations and groups by id (`<level>/<name>`)."""
