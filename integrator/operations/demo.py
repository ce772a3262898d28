"""What `make run` shows: a few exchanges through the running bus, and how to make one by hand."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from integrator.operations.client import Answer, CallError, call
from integrator.operations.runfile import NAME, RunFile
from integrator.operations.send import Justification, curl, send
from integrator.sandbox.persons import synthetic_persons

COMMUNE = "municipal/namur"
CONSULT, NOTIFY, SOAP = "/v1/persons/consult", "/v1/permit-notifications", "/soap/person/v3"
DROP = "municipal/permit-drop"
DELIVERY_SECONDS = 20.0
_PLAIN = "\x1b[0m"
_UNKNOWN = "53480200724"  # a valid number that the sandbox's register does not have


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the demo: what was tried, the HTTP status, what came of it, the exchange."""

    what: str
    status: int
    outcome: str
    exchange: str


def reasons() -> Justification:
    """A complete justification: purpose, dossier and agent."""
    agent = next(iter(synthetic_persons()))
    return Justification("environmental-permit", "imio-urban:PE/2026/118", f"RN/RBis:{agent}", "demo")


def resident() -> str:
    """The national number of a synthetic resident."""
    return next(n for n, person in synthetic_persons().items() if person.about.startswith("resident"))


def notification() -> dict[str, Any]:
    """A permit notification about a synthetic applicant."""
    number = resident()
    person = synthetic_persons()[number]
    return {
        "reference": "PE/2026/118",
        "type": "environmental",
        "decision": "granted",
        "decidedOn": "2026-03-02",
        "municipality": "92094",
        "applicant": {"niss": number, "name": f"{person.first_names[0]} {person.family_names[0]}"},
        "site": {"street": "Rue de Fer", "postCode": "5000", "municipality": "92094"},
    }


def envelope(number: str, organisation: str, why: Justification) -> bytes:
    """A getPerson request as a SOAP consumer sends it (BCED Person v3, header family v1)."""
    source, _, dossier = str(why.dossier).partition(":")
    manager, _, identifier = str(why.agent).rpartition(":")
    messages = "http://soa.spw.wallonie.be/services/person/messages/v3"
    identification = "http://soa.spw.wallonie.be/common/identification/v1"
    privacy = "http://soa.spw.wallonie.be/common/privacylog/v1"
    sent = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
<m:getPerson xmlns:m="{messages}">
<i:customerInformations xmlns:i="{identification}"><i:ticket>{uuid4()}</i:ticket>
<i:timestampSent>{sent}</i:timestampSent><i:customerIdentification>
<i:organisationId>{organisation}</i:organisationId><i:applicationName>demo</i:applicationName>
</i:customerIdentification></i:customerInformations>
<p:privacyLog xmlns:p="{privacy}"><p:context>ENVIRONMENTAL_OR_SINGLE_PERMIT</p:context>
<p:civilServantIdentifier identityManager="{manager}">{identifier}</p:civilServantIdentifier>
<p:dossier><p:dossierId source="{source}">{dossier}</p:dossierId></p:dossier></p:privacyLog>
<m:request><m:personNumber>{number}</m:personNumber></m:request>
</m:getPerson></e:Body></e:Envelope>""".encode()


def exchanges(run: RunFile) -> Iterator[Shown]:
    """Send the demo exchanges one by one. Raises CallError where the bus does not answer."""
    why, key = reasons(), run.keys[COMMUNE]

    def consult(number: str, justified: Justification) -> Answer:
        body = json.dumps({"niss": number}).encode()
        return send(run.address, "POST", CONSULT, body, key=key, why=justified)

    yield _line("consult a person (JSON)", consult(resident(), why))
    organisation = "0207362739"
    soap = send(
        run.address,
        "POST",
        SOAP,
        envelope(resident(), organisation, why),
        key=key,
        why=Justification(),
        content_type="text/xml; charset=utf-8",
    )
    yield _line("consult a person (SOAP)", soap)
    yield _line("consult a number nobody has", consult(_UNKNOWN, why))
    yield _line("consult with a void dossier", consult(resident(), replace(why, dossier="imio-urban:0")))
    body = json.dumps(notification()).encode()
    accepted = send(
        run.address, "POST", NOTIFY, body, key=key, why=replace(why, idempotency_key=str(uuid4()))
    )
    yield _line("notify a permit (event)", accepted)
    yield _delivered(run, key, accepted)
    drop = run.adapters.get(DROP)
    if drop is not None:
        yield _dropped(Path(drop))


def _dropped(directory: Path) -> Shown:
    """A permit as a file, as a commune without an API sends it; the bus moves it once it is recorded."""
    name = f"decision-{uuid4()}.json"
    body = {**notification(), "reference": "PE/2026/119", "municipality": "63023"}
    part = directory / f"{name}.part"
    part.write_text(json.dumps(body), "utf-8")
    part.rename(directory / name)
    end = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < end:
        for state, status in (("done", 202), ("refused", 403)):
            if (directory / state / name).exists():
                return Shown("notify a permit (file)", status, "accepted" if status == 202 else state, "-")
        time.sleep(0.05)
    return Shown("notify a permit (file)", 0, "not taken", "-")


def _line(what: str, answer: Answer) -> Shown:
    found = answer.json()
    outcome = {200: "answered", 202: "accepted"}.get(answer.status, "")
    if isinstance(found, dict):
        outcome = str(found.get("reason") or found.get("status") if answer.status >= 400 else outcome)
    return Shown(what, answer.status, outcome, answer.headers.get("belgov-trace-id", "-"))


def _delivered(run: RunFile, key: str, accepted: Answer) -> Shown:
    """Ask where the event stands until it is delivered, as its sender would."""
    address = accepted.headers.get("location", "")
    end = time.monotonic() + DELIVERY_SECONDS
    state, status = "unknown", 0
    while address and time.monotonic() < end:
        answer = call(run.address, "GET", address, headers={"Authorization": f"Bearer {key}"})
        status, state = answer.status, str((answer.json() or {}).get("state", "unknown"))
        if state in ("delivered", "dead-lettered") or status != 200:
            break
        time.sleep(0.05)
    return Shown("where the event stands", status, state, accepted.headers.get("belgov-trace-id", "-"))


def _tint(shown: Shown) -> str:
    return "\x1b[32m" if shown.status < 400 else "\x1b[33m"


def show(
    run: RunFile, var: Path, write: Callable[[str], Any] = sys.stdout.write, *, colour: bool = False
) -> None:
    """Send the demo exchanges and print what happened, and what to try next."""
    write("\nA few exchanges through the bus:\n\n")
    try:
        for shown in exchanges(run):
            tint, plain = (_tint(shown), _PLAIN) if colour else ("", "")
            write(f"  {shown.what:28} {tint}{shown.status}  {shown.outcome:14}{plain} {shown.exchange}\n")
    except CallError as error:
        write(f"  {error}\n")
        return
    why, key = reasons(), run.keys[COMMUNE]
    body = json.dumps({"niss": resident()}).encode()
    refused = replace(why, dossier="imio-urban:0")
    write(f"\nPortal   {run.portal}\n")
    write(f"Keys     {var / NAME} (demo parties, this run only)\n")
    write("\nA call to copy:\n\n")
    write(curl(run.address, "POST", CONSULT, body, key=key, why=why) + "\n")
    write("\nThe same with the junk that is usual in the dossier field, refused with 403 dossier-void:\n\n")
    write(curl(run.address, "POST", CONSULT, body, key=key, why=refused) + "\n")
    write("\nThe bus keeps running; Ctrl-C stops it.\n")
    sys.stdout.flush()
