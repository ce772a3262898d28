"""Reading YAML: values of the core schema, places, and what is refused."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from integrator.site import read
from integrator.site.read import Place, core_value, read_text, read_yaml


def problems(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return [(p.line, p.column, p.rule) for p in read_text(raw, "f").problems]


def data(text):
    document = read_text(text.encode(), "f")
    assert document.problems == []
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False), ("yes", "yes"), ("no", "no"),
        ("On", "On"), ("y", "y"), ("0", 0), ("-12", -12), ("+3", 3), ("007", 7), ("0o17", 15), ("0x1F", 31),
        ("0b11", "0b11"), ("1_000", "1_000"), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0),
        (".inf", ".inf"), (".nan", ".nan"), ("-.inf", "-.inf"), ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"), ("190:20:30", "190:20:30"), ("0207362739", 207362739), ("1e", "1e"),
        ("-", "-"), (".", "."), ("<<", "<<"), ("=", "="), ("9" * 200, "9" * 200),
    ],
)  # fmt: skip
def test_core_schema(text, value):
    assert core_value(text) == value
    assert type(core_value(text)) is type(value)


def test_quoted_values_are_text():
    assert data("""{a: "1", b: 'true', c: "null", d: ''}""") == {"a": "1", "b": "true", "c": "null", "d": ""}


def test_keys_stay_text():
    assert data("{1: a, true: b, ~: c, 2026-01-01: d}") == {
        "1": "a",
        "true": "b",
        "~": "c",
        "2026-01-01": "d",
    }


def test_block_scalars():
    assert data("a: |\n  x: ${y}\n  z\nb: >-\n  p\n  q\n") == {"a": "x: ${y}\nz\n", "b": "p q"}


def test_a_byte_order_mark_and_comments_are_no_data():
    assert read_text(b"\xef\xbb\xbf# c\na: 1 # d\n", "f").data == {"a": 1}


def test_places_of_values_and_keys():
    document = read_text(b"a:\n  - b: {c: 1,\n       d: two}\n", "f.yaml")
    assert document.place(("a", 0, "b", "d")) == Place("f.yaml", 3, 11)
    assert document.place(("a", 0, "b", "d"), key=True) == Place("f.yaml", 3, 8)
    assert document.place(("a", 0, "b", "nothing")) == Place("f.yaml", 2, 8)
    assert document.place(()) == Place("f.yaml", 1, 1)


def test_aliases_are_values_again():
    assert data("a: &x {b: 1}\nc: *x\nd: [*x, *x]") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": [{"b": 1}, {"b": 1}],
    }
    assert data("- &n 7\n- *n") == [7, 7]


@pytest.mark.parametrize(
    ("text", "line", "column", "rule"),
    [
        ("a: b: c", 1, 5, "yaml-syntax"),
        ("a: 'x", 1, 6, "yaml-syntax"),
        ("a: @b", 1, 4, "yaml-syntax"),
        ("x: 1\na: \x01b", 2, 4, "yaml-syntax"),
        ("a:\n\t- b", 2, 1, "yaml-tab"),
        ("a: {b: ${c}}", 1, 8, "unquoted-expression"),
        ("a: 1\nb: 2\na: 3", 3, 1, "duplicate-key"),
        ("a: {b: 1, b: 2}", 1, 11, "duplicate-key"),
        ("? [a]\n: b", 1, 3, "key-not-text"),
        ("? {a: b}\n: b", 1, 3, "key-not-text"),
        ("x: &a b\n*a : c", 2, 1, "key-not-text"),
        ("a: *b", 1, 4, "unknown-alias"),
        ("a: &a [*a]", 1, 8, "unknown-alias"),
        ("a: 1\n---\nb: 2", 2, 1, "several-documents"),
        ("a: !!python/object/apply:os.system [x]", 1, 4, "yaml-tag"),
        ("a: !own {b: c}", 1, 4, "yaml-tag"),
        ("a: !!str 1", 1, 4, "yaml-tag"),
    ],
)
def test_refused(text, line, column, rule):
    assert problems(text) == [(line, column, rule)]


def test_not_utf_8_tells_the_byte():
    assert problems(b"a: 1\nb: \xff\n") == [(2, 4, "not-utf-8")]


def test_several_unquoted_expressions_are_all_found_and_the_rest_is_read():
    document = read_text(b"a: {b: ${c}}\nd: [${e} == 'f', ${g}]\nh: 1\nh: 2\n", "f")
    assert [(p.line, p.column, p.rule) for p in document.problems] == [
        (1, 8, "unquoted-expression"),
        (2, 5, "unquoted-expression"),
        (2, 18, "unquoted-expression"),
        (4, 1, "duplicate-key"),
    ]
    assert document.data == {"a": {"b": "${c}"}, "d": ["${e} == 'f'", "${g}"], "h": 2}


def test_expressions_outside_flow_collections_need_no_quotes():
    assert data("a: ${b}\nc:\n  - ${d} == 'e'\nf: {g: \"${h}\"}") == {
        "a": "${b}",
        "c": ["${d} == 'e'"],
        "f": {"g": "${h}"},
    }


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(opening):
    assert [rule for _line, _column, rule in problems(opening * 100_000)] == ["file-too-large"]


def test_a_billion_laughs_are_bounded():
    levels = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 12))
    assert [rule for _line, _column, rule in problems("l0: &l0 [x]\n" + levels)] == ["file-too-large"]


def test_values_are_bounded(monkeypatch):
    monkeypatch.setattr(read, "MAX_NODES", 10)
    assert problems("[" + "1, " * 20 + "1]") == [(1, 29, "file-too-large")]


def test_size_is_bounded_before_it_is_read(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a" * (read.MAX_FILE_BYTES + 1))
    assert [p.rule for p in read_yaml(path, "big.yaml").problems] == ["file-too-large"]


def test_what_cannot_be_opened(tmp_path):
    assert [p.rule for p in read_yaml(tmp_path / "none", "none").problems] == ["unreadable-file"]
    assert [p.rule for p in read_yaml(tmp_path, "dir").problems] == ["unreadable-file"]


# YAML folds line separators and refuses control characters, JSON does neither.
_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co", "Zl", "Zp"]), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | _TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=30,
)  # fmt: skip


@given(_JSON)
def test_json_text_reads_as_pyyaml_reads_it_and_as_json(value):
    text = json.dumps(value, ensure_ascii=False)
    mine, theirs = read_text(text.encode(), "f"), yaml.load(text, Loader=yaml.CSafeLoader)
    assert mine.problems == []
    assert mine.data == json.loads(text)
    if "e" not in text.replace("true", "").replace("false", ""):  # YAML 1.1 wants a point before an exponent
        assert mine.data == theirs


@given(_JSON)
def test_block_style_reads_the_same_and_every_value_has_a_place(value):
    text = yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, default_style='"')
    document = read_text(text.encode("utf-8", "surrogatepass"), "f")
    if any("\ud800" <= char <= "\udfff" for char in text):
        return
    expected = yaml.load(text, Loader=yaml.CBaseLoader)
    kept = [p for p in document.problems if p.rule != "yaml-tag"]
    assert kept == []
    if not document.problems:
        assert document.data == expected
        assert all(line >= 1 and column >= 1 for line, column in document.places.values())


@given(st.binary(max_size=200))
def test_any_bytes_give_data_or_problems(raw):
    document = read_text(raw, "f")
    assert document.problems or document.data is None or document.places
