"""The parts of the engine by name: one module each, found once at import by listing the packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from integrator.engine import known, spec


class Parts:
    """The parts of one kind. `find` gives the module of a name, `not_yet` tells Camel's other names."""

    def __init__(self, package: str, camel: frozenset[str]) -> None:
        self._package = package
        self._modules: dict[str, ModuleType] = {}
        self._camel = camel

    def load(self) -> None:
        """Import every module of the package. A module may name several parts in SPECS."""
        package = importlib.import_module(self._package)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{self._package}.{info.name}")
            for part in getattr(module, "SPECS", None) or (module.SPEC,):
                self._modules[part.name] = module

    def find(self, name: str) -> ModuleType | None:
        """The module of a part, if the embedded engine has it."""
        return self._modules.get(name)

    def spec(self, name: str) -> spec.Spec:
        """The specification of a known part. Raises KeyError."""
        module = self._modules[name]
        parts: tuple[spec.Spec, ...] = getattr(module, "SPECS", None) or (module.SPEC,)
        return next(part for part in parts if part.name == name)

    def not_yet(self, name: str) -> bool:
        """Whether Camel knows the name and the embedded engine does not."""
        return name in self._camel and name not in self._modules

    def names(self) -> frozenset[str]:
        """The names the embedded engine has."""
        return frozenset(self._modules)

    def all_names(self) -> frozenset[str]:
        """Those and Camel's other ones."""
        return self._camel | frozenset(self._modules)


EIPS = Parts("integrator.engine.eips", known.STEPS)
LANGUAGES = Parts("integrator.engine.languages", known.LANGUAGES)
COMPONENTS = Parts("integrator.engine.components", known.COMPONENTS | {"flow", "adapter"})
DATA_FORMATS = Parts("integrator.engine.dataformats", known.DATA_FORMATS)
ELEMENTS = Parts("integrator.engine.elements", known.ELEMENTS)
KINDS = (EIPS, LANGUAGES, COMPONENTS, DATA_FORMATS, ELEMENTS)


def load() -> None:
    """Find every part; called once, when `integrator.engine` is imported."""
    for parts in KINDS:
        parts.load()


def specs() -> Iterator[spec.Spec]:
    """Every specification, by kind and name: for check, editors and the reference pages."""
    for parts in KINDS:
        for name in sorted(parts.names()):
            yield parts.spec(name)
