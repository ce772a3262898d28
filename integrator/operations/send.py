"""Sending one exchange as a party would: the headers of the design's section 5, in one place."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import quote

from integrator.operations.client import Answer, call


@dataclass(frozen=True, slots=True)
class Justification:
    """Why a call is made: purpose, dossier `source:id`, agent `manager:identifier`, application."""

    purpose: str | None = None
    dossier: str | None = None
    agent: str | None = None
    application: str | None = None
    on_behalf_of: str | None = None
    idempotency_key: str | None = None

    def headers(self) -> dict[str, str]:
        """The HTTP headers that say it."""
        said = {
            "Integrator-Purpose": self.purpose,
            "Integrator-Dossier": _dossier(self.dossier) if self.dossier else None,
            "Integrator-Agent": self.agent,
            "Integrator-Application": self.application,
            "Integrator-On-Behalf-Of": self.on_behalf_of,
            "Idempotency-Key": self.idempotency_key,
        }
        return {name: value for name, value in said.items() if value is not None}


def _dossier(text: str) -> str:
    # Percent-encoded only for % and what is not printable ASCII.
    return quote(text, safe="".join(chr(c) for c in range(0x20, 0x7F) if chr(c) != "%"))


def send(
    address: str,
    method: str,
    path: str,
    body: bytes,
    *,
    key: str,
    why: Justification,
    content_type: str = "application/json",
) -> Answer:
    """Send one request to the bus. Raises CallError where it does not answer."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type, **why.headers()}
    return call(address, method, path, body=body, headers=headers)


def curl(address: str, method: str, path: str, body: bytes, *, key: str, why: Justification) -> str:
    """The same request as a curl command to copy."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **why.headers()}
    lines = [f"curl -sS -X {method} {address}{path} -w '\\n%{{http_code}}\\n'"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    lines.append(f"  -d {shlex.quote(body.decode())}")
    return " \\\n".join(lines)
