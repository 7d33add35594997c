"""What a voice reads: figures in words, nothing that is only seen."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import find_amounts, format_brl
from domain.spoken_numbers import amount, cardinal, clock_time, decimal, digits, ordinal, spelled
from domain.spoken_style import to_spoken

AMOUNTS = [
    ("R$ 119,90", "cento e dezenove reais e noventa centavos"),
    ("R$\u00a0119,90", "cento e dezenove reais e noventa centavos"),
    ("R$119,9", "cento e dezenove reais e noventa centavos"),
    ("R$ 1,00", "um real"),
    ("R$ 1,01", "um real e um centavo"),
    ("R$ 2", "dois reais"),
    ("R$ 0,50", "cinquenta centavos"),
    ("R$ 0,00", "zero reais"),
    ("-R$ 5,00", "menos cinco reais"),
    ("R$ 100,00", "cem reais"),
    ("R$ 1.100,00", "mil e cem reais"),
    ("R$ 1.234,50", "mil duzentos e trinta e quatro reais e cinquenta centavos"),
    ("R$ 2.000,00", "dois mil reais"),
    ("R$ 1.000.000,00", "um milhão de reais"),
    ("R$ 1.500.000,00", "um milhão e quinhentos mil reais"),
    ("R$ 2 mil", "dois mil reais"),
    ("R$ 1,5 milhão", "um vírgula cinco milhão de reais"),
    ("R$ 129,90/mês", "cento e vinte e nove reais e noventa centavos por mês"),
    ("119,90 reais", "cento e dezenove reais e noventa centavos"),
    ("50 reais", "cinquenta reais"),
]
DATES = [
    ("27/11/2026", "vinte e sete de novembro"),
    ("27/11", "vinte e sete de novembro"),
    ("27/11/26", "vinte e sete de novembro"),
    ("2026-11-27", "vinte e sete de novembro"),
    ("27.11.2026", "vinte e sete de novembro"),
    ("01/12/2026", "primeiro de dezembro"),
    ("1º/12", "primeiro de dezembro"),
    ("1 de dezembro", "primeiro de dezembro"),
    ("27 de novembro de 2026", "vinte e sete de novembro"),
    ("na sexta-feira, 27/11/2026.", "na sexta-feira, vinte e sete de novembro."),
    ("dia 1º", "dia primeiro"),
    ("dia 15", "dia quinze"),
    ("11/2026", "novembro de dois mil e vinte e seis"),
    ("Fibra 10/12 meses 24/7", "Fibra dez de dezembro meses vinte e quatro horas por dia, todos os dias"),
]
HOURS = [
    ("14h30", "catorze e trinta"),
    ("14:30", "catorze e trinta"),
    ("14:30h", "catorze e trinta"),
    ("às 8h", "às oito horas"),
    ("1h", "uma hora"),
    ("21h", "vinte e uma horas"),
    ("22h02", "vinte e duas e dois"),
    ("0h15", "meia-noite e quinze"),
    ("00:00", "meia-noite"),
    ("das 8h às 18h", "das oito horas às dezoito horas"),
    ("8h-18h", "oito horas às dezoito horas"),
    ("seg. a sex., 8h", "segunda a sexta, oito horas"),
    ("sáb 8h", "sábado oito horas"),
    ("48h", "quarenta e oito horas"),
    ("30min", "trinta minutos"),
]
FIGURES = [
    ("30%", "trinta por cento"),
    ("2,5%", "dois vírgula cinco por cento"),
    ("2 faturas", "duas faturas"),
    ("1 fatura", "uma fatura"),
    ("2 dias", "dois dias"),
    ("200 parcelas", "duzentas parcelas"),
    ("2.000 faturas", "duas mil faturas"),
    ("21 pessoas", "vinte e uma pessoas"),
    ("2 problemas", "dois problemas"),
    ("em 3x de R$ 50,00", "em três vezes de cinquenta reais"),
    ("2ª via", "segunda via"),
    ("2a via", "segunda via"),
    ("3º dia", "terceiro dia"),
    ("nº 25", "número vinte e cinco"),
    ("600 Mega", "seiscentos mega"),
    ("600MB", "seiscentos mega"),
    ("2,4GHz", "dois vírgula quatro giga-hertz"),
    ("5G", "cinco G"),
    ("Wi-Fi 6", "Wi-Fi seis"),
    ("24-48 horas", "vinte e quatro a quarenta e oito horas"),
    ("007", "zero zero sete"),
    ("1.5.2", "um ponto cinco ponto dois"),
    ("-5 graus", "menos cinco graus"),
    ("telefone 188", "telefone um oito oito"),
    ("12345678", "um dois três quatro, cinco seis sete oito"),
    ("٣ dias", "três dias"),
    ("½ hora", "meio hora"),
]
CODES = [
    ("FAT-1001", "F, A, T, um, zero, zero, um"),
    ("P7F3K2", "P, sete, F, três, K, dois"),
    ("PVTW4JF", "P, V, T, W, quatro, J, F"),
    ("FIBRA-600", "Fibra seiscentos"),
    ("0800 123 4567", "zero oitocentos, um dois três, quatro cinco seis sete"),
    ("(11) 99999-0001", "um um, nove nove nove nove nove, zero zero zero um"),
    ("+5511999990001", "cinco cinco, um um, nove nove nove nove nove, zero zero zero um"),
    ("***.***.***-25", "com final dois cinco"),
    ("CPF 529.982.247-25", "CPF com final dois cinco"),
    ("52998224725", "com final dois cinco"),
    ("11.222.333/0001-81", "com final oito um"),
    ("34191790010104351004791020150008291070026000", "o código"),
    ("00020126580014br.gov.bcb.pix0136abcd", "o código"),
]
MARKS = [
    ("**Oi**, _Maria_! 😊", "Oi, Maria!"),
    ("Veja em https://exemplo.com.br/pague?x=1.", "Veja no link."),
    ("Acesse www.exemplo.com.br", "Acesse o link"),
    ("[nosso site](https://exemplo.com.br)", "nosso site"),
    ("maria@exemplo.com.br", "maria arroba exemplo ponto com ponto b r"),
    ("CPF/CNPJ", "CPF ou CNPJ"),
    ("e/ou", "e ou"),
    ("dia, boleto etc.", "dia, boleto et cétera"),
    ("Dr. João e Sra. Ana", "doutor João e senhora Ana"),
    ("Total — tudo certo", "Total, tudo certo"),
    ("venceu em 10/10/2026 (41 dias de atraso).", "venceu em dez de outubro, quarenta e um dias de atraso."),
    ("“dia 5”", "dia cinco"),
    ("", ""),
    ("😊", ""),
    ("---", ""),
]


@pytest.mark.parametrize(("written", "spoken"), AMOUNTS + DATES + HOURS + FIGURES + CODES + MARKS)
def test_a_piece_is_read_naturally(written: str, spoken: str) -> None:
    assert to_spoken(written) == spoken


def test_a_list_becomes_sentences() -> None:
    written = (
        "Agradeço, Maria! Encontrei 2 faturas em aberto:\n• FAT-1001: R$ 119,90, venceu em 10/10/2026\n"
        "• FAT-1002: R$ 50,00;\n\nTotal: R$ 169,90."
    )
    assert to_spoken(written) == (
        "Agradeço, Maria! Encontrei duas faturas em aberto: F, A, T, um, zero, zero, um: cento e dezenove reais e "
        "noventa centavos, venceu em dez de outubro. F, A, T, um, zero, zero, dois: cinquenta reais. "
        "Total: cento e sessenta e nove reais e noventa centavos."
    )


def test_a_year_is_named_when_it_is_another_one() -> None:
    today = date(2026, 11, 20)
    assert to_spoken("10/10/2025", today=today) == "dez de outubro de dois mil e vinte e cinco"
    assert to_spoken("10/10/25", today=today) == "dez de outubro de dois mil e vinte e cinco"
    assert to_spoken("10/10/2026", today=today) == "dez de outubro"
    assert to_spoken("5 de janeiro de 2027", today=today) == "cinco de janeiro de dois mil e vinte e sete"


@given(st.integers(min_value=1, max_value=99_999_999))
def test_a_spoken_amount_is_the_amount(cents: int) -> None:
    spoken = to_spoken(format_brl(cents))
    assert spoken == amount(cents)
    assert [found.cents for found in find_amounts(spoken)] == [cents]


_PIECES = st.sampled_from(
    ["R$ ", "119,90", "27/11", "2026", "FAT-", "-", "/", ".", ",", "h", "%", "º", " ", "\n", "• ", "(", ")", "[", "](",
     "https://x.com/1", "😊", "**", "a", "dia ", "7", "000201", "@", "+55", "x", "…", "½", "²", "٣", "Ⅳ", "①", "#"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=14).map("".join)))
def test_any_text_can_be_read(text: str) -> None:
    spoken = to_spoken(text, today=date(2026, 11, 20))
    assert not any(character.isnumeric() and not character.isalpha() for character in spoken)
    assert not set(spoken) & set("*_`#|<>\n•")
    assert to_spoken(spoken) == spoken
    assert len(spoken) <= 40 + 45 * len(text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (cardinal(1), "um"), (cardinal(2, is_feminine=True), "duas"), (cardinal(0), "zero"),
        (cardinal(221, is_feminine=True), "duzentas e vinte e uma"), (cardinal(1_000_001), "um milhão e um"),
        (cardinal(2_000_002, is_feminine=True), "dois milhões e duas"), (decimal(2, "50"), "dois vírgula cinco"),
        (decimal(1, "00"), "um"), (decimal(1, "05"), "um vírgula zero cinco"), (digits("12"), "um dois"),
        (ordinal(21, is_feminine=True), "vigésima primeira"), (clock_time(12, 0), "doze horas"),
        (spelled("5G"), "cinco G"), (spelled("AB12"), "A, B, um, dois"),
    ],
)  # fmt: skip
def test_numbers_in_words(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Protocolo: PGDPJQD.", "Protocolo: P, G, D, P, J, Q, D."),
        ("Seu protocolo é PGDPJQD", "Seu protocolo é P, G, D, P, J, Q, D"),
        ("Protocolo: P7F3K2Q.", "Protocolo: P, sete, F, três, K, dois, Q."),
        ("O protocolo foi enviado ao PROCON", "O protocolo foi enviado ao PROCON"),
    ],
)
def test_protocol_is_spelled_also_without_a_figure(text: str, spoken: str) -> None:
    assert to_spoken(text) == spoken
