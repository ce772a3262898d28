"""Key-check values: the database recognises the keys it was written with.

Starting with a wrong or missing key would write records nobody can open or find later, so it is
refused before the first one.
"""

from __future__ import annotations

import hmac

from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import Store


async def verify(store: Store, keyring: Keyring, *, embedded: bool = False) -> None:
    """Refuse a key file that does not fit this database.

    Keys the database does not know yet are stored at first use in the embedded mode; elsewhere they
    are refused until an operator enrols them with `enrol`. Raises KeyringError, which names the key
    id and the remedy.
    """
    known = await store.key_checks()
    ring = {key.id: key for key in keyring}
    for key_id, value in sorted(known.items()):
        if key_id not in ring:
            raise KeyringError(
                f"the key file has no key {key_id}, with which this database was written: "
                "restore that key file"
            )
        if not hmac.compare_digest(ring[key_id].check_value(), value):
            raise KeyringError(
                f"the key {key_id} of the key file is not the one this database was written with: "
                "restore the right key file, or give a new key a new id"
            )
    new = sorted(ring.keys() - known.keys())
    if new and not embedded:
        raise KeyringError(
            f"this database does not know the key {new[0]}: enrol it once, after making sure that the "
            "key file is backed up"
        )
    await enrol(store, keyring)


async def enrol(store: Store, keyring: Keyring) -> list[str]:
    """Store the check values of keys the database does not know; returns their ids."""
    known = await store.key_checks()
    new = [key for key in keyring if key.id not in known]
    for key in new:
        await store.add_key_check(key.id, key.check_value())
    return [key.id for key in new]
