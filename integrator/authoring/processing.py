"""The register of processing of one party, as the law wants it kept (GDPR, article 30), made from the site.

Nobody writes it: it is what the register of flows, the grants and the adapters already say, for one
organisation: what it answers for, what it receives, and what its systems give to whom.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from integrator.site.compiled import CompiledSite, Flow, Grant, Purpose

LANGUAGES = ("fr", "nl", "de", "en")
ROLES = ("controller", "recipient", "source")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("flow", "title", "roles", "purposes", "legal_bases", "data", "subjects", "categories", "sources",
            "recipients", "retention")  # fmt: skip


class UnknownPartyError(Exception):
    """The site has no such party."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who may receive the data of a flow: under which authorisation, until when (ISO date)."""

    party: str
    title: str
    organisation: str
    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    authorisation: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Activity:
    """One flow as the party is concerned: it answers for it, receives its data, or its system gives them."""

    flow: str
    title: str
    roles: tuple[str, ...]
    purposes: tuple[str, ...]
    legal_bases: tuple[str, ...]
    data: str
    subjects: str
    categories: tuple[str, ...]
    sources: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    retention: str


@dataclass(frozen=True, slots=True)
class Register:
    """The whole register of one party, in one language."""

    party: str
    title: str
    organisation: str
    contact: str | None
    site: str
    language: str
    activities: tuple[Activity, ...]


def register(site: CompiledSite, party: str, language: str) -> Register:
    """What the party does with data on this bus. Raises UnknownPartyError."""
    known = site.parties.get(party)
    if known is None:
        raise UnknownPartyError(f"the site has no party {party}")
    activities = tuple(
        _activity(site, flow, party, roles, language)
        for flow in site.flows.values()
        if (roles := _roles(site, flow, party))
    )
    return Register(
        party,
        _said(known.title, language),
        known.organisation,
        known.contact,
        site.hash,
        language,
        activities,
    )


def _roles(site: CompiledSite, flow: Flow, party: str) -> tuple[str, ...]:
    """Who is granted an event sends data, who is granted a question receives them."""
    granted, event = any(party in grant.parties for grant in flow.grants), flow.exchange == "event"
    found = {
        "controller": flow.owner == party,
        "recipient": (granted and not event) or party in _owners(site, flow, written=True),
        "source": (granted and event) or party in _owners(site, flow, written=False),
    }
    return tuple(role for role in ROLES if found[role])


def _owners(site: CompiledSite, flow: Flow, *, written: bool) -> set[str]:
    """The parties whose systems the flow writes to, or reads from."""
    return {
        adapter.party
        for adapter in site.adapters.values()
        for operation in adapter.operations.values()
        if (operation.access == "write") is written
        and any(allow.flow == flow.id for allow in operation.allow)
    }


def _activity(site: CompiledSite, flow: Flow, party: str, roles: tuple[str, ...], language: str) -> Activity:
    # Who is only granted the flow keeps a register of what it does itself, not of what others may.
    systems = _owners(site, flow, written=True) | _owners(site, flow, written=False)
    own = flow.owner != party and party not in systems
    grants = [grant for grant in flow.grants if not own or party in grant.parties]
    used = list(dict.fromkeys(purpose for grant in grants for purpose in grant.purposes))
    purposes = [site.purposes[name] for name in used if name in site.purposes]
    granted = [
        one for grant in grants for one in _recipients(site, grant, language) if not own or one.party == party
    ]
    written = [
        _platform(site, name, purposes, language) for name in sorted(_owners(site, flow, written=True))
    ]
    read = {_name(site, source, language) for source in _owners(site, flow, written=False)}
    event = flow.exchange == "event"
    senders = {f"{one.title} ({one.organisation})" for one in granted} if event else set()
    sources = senders if own and event else read | senders
    return Activity(
        flow=flow.id,
        title=_said(flow.title, language),
        roles=roles,
        purposes=tuple(_said(purpose.title, language) for purpose in purposes),
        legal_bases=tuple(dict.fromkeys(purpose.legal_basis for purpose in purposes)),
        data=flow.data,
        subjects=flow.subjects_none or ", ".join((*flow.subjects_request, *flow.subjects_response)),
        categories=tuple(f"{group}: {', '.join(names)}" for group, names in flow.field_groups.items()),
        sources=tuple(sorted(sources)),
        recipients=(*(() if event else granted), *written),
        retention=_period(flow.retention, language),
    )


def _period(text: str, language: str) -> str:
    """An ISO period of whole years in words; any other as it is written."""
    found = re.fullmatch(r"P(\d+)Y", text)
    return f"{found[1]} {LABELS[language]['years']}" if found else text


def _platform(site: CompiledSite, party: str, purposes: list[Purpose], language: str) -> Recipient:
    known = site.parties[party]
    said = tuple(_said(purpose.title, language) for purpose in purposes)
    return Recipient(party, _said(known.title, language), known.organisation, said, (), None, None)


def _recipients(site: CompiledSite, grant: Grant, language: str) -> Iterator[Recipient]:
    for party in grant.parties:
        known = site.parties[party]
        yield Recipient(
            party, _said(known.title, language), known.organisation, _purposes(site, grant, language),
            grant.fields, grant.authorisation, grant.valid_until,
        )  # fmt: skip


def _purposes(site: CompiledSite, grant: Grant, language: str) -> tuple[str, ...]:
    return tuple(
        _said(site.purposes[name].title, language) for name in grant.purposes if name in site.purposes
    )


def _name(site: CompiledSite, party: str, language: str) -> str:
    known = site.parties.get(party)
    return party if known is None else f"{_said(known.title, language)} ({known.organisation})"


def _said(title: object, language: str) -> str:
    """The title in a language, else in the first it has."""
    texts = dict(title) if isinstance(title, dict) else {}
    return texts.get(language) or next(iter(texts.values()), "")


# --- forms ----------------------------------------------------------------------------------------


def as_json(found: Register) -> str:
    """The register as JSON."""
    return json.dumps(asdict(found), ensure_ascii=False, indent=2) + "\n"


def as_csv(found: Register) -> str:
    """One line an activity, for spreadsheets; no cell can be a formula."""
    labels = LABELS[found.language]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([labels[name] for name in _COLUMNS])
    for activity in found.activities:
        cells = {
            **asdict(activity),
            "recipients": [f"{one.title} ({one.organisation})" for one in activity.recipients],
        }
        cells["roles"] = [labels[role] for role in activity.roles]
        cells["data"] = labels[activity.data]
        writer.writerow([_cell(cells[name]) for name in _COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = (
        "; ".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
    return "'" + text if text.startswith(_FORMULA) else text


def as_html(found: Register) -> str:
    """A page to read and to print."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("processing.html").render(register=found, t=LABELS[found.language])


LABELS: dict[str, dict[str, str]] = {
    "fr": {
        "years": "ans",
        "heading": "Registre des activités de traitement",
        "intro": "Établi à partir du registre des flux de l’intégrateur (RGPD, article 30). Version du registre :",
        "nothing": "Cette organisation n’est concernée par aucun flux.",
        "contact": "Contact", "enterprise": "Numéro d’entreprise",
        "flow": "Flux", "title": "Activité", "roles": "Rôle", "purposes": "Finalités", "legal_bases": "Base légale",
        "data": "Nature des données", "subjects": "Personnes concernées (où elles se trouvent)",
        "categories": "Catégories de données", "sources": "Sources", "recipients": "Destinataires",
        "retention": "Conservation du journal", "authorisation": "Autorisation", "until": "Jusqu’au",
        "controller": "responsable", "recipient": "destinataire", "source": "source",
        "public": "publiques", "internal": "internes", "personal": "à caractère personnel", "sensitive": "sensibles",
    },
    "nl": {
        "years": "jaar",
        "heading": "Register van de verwerkingsactiviteiten",
        "intro": "Opgemaakt uit het register van gegevensstromen van de integrator (AVG, artikel 30). Versie van het register:",
        "nothing": "Deze organisatie is bij geen enkele stroom betrokken.",
        "contact": "Contact", "enterprise": "Ondernemingsnummer",
        "flow": "Stroom", "title": "Activiteit", "roles": "Rol", "purposes": "Doeleinden", "legal_bases": "Rechtsgrond",
        "data": "Aard van de gegevens", "subjects": "Betrokkenen (waar ze staan)",
        "categories": "Categorieën van gegevens", "sources": "Bronnen", "recipients": "Ontvangers",
        "retention": "Bewaring van het logboek", "authorisation": "Machtiging", "until": "Tot",
        "controller": "verantwoordelijke", "recipient": "ontvanger", "source": "bron",
        "public": "openbaar", "internal": "intern", "personal": "persoonsgegevens", "sensitive": "gevoelig",
    },
    "de": {
        "years": "Jahre",
        "heading": "Verzeichnis der Verarbeitungstätigkeiten",
        "intro": "Erstellt aus dem Register der Datenflüsse des Integrators (DSGVO, Artikel 30). Fassung des Registers:",
        "nothing": "Diese Organisation ist an keinem Fluss beteiligt.",
        "contact": "Kontakt", "enterprise": "Unternehmensnummer",
        "flow": "Fluss", "title": "Tätigkeit", "roles": "Rolle", "purposes": "Zwecke", "legal_bases": "Rechtsgrundlage",
        "data": "Art der Daten", "subjects": "Betroffene Personen (wo sie stehen)",
        "categories": "Kategorien von Daten", "sources": "Quellen", "recipients": "Empfänger",
        "retention": "Aufbewahrung des Journals", "authorisation": "Genehmigung", "until": "Bis",
        "controller": "Verantwortlicher", "recipient": "Empfänger", "source": "Quelle",
        "public": "öffentlich", "internal": "intern", "personal": "personenbezogen", "sensitive": "sensibel",
    },
    "en": {
        "years": "years",
        "heading": "Register of processing activities",
        "intro": "Made from the integrator’s register of data flows (GDPR, article 30). Version of the register:",
        "nothing": "This organisation is concerned by no flow.",
        "contact": "Contact", "enterprise": "Enterprise number",
        "flow": "Flow", "title": "Activity", "roles": "Role", "purposes": "Purposes", "legal_bases": "Legal basis",
        "data": "Kind of data", "subjects": "Data subjects (where they stand)",
        "categories": "Categories of data", "sources": "Sources", "recipients": "Recipients",
        "retention": "The journal is kept for", "authorisation": "Authorisation", "until": "Until",
        "controller": "controller", "recipient": "recipient", "source": "source",
        "public": "public", "internal": "internal", "personal": "personal", "sensitive": "sensitive",
    },
}  # fmt: skip
"""The words of the register in the four languages."""
