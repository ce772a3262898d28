"""Trust policies: which logs, which witnesses, and how many of them must have cosigned (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k|any|all> <name>...
    quorum <name|none>

Line by line; a line may only name what stands above it. Sans-I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from integrator.journal.cosignature import WitnessKey, cosignatures
from integrator.journal.note import NoteError, Verifier

LINES_MAX = 1_000
NONE = "none"


class PolicyError(Exception):
    """The policy cannot be used: the message names the line and the remedy."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness of the policy: its name there, its key, and where checkpoints are sent to (None: nowhere)."""

    name: str
    key: WitnessKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `needed` of the members must have witnessed a checkpoint."""

    needed: int
    members: tuple[str, ...]


@dataclass(slots=True)
class Policy:
    """What makes a checkpoint valid: signed by a log (where any is named), cosigned by the quorum."""

    logs: dict[str, list[Verifier]] = field(default_factory=dict)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""

    @property
    def keys(self) -> list[WitnessKey]:
        """The keys of all witnesses."""
        return [witness.key for witness in self.witnesses.values()]

    def satisfied(self, names: Collection[str]) -> bool:
        """Whether the quorum has witnessed what these witnesses (by their names here) cosigned."""
        return self.quorum == NONE or self._witnessed(self.quorum, names)

    def _witnessed(self, name: str, names: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in names
        return sum(self._witnessed(member, names) for member in group.members) >= group.needed

    def names_of(self, data: bytes) -> dict[str, int]:
        """Who cosigned a checkpoint, and when (seconds). Raises NoteError for a bad cosignature."""
        by_key = {witness.key.public_key: name for name, witness in self.witnesses.items()}
        return {by_key[one.witness.public_key]: one.time_s for one in cosignatures(data, self.keys)}

    def require(self, data: bytes) -> None:
        """Raise NoteError where the checkpoint lacks the quorum's cosignatures."""
        names = self.names_of(data)
        if not self.satisfied(names):
            missing = sorted(set(self.witnesses) - set(names))
            raise NoteError(
                f"the quorum {self.quorum} has not cosigned this checkpoint: it lacks {', '.join(missing)}"
            )


def parse(data: bytes) -> Policy:
    """The policy of a file. Raises PolicyError."""
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
        raise PolicyError("a policy is text without control characters")
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if len(lines) > LINES_MAX:
        raise PolicyError(f"a policy has at most {LINES_MAX} lines here")
    reader = _Reader(Policy())
    for number, line in enumerate(lines, 1):
        words = re.split(r"[ \t]+", line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            continue
        try:
            reader.line(words)
        except (NoteError, ValueError) as error:
            raise PolicyError(f"line {number}: {error}") from None
    if not reader.policy.quorum:
        raise PolicyError("the policy has no quorum: end it with 'quorum <name>', or 'quorum none'")
    return reader.policy


class _Reader:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._used: set[str] = set()
        self._keys: set[tuple[str, bytes]] = set()

    def line(self, words: list[str]) -> None:
        kind, rest = words[0], words[1:]
        read = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}.get(
            kind
        )
        if read is None:
            raise ValueError(f"there is no line '{kind}': write log, witness, group or quorum")
        read(rest)

    def _once(self, kind: str, key: bytes) -> None:
        if (kind, key) in self._keys:
            raise ValueError(f"this {kind}'s key stands there twice")
        self._keys.add((kind, key))

    def _log(self, words: list[str]) -> None:
        if len(words) not in (1, 2):
            raise ValueError("write 'log <vkey> [<url>]'")
        verifier = Verifier.parse(words[0])
        self._once("log", verifier.public_key)
        self.policy.logs.setdefault(verifier.name, []).append(verifier)

    def _witness(self, words: list[str]) -> None:
        if len(words) not in (2, 3):
            raise ValueError("write 'witness <name> <vkey> [<url>]'")
        self._name(words[0])
        key = WitnessKey.parse(words[1])
        self._once("witness", key.public_key)
        self.policy.witnesses[words[0]] = Witness(words[0], key, words[2] if len(words) == 3 else None)

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise ValueError("write 'group <name> <k|any|all> <name>...'")
        name, threshold, *members = words
        self._name(name)
        for member in members:
            self._defined(member)
            if member in self._used:
                raise ValueError(f"'{member}' is a member of a group already: it may count once")
            self._used.add(member)
        self.policy.groups[name] = Group(_needed(threshold, len(members)), tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise ValueError("write 'quorum <name>', or 'quorum none'")
        if self.policy.quorum:
            raise ValueError("there is a quorum already")
        if words[0] != NONE:
            self._defined(words[0])
        self.policy.quorum = words[0]

    def _name(self, name: str) -> None:
        if name == NONE or name in self.policy.witnesses or name in self.policy.groups:
            raise ValueError(f"the name '{name}' is taken")

    def _defined(self, name: str) -> None:
        known: Mapping[str, object] = {**self.policy.witnesses, **self.policy.groups}
        if name not in known:
            raise ValueError(f"no line above defines '{name}'")


def _needed(threshold: str, members: int) -> int:
    if threshold == "any":
        return 1
    if threshold == "all":
        return members
    if re.fullmatch(r"[1-9][0-9]{0,8}", threshold) is None or int(threshold) > members:
        raise ValueError(f"the threshold is any, all, or a number from 1 to {members}")
    return int(threshold)
