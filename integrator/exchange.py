"""Exchange, Message and Context: what travels through the bus, and the errors every room may raise.

The exchange is Apache Camel's: a message with a body and case-insensitive headers, exchange
properties, variables and possibly an exception. The Context is ours (design, section 5): the
canonical form of every Belgian header family; routes read it, only the gateway writes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Any, ClassVar

from lxml import etree


def now_us() -> int:
    """Microseconds since the epoch: the clock of every record."""
    return time.time_ns() // 1_000


# --- errors -------------------------------------------------------------------------------------
#
# IntegratorError
#  ├─ InvalidRequest        the request breaks its contract                        400
#  ├─ NotAuthenticated      no credentials, or bad ones                            401
#  ├─ Refused               known party, but the law says no                       403
#  ├─ NoData                the source knows nothing                               404
#  ├─ Overloaded            a bound is reached                                     503
#  ├─ NotRecorded           the journal cannot be written                          503
#  ├─ ProviderTimeout       the provider is too slow                               504
#  ├─ ProviderUnreachable   no connection to the provider                          502
#  ├─ BrokenContract        the provider's answer breaks its contract              502
#  ├─ ProviderFault         the provider answered with a fault or status ERROR     502
#  └─ RouteFailed           the bus itself failed, or a route threw something else 500


class IntegratorError(Exception):
    """The bus could not do what was asked; the subclass says what the caller can do about it.

    `message` is safe to show: it names paths, rules and remedies, never values (I5).
    `reason` is a short stable token (`dossier-void`), `paths` the places in the message at fault.
    """

    category: ClassVar[str] = "internal"
    camel: ClassVar[str] = "org.apache.camel.RuntimeCamelException"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str = "",
        *,
        reason: str | None = None,
        status: int | None = None,
        code: str | None = None,
        origin: str = "bus",
        paths: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message or (self.__doc__ or "").split("\n", 1)[0])
        self.message = str(self.args[0])
        self.reason = reason or self.category
        self.http_status = status or self.status
        self.code = code
        self.origin = origin
        self.paths = paths


class InvalidRequest(IntegratorError):
    """The request breaks its contract: correct the named place and send it again."""

    category, camel, status = "invalid-request", "java.lang.IllegalArgumentException", 400


class NotAuthenticated(IntegratorError):
    """Who asks is unknown: send a valid API key or client certificate."""

    category, camel, status = "not-authenticated", "java.lang.SecurityException", 401


class Refused(IntegratorError):
    """The party may not make this exchange: the reason says what is missing."""

    category, camel, status = "refused", "java.security.AccessControlException", 403


class NoData(IntegratorError):
    """The source holds no data for this request."""

    category, camel, status = "no-data", "java.util.NoSuchElementException", 404


class Overloaded(IntegratorError):
    """A stated limit is reached: wait and try again."""

    category, camel, status = "overloaded", "java.util.concurrent.RejectedExecutionException", 503


class NotRecorded(IntegratorError):
    """The journal could not be written, so nothing was forwarded or released."""

    category, camel, status = "not-recorded", "java.io.IOException", 503


class ProviderTimeout(IntegratorError):
    """The provider did not answer in time: try again later."""

    category, camel, status = "provider-timeout", "java.util.concurrent.TimeoutException", 504


class ProviderUnreachable(IntegratorError):
    """No connection to the provider: try again later."""

    category, camel, status = "provider-unreachable", "java.net.ConnectException", 502


class BrokenContract(IntegratorError):
    """The provider's answer breaks its contract; its owner has to correct it."""

    category, camel, status = "broken-contract", "java.net.ProtocolException", 502


class ProviderFault(IntegratorError):
    """The provider answered with a fault or with status ERROR."""

    category, camel, status = "provider-fault", "org.apache.camel.CamelExchangeException", 502


class RouteFailed(IntegratorError):
    """The bus failed inside; the exchange id finds it in the logs."""


ERRORS: tuple[type[IntegratorError], ...] = (
    InvalidRequest, NotAuthenticated, Refused, NoData, Overloaded, NotRecorded,
    ProviderTimeout, ProviderUnreachable, BrokenContract, ProviderFault, RouteFailed,
)  # fmt: skip


# --- headers ------------------------------------------------------------------------------------


class Headers(MutableMapping[str, Any]):
    """Camel's headers: case-insensitive names, iterated in case-insensitive order.

    Writing `FOO` over `foo` keeps the name `foo` (Camel's CaseInsensitiveMap, a TreeMap).
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, tuple[str, Any]] = {}
        if values:
            for name, value in values.items():
                self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._values[name.lower()][1]

    def __setitem__(self, name: str, value: Any) -> None:
        key = name.lower()
        known = self._values.get(key)
        self._values[key] = (known[0] if known else name, value)

    def __delitem__(self, name: str) -> None:
        del self._values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        for key in sorted(self._values):
            yield self._values[key][0]

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({list(self)})"  # names only: values may be personal

    def copy(self) -> Headers:
        """A shallow copy, names and values kept."""
        new = Headers()
        new._values = self._values.copy()
        return new


# --- message ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conversions:
    """The parser functions the message uses; `security.parsers` makes the hardened ones.

    Raises of the functions: InvalidRequest for input that is not what it claims to be.
    """

    parse_xml: Callable[[bytes], etree._Element]
    parse_json: Callable[[bytes], Any]
    dump_json: Callable[[Any], bytes]


class StreamBody:
    """A body outside memory that can be read any number of times; `engine.spool` makes them.

    A body like bytes for whoever converts it; what reads it piece by piece uses `chunks` or `open`.
    """

    __slots__ = ("__weakref__",)
    java_class: ClassVar[str] = "org.apache.camel.StreamCache"

    @property
    def size(self) -> int:
        """Its bytes."""
        raise NotImplementedError

    def open(self) -> BufferedReader:
        """A new reader from the first byte."""
        raise NotImplementedError

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, piece by piece."""
        raise NotImplementedError

    def read(self) -> bytes:
        """All of it in memory. Raises Overloaded where that is more than a step may take at once."""
        raise NotImplementedError


class Message:
    """A body with headers. Each conversion of a body is done once and kept until it is replaced."""

    __slots__ = ("_body", "_json", "_raw", "_text", "_tree", "conversions", "headers")

    _ABSENT: ClassVar[Any] = object()

    def __init__(
        self, body: Any = None, headers: Mapping[str, Any] | None = None, *, conversions: Conversions
    ) -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.conversions = conversions
        self.body = body

    @property
    def body(self) -> Any:
        """The body as it was set: bytes, str, an lxml element, JSON-like data, or a StreamBody."""
        return self._body

    @body.setter
    def body(self, value: Any) -> None:
        self._body = value
        self._raw = self._text = self._tree = self._json = Message._ABSENT

    def set_json(self, value: Any, raw: bytes) -> None:
        """Set a parsed body together with the bytes it came from, so that neither is made again."""
        self.body = value
        self._json, self._raw = value, raw

    def as_bytes(self) -> bytes:
        """The body as bytes: UTF-8 for text and XML, compact JSON for data; b"" for no body."""
        if self._raw is Message._ABSENT:
            if isinstance(self._body, StreamBody):
                return self._body.read()  # not kept: it was put on disk to be out of memory
            self._raw = self._to_bytes()
        raw: bytes = self._raw
        return raw

    def as_text(self) -> str:
        """The body as text. Raises InvalidRequest where bytes are not UTF-8."""
        if self._text is Message._ABSENT:
            if isinstance(self._body, str):
                self._text = self._body
            else:
                try:
                    decoded = self.as_bytes().decode("utf-8")
                except UnicodeDecodeError as error:
                    raise InvalidRequest("the body is not UTF-8", reason="encoding") from error
                if isinstance(self._body, StreamBody):
                    return decoded
                self._text = decoded
        text: str = self._text
        return text

    def as_xml(self) -> etree._Element:
        """The body as an lxml element, parsed by the hardened parser. Raises InvalidRequest."""
        if self._tree is Message._ABSENT:
            if isinstance(self._body, etree._Element):
                self._tree = self._body
            else:
                self._tree = self.conversions.parse_xml(self.as_bytes())
        tree: etree._Element = self._tree
        return tree

    def as_json(self) -> Any:
        """The body as JSON data, parsed by the hardened parser. Raises InvalidRequest."""
        if self._json is Message._ABSENT:
            body = self._body
            if isinstance(body, (bytes, str, StreamBody)):
                self._json = self.conversions.parse_json(self.as_bytes())
            elif isinstance(body, etree._Element):
                raise InvalidRequest("the body is XML, not JSON", reason="not-json")
            else:
                self._json = body
        return self._json

    def _to_bytes(self) -> bytes:
        body = self._body
        if body is None:
            return b""
        if isinstance(body, bytes):
            return body
        if isinstance(body, str):
            return body.encode("utf-8")
        if isinstance(body, etree._Element):
            return etree.tostring(body, encoding="utf-8")
        return self.conversions.dump_json(body)

    def copy(self) -> Message:
        """A copy with its own headers; the body and its kept conversions are shared."""
        new = Message.__new__(Message)
        new.headers = self.headers.copy()
        new.conversions = self.conversions
        new._body = self._body
        new._raw, new._text, new._tree, new._json = self._raw, self._text, self._tree, self._json
        return new


# --- context ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agent:
    """The civil servant on whose behalf the call is made; manager as in BCED privacyLog v1."""

    manager: str  # RN/RBis | ULIS | CERBERE | OTHER
    identifier: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """The case that justifies the exchange; `source` is the system that keeps the case."""

    source: str
    id: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or enterprise the data is about, in normal form: kind `niss` or `bce`."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """How an exchange went wrong: category of the error tree, stable code, who caused it."""

    category: str
    code: str
    origin: str  # bus | consumer | provider


@dataclass(slots=True)
class Leg:
    """One call to a provider. Times in microseconds since the epoch, sizes in bytes."""

    adapter: str
    operation: str
    access: str  # read | search | write
    sent_us: int
    answered_us: int | None = None
    status: str | None = None
    code: str | None = None
    ticket: str | None = None
    sent_bytes: int = 0
    answered_bytes: int = 0


@dataclass(slots=True)
class Context:
    """Who asks what, why, under which authority, and how it ended (design, section 5).

    Written by the gateway and, for `legs` and `provider_ticket`, by the outbound; routes see it
    read-only. Times in microseconds since the epoch. Only `journal` may store personal fields.
    """

    exchange_id: str  # UUIDv7, lower case
    flow: str
    site: str  # content hash of the compiled site, hex
    kind: str = "request-reply"  # request-reply | event
    entry: str = "rest"  # rest | soap | consume | aggregate | cli | delivery
    party: str | None = None
    organisation: str | None = None  # BCE number of the consumer, 10 digits
    certificate: str | None = None  # sha256:<hex> of the client certificate
    key_id: str | None = None
    on_behalf_of: str | None = None  # BCE number
    application: str | None = None
    agent: Agent | None = None
    purpose: str | None = None
    purpose_codes: Mapping[str, str] = field(default_factory=dict)  # header family → context code
    legal_basis: str | None = None
    authorisation: str | None = None
    dossier: Dossier | None = None
    inscription: str | None = None
    consumer_ticket: str | None = None
    provider_ticket: str | None = None
    subjects_request: tuple[Subject, ...] = ()
    subjects_response: tuple[Subject, ...] = ()
    fields: tuple[str, ...] = ()  # field groups granted and released
    outcome: str | None = None
    error: ErrorInfo | None = None
    duplicate_of: str | None = None
    aggregated_into: tuple[str, ...] = ()  # the first aggregates an event became part of
    aggregated_into_total: int = 0
    aggregates: tuple[str, ...] = ()  # of an aggregate: the first and last events that are part of it
    aggregates_total: int = 0
    attempts: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    request_digest: bytes | None = None  # SHA-256 of the exact bytes; the journal salts it
    response_digest: bytes | None = None
    sent_us: int | None = None  # what the consumer says
    received_us: int = 0
    replied_us: int | None = None
    deadline: float | None = None  # loop.time() after which nobody waits any more
    previous: bytes | None = None  # leaf hash of the exchange's previous record
    arrival: Mapping[str, Any] | None = (
        None  # of what the bus fetched: uri, kind of body, headers, properties
    )
    legs: list[Leg] = field(default_factory=list)


@dataclass(slots=True)
class AdapterAnswer:
    """What a provider said: codec JSON without the header family's parts, and its status.

    `status` is the contract's (`PROCESSED`, or the HTTP status of a REST provider as text), `code`
    its code (`SOA0000000`), `ticket` the provider's own id of the call; `headers` are the declared
    ones it sent back.
    """

    body: Any
    status: str | None = None
    code: str | None = None
    ticket: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)


# --- exchange -----------------------------------------------------------------------------------


class Exchange:
    """One run of a route: message, properties, variables, and the exception if it failed.

    `exception` holds what no error handler took; `route_stop` is Camel's stop; `context` is the
    governed exchange it belongs to (None in routes tested alone); `work` what its route left to be written
    with its end record (engine.groups.Work); `document` a text and the tree an expression read it as last.
    """

    __slots__ = (
        "context", "document", "exception", "history", "id", "message", "pattern",
        "properties", "rollback_only", "route_stop", "variables", "work",
    )  # fmt: skip

    def __init__(
        self,
        message: Message,
        *,
        exchange_id: str,
        context: Context | None = None,
        pattern: str = "InOut",
    ) -> None:
        self.id = exchange_id
        self.message = message
        self.context = context
        self.pattern = pattern
        self.properties: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.exception: Exception | None = None
        self.route_stop = False
        self.rollback_only = False
        self.history: list[Any] = []
        self.work: Any = None
        self.document: tuple[Any, etree._Element] | None = None
