"""check as a whole: everything at once, nothing hides anything, nothing a person writes breaks it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrator.authoring.check import check
from tests.authoring.sites import BASE, LG, D, Edit, L, M, N, P, R, edited, write

PLANTED = (
    Edit(R, "    field-groups: {identity: [niss, name]", "    §retension: P1Y\n    field-groups: {identity: [niss, name, §nam]"),
    Edit(R, "answer: schemas/answer.schema.json", "answer: schemas/answer.schema.json\n    §owner: regional/office"),
    Edit(R, "POST /v1/notices", "§POST /metrics"),
    Edit(R, "    request: schemas/request.schema.json\n    entries: [", "    request: §schemas/reqest.schema.json\n    entries: ["),
    Edit(R, "response: [$..niss]", "response: [§$..nis]"),
    Edit(L, "adapter:regional/mini?operation=getMini", "§adapter:regional/mni?operation=getMini"),
    Edit(L, "jq: '{number: .niss}'", "jq: §'{number: .niss'"),
    Edit(LG, "to: municipal/one", "to: §municipal/won"),
    Edit(LG, "purposes: [study]", "purposes: [§studies]"),
    Edit(P, '"0207343933"', '§"0207343934"'),
    Edit(N, "        - to:", "        - log: {message: §${body}}\n        - to: §ftp://files.example/x\n        - to:"),
)  # fmt: skip
EXPECTED = {
    "unknown-key", "unknown-field", "duplicate-key", "reserved-path", "missing-file", "subject-not-in-schema",
    "dangling-adapter", "expression", "unknown-party", "unknown-purpose", "wrong-bce", "unquoted-expression",
    "egress-not-registered",
}  # fmt: skip


def test_the_small_site_is_clean(checked):
    assert checked() == ([], [])


def test_many_planted_mistakes_are_all_found_at_once(checked):
    problems, places = checked(*PLANTED)
    assert {problem.rule for problem in problems} == EXPECTED
    assert sorted((problem.file, problem.line, problem.column) for problem in problems) == sorted(places)
    assert len(problems) >= 12


@pytest.mark.parametrize("broken", [R, L, LG, D, M, P])
def test_a_file_that_is_no_yaml_hides_no_mistake_of_the_others(broken, checked):
    elsewhere = Edit(N, "adapter:regional/desk", "§tcp:regional/desk")
    problems, places = checked(Edit(broken, "", "a: [\n"), elsewhere)
    found = {(problem.file, problem.line, problem.column, problem.rule) for problem in problems}
    assert (*places[0], "egress-not-registered") in found
    assert any(problem.file == broken and problem.rule == "yaml-syntax" for problem in problems)


def test_an_unreadable_register_does_not_make_every_name_unknown(checked):
    problems, _places = checked(Edit(R, "", "a: [\n"))
    assert {problem.rule for problem in problems} == {"yaml-syntax"}


def test_a_file_of_the_wrong_shape_is_reported_once(checked):
    problems, _places = checked(Edit(P, "", "- a\n- b\n"))
    assert {problem.rule for problem in problems if problem.file == P} == {"wrong-value"}


def test_not_utf_8(tmp_path):
    root = write(tmp_path, BASE)
    (root / D).write_bytes(b"system: desk\nparty: regional/\xe9t\n")
    found = {(p.file, p.line, p.column, p.rule) for p in check(root)}
    assert (D, 2, 17, "not-utf-8") in found


def test_a_file_that_is_too_large(tmp_path):
    root = write(tmp_path, BASE)
    (root / D).write_bytes(b"#" * 5_000_000)
    assert (D, "file-too-large") in {(p.file, p.rule) for p in check(root)}


def test_a_directory_instead_of_a_site(tmp_path):
    assert [p.rule for p in check(tmp_path)] == ["missing-file"]
    assert [p.rule for p in check(tmp_path / "nothing")] == ["missing-file"]


def test_a_link_out_of_the_site(tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    root = write(tmp_path / "site", BASE)
    (root / "schemas/request.schema.json").unlink()
    (root / "schemas/request.schema.json").symlink_to(tmp_path / "secret.json")
    assert {p.rule for p in check(root)} == {"outside-site"}


def test_messages_never_show_a_secret(checked):
    problems, _places = checked(
        Edit(N, "- to: adapter", "- setHeader: {name: password, constant: hunter2}\n        - to: adapter"),
        Edit(D, "https://desk.example/base", "https://user:hunter2@desk.example/"),
    )
    assert {p.rule for p in problems} == {"secret-in-site", "wrong-endpoint"}
    assert not any("hunter2" in p.message + p.remedy for p in problems)


def test_references_are_no_secrets(checked):
    problems, _places = checked(
        Edit(M, "headers: mini-v1", 'headers: mini-v1\nsecurity: {sign: {certificate: "${file:/run/a.pem}"}}')
    )
    assert problems == []


_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["a/b", "${x}", "POST /v1/x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["flows", "lookup", "entries", "soap", "rest", "subjects", "operations", "to", "allow", "x"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_YAML, file=st.sampled_from([R, L, LG, D, M, P, "schemas/headers/mini-v1.yaml"]))
def test_whatever_stands_in_a_file_check_ends_with_problems_not_with_an_error(value, file, tmp_path):
    import yaml

    files, _places = edited()
    files[file] = yaml.safe_dump(value, allow_unicode=True)
    assert all(problem.line >= 1 and problem.remedy for problem in check(write(tmp_path, files)))


@pytest.mark.parametrize("value", ['"x"', "[1]", "{}", "7", "null"])
@pytest.mark.parametrize("key", ["flows", "purposes", "bus"])
def test_a_section_of_the_wrong_type(key, value, checked):
    text = (
        BASE[R].split(f"{key}:")[0]
        + f"{key}: {value}\n"
        + "# "
        + BASE[R].split(f"{key}:")[1].split("\n")[0]
        + "\n"
    )
    problems, _places = checked(Edit(R, "", text))
    assert all(problem.message for problem in problems)
