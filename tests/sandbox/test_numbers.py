from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integrator.identifiers import niss
from integrator.sandbox.numbers import national_number, wrong_check_digits

parts = st.tuples(
    st.integers(1900, 2099), st.integers(0, 12), st.integers(0, 31), st.integers(1, 997), st.sampled_from([0, 20, 40])
)  # fmt: skip


def test_known_examples() -> None:
    assert national_number(1985, 7, 30, 33) == "85073003328"
    assert national_number(2017, 7, 30, 33) == "17073003384"


@given(parts)
def test_every_number_passes_the_checks(drawn: tuple[int, int, int, int, int]) -> None:
    year, month, day, serial, bis = drawn
    number = national_number(year, month, day, serial, bis=bis)
    assert niss(number) == number


@given(parts)
def test_wrong_check_digits_are_wrong_in_every_century(drawn: tuple[int, int, int, int, int]) -> None:
    year, month, day, serial, bis = drawn
    number = wrong_check_digits(national_number(year, month, day, serial, bis=bis))
    assert len(number) == 11
    assert niss(number) is None
