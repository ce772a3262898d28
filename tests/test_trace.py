"""`integrator run --trace`: every step of a route is a line of the technical log, without content."""

from __future__ import annotations

import json

import pytest

from integrator.app import _trace
from integrator.engine import Services, compile_routes
from integrator.foundations import Options
from integrator.site.settings import load_settings
from integrator.telemetry import log
from tests.engine.helpers import exchange, route, source


async def test_steps_are_logged_without_content(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log.configure("info")
    monkeypatch.setattr(
        "integrator.app._LOG", log.get("app")
    )  # the module's keeps the level of its first use
    routes = compile_routes([source(route("setBody: {constant: secret}\nto: log:x"))], Services(trace=_trace))
    await routes.run("direct:start", exchange("85073003328"))
    captured = capsys.readouterr()
    text = captured.out + captured.err
    lines = [json.loads(line) for line in text.splitlines() if '"step"' in line]
    assert [(line["what"], line["step"], line["line"], line["exchange"]) for line in lines] == [
        ("start", "setBody", 6, "E-1"),
        ("end", "setBody", 6, "E-1"),
        ("start", "to", 7, "E-1"),
        ("end", "to", 7, "E-1"),
    ]
    assert "secret" not in text
    assert "85073003328" not in text


def test_it_is_a_setting() -> None:
    assert Options.of(load_settings({"trace": True})).trace
    assert not Options.of(load_settings({})).trace
