"""Reads a WSDL and every document it imports, from the site's files only, into one flat set.

Compile time. Nothing is fetched: an http import, a path outside the root and a missing file are
ContractProblems. The result is closed: every import names a document of the set, so that workers
rebuild schemas, and `?wsdl` is served, from memory alone (design, I6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import etree

from integrator.contracts.model_names import XSD
from integrator.contracts.problems import ContractProblem
from integrator.exchange import InvalidRequest
from integrator.security.limits import Limits
from integrator.security.parsers import parse_xml

WSDL = "http://schemas.xmlsoap.org/wsdl/"

XML = "http://www.w3.org/XML/1998/namespace"

# Contracts import these by their public address; the set carries what validators need of them.
BUILT_IN_NAMESPACES = frozenset({XSD, XML})
_XML_ATTRIBUTES = f"""<xs:schema xmlns:xs="{XSD}" targetNamespace="{XML}">
<xs:attribute name="lang" type="xs:language"/><xs:attribute name="base" type="xs:anyURI"/>
<xs:attribute name="space"><xs:simpleType><xs:restriction base="xs:NCName">
<xs:enumeration value="default"/><xs:enumeration value="preserve"/></xs:restriction></xs:simpleType></xs:attribute>
<xs:attribute name="id" type="xs:ID"/></xs:schema>"""

_VERSIONING = "{http://www.w3.org/2007/XMLSchema-versioning}"
_LIMITS = Limits(xml_elements=500_000)
_REFERRING = (f"{{{XSD}}}import", f"{{{XSD}}}include", f"{{{XSD}}}redefine", f"{{{WSDL}}}import")


@dataclass(slots=True)
class Document:
    """One file: its flat name in the set, its root, and whether the WSDL itself imports it."""

    name: str
    file: str
    root: etree._Element


@dataclass(slots=True)
class Documents:
    """The closed set. `main` is the WSDL; `entries` maps each namespace to the document to import."""

    main: Document
    by_name: dict[str, Document] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """Name → text, comments and documentation dropped, imports naming the set's documents."""
        return {name: _text(document.root) for name, document in self.by_name.items()}


def collect(path: Path, root: Path) -> Documents:
    """Read `path` and all it imports; every file must lie under `root`.

    Raises ContractProblem.
    """
    reader = _Reader(root.resolve())
    main = reader.read(path.resolve(), origin=str(path))
    if main.root.tag != f"{{{WSDL}}}definitions":
        raise ContractProblem(
            main.file, "not-wsdl", "this is not a WSDL 1.1 document", "name the WSDL file of the contract"
        )
    documents = Documents(main, reader.by_name())
    _split_inline_schemas(documents)
    _close(documents)
    return documents


class _Reader:
    """Follows imports from file to file, each file once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._documents: dict[Path, Document] = {}
        self._names: set[str] = set()

    def by_name(self) -> dict[str, Document]:
        return {document.name: document for document in self._documents.values()}

    def read(self, path: Path, origin: str, line: int | None = None) -> Document:
        known = self._documents.get(path)
        if known is not None:
            return known
        if not path.is_relative_to(self.root):
            raise ContractProblem(
                origin,
                "outside-site",
                "an import leaves the site's directory",
                "move the file under the site and correct schemaLocation",
                line=line,
            )
        file = path.relative_to(self.root).as_posix()
        document = Document(self._flat_name(path), file, _parse(path, file, origin, line))
        self._documents[path] = document
        for reference in document.root.iter(*_REFERRING):
            self._follow(reference, document, path)
        return document

    def _follow(self, reference: etree._Element, document: Document, path: Path) -> None:
        attribute = "location" if reference.tag == f"{{{WSDL}}}import" else "schemaLocation"
        location = reference.get(attribute)
        if location is None or reference.get("namespace") in BUILT_IN_NAMESPACES:
            return
        parts = urlsplit(location)
        if parts.scheme or parts.netloc:
            raise ContractProblem(
                document.file,
                "network-import",
                "an import names an address instead of a file",
                "save the document beside the contract and import it by a relative path",
                line=_line(reference),
            )
        target = (path.parent / unquote(parts.path)).resolve()
        imported = self.read(target, document.file, _line(reference))
        reference.set(attribute, imported.name)

    def _flat_name(self, path: Path) -> str:
        name, number = path.name, 1
        while name in self._names:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        self._names.add(name)
        return name


def _parse(path: Path, file: str, origin: str, line: int | None) -> etree._Element:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ContractProblem(
            origin, "file-missing", f"{file} cannot be read", "add the file or correct the import", line=line
        ) from error
    try:
        return parse_xml(data, _LIMITS)
    except InvalidRequest as error:
        rule = "doctype" if error.reason == "xml-doctype" else "not-xml"
        message = error.message.replace("the body", "the file")
        raise ContractProblem(file, rule, message, "correct the file") from error


def _split_inline_schemas(documents: Documents) -> None:
    # Schemas inside wsdl:types become documents of their own for the validators, with the
    # namespace declarations they inherit; the WSDL keeps its copy.
    number = 0
    for document in list(documents.by_name.values()):
        if document.root.tag != f"{{{WSDL}}}definitions":
            continue
        for schema in document.root.iterfind(f"{{{WSDL}}}types/{{{XSD}}}schema"):
            if schema.get("targetNamespace") is None and not _declares(schema):
                continue
            number += 1
            name = f"{document.name}#{number}"
            copy = etree.fromstring(etree.tostring(schema, with_tail=False))
            documents.by_name[name] = Document(name, document.file, copy)


def _declares(schema: etree._Element) -> bool:
    return any(isinstance(child.tag, str) and child.tag not in _REFERRING for child in schema)


def schemas(documents: Documents) -> Iterator[Document]:
    """The XSD documents of the set, WSDLs left out."""
    for document in documents.by_name.values():
        if document.root.tag == f"{{{XSD}}}schema":
            yield document
        elif document.root.tag != f"{{{WSDL}}}definitions":
            raise ContractProblem(
                document.file, "not-xsd", "an import names neither XSD nor WSDL", "correct the import"
            )


def _close(documents: Documents) -> None:
    # libxml2 reads only the first document it meets of a namespace. So each namespace gets one
    # entry document; where several files share it without including each other, the entry is a
    # new one that includes them all.
    own: dict[str, list[Document]] = {}
    included = {
        reference.get("schemaLocation")
        for document in schemas(documents)
        for reference in document.root.iter(f"{{{XSD}}}include", f"{{{XSD}}}redefine")
    }
    for document in schemas(documents):
        if document.name not in included:
            own.setdefault(document.root.get("targetNamespace", ""), []).append(document)
    if any(node.get("namespace") == XML for document in schemas(documents) for node in _imports(document)):
        document = Document("xml.xsd", documents.main.file, etree.fromstring(_XML_ATTRIBUTES))
        documents.by_name[document.name] = document
        own[XML] = [document]
    for number, (namespace, group) in enumerate(own.items(), start=1):
        entry = group[0]
        if len(group) > 1:
            entry = _entry(namespace, group, number)
            documents.by_name[entry.name] = entry
        documents.entries[namespace] = entry.name
    for document in list(documents.by_name.values()):
        for reference in _imports(document):
            _point(reference, document, documents.entries)


def _imports(document: Document) -> list[etree._Element]:
    return list(document.root.iter(f"{{{XSD}}}import"))


def _entry(namespace: str, group: list[Document], number: int) -> Document:
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xs": XSD})
    if namespace:
        root.set("targetNamespace", namespace)
    for document in group:
        etree.SubElement(root, f"{{{XSD}}}include", schemaLocation=document.name)
    return Document(f"namespace-{number}.xsd", group[0].file, root)


def _point(reference: etree._Element, document: Document, entries: dict[str, str]) -> None:
    namespace = reference.get("namespace", "")
    if namespace == XSD:
        reference.attrib.pop("schemaLocation", "")
    elif namespace in entries:
        reference.set("schemaLocation", entries[namespace])
    else:
        raise ContractProblem(
            document.file,
            "file-missing",
            "an import names a namespace no file of the contract defines",
            "add schemaLocation with the file that defines it",
            line=_line(reference),
        )


def _line(node: etree._Element) -> int | None:
    line = node.sourceline
    return line if isinstance(line, int) else None


def _text(root: etree._Element) -> str:
    for annotation in root.findall(f".//{{{XSD}}}annotation"):
        parent = annotation.getparent()
        if parent is not None:
            parent.remove(annotation)
    for node in root.iter():
        for name in [name for name in node.attrib if str(name).startswith(_VERSIONING)]:
            del node.attrib[name]  # XSD 1.1 control that 1.0 processors must ignore; xmlschema does not
        if node.tail is not None and not node.tail.strip():
            node.tail = None
        if len(node) and node.text is not None and not node.text.strip():
            node.text = None
    return etree.tostring(root, encoding="unicode")
