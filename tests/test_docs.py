"""The documentation against the code: every name it gives a reader is one the bus knows."""

import ast
import re
from pathlib import Path

import pytest

from integrator.exchange import ERRORS
from integrator.gateway import headers
from integrator.gateway.texts import LANGUAGES
from integrator.security.limits import DEFAULT
from integrator.site.settings import Settings
from tests.services.site import ROOT

DOCS = ROOT / "docs"
CONNECT = (DOCS / "connect.md").read_text("utf-8")
OPERATE = (DOCS / "operate.md").read_text("utf-8")
_TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*")


def texts_of(*rooms: str) -> set[str]:
    """Every text constant in the code of these rooms."""
    found = set()
    for room in rooms:
        place = ROOT / "integrator" / room
        for path in place.rglob("*.py") if place.is_dir() else [place]:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def reasons_of(*rooms: str) -> set[str]:
    """Every constant given as `reason=`, and every category of the error tree."""
    found = {error.category for error in ERRORS}
    for room in rooms:
        for path in (ROOT / "integrator" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "reason":
                    found |= {
                        inner.value
                        for inner in ast.walk(node.value)
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    }
    return found


def error_rows() -> list[tuple[list[int], list[str]]]:
    """Status codes and reasons of the rows of connect.md's table of errors."""
    rows = re.findall(r"^\| (\d{3}(?:, \d{3})*) \| ([^|]+) \|", CONNECT, re.MULTILINE)
    return [
        ([int(s) for s in statuses.split(", ")], re.findall(r"`([^`]+)`", text)) for statuses, text in rows
    ]


def test_the_reasons_of_connect_are_the_gateways():
    known = reasons_of("gateway", "outbound", "security", "journal") | {"json-surrogate", "parameter"}
    named = [reason for _, reasons in error_rows() for reason in reasons]
    assert len(named) > 45
    assert [reason for reason in named if reason not in known] == []


def test_connect_names_every_reason_that_has_a_text_of_its_own():
    from integrator.gateway import texts

    named = {reason for _, reasons in error_rows() for reason in reasons}
    catalogue = {key for value in vars(texts).values() if isinstance(value, dict) for key in value}
    reasons = {key for key in catalogue if isinstance(key, str) and "-" in key and _TOKEN.fullmatch(key)}
    general = {"invalid-request", "not-authenticated"}  # said of what has no closer reason
    assert len(reasons) > 25
    assert reasons - general - named == set()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.category)
def test_the_status_of_a_category_is_the_one_connect_says(error):
    rows = [statuses for statuses, reasons in error_rows() if error.category in reasons]
    assert all(error.status in statuses for statuses in rows)


def test_the_headers_of_connect_are_the_ones_that_are_read():
    read = {
        value.decode()
        for name, value in vars(headers).items()
        if name.isupper() and isinstance(value, bytes) and "-" in value.decode()
    }
    table = CONNECT.partition("## What you get")[0]
    named = {name.lower() for name in re.findall(r"^\| `([A-Za-z-]+)` \|", table, re.MULTILINE)}
    assert named == read | {"accept-language"}
    assert all(f"`{manager}`" in CONNECT for manager in headers.MANAGERS)
    assert all(language in CONNECT for language in LANGUAGES)
    assert f"{headers.APPLICATION_CHARS} characters" in CONNECT
    code = {text.lower() for text in texts_of("gateway")}
    code |= {
        node.value.decode("latin-1").lower()
        for path in (ROOT / "integrator/gateway").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes)
    }
    for name in (
        "BelGov-Trace-Id",
        "Integrator-Record",
        "Retry-After",
        "WWW-Authenticate",
        "Allow",
        "Location",
    ):
        assert f"`{name}`" in CONNECT
        assert name.lower() in code


def test_the_states_of_connect_are_the_gateways():
    known = texts_of("gateway", "journal")
    section = CONNECT.partition("## Where an exchange stands")[2].partition("## Over SOAP")[0]
    for word in re.findall(r"`([a-z-]+)`", section):
        assert word in known, word


def test_the_addresses_of_the_documents_are_served():
    from integrator.site.compile import compile_site
    from integrator.site.compiled import CompiledSite

    site = CompiledSite.from_plain(compile_site(ROOT))
    served = {entry.path for flow in site.flows.values() for entry in flow.entries}
    for text in (CONNECT, OPERATE, (ROOT / "README.md").read_text("utf-8")):
        for path in re.findall(r"`(?:POST )?(/(?:v1|soap)/[^`?\s]*)", text):
            known = served | {"/v1/exchanges/{id}", "/v1/permit-fees"}
            assert path in known, path


def test_the_numbers_of_the_documents_are_the_limits():
    assert DEFAULT.request_body_bytes == 2**20
    assert "1 MiB" in CONNECT
    assert DEFAULT.idempotency_seconds == 7 * 86_400
    assert "seven days" in CONNECT
    assert DEFAULT.drain_seconds == 10
    assert "10 seconds (`drain_seconds`)" in OPERATE
    assert DEFAULT.dead_letter_seconds == 30 * 86_400
    assert "30 days (`dead_letter_seconds`)" in OPERATE


def test_settings_options_and_metrics_of_operate_exist():
    from typer.testing import CliRunner

    from integrator.cli import app

    words = set(re.findall(r"`([a-z-]+)`", OPERATE))
    assert {"anchor", "trusted-proxies", "log-level"} <= words
    settings = {name.replace("_", "-") for name in Settings.model_fields}
    assert {"anchor", "trusted-proxies", "log-level"} <= settings
    assert set(re.findall(r"INTEGRATOR_([A-Z_]+)", OPERATE)) <= {
        name.upper() for name in Settings.model_fields
    }
    for line in re.findall(r"integrator ((?:[a-z]+(?:-[a-z]+)* ?)+)([^`#\n]*(?:\\\n[^`#\n]*)*)", OPERATE):
        command = line[0].split()
        options = re.findall(r"--[a-z-]+", line[1])
        while command:
            shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
            if shown.exit_code == 0:
                break
            command.pop()
        assert command, line
        for option in options:
            assert option in shown.output, (line, option)
    known = texts_of("telemetry", "app.py", "broker", "gateway")
    named = re.findall(r"^\| `integrator_([a-z_]+)(?:\{[a-z,]+\})?` \|", OPERATE, re.MULTILINE)
    assert len(named) == 9
    for name in named:
        assert name in known or f"integrator_{name}" in known, name


def test_the_house_lists_every_room_and_module():
    text = (DOCS / "house.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+(?:/|\.py))`", text))
    for path in (ROOT / "integrator").iterdir():
        if path.name.startswith("_") or path.name == "py.typed":
            continue
        assert path.name + ("/" if path.is_dir() else "") in named, path.name


def test_decisions_are_numbered_and_short():
    found = sorted((DOCS / "decisions").glob("*.md"))
    for number, path in enumerate(found, 1):
        lines = path.read_text("utf-8").splitlines()
        assert path.name.startswith(f"{number:04}-")
        assert lines[0].startswith(f"# {number}. ")
        assert len(lines) <= 30


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_index_lists_every_page():
    index = (DOCS / "README.md").read_text("utf-8")
    for path in DOCS.rglob("*.md"):
        name = path.relative_to(DOCS).as_posix()
        assert name == "README.md" or name.startswith("decisions/") or f"({name})" in index, name
