"""What building one journal record costs, beside the plainest record there could be.

Run `python benchmarks/journal_build.py`: microseconds of CPU a record, best of several runs.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from integrator.exchange import Agent, Context, Dossier, Leg, Subject
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring

RUNS, RECORDS = 7, 5_000
NOW = 1_790_000_000_000_000


def keyring() -> Keyring:
    return Keyring([Key(f"{purpose}-1", purpose, bytes(range(32))) for purpose in PURPOSES])


def first() -> Context:
    """What the gateway knows before it forwards: one subject, agent, dossier, ticket."""
    return Context(
        exchange_id="01933b2e-7c1a-7d3e-8a4b-0123456789ab",
        flow="person-consult",
        site="5f" * 32,
        party="municipal/namur",
        organisation="0207362739",
        key_id="itg-0001",
        application="urban",
        agent=Agent("RN/RBis", "85073003328"),
        purpose="environmental-permit",
        legal_basis="Décret du 11 mars 1999 relatif au permis d'environnement",
        authorisation="protocol SPW-2026-014",
        dossier=Dossier("imio-urban", "PE/2026/118"),
        consumer_ticket="0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a11",
        subjects_request=(Subject("niss", "17073003384"),),
        fields=("identity", "address"),
        request_bytes=24,
        request_digest=bytes(32),
        received_us=NOW,
    )


def last() -> Context:
    """What it knows before it releases the answer."""
    context = first()
    context.previous = bytes(32)
    context.outcome = "with-data"
    context.subjects_response = (Subject("niss", "17073003384"),)
    context.response_bytes = 412
    context.response_digest = bytes(32)
    context.legs = [
        Leg(
            adapter="regional/bced-person",
            operation="getPerson",
            access="read",
            sent_us=NOW,
            answered_us=NOW + 9_000,
            status="PROCESSED",
            code="SOA0000000",
            ticket="1c6d3a1e-3a52-4d89-b6a5-2f0c77aa5b1d",
            sent_bytes=1_200,
            answered_bytes=2_900,
        )
    ]
    return context


def control() -> Callable[[], Any]:
    """json.dumps and SHA-256 of a comparable record: no canonical form, no encryption, no tags."""
    leaf = json.loads(Journal(keyring(), "bench").record("completed", last(), now_us=NOW, final=True).leaf)
    return lambda: hashlib.sha256(json.dumps(leaf).encode()).digest()


def measure(name: str, work: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(RECORDS):
            work()
        best = min(best, (time.process_time() - start) / RECORDS * 1e6)
    print(f"{name:<48} {best:6.1f} µs")
    return best


def main() -> None:
    journal, before, after = Journal(keyring(), "bench.example/journal"), first(), last()
    print(
        f"leaf {len(journal.record('received', before, now_us=NOW, final=False).leaf)} bytes received,",
        end=" ",
    )
    print(f"{len(journal.record('completed', after, now_us=NOW, final=True).leaf)} bytes completed")
    measure("json.dumps + SHA-256 of the same leaf (control)", control())
    measure(
        "received: one subject, agent, dossier, ticket",
        lambda: journal.record("received", before, now_us=NOW, final=False),
    )
    measure(
        "completed: one subject, one provider leg",
        lambda: journal.record("completed", after, now_us=NOW, final=True),
    )
    measure("act", lambda: journal.act("site-activated", "cli", {"site": "5f" * 32}, now_us=NOW))


if __name__ == "__main__":
    main()
