"""The environment script on a machine without pip and venv: the pinned installer, refused if it differs."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "tools/environment.py"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    return module


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("uv-0.data/scripts/uv", "#!/bin/sh\n")
    return packed.getvalue()


def serve(monkeypatch, environment, body: bytes) -> None:
    name = f"uv-{environment.UV_VERSION}-py3-none-{environment.UV_WHEELS['x86_64'][0]}.whl"
    page = f'<a href="../../files/{name}#sha256=0">{name}</a>'.encode()
    monkeypatch.setattr(environment, "read", lambda url: page if url.endswith("/uv/") else body)


def test_the_pinned_wheel_is_unpacked(environment, monkeypatch):
    body = wheel()
    monkeypatch.setitem(environment.UV_WHEELS, "x86_64", ("any", hashlib.sha256(body).hexdigest()))
    serve(monkeypatch, environment, body)
    program = environment.fetch_uv()
    assert program.read_text() == "#!/bin/sh\n"
    assert program.stat().st_mode & 0o111
    assert environment.fetch_uv() == program


def test_another_wheel_is_refused_and_nothing_is_kept(environment, monkeypatch, tmp_path):
    serve(monkeypatch, environment, wheel())
    with pytest.raises(SystemExit, match="not the pinned file"):
        environment.fetch_uv()
    assert not (tmp_path / ".cache").exists()


def test_unknown_processor_and_plain_http_are_refused(environment, monkeypatch):
    monkeypatch.setattr(environment.platform, "machine", lambda: "vax")
    with pytest.raises(SystemExit, match="python3-venv"):
        environment.fetch_uv()
    with pytest.raises(SystemExit, match="https"):
        environment.read("http://127.0.0.1/")
