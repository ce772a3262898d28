"""Policies: who must have cosigned."""

from __future__ import annotations

import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigner, with_signatures
from integrator.journal.note import NoteError, Signer
from integrator.journal.policy import Policy, PolicyError, parse

LOG = Signer("bus.example/journal", b"\x01" * 32)
KEYS = {name: Cosigner.of_seed(f"{name.lower()}.example", bytes([number + 2]) * 32)
        for number, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"))}  # fmt: skip
WITNESSES = "".join(f"witness {name} {cosigner.key}\n" for name, cosigner in KEYS.items())
TWO_LEVELS = f"""\
# the specification's example
log {LOG.verifier} https://bus.example/log

{WITNESSES}
\tgroup X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def policy(text: str) -> Policy:
    return parse(text.encode())


@pytest.mark.parametrize(
    ("names", "good"),
    [(("X1", "X2", "Y3"), True), (("X1", "X3", "Y1", "Y2"), True), (("X1", "Y1"), False), (("X1", "X2", "X3"), False),
     (("Y1", "Y2", "Y3"), False), ((), False)],
)  # fmt: skip
def test_the_two_levels_of_the_specification_s_example(names: tuple[str, ...], good: bool) -> None:
    assert policy(TWO_LEVELS).satisfied(names) is good


def test_what_a_policy_names() -> None:
    found = policy(TWO_LEVELS)
    assert list(found.logs) == ["bus.example/journal"]
    assert found.witnesses["Y2"].key.name == "y2.example"
    assert (
        policy(f"witness a {KEYS['X1'].key} http://w.example/a\nquorum a").witnesses["a"].url
        == "http://w.example/a"
    )
    assert policy("quorum none\n").satisfied(())


def test_a_checkpoint_is_held_against_it() -> None:
    found, said = policy(TWO_LEVELS), Checkpoint("bus.example/journal", 3, b"\x07" * 32)
    note = checkpoints.sign(said, LOG)
    signed = with_signatures(note, [KEYS[name].cosign(said.text(), 9) for name in ("X1", "X2", "Y1")])
    found.require(signed)
    assert found.names_of(signed) == {"X1": 9, "X2": 9, "Y1": 9}
    with pytest.raises(NoteError, match="lacks X1, X2, X3, Y1, Y2, Y3"):
        found.require(note)


X1 = f"witness X1 {KEYS['X1'].key}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no quorum"),
        (X1, "no quorum"),
        ("quorum X1", "line 1: no line above defines 'X1'"),
        ("quorum none\nquorum none", "line 2: there is a quorum already"),
        (X1 + X1, "line 2: the name 'X1' is taken"),
        (X1 + X1.replace("X1", "Z1", 1), "line 2: this witness's key stands there twice"),
        (f"log {LOG.verifier}\nlog {LOG.verifier}", "line 2: this log's key stands there twice"),
        (f"witness none {KEYS['X1'].key}", "the name 'none' is taken"),
        (f"witness a {LOG.verifier}", "line 1: this is no Ed25519 key of a witness"),
        (X1 + "group g 2 X1", "a number from 1 to 1"),
        (X1 + "group g 0 X1", "a number from 1 to 1"),
        (X1 + "group g all", "write 'group"),
        (X1 + "group g any X1\ngroup h any X1", "'X1' is a member of a group already"),
        (X1 + "group g any g", "no line above defines 'g'"),
        ("wittness a b", "there is no line 'wittness'"),
        ("quorum none extra", "write 'quorum"),
        ("quorum none\r", "control characters"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        policy(text)
