"""TLS of the pool: who is trusted, which host, which version, which client certificate."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from integrator.exchange import ProviderUnreachable
from integrator.outbound.pool import Pool
from integrator.outbound.tls import client_context
from tests.outbound.certificates import Authority
from tests.outbound.conftest import RawServer, request


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def server_context(authority: Authority, *hosts: str) -> ssl.SSLContext:
    certificate, key = authority.issue("server", *hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def answered(server: RawServer, context: ssl.SSLContext | None) -> bytes:
    pool = Pool(default_tls=context)
    try:
        for _ in range(2):
            body = (await pool.send(request(server.origin))).body
        return body
    finally:
        await pool.close()


async def refused(server: RawServer, context: ssl.SSLContext | None) -> str:
    with pytest.raises(ProviderUnreachable) as caught:
        await answered(server, context)
    assert caught.value.origin == "provider"
    return caught.value.reason


@pytest.fixture
async def server():
    raw = RawServer()
    yield raw
    await raw.stop()


async def test_a_provider_of_a_trusted_authority_answers(server: RawServer, authority: Authority) -> None:
    await server.start(ssl=server_context(authority, "127.0.0.1"))
    assert await answered(server, client_context(trust=authority.certificate)) == b"ok"
    assert server.connections == 1


async def test_an_unknown_authority_is_refused(server: RawServer, authority: Authority) -> None:
    await server.start(ssl=server_context(authority, "127.0.0.1"))
    assert await refused(server, None) == "tls-certificate"


async def test_a_certificate_of_another_host_is_refused(server: RawServer, authority: Authority) -> None:
    await server.start(ssl=server_context(authority, "other.example"))
    assert await refused(server, client_context(trust=authority.certificate)) == "tls-certificate"


async def test_tls_1_1_is_refused(server: RawServer, authority: Authority) -> None:
    context = server_context(authority, "127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    await server.start(ssl=context)
    assert await refused(server, client_context(trust=authority.certificate)) in ("tls", "unreachable")


async def test_a_provider_without_tls_is_not_reached_by_tls(server: RawServer, authority: Authority) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    server.script = plain
    await server.start()
    server.origin = server.origin._replace(scheme="https")
    assert await refused(server, client_context(trust=authority.certificate)) in ("tls", "unreachable")


async def test_the_bus_shows_its_certificate_where_it_is_asked(
    server: RawServer, authority: Authority
) -> None:
    context = server_context(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    await server.start(ssl=context)
    certificate, key = authority.issue("bus", "bus.example")
    with_it = client_context(trust=authority.certificate, certificate=certificate, key=key)
    assert await answered(server, with_it) == b"ok"


async def test_without_a_client_certificate_the_provider_ends_the_connection(
    server: RawServer, authority: Authority
) -> None:
    context = server_context(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    await server.start(ssl=context)
    await refused(server, client_context(trust=authority.certificate))


def test_files_that_are_missing_or_do_not_match(authority: Authority, tmp_path: Path) -> None:
    certificate, _ = authority.issue("one", "one.example")
    _, other_key = authority.issue("two", "two.example")
    with pytest.raises(OSError):  # noqa: PT011 (FileNotFoundError's base: what the docstring says)
        client_context(trust=tmp_path / "missing.pem")
    with pytest.raises(ssl.SSLError):
        client_context(certificate=certificate, key=other_key)
    (tmp_path / "junk.pem").write_text("not PEM")
    with pytest.raises(ssl.SSLError):
        client_context(trust=tmp_path / "junk.pem")


def test_checks_cannot_be_off() -> None:
    context = client_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
