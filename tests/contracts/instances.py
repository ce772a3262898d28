"""Makes random valid messages of a compiled contract, straight from its model, as XML.

Independent of the codec's writers, so that it can be an oracle for them. Values are in canonical
spelling (`true`, `12`, `1.5`), because only those come back letter for letter.
"""

from __future__ import annotations

import re
import re._parser as regex  # type: ignore[import-not-found]
import string
from collections.abc import Mapping
from random import Random
from typing import Any

from lxml import etree

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LETTERS = string.ascii_letters + string.digits + "éüß&<>\"' -.'"
_WORDS = string.ascii_letters + string.digits
_DEEP = 12


class Instances:
    """Random valid instances of any global element."""

    def __init__(self, plain: Mapping[str, Any], seed: int) -> None:
        self._plain = plain
        self._types: Mapping[str, Mapping[str, Any]] = plain["types"]
        self._elements = plain["elements"]
        self._random = Random(seed)
        self._ids = 0

    def make(self, name: str) -> etree._Element:
        """A valid element, parsed again so that it looks like one from outside."""
        declared = self._elements[name]
        element = etree.Element(name)
        self._fill(element, declared["type"], declared["nillable"], 0)
        return etree.fromstring(etree.tostring(element))

    # --- elements ---

    def _fill(self, element: etree._Element, identity: str, nillable: bool, depth: int) -> None:
        plain = self._types[identity]
        nil = nillable and self._random.random() < 0.2
        if plain["kind"] != "complex":
            if nil:
                element.set(f"{{{XSI}}}nil", "true")
            else:
                element.text = self.value(identity)
            return
        derived = self._plain["derived"].get(identity, [])
        if derived and (plain["abstract"] or self._random.random() < 0.3):
            identity = self._random.choice(derived)
            plain = self._types[identity]
            element.set(f"{{{XSI}}}type", etree.QName(identity))  # type: ignore[arg-type]
        for attribute in plain["attributes"]:
            if attribute["required"] or self._random.random() < 0.6:
                fixed = attribute["fixed"]
                element.set(attribute["name"], fixed if fixed is not None else self.value(attribute["type"]))
        if nil:
            element.set(f"{{{XSI}}}nil", "true")
        elif plain["simple"] is not None:
            element.text = self.value(plain["simple"])
        elif plain["particle"] is not None:
            self._particle(element, plain["particle"], depth)
            if plain["mixed"]:
                element.text = "text & more "

    def _particle(self, parent: etree._Element, particle: Mapping[str, Any], depth: int) -> None:
        for _ in range(self._count(particle, depth)):
            kind = particle["kind"]
            if kind == "element":
                self._element(parent, particle, depth)
            elif kind == "any":
                etree.SubElement(parent, "{urn:other}anything", note="x").text = "open"
            elif kind == "choice":
                items = particle["items"]
                if items:
                    self._particle(parent, self._random.choice(items), depth)
            else:
                for item in particle["items"]:
                    self._particle(parent, item, depth)

    def _count(self, particle: Mapping[str, Any], depth: int) -> int:
        least, most = particle["min"], particle["max"]
        if depth > _DEEP:
            return int(least)
        return self._random.randint(least, min(most if most is not None else least + 2, least + 2))

    def _element(self, parent: etree._Element, particle: Mapping[str, Any], depth: int) -> None:
        choices = [] if particle["abstract"] else [(particle["name"], particle)]
        if particle["ref"]:
            declared = self._elements[particle["name"]]
            choices += [(name, self._elements[name]) for name in declared["substitutes"]]
        choices = [(name, item) for name, item in choices if not item["abstract"]]
        name, item = self._random.choice(choices)
        child = etree.SubElement(parent, name)
        if item.get("fixed") is not None:
            child.text = item["fixed"]
        else:
            self._fill(child, item["type"], item["nillable"], depth + 1)

    # --- values ---

    def value(self, identity: str) -> str:
        """A valid text of a simple type."""
        plain = self._types[identity]
        for _ in range(200):
            text = self._value(identity, plain)
            if self._fits(text, plain):
                return text
        raise AssertionError(f"no value found for {identity}")

    def _builtin(self, identity: str | None) -> str:
        while identity is not None and "XMLSchema}" not in identity:
            identity = self._types[identity]["base"]
        return (identity or "").rpartition("}")[2]

    def _value(self, identity: str, plain: Mapping[str, Any]) -> str:
        if plain.get("enum"):
            return str(self._random.choice(plain["enum"]))
        if plain["kind"] == "list":
            length = plain.get("length") or self._random.randint(plain.get("min_length", 0), 3)
            return " ".join(self.value(plain["item"]) for _ in range(length))
        if plain["kind"] == "union":
            return self.value(self._random.choice(plain["members"]))
        if "patterns" in plain:
            return self._matching(self._random.choice(plain["patterns"][0]))
        if plain["primitive"] == "decimal":
            return self._decimal(plain)
        builtin = self._builtin(identity)
        if builtin == "language":
            return self._random.choice(("fr", "nl", "de"))
        if builtin in ("ID", "NCName", "Name", "NMTOKEN"):
            self._ids += 1
            return f"n{self._ids}"
        make = getattr(self, f"make_{plain['primitive']}", None)
        return make() if make else self._string(plain)

    def _fits(self, text: str, plain: Mapping[str, Any]) -> bool:
        groups = plain.get("patterns", [])
        if not all(any(re.fullmatch(p, text, re.ASCII) for p in group) for group in groups):
            return False
        if plain.get("primitive") == "decimal":
            return self._in_range(float(text), plain)
        if plain["kind"] == "atomic" and plain["primitive"] == "string":
            least = plain.get("length", plain.get("min_length", 0))
            most = plain.get("length", plain.get("max_length", 10_000))
            return bool(least <= len(text) <= most)
        return True

    @staticmethod
    def _in_range(number: float, plain: Mapping[str, Any]) -> bool:
        return (
            float(plain.get("min_inclusive", "-inf")) <= number <= float(plain.get("max_inclusive", "inf"))
            and number > float(plain.get("min_exclusive", "-inf"))
            and number < float(plain.get("max_exclusive", "inf"))
        )

    def _decimal(self, plain: Mapping[str, Any]) -> str:
        low = int(float(plain.get("min_inclusive", plain.get("min_exclusive", "-1000"))))
        high = int(float(plain.get("max_inclusive", plain.get("max_exclusive", low + 100_000))))
        number = self._random.randint(low, max(low, min(high, 10**15)))
        digits = plain.get("total_digits")
        if digits:
            number %= 10 ** (digits - plain.get("fraction_digits", 0))
        fraction = plain.get("fraction_digits", 0 if plain["as"] in ("integer", "string") else 2)
        if plain["as"] == "decimal" and fraction and number < high:
            return f"{number}.{self._random.randint(0, 10**fraction - 1):0{fraction}d}"
        return str(number)

    def _string(self, plain: Mapping[str, Any]) -> str:
        least = plain.get("length", plain.get("min_length", 1))
        most = plain.get("length", min(plain.get("max_length", 20), max(least, 20)))
        length = self._random.randint(min(least, most), most)
        letters = _LETTERS if plain["white"] == "preserve" else _WORDS
        return "".join(self._random.choice(letters) for _ in range(length))

    def make_boolean(self) -> str:
        return self._random.choice(("true", "false"))

    def make_date(self) -> str:
        return f"{self._random.randint(1900, 2030)}-{self._random.randint(1, 12):02d}-15"

    def make_dateTime(self) -> str:  # noqa: N802 - named as the XSD type
        return f"{self.make_date()}T10:{self._random.randint(0, 59):02d}:00Z"

    def make_duration(self) -> str:
        return f"P{self._random.randint(1, 9)}Y"

    def make_time(self) -> str:
        return f"10:{self._random.randint(0, 59):02d}:00"

    def make_gYear(self) -> str:  # noqa: N802 - named as the XSD type
        return str(self._random.randint(1900, 2030))

    def make_gYearMonth(self) -> str:  # noqa: N802 - named as the XSD type
        return f"{self.make_gYear()}-07"

    def make_float(self) -> str:
        return repr(round(self._random.uniform(-1000, 1000), 3))

    make_double = make_float

    def make_base64Binary(self) -> str:  # noqa: N802 - named as the XSD type
        return "QUJDRA=="

    def make_anyURI(self) -> str:  # noqa: N802 - named as the XSD type
        return "urn:example:1"

    def _matching(self, pattern: str) -> str:
        return self._sample(regex.parse(pattern, re.ASCII))

    def _sample(self, parsed: Any) -> str:
        return "".join(self._one(str(operation), argument) for operation, argument in parsed)

    def _one(self, operation: str, argument: Any) -> str:
        if operation == "LITERAL":
            return chr(argument)
        if operation == "NOT_LITERAL":
            return self._random.choice(sorted(set(_WORDS) - {chr(argument)}))
        if operation == "ANY":
            return self._random.choice(_WORDS)
        if operation == "SUBPATTERN":
            return self._sample(argument[3])
        if operation == "BRANCH":
            return self._sample(self._random.choice(argument[1]))
        if operation in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, item = argument
            count = self._random.randint(least, min(int(most), least + 6))
            return "".join(self._sample(item) for _ in range(count))
        assert operation == "IN", operation
        return self._in_class(argument)

    def _in_class(self, items: Any) -> str:
        negated = str(items[0][0]) == "NEGATE"
        wanted: set[str] = set()
        for kind, argument in items:
            name = str(kind)
            if name == "LITERAL":
                wanted.add(chr(argument))
            elif name == "RANGE":
                wanted |= {chr(code) for code in range(argument[0], argument[1] + 1)}
            elif name == "CATEGORY":
                wanted |= set(string.digits if "DIGIT" in str(argument) else " ")
        pool = sorted(set(_WORDS) - wanted) if negated else sorted(wanted)
        return self._random.choice(pool)
