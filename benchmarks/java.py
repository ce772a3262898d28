"""Camel's side of a benchmark: Java sources beside it, on the jars of tests/peers/camel."""

from __future__ import annotations

from pathlib import Path

from tests.peers.camel import jvm

FLAGS = ("-Xmx1g", "-Dfile.encoding=UTF-8", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
"""As a server runs: with the compiler that takes time to be fast."""


def available() -> bool:
    """Whether Java and Camel's jars are there; resolves them where Maven is."""
    try:
        jvm.jars()
    except jvm.NoJavaError:
        return False
    return True


def program(source: Path) -> list[str]:
    """The command that runs a class of one source file."""
    return jvm.program([source], source.stem, flags=FLAGS)
