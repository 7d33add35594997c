"""Numbers in words, and text folding under them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.folded_text import fold
from domain.number_words import DAY_WORDS, NUMBER_WORDS, read_number_words


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("um", 1),
        ("dez", 10),
        ("catorze", 14),
        ("vinte", 20),
        ("vinte e cinco", 25),
        ("cem", 100),
        ("cento e vinte e tres", 123),
        ("duzentos e cinquenta", 250),
        ("mil", 1000),
        ("mil e duzentos", 1200),
        ("mil duzentos e trinta", 1230),
        ("dois mil e quinhentos", 2500),
        ("novecentos e noventa e nove mil novecentos e noventa e nove", 999999),
    ],
)
def test_words_have_their_value(words: str, value: int) -> None:
    assert read_number_words(words) == value


@pytest.mark.parametrize("text", ["", "dez e doze", "mil mil", "oi", "e", "vinte e"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        read_number_words(text)


def test_two_numbers_stay_two() -> None:
    assert re.findall(NUMBER_WORDS, "entre dez e doze") == ["dez", "doze"]
    assert re.match(rf"({DAY_WORDS})( e )?", "vinte e cinco") is not None
    assert re.findall(DAY_WORDS, "vinte e cinco") == ["vinte e cinco"]


@given(st.text(max_size=50))
def test_folding_keeps_the_way_back(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.offsets)
    assert list(folded.offsets) == sorted(folded.offsets)
    if folded.text:
        start, end = folded.source_span(0, len(folded.text))
        assert 0 <= start < end <= len(text)


def test_folding_drops_accents_case_and_ordinal_signs() -> None:
    assert fold("AMANHÃ 1º 5ª ﬁm\u200b").text == "amanha 1o 5a fim"
