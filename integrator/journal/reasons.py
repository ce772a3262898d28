"""Why somebody reads the journal: required, and looked at, so that a record of it can be judged later."""

from __future__ import annotations

import re
import unicodedata

from integrator import identifiers
from integrator.exchange import InvalidRequest

CHARS_MIN, CHARS_MAX = 8, 256
_VOID_WORDS = """
    valeur sans importance|sans importance|sans objet|sans raison|aucune raison|pas de raison|consultation
    waarde zonder belang|zonder belang|zonder reden|geen reden|niet van toepassing|onbekend
    wert ohne bedeutung|ohne bedeutung|ohne grund|kein grund|nicht zutreffend
    no reason|none given|not applicable|because i can|just looking|whatever|testtest|test test|something|anything
    lorem ipsum|qwertyuiop|asdfghjkl|azertyuiop|reason why
"""
_VOID = frozenset(words.strip() for line in _VOID_WORDS.strip().splitlines() for words in line.split("|"))
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """Words in lower case without accents, one space between: what reasons are compared by."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(_WORD.findall("".join(c for c in bare if not unicodedata.combining(c))))


def check(why: str) -> str:
    """The reason, trimmed. Raises InvalidRequest with what a reason looks like.

    Reasons: `why-short`, `why-long`, `why-void` for what says nothing, `why-names-person` where a national
    number stands in it: the number would be kept beside every reading.
    """
    text = " ".join(why.split())
    if len(text) < CHARS_MIN:
        raise InvalidRequest(
            f"say why in at least {CHARS_MIN} characters, for example: complaint 2026/17", reason="why-short"
        )
    if len(text) > CHARS_MAX:
        raise InvalidRequest(f"say why in at most {CHARS_MAX} characters", reason="why-long")
    words = plain(text)
    if words in _VOID or len(set(words.replace(" ", ""))) < 5:
        raise InvalidRequest(
            "this is no reason: name the case, the complaint or the request behind it", reason="why-void"
        )
    digits = re.sub(r"(?<=\d)[ .\-/](?=\d)", "", text)
    if any(identifiers.niss(number) for number in re.findall(r"\d{11}", digits)):
        raise InvalidRequest(
            "the reason names a national number, and would be kept: say why without it",
            reason="why-names-person",
        )
    return text
