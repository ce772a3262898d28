"""References in adapters: `${env:NAME}` and `${file:/path}`, checked when a site is checked and
resolved when the bus starts. The value is never stored, logged or put into an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from integrator.outbound.transport import EndpointProblem, parse_endpoint
from integrator.site.compiled import CompiledSite

VALUE_BYTES_MAX = 65_536

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Reference(NamedTuple):
    """One reference of a text: kind `env` or `file`, and the variable or path it names."""

    kind: str
    name: str


class ReferenceProblem(ValueError):
    """A reference cannot be read or resolved; the text names it and the remedy, never a value."""


class StartProblems(ValueError):
    """Adapters that cannot be used as they stand; `problems` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def references(text: str) -> list[Reference]:
    """Every reference in a text, in order. Raises ReferenceProblem for one that is not well-formed."""
    if "$" not in text:
        return []
    found = [_parse(match[1]) for match in _REFERENCE.finditer(text)]
    if "${" in _REFERENCE.sub("", text):
        raise ReferenceProblem("a reference is not closed: write ${env:NAME} or ${file:/path}")
    return found


def resolver(
    environment: Mapping[str, str] | None = None,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> Callable[[str], str]:
    """The function that replaces every reference of a text by its value.

    `environment` defaults to the process's. A file's value is its UTF-8 text without the line
    ends after it. The function raises ReferenceProblem.
    """
    variables = os.environ if environment is None else environment

    def resolve(text: str) -> str:
        references(text)
        return _REFERENCE.sub(lambda match: _value(_parse(match[1]), variables, read), text)

    return resolve


def resolve_endpoints(
    site: CompiledSite, resolve: Callable[[str], str], overrides: Mapping[str, str]
) -> dict[str, str]:
    """The endpoint of every adapter, references replaced; those of `overrides` are taken as given.

    Raises StartProblems with every adapter that has a problem.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for adapter in site.adapters.values():
        try:
            endpoint = overrides.get(adapter.id) or resolve(adapter.endpoint)
            check_endpoint(adapter.protocol, endpoint)
        except (ReferenceProblem, EndpointProblem) as problem:
            problems.append(f"adapter {adapter.id}: endpoint: {problem}")
        else:
            found[adapter.id] = endpoint
    if problems:
        raise StartProblems(problems)
    return found


_ADDRESSES = {
    "files": (re.compile(r"/[^\0]*"), "/absolute/directory"),
    "sftp": (re.compile(r"sftp://[^/\s:@]+@[^/\s@]+(/[^\s?#]*)?"), "sftp://user@host:22/directory"),
    "sql": (
        re.compile(r"sqlite:////?\S+|postgres(ql)?://\S+"),
        "sqlite:////file or postgresql://user@host/database",
    ),
    "queue": (re.compile(r"amqps?://\S+"), "amqp://user@host/vhost"),
}


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Raises EndpointProblem where an address is none of its protocol; the text never repeats it."""
    found = _ADDRESSES.get(protocol)
    if found is None:
        parse_endpoint(endpoint)
    elif not found[0].fullmatch(endpoint):
        raise EndpointProblem(f"the endpoint is no address of the protocol {protocol}: write {found[1]}")


def unsupported_security(site: CompiledSite, overrides: Mapping[str, str]) -> list[str]:
    """The adapters that ask for signed messages, which the bus cannot make yet: a start must refuse
    them. An adapter that a sandbox stands in for (`overrides`) is fine."""
    return [
        adapter.id
        for adapter in site.adapters.values()
        if {"sign", "verify"} & set(adapter.security or ()) and adapter.id not in overrides
    ]


def _parse(inner: str) -> Reference:
    kind, colon, name = inner.partition(":")
    if not colon or kind not in ("env", "file"):
        raise ReferenceProblem("a reference is neither ${env:NAME} nor ${file:/path}")
    if kind == "env" and not _ENV_NAME.fullmatch(name):
        raise ReferenceProblem("the name in ${env:…} is not a variable's: use letters, digits and _")
    if kind == "file" and (not name.startswith("/") or ".." in name.split("/") or "\0" in name):
        raise ReferenceProblem("the path in ${file:…} is not absolute or climbs up: write ${file:/path}")
    return Reference(kind, name)


def _value(reference: Reference, variables: Mapping[str, str], read: Callable[[Path], bytes]) -> str:
    kind, name = reference
    if kind == "env":
        value = variables.get(name, "")
        if not value:
            raise ReferenceProblem(f"the variable {name} is not set: set it before the start")
        return value
    try:
        data = read(Path(name))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReferenceProblem(f"the file {name} cannot be read ({reason}): create it") from None
    if len(data) > VALUE_BYTES_MAX:
        raise ReferenceProblem(
            f"the file {name} is longer than {VALUE_BYTES_MAX} bytes: is it the right one?"
        )
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ReferenceProblem(f"the file {name} is not UTF-8 text: is it the right one?") from None
    if not text:
        raise ReferenceProblem(f"the file {name} is empty: write the value into it")
    return text
