"""http: against a real server: what is sent, what comes back, and where a message must not lead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrator.engine import RouteErrors, Services, check_routes, compile_routes
from integrator.engine.exceptions import JavaException, class_of
from integrator.exchange import Exchange, ProviderUnreachable
from tests.engine.helpers import exchange, route, source
from tests.engine.open_ways import OpenWays


class Echo:
    """A server that says what it was asked; `/status/N` answers with that status."""

    port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (item.split(": ", 1) for item in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = line.split(" ")
        status = target.split("/")[2].partition("?")[0] if target.startswith("/status/") else "200"
        said = json.dumps(
            {"method": method, "target": target, "headers": headers, "body": body.decode()}
        ).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json; charset=utf-8\r\nX-Two: a\r\nX-Two: b\r\n"
                     f"CamelEvil: no\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode() + said)  # fmt: skip
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Echo]:
    made = Echo()
    await made.start()
    yield made
    await made.stop()


async def call(server: Echo, uri: str, body: Any = None, **headers: Any) -> Exchange:
    text = uri.replace("HOST", f"127.0.0.1:{server.port}")
    routes = compile_routes([source(route(f"to: '{text}'"))], Services(ways=OpenWays(Path())))
    made = exchange(body, {name.replace("_", "-"): value for name, value in headers.items()})
    await routes.run("direct:start", made)
    return made


async def said(server: Echo, uri: str, body: Any = None, **headers: Any) -> dict[str, Any]:
    made = await call(server, uri, body, **headers)
    if made.exception is not None:
        raise made.exception
    found: dict[str, Any] = made.message.as_json()
    return found


async def test_a_body_is_posted_and_no_body_is_asked_for(server: Echo) -> None:
    posted = await said(server, "http://HOST/permits", "hello", Content_Type="text/plain", X_Own="1")
    assert (posted["method"], posted["target"], posted["body"]) == ("POST", "/permits", "hello")
    assert (posted["headers"]["content-type"], posted["headers"]["x-own"]) == ("text/plain", "1")
    asked = await said(server, "http://HOST/permits?kind=a b&httpMethod=GET")
    assert (asked["method"], asked["target"], asked["body"]) == ("GET", "/permits?kind=a+b", "")


async def test_headers_say_method_path_and_query(server: Echo) -> None:
    found = await said(server, "http://HOST/a", "x", CamelHttpMethod="PUT", CamelHttpPath="b/7")
    assert (found["method"], found["target"], found["body"]) == ("PUT", "/a/b/7", "x")
    found = await said(server, "http://HOST/a?b=1", "x", CamelHttpQuery="c=2")
    assert (found["method"], found["target"]) == ("GET", "/a?c=2")
    found = await said(server, "http://HOST/a", None, CamelHttpUri=f"http://127.0.0.1:{server.port}/other")
    assert found["target"] == "/other"
    bridged = await said(
        server, "http://HOST/a?bridgeEndpoint=true", None, CamelHttpUri="http://elsewhere/other"
    )
    assert bridged["target"] == "/a"


@pytest.mark.parametrize(
    "headers",
    [
        {"CamelHttpUri": "http://elsewhere.example/x"},
        {"CamelHttpUri": "https://127.0.0.1/x"},
        {"CamelHttpPath": "../x"},
    ],
)
async def test_no_message_leads_elsewhere(server: Echo, headers: dict[str, str]) -> None:
    made = await call(server, "http://HOST/a", None, **headers)
    assert isinstance(made.exception, ProviderUnreachable)
    assert made.exception.reason == "egress-not-registered"
    assert "elsewhere" not in str(made.exception)


async def test_the_answer_becomes_the_message(server: Echo) -> None:
    made = await call(server, "http://HOST/a", "x", X_Own="1")
    headers = made.message.headers
    assert (headers["CamelHttpResponseCode"], headers["X-Own"], headers["x-two"]) == (200, "1", ["a", "b"])
    assert headers["Content-Type"].startswith("application/json")
    assert "CamelEvil" not in headers
    assert made.properties["CamelCharsetName"] == "utf-8"
    bare = await call(
        server,
        "http://HOST/a?copyHeaders=false&skipResponseHeaders=true&ignoreResponseBody=true",
        "x",
        X_Own="1",
    )
    assert sorted(bare.message.headers) == ["CamelHttpResponseCode", "CamelHttpResponseText"]
    assert bare.message.body is None


async def test_camels_own_headers_are_not_sent(server: Echo) -> None:
    sent = (
        await said(
            server,
            "http://HOST/a",
            "x",
            CamelSecret="1",
            Host="evil",
            Connection="upgrade",
            Content_Length="9",
        )
    )["headers"]
    assert sent["host"] == f"127.0.0.1:{server.port}"
    assert sent["content-length"] == "1"
    assert "camelsecret" not in sent
    none = (await said(server, "http://HOST/a?skipRequestHeaders=true&userAgent=bus", "x", X_Own="1"))[
        "headers"
    ]
    assert "x-own" not in none
    assert none["user-agent"] == "bus"


async def test_a_bad_status_is_an_error_but_where_it_is_fine(server: Echo) -> None:
    failed = (await call(server, "http://HOST/status/404", "x")).exception
    assert isinstance(failed, JavaException)
    assert class_of(failed) == "org.apache.camel.http.base.HttpOperationFailedException"
    assert failed.members["statusCode"] == 404
    assert str(server.port) not in failed.message
    moved = (await call(server, "http://HOST/status/302", "x")).exception
    assert isinstance(moved, JavaException)
    assert "location" not in moved.message.lower()
    fine = await call(server, "http://HOST/status/404?okStatusCodeRange=200-299,404", "x")
    assert fine.message.headers["CamelHttpResponseCode"] == 404
    lax = await call(server, "http://HOST/status/500?throwExceptionOnFailure=false", "x")
    assert lax.message.headers["CamelHttpResponseText"] == "Internal Server Error"


@pytest.mark.parametrize(
    "uri",
    ["http:x/a?followRedirects=true", "http:x/a?authPassword=s", "http:u@x/a", "http:x/a?okStatusCodeRange=many",
     "http:x/a?responseTimeout=soon"],
)  # fmt: skip
def test_mistakes(uri: str) -> None:
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(route(f"to: '{uri}'"))], Services(ways=OpenWays(Path())))
    assert {problem.rule for problem in caught.value.problems} == {"option-value"}


@pytest.mark.parametrize(
    "uri",
    ["http:other/a", "file:nowhere", "sql:select 1?dataSource=#none", "spring-rabbitmq:x", "sftp:drop/in"],
)
def test_without_an_adapter_nothing_starts(uri: str) -> None:
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(route(f"to: '{uri}'"))], Services())
    assert {problem.rule for problem in caught.value.problems} == {"egress-not-registered"}
    assert check_routes([source(route(f"to: '{uri}'"))]) == []
