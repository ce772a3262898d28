"""From jq's syntax tree to closures.

A filter is `Filter(one, run)`: where it always has exactly one output, `run(value, env)` returns it;
otherwise `run` is a generator function. `env` holds variables (None while there are none) and, under
`EXCHANGE`, the exchange of `header()`, `property()` and `variable()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.jq import functions
from integrator.engine.jq.calls import compile_call
from integrator.engine.jq.errors import JqError, JqSyntaxError, JqUnsupportedError
from integrator.engine.jq.filters import Env, Filter, binary, many, mapped_by
from integrator.engine.jq.formats import FORMATS, text_of
from integrator.engine.jq.parser import IDENTITY, Ast
from integrator.engine.jq.values import CALCULATIONS, COMPARISONS, cut, index, items, truthy, type_name


def compile_filter(tree: Ast, names: frozenset[str] = frozenset()) -> Filter:
    """Compile a syntax tree; `names` are the variables in sight. Raises JqUnsupportedError, JqSyntaxError."""
    return _COMPILERS[tree[0]](tree, names)


# --- values and paths ---


def _identity(_tree: Ast, _names: frozenset[str]) -> Filter:
    return Filter(one=True, run=lambda value, _env: value)


def _literal(tree: Ast, _names: frozenset[str]) -> Filter:
    constant = tree[1]
    return Filter(one=True, run=lambda _value, _env: constant)


def _literal_array(_tree: Ast, _names: frozenset[str]) -> Filter:
    return Filter(one=True, run=lambda _value, _env: [])


def _variable(tree: Ast, names: frozenset[str]) -> Filter:
    name = tree[1]
    if name in ("$ENV", "$__loc__", "$__prog_args"):
        raise JqUnsupportedError(name)
    if name not in names:
        raise JqSyntaxError(f"the variable {name} is not defined", 0)

    def variable(_value: Any, env: Env) -> Any:
        assert env is not None
        return env[name]

    return Filter(one=True, run=variable)


def _index(tree: Ast, names: frozenset[str]) -> Filter:
    keys: list[str] = []
    base: Ast = tree
    while base[0] == "index" and base[2][0] == "literal" and isinstance(base[2][1], str):
        keys.append(base[2][1])
        base = base[1]
    if keys:
        return _path(tuple(reversed(keys)), compile_filter(base, names), base)
    found, key = compile_filter(tree[1], names), compile_filter(tree[2], names)
    if found.one and key.one:
        get, get_key = found.run, key.run
        return Filter(one=True, run=lambda value, env: index(get(value, env), get_key(value, env)))
    each, each_key = many(found), many(key)

    def walk(value: Any, env: Env) -> Iterator[Any]:
        for target in each(value, env):
            for name in each_key(value, env):
                yield index(target, name)

    return Filter(one=False, run=walk)


def _path(keys: tuple[str, ...], base: Filter, tree: Ast) -> Filter:
    # `.a.b.c` is the most frequent program of all: one loop, no closure a key.
    if len(keys) == 1:
        return _field(keys[0], base, tree)

    def follow(value: Any) -> Any:
        for key in keys:
            if value.__class__ is dict:
                value = value.get(key)
            elif value is None:
                return None
            else:
                value = index(value, key)
        return value

    if tree == IDENTITY:
        return Filter(one=True, run=lambda value, _env: follow(value))
    return mapped_by(base, follow)


def _field(key: str, base: Filter, tree: Ast) -> Filter:
    def field(value: Any, _env: Env = None) -> Any:
        if value.__class__ is dict:
            return value.get(key)
        return index(value, key)

    return Filter(one=True, run=field) if tree == IDENTITY else mapped_by(base, field)


def _slice(tree: Ast, names: frozenset[str]) -> Filter:
    nothing: Ast = ("literal", None)
    found, start, end = (compile_filter(part or nothing, names) for part in tree[1:])
    if found.one and start.one and end.one:
        get, first, last = found.run, start.run, end.run
        return Filter(
            one=True, run=lambda value, env: cut(get(value, env), first(value, env), last(value, env))
        )
    each, firsts, lasts = many(found), many(start), many(end)

    def slices(value: Any, env: Env) -> Iterator[Any]:
        for target in each(value, env):
            for last in lasts(value, env):
                for first in firsts(value, env):
                    yield cut(target, first, last)

    return Filter(one=False, run=slices)


def _iterate(tree: Ast, names: frozenset[str]) -> Filter:
    found = compile_filter(tree[1], names)
    run = found.run
    if found.one:
        return Filter(one=False, run=lambda value, env: iter(items(run(value, env))))

    def iterate(value: Any, env: Env) -> Iterator[Any]:
        for target in run(value, env):
            yield from items(target)

    return Filter(one=False, run=iterate)


def _recurse(_tree: Ast, _names: frozenset[str]) -> Filter:
    return Filter(one=False, run=lambda value, _env: functions.recurse(value))


# --- combining ---


def _pipe(tree: Ast, names: frozenset[str]) -> Filter:
    left, right = compile_filter(tree[1], names), compile_filter(tree[2], names)
    first, second = left.run, right.run
    if left.one:
        return Filter(one=right.one, run=lambda value, env: second(first(value, env), env))
    if right.one:

        def map_pipe(value: Any, env: Env) -> Iterator[Any]:
            for item in first(value, env):
                yield second(item, env)

        return Filter(one=False, run=map_pipe)

    def pipe(value: Any, env: Env) -> Iterator[Any]:
        for item in first(value, env):
            yield from second(item, env)

    return Filter(one=False, run=pipe)


def _comma(tree: Ast, names: frozenset[str]) -> Filter:
    left, right = (many(compile_filter(part, names)) for part in tree[1:])

    def comma(value: Any, env: Env) -> Iterator[Any]:
        yield from left(value, env)
        yield from right(value, env)

    return Filter(one=False, run=comma)


def _calculate(tree: Ast, names: frozenset[str]) -> Filter:
    return binary(compile_filter(tree[2], names), compile_filter(tree[3], names), CALCULATIONS[tree[1]])


def _compare(tree: Ast, names: frozenset[str]) -> Filter:
    left, right = compile_filter(tree[2], names), compile_filter(tree[3], names)
    constant = tree[3][1] if tree[3][0] == "literal" else None
    if left.one and isinstance(constant, str) and tree[1] in ("==", "!="):
        get, wanted = left.run, tree[1] == "=="
        return Filter(one=True, run=lambda value, env: (get(value, env) == constant) is wanted)
    return binary(left, right, COMPARISONS[tree[1]])


def _negate(tree: Ast, names: frozenset[str]) -> Filter:
    return mapped_by(compile_filter(tree[1], names), functions.negate)


def _logical(tree: Ast, names: frozenset[str]) -> Filter:
    decided = tree[0] == "or"
    left, right = compile_filter(tree[1], names), compile_filter(tree[2], names)
    first, second = left.run, right.run
    if left.one and right.one:

        def both(value: Any, env: Env) -> bool:
            if truthy(first(value, env)) is decided:
                return decided
            return truthy(second(value, env))

        return Filter(one=True, run=both)
    each, others = many(left), many(right)

    def logical(value: Any, env: Env) -> Iterator[bool]:
        for item in each(value, env):
            if truthy(item) is decided:
                yield decided
            else:
                for other in others(value, env):
                    yield truthy(other)

    return Filter(one=False, run=logical)


def _alternative(tree: Ast, names: frozenset[str]) -> Filter:
    left, right = compile_filter(tree[1], names), compile_filter(tree[2], names)
    each = many(left)
    if left.one and right.one:
        first, second = left.run, right.run

        def choose(value: Any, env: Env) -> Any:
            found = first(value, env)
            return found if truthy(found) else second(value, env)

        return Filter(one=True, run=choose)
    others = many(right)

    def alternative(value: Any, env: Env) -> Iterator[Any]:
        found = False
        for item in each(value, env):
            if truthy(item):
                found = True
                yield item
        if not found:
            yield from others(value, env)

    return Filter(one=False, run=alternative)


def _if(tree: Ast, names: frozenset[str]) -> Filter:
    test, then, otherwise = (compile_filter(part, names) for part in tree[1:])
    if test.one and then.one and otherwise.one:
        check, first, second = test.run, then.run, otherwise.run
        return Filter(one=True, run=lambda v, env: first(v, env) if truthy(check(v, env)) else second(v, env))
    checks, firsts, seconds = many(test), many(then), many(otherwise)

    def branches(value: Any, env: Env) -> Iterator[Any]:
        for found in checks(value, env):
            yield from (firsts if truthy(found) else seconds)(value, env)

    return Filter(one=False, run=branches)


def _try(tree: Ast, names: frozenset[str]) -> Filter:
    body = many(compile_filter(tree[1], names))
    handler = many(compile_filter(tree[2], names)) if tree[2] is not None else None

    def attempt(value: Any, env: Env) -> Iterator[Any]:
        try:
            yield from body(value, env)
        except JqError as error:
            if handler is not None:
                yield from handler(error.value, env)

    return Filter(one=False, run=attempt)


# --- construction ---


def _array(tree: Ast, names: frozenset[str]) -> Filter:
    found = compile_filter(tree[1], names)
    run = found.run
    if found.one:
        return Filter(one=True, run=lambda value, env: [run(value, env)])
    return Filter(one=True, run=lambda value, env: list(run(value, env)))


def _object(tree: Ast, names: frozenset[str]) -> Filter:
    pairs = [(key, compile_filter(key, names), compile_filter(value, names)) for key, value in tree[1]]
    if all(key[0] == "literal" and isinstance(key[1], str) and value.one for key, _, value in pairs):
        fixed = tuple((key[1], value.run) for key, _, value in pairs)
        return Filter(one=True, run=lambda value, env: {name: get(value, env) for name, get in fixed})
    parts = tuple((many(key), many(value)) for _, key, value in pairs)

    def build(value: Any, env: Env, number: int, before: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if number == len(parts):
            yield before
            return
        keys, values = parts[number]
        for name in keys(value, env):
            if not isinstance(name, str):
                raise JqError(f"Object keys must be strings, not {type_name(name)}")
            for item in values(value, env):
                yield from build(value, env, number + 1, {**before, name: item})

    # The first field varies slowest: jackson-jq's order, the reverse of libjq's.
    return Filter(one=False, run=lambda value, env: build(value, env, 0, {}))


def _text(tree: Ast, names: frozenset[str]) -> Filter:
    write = FORMATS.get(tree[2]) if tree[2] else text_of
    if write is None:
        raise JqSyntaxError(f"there is no format {tree[2]}", 0)
    parts = [part if isinstance(part, str) else compile_filter(part, names) for part in tree[1]]
    if all(isinstance(part, str) or part.one for part in parts):
        runs = tuple(part if isinstance(part, str) else part.run for part in parts)

        def text(value: Any, env: Env) -> str:
            return "".join([p if isinstance(p, str) else write(p(value, env)) for p in runs])

        return Filter(one=True, run=text)
    found = Filter(one=True, run=lambda _value, _env: "")
    for part in parts:
        if isinstance(part, str):
            literal = part
            found = mapped_by(found, lambda before, literal=literal: before + literal)  # type: ignore[misc]
        else:
            found = binary(found, part, lambda before, item: before + write(item))
    return found


def _format(tree: Ast, _names: frozenset[str]) -> Filter:
    write = FORMATS.get(tree[1])
    if write is None:
        raise JqSyntaxError(f"there is no format {tree[1]}", 0)
    return Filter(one=True, run=lambda value, _env: write(value))


# --- variables and folds ---


def _as(tree: Ast, names: frozenset[str]) -> Filter:
    source, name = compile_filter(tree[1], names), tree[2]
    body = compile_filter(tree[3], names | {name})
    get, run = source.run, body.run
    if source.one:
        return Filter(one=body.one, run=lambda v, env: run(v, {**(env or {}), name: get(v, env)}))
    each = many(body)

    def bind(value: Any, env: Env) -> Iterator[Any]:
        for item in get(value, env):
            yield from each(value, {**(env or {}), name: item})

    return Filter(one=False, run=bind)


def _reduce(tree: Ast, names: frozenset[str]) -> Filter:
    _, source, name, initial, update = tree
    each = many(compile_filter(source, names))
    start = many(compile_filter(initial, names))
    step = many(compile_filter(update, names | {name}))

    def fold(value: Any, env: Env) -> Iterator[Any]:
        for state in start(value, env):
            for item in each(value, env):
                last = None
                for last in step(state, {**(env or {}), name: item}):  # noqa: B007 - the last one counts
                    pass
                state = last
            yield state

    return Filter(one=False, run=fold)


def _foreach(tree: Ast, names: frozenset[str]) -> Filter:
    _, source, name, initial, update, *extract = tree
    inner = names | {name}
    each, start = many(compile_filter(source, names)), many(compile_filter(initial, names))
    step = many(compile_filter(update, inner))
    show = many(compile_filter(extract[0] if extract else IDENTITY, inner))

    def fold(value: Any, env: Env) -> Iterator[Any]:
        for state in start(value, env):
            for item in each(value, env):
                bound = {**(env or {}), name: item}
                for state in step(state, bound):  # noqa: B020 - each state follows from the last
                    yield from show(state, bound)

    return Filter(one=False, run=fold)


def _call(tree: Ast, names: frozenset[str]) -> Filter:
    return compile_call(tree[1], tuple(compile_filter(argument, names) for argument in tree[2]))


_COMPILERS: dict[str, Callable[[Ast, frozenset[str]], Filter]] = {
    "identity": _identity,
    "literal": _literal,
    "literal_array": _literal_array,
    "variable": _variable,
    "index": _index,
    "slice": _slice,
    "iterate": _iterate,
    "recurse": _recurse,
    "pipe": _pipe,
    "comma": _comma,
    "calculate": _calculate,
    "compare": _compare,
    "negate": _negate,
    "and": _logical,
    "or": _logical,
    "alternative": _alternative,
    "if": _if,
    "try": _try,
    "array": _array,
    "object": _object,
    "text": _text,
    "format": _format,
    "as": _as,
    "reduce": _reduce,
    "foreach": _foreach,
    "call": _call,
}
