"""Money in cents: written, read strictly, found in customers' words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import InvalidAmount, find_amounts, format_brl, parse_brl


@pytest.mark.parametrize(
    ("cents", "written"),
    [
        (0, "R$ 0,00"),
        (5, "R$ 0,05"),
        (11990, "R$ 119,90"),
        (123450, "R$ 1.234,50"),
        (100000000, "R$ 1.000.000,00"),
        (-150, "-R$ 1,50"),
    ],
)
def test_cents_are_written_with_an_ordinary_space(cents: int, written: str) -> None:
    assert format_brl(cents) == written


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1.234,56", 123456),
        ("1234,56", 123456),
        ("R$ 50", 5000),
        ("R$50,00", 5000),
        ("r$\u00a01.234,50", 123450),
        ("rs 89,90", 8990),
        ("50 reais", 5000),
        ("1 real", 100),
        ("50 conto", 5000),
        ("89,9", 8990),
        ("1.234", 123400),
        ("1.234.567,89", 123456789),
        ("0,10", 10),
        ("0", 0),
        ("mil e duzentos", 120000),
        ("duzentos e cinquenta reais", 25000),
        ("cem", 10000),
        ("2 mil", 200000),
        ("1,5 mil", 150000),
        ("50 reais e 20 centavos", 5020),
        ("50 reais e 20", 5020),
        ("dez reais e cinquenta centavos", 1050),
    ],
)
def test_one_amount_is_read(text: str, cents: int) -> None:
    assert parse_brl(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        "1234.56",
        "R$ 1234.56",
        "89.90",
        "1,234.56",
        "1,234",
        "12.34,56",
        "1.23",
        "0.500",
        "-5",
        "+5",
        "",
        " ",
        "abc",
        "R$",
        "50 mega",
        "50 ou 60",
        "metade",
        "1e3",
        "٥٠ reais x",
        "10/12",
        "50%",
    ],
)
def test_ambiguous_or_foreign_amounts_are_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_brl(text)


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("pago 50 conto", [5000]),
        ("R$89,90", [8990]),
        ("r$ 89.90 hoje", [8990]),
        ("R$ 1.234,56", [123456]),
        ("R$50 mil", [5000000]),
        ("cinquenta reais", [5000]),
        ("mil e duzentos reais", [120000]),
        ("cem conto amanhã", [10000]),
        ("50 pila", [5000]),
        ("50$", [5000]),
        ("2k reais", [200000]),
        ("50 reais e 20 centavos", [5020]),
        ("20 centavos", [20]),
        ("rs50", [5000]),
        ("paguei rs 50,00", [5000]),
        ("pago 89,90 dia 15", [8990]),
        ("consigo pagar 80 dia 10", [8000]),
        ("pago 50 agora", [5000]),
        ("paguei 89.90", [8990]),
        ("posso dar 100 hoje e o resto depois", [10000]),
        ("só tenho 50, o resto dia 5", [5000]),
        ("pago 100 reais dia 10 e 150 reais dia 20", [10000, 15000]),
        ("529,98 e 10,00", [52998, 1000]),
        ("entrada de 100 e o resto em 2x", [10000]),
        ("meu cpf é 529.982.247-25 e pago 50 reais", [5000]),
        ("pago 119 e 90 amanhã", [11990]),
        ("consigo pagar 89 e 50", [8950]),
        ("pago 100 e 50 dia 20", [10000]),  # a round number: two amounts, or one; the read-back tells
        ("pago 11 e 12", []),  # days
    ],
)
def test_amounts_are_found_in_customers_words(text: str, cents: list[int]) -> None:
    assert [amount.cents for amount in find_amounts(text)] == cents


@pytest.mark.parametrize(
    "text",
    [
        "metade",
        "600 mega",
        "plano de 600 mega",
        "dia 15",
        "pago dia 15",
        "pago 15",
        "pago 20/12",
        "pago 10 de dezembro",
        "10/12/2026",
        "às 10,30",
        "às 15h",
        "15:30",
        "529.982.247-25",
        "529,982,247-25",
        "cpf 52998224725",
        "fatura 1234",
        "fatura 202611",
        "(11) 99999-0001",
        "11 99999-0001",
        "pago 2 faturas",
        "pagar 3 boletos",
        "pago em 3x",
        "pagar 100 mega",
        "12,50%",
        "rs rs rs",
        "kkk rs 50",
        "entre 10 e 12",
        "um dia eu pago",
        "tenho 30 anos",
        "protocolo 20261120",
        "34191.09123 34567.890123 34567.890008 4 99260000005000",
        "oi",
        "",
    ],
)
def test_other_numbers_are_no_amounts(text: str) -> None:
    assert find_amounts(text) == []


def test_amount_points_into_the_original_text() -> None:
    text = "Olá 😊 pago R$ 50,00 amanhã"
    (amount,) = find_amounts(text)
    assert text[amount.start : amount.end] == amount.text == "R$ 50,00"


@given(st.integers(min_value=0, max_value=10**11))
def test_what_is_written_is_read_back(cents: int) -> None:
    written = format_brl(cents)
    assert parse_brl(written) == cents
    assert [amount.cents for amount in find_amounts(f"consigo {written} sexta")] == [cents]


@given(st.text(max_size=80))
def test_any_text_is_searched_without_error(text: str) -> None:
    for amount in find_amounts(text):
        assert text[amount.start : amount.end] == amount.text
        assert amount.cents >= 0


@pytest.mark.parametrize("word", ["reais", "reias", "raeis", "rais", "reals", "real"])
def test_slips_of_the_unit_are_read(word: str) -> None:
    assert [amount.cents for amount in find_amounts(f"pago 70 {word} sexta")] == [7000]
