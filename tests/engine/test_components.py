"""xslt, validator and json-validator: what they do, and what they must not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrator.engine import Services
from integrator.engine.exceptions import class_of
from integrator.exchange import InvalidRequest
from tests.engine.helpers import exchange, route, rules, steps

XSL = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">{}</xsl:stylesheet>'
XSD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{}</xs:schema>'
PERSON = (
    '<xs:element name="p"><xs:complexType><xs:sequence><xs:element name="n" type="xs:int"/></xs:sequence>'
    "</xs:complexType></xs:element>"
)
FILES = {
    "s/ok.xsl": XSL.format('<xsl:param name="who"/><xsl:template match="/"><o w="{$who}"><xsl:value-of select="/p/n"/></o></xsl:template>'),
    "s/text.xsl": XSL.format('<xsl:output method="text"/><xsl:template match="/">t<xsl:value-of select="/p/n"/></xsl:template>'),
    "s/import.xsl": XSL.format('<xsl:import href="ok.xsl"/>'),
    "s/far.xsl": XSL.format('<xsl:import href="../../etc/far.xsl"/>'),
    "s/net.xsl": XSL.format('<xsl:import href="http://far.example/x.xsl"/>'),
    "s/doc.xsl": XSL.format('<xsl:template match="/"><o><xsl:copy-of select="document(\'FILE\')"/></o></xsl:template>'),
    "s/write.xsl": '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    'xmlns:exsl="http://exslt.org/common" extension-element-prefixes="exsl"><xsl:template match="/">'
    '<exsl:document href="OUT"><x/></exsl:document><o/></xsl:template></xsl:stylesheet>',
    "s/stop.xsl": XSL.format('<xsl:template match="/"><xsl:message terminate="yes"><xsl:value-of select="."/></xsl:message></xsl:template>'),
    "s/bad.xsl": "<x",
    "s/no.xsl": "<x/>",
    "s/p.xsd": XSD.format(PERSON),
    "s/inc.xsd": XSD.format('<xs:include schemaLocation="p.xsd"/>'),
    "s/net.xsd": XSD.format('<xs:include schemaLocation="http://far.example/p.xsd"/>'),
    "s/no.xsd": "<x/>",
    "s/p.json": '{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}',
    "s/ref.json": '{"$ref": "http://far.example/s.json"}',
    "s/no.json": '{"type": "nosuch"}',
}  # fmt: skip


def services(**changed: str) -> Services:
    files = {**FILES, **changed}

    def resource(path: str) -> bytes:
        try:
            return files[path].encode("utf-8")
        except KeyError:
            raise FileNotFoundError(path) from None

    return Services(resource=resource)


async def test_xslt_takes_headers_as_parameters() -> None:
    done = await steps("to: xslt:s/ok.xsl", exchange("<p><n>é</n></p>", {"who": 'it\'s "me"'}), services())
    assert done.exception is None
    assert done.message.body.splitlines()[-1] == '<o w="it\'s &quot;me&quot;">é</o>'
    done = await steps("to: xslt:s/text.xsl?output=bytes", exchange("<p><n>1</n></p>"), services())
    assert done.message.body == b"t1"
    done = await steps("to: xslt:file:s/import.xsl?output=DOM", exchange("<p><n>1</n></p>"), services())
    assert done.message.body.tag == "o"


@pytest.mark.parametrize("name", ["far", "net", "bad", "no", "missing"])
def test_stylesheets_that_do_not_load(name: str) -> None:
    assert rules(route(f"to: xslt:s/{name}.xsl"), services()) == ["resource"]


async def test_stylesheets_reach_no_files(tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.xml", tmp_path / "out.xml"
    secret.write_text("<secret/>", "utf-8")
    given = services(**{
        "s/doc.xsl": FILES["s/doc.xsl"].replace("FILE", secret.as_uri()),
        "s/write.xsl": FILES["s/write.xsl"].replace("OUT", out.as_uri()),
    })  # fmt: skip
    read = await steps("to: xslt:s/doc.xsl", exchange("<p/>"), given)
    assert "secret" not in str(read.message.body)
    await steps("to: xslt:s/write.xsl", exchange("<p/>"), given)
    assert not out.exists()


@pytest.mark.parametrize(
    ("sheet", "body", "java_class"),
    [
        ("ok", None, "org.apache.camel.ExpectedBodyTypeException"),
        ("ok", "not xml", "javax.xml.transform.TransformerException"),
        ("ok", '<!DOCTYPE p [<!ENTITY x "y">]><p>&x;</p>', "javax.xml.transform.TransformerException"),
        ("stop", "<p>Secret</p>", "javax.xml.transform.TransformerException"),
    ],
)
async def test_transformations_that_fail(sheet: str, body: str | None, java_class: str) -> None:
    done = await steps(f"to: xslt:s/{sheet}.xsl", exchange(body), services())
    assert class_of(done.exception) == java_class
    assert "Secret" not in str(done.exception)


async def test_validator() -> None:
    for name in ("p", "inc"):
        good = await steps(f"to: validator:s/{name}.xsd", exchange("<p><n>1</n></p>"), services())
        assert (good.exception, good.message.body) == (None, "<p><n>1</n></p>")
    bad = (await steps("to: validator:s/p.xsd", exchange("<p><n>Secret</n></p>"), services())).exception
    assert isinstance(bad, InvalidRequest)
    assert class_of(bad) == "org.apache.camel.support.processor.validation.SchemaValidationException"
    assert bad.paths == ("/p/n",)
    assert "SCHEMAV_CVC_DATATYPE_VALID" in str(bad)
    assert "Secret" not in str(bad)
    header = await steps(
        "to: validator:s/p.xsd?headerName=h", exchange("x", {"h": "<p><n>1</n></p>"}), services()
    )
    assert header.exception is None
    nothing = await steps("to: validator:s/p.xsd?headerName=h", exchange("x"), services())
    assert class_of(nothing.exception).endswith("NoXmlHeaderValidationException")
    assert (
        await steps("to: validator:s/p.xsd?failOnNullBody=false", exchange(None), services())
    ).exception is None


async def test_json_validator() -> None:
    assert (await steps("to: json-validator:s/p.json", exchange({"a": 1}), services())).exception is None
    bad = (await steps("to: json-validator:s/p.json", exchange({"a": "Secret"}), services())).exception
    assert class_of(bad) == "org.apache.camel.component.jsonvalidator.JsonValidationException"
    assert str(bad) == "JSON validation error with 1 errors:\n$.a: type"
    assert (
        await steps("to: json-validator:s/p.json?headerName=h", exchange("", {"h": '{"a":1}'}), services())
    ).exception is None


@pytest.mark.parametrize("uri", ["validator:s/net.xsd", "validator:s/no.xsd", "validator:/s/none.xsd",
                                 "json-validator:s/ref.json", "json-validator:s/no.json", "json-validator:s/bad.xsl",
                                 "validator:http://far.example/x.xsd", "xslt:../x.xsl"])  # fmt: skip
def test_schemas_that_do_not_load(uri: str) -> None:
    assert rules(route(f"to: '{uri}'"), services()) == ["resource"]
