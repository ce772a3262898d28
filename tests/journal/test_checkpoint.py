from __future__ import annotations

import base64

import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal import note
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.note import NoteError, Signer

KEY = Signer("bus.example/journal", b"k" * 32)
HERE = Checkpoint("bus.example/journal", 70_000, bytes(range(32)))
ROOT = base64.b64encode(HERE.root).decode()


def test_its_three_lines() -> None:
    assert HERE.text() == f"bus.example/journal\n70000\n{ROOT}\n"
    signed = checkpoints.sign(HERE, KEY)
    assert checkpoints.verify(signed, [KEY.verifier], "bus.example/journal") == HERE
    assert checkpoints.unproven(signed) == HERE
    assert signed == checkpoints.sign(HERE, KEY)  # the same size is never signed in two ways


def test_another_log_is_refused() -> None:
    with pytest.raises(NoteError, match=r"not of other\.example"):
        checkpoints.verify(checkpoints.sign(HERE, KEY), [KEY.verifier], "other.example")


def test_extension_lines_are_allowed() -> None:
    text = HERE.text() + "more\n"
    assert checkpoints.verify(note.sign(text, [KEY]), [KEY.verifier], HERE.origin) == HERE


@pytest.mark.parametrize(
    "text",
    [
        f"o\n1\n{ROOT}", f"o\n01\n{ROOT}\n", f"o\n-1\n{ROOT}\n", f"o\n 1\n{ROOT}\n", f"o\n١\n{ROOT}\n",
        f"o\n1\n{ROOT[:-4]}\n", "o\n1\n\n", f"\n1\n{ROOT}\n", "o\n1\n", f"o\n1\n{ROOT}\n\n", f"o\n\n{ROOT}\n",
        f"o\n99999999999999999999\n{ROOT}\n", "o\n1\n!!!!\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteError):
        checkpoints.parse(text)
