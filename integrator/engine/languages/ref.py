"""ref: the value that a Python function of the site computes."""

from __future__ import annotations

from integrator.engine.calling import function, invocation
from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.results import truth, with_result_type
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, TRIM, Spec
from integrator.engine.steps import nothing

SPEC = Spec(
    "language",
    "ref",
    "The value of a function of the file beside the route, `<route>.beans.py`. Only the embedded engine has it.",
    "2.8",
    "ref: check_digits",
    options=(EXPRESSION, RESULT_TYPE, TRIM, ID),
    text="expression",
)


def expression(source: Source) -> Expression:
    """The value."""
    found = function(source.node, source.text.strip(), "expression")
    if found is None:
        return nothing
    return with_result_type(source, invocation(source.node, found, None, "expression"))


def predicate(source: Source) -> Predicate:
    """Whether the value is true."""
    value = expression(source)
    return lambda exchange: truth(value(exchange))
