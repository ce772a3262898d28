"""A small site with everything in it, and edits of it whose mistakes are marked with `§`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MARK = "§"

REGISTER = """\
integrator: 1
bus: {organisation: "0316381138", languages: [fr]}
purposes:
  permit: {title: {fr: Permis}, legal-basis: Décret, contexts: {mini: PERMIT}}
  study: {title: {fr: Étude}, legal-basis: Décret, contexts: {mini: STUDY}}
flows:
  lookup:
    title: {fr: Consulter}
    owner: regional/office
    route: routes/regional/lookup.camel.yaml
    exchange: request-reply
    request: schemas/request.schema.json
    answer: schemas/answer.schema.json
    entries:
      - rest: POST /v1/lookups
      - soap:
          path: /soap/mini
          wsdl: schemas/mini.wsdl
          operation: getMini
          in: '{niss: .number}'
          out: schemas/mini.jq
    subjects: {request: [$.niss], response: [$..niss]}
    field-groups: {identity: [niss, name], address: [address]}
  notify:
    title: {fr: Notifier}
    owner: regional/office
    route: routes/regional/notify.camel.yaml
    exchange: event
    request: schemas/request.schema.json
    entries: [{rest: POST /v1/notices}]
    delivery: {attempts: 3}
    subjects: {request: [$.niss]}
"""
LOOKUP_ROUTE = """\
- route:
    id: lookup
    from:
      uri: flow:lookup
      steps:
        - setBody: {jq: '{number: .niss}'}
        - to: adapter:regional/mini?operation=getMini
        - transform: {jq: '{niss: .number, name: .name, address: .address}'}
"""
NOTIFY_ROUTE = """\
- route:
    id: notify
    from:
      uri: flow:notify
      steps:
        - to: adapter:regional/desk?operation=register
"""
LOOKUP_GRANTS = """\
- to: municipal/one
  purposes: [permit]
  fields: [identity, address]
  valid: 2026-01-01/2030-12-31
  quota: 100/min
- to: group/all
  purposes: [study]
  fields: [identity]
"""
NOTIFY_GRANTS = """\
- {to: municipal/two, purposes: [permit]}
"""
MINI_ADAPTER = """\
system: mini
party: regional/office
protocol: soap
wsdl: schemas/mini.wsdl
endpoint: "${env:MINI_URL}"
headers: mini-v1
operations:
  getMini: {access: read, allow: [{flow: lookup, purposes: [permit, study]}]}
"""
DESK_ADAPTER = """\
system: desk
party: regional/office
protocol: rest
endpoint: https://desk.example/base
operations:
  register:
    rest: POST /notices
    access: write
    request: schemas/request.schema.json
    allow: [{flow: notify}]
"""
PARTIES = """\
regional/office: {organisation: "0316381138", title: {fr: Office}}
municipal/one: {organisation: "0207362739", nis: "92094", title: {fr: Un}, contact: it@one.example}
municipal/two: {organisation: "0207343933", title: {fr: Deux}}
municipal/three: {organisation: "0207313348", title: {fr: Trois}}
group/all: {members: [municipal/two, municipal/three]}
software/house: {organisation: "0841470248", title: {fr: Maison}, may-act-for: [group/all]}
"""
HEADERS = """\
family: mini
request:
  ticket: {at: head/ticket, required: true}
  purpose-code: {at: head/purpose, required: true}
answer:
  status: {at: status/value, required: true}
  code: {at: status/code, required: true}
status: {success: OK, error: ERROR, ok: C0, no-data: C1, failed: C9}
"""
REQUEST_SCHEMA = """\
{"type": "object", "additionalProperties": false, "properties": {"niss": {"type": "string"}}}
"""
ANSWER_SCHEMA = """\
{"type": "object", "additionalProperties": false,
 "properties": {
   "niss": {"type": "string", "examples": ["53480200724"]},
   "name": {"type": "string"},
   "address": {"$ref": "#/$defs/address"}},
 "$defs": {"address": {"type": "object", "properties": {
   "street": {"type": "string"}, "flat": {"type": "object"},
   "guests": {"type": "array", "items": {"properties": {"niss": {"type": "string"}}}}}}}}
"""
WSDL = """\
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:m="urn:mini" targetNamespace="urn:mini">
  <types><xs:schema targetNamespace="urn:mini" elementFormDefault="qualified">
    <xs:complexType name="Head"><xs:sequence>
      <xs:element name="ticket" type="xs:string"/><xs:element name="purpose" type="xs:string"/>
    </xs:sequence></xs:complexType>
    <xs:element name="getMini"><xs:complexType><xs:sequence>
      <xs:element name="head" type="m:Head"/><xs:element name="number" type="xs:string"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:element name="getMiniResponse"><xs:complexType><xs:sequence>
      <xs:element name="status"><xs:complexType><xs:sequence>
        <xs:element name="value" type="xs:string"/><xs:element name="code" type="xs:string"/>
      </xs:sequence></xs:complexType></xs:element>
      <xs:element name="number" type="xs:string"/><xs:element name="name" type="xs:string"/>
      <xs:element name="street" type="xs:string" minOccurs="0"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:schema></types>
  <message name="in"><part name="body" element="m:getMini"/></message>
  <message name="out"><part name="body" element="m:getMiniResponse"/></message>
  <portType name="Mini"><operation name="getMini"><input message="m:in"/><output message="m:out"/></operation></portType>
  <binding name="Mini" type="m:Mini"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="getMini"><soap:operation soapAction="urn:getMini"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
  <service name="Mini"><port name="Mini" binding="m:Mini"><soap:address location="http://mini.example/"/></port></service>
</definitions>
"""

BASE: dict[str, str] = {
    "routes.yaml": REGISTER,
    "routes/regional/lookup.camel.yaml": LOOKUP_ROUTE,
    "routes/regional/notify.camel.yaml": NOTIFY_ROUTE,
    "routes/regional/lookup.grants.yaml": LOOKUP_GRANTS,
    "routes/regional/notify.grants.yaml": NOTIFY_GRANTS,
    "adapters/regional/mini.yaml": MINI_ADAPTER,
    "adapters/regional/desk.yaml": DESK_ADAPTER,
    "parties/all.yaml": PARTIES,
    "schemas/headers/mini-v1.yaml": HEADERS,
    "schemas/request.schema.json": REQUEST_SCHEMA,
    "schemas/answer.schema.json": ANSWER_SCHEMA,
    "schemas/mini.wsdl": WSDL,
    "schemas/mini.jq": "{number: .niss, name: .name, street: .address.street} | del(.street | nulls)\n",
}
R, L, N = "routes.yaml", "routes/regional/lookup.camel.yaml", "routes/regional/notify.camel.yaml"
LG, NG = "routes/regional/lookup.grants.yaml", "routes/regional/notify.grants.yaml"
M, D, P = "adapters/regional/mini.yaml", "adapters/regional/desk.yaml", "parties/all.yaml"


@dataclass(frozen=True)
class Edit:
    """Replace `old` (once) by `new` in a file; `old` empty: the file becomes `new`."""

    file: str
    old: str
    new: str


def edited(*edits: Edit) -> tuple[dict[str, str], list[tuple[str, int, int]]]:
    """The base site with edits: its files, and the places that were marked."""
    files = dict(BASE)
    for edit in edits:
        if not edit.old:
            files[edit.file] = edit.new
            continue
        text = files[edit.file]
        assert text.count(edit.old) == 1, f"{edit.old!r} stands {text.count(edit.old)} times in {edit.file}"
        files[edit.file] = text.replace(edit.old, edit.new)
    return _unmarked(files)


def _unmarked(files: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, int, int]]]:
    places = []
    for name, text in files.items():
        while MARK in text:
            before, after = text.split(MARK, 1)
            places.append((name, before.count("\n") + 1, len(before) - before.rfind("\n")))
            text = before + after
        files[name] = text
    return files, places


def write(root: Path, files: dict[str, str]) -> Path:
    """Write the files of a site below `root`."""
    for name, text in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return root
