"""The child process of an activation."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from integrator.authoring.compile import check_and_compile, main
from integrator.site.compiled import CompiledSite
from integrator.site.content_hash import content_hash
from tests.authoring.sites import BASE, LG, Edit, P, R, edited, write


def child(*arguments):
    command = [sys.executable, "-m", "integrator.authoring.compile", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_a_good_site_comes_out_as_json(tmp_path):
    done = child(write(tmp_path, BASE))
    assert (done.returncode, done.stderr) == (0, b"")
    site = CompiledSite.from_plain(json.loads(done.stdout))
    assert site.hash == content_hash(tmp_path)
    assert set(site.flows) == {"lookup", "notify"}


def test_mistakes_come_out_as_json_lines(tmp_path):
    files, places = edited(Edit(P, '"0207362739"', '§"0207362738"'), Edit(LG, "[study]", "[§stdy]"))
    done = child(write(tmp_path, files))
    problems = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (1, b"")
    assert sorted((p["file"], p["line"], p["column"]) for p in problems) == sorted(places)


def test_a_warning_does_not_keep_a_site_from_being_compiled(tmp_path):
    files, _places = edited(Edit(R, "    title: {fr: Notifier}", "    title: {en: Notify}"))
    plain, problems = check_and_compile(write(tmp_path, files))
    assert plain is not None
    assert [problem.severity for problem in problems] == ["warning"]


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err
