"""Canonical bytes of leaves and details (RFC 8785); the hash of a leaf is `merkle.leaf_hash`.

Only a subset of JSON is used, where orjson with sorted keys gives RFC 8785's bytes: ASCII keys,
strings, booleans, null, integers below 2^53 in magnitude, arrays and objects of these. Floats are
refused, because their text depends on the serialiser.
"""

from __future__ import annotations

from typing import Any

import orjson

from integrator.journal.merkle import leaf_hash as leaf_hash

INTEGER_MAX = 2**53 - 1
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_dumps = orjson.dumps


class NotCanonical(Exception):
    """The value has no canonical form in the journal's subset of JSON; the path says where."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of any value of the subset. Raises NotCanonical for anything else."""
    require_canonical(value)
    return _dumps(value, None, _OPTIONS)


def canonical_trusted(value: Any) -> bytes:
    """The same bytes without the walk, for documents whose keys and types the caller made itself.

    Raises NotCanonical for lone surrogates, integers from 2^53 on and types JSON does not know;
    floats and non-ASCII keys are the caller's duty.
    """
    try:
        return _dumps(value, None, _OPTIONS)
    except TypeError as error:
        raise NotCanonical(f"the document has no canonical form: {error}") from error


def require_canonical(value: Any, path: str = "$") -> None:
    """Raise NotCanonical where a value is outside the subset; the message has the path only."""
    kind = type(value)
    if value is None or kind is bool:
        return
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonical(f"{path}: integers must be below 2^53")
    elif kind is str:
        _require_text(value, path)
    elif kind is list or kind is tuple:
        for position, item in enumerate(value):
            require_canonical(item, f"{path}[{position}]")
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise NotCanonical(f"{path}: keys must be ASCII text")
            require_canonical(item, f"{path}.{key}")
    else:
        raise NotCanonical(f"{path}: {kind.__name__} is not allowed in the journal")


def _require_text(value: str, path: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical(f"{path}: text with half a surrogate pair") from None
