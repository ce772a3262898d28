"""A running Camel: cases in, outcomes out, one JVM for as many as are asked."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.peers.camel import jvm

SOURCES = sorted((jvm.HERE / "java").glob("*.java"))
SLOWEST = 90.0
"""Seconds a case may take: far more than any needs, also on a busy machine."""


class Camel:
    """One JVM whose working directory is `site`: `validator:file:p.xsd` of a case is a file there.

    Used with `with`. Raises NoJavaError where there is no Java.
    """

    def __init__(self, site: Path) -> None:
        self.site = site
        self._asked = 0
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            jvm.program(SOURCES, "Runner"),
            cwd=site,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._answer()

    def __enter__(self) -> Camel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, case: Mapping[str, Any]) -> dict[str, Any]:
        """What Camel does with a case: replies, mocks and events, or a loadError."""
        assert self._process.stdin is not None
        self._asked += 1
        self._process.stdin.write(json.dumps({**case, "number": self._asked}) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        while found.get("number") != self._asked:  # of a case whose test ended before
            found = self._answer()
        return found

    def close(self) -> None:
        """End the JVM."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=SLOWEST)
        except queue.Empty:
            self._process.kill()
            raise RuntimeError(f"Camel took more than {SLOWEST:.0f} s: {self._last_words()}") from None
        if not line:
            raise RuntimeError(f"Camel's JVM ended: {self._last_words()}")
        found: dict[str, Any] = json.loads(line)
        if "broken" in found:
            raise RuntimeError(f"the runner failed: {found['broken']}")
        return found

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-2_000:].decode("utf-8", "replace")
