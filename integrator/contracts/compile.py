"""Compiles a WSDL with its schemas, or a header family, to plain data that workers load.

Compile time only (imports zeep, xmlschema and yaml). The plain contract:

`version`, `file`, `main` (name of the WSDL), `documents` (name → text), `entries` (namespace →
document to import), `operations` (see `wsdl.operations`), `elements`, `types`, `derived`
(see `model`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integrator.contracts import documents, model, wsdl
from integrator.contracts.binder_file import compile_binder
from integrator.contracts.problems import ContractProblem

__all__ = ["ContractProblem", "compile_binder", "compile_wsdl"]

VERSION = 1


def compile_wsdl(path: Path, root: Path) -> dict[str, Any]:
    """The plain model of a WSDL and every document it imports, read from files under `root` only.

    Raises ContractProblem with file, rule and remedy.
    """
    found = documents.collect(path, root)
    texts = found.texts()
    file = found.main.file
    schema = model.read_schemas(file, texts, found.entries)
    operations = wsdl.operations(found.main.name, file, texts)
    plain: dict[str, Any] = {
        "version": VERSION,
        "file": file,
        "main": found.main.name,
        "documents": texts,
        "entries": found.entries,
        "operations": operations,
        **model.build_model(schema),
    }
    _check_messages(plain)
    return plain


def _check_messages(plain: dict[str, Any]) -> None:
    for name, operation in plain["operations"].items():
        for element in (operation["input"], operation["output"], *operation["faults"].values()):
            if element is not None and element not in plain["elements"]:
                raise ContractProblem(
                    plain["file"],
                    "not-wsdl",
                    f"a message of operation {name} names an element no schema defines",
                    "correct the element name or import its schema",
                )
