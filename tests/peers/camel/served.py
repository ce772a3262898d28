"""A server that tells what it was asked: what `http:` of both engines sends is compared by its answers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OF_THE_CONNECTION = frozenset({
    "accept-encoding", "connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Request headers that are the client's own business."""


class _Tells(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self) -> None:
        body = self._body().decode("utf-8", "replace")
        headers: dict[str, Any] = {}
        for name, value in self.headers.items():
            own = name.lower() == "user-agent" and value.startswith(("Apache-HttpClient", "Java"))
            if name.lower() not in OF_THE_CONNECTION and not own:
                headers.setdefault(name.lower(), []).append(value)
        told = {
            "method": self.command,
            "target": self.path,
            "headers": dict(sorted(headers.items())),
            "body": body,
        }
        status = int(self.path.split("/")[2].partition("?")[0]) if self.path.startswith("/status/") else 200
        said, kind = json.dumps(told).encode(), "application/json"
        if self.path.startswith("/latin1"):
            said, kind = "é".encode("latin-1"), "text/plain; charset=iso-8859-1"
        elif self.path.startswith("/typed/"):
            kind = self.path.removeprefix("/typed/")
        elif self.path.startswith("/untyped"):
            kind = ""
        if status == 204 or self.command == "HEAD":
            said = b""
        self.send_response_only(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in (
            ("X-Two", "a"),
            ("X-Two", "b"),
            ("CamelOwn", "no"),
            ("Date", "now"),
            ("Via", "me"),
        ):
            self.send_header(name, value)
        if self.path.startswith("/framed"):
            for name in (
                "Cache-Control",
                "Keep-Alive",
                "Pragma",
                "Trailer",
                "Upgrade",
                "Warning",
                "Server",
                "x-lower",
            ):
                self.send_header(name, "1")
        if status == 302:
            self.send_header("Location", "/elsewhere")
        if status != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method is answered alike
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The server's address while it runs: `127.0.0.1:PORT`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tells)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
