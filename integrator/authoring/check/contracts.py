"""Rules about contracts: the files themselves, the mappings to and from them, the purposes' codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import jq

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.compile import is_jq_file
from integrator.site.files import Item
from integrator.site.read import Place


@rule("wrong-contract")
def wrong_contract(view: View) -> Iterator[Finding]:
    """A WSDL, one of its schemas, or a header family cannot be used.

    Everything a contract imports must be a file of the site: nothing is read from the network.
    """
    for adapter in view.adapters.values():
        view.contract(adapter.text("wsdl"))
        view.binder(adapter.text("headers"))
    for flow in view.flows:
        for entry in view.soap_entries(flow):
            view.contract(entry.text("wsdl"))
            view.binder(view.family_of(entry))
    for problem in view.contract_problems():
        yield Finding(
            Place(_relative(view, problem.file), problem.line or 1), problem.message, problem.remedy
        )


def _relative(view: View, file: str) -> str:
    path = PurePath(file)
    return path.relative_to(view.root).as_posix() if path.is_relative_to(view.root) else file


@rule("soap-without-headers")
def soap_without_headers(view: View) -> Iterator[Finding]:
    """A SOAP entry has no header family: who asks, why and for which case could not be read."""
    for flow in view.flows:
        for entry in view.soap_entries(flow):
            if view.family_of(entry) is None:
                yield Finding(entry.place("wsdl"), "the SOAP entry has no header family",
                              "add 'headers: <family>', like bced-v1")  # fmt: skip


@rule("mapping-expression")
def mapping_expression(view: View) -> Iterator[Finding]:
    """The jq mapping of a SOAP entry does not compile."""
    for flow in view.flows:
        for entry in view.soap_entries(flow):
            for key in ("in", "out"):
                written = entry.text(key)
                text = view.jq_text(written) if written else None
                error = jq_error(text) if text is not None else None
                if error is not None and written is not None:
                    place = Place(written) if is_jq_file(written) else entry.place(key)
                    yield Finding(place, f"jq does not compile: {error}", "correct the expression")


def jq_error(text: str) -> str | None:
    """Why a jq text does not compile, in one line, or None."""
    try:
        jq.compile(text)
    except ValueError as error:
        return " ".join(str(error).removeprefix("jq: error: ").split("\n", 1)[0].split())
    return None


@rule("purpose-without-context")
def purpose_without_context(view: View) -> Iterator[Finding]:
    """A grant has a purpose without a code in the header family of an adapter on the flow's route.

    The family's header names the purpose by its code; without one no call can be made.
    """
    for flow in view.flows:
        families = {_family(view, adapter) for adapter, _operation, _place in view.adapter_calls(flow)}
        families |= {_code_family(view, view.family_of(entry)) for entry in view.soap_entries(flow)}
        for grant in view.site.grants_of(flow):
            for purpose, place in grant.texts("purposes"):
                item = view.purposes.get(purpose)
                for family in sorted(filter(None, families)):
                    if item is not None and item.get("contexts", family) is None:
                        yield Finding(place, f"the purpose '{purpose}' has no code in the header family {family}",
                                      f"add 'contexts: {{{family}: …}}' to the purpose")  # fmt: skip


def _family(view: View, adapter: str) -> str | None:
    item = view.adapters.get(adapter)
    return _code_family(view, item.text("headers")) if item is not None else None


def _code_family(view: View, family: str | None) -> str | None:
    """The name by which purposes give their code in a header family; None where there is no such file."""
    binder = view.binder(family)
    return str(binder["family"]) if binder is not None else None


@rule("same-context-code")
def same_context_code(view: View) -> Iterator[Finding]:
    """One party has two purposes with the same code for a flow with a SOAP entry.

    The contract's header carries the code only: nobody could tell for which purpose the party asks.
    """
    for flow in view.flows:
        families = {_code_family(view, view.family_of(entry)) for entry in view.soap_entries(flow)}
        for family in sorted(filter(None, families)):
            yield from _same_codes(view, flow, family)


def _same_codes(view: View, flow: Item, family: str) -> Iterator[Finding]:
    known: dict[tuple[str, str], str] = {}
    reported = set()
    for grant in view.site.grants_of(flow):
        for purpose, place in grant.texts("purposes"):
            item = view.purposes.get(purpose)
            code = item.text("contexts", family) if item is not None else None
            for party in view.members(grant.text("to") or "") if code else ():
                other = known.setdefault((party, str(code)), purpose)
                if other != purpose and (place, other) not in reported:
                    reported.add((place, other))
                    yield Finding(place, f"the purposes '{other}' and '{purpose}' of '{party}' have the same {family} code",
                                  "give the purposes different codes, or keep one of them here")  # fmt: skip
