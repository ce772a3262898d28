from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrator.site import content_hash as module
from integrator.site.content_hash import content_hash, site_files
from tests.authoring.sites import BASE, write


def test_it_is_64_hexadecimal_digits(tmp_path):
    assert set(content_hash(write(tmp_path, BASE))) <= set("0123456789abcdef")
    assert len(content_hash(tmp_path)) == 64


def test_it_does_not_depend_on_place_or_time(tmp_path):
    assert content_hash(write(tmp_path / "a", BASE)) == content_hash(
        write(tmp_path / "b", dict(reversed(BASE.items())))
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(file=st.sampled_from(sorted(BASE)), addition=st.text(max_size=5))
def test_it_changes_exactly_if_a_file_changes(file, addition, tmp_path):
    before = content_hash(write(tmp_path, BASE))
    after = content_hash(write(tmp_path, {**BASE, file: BASE[file] + addition}))
    assert (before == after) == (addition == "")


def test_names_count_as_much_as_contents(tmp_path):
    before = content_hash(write(tmp_path, BASE))
    (tmp_path / "schemas/mini.jq").rename(tmp_path / "schemas/moved.jq")
    assert content_hash(tmp_path) != before


def test_another_compiler_is_another_name(tmp_path, monkeypatch):
    before = content_hash(write(tmp_path, BASE))
    monkeypatch.setattr(module, "COMPILER_VERSION", module.COMPILER_VERSION + 1)
    assert content_hash(tmp_path) != before


@pytest.mark.parametrize(
    "extra",
    [".git/x", "routes/.hidden", "routes/x.yaml~", "adapters/regional/__pycache__/x.pyc", "schemas/editor/x.json",
     "README.md", "var/integrator.db"],
)  # fmt: skip
def test_what_does_not_count(extra, tmp_path):
    before = content_hash(write(tmp_path, BASE))
    assert content_hash(write(tmp_path, {extra: "x"})) == before


def test_files_are_sorted(tmp_path):
    assert list(site_files(write(tmp_path, BASE))) == sorted(BASE)


def test_an_empty_directory_has_a_hash(tmp_path):
    assert list(site_files(tmp_path)) == []
    assert len(content_hash(tmp_path)) == 64


def test_it_imports_neither_pydantic_nor_yaml():
    code = "import sys, integrator.site.content_hash; print('pydantic' in sys.modules, 'yaml' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
