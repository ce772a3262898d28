"""http: and https: requests to a server that an adapter declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from integrator.engine.compiler import Node
from integrator.engine.egress import undeclared
from integrator.engine.exceptions import JavaException, thrown
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
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
    Option("skipResponseHeaders", "Takes none of the answer's headers.", type="boolean", default=False),
    Option("copyHeaders", "Whether the message keeps its own headers.", type="boolean", default=True),
    Option("ignoreResponseBody", "Leaves the answer's body out.", type="boolean", default=False),
    Option("getWithBody", "Sends a body with GET, too.", type="boolean", default=False),
    Option("deleteWithBody", "Sends a body with DELETE, too.", type="boolean", default=False),
    Option("userAgent", "The header User-Agent."),
    Option("responseTimeout", "How long at most: milliseconds; the adapter's own time holds besides.", default="0"),
    Option("followRedirects", "Always false: a redirect would leave the adapter.", default="false", choices=("false",)),
    *(Option(name, _NONE) for name in (
        "disableStreamCache", "connectionClose", "logHttpActivity", "skipControlHeaders", "clearExpiredCookies",
        "contentTypeCharsetEnabled", "connectTimeout", "soTimeout", "connectionRequestTimeout", "connectionsPerRoute",
        "maxTotalConnections", "useSystemProperties", "lazyStartProducer", "synchronous", "connectionTimeToLive")),
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
# Never sent and never taken: those of the connection, and Camel's own.
_FRAMING = frozenset({
    "accept-encoding", "cache-control", "connection", "content-length", "date", "expect", "host", "keep-alive",
    "pragma", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "via", "warning",
})  # fmt: skip
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
        headers, body = request.headers(exchange), request.body(exchange, method)
        async with way.use(exchange.context, _access(method), f"{method} {path}", len(body)) as leg:
            answer = await way.send(method, path, query, headers, body, longest)
            leg.answered_bytes, leg.code = len(answer.body), str(answer.status)
        if throws and not fine(answer.status):
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
        pairs = ((name, value) for name, value in options.items() if name not in _KNOWN)
        self._query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)
        self._method = options.get("httpMethod", "")
        self._bridge = options.get("bridgeEndpoint") == "true"
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
        headers = exchange.message.headers
        path, query = self._path, self._query
        other = None if self._bridge else to_text(headers.get("CamelHttpUri"))
        if other:
            parts = urlsplit(other)
            if f"{parts.scheme}://{parts.netloc}" != self._base:
                raise _elsewhere()
            path, query = parts.path, parts.query or query
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
            method = (
                "GET" if asked or (query and not self._query) or exchange.message.body is None else "POST"
            )
        if method.upper() not in _METHODS:
            raise thrown("java.lang.IllegalArgumentException", f"No enum constant {method}", "no HTTP method")
        return method.upper(), quote(path, safe="/%:@!$&'()*+,;=~-._") or "/", query

    def headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        """The message's headers as HTTP has them: no others than texts, numbers and booleans."""
        sent: list[tuple[str, str]] = []
        if self._sends:
            for name, value in exchange.message.headers.items():
                if name.lower() in _FRAMING or _INTERNAL.match(name) or value is None:
                    continue
                several = value if isinstance(value, list) else [value]
                texts = [to_text(item) or "" for item in several if isinstance(item, (str, int, float))]
                if texts:
                    sent.append((name, texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"))
        if self._agent:
            sent = [pair for pair in sent if pair[0].lower() != "user-agent"] + [("User-Agent", self._agent)]
        return sent

    def body(self, exchange: Exchange, method: str) -> bytes:
        """The body, where the method has one."""
        body = exchange.message.body
        if method not in self._with_body or body is None:
            return b""
        if isinstance(body, (JavaMap, JavaList, bool, int, float)):
            raise cannot_convert(body, "java.io.InputStream")
        return exchange.message.as_bytes()

    def take(self, exchange: Exchange, answer: WebAnswer) -> None:
        """Make the answer the message."""
        message = exchange.message
        kept = dict(message.headers) if self._copies else {}
        message.headers.clear()
        for name, value in kept.items():
            if name.lower() not in _FRAMING | {"content-type", "content-encoding"}:
                message.headers[name] = value
        message.headers["CamelHttpResponseCode"] = answer.status
        if answer.status in _REASONS:
            message.headers["CamelHttpResponseText"] = _REASONS[answer.status]
        if self._takes:
            for name, value in _returned(answer):
                message.headers[name] = value
        charset = re.search(
            r"charset=\"?([\w.-]+)", str(message.headers.get("Content-Type", "")), re.IGNORECASE
        )
        if charset:
            exchange.properties["CamelCharsetName"] = charset[1]
        message.body = None if self._bodiless or not answer.body else answer.body

    def failed(self, answer: WebAnswer, path: str, query: str) -> JavaException:
        """Camel's error for a status that is none of the fine ones; routes see its code by the exception."""
        reason = _REASONS.get(answer.status, "")
        shown = f"{self._base}{path}" + (f"?{query}" if query else "")
        error = HttpFailed(
            "org.apache.camel.http.base.HttpOperationFailedException",
            f"HTTP operation failed with statusCode: {answer.status}",
            text=f"HTTP operation failed invoking {shown} with statusCode: {answer.status}",
        )
        error.status_code, error.status_text = answer.status, reason
        error.response_body = answer.body.decode("utf-8", "replace")
        return error


class HttpFailed(JavaException):
    """An answer with a status that is an error, for routes that look at it."""

    status_code = 0
    status_text = ""
    response_body = ""


def _returned(answer: WebAnswer) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for raw, value in answer.headers:
        name = raw.decode("latin-1")
        if name in _FRAMING or _INTERNAL.match(name):
            continue
        name, text = "Content-Type" if name == "content-type" else name, value.decode("latin-1")
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


def _encoded(text: str) -> str:
    return quote(text, safe="~-._*")


def _elsewhere() -> IntegratorError:
    return ProviderUnreachable(
        "the message names another server or path than the endpoint's adapter declares",
        reason="egress-not-registered",
    )
