"""simple as data: its functions, operators and methods, for the reference page, editors and exports.

`since` is the version of Camel that brought it; an export for an older runtime refuses what is newer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its forms (`value` defaults to the body where it is in square brackets)."""

    name: str
    forms: str
    since: str
    doc: str
    example: str


def _table(since: str, text: str) -> tuple[Function, ...]:
    """Functions from lines of `forms | documentation | example`."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        forms, doc, example = (part.strip() for part in line.split(" | "))
        name = (
            forms.split(",")[0]
            .partition("(")[0]
            .partition(":")[0]
            .partition(".")[0]
            .partition("[")[0]
            .strip()
        )
        found.append(Function(name, forms, since, doc, example))
    return tuple(found)


FUNCTIONS: tuple[Function, ...] = (
    *_table("1.0", """
        body, in.body, body.path, body[index] | The body, or what a path leads to in it. | ${body[0].name}
        header.name, headers.name, header[name], in.header.name | A header, with a path. | ${header.Adapter-Code}
        exchangeId | The id of the exchange. | ${exchangeId}
        id | The id of the message. | ${id}
        exception, exception.message, exception.stacktrace, exception.path | The exception being handled. | ${exception.message}
    """),
    *_table("2.0", """
        headers, headers.size | All headers as a map; their number. | ${headers.size}
        exchangeProperty.name, exchangeProperty[name] | An exchange property. | ${exchangeProperty.dossier}
        bodyAs(type), bodyAs(type).path | The body in a type; null where there is no conversion. | ${bodyAs(String)}
        mandatoryBodyAs(type), mandatoryBodyAs(type).path | The same; an error where there is none. | ${mandatoryBodyAs(String)}
        headerAs(name,type) | A header in a type. | ${headerAs(count,int)}
        date:command, date:command:pattern | A date: now, exchangeCreated, millis, header.x, variable.x, exchangeProperty.x, with offsets such as now-24h. | ${date:now:yyyy-MM-dd}
        file:name, file:name.noext, file:ext, file:size … | The file that a file or sftp consumer read. | ${file:name.noext}
        properties:key, properties:key:default | A placeholder. | ${properties:town:Namur}
    """),
    *_table("2.10", """
        camelId | The name of the bus. | ${camelId}
        routeId | The id of the route. | ${routeId}
        exchangeProperties | All exchange properties as a map. | ${exchangeProperties}
        null | Nothing. | ${null}
        random(max), random(min,max) | A whole number, max not included. | ${random(1,7)}
    """),
    *_table("2.14", """
        date-with-timezone:command:zone:pattern | A date in a time zone. | ${date-with-timezone:now:Europe/Brussels:HH:mm}
        collate(size) | Groups of the body's elements, for a split. | ${collate(100)}
        skip(count) | The body's elements without the first ones, for a split. | ${skip(1)}
        messageTimestamp | Milliseconds the message carries; 0 here. | ${messageTimestamp}
        stepId | The id of the step. | ${stepId}
        fromRouteId | The id of the route the exchange began in. | ${fromRouteId}
    """),
    *_table("4.0", """
        bodyOneLine | The body without line ends. | ${bodyOneLine}
        prettyBody | The body in lines, where it is JSON or XML. | ${prettyBody}
        originalBody | The original body; null here. | ${originalBody}
        variable.name, variable:name, variable[name] | A variable, with a path. | ${variable.found}
        variables, variables.size | All variables as a map; their number. | ${variables.size}
        variableAs(name,type) | A variable in a type. | ${variableAs(count,int)}
        messageAs(type) | The message in a type; null here. | ${messageAs(String)}
        routeGroup | The group of the route; null here. | ${routeGroup}
        propertiesExist:key, propertiesExist:!key | Whether there is such a placeholder. | ${propertiesExist:town}
        pretty(value) | A value in lines, where it is JSON or XML. | ${pretty(${body})}
        replace(from,to), replace(from,to,value) | A text with another in place of each `from`. | ${replace(a,b)}
        substring(head), substring(head,tail), substring(head,tail,value) | A text without so many characters at its ends. | ${substring(2,1)}
        join(separator,prefix,value) | The elements of a value as a text. | ${join(';')}
        hash(value), hash(value,algorithm) | A digest in hexadecimal digits. | ${hash(${body},SHA-256)}
        uuid, uuid(kind) | A new id: default, short, simple, classic or random. | ${uuid(random)}
        iif(predicate,then,otherwise) | One of two values. | ${iif(${header.n} > 5,${body},${null})}
        list(values) | A list. | ${list(a,b)}
        map(key,value …) | A map. | ${map(name,${body})}
        empty(kind) | An empty list, map, set or string. | ${empty(list)}
        newEmpty(kind) | The same. | ${newEmpty(map)}
        jq(program), jq(header:name,program) | A jq program. | ${jq(.person.name)}
        jsonpath(path), jsonpath(header:name,path) | A JSONPath. | ${jsonpath($.person.name)}
        xpath(path), xpath(header:name,path) | An XPath. | ${xpath(/person/name/text())}
    """),
    *_table("4.18", """
        abs([value]) | The absolute whole number. | ${abs(-7)}
        assert(predicate,message) | An error unless the predicate holds. | ${assert(${body} != null,no body)}
        average(values) | The mean of whole numbers, cut off. | ${average(${header.counts})}
        base64Decode([value]) | Bytes of a Base64 text. | ${base64Decode(aGVsbG8=)}
        base64Encode([value]) | Base64, with a line end. | ${base64Encode(${body})}
        bodyType | The Java class of the body. | ${bodyType}
        capitalize([value]) | Each word with a capital. | ${capitalize(hello world)}
        ceil([value]) | Rounded up. | ${ceil(2.1)}
        concat([value],value,separator) | Two texts in one. | ${concat(${header.a},${header.b},-)}
        contains([value],text) | Whether a text is part of it, whatever the case. | ${contains(hello)}
        convertTo([value],type), convertTo([value],type).path | A value in a type. | ${convertTo(${header.n},int)}
        distinct([values]) | Each value once. | ${distinct(${header.list})}
        filter(values,predicate) | The values for which a predicate on ${body} holds; without quotes in it. | ${filter(${header.counts},${body} > 1)}
        floor([value]) | Rounded down. | ${floor(2.9)}
        forEach(values,expression) | What an expression on ${body} gives for each value. | ${forEach(${header.list},${uppercase()})}
        isAlpha([value]) | Whether all characters are letters. | ${isAlpha(abc)}
        isAlphaNumeric([value]) | Whether all are letters or digits. | ${isAlphaNumeric(a1)}
        isEmpty([value]) | Whether there is no element but null. | ${isEmpty(${header.list})}
        isNumeric([value]) | Whether all characters are digits. | ${isNumeric(12)}
        kindOfType([value]) | null, number, string, boolean, array or object. | ${kindOfType(${body})}
        length([value]) | The length of a text or of bytes. | ${length()}
        load(file) | The text of a file of the site. | ${load(schemas/letter.txt)}
        lowercase([value]) | In small letters. | ${lowercase()}
        max(values) | The largest whole number. | ${max(1,5,3)}
        min(values) | The smallest whole number. | ${min(1,5,3)}
        normalizeWhitespace([value]) | Single blanks between words. | ${normalizeWhitespace()}
        not([predicate]) | The opposite. | ${not(${header.done})}
        pad(value,width), pad(value,width,text) | A text of a width; negative widths fill at the left. | ${pad(${header.n},-5,0)}
        quote([value]) | In double quotes. | ${quote()}
        range(end), range(start,end) | Whole numbers from 1 or start, end not included. | ${range(1,4)}
        reverse([values]) | The other way round. | ${reverse(${header.list})}
        safeQuote([value]) | In double quotes, numbers and booleans excepted. | ${safeQuote(${header.n})}
        setHeader(name,value), setHeader(name,type,value) | Sets a header; gives null. | ${setHeader(count,int,5)}
        setVariable(name,value), setVariable(name,type,value) | Sets a variable; gives null. | ${setVariable(count,int,5)}
        shuffle([values]) | In any order. | ${shuffle(${header.list})}
        size([value]) | The number of elements. | ${size(${header.list})}
        split([value],pattern) | The pieces of a text, at commas by default. | ${split(${body},;)}
        substringAfter([value],text) | What stands after the first such text. | ${substringAfter(:)}
        substringBefore([value],text) | What stands before it. | ${substringBefore(:)}
        substringBetween([value],start,end) | What stands between two texts. | ${substringBetween(from,to)}
        sum(values) | The sum of whole numbers. | ${sum(${header.counts})}
        throwException(message), throwException(message,class) | An error. | ${throwException(no data,java.io.IOException)}
        trim([value]) | Without blanks at its ends. | ${trim()}
        unquote([value]) | Without quotes at its ends. | ${unquote()}
        uppercase([value]) | In capitals. | ${uppercase()}
    """),
)  # fmt: skip
"""Every function of the embedded engine."""

ELSEWHERE: dict[str, str] = {
    "attachment": "attachments belong to mail and multipart, not yet here",
    "attachments": "attachments belong to mail and multipart, not yet here",
    "bean": "calls Java",
    "camelContext": "shows the runtime",
    "clearAttachments": "attachments belong to mail and multipart, not yet here",
    "env": "shows the environment of the bus, secrets included",
    "exchange": "is a Java object",
    "function": "needs Java beans",
    "hostname": "shows the infrastructure",
    "logExchange": "prints the values of the message",
    "messageHistory": "prints the values of the message",
    "ref": "needs Java beans",
    "setAttachment": "attachments belong to mail and multipart, not yet here",
    "sys": "shows the process",
    "sysenv": "shows the environment of the bus, secrets included",
    "threadId": "shows the process",
    "threadName": "shows the process",
    "type": "needs Java classes",
}
"""Functions of Camel that the embedded engine refuses, and why."""

OPERATORS: dict[str, str] = {
    "==, !=": "equal; numbers and their texts are equal, null only to null",
    "=~, !=~": "equal without regard to case",
    ">, >=, <, <=": "ordered: numbers and numeric texts by number, other texts by text; null never",
    "contains, !contains": "a part of a text, an element of a list",
    "~~, !~~": "the same without regard to case",
    "regex, !regex": "the whole text matches a pattern",
    "in, !in": "one of a list, or of a text with commas",
    "range, !range": "between two numbers: '5..9', both included",
    "is, !is": "of a Java class",
    "startsWith, !startsWith, endsWith, !endsWith": "begins or ends with a text",
    "&&, ||": "from left to right, without precedence",
    "++, --": "one more or less, after a function",
    "?:": "the right side where the left is null, empty or false",
    "? :": "as Camel 4.18 has it: binds to the text before it; use iif",
    "~>": "the right side with the left as its body",
}
"""Operators and what they do; blanks around them are needed, and texts need quotes."""


def methods() -> dict[str, tuple[str, ...]]:
    """The methods that paths may call (`${body.length()}`), by kind of value; no others exist here."""
    from integrator.engine.simple import ognl

    return {
        kind: tuple(sorted(names))
        for kind, names in (
            ("text", ognl.TEXT), ("list", ognl.LIST), ("map", ognl.MAP), ("number", ognl.NUMBER),
            ("bytes", ognl.BYTES), ("map entry", ognl.ENTRY), ("exception", ognl.EXCEPTION), ("class", ognl.CLASS),
            ("XML element", ognl.XML), ("any", ognl.ANY),
        )
    }  # fmt: skip
