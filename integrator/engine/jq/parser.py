"""jq's grammar, as nested tuples: ("name", …). Raises JqSyntaxError, JqUnsupportedError."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrator.engine.jq.errors import JqSyntaxError, JqUnsupportedError
from integrator.engine.jq.lexer import DEEPEST, Token, tokens

Ast = tuple[Any, ...]
_KEYWORDS = frozenset(
    [
        "def",
        "if",
        "then",
        "elif",
        "else",
        "end",
        "as",
        "reduce",
        "foreach",
        "try",
        "catch",
        "label",
        "import",
        "include",
        "and",
        "or",
        "__loc__",
    ]
)
_ASSIGNMENTS = frozenset(["=", "|=", "+=", "-=", "*=", "/=", "%=", "//="])
_COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
IDENTITY: Ast = ("identity",)


def parse(text: str) -> Ast:
    """The syntax tree of a program."""
    parser = _Parser(tokens(text))
    if parser.peek.kind == "end":
        return IDENTITY
    tree = parser.pipe()
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, listed: list[Token], depth: int = 0) -> None:
        self.tokens, self.index, self.depth = listed, 0, depth
        # What `at` compares, ready: it is asked a dozen times for each term.
        self.words = [token.value if token.kind in ("op", "name") else None for token in listed]

    # --- tokens ---

    @property
    def peek(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def at(self, *values: str) -> bool:
        return self.words[self.index] in values

    def take(self, value: str) -> bool:
        if self.words[self.index] == value:
            self.index += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise self.unexpected(f"expected {value}")

    def unexpected(self, what: str = "unexpected text") -> JqSyntaxError:
        return JqSyntaxError(f"{what} at position {self.peek.position}", self.peek.position)

    def expect_end(self) -> None:
        if self.peek.kind != "end":
            raise self.unexpected()

    # --- operators, loosest first ---

    def pipe(self) -> Ast:
        self.depth += 1
        if self.depth > DEEPEST:
            raise JqSyntaxError("the program is nested too deeply", self.peek.position)
        if self.at("def", "label", "import", "include"):
            raise JqUnsupportedError(str(self.peek.value))
        left = self.comma()
        found = ("pipe", left, self.pipe()) if self.take("|") else left
        self.depth -= 1
        return found

    def comma(self) -> Ast:
        found = self.alternative()
        while self.take(","):
            found = ("comma", found, self.alternative())
        return found

    def alternative(self) -> Ast:
        left = self.disjunction()
        if self.peek.kind == "op" and self.peek.value in _ASSIGNMENTS:
            raise JqUnsupportedError(f"assignment {self.peek.value}")
        return ("alternative", left, self.alternative()) if self.take("//") else left

    def disjunction(self) -> Ast:
        found = self.conjunction()
        while self.take("or"):
            found = ("or", found, self.conjunction())
        return found

    def conjunction(self) -> Ast:
        found = self.comparison()
        while self.take("and"):
            found = ("and", found, self.comparison())
        return found

    def comparison(self) -> Ast:
        left = self.sum()
        if self.peek.kind == "op" and self.peek.value in _COMPARISONS:
            sign = self.next().value
            left = ("compare", sign, left, self.sum())
            if self.peek.kind == "op" and self.peek.value in _COMPARISONS:
                raise self.unexpected("comparisons do not chain")
        return left

    def sum(self) -> Ast:
        found = self.product()
        while self.peek.kind == "op" and self.peek.value in ("+", "-"):
            sign = self.next().value
            found = ("calculate", sign, found, self.product())
        return found

    def product(self) -> Ast:
        found = self.unary()
        while self.peek.kind == "op" and self.peek.value in ("*", "/", "%"):
            sign = self.next().value
            found = ("calculate", sign, found, self.unary())
        return found

    def unary(self) -> Ast:
        if self.take("-"):
            return ("negate", self.unary())
        return self.postfix()

    # --- terms ---

    def postfix(self) -> Ast:
        found = self.suffixes(self.term())
        if self.take("as"):
            if self.peek.kind != "variable":
                raise JqUnsupportedError("destructuring")
            name = self.next().value
            if self.at("?//"):
                raise JqUnsupportedError("destructuring")
            self.expect("|")
            return ("as", found, name, self.pipe())
        return found

    def suffixes(self, found: Ast) -> Ast:
        while True:
            token = self.peek
            if token.kind == "field":
                self.index += 1
                found = ("index", found, ("literal", token.value[1:]))
            elif token.kind == "op" and token.value == ".":
                self.index += 1
                if self.peek.kind == "string":
                    found = ("index", found, self.string(self.next().value, None))
                elif not self.at("["):
                    raise self.unexpected("expected a name after .")
            elif self.take("?"):
                found = ("try", found, None)
            elif self.take("["):
                found = self.bracket(found)
            else:
                return found

    def bracket(self, found: Ast) -> Ast:
        if self.take("]"):
            return ("iterate", found)
        if self.take(":"):
            end = self.pipe()
            self.expect("]")
            return ("slice", found, None, end)
        start = self.pipe()
        if self.take(":"):
            slice_end = None if self.at("]") else self.pipe()
            self.expect("]")
            return ("slice", found, start, slice_end)
        self.expect("]")
        return ("index", found, start)

    def term(self) -> Ast:
        token = self.next()
        if token.kind == "number":
            return ("literal", _number(token.value))
        if token.kind == "string":
            return self.string(token.value, None)
        if token.kind == "format":
            if self.peek.kind == "string":
                return self.string(self.next().value, token.value)
            return ("format", token.value)
        if token.kind == "field":
            return ("index", IDENTITY, ("literal", token.value[1:]))
        if token.kind == "variable":
            return ("variable", token.value)
        if token.kind == "name":
            return self.named(token)
        if token.kind == "op":
            return self.opened(token)
        self.index -= 1
        raise self.unexpected("unexpected end")

    def opened(self, token: Token) -> Ast:
        if token.value == "..":
            return ("recurse",)
        if token.value == ".":
            if self.peek.kind == "string":
                return ("index", IDENTITY, self.string(self.next().value, None))
            return IDENTITY
        if token.value == "(":
            inner = self.pipe()
            self.expect(")")
            return inner
        if token.value == "[":
            if self.take("]"):
                return ("literal_array",)
            inner = self.pipe()
            self.expect("]")
            return ("array", inner)
        if token.value == "{":
            return self.object()
        self.index -= 1
        raise self.unexpected()

    def named(self, token: Token) -> Ast:
        constants: dict[str, Ast] = {
            "true": ("literal", True), "false": ("literal", False), "null": ("literal", None),
        }  # fmt: skip
        if token.value in constants:
            return constants[token.value]
        if token.value == "if":
            return self.conditional()
        if token.value == "try":
            body = self.suffixes(self.term())
            return ("try", body, self.suffixes(self.term()) if self.take("catch") else None)
        if token.value in ("reduce", "foreach"):
            return self.fold(token.value)
        if token.value in _KEYWORDS:
            self.index -= 1
            raise self.unexpected()
        arguments: list[Ast] = []
        if self.take("("):
            arguments.append(self.pipe())
            while self.take(";"):
                arguments.append(self.pipe())
            self.expect(")")
        return ("call", token.value, tuple(arguments))

    def conditional(self) -> Ast:
        test = self.pipe()
        self.expect("then")
        then = self.pipe()
        if self.take("elif"):
            return ("if", test, then, self.conditional())
        otherwise = self.pipe() if self.take("else") else IDENTITY
        self.expect("end")
        return ("if", test, then, otherwise)

    def fold(self, kind: str) -> Ast:
        source = self.suffixes(self.term())
        self.expect("as")
        if self.peek.kind != "variable":
            raise JqUnsupportedError("destructuring")
        name = self.next().value
        self.expect("(")
        parts = [self.pipe()]
        while self.take(";"):
            parts.append(self.pipe())
        self.expect(")")
        if len(parts) != 2 and not (kind == "foreach" and len(parts) == 3):
            raise self.unexpected(f"{kind} takes two parts")
        return (kind, source, name, *parts)

    def string(self, parts: list[Any], form: str | None) -> Ast:
        if len(parts) == 1:
            return ("literal", parts[0])
        listed: list[Any] = []
        for part in parts:
            if isinstance(part, str):
                listed.append(part)
            else:
                inner = _Parser(part, self.depth + 1)
                listed.append(inner.pipe())
                inner.expect_end()
        return ("text", tuple(listed), form)

    def object(self) -> Ast:
        pairs: list[tuple[Ast, Ast]] = []
        while not self.take("}"):
            pairs.append(self.pair())
            if not self.at("}"):
                self.expect(",")
        return ("object", tuple(pairs))

    def pair(self) -> tuple[Ast, Ast]:
        token = self.next()
        if token.kind == "variable":
            key: Ast = ("literal", token.value[1:])
            short: Ast | None = ("variable", token.value)
        elif token.kind == "name":
            key = ("literal", token.value)
            short = ("index", IDENTITY, key)
        elif token.kind == "string":
            key = self.string(token.value, None)
            short = ("index", IDENTITY, key)
        elif token.kind == "op" and token.value == "(":
            key, short = self.pipe(), None
            self.expect(")")
        else:
            self.index -= 1
            raise self.unexpected("expected a key")
        if self.take(":"):
            return key, self.object_value()
        if short is None:
            raise self.unexpected("expected :")
        return key, short

    def object_value(self) -> Ast:
        left = self.alternative()
        return ("pipe", left, self.object_value()) if self.take("|") else left


def _number(text: str) -> int | float | Decimal:
    if text.isdigit():
        return int(text)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
