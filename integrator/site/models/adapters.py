"""`adapters/<level>/<system>.yaml`: a connected system and its operations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from integrator.site.models.base import (
    Duration,
    Endpoint,
    HeaderFamily,
    HeaderName,
    Identifier,
    PartyId,
    RestLine,
    SecretReference,
    SiteModel,
    SitePath,
)

OperationName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


class Sign(SiteModel):
    """How requests are signed."""

    certificate: SecretReference = Field(
        description="PEM with key and certificate.", examples=["${file:/run/secrets/bced.pem}"]
    )


class Verify(SiteModel):
    """How answers are verified."""

    trust: SecretReference = Field(
        description="PEM with the certificates that are trusted.",
        examples=["${file:/run/secrets/bced-ca.pem}"],
    )


class Security(SiteModel):
    """Message security of a system. Its keys are named, never written here."""

    sign: Sign | None = Field(
        default=None,
        description="How requests are signed.",
        examples=[{"certificate": "${file:/run/secrets/bced.pem}"}],
    )
    verify: Verify | None = Field(
        default=None,
        description="How answers are verified.",
        examples=[{"trust": "${file:/run/secrets/bced-ca.pem}"}],
    )
    key: SecretReference | None = Field(
        default=None,
        description="The private key the bus shows an SFTP server.",
        examples=["${file:/run/secrets/drop.key}"],
    )
    password: SecretReference | None = Field(
        default=None,
        description="The password of an SFTP server, where it takes no key.",
        examples=["${env:DROP_PASSWORD}"],
    )
    known_hosts: SecretReference | None = Field(
        default=None,
        description="The host keys of an SFTP server, as in OpenSSH's known_hosts. Without them it is not connected to.",
        examples=["${file:/run/secrets/known_hosts}"],
    )


class CircuitBreaker(SiteModel):
    """When a system that fails is left alone for a while."""

    failures: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5, description="Failures in a row that open it.", examples=[5]
    )
    open: Duration = Field(default="30s", description="How long it stays open.", examples=["30s"])


class AllowItem(SiteModel):
    """A flow that may use an operation."""

    flow: Identifier = Field(description="The flow.", examples=["person-consult"])
    purposes: list[Identifier] = Field(
        default=[],
        description="For these purposes; none: every purpose the flow is granted for.",
        examples=[["environmental-permit"]],
    )


class OperationItem(SiteModel):
    """What a connected system offers."""

    access: Literal["read", "search", "write"] = Field(
        description="Governs retries inside one exchange: a write is never repeated there.",
        examples=["read"],
    )
    data: Literal["public", "internal", "personal", "sensitive"] = Field(
        default="personal", description="Class of the data it gives or takes.", examples=["personal"]
    )
    allow: list[AllowItem] = Field(
        default=[],
        description="Which flows may use it, decided by the system's owner; none: no flow.",
        examples=[[{"flow": "person-consult", "purposes": ["environmental-permit"]}]],
    )
    rest: RestLine | None = Field(
        default=None,
        description="Method and path below the endpoint, for REST systems; {name} is a field of the body.",
        examples=["POST /permits"],
    )
    directory: Annotated[str, Field(pattern=r"^[^/\\\x00]+(/[^/\\\x00]+)*$")] | None = Field(
        default=None,
        description="The directory below the endpoint it is about, for files and sftp; none: all of them.",
        examples=["in"],
    )
    queue: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="The queue that is read, for brokers.", examples=["permits"]
    )
    exchange: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None,
        description="The exchange that is written to, for brokers; `default` is AMQP's default exchange.",
        examples=["notices"],
    )
    routing_keys: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default=[],
        description="Routing keys it may be written to with; none: any.",
        examples=[["permit.granted"]],
    )
    request: SitePath | None = Field(
        default=None,
        description="JSON Schema of what it takes, for REST systems.",
        examples=["schemas/permit-notification.schema.json"],
    )
    answer: SitePath | None = Field(
        default=None,
        description="JSON Schema of what it answers, for REST systems.",
        examples=["schemas/permit-receipt.schema.json"],
    )


class AdapterFile(SiteModel):
    """An adapter file: a connected system. Its id is `<level>/<system>`, from its place."""

    system: Identifier = Field(
        description="The system's name, also that of the file.", examples=["bced-person"]
    )
    party: PartyId = Field(description="The party that owns the system.", examples=["regional/bced"])
    protocol: Literal["soap", "rest", "http", "files", "sftp", "sql", "queue"] = Field(
        description="How it is spoken to. soap and rest are called by `adapter:`; the others are what routes "
        "reach by Camel's own components: http(s):, file:, sftp:, sql: and spring-rabbitmq:.",
        examples=["soap"],
    )
    endpoint: Endpoint = Field(
        description="Its address, usually a reference resolved at start: http(s)://host/path; files: the "
        "directory; sftp://user@host/directory; sqlite:////file or postgresql://user@host/database; "
        "amqp(s)://user@host/vhost.",
        examples=["${env:BCED_PERSON_URL}", "https://provider.example/service"],
    )
    reached_as: Annotated[str, Field(pattern=r"^[^\s?#]+$")] | None = Field(
        default=None,
        description="What routes call it, where that is not the system's name: the directory of file:, the host of "
        "http: and sftp:, the bean of dataSource and connectionFactory.",
        examples=["permits.example"],
    )
    wsdl: SitePath | None = Field(
        default=None, description="The contract of a SOAP system.", examples=["schemas/bced/person_v3.wsdl"]
    )
    headers: HeaderFamily | None = Field(
        default=None,
        description="Header family its messages carry; declared in schemas/headers/<family>.yaml.",
        examples=["bced-v1"],
    )
    identify_as: Literal["consumer", "bus"] = Field(
        default="consumer",
        description="Whose organisation the header family names.",
        examples=["consumer"],
    )
    security: Security | None = Field(
        default=None,
        description="Message security.",
        examples=[{"sign": {"certificate": "${file:/run/secrets/bced.pem}"}}],
    )
    send_headers: list[HeaderName] = Field(
        default=[],
        description="Message headers that are sent as HTTP headers; all others stay inside.",
        examples=[["Accept-Language"]],
    )
    keep_headers: list[HeaderName] = Field(
        default=[],
        description="HTTP headers of the answer that become message headers.",
        examples=[["Last-Modified"]],
    )
    timeout: Duration = Field(default="10s", description="Longest wait for an answer.", examples=["8s"])
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=32, description="Most calls at a time.", examples=[32]
    )
    circuit_breaker: CircuitBreaker = Field(
        default=CircuitBreaker(),
        description="When it is left alone for a while.",
        examples=[{"failures": 5, "open": "30s"}],
    )
    operations: Annotated[dict[OperationName, OperationItem], Field(min_length=1)] = Field(
        description="What it offers, by name; for SOAP the names of the contract.",
        examples=[{"getPerson": {"access": "read", "allow": [{"flow": "person-consult"}]}}],
    )
