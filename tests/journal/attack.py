"""What somebody who holds the whole database and every key can still learn about a number.

Everything that is left is opened, every salt that can be had is tried on every digest, and every
candidate is put to every tag: the candidates that fit are those a real attacker would find.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from integrator.journal import details, holds, tags
from integrator.journal.details import DetailsBroken
from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import Store
from integrator.store.retention import RetentionStore
from integrator.store.tables import metadata

Guess = Callable[[str], Iterable[bytes]]
_DIGEST = re.compile(rb"[0-9a-f]{64}")


async def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    return {name: await store.rows(f"SELECT * FROM {name}") for name in metadata.tables}


def _opened(keyring: Keyring, blob: bytes, ids: Iterable[bytes]) -> Iterator[bytes]:
    for key in keyring:
        for associated in ids:
            for version in (b"", b"\x02"):
                try:
                    yield key.unseal(blob, associated + version)
                except KeyringError:
                    continue


async def guessable(store: Store, keyring: Keyring, candidates: Iterable[str], payloads: Guess) -> set[str]:
    """The candidates that fit something. `payloads` are the messages that could be about a candidate."""
    blobs: list[bytes] = []
    for rows in (await everything(store)).values():
        for row in rows:
            cells = [cell.encode() if isinstance(cell, str) else cell for cell in row]
            plain = [bytes(cell) for cell in cells if isinstance(cell, bytes | memoryview)]
            blobs += plain
            ids = [cell for cell in plain if len(cell) == 16] or [b""]
            for blob in plain:
                if len(blob) > 28:
                    blobs += _opened(keyring, blob, ids)
    for hold in await RetentionStore(store).holds():
        blobs.append(holds.opened(keyring, hold).value.encode())
    salts = {bytes(32)}
    digests: set[bytes] = set()
    for blob in blobs:
        digests |= {bytes.fromhex(found.decode()) for found in _DIGEST.findall(blob)}
        digests |= {blob[n : n + 32] for n in range(max(0, len(blob) - 31))}
    salts |= digests
    return {one for one in candidates if _fits(one, keyring, blobs, salts, digests, payloads)}


def _fits(
    number: str, keyring: Keyring, blobs: list[bytes], salts: set[bytes], digests: set[bytes], payloads: Guess
) -> bool:
    if any(number.encode() in blob for blob in blobs):
        return True
    values = [(tags.NISS, number), (tags.BCE, number), (tags.READ_SUBJECT, f"subject\n{number}")]
    macs = {mac for _, mac in tags.search_tags(keyring, values)}
    if macs & digests:
        return True
    parts = [details.encode([name, ["niss", number]]) for name in ("subjects_request", "subjects_response")]
    parts += [hashlib.sha256(payload).digest() for payload in payloads(number)]
    return any(hashlib.sha256(salt + part).digest() in digests for salt in salts for part in parts)


def unsealable(keyring: Keyring, record_id: bytes, row: bytes) -> bool:
    """Whether no key opens these details."""
    for key in keyring:
        try:
            details.unseal(key, record_id, row)
        except DetailsBroken:
            continue
        return False
    return True
