"""A small HTTP client for the bus on this machine: commands that change something go through it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integrator.operations.runfile import RunFile


class CallError(Exception):
    """The bus did not do it; the message is its own explanation."""


class UnreachableError(CallError):
    """Nothing answers at the bus's address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON data; None where it is empty or something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def call(
    address: str,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = 60.0,
) -> Answer:
    """One request. Raises UnreachableError where the bus cannot be reached."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=seconds)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(
            f"the bus at {address} does not answer ({type(error).__name__}): start it with `integrator run`"
        ) from error
    finally:
        connection.close()


def control(run: RunFile, method: str, path: str, wanted: Any = None) -> Any:
    """A call of the control plane with its token; its answer as JSON data. Raises CallError."""
    headers = {"Authorization": f"Bearer {run.control_token}", "Content-Type": "application/json"}
    body = None if wanted is None else json.dumps(wanted).encode()
    answer = call(run.address, method, path, body=body, headers=headers)
    found = answer.json()
    if answer.status >= 400:
        detail = found.get("detail") if isinstance(found, dict) else None
        raise CallError(str(detail or f"the bus answered {answer.status}"))
    return found
