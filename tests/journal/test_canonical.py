from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal.canonical import (
    INTEGER_MAX,
    NotCanonical,
    canonical,
    canonical_trusted,
    leaf_hash,
)

ascii_keys = st.text(st.characters(max_codepoint=127), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_keys, inner, max_size=6)
)
documents = st.dictionaries(ascii_keys, values, max_size=8)


@given(documents)
def test_same_bytes_as_the_rfc8785_package(document: dict[str, Any]) -> None:
    expected = rfc8785.dumps(document)
    assert canonical(document) == expected
    assert canonical_trusted(document) == expected


@given(documents)
def test_the_order_in_which_a_document_is_built_does_not_matter(document: dict[str, Any]) -> None:
    assert canonical(dict(reversed(document.items()))) == canonical(document)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": 1.0}, "$.a"),
        ({"a": [1, {"b": 2.5}]}, "$.a[1].b"),
        ({"é": 1}, "$"),
        ({1: "a"}, "$"),
        ({"a": 2**53}, "$.a"),
        ({"a": -(2**53)}, "$.a"),
        ({"a": "\ud800"}, "$.a"),
        ({"a": b"bytes"}, "$.a"),
        ({"a": {1, 2}}, "$.a"),
        (float("nan"), "$"),
    ],
)
def test_what_has_no_canonical_form_is_refused_by_path(value: Any, place: str) -> None:
    with pytest.raises(NotCanonical) as refused:
        canonical(value)
    assert str(refused.value).startswith(f"{place}:")


@pytest.mark.parametrize("value", [{"a": 2**53}, {"a": "\ud800"}, {"a": b"bytes"}, {"a": {1}}])
def test_the_fast_form_refuses_what_orjson_can_tell(value: dict[str, Any]) -> None:
    with pytest.raises(NotCanonical):
        canonical_trusted(value)


def test_leaf_hash_is_that_of_rfc_6962() -> None:
    # RFC 6962's empty-leaf vector, as in certificate-transparency's reference tests.
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
