"""One JVM with Camel for the whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tests.peers.camel import jvm
from tests.peers.camel.peer import Camel


@pytest.fixture(scope="session")
def camel_tools() -> None:
    """Java, Maven and Camel's jars."""
    try:
        jvm.jars()
    except jvm.NoJavaError as error:
        missing("Apache Camel", str(error))


@pytest.fixture(scope="session")
def camel(camel_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camel]:
    """A real Camel, started once for all cases."""
    with Camel(tmp_path_factory.mktemp("camel")) as running:
        yield running
