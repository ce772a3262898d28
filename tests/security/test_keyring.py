import hmac
import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from integrator.security.keyring import PURPOSES, Key, Keyring, KeyringError

KEY = Key("details-1", "details", bytes(range(32)))


@given(st.binary(), st.binary())
def test_what_is_sealed_opens_with_the_same_association_only(plain, associated):
    sealed = KEY.seal(plain, associated)
    assert KEY.unseal(sealed, associated) == plain
    with pytest.raises(KeyringError):
        KEY.unseal(sealed, associated + b"x")


def test_another_key_and_altered_bytes_do_not_open():
    sealed = KEY.seal(b"text")
    with pytest.raises(KeyringError, match="details-2"):
        Key("details-2", "details", bytes(32)).unseal(sealed)
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(KeyringError):
            KEY.unseal(bytes(altered))
    with pytest.raises(KeyringError):
        KEY.unseal(b"")


def test_check_value_tells_keys_apart_and_hides_the_secret():
    assert KEY.check_value() != Key("details-1", "details", bytes(32)).check_value()
    assert bytes(range(32)) not in KEY.check_value()
    assert "details-1" in repr(KEY)
    assert "\\x" not in repr(KEY)


def test_created_file_is_private_and_never_overwritten(tmp_path):
    path = tmp_path / "var" / "keys.json"
    ring = Keyring.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {key.purpose for key in ring} == set(PURPOSES)
    with pytest.raises(FileExistsError):
        Keyring.create(path)
    again = Keyring.load(path)
    assert [k.check_value() for k in again] == [k.check_value() for k in ring]


def test_the_last_key_of_a_purpose_is_current(tmp_path):
    path = tmp_path / "keys.json"
    Keyring.create(path)
    document = json.loads(path.read_text())
    document["keys"].append({**document["keys"][0], "id": "details-2"})
    path.write_text(json.dumps(document))
    ring = Keyring.load(path)
    assert ring.current("details").id == "details-2"
    assert ring.get("details-1").purpose == "details"
    with pytest.raises(KeyringError, match="no key nope"):
        ring.get("nope")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"keys": []}', "details, index, bodies, credentials"),
        ('{"keys": [{"id": "a", "purpose": "details", "secret": "AAAA"}]}', "3 bytes"),
    ],
)
def test_bad_key_files_are_refused_with_the_remedy(tmp_path, text, words):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match=words):
        Keyring.load(path)


def test_missing_and_readable_key_files_are_refused(tmp_path):
    with pytest.raises(KeyringError, match="no key file"):
        Keyring.load(tmp_path / "none.json")
    path = tmp_path / "keys.json"
    Keyring.create(path)
    path.chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        Keyring.load(path)


@given(st.binary())
def test_mac_is_hmac_sha256(data):
    assert KEY.mac(data) == hmac.digest(bytes(range(32)), data, "sha256")


def test_a_log_key_signs_and_no_other_does():
    key = Key("log-1", "log", bytes(range(32)))
    Ed25519PublicKey.from_public_bytes(key.public_key()).verify(key.sign(b"text"), b"text")
    for call in (lambda: KEY.sign(b""), KEY.public_key):
        with pytest.raises(KeyringError, match="only a key for log signs"):
            call()


def without_log(path):
    Keyring.create(path)
    document = json.loads(path.read_text())
    document["keys"] = [key for key in document["keys"] if key["purpose"] != "log"]
    path.write_text(json.dumps(document))


def test_a_key_file_made_before_the_log_was_signed_loads_and_takes_a_log_key(tmp_path):
    path = tmp_path / "keys.json"
    without_log(path)
    old = Keyring.load(path)
    assert not old.has("log")
    with pytest.raises(KeyringError, match="integrator keyring add KEYFILE --purpose log"):
        old.current("log")
    assert Keyring.add(path, "log") == "log-1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ring = Keyring.load(path)
    assert ring.has("log")
    assert len(ring.current("log").sign(b"text")) == 64
    assert {k.id: k.check_value() for k in old}.items() <= {k.id: k.check_value() for k in ring}.items()
    assert [p.name for p in tmp_path.iterdir()] == ["keys.json"]


def test_a_key_added_later_is_current(tmp_path):
    path = tmp_path / "keys.json"
    Keyring.create(path)
    assert Keyring.add(path, "details") == "details-2"
    assert Keyring.load(path).current("details").id == "details-2"
    with pytest.raises(KeyringError, match="a key is for one of"):
        Keyring.add(path, "other")
    with pytest.raises(KeyringError, match="no key file"):
        Keyring.add(tmp_path / "nothing", "log")


def test_a_key_is_taken_out_whole_or_not_at_all(tmp_path):
    path = tmp_path / "keys.json"
    Keyring.create(path)
    for key_id, match in (("details-1", "is the only key for details"), ("details-9", "no key details-9")):
        with pytest.raises(KeyringError, match=match):
            Keyring.remove(path, key_id)
    assert Keyring.add(path, "details") == "details-2"
    Keyring.remove(path, "details-1")
    assert [key.id for key in Keyring.load(path) if key.purpose == "details"] == ["details-2"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.add(path, "details") == "details-3", "the id of a retired key never comes back"
