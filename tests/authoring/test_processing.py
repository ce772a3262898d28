"""The register of processing of a party: what it answers for, receives and gives, as the site says."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from integrator.authoring import processing
from integrator.site.compile import compile_site
from integrator.site.compiled import CompiledSite

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> CompiledSite:
    return CompiledSite.from_plain(compile_site(ROOT))


def of(site: CompiledSite, party: str, language: str = "en") -> dict[str, processing.Activity]:
    return {activity.flow: activity for activity in processing.register(site, party, language).activities}


def test_who_answers_for_a_flow_sees_everybody_who_may_use_it(site: CompiledSite) -> None:
    consult = of(site, "regional/spw-digital")["person-consult"]
    assert consult.roles == ("controller",)
    assert {"Ville de Namur", "Ville de Liège"} <= {
        one.title for one in of(site, "regional/spw-digital", "fr")["person-consult"].recipients
    }
    assert consult.categories == ("identity: niss, name, birthDate", "address: address")
    assert consult.retention == "10 years"
    assert len(consult.legal_bases) == 2


def test_who_only_receives_sees_its_own_use(site: CompiledSite) -> None:
    consult = of(site, "municipal/liege")["person-consult"]
    assert consult.roles == ("recipient",)
    assert [one.party for one in consult.recipients] == ["municipal/liege"]
    assert consult.recipients[0].categories == ("identity",)
    assert consult.purposes == ("Environmental permit",)


def test_who_sends_events_is_their_source_and_the_platform_receives_them(site: CompiledSite) -> None:
    sent = of(site, "municipal/namur")["permit-notification"]
    assert sent.roles == ("source",)
    assert len(sent.sources) == 1
    assert [one.party for one in sent.recipients] == ["regional/spw-permits"]
    assert of(site, "regional/spw-permits")["permit-notification"].roles == ("recipient",)
    assert "source" in of(site, "regional/bced")["person-consult"].roles


def test_a_party_of_no_flow_has_an_empty_register(site: CompiledSite) -> None:
    alone = replace(site, flows={})
    found = processing.register(alone, "municipal/namur", "nl")
    assert found.activities == ()
    assert processing.LABELS["nl"]["nothing"] in processing.as_html(found)


def test_unknown_parties_are_told(site: CompiledSite) -> None:
    with pytest.raises(processing.UnknownPartyError, match="municipal/nowhere"):
        processing.register(site, "municipal/nowhere", "fr")


@pytest.mark.parametrize("language", processing.LANGUAGES)
def test_every_form_in_every_language(site: CompiledSite, language: str) -> None:
    found = processing.register(site, "regional/spw-digital", language)
    assert json.loads(processing.as_json(found))["activities"][0]["flow"] == "person-consult"
    lines = list(csv.reader(io.StringIO(processing.as_csv(found))))
    assert len(lines) == 1 + len(found.activities)
    assert len({len(line) for line in lines}) == 1
    page = processing.as_html(found)
    assert f'<html lang="{language}">' in page
    assert not re.search(r"\{\{|\{%|<script", page)
    assert set(processing.LABELS[language]) == set(processing.LABELS["en"])


def test_cells_are_never_formulas_and_texts_never_markup(site: CompiledSite) -> None:
    flow = replace(site.flows["person-consult"], title={"fr": "=cmd|'/c calc'!A1 <b>x</b>"})
    found = processing.register(replace(site, flows={"person-consult": flow}), "regional/spw-digital", "fr")
    assert "'=cmd" in processing.as_csv(found)
    assert "<b>x</b>" not in processing.as_html(found)
