from __future__ import annotations

import json

from integrator.authoring.report import as_json, as_text, summary
from integrator.site.problems import Problem, nearest

ERROR = Problem("b.yaml", 3, 5, "unknown-key", "unknown key 'ownr'", "did you mean 'owner'?")
WARNING = Problem("a.yaml", 1, 1, "title-language", "the title is missing in nl", "add it", "warning")


def test_text_is_grouped_by_file_and_counted():
    assert as_text([ERROR, WARNING]) == (
        "a.yaml:1:1 title-language warning: the title is missing in nl → add it\n\n"
        "b.yaml:3:5 unknown-key unknown key 'ownr' → did you mean 'owner'?\n\n"
        "1 error, 1 warning.\n"
    )


def test_text_without_problems():
    assert as_text([]) == "No mistakes.\n"


def test_colour_only_where_asked():
    assert "\x1b[" not in as_text([ERROR])
    assert "\x1b[31munknown-key" in as_text([ERROR], colour=True)
    assert "\x1b[33mtitle-language" in as_text([WARNING], colour=True)


def test_json():
    content = json.loads(as_json([ERROR, WARNING]))
    assert (content["errors"], content["warnings"]) == (1, 1)
    assert content["problems"][1] == {
        "file": "b.yaml", "line": 3, "column": 5, "rule": "unknown-key", "severity": "error",
        "message": "unknown key 'ownr'", "remedy": "did you mean 'owner'?",
    }  # fmt: skip


def test_summary_counts():
    assert summary([ERROR, ERROR]) == "2 errors, 0 warnings."


def test_nearest_is_silent_where_nothing_is_close():
    assert nearest("owne", ["owner", "route"]) == "owner"
    assert nearest("zzz", ["owner", "route"]) is None
