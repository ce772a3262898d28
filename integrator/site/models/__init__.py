"""Models of the YAML files of a site, one module a kind of file.

Every field carries its description, default and example; the editors' JSON Schemas and the
reference page are made from them (`site.schemas`, `site.reference`).
"""

from integrator.site.models.adapters import AdapterFile
from integrator.site.models.grants import GrantItem, GrantsFile
from integrator.site.models.parties import PartiesFile, PartyItem
from integrator.site.models.register import FlowItem, IncludedFile, PurposeItem, RegisterFile

__all__ = [
    "AdapterFile",
    "FlowItem",
    "GrantItem",
    "GrantsFile",
    "IncludedFile",
    "PartiesFile",
    "PartyItem",
    "PurposeItem",
    "RegisterFile",
]
