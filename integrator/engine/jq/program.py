"""Compiling a jq program: to closures, or to libjq where it uses what they have not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.jq import library
from integrator.engine.jq.closures import compile_filter
from integrator.engine.jq.errors import JqError, JqSyntaxError, JqUnsupportedError
from integrator.engine.jq.functions import EXCHANGE
from integrator.engine.jq.parser import parse
from integrator.engine.problems import ExpressionError

Program = Callable[[Any, Any], list[Any]]
"""Takes the input and the exchange (or None); returns every output. Raises JqError."""

OUTPUTS_MOST = 100_000


def compile_program(text: str) -> Program:
    """Compile a program. Raises ExpressionError with what to write instead."""
    try:
        found = compile_filter(parse(text))
    except JqSyntaxError as error:
        raise ExpressionError(error.message, "Correct the jq program.") from None
    except JqUnsupportedError as unsupported:
        return _on_library(text, unsupported.name)
    except RecursionError:
        raise ExpressionError("the program is nested too deeply", "Split it.") from None
    run = found.run
    if found.one:

        def run_one(value: Any, exchange: Any) -> list[Any]:
            try:
                return [run(value, None if exchange is None else {EXCHANGE: exchange})]
            except RecursionError:
                raise JqError("the data is nested too deeply") from None

        return run_one

    def run_many(value: Any, exchange: Any) -> list[Any]:
        outputs: list[Any] = []
        try:
            for output in run(value, None if exchange is None else {EXCHANGE: exchange}):
                outputs.append(output)
                if len(outputs) > OUTPUTS_MOST:
                    raise JqError(f"the program has more than {OUTPUTS_MOST} outputs")
        except RecursionError:
            raise JqError("the data is nested too deeply") from None
        return outputs

    return run_many


def _on_library(text: str, what: str) -> Program:
    try:
        refused = library.refused_names(text)
    except JqSyntaxError as error:
        raise ExpressionError(error.message, "Correct the jq program.") from None
    if refused:
        names = ", ".join(refused)
        raise ExpressionError(
            f"not in the embedded engine: {names}", "Write it with other functions.", "not-yet"
        )
    try:
        run = library.compile_program(text)
    except ValueError as error:
        raise ExpressionError(f"libjq refuses the program ({what})", "Correct the jq program.") from error
    return lambda value, _exchange: run(value)
