import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import InvalidRequest
from integrator.security.limits import DEFAULT, Limits
from integrator.security.parsers import dump_json, parse_json, parse_xml

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=20,
)


def reason(function, data: bytes, **options) -> str:
    with pytest.raises(InvalidRequest) as caught:
        function(data, **options)
    return caught.value.reason


@given(JSON.filter(lambda value: "\ud800" not in str(value)))
def test_json_round_trips(value):
    assert parse_json(dump_json(value)) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', "json-duplicate-key"),
        ('{"b": {"a": 1, "a": 1}}', "json-duplicate-key"),
        ("NaN", "json-number"),
        ("[-Infinity]", "json-number"),
        ("1e999", "json-number"),
        ("9" * 200, "json-number"),
        (r'"\ud800"', "json-surrogate"),
        (r'{"\udfff": 1}', "json-surrogate"),
        ('{"a": }', "json-malformed"),
        ("", "json-malformed"),
        ("[" * 100 + "]" * 100, "too-complex"),
        ("[" * 100_000, "too-complex"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "too-complex"),
    ],
)
def test_json_is_refused_with_its_reason(text, expected):
    assert reason(parse_json, text.encode()) == expected


def test_json_brackets_in_texts_are_not_depth():
    assert parse_json(b'["' + b"[" * 500 + b'"]') == ["[" * 500]
    assert parse_json(b'"' + b"{" * 500 + b'"') == "{" * 500


@given(
    st.lists(st.sampled_from("[{"), min_size=1, max_size=DEFAULT.json_depth + 8), st.booleans(), st.booleans()
)
def test_json_depth_holds_exactly(levels: list[str], empty: bool, beside_many: bool):
    opening = "".join('{"a":' if level == "{" else "[" for level in levels)
    closing = "".join("}" if level == "{" else "]" for level in reversed(levels))
    text = opening + ("" if empty and levels[-1] == "[" else "1") + closing
    depth = len(levels)
    if beside_many:
        text, depth = "[" + "{}," * DEFAULT.json_depth + text + "]", depth + 1
    if depth > DEFAULT.json_depth:
        assert reason(parse_json, text.encode()) == "too-complex"
    else:
        assert parse_json(text.encode()) == json.loads(text)


def test_json_that_is_not_utf8_names_the_byte():
    with pytest.raises(InvalidRequest, match="byte 2"):
        parse_json(b'["\xff"]')
    assert reason(parse_json, b"\xef\xbb\xbf{}") == "json-malformed"


def test_json_errors_do_not_carry_content():
    with pytest.raises(InvalidRequest) as caught:
        parse_json(b'{"niss": "85073003328", "niss": "85073003328"}')
    assert "85073003328" not in str(caught.value)
    assert "niss" not in str(caught.value)


def test_json_corpus(shared: Path):
    refused_although_valid = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
    seen = 0
    for path in sorted((shared / "corpora/json").glob("*.json")):
        try:
            parse_json(path.read_bytes())
            accepted = True
        except InvalidRequest:
            accepted = False
        expected = {"y": path.name not in refused_although_valid, "n": False}.get(path.name[0], accepted)
        assert accepted is expected, path.name
        seen += 1
    assert seen > 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a>", "xml-malformed"),
        ("", "xml-malformed"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "xml-doctype"),
        ("<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x'><a/>", "xml-doctype"),
        ('<?xml version="1.1"?><a/>', "xml-version"),
        ("<a><?php x?></a>", "xml-instruction"),
        ("<?x y?><a/>", "xml-instruction"),
        ("<a/><?x y?>", "xml-instruction"),
        ("<a>" * 200 + "</a>" * 200, "too-complex"),
        ("<a>" * 2_000 + "</a>" * 2_000, "xml-malformed"),
        ("<a " + " ".join(f'b{i}="1"' for i in range(100)) + "/>", "too-complex"),
        ("<a " + " ".join(f'xmlns:b{i}="u"' for i in range(100)) + "/>", "too-complex"),
        ("<a>" + "<b/>" * 60_000 + "</a>", "too-complex"),
    ],
)
def test_xml_is_refused_with_its_reason(text, expected):
    assert reason(parse_xml, text.encode()) == expected


def test_xml_limits_hold_exactly():
    limits = Limits(xml_depth=3, xml_elements=5, xml_attributes_per_element=2)
    assert parse_xml(b"<a><b><c/></b></a>", limits).tag == "a"
    assert reason(parse_xml, b"<a><b><c><d/></c></b></a>", limits=limits) == "too-complex"
    assert parse_xml(b"<a><b/><b/><b/><b/></a>", limits).tag == "a"
    assert reason(parse_xml, b"<a><b/><b/><b/><b/><b/></a>", limits=limits) == "too-complex"
    assert parse_xml(b'<a b="1" c="2"/>', limits).tag == "a"
    assert reason(parse_xml, b'<a b="1" c="2" d="3"/>', limits=limits) == "too-complex"


def test_xml_attacks_are_refused(shared: Path):
    for path in sorted((shared / "corpora/xml-attacks").iterdir()):
        data = path.read_bytes()
        if b"<!DOCTYPE" in data or b"<?pi" in data:
            assert reason(parse_xml, data) in ("xml-doctype", "xml-instruction"), path.name
        else:
            parse_xml(data)
