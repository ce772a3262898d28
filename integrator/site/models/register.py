"""`routes.yaml`: the register of data flows, and the files it includes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from integrator.site.models.base import (
    Bce,
    ConsumerUri,
    Duration,
    HeaderFamily,
    HeaderName,
    HttpPath,
    Identifier,
    JsonPath,
    PartyId,
    Percentage,
    Regex,
    RestLine,
    Retention,
    SiteModel,
    SitePath,
    Title,
    wrong,
)

Name = Annotated[str, Field(min_length=1, max_length=64)]


class Bus(SiteModel):
    """The bus itself."""

    organisation: Bce = Field(
        description="BCE number of the body that runs the bus.", examples=["0316381138"]
    )
    languages: Annotated[list[Literal["fr", "nl", "de", "en"]], Field(min_length=1)] = Field(
        default=["fr", "nl", "de", "en"],
        description="Languages every title should have, most important first.",
        examples=[["fr", "nl", "de", "en"]],
    )


class DossierRule(SiteModel):
    """What a case that justifies an exchange looks like."""

    sources: Annotated[list[Name], Field(min_length=1)] = Field(
        description="Systems that may keep the case.", examples=[["imio-urban", "spw-permits"]]
    )
    pattern: Regex | None = Field(
        default=None,
        description="Regular expression the whole case id must match; none: any id but a void one.",
        examples=[r"^PE/\d{4}/\d{1,6}$"],
    )


class PurposeItem(SiteModel):
    """A purpose (finalité) an exchange may have."""

    title: Title = Field(
        description="Its name, by language.",
        examples=[{"fr": "Permis d'environnement", "en": "Environmental permit"}],
    )
    legal_basis: Annotated[str, Field(min_length=1)] = Field(
        description="The law it rests on.",
        examples=["Décret du 11 mars 1999 relatif au permis d'environnement"],
    )
    contexts: dict[Identifier, Name] = Field(
        default={},
        description="Its code in each header family, by family name without version.",
        examples=[{"bced": "ENVIRONMENTAL_OR_SINGLE_PERMIT"}],
    )
    dossier: DossierRule | None = Field(
        default=None,
        description="What a case must look like; none: any case but a void one.",
        examples=[{"sources": ["imio-urban"], "pattern": r"^PE/\d{4}/\d{1,6}$"}],
    )
    disclosure: Retention | None = Field(
        default=None,
        description="How long a citizen's report leaves out what was done for it, such as an inquiry that "
        "must not be warned of; none: reported at once.",
        examples=["P6M"],
    )


class SoapEntry(SiteModel):
    """A SOAP door: one operation of a contract, mapped to and from the flow's canonical JSON."""

    path: HttpPath = Field(
        description="Where it is served; several operations of one WSDL may share it.",
        examples=["/soap/person/v3"],
    )
    wsdl: SitePath = Field(description="The contract.", examples=["schemas/bced/person_v3.wsdl"])
    operation: Name = Field(description="The contract's operation.", examples=["getPerson"])
    headers: HeaderFamily | None = Field(
        default=None,
        description="Header family that carries the consumer's identity; none: that of the adapter "
        "with the same contract.",
        examples=["bced-v1"],
    )
    in_: Annotated[str, Field(min_length=1)] = Field(
        description="jq text, or the path of a .jq file, from the message without its header parts "
        "to the canonical request.",
        examples=["{niss: .request.personNumber}"],
    )
    out: Annotated[str, Field(min_length=1)] = Field(
        description="jq text, or the path of a .jq file, from the minimised canonical answer to the message.",
        examples=["schemas/person-to-bced.jq"],
    )


class ConsumeEntry(SiteModel):
    """What the bus fetches by itself: the consumer a route of an event flow starts from.

    Each message passes the gateway as that party's, for that purpose: its grant is checked, and the
    message is recorded and safe before the file, the queue or the table lets go of it.
    """

    uri: ConsumerUri = Field(
        description="Where the route starts from, without its options.",
        examples=["file:permits-in", "timer:nightly"],
    )
    as_: PartyId = Field(description="The party whose message it is.", examples=["municipal/namur"])
    purpose: Identifier = Field(description="What the exchange is for.", examples=["environmental-permit"])
    dossier: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="jq text that finds `source:id` of the case in the canonical request.",
        examples=['"imio-urban:" + .dossier'],
    )


class EntryItem(SiteModel):
    """A door to a flow: `rest`, `soap` or `consume`."""

    rest: RestLine | None = Field(
        default=None,
        description="HTTP method and path; {name} in the path becomes a field of the request.",
        examples=["POST /v1/persons/consult"],
    )
    soap: SoapEntry | None = Field(
        default=None,
        description="A SOAP door.",
        examples=[{"path": "/soap/person/v3", "wsdl": "schemas/bced/person_v3.wsdl", "operation": "getPerson",
                   "in": "{niss: .request.personNumber}", "out": "schemas/person-to-bced.jq"}],
    )  # fmt: skip
    consume: ConsumeEntry | None = Field(
        default=None,
        description="What the bus fetches by itself, for event flows.",
        examples=[{"uri": "file:permits-in", "as": "municipal/namur", "purpose": "environmental-permit"}],
    )
    parameters: list[Name] = Field(
        default=[],
        description="Query parameters of a REST door that become fields of the request.",
        examples=[["page"]],
    )
    headers: list[HeaderName] = Field(
        default=[],
        description="HTTP headers that become message headers; all others stay outside.",
        examples=[["Accept-Language"]],
    )

    @model_validator(mode="after")
    def _one_door(self) -> EntryItem:
        if sum(door is not None for door in (self.rest, self.soap, self.consume)) != 1:
            raise wrong("wrong-entry", "an entry is either rest, soap or consume", "keep one of the keys")
        return self


class SubjectPaths(SiteModel):
    """Where the persons and enterprises the data is about stand in request and answer."""

    request: list[JsonPath] = Field(
        default=[], description="JSONPath in the canonical request.", examples=[["$.niss"]]
    )
    response: list[JsonPath] = Field(
        default=[], description="JSONPath in the canonical answer.", examples=[["$..niss"]]
    )
    none: Annotated[str, Field(min_length=10)] | None = Field(
        default=None,
        description="The reason why the data is about nobody; instead of paths.",
        examples=["statistics of whole municipalities"],
    )

    @model_validator(mode="after")
    def _paths_or_reason(self) -> SubjectPaths:
        if bool(self.request or self.response) == (self.none is not None):
            raise wrong("wrong-subjects", "subjects are either paths or 'none' with its reason",
                        "name the paths, or keep only 'none: <reason>'")  # fmt: skip
        return self


class DeliveryRule(SiteModel):
    """Retries of an event; delay n is first-delay x factor^n, at most max-delay."""

    attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="Attempts before it is dead-lettered.", examples=[8]
    )
    first_delay: Duration = Field(default="2s", description="Delay after the first failure.", examples=["2s"])
    factor: Annotated[float, Field(ge=1, le=10)] = Field(
        default=2.0, description="By what each delay grows.", examples=[2]
    )
    max_delay: Duration = Field(default="10m", description="Longest delay.", examples=["10m"])


class ServiceLevel(SiteModel):
    """What the owner promises; reported, never enforced."""

    p95: Duration | None = Field(
        default=None, description="95 of 100 exchanges end within.", examples=["800ms"]
    )
    availability: Percentage | None = Field(default=None, description="Share of time.", examples=["99.5%"])


class FlowItem(SiteModel):
    """A registered exchange of data, with its law."""

    title: Title = Field(
        description="Its name, by language.",
        examples=[{"fr": "Consulter une personne", "en": "Look up a person"}],
    )
    owner: PartyId = Field(
        description="The party that answers for the flow.", examples=["regional/spw-digital"]
    )
    route: SitePath = Field(
        description="The Camel route that mediates it; `<flow>.grants.yaml` stands beside it.",
        examples=["routes/regional/person-consult.camel.yaml"],
    )
    engine: Literal["embedded", "camel-k"] = Field(
        default="embedded",
        description="What runs the route: this bus, or Apache Camel K on a cluster, for what only Camel has.",
        examples=["embedded"],
    )
    exchange: Literal["request-reply", "event"] = Field(
        description="Whether the consumer waits for an answer, or sends and goes on.",
        examples=["request-reply"],
    )
    request: SitePath | None = Field(
        default=None,
        description="JSON Schema of the canonical request.",
        examples=["schemas/person-request.schema.json"],
    )
    answer: SitePath | None = Field(
        default=None,
        description="JSON Schema of the canonical answer; its properties are the fields.",
        examples=["schemas/person.schema.json"],
    )
    entries: Annotated[list[EntryItem], Field(min_length=1)] = Field(
        description="The doors through which consumers reach it.",
        examples=[[{"rest": "POST /v1/persons/consult"}]],
    )
    subjects: SubjectPaths | None = Field(
        default=None,
        description="Whom the data is about; required for personal and sensitive data.",
        examples=[{"request": ["$.niss"], "response": ["$..niss"]}],
    )
    data: Literal["public", "internal", "personal", "sensitive"] = Field(
        default="personal", description="Class of the data.", examples=["personal"]
    )
    field_groups: dict[Identifier, Annotated[list[Name], Field(min_length=1)]] = Field(
        default={},
        description="Named groups of the answer's properties; grants name groups.",
        examples=[{"identity": ["niss", "name", "birthDate"], "address": ["address"]}],
    )
    retention: Retention = Field(
        default="P10Y",
        description="How long the journal keeps the details of its exchanges (ISO 8601).",
        examples=["P10Y"],
    )
    vault: Retention | None = Field(
        default=None,
        description="How long what was asked and answered is kept, encrypted, for disputes (ISO 8601); none: "
        "payloads are not kept. The key of each month is destroyed when the period is over.",
        examples=["P1Y"],
    )
    delivery: DeliveryRule | None = Field(
        default=None,
        description="Retries of an event; only with `exchange: event`.",
        examples=[{"attempts": 8, "first-delay": "2s", "factor": 2, "max-delay": "10m"}],
    )
    service_level: ServiceLevel | None = Field(
        default=None,
        description="What the owner promises.",
        examples=[{"p95": "800ms", "availability": "99.5%"}],
    )


Purposes = Annotated[
    dict[Identifier, PurposeItem],
    Field(
        description="Purposes by id.",
        examples=[{"environmental-permit": {"title": {"fr": "Permis"}, "legal-basis": "Décret du …"}}],
    ),
]
Flows = Annotated[
    dict[Identifier, FlowItem],
    Field(
        description="Flows by id.",
        examples=[{"permit-notification": {"owner": "regional/spw-digital", "exchange": "event"}}],
    ),
]


class IncludedFile(SiteModel):
    """A file that `include` of routes.yaml names: more purposes and flows."""

    purposes: Purposes = Field(default_factory=dict)
    flows: Flows = Field(default_factory=dict)


class RegisterFile(SiteModel):
    """The register of data flows."""

    integrator: Literal[1] = Field(description="Version of this format.", examples=[1])
    include: list[SitePath] = Field(
        default=[],
        description="Further register files, as paths inside the site with * for a part of a name.",
        examples=[["flows/*.yaml"]],
    )
    bus: Bus = Field(
        description="The bus itself.", examples=[{"organisation": "0316381138", "languages": ["fr", "nl"]}]
    )
    purposes: Purposes = Field(default_factory=dict)
    flows: Flows = Field(default_factory=dict)
