"""What can be wrong: with a contract itself (compile time), or with a message of it (run time)."""

from __future__ import annotations

from collections.abc import Sequence

NOT_XML_TEXT = "has characters XML cannot hold"


class ContractProblem(Exception):
    """A contract of the site cannot be used: `file` is at fault, `remedy` says what to do.

    `rule` is a stable token: `file-missing`, `outside-site`, `network-import`, `not-xml`,
    `not-wsdl`, `not-xsd`, `doctype`, `rpc-style`, `encoded-use`, `no-operations`, `binder`.
    """

    def __init__(self, file: str, rule: str, message: str, remedy: str, *, line: int | None = None) -> None:
        super().__init__(f"{file}{f':{line}' if line else ''}: {message}; {remedy}")
        self.file, self.rule, self.message, self.remedy, self.line = file, rule, message, remedy, line


class ContractViolation(Exception):
    """A message breaks its contract. `violations` are (path, rule) pairs, never values (I5).

    Paths are local names from the message's root, `/getPerson/request/personNumber`, with the
    position from 1 where the contract repeats (`/person/nationality[2]`) and `*` for a name the
    contract does not know: a stranger's name can be personal data too.
    """

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path or '/'}: {rule}" for path, rule in violations))
        self.violations: list[tuple[str, str]] = list(violations)

    @classmethod
    def at(cls, path: str, rule: str) -> ContractViolation:
        """One violation."""
        return cls([(path, rule)])

    def under(self, step: str) -> ContractViolation:
        """The same violation seen from the parent: its paths start with one more step."""
        return ContractViolation([(f"/{step}{path}", rule) for path, rule in self.violations])
