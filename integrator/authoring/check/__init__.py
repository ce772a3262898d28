"""`check` finds every mistake of a site in one pass; importing this package registers the rules."""

from integrator.authoring.check import (
    adapters,
    contracts,
    egress,
    entries,
    fields,
    groups,
    names,
    narrow,
    paths,
    reading,
    routes,
    secrets,
)
from integrator.authoring.check.run import check, problems_of
from integrator.authoring.check.view import View
from integrator.site.problems import Problem

_RULE_MODULES = (
    reading,
    paths,
    names,
    entries,
    fields,
    adapters,
    routes,
    groups,
    egress,
    contracts,
    narrow,
    secrets,
)

__all__ = ["Problem", "View", "check", "problems_of"]
