from __future__ import annotations

import pytest

from integrator.exchange import InvalidRequest, ProviderTimeout, ProviderUnreachable
from integrator.outbound.double import TransportDouble
from integrator.outbound.transport import HttpResponse, Origin
from tests.outbound.conftest import request

ORIGIN = Origin("http", "provider.example", 80)


async def test_the_script_is_played_in_order_and_requests_are_kept() -> None:
    double = TransportDouble()
    double.answer(200, b"one", {"X-Y": "z"})
    double.fail(ProviderUnreachable())
    double.answer(500)
    first = await double.send(request(ORIGIN, target="/1"))
    assert (first.status, first.body, first.header(b"x-y")) == (200, b"one", "z")
    with pytest.raises(ProviderUnreachable):
        await double.send(request(ORIGIN, target="/2"))
    assert (await double.send(request(ORIGIN, target="/3"))).status == 500
    assert [kept.target for kept in double.requests] == ["/1", "/2", "/3"]


async def test_a_used_up_script_says_so() -> None:
    with pytest.raises(LookupError, match="answer"):
        await TransportDouble().send(request(ORIGIN))


async def test_a_standing_behaviour() -> None:
    double = TransportDouble()
    double.always(lambda got: HttpResponse(200, [], got.body))
    assert (await double.send(request(ORIGIN, body=b"echo"))).body == b"echo"


async def test_silence_ends_at_the_deadline() -> None:
    double = TransportDouble()
    double.never()
    with pytest.raises(ProviderTimeout):
        await double.send(request(ORIGIN, seconds=0.01))


async def test_an_injected_header_does_not_pass_the_double_either() -> None:
    double = TransportDouble()
    double.answer(200)
    with pytest.raises(InvalidRequest):
        await double.send(request(ORIGIN, headers=(("X-A", "1\r\nX-B: 2"),)))
    assert double.requests == []


async def test_it_knows_that_it_was_closed() -> None:
    double = TransportDouble()
    await double.close()
    assert double.closed
