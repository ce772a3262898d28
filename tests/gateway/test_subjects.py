from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import Subject
from integrator.gateway.subjects import (
    PathProblem,
    SubjectFinder,
    compile_minimiser,
    compile_path,
    has_data,
)

NISS = "85073003328"
BIS = "98472899765"


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("$.niss", {"niss": NISS}, [NISS]),
        ("$.niss", {"other": 1}, []),
        ("$.niss", [NISS], []),
        ("$.niss", {"niss": None}, []),
        ("$.a.b", {"a": {"b": 1}}, [1]),
        ("$.a.b", {"a": [1]}, []),
        ("$.a[*].b", {"a": [{"b": 1}, {"c": 2}, {"b": 3}]}, [1, 3]),
        ("$[*].b", [{"b": 1}], [1]),
        ("$.a[*]", {"a": [1, 2]}, [1, 2]),
        ("$..niss", {"x": {"niss": 1}, "y": [{"niss": 2}, [{"niss": 3}]]}, [1, 2, 3]),
        ("$..niss", {"niss": {"niss": 1}}, [{"niss": 1}, 1]),
        ("$.a..niss", {"a": {"b": {"niss": 4}}, "niss": 5}, [4]),
        ("$.@type", {"@type": "x"}, ["x"]),
    ],
)
def test_finds_what_the_path_names(path, value, found):
    def order(item):
        return str(item)

    assert sorted(compile_path(path)(value), key=order) == sorted(found, key=order)


@pytest.mark.parametrize("path", ["", "$", "niss", "$.", "$.a[0]", "$.a.b.", "$...a", "$.a['b']", "$.a b"])
def test_paths_outside_the_subset_are_refused(path):
    with pytest.raises(PathProblem):
        compile_path(path)


def test_subjects_are_distinct_and_in_normal_form():
    find = SubjectFinder(["$..niss", "$.company"], 10)
    value = {"niss": "85.07.30-033.28", "x": {"niss": NISS}, "company": "207362739"}
    assert find(value) == ((Subject("niss", NISS), Subject("bce", "0207362739")), None)


@pytest.mark.parametrize("wrong", ["85073003329", "", "x", 85073003328, {"niss": 1}, [], True])
def test_a_wrong_number_is_told_by_its_path(wrong):
    found, path = SubjectFinder(["$.niss"], 10)({"niss": wrong})
    assert (found, path) == ((), "$.niss")


def test_more_subjects_than_the_limit():
    found, wrong = SubjectFinder(["$[*].niss"], 1)([{"niss": NISS}, {"niss": NISS}, {"niss": BIS}])
    assert wrong == "too many"
    assert len(found) == 1


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, False), ({}, False), ([], False), ({"a": [], "b": {"c": None}}, False),
        (0, True), ({"total": 0}, True), ([[{"a": False}]], True), ("", True),
    ],
)  # fmt: skip
def test_what_counts_as_data(value, says):
    assert has_data(value) is says


# --- minimisation -------------------------------------------------------------------------------

GROUPS = {
    "identity": ["niss", "name"],
    "birth": ["birth.date"],
    "address": ["address"],
    "deep": ["address.zip"],
}
ANSWER = {
    "niss": "1",
    "name": {"a": 1},
    "birth": {"date": 2, "place": 3},
    "address": {"zip": 4, "x": 5},
    "z": 6,
}


@pytest.mark.parametrize(
    ("granted", "kept"),
    [
        ([], {}),
        (["identity"], {"niss": "1", "name": {"a": 1}}),
        (["birth"], {"birth": {"date": 2}}),
        (["deep"], {"address": {"zip": 4}}),
        (["deep", "address"], {"address": {"zip": 4, "x": 5}}),
        (["address", "deep"], {"address": {"zip": 4, "x": 5}}),
        (["unknown"], {}),
    ],
)
def test_only_granted_fields_remain(granted, kept):
    assert compile_minimiser(GROUPS, granted)(ANSWER) == kept
    assert compile_minimiser(GROUPS, granted)([ANSWER]) == [kept]


@pytest.mark.parametrize("value", ["text", 1, True, None])
def test_what_is_no_object_is_not_released(value):
    assert compile_minimiser(GROUPS, ["identity"])(value) is None
    assert compile_minimiser(GROUPS, ["birth"])({"birth": value}) == {"birth": None}


names = st.sampled_from(["niss", "name", "birth", "date", "place", "address", "zip", "secret", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)
paths = st.lists(names, min_size=1, max_size=3).map(".".join)


def leaves(value, prefix=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*prefix, key))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, prefix)
    elif value is not None:
        yield prefix


@given(
    json_values,
    st.dictionaries(st.sampled_from("abc"), st.lists(paths, max_size=3)),
    st.sets(st.sampled_from("abcd")),
)
def test_no_field_outside_the_grant_ever_leaves(value, groups, granted):
    allowed = {tuple(path.split(".")) for group in granted for path in groups.get(group, ())}
    for leaf in leaves(compile_minimiser(groups, granted)(value)):
        assert any(leaf[: len(path)] == path for path in allowed), leaf
