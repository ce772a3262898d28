"""jq's functions that take filters: select, map, first, sort_by and the like; and how a call compiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.jq import functions
from integrator.engine.jq.errors import JqError, JqUnsupportedError
from integrator.engine.jq.filters import Env, Filter, binary, many
from integrator.engine.jq.values import items, truthy, type_name

_NONE = object()


def compile_call(name: str, filters: tuple[Filter, ...]) -> Filter:
    """A function call by name and compiled arguments. Raises JqUnsupportedError."""
    special = SPECIAL.get((name, len(filters)))
    if special is not None:
        return special(filters)
    plain = functions.PLAIN.get((name, len(filters)))
    if plain is None:
        raise JqUnsupportedError(f"{name}/{len(filters)}")
    if not filters:
        return Filter(one=True, run=lambda value, _env: plain(value))
    if len(filters) == 1:
        return binary(Filter(one=True, run=lambda value, _env: value), filters[0], plain)
    first, second = filters
    pairs = binary(first, second, lambda left, right: (left, right))
    return binary(
        Filter(one=True, run=lambda value, _env: value), pairs, lambda value, pair: plain(value, *pair)
    )


def _generated(work: Callable[..., Iterator[Any]]) -> Callable[[tuple[Filter, ...]], Filter]:
    def make(arguments: tuple[Filter, ...]) -> Filter:
        listed = [many(argument) for argument in arguments]
        return Filter(one=False, run=lambda value, env: work(value, env, *listed))

    return make


def _collected(work: Callable[..., Any]) -> Callable[[tuple[Filter, ...]], Filter]:
    def make(arguments: tuple[Filter, ...]) -> Filter:
        listed = [many(argument) for argument in arguments]
        return Filter(one=True, run=lambda value, env: work(value, env, *listed))

    return make


def _select(arguments: tuple[Filter, ...]) -> Filter:
    test = arguments[0]
    check = test.run
    if test.one:

        def select_one(value: Any, env: Env) -> Any:
            return (value,) if truthy(check(value, env)) else ()

        return Filter(one=False, run=select_one)

    def select(value: Any, env: Env) -> Iterator[Any]:
        for found in check(value, env):
            if truthy(found):
                yield value

    return Filter(one=False, run=select)


def _map(arguments: tuple[Filter, ...]) -> Filter:
    body = arguments[0]
    run = body.run
    if body.one:
        return Filter(one=True, run=lambda value, env: [run(item, env) for item in items(value)])
    return Filter(one=True, run=lambda value, env: [o for item in items(value) for o in run(item, env)])


def _limit(value: Any, env: Env, counts: Any, each: Any) -> Iterator[Any]:
    for count in counts(value, env):
        left = int(count)
        if left <= 0:
            continue
        for item in each(value, env):
            yield item
            left -= 1
            if left == 0:
                break


def _first(value: Any, env: Env, each: Any) -> Iterator[Any]:
    for item in each(value, env):
        yield item
        return


def _last(value: Any, env: Env, each: Any) -> Iterator[Any]:
    found: Any = _NONE
    for found in each(value, env):  # noqa: B007 - the last one counts
        pass
    if found is not _NONE:
        yield found


def _range(value: Any, env: Env, *bounds: Any) -> Iterator[Any]:
    starts, ends = bounds if len(bounds) > 1 else ((lambda _value, _env: (0,)), bounds[0])
    for start in starts(value, env):
        for end in ends(value, env):
            yield from functions.count_up(start, end)


def _error(value: Any, env: Env, messages: Any) -> Iterator[Any]:
    for message in messages(value, env):
        raise functions.user_error(message)
    yield from ()


def _any(decided: bool) -> Callable[..., bool]:
    def test(value: Any, env: Env, *parts: Any) -> bool:
        each, check = parts if len(parts) > 1 else ((lambda v, _env: items(v)), parts[0])
        for item in each(value, env):
            for found in check(item, env):
                if truthy(found) is decided:
                    return decided
        return not decided

    return test


def _with_entries(value: Any, env: Env, change: Any) -> Any:
    changed = [out for entry in functions.to_entries(value) for out in change(entry, env)]
    return functions.from_entries(changed)


def _keyed(work: Callable[[list[tuple[Any, Any]]], Any]) -> Callable[..., Any]:
    def by(value: Any, env: Env, key: Any) -> Any:
        if not isinstance(value, list):
            raise JqError(f"{type_name(value)} cannot be sorted, as it is not an array")
        return work([(list(key(item, env)), item) for item in value])

    return by


def _isvalid(value: Any, env: Env, each: Any) -> bool:
    try:
        for _ in each(value, env):
            pass
    except JqError:
        return False
    return True


def _map_values(value: Any, env: Env, change: Any) -> Any:
    if isinstance(value, dict):
        firsts = ((key, next(iter(change(item, env)), _NONE)) for key, item in value.items())
        return {key: item for key, item in firsts if item is not _NONE}
    return [next(iter(outs)) for item in items(value) if (outs := list(change(item, env)))]


def _walk(value: Any, env: Env, change: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = {key: out for key, item in value.items() for out in _first(item, env, _walker(change))}
    elif isinstance(value, list):
        value = [out for item in value for out in _walk(item, env, change)]
    yield from change(value, env)


def _walker(change: Any) -> Any:
    return lambda value, env: _walk(value, env, change)


def _exchange(kind: str) -> Callable[[tuple[Filter, ...]], Filter]:
    def make(arguments: tuple[Filter, ...]) -> Filter:
        def read(_value: Any, env: Env, names: Any) -> Iterator[Any]:
            for name in names(_value, env):
                yield functions.of_exchange(kind, (env or {}).get(functions.EXCHANGE), name)

        return _generated(read)(arguments)

    return make


def _empty(_arguments: tuple[Filter, ...]) -> Filter:
    return Filter(one=False, run=lambda _value, _env: iter(()))


SPECIAL: dict[tuple[str, int], Callable[[tuple[Filter, ...]], Filter]] = {
    ("empty", 0): _empty,
    ("select", 1): _select,
    ("map", 1): _map,
    ("map_values", 1): _collected(_map_values),
    ("with_entries", 1): _collected(_with_entries),
    ("first", 1): _generated(_first),
    ("last", 1): _generated(_last),
    ("limit", 2): _generated(_limit),
    ("range", 1): _generated(_range),
    ("range", 2): _generated(_range),
    ("error", 1): _generated(_error),
    ("any", 1): _collected(_any(decided=True)),
    ("any", 2): _collected(_any(decided=True)),
    ("all", 1): _collected(_any(decided=False)),
    ("all", 2): _collected(_any(decided=False)),
    ("isvalid", 1): _collected(_isvalid),
    ("sort_by", 1): _collected(_keyed(functions.sorted_items)),
    ("group_by", 1): _collected(_keyed(functions.grouped)),
    ("unique_by", 1): _collected(_keyed(functions.unique)),
    ("min_by", 1): _collected(_keyed(functions.smallest)),
    ("max_by", 1): _collected(_keyed(functions.largest)),
    ("walk", 1): _generated(_walk),
    ("recurse", 0): lambda _arguments: Filter(one=False, run=lambda value, _env: functions.recurse(value)),
    ("header", 1): _exchange("header"),
    ("property", 1): _exchange("property"),
    ("variable", 1): _exchange("variable"),
}
for _kind, _test in functions.TYPE_FILTERS.items():
    SPECIAL[(_kind, 0)] = lambda _arguments, test=_test: _select(
        (Filter(one=True, run=lambda v, _e: test(v)),)
    )  # type: ignore[misc]
