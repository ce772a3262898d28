"""One JVM with Camel for the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.engine import vectors
from tests.peers.camel import jvm
from tests.peers.camel.cases import files, for_camel
from tests.peers.camel.peer import Camel

Asks = Callable[[vectors.Case], dict[str, Any]]


class Camels:
    """A JVM with and one without Saxon, each started when first asked, in one directory of files."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self._running: dict[bool, Camel] = {}

    def ask(self, case: vectors.Case) -> dict[str, Any]:
        """What Camel does with the case."""
        for name, text in files(case).items():
            (self.site / name).write_text(text, "utf-8")
        saxon = bool(case.data.get("saxon"))
        if saxon not in self._running:
            self._running[saxon] = Camel(self.site, saxon=saxon)
        return self._running[saxon].ask(for_camel(case))

    def close(self) -> None:
        """End both."""
        for one in self._running.values():
            one.close()


@pytest.fixture(scope="session")
def camel_tools() -> None:
    """Java, Maven and Camel's jars."""
    try:
        jvm.jars()
    except jvm.NoJavaError as error:
        missing("Apache Camel", str(error))


@pytest.fixture(scope="session")
def camel(camel_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camels]:
    """A real Camel for our own cases."""
    running = Camels(tmp_path_factory.mktemp("camel"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def camel_of_vectors(camel_tools: None, shared: Path) -> Iterator[Camels]:
    """A real Camel in the directory of the recorded cases' files."""
    running = Camels(shared / "vectors" / "camel" / "site")
    yield running
    running.close()
