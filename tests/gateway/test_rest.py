from __future__ import annotations

from tests.gateway.doubles import AGENT, NAMUR, NISS, World


async def test_a_granted_consultation(world: World):
    answer = await world.consult()
    assert answer.status == 200
    assert answer.json == {
        "niss": NISS,
        "name": {"last": "Modèle", "first": "Alix"},
        "birthDate": "1985-07-30",
        "address": {"street": "Rue Exemple", "number": "1"},
    }
    assert world.store.types() == ["received", "completed"]
    first, last = world.store.leaves()
    assert first["consumer"] == {"party": "municipal/namur", "organisation": NAMUR}
    assert last["outcome"] == "with-data"
    assert last["previous"] == world.store.records[0].leaf_hash.hex()
    assert answer.headers["integrator-record"] == world.store.records[1].leaf_hash.hex()
    assert answer.headers["belgov-trace-id"] == first["exchange"] == last["exchange"]
    assert AGENT not in str(world.store.leaves())
