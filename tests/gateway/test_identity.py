from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from integrator.gateway.credentials import new_key, secret_fits, split_key
from integrator.gateway.identity import fingerprint
from integrator.security.keyring import Key, Keyring
from integrator.site.compiled import Party
from tests.gateway.doubles import IMIO, NAMUR, FunctionRoutes, World, grant, keyring, person, site

DER = b"a certificate"
PROXY = "10.0.0.7"


def client_cert(der: bytes = DER) -> str:
    return f":{base64.b64encode(der).decode()}:"


@pytest.fixture
def proxied() -> World:
    """Namur's certificate is DER; 10.0.0.0/24 are trusted proxies."""
    parties = dict(site().parties)
    hexed = hashlib.sha256(DER).hexdigest().upper()
    colons = ":".join(hexed[place : place + 2] for place in range(0, 64, 2))
    parties["municipal/namur"] = Party("municipal/namur", NAMUR, {}, certificates=(f"sha256:{colons}",))
    world = World(
        FunctionRoutes({"flow:person-consult": person}), {}, options={"trusted_proxies": ["10.0.0.0/24"]}
    )
    return world.build(site(parties=parties))


async def consult(world: World, client: str = PROXY, **changes: str | None):
    return await world.ask(
        "POST", "/v1/persons/consult", world.headers(**changes), {"niss": "85073003328"}, client=client
    )


def test_an_api_key_is_made_once_and_only_its_hash_is_kept():
    ring = keyring()
    text, row = new_key("municipal/namur", "label", ring, 5, 9)
    parts = split_key(text)
    assert parts is not None
    assert text.startswith(f"itg_{row.key_id}_")
    assert parts[1] not in repr(row)
    assert secret_fits(ring, parts[1], row)
    assert not secret_fits(ring, parts[1] + "x", row)
    assert not secret_fits(ring, parts[1], None)
    assert (row.party, row.created_us, row.expires_us) == ("municipal/namur", 5, 9)


def test_a_key_outlives_the_rotation_of_the_credentials_key():
    ring = keyring()
    text, row = new_key("p", "l", ring, 0)
    rotated = Keyring([*ring, Key("credentials-2", "credentials", b"n" * 32)])
    assert secret_fits(rotated, split_key(text)[1], row)


@pytest.mark.parametrize("text", ["", "itg_", "itg_x", "itg__y", "itg_x_", "abc_x_y", "itg-x-y"])
def test_what_is_no_api_key(text):
    assert split_key(text) is None


def test_fingerprints_have_one_form():
    assert fingerprint("SHA256:AA:BB") == fingerprint("sha256:aabb") == "sha256:aabb"


async def test_a_wrong_secret_and_an_unknown_key_are_told_alike(world: World):
    good = world.key("municipal/namur")
    wrong = await world.consult(authorization=good[:-1] + ("A" if good[-1] != "A" else "B"))
    unknown = await world.consult(authorization="Bearer itg_ffffffffffffffff_" + "s" * 43)
    assert wrong.status == unknown.status == 401
    assert {**wrong.json, "instance": ""} == {**unknown.json, "instance": ""}


async def test_rows_are_cached_even_for_unknown_keys(world: World):
    for _ in range(3):
        await world.consult()
        await world.consult(authorization="Bearer itg_ffff_s")
    assert world.store.key_reads == 2


async def test_the_cache_is_bounded_and_short(world: World):
    now = [1_800_000_000_000_000]
    timed = World(world.routes, {}, now=lambda: now[0]).build()
    await timed.consult()
    now[0] += 6_000_000
    await timed.consult()
    assert timed.store.key_reads == 2
    identity = timed.gateway.plane.identity
    identity._kept_rows = 4
    for number in range(20):
        await timed.consult(authorization=f"Bearer itg_{number}_s")
    assert len(identity._rows) <= 4


async def test_a_revoked_or_expired_key(world: World):
    for changes in ({"revoked_us": 1}, {"expires_us": world.now() - 1}):
        answer = await world.consult(authorization=world.key("municipal/namur", **changes))
        assert (answer.status, answer.json["reason"]) == (401, "credentials-expired")
        assert answer.json["type"] == "urn:problem-type:belgif:expiredAccessToken"
    alive = world.key("municipal/namur", expires_us=world.now() + 60_000_000)
    assert (await world.consult(authorization=alive)).status == 200


async def test_a_revocation_works_at_once_where_the_cache_is_told(world: World):

    assert (await world.consult()).status == 200
    ((key_id, row),) = world.store.keys.items()
    world.store.keys[key_id] = replace(row, revoked_us=1)
    world.gateway.plane.identity.forget(key_id)
    assert (await world.consult()).status == 401


async def test_a_key_of_a_party_the_site_no_longer_knows(world: World):
    answer = await world.consult(party="municipal/vanished")
    assert (answer.status, answer.json["reason"]) == (401, "credentials-invalid")


async def test_keys_cannot_be_read(world: World):
    world.key("municipal/namur")
    world.store.down = True
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (503, "not-recorded")


async def test_a_certificate_of_a_trusted_proxy(proxied: World):
    answer = await consult(proxied, authorization=None, client_cert=client_cert())
    assert answer.status == 200
    assert proxied.routes.ran[0].context.certificate == "sha256:" + hashlib.sha256(DER).hexdigest()


async def test_from_elsewhere_the_header_counts_for_nothing(proxied: World):
    answer = await consult(proxied, "10.0.1.7", authorization=None, client_cert=client_cert())
    assert (answer.status, answer.json["reason"]) == (401, "credentials-missing")
    assert (await consult(proxied, "10.0.1.7", client_cert="garbage")).status == 200
    assert (await consult(proxied, "not-an-address", client_cert="garbage")).status == 200


async def test_key_and_certificate_must_agree(proxied: World):
    assert (await consult(proxied, client_cert=client_cert())).status == 200
    for wrong in (client_cert(b"other"), client_cert()):
        party = "municipal/namur" if wrong != client_cert() else "municipal/liege"
        answer = await consult(proxied, authorization=proxied.key(party), client_cert=wrong)
        assert (answer.status, answer.json["reason"]) == (401, "credentials-disagree")


async def test_an_unknown_certificate_alone(proxied: World):
    answer = await consult(proxied, authorization=None, client_cert=client_cert(b"other"))
    assert (answer.status, answer.json["reason"]) == (401, "credentials-invalid")


@pytest.mark.parametrize("value", ["", ":", "::", "abc", ":a b:", ":%%%%:", ":" + "A" * 20_000 + ":"])
async def test_a_client_cert_that_cannot_be_read(proxied: World, value):
    answer = await consult(proxied, client_cert=value)
    assert (answer.status, answer.json["reason"]) == (400, "header-unparsable")


async def test_a_software_house_acts_for_its_commune(world: World):
    refused = await world.consult(party="software/imio")
    assert refused.json["reason"] == "no-grant"
    answer = await world.consult(party="software/imio", **{"integrator-on-behalf-of": NAMUR})
    assert answer.status == 200
    leaf = world.store.leaves()[-1]
    assert leaf["consumer"] == {"party": "software/imio", "organisation": NAMUR, "on_behalf_of": NAMUR}
    assert (await world.consult(**{"integrator-on-behalf-of": NAMUR})).status == 200
    other = await world.consult(party="software/imio", **{"integrator-on-behalf-of": "0207343933"})
    assert (other.status, other.json["reason"]) == (403, "on-behalf-of-not-allowed")


def test_the_grant_of_an_event_is_found_again(world: World):
    runtime = world.gateway.runtime
    found = runtime.grant_for("permit-notification", "municipal/namur", "environmental-permit", "2026-11-24")
    assert found == grant("municipal/namur", fields=())
    ask = runtime.grant_for
    day = "2026-11-24"
    assert ask("permit-notification", "software/imio", "environmental-permit", day) is None
    assert ask("permit-notification", "software/imio", "environmental-permit", day, NAMUR) == found
    assert ask("permit-notification", "software/imio", "environmental-permit", day, IMIO) is None
    assert ask("permit-notification", "municipal/liege", "environmental-permit", day, NAMUR) is None
    assert ask("permit-notification", "municipal/namur", "statistics", day) is None
    assert ask("permit-notification", "municipal/namur", None, day) is None
    assert ask("permit-notification", None, "environmental-permit", day) is None
    assert ask("vanished", "municipal/namur", "environmental-permit", day) is None
    assert ask("permit-notification", "municipal/namur", "environmental-permit", "2019-12-31") is None
    assert ask("permit-notification", "municipal/namur", "environmental-permit", "2099-12-31") == found


async def test_a_key_is_not_kept_longer_because_the_clock_was_set_back():
    now = [2_000_000_000_000_000]
    world = World(FunctionRoutes({"flow:person-consult": person}), {}, now=lambda: now[0]).build()
    assert (await consult(world, "127.0.0.1")).status == 200
    key_id = next(iter(world.store.keys))
    world.store.keys[key_id] = replace(world.store.keys[key_id], revoked_us=1)
    now[0] -= 3_600_000_000
    assert (await consult(world, "127.0.0.1")).status == 401
