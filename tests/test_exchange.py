from decimal import Decimal

import pytest
from lxml import etree

from integrator import exchange
from integrator.exchange import ERRORS, Exchange, Headers, IntegratorError, InvalidRequest, Message
from integrator.security.parsers import CONVERSIONS


def message(body) -> Message:
    return Message(body, conversions=CONVERSIONS)


def test_headers_are_case_insensitive_sorted_and_keep_the_first_name():
    headers = Headers({"foo": 1, "Bar": 2})
    headers["FOO"] = 3
    assert headers["Foo"] == 3
    assert list(headers) == ["Bar", "foo"]
    assert "BAR" in headers
    assert 7 not in headers
    copy = headers.copy()
    del copy["bar"]
    assert len(headers) == 2
    assert len(copy) == 1


def test_repr_of_headers_has_no_values():
    assert "secret" not in repr(Headers({"a": "secret"}))


@pytest.mark.parametrize("body", [b'{"a": 1}', '{"a": 1}', {"a": 1}])
def test_json_from_every_form(body):
    assert message(body).as_json() == {"a": 1}


def test_conversions_are_done_once_and_kept_until_the_body_changes():
    calls = []
    conversions = exchange.Conversions(
        parse_xml=lambda data: calls.append("xml") or etree.fromstring(data),
        parse_json=lambda data: calls.append("json") or {"n": len(data)},
        dump_json=CONVERSIONS.dump_json,
    )
    item = Message(b"<a/>", conversions=conversions)
    assert item.as_xml() is item.as_xml()
    assert item.as_json() is item.as_json()
    assert calls == ["xml", "json"]
    item.copy().as_json()
    assert calls == ["xml", "json"]
    item.body = b"<b/>"
    assert item.as_xml().tag == "b"
    assert calls == ["xml", "json", "xml"]


def test_forms_of_no_body_xml_and_data():
    assert message(None).as_bytes() == b""
    assert message(etree.fromstring("<a>é</a>")).as_text() == "<a>é</a>"
    assert message({"d": Decimal("1.50")}).as_bytes() == b'{"d":1.50}'
    assert message("é").as_bytes() == "é".encode()


def test_what_does_not_convert_is_an_invalid_request():
    for convert in (
        message(b"\xff").as_text,
        message(b"<a").as_xml,
        message("{").as_json,
        message(etree.fromstring("<a/>")).as_json,
    ):
        with pytest.raises(InvalidRequest):
            convert()


def test_a_parsed_body_keeps_its_bytes():
    item = message(None)
    item.set_json({"a": 1}, b'{ "a": 1 }')
    assert item.as_bytes() == b'{ "a": 1 }'


def test_every_error_has_its_own_category_and_camel_name():
    assert len({error.category for error in ERRORS}) == len(ERRORS) <= 12
    assert len({error.camel for error in ERRORS}) == len(ERRORS)
    subclasses = {
        cls for cls in vars(exchange).values() if isinstance(cls, type) and issubclass(cls, IntegratorError)
    }
    assert subclasses - {IntegratorError} == set(ERRORS)
    for error in ERRORS:
        assert error().message
        assert 400 <= error.status < 600


def test_a_new_exchange_is_empty():
    item = Exchange(message(None), exchange_id="x")
    assert item.exception is None
    assert item.properties == {} == item.variables
    assert item.pattern == "InOut"
