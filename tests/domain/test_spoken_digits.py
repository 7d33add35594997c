"""Documents as people say them on the phone."""

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.spoken_digits import figures_said, hear_document
from domain.spoken_numbers import cardinal, digits

MARIA, JOAO, COMPANY = "52998224725", "11144477735", "11222333000181"

SAID = [
    (["cinco dois nove, nove oito dois", "dois quatro sete", "dois cinco"], MARIA),
    (["529 982 247 25"], MARIA),
    (["529.982.247-25."], MARIA),
    (["5 2 9 9 8 2 2 4 7 2 5"], MARIA),
    (
        ["Quinhentos e vinte e nove.", "novecentos e oitenta e dois", "duzentos e quarenta e sete", "e vinte e cinco"],
        MARIA,
    ),
    (["quinhentos vinte e nove", "novecentos oitenta e dois", "duzentos e quarenta e sete", "vinte cinco"], MARIA),
    (["é… deixa eu ver. cinco dois nove", "nove oito dois", "dois quatro sete", "vinte e… cinco"], MARIA),
    (["meu CPF é cinco dois nove ponto nove oito dois ponto dois quatro sete traço dois cinco"], MARIA),
    (["começa com 529", "depois 982", "os próximos são 247", "e termina com 25"], MARIA),
    (["um, um, um", "quatro quatro quatro", "sete sete sete", "três cinco"], JOAO),
    (["três uns", "três quatros", "três setes", "trinta e cinco"], JOAO),
    (["cento e onze", "quatrocentos e quarenta e quatro", "setecentos e setenta e sete", "trinta e cinco"], JOAO),
    (["só um minuto", "529 982", "um momento", "247 25"], MARIA),
    (["onze, duzentos e vinte e dois, trezentos e trinta e três, mil contra, oitenta e um"], COMPANY),
    (["onze dois dois dois três três três barra zero zero zero um traço oito um"], COMPANY),
    (["meu cpf é 529 982 247 25 e moro na rua 25"], MARIA),
    (["529 982 247 25 e o telefone é 11 98888"], MARIA),
]
CORRECTED = [
    (["529 982", "duzentos e quarenta e cinco, não, quarenta e sete", "vinte e cinco"], MARIA),
    (["529 982", "duzentos e quarenta e cinco… não, duzentos e quarenta e sete", "25"], MARIA),
    (["529 982 247", "vinte e quatro", "não, vinte e cinco"], MARIA),
    (["529 928, não, 982", "247 25"], MARIA),
    (["529", "não, começa de novo: 529", "982 247 25"], MARIA),
    (["529 982", "529 982 247 25"], MARIA),
    (["529", "982", "247", "247, 25"], MARIA),
    (["529 982 247 24", "529", "982", "247", "25"], MARIA),
    (["529 982 247 2 6, opa, 5"], MARIA),
]


@pytest.mark.parametrize(("utterances", "document"), SAID + CORRECTED)
def test_a_document_is_assembled(utterances: list[str], document: str) -> None:
    assert hear_document(utterances).documents == (document,)


@pytest.mark.parametrize(
    ("utterances", "count"),
    [
        (["cinco dois nove"], 3),
        (["529", "982"], 6),
        (["meia meia meia"], 3),
        (["dois zeros um"], 3),
        (["duzentos e quarenta e sete"], 3),
        (["vinte e… cinco"], 2),
        (["zero zero"], 2),
        (["duplo nove um"], 3),
        (["só um minutinho"], 0),
        (["tenho um filho e dois cachorros"], 1),
        (["dia cinco eu pago as duas faturas"], 0),
        (["meia hora"], 0),
        (["às nove horas"], 0),
        (["não tenho ele aqui agora"], 0),
        ([], 0),
    ],
)  # fmt: skip
def test_figures_of_an_incomplete_document_are_counted(utterances: list[str], count: int) -> None:
    heard = hear_document(utterances)
    assert heard.documents == ()
    assert heard.digit_count == count


def test_wrong_check_digits_are_told_and_never_mended() -> None:
    heard = hear_document(["529 982 247", "24"])
    assert heard.documents == ()
    assert heard.has_wrong_digits
    assert heard.digit_count == 0


def test_same_figures_twice_may_be_two_groups() -> None:
    assert hear_document(["444", "444", "056", "27"]).documents == ("44444405627",)
    assert hear_document(["444", "444"]).digit_count == 3  # or six: fewer are asked for again at worst


def test_two_documents_said_one_after_the_other_are_both_heard() -> None:
    assert hear_document(["529 982 247 25", "111 444 777 35"]).documents == (MARIA, JOAO)


def _grouped(document: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(document), *(cut for cut in cuts if cut < len(document))})
    return [document[first:last] for first, last in pairwise(places)]


@settings(max_examples=150)
@given(
    st.sampled_from([MARIA, JOAO, COMPANY]),
    st.lists(st.integers(min_value=1, max_value=13), max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_every_grouping_is_understood(document: str, cuts: list[int], at_once: bool, as_numbers: bool) -> None:
    groups = _grouped(document, cuts)
    said = [
        cardinal(int(group)) if as_numbers and len(group) <= 3 and not group.startswith("0") else digits(group)
        for group in groups
    ]
    # Eleven figures in full are taken for a CPF: nobody pauses there in a CNPJ.
    assume(at_once or len(document) == 11 or 11 not in cuts)
    heard = hear_document([", ".join(said)] if at_once else said)
    assert heard.documents == (document,)


@settings(max_examples=300)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_transcript_can_be_heard(utterances: list[str]) -> None:
    heard = hear_document(utterances)
    assert 0 <= heard.digit_count <= 14


@pytest.mark.parametrize(
    ("text", "figures"),
    [("quinhentos e vinte e nove, novecentos e oitenta e dois", "529982"), ("cinco dois nove, 9 8 2", "529982"),
     ("bom dia, tudo bem?", "")],
)  # fmt: skip
def test_figures_of_a_text_are_given_in_order(text: str, figures: str) -> None:
    assert figures_said(text) == figures
