from __future__ import annotations

import json

import pytest

from integrator import exchange
from integrator.exchange import ERRORS, BrokenContract, IntegratorError, InvalidRequest, RouteFailed
from integrator.gateway import errors, texts
from integrator.gateway.errors import OutcomeUnknown
from integrator.gateway.policy import QuotaExceeded


def every_error() -> list[IntegratorError]:
    made: list[IntegratorError] = [kind() for kind in ERRORS]
    made += [InvalidRequest(status=status) for status in (405, 408, 409, 413, 415, 422, 418)]
    made += [IntegratorError(status=599), QuotaExceeded(1.5), OutcomeUnknown()]
    return made


def test_the_list_of_errors_is_the_whole_tree():
    tree = {
        kind
        for kind in vars(exchange).values()
        if isinstance(kind, type) and issubclass(kind, IntegratorError)
    }
    assert tree == {IntegratorError, *ERRORS}


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize(
    "error", every_error(), ids=lambda error: f"{type(error).__name__}-{error.http_status}"
)
def test_every_error_is_a_whole_problem_in_every_language(error, language):
    document = json.loads(errors.problem(error, language, "0191e5a0-1111-7222-8333-444455556666"))
    assert document["type"].startswith("urn:problem-type:")
    assert document["status"] == error.http_status
    assert document["title"]
    assert document["detail"]
    assert document["reason"] == error.reason
    assert document["instance"] == "urn:uuid:0191e5a0-1111-7222-8333-444455556666"
    assert errors.error_info(error).origin in ("bus", "consumer", "provider")
    assert errors.fault_status(error, "1.1") in (401, 405, 408, 413, 415, 429, 500, 503)
    assert errors.fault_status(error, "1.2") in (400, 401, 405, 408, 413, 415, 429, 500, 503)


def test_who_caused_it():
    origins = {type(error).__name__: errors.error_info(error).origin for error in every_error()}
    assert origins["InvalidRequest"] == origins["Refused"] == origins["NotAuthenticated"] == "consumer"
    assert origins["ProviderFault"] == origins["BrokenContract"] == origins["ProviderTimeout"] == "provider"
    assert origins["RouteFailed"] == origins["NotRecorded"] == origins["Overloaded"] == "bus"
    assert origins["QuotaExceeded"] == "consumer"


def test_headers_that_tell_what_to_do():
    assert errors.error_headers(QuotaExceeded(1.2)) == [(b"retry-after", b"2")]
    assert errors.error_headers(OutcomeUnknown()) == []
    assert errors.error_headers(exchange.NotAuthenticated())[0][0] == b"www-authenticate"
    assert errors.error_headers(InvalidRequest()) == []


def test_what_a_route_s_failure_becomes():
    invalid = InvalidRequest("m", reason="schema", paths=("$.a",))
    assert errors.after_the_route(invalid, called=False) is invalid
    broken = errors.after_the_route(invalid, called=True)
    assert isinstance(broken, BrokenContract)
    assert (broken.reason, broken.paths) == ("schema", ("$.a",))
    assert isinstance(errors.after_the_route(KeyError("85073003328"), called=True), RouteFailed)
    assert "85073003328" not in errors.after_the_route(KeyError("85073003328"), called=True).message


def test_the_catalogue_is_complete():
    for table in (texts.TITLES, texts.CATEGORIES, texts.REASONS):
        for entry in table.values():
            assert len(entry) == len(texts.LANGUAGES)
            assert all(entry)
    assert {kind.category for kind in ERRORS} == set(texts.CATEGORIES)
    assert not set(texts.REASONS) & set(texts.CATEGORIES)


@pytest.mark.parametrize(
    ("accepted", "best"),
    [
        (None, "en"), ("", "en"), ("fr", "fr"), ("fr-BE", "fr"), ("FR", "fr"), ("de;q=0.1, nl;q=0.9", "nl"),
        ("it, fr;q=0", "en"), (";;;", "en"), ("nl;q=abc", "en"), ("x" * 10_000, "en"),
    ],
)  # fmt: skip
def test_the_best_language(accepted, best):
    assert texts.best_language(accepted, "en") == best
