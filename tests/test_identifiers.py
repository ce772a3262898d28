import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.be import bis, nn, vat

from integrator import identifiers


@pytest.mark.parametrize("number", ["85073003328", "17073003384", "98472899765", "53480200724"])
def test_known_national_numbers(number):
    assert identifiers.niss(number) == number
    assert identifiers.subject(number) == ("niss", number)


@pytest.mark.parametrize("text", ["85.07.30-033.28", " 85 07 30 033 28 ", "85073003328"])
def test_national_numbers_are_normalised(text):
    assert identifiers.niss(text) == "85073003328"


@pytest.mark.parametrize(
    "text",
    ["85073003329", "8507300332", "850730033280", "", "abc", "85133003328", "85650003328", "٨٥٠٧٣٠٠٣٣٢٨"],
)
def test_wrong_national_numbers(text):
    assert identifiers.niss(text) is None


@given(st.integers(0, 99_999_999_999).map(lambda n: f"{n:011d}"))
def test_national_numbers_that_the_register_library_accepts_are_accepted(text):
    days_exist = int(text[4:6]) <= 31  # the contracts' pattern; the library also knows used-up counters
    if days_exist and (nn.is_valid(text) or bis.is_valid(text)):
        assert identifiers.niss(text) == text


@given(st.integers(0, 199_999_999).map(lambda n: f"{n:08d}").filter(lambda t: t[0] in "01"))
def test_enterprise_numbers_have_mod_97_check_digits(first):
    number = f"{first[:8]}{97 - int(first[:8]) % 97:02d}"
    assert identifiers.bce(number) == number
    assert identifiers.bce(f"{number[:4]}.{number[4:7]}.{number[7:]}") == number
    wrong = f"{first[:8]}{(97 - int(first[:8]) % 97 + 1) % 100:02d}"
    assert identifiers.bce(wrong) is None


def test_enterprise_numbers_agree_with_the_library_and_regain_their_zero():
    assert vat.is_valid("0316381138") is (identifiers.bce("0316381138") is not None)
    assert identifiers.bce("316381138") == "0316381138"
    assert identifiers.bce("0216.693.545") == "0216693545"
    assert identifiers.bce("0216.693.546") is None


def test_other_numbers():
    assert identifiers.nis("92094") == "92094"
    assert identifiers.nis("02094") is None
    assert identifiers.establishment("2000000001") is None
    assert identifiers.subject("0316381138") == ("bce", "0316381138")
    assert identifiers.subject("nothing") is None
