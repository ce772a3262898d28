"""JSON Schema validation by jsonschema-rs: local references only, errors reduced to path and keyword."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import jsonschema_rs

from integrator.contracts.problems import ContractProblem, ContractViolation

_KINDS = jsonschema_rs.ValidationErrorKind
_MOST_VIOLATIONS = 20


class JsonSchema:
    """A compiled JSON Schema (draft 2020-12 unless `$schema` says otherwise).

    Raises ContractProblem for a schema that is not valid or refers to another document."""

    def __init__(self, schema: Mapping[str, Any] | bool, *, file: str = "schema") -> None:
        document = schema if isinstance(schema, bool) else dict(schema)
        try:
            self._validator = jsonschema_rs.validator_for(document, retriever=_refuse, validate_formats=True)
        except jsonschema_rs.ValidationError as error:
            outside = isinstance(error.kind, _KINDS.Referencing)
            raise ContractProblem(
                file,
                "json-schema",
                "the JSON Schema refers to what it does not hold" if outside else "this is not a JSON Schema",
                "keep references inside it (#/$defs/…)" if outside else "correct it (draft 2020-12)",
            ) from error
        self._is_valid = self._validator.is_valid
        self._names = frozenset(_names(document))

    def validate(self, value: Any) -> None:
        """Raises ContractViolation with at most 20 (JSON path, keyword) pairs, never a value."""
        if self._is_valid(value):
            return
        found: dict[tuple[str, str], None] = {}
        for error in self._validator.iter_errors(value):
            if len(found) == _MOST_VIOLATIONS:
                break
            found[self._path(error), _keyword(error)] = None
        raise ContractViolation(list(found))

    def _path(self, error: jsonschema_rs.ValidationError) -> str:
        steps = list(error.instance_path)
        if isinstance(error.kind, _KINDS.Required):
            steps.append(error.kind.property)
        return "$" + "".join(self._step(step) for step in steps)

    def _step(self, step: str | int) -> str:
        # A property the schema does not name is the sender's own word: it may be personal data.
        if isinstance(step, int):
            return f"[{step}]"
        return f".{step}" if step in self._names else ".*"


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    if isinstance(error.kind, _KINDS.FalseSchema):
        return "is not allowed"
    keywords = [step for step in error.schema_path if isinstance(step, str)]
    return keywords[-1] if keywords else "schema"


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for keyword, value in schema.items():
            if (
                keyword in ("properties", "dependentRequired", "dependentSchemas")
                and isinstance(value, Mapping)
            ) or (keyword == "required" and isinstance(value, list)):
                yield from value
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def _refuse(_uri: str) -> NoReturn:
    raise ValueError("a schema is read from the site only")
