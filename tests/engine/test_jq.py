"""jq closures: against libjq as the oracle, on bad programs and on bad input."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrator.engine.jq.closures import compile_filter
from integrator.engine.jq.errors import JqError
from integrator.engine.jq.parser import parse
from integrator.engine.languages.jq import compile_jq, first_or_null
from integrator.engine.problems import ExpressionError

KEYS = ("a", "b", "c", "@x")
numbers = st.integers(-20, 20) | st.sampled_from([0.5, 1.5, -2.25])
texts = st.sampled_from(["", "a", "b", "ab", "A-b", "a,b", "1", "é", "x y"])
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
literals = scalars.map(json.dumps)
PATHS = (".", ".a", ".b", '."@x"', ".a.b", ".[]?", ".[0]?", ".[-1]?", ".a?", ".[1:]?", ".[:1]?", "..")
FUNCTIONS = (
    "length", "keys", "tostring", "type", "not", "add", "first", "last", "empty", "to_entries", "reverse", "sort",
    "unique", "min", "max", "any", "all", "ascii_downcase", "ascii_upcase", "tojson", "flatten", "floor", "values",
    "strings", "numbers", "objects", "arrays", "scalars", "iterables", "tonumber", "(objects | to_entries | from_entries)", "explode",
    "keys_unsorted", "fromjson", "sqrt", "@json", "@base64", "@html", "@uri", "@csv", "@text",
)  # fmt: skip
WITH_FILTER = ("map({})", "select({})", "first({})", "[{}]", "({})?", "any({})", "all({})", "(objects | with_entries(select({})))",
               "sort_by({})", "group_by({})", "limit(2; {})", "map_values({})", "try ({}) catch 7", "last({})",
               "unique_by({})", "min_by({})", "max_by({})", "-({})")  # fmt: skip
WITH_TEXT = ("has({})", "split({})", "join({})", "startswith({})", "endswith({})", "(strings | ltrimstr({}))", "(strings | rtrimstr({}))",
             "test({})", "contains({})", "inside({})")  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", "|", ",")


def operation(parts: tuple[str, str, str]) -> str:
    left, sign, right = parts
    if sign == "*":  # times a text, libjq 1.8 gives "" where jackson-jq gives null
        left, right = f"{left} | numbers", f"{right} | numbers"
    return f"(({left}) {sign} ({right}))"


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from(OPERATORS), inner).map(operation)
    wrapped = st.tuples(st.sampled_from(WITH_FILTER), inner).map(lambda t: t[0].format(t[1]))
    chosen = st.tuples(inner, inner, inner).map(lambda t: f"if {t[0]} then {t[1]} else {t[2]} end")
    objects = st.tuples(inner, inner).map(lambda t: f"{{a: [{t[0]}], b: [{t[1]}]}}")
    keyed = st.tuples(inner, inner).map(lambda t: f"{{([{t[0]}] | tostring): ([{t[1]}])}}")
    bound = st.tuples(inner, inner).map(lambda t: f"(({t[0]}) as $x | [$x, ({t[1]})])")
    texts_ = st.tuples(inner, inner).map(lambda t: f'"<\\({t[0]})-\\({t[1]})>"')
    folds = st.tuples(inner, inner).map(lambda t: f"reduce ({t[0]}) as $i (0; [., $i, ({t[1]})])")
    steps = st.tuples(inner, inner).map(lambda t: f"[foreach ({t[0]}) as $i (0; $i; [., ({t[1]})])]")
    return binary | wrapped | chosen | objects | keyed | bound | texts_ | folds | steps


programs = st.recursive(
    st.sampled_from(PATHS) | st.sampled_from(FUNCTIONS) | literals
    | st.tuples(st.sampled_from(WITH_TEXT), texts.map(json.dumps)).map(lambda t: t[0].format(t[1])),
    combined,
    max_leaves=5,
)  # fmt: skip


def normal(value: Any) -> Any:
    """Whole doubles as whole numbers: JSON has one kind of number."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return ("number", round(float(value), 9)) if abs(value) < 1e15 else ("number", f"{float(value):.9e}")
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    return value


def on_library(program: str, value: Any) -> Any:
    try:
        return [normal(out) for out in jq.compile(program).input_value(value).all()]
    except ValueError as error:
        return f"error: {error}"


def on_closures(program: str, value: Any) -> Any:
    run = compile_filter(parse(program))
    try:
        outputs = [run.run(value, None)] if run.one else list(run.run(value, None))
    except JqError as error:
        return f"error: {error}"
    return [normal(out) for out in outputs]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs, values)
def test_closures_do_what_libjq_does(program: str, value: Any) -> None:
    expected, found = on_library(program, value), on_closures(program, value)
    if isinstance(expected, str) or isinstance(found, str):
        assert isinstance(expected, str), (expected, found)
        assert isinstance(found, str), (expected, found)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("program", "value", "outputs"),
    [
        (
            "{a:(1,2), b:(3,4)}",
            None,
            [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}],
        ),
        ('."@x"', {"@x": 1}, [1]),
        (".[]", {"a": 1, "b": 2}, [1, 2]),
        (".a.b.c", {"a": None}, [None]),
        (".[2:4]", "abcdef", ["cd"]),
        ("[.[] | select(.n > 1) | .t]", [{"n": 1, "t": "x"}, {"n": 2, "t": "y"}], [["y"]]),
        ("to_entries | map(select(.value != null)) | from_entries", {"a": 1, "b": None}, [{"a": 1}]),
        ("1 == true, 0 == false, {a: 1} == {a: true}", None, [False, False, False]),
        ("first(empty)", None, []),
        ("[range(3)], [range(1; 3)]", None, [[0, 1, 2], [1, 2]]),
        ("def_ // 1", None, None),
        ('ltrimstr("a")', {"x": 1}, [{"x": 1}]),
        ("tojson", 100.0, ["100"]),
        (". as $x | $x.a", {"a": 3}, [3]),
        ("reduce .[] as $i (0; . + $i)", [1, 2, 3], [6]),
        ("12345678901234567890 + 1", None, [12345678901234567891]),
        ("@base64d", "SmVhbg==", ["Jean"]),
        ("# a remark\n.a", {"a": 1}, [1]),
        ('"\\u00e9\\ud83d\\ude00"', None, ["é\U0001f600"]),
        ('walk(if type == "number" then . + 1 else . end)', {"a": [1]}, [{"a": [2]}]),
    ],
)
def test_programs(program: str, value: Any, outputs: list[Any] | None) -> None:
    if outputs is None:
        with pytest.raises(ExpressionError):
            compile_jq(program)
    else:
        assert compile_jq(program)(value) == outputs


def test_first_or_null() -> None:
    assert first_or_null(compile_jq(".[]"))([1, 2]) == 1
    assert first_or_null(compile_jq("empty"))([1, 2]) is None


def test_decimals_keep_their_digits() -> None:
    price = Decimal("1.10000000000000000001")
    assert compile_jq("{p: .p}")({"p": price}) == [{"p": price}]
    assert compile_jq(".p + 1")({"p": price}) == [Decimal("2.10000000000000000001")]
    assert compile_jq(".p | tostring")({"p": price}) == ["1.10000000000000000001"]
    assert compile_jq(".p > 1.1")({"p": price}) == [True]
    assert compile_jq(".p * 0.5")({"p": Decimal("1.5")}) == [Decimal("0.75")]


@pytest.mark.parametrize(
    "program",
    [
        "del(.a)",
        "{env: .a, input} | del(.input)",
        '.a |= "env \\(.)"',
        ".a |= 5",
        "paths",
        'sub("a"; "b")?',
        ".a += 1",
        '[splits(", ")?]',
    ],
)
def test_other_programs_run_on_libjq(program: str) -> None:
    value = {"a": 1, "b": [2]}
    assert compile_jq(program)(value) == jq.compile(program).input_value(value).all()


def test_libjq_errors_do_not_repeat_data() -> None:
    with pytest.raises(JqError) as caught:
        compile_jq(".a |= (. + 1)")({"a": "Personne-Secrete"})
    assert "Secrete" not in str(caught.value)


@pytest.mark.parametrize(
    "program",
    [
        "$ENV.HOME", "env", "env.HOME", "input", "[inputs]", "debug", "def f: f; f", "repeat(.)", "[recurse(.+1)]",
        "until(false; .)", "while(true; .)", 'import "a" as a; .', "halt", "input_filename", '"\\(env.HOME)"',
        '.a |= "\\($ENV.HOME)"', "stderr", "getpath([\"a\"]) |= env", "nosuch", "nosuch(1)", "$__loc__",
        "ltrimstr(1; 2)", ". as [$a] | env", "limit(1; repeat(1)) |= 1", "$x",
    ],
)  # fmt: skip
def test_what_reaches_further_than_the_input_or_never_ends_is_refused(program: str) -> None:
    with pytest.raises(ExpressionError):
        compile_jq(program)


@pytest.mark.parametrize(
    "program",
    ["{", ".a.[", ".[bad", "1 +", '"abc', "if . then 1", "a b", "{(1)}", "@nosuch", '"\\x"', "\\", "1 < 2 < 3",
     "reduce . as $x (0)", "foreach", "try", ".a as x | 1", "and", "." * 3, "(" * 60 + ")" * 60, "[" * 400, "x" * 30_000],
)  # fmt: skip
def test_programs_that_do_not_compile(program: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_jq(program)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("program", "value"),
    [
        (".a", "Secret"), (".[0]", {"a": "Secret"}), (".[]", "Secret"), (". + 1", "Secret"), (". - 1", "Secret"),
        (". * {}", "Secret"), (". / 0", 5), (". % 0", 5), ("-.", "Secret"), ("keys", "Secret"), ("tonumber", "Secret"),
        ("fromjson", "{Secret"), ("error", "Secret2"), ("test(1)", "Secret"), ('test("(")', "Secret"), ("add", "Secret"),
        ("sort", {"a": "Secret"}), ("has(0)", {"Secret": 1}), ("{(.a): 1}", {"a": 1}), ("join(1)", ["Secret"]),
        ("implode", ["Secret"]), ("@base64d", "Secr%t"), ("@csv", "Secret"), ('split("a"; 1)?, split(1)', "Secret"),
        ("ascii_downcase", 1), ("range(1e9)", None), ("contains(1)", "Secret"), ("flatten(-1)", []),
        ('"x" * 100000000', None), ('startswith(1)', "Secret"), ("getpath(1)", {}), ("@sh", [{"Secret": 1}]),
    ],
)  # fmt: skip
def test_wrong_input_is_an_error_without_data(program: str, value: Any) -> None:
    try:
        run = compile_jq(program)
    except ExpressionError:
        pytest.skip("runs on libjq")
    with pytest.raises(JqError) as caught:
        run(value)
    assert "Secret" not in str(caught.value).replace("Secret2", "")


def test_deep_data_ends_in_an_error_not_in_a_crash() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert len(compile_jq("[..]")(deep)[0]) == 20_001
    with pytest.raises(JqError):
        compile_jq("walk(.)")(deep)
    with pytest.raises(JqError):
        compile_jq("flatten")(deep)
