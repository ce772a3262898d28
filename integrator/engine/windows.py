"""A text seen through a window: what languages cut from bodies of any size, in memory that does not grow.

A text body is one window; a body on disk comes in chunks, and what was passed is let go.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from integrator.exchange import InvalidRequest, Overloaded

LONGEST = 16_000_000
"""Characters of the longest piece that is looked for in a body on disk."""
_LET_GO = 65_536


class Window:
    """The part of a text that is still needed; `place` is where the next piece begins."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self._chunks = iter(chunks)
        self.text, self.place = "", 0

    @classmethod
    def of(cls, text: str) -> Window:
        """The window on a text in memory."""
        return cls((text,))

    @classmethod
    def of_bytes(cls, chunks: Iterable[bytes]) -> Window:
        """The window on UTF-8. Raises InvalidRequest from its methods where it is not."""
        return cls(decoded(chunks))

    def more(self) -> bool:
        """See further; False at the end. Raises Overloaded where a piece has no end."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        if self.place > _LET_GO:
            self.text, self.place = self.text[self.place :], 0
        if self.place < len(self.text) and len(self.text) - self.place > LONGEST:
            raise Overloaded(f"a piece has more than {LONGEST} characters", reason="body-size")
        self.text = self.text + chunk if self.text else chunk
        return True

    def before(self, token: str) -> str | None:
        """The text up to the next token, which is passed; None where there is no other token."""
        searched = 0
        while True:
            found = self.text.find(token, self.place + searched)
            if found >= 0:
                piece = self.text[self.place : found]
                self.place = found + len(token)
                return piece
            searched = max(len(self.text) - self.place - len(token) + 1, 0)
            if not self.more():
                return None

    def match(self, pattern: re.Pattern[str]) -> tuple[str, re.Match[str]] | None:
        """The text up to the next match, and the match, which is passed; None where there is no other."""
        ended = False
        while True:
            found = pattern.search(self.text, self.place)
            if ended or (found is not None and found.end() < len(self.text)):
                break
            ended = not self.more()  # a match at the end of what is seen could go on
        if found is None:
            return None
        piece = self.text[self.place : found.start()]
        self.place = found.end()
        return piece, found

    def rest(self) -> str:
        """Everything that is left."""
        while self.more():
            continue
        piece = self.text[self.place :]
        self.place = len(self.text)
        return piece


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """UTF-8 as text, chunk by chunk. Raises InvalidRequest."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            if text := decoder.decode(chunk):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not UTF-8", reason="encoding") from error
