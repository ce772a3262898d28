from __future__ import annotations

from pathlib import Path

import pytest

from integrator.outbound.references import (
    VALUE_BYTES_MAX,
    Reference,
    ReferenceProblem,
    StartProblems,
    references,
    resolve_endpoints,
    resolver,
    unsupported_security,
)
from tests.outbound.sites import PERMITS, PERSON, permit_adapter, person_adapter, site


def test_references_are_found_in_order() -> None:
    assert references("https://${env:HOST}:8443/${file:/run/secrets/path}") == [
        Reference("env", "HOST"),
        Reference("file", "/run/secrets/path"),
    ]
    assert references("https://a.example/$x") == []


@pytest.mark.parametrize(
    "text",
    [
        "${HOST}", "${}", "${env:}", "${env:A B}", "${env:1A}", "${env:Ä}", "${secret:A}", "${file:}", "${file:x}",
        "${file:/run/../etc/shadow}", "${env:A", "x${", "${env:${env:A}}", "${file:/a\0b}",
    ],
)  # fmt: skip
def test_references_that_are_not_well_formed(text: str) -> None:
    with pytest.raises(ReferenceProblem):
        references(text)
    with pytest.raises(ReferenceProblem):
        resolver({"A": "x"})(text)


def test_values_replace_references(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\r\n")
    resolve = resolver({"HOST": "a.example"})
    assert resolve(f"http://${{env:HOST}}/${{file:{secret}}}") == "http://a.example/s3cret"
    assert resolve("no reference") == "no reference"


def test_a_value_that_looks_like_a_reference_is_not_resolved_again() -> None:
    assert resolver({"A": "${env:B}", "B": "x"})("${env:A}") == "${env:B}"


def test_what_cannot_be_resolved_names_the_variable_and_never_a_value(tmp_path: Path) -> None:
    resolve = resolver({"EMPTY": "", "OTHER": "s3cret"})
    for text in ("${env:MISSING_ONE}", "${env:EMPTY}"):
        with pytest.raises(ReferenceProblem) as caught:
            resolve(text)
        assert "set it" in str(caught.value)
        assert "s3cret" not in str(caught.value)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"x" * (VALUE_BYTES_MAX + 1))
    for name in ("missing", "empty", "binary", "long"):
        with pytest.raises(ReferenceProblem, match=name):
            resolve(f"${{file:{tmp_path / name}}}")


def test_endpoints_of_a_site_with_every_problem_at_once() -> None:
    broken = site(person_adapter(endpoint="${env:NOWHERE}"), permit_adapter(endpoint="ftp://x.example"))
    with pytest.raises(StartProblems) as caught:
        resolve_endpoints(broken, resolver({}), {})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        f"adapter {PERSON}",
        f"adapter {PERMITS}",
    ]
    assert "NOWHERE" in str(caught.value)


def test_an_override_needs_no_reference() -> None:
    adapters = site(person_adapter(endpoint="${env:NOWHERE}"))
    found = resolve_endpoints(adapters, resolver({}), {PERSON: "http://127.0.0.1:9/x"})
    assert found == {PERSON: "http://127.0.0.1:9/x"}


def test_adapters_with_security_are_named_unless_the_sandbox_stands_in() -> None:
    signed = site(person_adapter(security={"sign": {"certificate": "${file:/x}"}}), permit_adapter())
    assert unsupported_security(signed, {}) == [PERSON]
    assert unsupported_security(signed, {PERSON: "http://127.0.0.1:9"}) == []
