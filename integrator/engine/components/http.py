"""http: and https: requests to a server that an adapter declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from integrator.engine.compiler import Node
from integrator.engine.egress import OF_TRANSPORT, undeclared
from integrator.engine.exceptions import JavaException, failure
from integrator.engine.javatypes import (
    JavaList,
    JavaMap,
    bad_conversion,
    cannot_convert,
    invalid_payload,
    to_text,
)
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri, encoded
from integrator.engine.ways import WebAnswer
from integrator.exchange import Exchange, IntegratorError, ProviderUnreachable

_JAVA = "Not in the embedded engine: needs a Java bean."
_NONE = "Accepted, without effect."
_ADAPTER = "Belongs to the adapter, not to a route."
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
OPTIONS = (
    Option("httpMethod", "The method; POST with a body, GET without one or with a query.", choices=_METHODS),
    Option("throwExceptionOnFailure", "Whether a status outside okStatusCodeRange is an error.", type="boolean",
           default=True),
    Option("okStatusCodeRange", "Statuses that are no error: ranges and numbers with commas.", default="200-299"),
    Option("bridgeEndpoint", "Leaves the header CamelHttpUri aside.", type="boolean", default=False),
    Option("skipRequestHeaders", "Sends none of the message's headers.", type="boolean", default=False),
    Option("skipControlHeaders", "Leaves Camel's own headers aside: CamelHttpMethod, CamelHttpPath, CamelHttpQuery, "
           "CamelHttpUri.", type="boolean", default=False),
    Option("skipResponseHeaders", "Takes none of the answer's headers.", type="boolean", default=False),
    Option("copyHeaders", "Whether the message keeps its own headers.", type="boolean", default=True),
    Option("ignoreResponseBody", "Leaves the answer's body out.", type="boolean", default=False),
    Option("getWithBody", "Sends a body with GET, too.", type="boolean", default=False),
    Option("deleteWithBody", "Sends a body with DELETE, too.", type="boolean", default=False),
    Option("userAgent", "The header User-Agent, where the message has none."),
    Option("responseTimeout", "How long at most: milliseconds; the adapter's own time holds besides.", default="0"),
    Option("followRedirects", "Always false: a redirect would leave the adapter.", default="false", choices=("false",)),
    *(Option(name, _NONE) for name in (
        "disableStreamCache", "connectionClose", "logHttpActivity", "clearExpiredCookies",
        "contentTypeCharsetEnabled", "connectTimeout", "soTimeout", "connectionRequestTimeout", "connectionsPerRoute",
        "maxTotalConnections", "useSystemProperties", "lazyStartProducer")),
    *(Option(name, _ADAPTER) for name in (
        "authBearerToken", "authDomain", "authenticationPreemptive", "authHost", "authMethod", "authPassword",
        "authUsername", "customHostHeader", "preserveHostHeader", "nonProxyHosts", "proxyAuthDomain",
        "proxyAuthHost", "proxyAuthMethod", "proxyAuthNtHost", "proxyAuthPassword", "proxyAuthPort",
        "proxyAuthScheme", "proxyAuthUsername", "proxyHost", "proxyPort")),
    *(Option(name, "Not in the embedded engine.") for name in ("multipartUpload", "multipartUploadName")),
    *(Option(name, _JAVA) for name in (
        "headerFilterStrategy", "cookieHandler", "cookieStore", "httpActivityListener", "clientBuilder",
        "clientConnectionManager", "httpClient", "httpClientConfigurer", "httpClientOptions",
        "httpConnectionOptions", "httpContext", "sslContextParameters", "x509HostnameVerifier")),
)  # fmt: skip
SPECS = tuple(
    Spec(
        "component",
        scheme,
        "Sends a request to a server that an adapter with `protocol: http` declares; its answer becomes the message. "
        "Options it does not know are query parameters.",
        "2.3",
        f"{scheme}:permits.example/v1/permits?httpMethod=POST",
        OPTIONS,
        open=True,
    )
    for scheme in ("http", "https")
)
_KNOWN = frozenset(option.name for option in OPTIONS)
_REFUSED = frozenset(option.name for option in OPTIONS if option.doc in (_JAVA, _ADAPTER))
# Never sent: those of the connection, and Camel's own.
_FRAMING = OF_TRANSPORT | {
    "accept-encoding", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
}  # fmt: skip
_BODILESS = _FRAMING | {"content-type"}
# Of the message's own headers these do not outlive a call, as with Camel.
_OF_ONE_MESSAGE = _FRAMING - {"accept-encoding"} | {
    "content-encoding", "content-language", "content-location", "content-md5", "content-range", "content-type",
    "etag", "expires", "from", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "last-modified", "location", "max-forwards", "range", "referer", "retry-after", "server", "user-agent", "vary",
    "www-authenticate",
}  # fmt: skip
_INTERNAL = re.compile(r"(camel|org\.apache\.camel)", re.IGNORECASE)
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found",
            304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            405: "Method Not Allowed", 409: "Conflict", 418: "I'm a Teapot", 422: "Unprocessable Entity",
            429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
            503: "Service Unavailable", 504: "Gateway Timeout"}  # fmt: skip
_SLOWEST = 3_600.0


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The request."""
    options = uri.options
    host, slash, rest = uri.path.lstrip("/").partition("/")
    refused = sorted(_REFUSED & set(options))
    if refused or not host or "@" in host:
        node.problem("/uri", "option-value", f"{uri.scheme}: has no host, or what belongs to the adapter: "
                     f"{', '.join(refused) or 'credentials'}", "Keep host and path; the adapter has the rest.")  # fmt: skip
        return nothing
    way = node.scope.services.ways.web(uri.scheme, host)
    if way is None:
        undeclared(node, f"the server {host}", "http")
        return nothing
    fine = _statuses(options.get("okStatusCodeRange", "200-299"))
    seconds = options.get("responseTimeout", "0")
    if fine is None or not seconds.isdigit():
        node.problem("/uri", "option-value", f"okStatusCodeRange or responseTimeout of {uri.scheme}: cannot be read",
                     "Write for example 200-299,404 and 5000.")  # fmt: skip
        return nothing
    request = _Request(uri, host, slash + rest)
    throws = options.get("throwExceptionOnFailure") != "false"
    longest = int(seconds) / 1_000 or _SLOWEST

    async def call(exchange: Exchange) -> None:
        method, path, query = request.line(exchange)
        headers, body = request.headers(exchange, method), request.body(exchange, method)
        async with way.use(exchange.context, _access(method), f"{method} {path}", len(body)) as leg:
            answer = await way.send(method, path, query, headers, body, longest)
            leg.answered_bytes, leg.code = len(answer.body), str(answer.status)
        if throws and not fine(answer.status):
            _note_status(exchange, answer)
            raise request.failed(answer, path, query)
        request.take(exchange, answer)

    return call


def _access(method: str) -> str:
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "write"


class _Request:
    """What an endpoint sends, and how it takes the answer."""

    def __init__(self, uri: Uri, host: str, path: str) -> None:
        options = uri.options
        self._path = path
        self._base = f"{uri.scheme}://{host}"
        pairs = ((name, value) for name, value in sorted(options.items()) if name not in _KNOWN)
        self._query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)
        self._method = options.get("httpMethod", "")
        self._bridge = options.get("bridgeEndpoint") == "true"
        self._controlled = options.get("skipControlHeaders") != "true"
        self._sends, self._takes = (
            options.get(name) != "true" for name in ("skipRequestHeaders", "skipResponseHeaders")
        )
        self._copies, self._bodiless = (
            options.get("copyHeaders") != "false",
            options.get("ignoreResponseBody") == "true",
        )
        self._agent = options.get("userAgent", "")
        self._with_body = _WITH_BODY | {
            method for method in ("GET", "DELETE") if options.get(f"{method.lower()}WithBody") == "true"
        }

    def line(self, exchange: Exchange) -> tuple[str, str, str]:
        """Method, path and query. Raises JavaException where a header leads to another server."""
        headers = exchange.message.headers if self._controlled else {}
        path, query = self._path, self._query
        if self._bridge:
            exchange.properties["CamelSkipGzipEncoding"] = True
        other = None if self._bridge else to_text(headers.get("CamelHttpUri"))
        if other:
            parts = urlsplit(other)
            if f"{parts.scheme}://{parts.netloc}" != self._base:
                raise _elsewhere()
            path, query = parts.path, query or parts.query
        more = to_text(headers.get("CamelHttpPath"))
        if more:
            path = path.rstrip("/") + "/" + more.lstrip("/")
        asked = to_text(headers.get("CamelHttpRawQuery")) or to_text(headers.get("CamelHttpQuery"))
        if asked:
            query = quote(asked.lstrip("?"), safe="=&%+/?:;,@!$'()*~-._")
        if any(part in (".", "..") for part in path.split("/")):
            raise _elsewhere()
        method = self._method or to_text(headers.get("CamelHttpMethod")) or ""
        if not method:
            method = "GET" if query or exchange.message.body is None else "POST"
        if method.upper() not in _METHODS:
            raise _no_method(method)
        return method.upper(), quote(path, safe="/%:@!$&'()*+,;=~-._") or "/", query

    def headers(self, exchange: Exchange, method: str) -> list[tuple[str, str]]:
        """The message's headers as HTTP has them: no others than texts, numbers and booleans."""
        sent: list[tuple[str, str]] = []
        left = _FRAMING if self._has_body(exchange, method) else _BODILESS
        if self._sends:
            for name, value in exchange.message.headers.items():
                if name.lower() in left or _INTERNAL.match(name) or value is None:
                    continue
                several = value if isinstance(value, list) else [value]
                texts = [to_text(item) or "" for item in several if isinstance(item, (str, int, float))]
                if texts:
                    sent.append((name, texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"))
        if self._agent and all(name.lower() != "user-agent" for name, _ in sent):
            sent.append(("User-Agent", self._agent))
        return sent

    def _has_body(self, exchange: Exchange, method: str) -> bool:
        return method in self._with_body and exchange.message.body is not None

    def body(self, exchange: Exchange, method: str) -> bytes:
        """The body, where the method has one."""
        body = exchange.message.body
        if not self._has_body(exchange, method):
            return b""
        if isinstance(body, (JavaMap, JavaList, bool, int, float)):
            wanted = "java.io.InputStream"
            raise invalid_payload(exchange, wanted, cannot_convert(body, wanted))
        return exchange.message.as_bytes()

    def take(self, exchange: Exchange, answer: WebAnswer) -> None:
        """Make the answer the message."""
        message = exchange.message
        kept = dict(message.headers) if self._copies else {}
        message.headers.clear()
        for name, value in kept.items():
            if name.lower() not in _OF_ONE_MESSAGE:
                message.headers[name] = value
        _note_status(exchange, answer)
        if self._takes:
            for name, value in _returned(answer):
                message.headers[name] = value
        kind = _first(answer, "content-type") if self._takes else None
        if kind is not None:
            charset = re.search(r"charset=\"?([\w.-]+)", kind, re.IGNORECASE)
            exchange.properties["CamelCharsetName"] = charset[1] if charset else "UTF-8"
        message.body = None if self._bodiless or not answer.body else answer.body

    def failed(self, answer: WebAnswer, path: str, query: str) -> JavaException:
        """Camel's error for a status that is none of the fine ones; routes see its code by the exception."""
        shown = f"{self._base}{path}" + (f"?{query}" if query else "")
        location = _first(answer, "location")
        led = f", redirectLocation: {location}" if location is not None else ""
        error = JavaException(
            "org.apache.camel.http.base.HttpOperationFailedException",
            f"HTTP operation failed with statusCode: {answer.status}",
            text=f"HTTP operation failed invoking {shown} with statusCode: {answer.status}{led}",
        )
        error.members = {
            "statusCode": answer.status,
            "httpResponseCode": answer.status,
            "statusText": _REASONS.get(answer.status, ""),
            "httpResponseStatus": _REASONS.get(answer.status, ""),
            "responseBody": answer.body.decode("utf-8", "replace"),
            "redirectLocation": location,
            "uri": shown,
        }
        return error


def _note_status(exchange: Exchange, answer: WebAnswer) -> None:
    headers = exchange.message.headers
    headers["CamelHttpResponseCode"] = answer.status
    if answer.status in _REASONS:
        headers["CamelHttpResponseText"] = _REASONS[answer.status]


def _first(answer: WebAnswer, name: str) -> str | None:
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in answer.headers if key.lower() == wanted), None)


def _no_method(method: str) -> JavaException:
    kind = "org.apache.camel.component.http.HttpMethods"
    cause = failure(
        "java.lang.IllegalArgumentException",
        f"Enum class class {kind} does not have any constant with value: {method}",
    )
    return bad_conversion(method, kind, cause)


def _returned(answer: WebAnswer) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for raw, value in answer.headers:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        if _INTERNAL.match(name):
            continue
        if name in found:
            before = found[name]
            found[name] = JavaList([*(before if isinstance(before, JavaList) else [before]), text])
        else:
            found[name] = text
    return list(found.items())


def _statuses(text: str) -> Callable[[int], bool] | None:
    """The test of statuses; None where the text is none."""
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return None
        ranges.append((int(first), int(last or first)))
    return lambda status: any(first <= status <= last for first, last in ranges)


def _elsewhere() -> IntegratorError:
    return ProviderUnreachable(
        "the message names another server or path than the endpoint's adapter declares",
        reason="egress-not-registered",
    )
