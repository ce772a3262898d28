import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.operations.client import CallError, call, control
from integrator.operations.runfile import RunFile
from integrator.operations.send import Justification, curl, send

WHY = Justification("environmental-permit", "imio-urban:PE/2026/118", "RN/RBis:85073003328", "urban")


@pytest.fixture
def server():
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), body))
            status = 404 if self.path == "/missing" else 200
            answer = json.dumps({"detail": "no such thing"} if status == 404 else {"ok": True}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", seen
        running.shutdown()
        thread.join()


def test_every_reason_becomes_its_header(server):
    address, seen = server
    answer = send(address, "POST", "/v1/x", b"{}", key="itg_a_b", why=WHY)
    assert answer.json() == {"ok": True}
    headers = seen[0][1]
    assert headers["Authorization"] == "Bearer itg_a_b"
    assert headers["Integrator-Dossier"] == "imio-urban:PE/2026/118"
    assert headers["Integrator-Agent"] == "RN/RBis:85073003328"
    assert "Idempotency-Key" not in headers


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_dossier_survives_its_encoding(identifier):
    value = Justification(dossier=f"source:{identifier}").headers()["Integrator-Dossier"]
    assert value.isascii()
    assert value.isprintable()
    assert unquote(value) == f"source:{identifier}"


def test_the_curl_command_says_the_same():
    words = shlex.split(curl("http://127.0.0.1:1", "POST", "/v1/x", b'{"a": "it\'s"}', key="k", why=WHY))
    assert words[:4] == ["curl", "-sS", "-X", "POST"]
    assert "Integrator-Purpose: environmental-permit" in words
    assert words[-1] == '{"a": "it\'s"}'


def test_control_calls_carry_the_token_and_raise_the_explanation(server):
    address, seen = server
    run = RunFile(address, address, "token", ".")
    assert control(run, "POST", "/api/x", {"a": 1}) == {"ok": True}
    assert seen[0][1]["Authorization"] == "Bearer token"
    with pytest.raises(CallError, match="no such thing"):
        control(run, "POST", "/missing", {})


def test_nobody_at_the_address_is_one_clear_line(free_port):
    with pytest.raises(CallError, match="does not answer"):
        call(f"http://127.0.0.1:{free_port()}", "GET", "/")
