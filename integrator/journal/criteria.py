"""What the journal is searched by: a kind and a value, brought to the form that was tagged."""

from __future__ import annotations

from dataclasses import dataclass

from integrator import identifiers
from integrator.exchange import InvalidRequest
from integrator.journal import tags

KINDS = ("subject", "ticket", "dossier", "agent", "inscription")


@dataclass(frozen=True, slots=True)
class Criterion:
    """A search criterion: its kind (one of `KINDS`) and the (tag kind, value) pairs it means."""

    kind: str
    wanted: tuple[tuple[int, str], ...]

    @property
    def read_tag(self) -> tuple[int, str]:
        """What the reading itself is found by later: who looked this up."""
        kind = tags.READ_SUBJECT if self.kind == "subject" else tags.READ_OTHER
        return kind, f"{self.kind}\n{self.wanted[0][1]}"


def parse(kind: str, value: str) -> Criterion:
    """The criterion of a kind and what was typed. Raises InvalidRequest, without the value."""
    if kind == "subject":
        subject = identifiers.subject(value)
        if subject is None:
            raise InvalidRequest(
                "the subject is neither a national number nor an enterprise number: check its digits",
                reason="subject-invalid",
            )
        return Criterion(kind, ((tags.SUBJECT_KINDS[subject[0]], subject[1]),))
    if not value.strip():
        raise InvalidRequest(f"the {kind} to search for is empty", reason="criterion-empty")
    value = value.strip()
    if kind == "ticket":
        return Criterion(kind, ((tags.CONSUMER_TICKET, value), (tags.PROVIDER_TICKET, value)))
    if kind == "inscription":
        return Criterion(kind, ((tags.INSCRIPTION, value),))
    if kind in ("dossier", "agent"):
        source, colon, rest = value.partition(":")
        if not colon or not source or not rest:
            example = "imio-urban:PE/2026/118" if kind == "dossier" else "RN/RBis:<number>"
            raise InvalidRequest(f"write the {kind} as {example}", reason="criterion-form")
        if kind == "dossier":
            return Criterion(kind, ((tags.DOSSIER, tags.dossier_value(source, rest)),))
        return Criterion(kind, ((tags.AGENT, tags.agent_value(source, rest)),))
    raise InvalidRequest(f"the journal is searched by {', '.join(KINDS)}", reason="criterion-kind")
