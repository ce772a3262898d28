"""The parts say what they are: specifications, names, and the hierarchy of exceptions."""

from __future__ import annotations

import subprocess
import sys

import pytest

from integrator.engine import exceptions, option_types, specs
from integrator.engine.exceptions import (
    JavaException,
    ancestors,
    class_of,
    failure,
    known,
    matches,
    thrown,
    wrapped,
)
from integrator.engine.registry import COMPONENTS, DATA_FORMATS, EIPS, LANGUAGES
from integrator.exchange import ERRORS, NotRecorded, ProviderUnreachable, RouteFailed

FIRST_SET = {
    EIPS: "to toD setBody setHeader setHeaders setProperty setVariable removeHeader removeHeaders transform choice "
    "filter doTry throwException log stop validate marshal unmarshal",
    LANGUAGES: "constant simple jq xpath jsonpath header exchangeProperty variable",
    COMPONENTS: "direct flow adapter xslt validator json-validator log mock",
    DATA_FORMATS: "json",
}


def test_the_first_set_is_there() -> None:
    for parts, names in FIRST_SET.items():
        assert set(names.split()) <= parts.names()
        assert not any(parts.not_yet(name) for name in names.split())


def test_camel_names_that_are_missing_are_not_yet() -> None:
    assert EIPS.not_yet("transacted")
    assert COMPONENTS.not_yet("kafka")
    assert not EIPS.not_yet("splitt")


def test_specifications_are_complete() -> None:
    listed = list(specs())
    assert len(listed) >= 35
    for spec in listed:
        assert spec.doc.endswith("."), spec.name
        assert spec.example, spec.name
        assert spec.since, spec.name
        names = [option.name for option in spec.options]
        assert len(names) == len(set(names)), spec.name
        assert spec.text is None or spec.option(spec.text) is not None, spec.name
        for option in spec.options:
            assert option.doc, (spec.name, option.name)
            assert option.type in option_types.TYPES


def test_specifications_load_no_heavy_library() -> None:
    code = (
        "import sys; import integrator.engine as e; list(e.specs());"
        "bad = {'jsonschema_rs','jsonpath','zeep','xmlschema','pydantic','yaml','sqlalchemy','fastapi'} & set(sys.modules);"
        "print(sorted(bad)); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_class_leads_to_throwable() -> None:
    for name in exceptions.PARENTS:
        assert list(ancestors(name))[-1] == "java.lang.Throwable"
        assert known(name)


def test_every_error_of_the_bus_has_a_known_class() -> None:
    assert all(known(kind.camel) for kind in ERRORS)


def test_causes_are_searched() -> None:
    inner = ProviderUnreachable("gone")
    outer = wrapped("org.apache.camel.RuntimeCamelException", inner)
    assert matches(outer, frozenset({"java.net.ConnectException"}))
    assert matches(outer, frozenset({"java.io.IOException"}))
    assert not matches(outer, frozenset({"java.util.NoSuchElementException"}))
    assert outer.message == "java.net.ConnectException: gone"
    loop = failure("java.io.IOException", "a")
    loop.java_cause = loop
    assert not matches(loop, frozenset({"java.lang.Error"}))


def test_routes_cannot_throw_the_findings_of_the_gateway() -> None:
    for kind in (NotRecorded,):
        error = thrown(kind.camel, "text", "message")
        assert isinstance(error, JavaException)
        assert isinstance(error, RouteFailed)
        assert class_of(error) == kind.camel


def test_exceptions_that_are_not_ours_have_a_class_too() -> None:
    assert class_of(KeyError("x")) == "org.apache.camel.RuntimeCamelException"
    with pytest.raises(KeyError):
        COMPONENTS.spec("nosuch")
