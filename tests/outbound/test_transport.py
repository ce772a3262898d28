from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import InvalidRequest
from integrator.outbound.transport import EndpointProblem, HttpRequest, HttpResponse, Origin, parse_endpoint

ORIGIN = Origin("http", "provider.example", 8080)


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://a.example", Origin("http", "a.example", 80), "/"),
        ("https://a.example/x/y?z=1", Origin("https", "a.example", 443), "/x/y?z=1"),
        ("https://A.example:11443/x/", Origin("https", "a.example", 11443), "/x/"),
        ("http://[::1]:8080/", Origin("http", "::1", 8080), "/"),
    ],
)
def test_endpoints_are_split(url: str, origin: Origin, target: str) -> None:
    assert parse_endpoint(url) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example/x", "ftp://a.example", "file:///etc/passwd", "http://", "http:///x", "http://u:p@a.example",
        "http://u@a.example", "http://a.example:0", "http://a.example:99999", "http://a.example:x",
        "http://a.example/#f", "http://a.example/#", "http://a.example/x y", "http://a.example/\r\nX: y",
        "http://a.example/é", "http://a.example\\@b.example/", "http://[::1", "http://a%20b/", "http://a;b/",
    ],
)  # fmt: skip
def test_bad_endpoints_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(EndpointProblem) as caught:
        parse_endpoint(url)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin("http", "a.example", 80), "a.example"),
        (Origin("https", "a.example", 443), "a.example"),
        (Origin("https", "a.example", 80), "a.example:80"),
        (Origin("http", "::1", 8080), "[::1]:8080"),
    ],
)
def test_the_host_header_has_the_port_only_where_it_says_something(origin: Origin, authority: str) -> None:
    assert origin.authority == authority


def test_a_request_is_written_with_its_own_framing_only() -> None:
    request = HttpRequest(ORIGIN, "POST", "/x?y=1", [("Accept", "application/json")], b"{}", 0.0)
    assert request.encode() == (
        b"POST /x?y=1 HTTP/1.1\r\nHost: provider.example:8080\r\n"
        b"Accept-Encoding: identity\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_get_without_body_has_no_length_and_an_empty_post_has() -> None:
    assert b"Content-Length" not in HttpRequest(ORIGIN, "GET", "/", [], b"", 0.0).encode()
    assert b"Content-Length: 0\r\n" in HttpRequest(ORIGIN, "POST", "/", [], b"", 0.0).encode()


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        ("/", "X-A", "1\r\nX-B: 2"),
        ("/", "X-A", "1\nX-B: 2"),
        ("/", "X-A", "1\r"),
        ("/", "X-A", "1\0"),
        ("/", "X-A", "\u20ac"),
        ("/", "X A", "1"),
        ("/", "X-A:", "1"),
        ("/", "", "1"),
        ("/", "X-A\r\nX-B", "1"),
        ("/ HTTP/1.1\r\nX: y", "X-A", "1"),
        ("/a b", "X-A", "1"),
    ],
)
def test_header_injection_is_refused(target: str, name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        HttpRequest(ORIGIN, "POST", target, [(name, value)], b"", 0.0).encode()
    assert caught.value.reason == "header-injection"


@given(st.text(), st.text())
def test_no_header_ever_makes_a_line_of_its_own(name: str, value: str) -> None:
    request = HttpRequest(ORIGIN, "POST", "/", [(name, value)], b"", 0.0)
    try:
        head = request.encode()
    except InvalidRequest:
        return
    assert head.count(b"\n") == head.count(b"\r\n") == head.count(b"\r") == 6


def test_the_first_value_of_a_header_is_found_by_its_lower_case_name() -> None:
    response = HttpResponse(200, [(b"x", b"\xe9"), (b"x", b"2")], b"")
    assert (response.header(b"x"), response.header(b"y")) == ("é", None)
