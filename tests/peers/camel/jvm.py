"""The Java side: finds the tools, resolves Camel's jars with Maven once, compiles once, keeps both in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
POM = HERE / "pom.xml"
FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Xmx768m",
    "-Dfile.encoding=UTF-8",
)
"""Quick to start: a case lives milliseconds."""


class NoJavaError(Exception):
    """Java, its compiler, Maven or the jars are not to be had; says the line that adds them."""


def cache() -> Path:
    """Where jars' list and classes are kept: outside what is committed."""
    return Path(os.environ.get("INTEGRATOR_TEST_CACHE") or ROOT / ".cache") / "camel"


def available() -> str | None:
    """What is missing, with the line that adds it; None where everything is there."""
    for command, package in (("java", "openjdk-17-jre-headless"), ("javac", "openjdk-17-jdk-headless"),
                             ("mvn", "maven")):  # fmt: skip
        if shutil.which(command) is None:
            return f"{command} (apt-get install {package})"
    return None


def jars() -> list[Path]:
    """Camel's jars, resolved by Maven where the list of an earlier run is not of this pom. Raises NoJavaError."""
    listed = cache() / f"{_digest(POM)}.jars"
    if listed.is_file():
        found = [Path(line) for line in listed.read_text("utf-8").split(os.pathsep)]
        if all(path.is_file() for path in found):
            return found
    missing = available()
    if missing:
        raise NoJavaError(missing)
    listed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=listed.parent) as name:
        made = Path(name) / "jars"
        command = [
            "mvn",
            "-B",
            "-q",
            "-f",
            str(POM),
            "dependency:build-classpath",
            f"-Dmdep.outputFile={made}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=name)
        if done.returncode or not made.is_file():
            raise NoJavaError(f"Camel's jars: Maven said {done.stdout.strip()[-500:]}")
        made.replace(listed)
    return [Path(line) for line in listed.read_text("utf-8").split(os.pathsep)]


def classes(sources: list[Path]) -> Path:
    """The compiled classes of Java sources, compiled where they changed. Raises NoJavaError."""
    target = cache() / f"classes-{_digest(POM, *sources)}"
    if target.is_dir():
        return target
    missing = available()
    if missing:
        raise NoJavaError(missing)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        path = os.pathsep.join(map(str, jars()))
        command = ["javac", "-nowarn", "-proc:none", "-cp", path, "-d", f"{name}/classes", *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        try:
            Path(name, "classes").replace(target)
        except OSError:  # another process was quicker
            if not target.is_dir():
                raise
    return target


def program(sources: list[Path], main: str, *, flags: tuple[str, ...] = FLAGS) -> list[str]:
    """The command that runs a class on Camel's jars."""
    path = os.pathsep.join([str(classes(sources)), *map(str, jars())])
    return ["java", *flags, "-cp", path, main]


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":  # before the tests: what a cold Maven fetches takes longer than a test may
    jars()
    classes(sorted((HERE / "java").glob("*.java")))
