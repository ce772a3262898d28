"""Finds and reads the YAML files of a site, each for itself: no mistake hides another file's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integrator.site.content_hash import FOLDERS, GENERATED, REGISTER, site_files
from integrator.site.problems import Problem
from integrator.site.read import Document, Place, Pointer, read_yaml

GRANTS = ".grants.yaml"
ROUTE = ".camel.yaml"
TEST = ".test.yaml"
BEANS = ".beans.py"
HEADERS = "schemas/headers/"
MAX_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Item:
    """A named thing of a file (a flow, a party, an adapter): its id and where its value stands.

    `value` is whatever was written: the accessors give None or nothing for what has another shape.
    """

    id: str
    document: Document
    pointer: Pointer
    value: Any

    def get(self, *path: str | int) -> Any:
        """The value at `path` below the item, or None."""
        value = self.value
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def text(self, *path: str | int) -> str | None:
        """The text at `path`, or None."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def place(self, *path: str | int, key: bool = False) -> Place:
        """Where the value (or its key) at `path` stands."""
        return self.document.place((*self.pointer, *path), key=key)

    def texts(self, *path: str | int) -> Iterator[tuple[str, Place]]:
        """The texts of the list at `path`, each with its place."""
        value = self.get(*path)
        if isinstance(value, list):
            for index, text in enumerate(value):
                if isinstance(text, str):
                    yield text, self.place(*path, index)

    def items(self, *path: str | int) -> Iterator[Item]:
        """The members of the mapping or list at `path`, as items."""
        value = self.get(*path)
        if isinstance(value, dict):
            for key, member in value.items():
                yield Item(key, self.document, (*self.pointer, *path, key), member)
        elif isinstance(value, list):
            for index, member in enumerate(value):
                yield Item(str(index), self.document, (*self.pointer, *path, index), member)


@dataclass(slots=True)
class SiteFiles:
    """The YAML files of a site as read; documents are keyed by their path."""

    root: Path
    names: tuple[str, ...]
    register: Document
    included: dict[str, Document] = field(default_factory=dict)
    routes: dict[str, Document] = field(default_factory=dict)
    grants: dict[str, Document] = field(default_factory=dict)
    adapters: dict[str, Document] = field(default_factory=dict)
    parties: dict[str, Document] = field(default_factory=dict)
    headers: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def documents(self) -> Iterator[Document]:
        """Every YAML document of the site."""
        yield self.register
        for group in (
            self.included,
            self.routes,
            self.grants,
            self.adapters,
            self.parties,
            self.headers,
        ):
            yield from group.values()

    def registers(self) -> Iterator[Document]:
        """routes.yaml and what it includes."""
        yield self.register
        yield from self.included.values()

    def section(self, name: str) -> Iterator[Item]:
        """The members of a mapping of the register files: `flows` or `purposes`."""
        for document in self.registers():
            yield from Item("", document, (), document.data).items(name)

    def all_parties(self) -> Iterator[Item]:
        """Parties and groups of every parties file."""
        for document in self.parties.values():
            yield from Item("", document, (), document.data).items()

    def all_adapters(self) -> Iterator[Item]:
        """Adapters, with their id `<level>/<system>` from the place of their file."""
        for name, document in self.adapters.items():
            yield Item(adapter_id(name), document, (), document.data)

    def grants_of(self, flow: Item) -> Iterator[Item]:
        """The grants of a flow, from the file beside its route."""
        route = flow.text("route")
        if route is not None:
            document = self.grants.get(grants_path(route, flow.id))
            if document is not None:
                yield from Item("", document, (), document.data).items()


def adapter_id(path: str) -> str:
    """The adapter id of a file: `adapters/regional/bced-person.yaml` is `regional/bced-person`."""
    return path.removeprefix("adapters/").removesuffix(".yaml")


def grants_path(route: str, flow: str) -> str:
    """The grants file of a flow: `<flow>.grants.yaml` beside its route."""
    folder, _, _name = route.rpartition("/")
    return f"{folder}/{flow}{GRANTS}" if folder else f"{flow}{GRANTS}"


def inside(root: Path, path: str) -> Path | None:
    """The file `path` names, if it stands inside the site once links are followed, else None."""
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        return None
    try:
        target = (root / path).resolve()
        return target if target.is_relative_to(root.resolve()) else None
    except (OSError, ValueError):
        return None


def load(root: Path) -> SiteFiles:
    """Read every YAML file of the site at `root`. Never raises for what a person can write."""
    names = tuple(site_files(root)) if root.is_dir() else ()
    if len(names) > MAX_FILES:
        problem = Problem(REGISTER, 1, 1, "file-too-large", f"the site has more than {MAX_FILES} files",
                          "move what is not part of the site elsewhere")  # fmt: skip
        return SiteFiles(root, (), Document(REGISTER, problems=[problem]))
    if REGISTER not in names:
        problem = Problem(REGISTER, 1, 1, "missing-file", f"there is no {REGISTER} in this directory",
                          "name the site's directory with --site")  # fmt: skip
        return SiteFiles(root, names, Document(REGISTER, problems=[problem]))
    site = SiteFiles(root, names, read_yaml(root / REGISTER, REGISTER))
    _load_included(site)
    for name in names:
        _load_file(site, name)
    return site


def _load_included(site: SiteFiles) -> None:
    for pattern, place in Item("", site.register, (), site.register.data).texts("include"):
        matches = [name for name in site.names if _included(name, pattern)]
        if not matches:
            site.problems.append(
                Problem(place.file, place.line, place.column, "missing-file",
                        f"no file of the site matches '{pattern}'",
                        f"name YAML files below {', '.join(FOLDERS)}")
            )  # fmt: skip
        for name in matches:
            if name != REGISTER and name not in site.included:
                site.included[name] = read_yaml(site.root / name, name)


def _included(name: str, pattern: str) -> bool:
    # PurePath.match knows no "**" here; a pattern has one star a level, which is all a site needs.
    path, wanted = Path(name), Path(pattern)
    same_depth = len(path.parts) == len(wanted.parts)
    return same_depth and path.suffix == ".yaml" and path.match(pattern)


def _load_file(site: SiteFiles, name: str) -> None:
    folder, _, rest = name.partition("/")
    if name.startswith(HEADERS) and name.endswith(".yaml"):
        site.headers[name] = read_yaml(site.root / name, name)
    if name in site.included or name.startswith(GENERATED) or folder not in ("routes", "adapters", "parties"):
        return
    if folder == "routes" and name.endswith(GRANTS):
        site.grants[name] = read_yaml(site.root / name, name)
    elif folder == "routes" and name.endswith(ROUTE):
        site.routes[name] = read_yaml(site.root / name, name)
    elif folder == "adapters" and name.endswith(".yaml") and rest.count("/") == 1:
        site.adapters[name] = read_yaml(site.root / name, name)
    elif folder == "parties" and name.endswith(".yaml"):
        site.parties[name] = read_yaml(site.root / name, name)
    elif name.endswith((".yaml", ".yml")) and not name.endswith(TEST):
        site.problems.append(
            Problem(name, 1, 1, "misplaced-file", "this file has no meaning at this place",
                    "routes are *.camel.yaml, grants *.grants.yaml, adapters stand in adapters/<level>/")
        )  # fmt: skip
