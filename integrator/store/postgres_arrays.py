"""Columns of a batch as PostgreSQL arrays in their binary form, built in bulk.

psycopg adapts lists value by value; a batch has a dozen columns of hundreds of values, so the
columns are joined here in C and handed over as ready parameters. The form is that of `array_send`:
dimensions, flag, element type, length, lower bound, then each value behind its size.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from integrator.store.batching import Trouble
from integrator.store.units import UnitRefused

_EMPTY = struct.Struct("!iii")
_HEAD = struct.Struct("!iiiii")
_BOOL, _BYTEA, _INT8, _INT2, _TEXT = 16, 17, 20, 21, 25
_NULL = b"\xff\xff\xff\xff"
_TRUE, _FALSE = b"\0\0\0\1\1", b"\0\0\0\1\0"


class Array:
    """A ready array parameter; the subclasses name its type."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class ByteaArray(Array):
    """bytea[]"""

    __slots__ = ()


class TextArray(Array):
    """text[]"""

    __slots__ = ()


class Int8Array(Array):
    """bigint[]"""

    __slots__ = ()


class Int2Array(Array):
    """smallint[]"""

    __slots__ = ()


class BoolArray(Array):
    """boolean[]"""

    __slots__ = ()


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> Buffer | None:
        return obj.data


class _ByteaDumper(_ArrayDumper):
    oid = 1001


class _TextDumper(_ArrayDumper):
    oid = 1009


class _Int8Dumper(_ArrayDumper):
    oid = 1016


class _Int2Dumper(_ArrayDumper):
    oid = 1005


class _BoolDumper(_ArrayDumper):
    oid = 1000


def register(connection: AsyncConnection) -> None:
    """Teach this connection the array classes."""
    for kind, dumper in (
        (ByteaArray, _ByteaDumper),
        (TextArray, _TextDumper),
        (Int8Array, _Int8Dumper),
        (Int2Array, _Int2Dumper),
        (BoolArray, _BoolDumper),
    ):
        connection.adapters.register_dumper(kind, dumper)


def _head(element: int, count: int) -> bytes:
    return _HEAD.pack(1, 0, element, count, 1) if count else _EMPTY.pack(0, 0, element)


def fixed(values: Sequence[bytes], size: int, what: str) -> ByteaArray:
    """Values that must all have this size. Raises Trouble where one has not."""
    if any([len(value) != size for value in values]):  # noqa: C419 - a list is twice as fast here
        raise Trouble(UnitRefused(f"the unit cannot be stored: {what} must be {size} bytes"))
    prefix = size.to_bytes(4, "big")
    body = prefix + prefix.join(values) if values else b""
    return ByteaArray(_head(_BYTEA, len(values)) + body)


def blobs(values: Sequence[bytes]) -> ByteaArray:
    """Values of any size."""
    parts = [part for value in values for part in (len(value).to_bytes(4, "big"), value)]
    return ByteaArray(_head(_BYTEA, len(values)) + b"".join(parts))


@lru_cache(maxsize=4096)
def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def texts(values: Sequence[str | None]) -> TextArray:
    """Texts, mostly from a small vocabulary (types, flows, parties): each is encoded once."""
    return TextArray(_head(_TEXT, len(values)) + b"".join([_text(value) for value in values]))


def int8s(values: Sequence[int | None]) -> Int8Array:
    """64-bit integers or NULL."""
    items = [
        _NULL if value is None else b"\0\0\0\x08" + value.to_bytes(8, "big", signed=True) for value in values
    ]
    return Int8Array(_head(_INT8, len(values)) + b"".join(items))


def int2s(values: Sequence[int]) -> Int2Array:
    """16-bit integers."""
    items = [b"\0\0\0\x02" + value.to_bytes(2, "big", signed=True) for value in values]
    return Int2Array(_head(_INT2, len(values)) + b"".join(items))


def bools(values: Sequence[bool]) -> BoolArray:
    """Booleans."""
    return BoolArray(_head(_BOOL, len(values)) + b"".join([_TRUE if value else _FALSE for value in values]))
