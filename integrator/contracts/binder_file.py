"""Reads a header family (`schemas/headers/*.yaml`) and compiles it to plain data for `binder`.

Compile time (imports yaml). Vocabulary: see `schemas/headers/bced-v1.yaml`, which uses all of it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from integrator.contracts.problems import ContractProblem

REQUEST_FIELDS = frozenset(
    {
        "ticket", "sent", "organisation", "application", "purpose-code", "agent-manager", "agent",
        "dossier-source", "dossier", "dossier-type", "inscription",
    }
)  # fmt: skip
ANSWER_FIELDS = frozenset(
    {"consumer-ticket", "exchange-id", "inscription", "status", "code", "description", "error-code"}
)
_FIELD_KEYS = frozenset({"at", "max", "pattern", "values", "required", "language", "text", "most"})
_TOP_KEYS = frozenset({"integrator", "family", "title", "request", "one-of", "answer", "status", "faults"})
_STATUS_KEYS = frozenset({"success", "error", "ok", "no-data", "failed", "descriptions"})
_FAULT_KEYS = frozenset({"element", "code", "source", "description", "categories"})


def compile_binder(path: Path) -> dict[str, Any]:
    """The plain form of a header family; its id is the file's name without suffix.

    Raises ContractProblem with file, rule `binder` and remedy.
    """
    reader = _Reader(str(path))
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=_UniqueLoader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise reader.problem("the file cannot be read", "add it or correct its name") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise reader.problem(
            "this is not YAML, or a key stands twice",
            "correct it",
            line=mark.line + 1 if mark is not None else None,
        ) from error
    top = reader.mapping(document, "", _TOP_KEYS, required=("family", "request", "answer", "status"))
    return {
        "id": path.stem,
        "family": reader.text(top["family"], "family"),
        "request": reader.fields(top["request"], "request", REQUEST_FIELDS),
        "one_of": reader.names(top.get("one-of", []), "one-of", REQUEST_FIELDS),
        "answer": reader.fields(top["answer"], "answer", ANSWER_FIELDS),
        "status": reader.status(top["status"]),
        "faults": reader.faults(top["faults"]) if "faults" in top else None,
    }


class _UniqueLoader(yaml.CSafeLoader):
    """libyaml's safe loader, refusing a key that stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node. Raises ConstructorError with the second key's place."""
        seen: set[str] = set()
        for key, _value in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, "a key stands twice", key.start_mark)
            seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


class _Reader:
    """Checks one part of the document after another; names the place in every problem."""

    def __init__(self, file: str) -> None:
        self._file = file

    def problem(self, message: str, remedy: str, *, line: int | None = None) -> ContractProblem:
        return ContractProblem(self._file, "binder", message, remedy, line=line)

    def mapping(
        self, value: Any, place: str, known: frozenset[str] | None, required: tuple[str, ...] = ()
    ) -> Mapping[str, Any]:
        where = place or "the file"
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.problem(f"{where} must be a mapping of names", "correct it")
        for key in value:
            if known is not None and key not in known:
                near = difflib.get_close_matches(key, known, 1)
                remedy = f"did you mean {near[0]}?" if near else f"known are: {', '.join(sorted(known))}"
                raise self.problem(f"{where} has the unknown key {key}", remedy)
        for key in required:
            if key not in value:
                raise self.problem(f"{where} lacks {key}", f"add {key}")
        return value

    def text(self, value: Any, place: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.problem(f"{place} must be a text", "correct it (quote it if need be)")
        return value

    def texts(self, value: Any, place: str) -> dict[str, str]:
        return {
            key: self.text(item, f"{place}/{key}") for key, item in self.mapping(value, place, None).items()
        }

    def names(self, value: Any, place: str, known: frozenset[str]) -> list[str]:
        if not isinstance(value, list) or not all(item in known for item in value):
            raise self.problem(
                f"{place} must be a list of field names", f"known are: {', '.join(sorted(known))}"
            )
        return list(value)

    def steps(self, value: Any, place: str) -> list[str]:
        steps = self.text(value, place).split("/")
        if not all(steps):
            raise self.problem(f"{place} has an empty step", "write name/name, @x or #text")
        return steps

    def fields(self, value: Any, place: str, known: frozenset[str]) -> dict[str, Any]:
        fields = self.mapping(value, place, known)
        return {name: self.field(item, f"{place}/{name}") for name, item in fields.items()}

    def field(self, value: Any, place: str) -> dict[str, Any]:
        plain = dict(self.mapping(value, place, _FIELD_KEYS, required=("at",)))
        plain["at"] = self.steps(plain["at"], f"{place}/at")
        if "pattern" in plain:
            try:
                re.compile(plain["pattern"])
            except (re.error, TypeError) as error:
                raise self.problem(f"{place}/pattern is not a regular expression", "correct it") from error
        for key in ("max", "most"):
            if key in plain and (not isinstance(plain[key], int) or plain[key] < 1):
                raise self.problem(f"{place}/{key} must be a whole number above 0", "correct it")
        return plain

    def status(self, value: Any) -> dict[str, Any]:
        status = self.mapping(
            value, "status", _STATUS_KEYS, required=("success", "error", "ok", "no-data", "failed")
        )
        descriptions = self.mapping(status.get("descriptions", {}), "status/descriptions", None)
        return {
            **{key: self.text(status[key], f"status/{key}") for key in status if key != "descriptions"},
            "descriptions": {
                code: self.texts(item, f"status/descriptions/{code}") for code, item in descriptions.items()
            },
        }

    def faults(self, value: Any) -> dict[str, Any]:
        faults = self.mapping(value, "faults", _FAULT_KEYS, required=("element", "code", "categories"))
        categories = self.mapping(faults["categories"], "faults/categories", None, required=("internal",))
        plain: dict[str, Any] = {
            "element": self.text(faults["element"], "faults/element"),
            "code": self.steps(faults["code"], "faults/code"),
            "source": None,
            "description": None,
            "categories": {
                name: self.category(item, f"faults/categories/{name}") for name, item in categories.items()
            },
        }
        if "source" in faults:
            source = self.mapping(
                faults["source"], "faults/source", frozenset({"at", "value"}), ("at", "value")
            )
            plain["source"] = {
                "at": self.steps(source["at"], "faults/source/at"),
                "value": self.text(source["value"], "faults/source/value"),
            }
        if "description" in faults:
            plain["description"] = self.field(faults["description"], "faults/description")
        return plain

    def category(self, value: Any, place: str) -> dict[str, Any]:
        item = self.mapping(value, place, frozenset({"code", "fault", "text"}), ("code", "fault", "text"))
        return {
            "code": self.text(item["code"], f"{place}/code"),
            "fault": self.text(item["fault"], f"{place}/fault"),
            "text": self.texts(item["text"], f"{place}/text"),
        }
