"""Filters: compiled parts of jq programs, and how two of them combine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Env = dict[str, Any] | None
"""Variables by name (`$x`), and the exchange; None while there are none."""


class Filter(NamedTuple):
    """A compiled filter."""

    one: bool
    run: Callable[[Any, Env], Any]


def outputs(found: Filter, value: Any, env: Env) -> Any:
    """The outputs of a filter, as something to iterate over."""
    return (found.run(value, env),) if found.one else found.run(value, env)


def many(found: Filter) -> Callable[[Any, Env], Any]:
    """The filter's function in its generator form."""
    if not found.one:
        return found.run
    run = found.run

    def single(value: Any, env: Env) -> Iterator[Any]:
        yield run(value, env)

    return single


def mapped_by(base: Filter, work: Callable[[Any], Any]) -> Filter:
    """A filter whose outputs go through a function."""
    run = base.run
    if base.one:
        return Filter(one=True, run=lambda value, env: work(run(value, env)))

    def mapped(value: Any, env: Env) -> Iterator[Any]:
        for item in run(value, env):
            yield work(item)

    return Filter(one=False, run=mapped)


def binary(left: Filter, right: Filter, work: Callable[[Any, Any], Any]) -> Filter:
    """A function of two filters' outputs; the right one varies slowest, as in jq."""
    first, second = left.run, right.run
    if left.one and right.one:
        return Filter(one=True, run=lambda value, env: work(first(value, env), second(value, env)))
    each, others = many(left), many(right)

    def combine(value: Any, env: Env) -> Iterator[Any]:
        for other in others(value, env):
            for item in each(value, env):
                yield work(item, other)

    return Filter(one=False, run=combine)
