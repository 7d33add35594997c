"""What a recogniser writes, as it would be typed."""

import pytest

from domain.spoken_hearing import only_hesitates, plainly_said


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("não melhor dia quinze", "não, melhor dia quinze"),
        ("na sexta não na segunda", "na sexta não, na segunda"),
        ("na sexta-feira não, na segunda", "na sexta-feira não, na segunda"),
        ("hoje não depois de amanhã", "hoje não, depois de amanhã"),
        ("não dia dez", "não, dia dez"),
        ("não prefiro quarta feira", "não, prefiro quarta feira"),
    ],
)
def test_no_that_takes_a_day_back_gets_its_comma(said: str, plain: str) -> None:
    assert plainly_said(said) == plain


@pytest.mark.parametrize(
    "said", ["não posso dia quinze", "não segunda via não", "não tenho dinheiro hoje", "sexta não dá", "não sei"]
)
def test_no_that_refuses_stays_as_it_is(said: str) -> None:
    assert plainly_said(said) == said


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("o plano de seiscentos mega", "o plano de 600 mega"),
        ("quero quatrocentos megas", "quero 400 megas"),
        ("mega promoção", "mega promoção"),
    ],
)
def test_speed_in_words_is_a_number(said: str, plain: str) -> None:
    assert plainly_said(said) == plain


@pytest.mark.parametrize("said", ["ai deixa eu ver só um minutinho", "é... deixa eu ver", "hum pera aí"])
def test_gaining_time_is_only_hesitation(said: str) -> None:
    assert only_hesitates(said)


@pytest.mark.parametrize("said", ["ai não sei", "deixa eu pagar amanhã", ""])
def test_words_that_say_something_are_more(said: str) -> None:
    assert not only_hesitates(said)
