"""The pt-BR date grammar against what customers write, seen from Friday 2026-11-20 (compliance.md 9)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dates_ptbr import DateReading, format_date, format_date_long, read_dates, weekday_name

FRIDAY = date(2026, 11, 20)

CERTAIN = [
    ("hoje", "2026-11-20"),
    ("hj", "2026-11-20"),
    ("Hoje mesmo", "2026-11-20"),
    ("vou fazer o pix hj msm", "2026-11-20"),
    ("ainda hoje", "2026-11-20"),
    ("hj a noite", "2026-11-20"),
    ("hoje 18h", "2026-11-20"),
    ("hoje sexta", "2026-11-20"),
    ("pago hoje em vez do dia 25", "2026-11-20"),
    ("em vez do dia 25, dia 28", "2026-11-28"),
    ("ao inves de sexta pago segunda", "2026-11-23"),
    ("amanhã", "2026-11-21"),
    ("amanha", "2026-11-21"),
    ("AMANHÃ!!!", "2026-11-21"),
    ("amanhaaa", "2026-11-21"),
    ("amnha", "2026-11-21"),
    ("amanhã de manhã", "2026-11-21"),
    ("amanhã cedo", "2026-11-21"),
    ("amanha a tarde", "2026-11-21"),
    ("amanhã 15h", "2026-11-21"),
    ("amanhã as 10", "2026-11-21"),
    ("até amanhã", "2026-11-21"),
    ("depois de amanhã", "2026-11-22"),
    ("dps de amanha", "2026-11-22"),
    ("depois d amanha", "2026-11-22"),
    ("ontem", "2026-11-19"),
    ("anteontem", "2026-11-18"),
    ("paguei ontem", "2026-11-19"),
    ("sexta", "2026-11-27"),
    ("Sexta-feira", "2026-11-27"),
    ("sexta feira", "2026-11-27"),
    ("sesta feira", "2026-11-27"),
    ("sexta fera", "2026-11-27"),
    ("sex", "2026-11-27"),
    ("6ª feira", "2026-11-27"),
    ("seguda", "2026-11-23"),
    ("seg", "2026-11-23"),
    ("segunda feira", "2026-11-23"),
    ("segunda-feira", "2026-11-23"),
    ("terça", "2026-11-24"),
    ("tersa", "2026-11-24"),
    ("terca feira", "2026-11-24"),
    ("quarta", "2026-11-25"),
    ("qua", "2026-11-25"),
    ("quinta", "2026-11-26"),
    ("qui", "2026-11-26"),
    ("sab", "2026-11-21"),
    ("sabadao", "2026-11-21"),
    ("sábado sem falta", "2026-11-21"),
    ("domingo", "2026-11-22"),
    ("dom", "2026-11-22"),
    ("no domingo a tarde", "2026-11-22"),
    ("2a feira", "2026-11-23"),
    ("4a feira", "2026-11-25"),
    ("na 4a", "2026-11-25"),
    ("3ª feira que vem", "2026-11-24"),
    ("até sexta", "2026-11-27"),
    ("no maximo sexta", "2026-11-27"),
    ("sexta às 14h", "2026-11-27"),
    ("pode ser sexta?", "2026-11-27"),
    ("pd ser sexta", "2026-11-27"),
    ("sexta, pode ser?", "2026-11-27"),
    ("sexta que vem", "2026-11-27"),
    ("próxima sexta", "2026-11-27"),
    ("prox sexta", "2026-11-27"),
    ("seg q vem", "2026-11-23"),
    ("próxima seg", "2026-11-23"),
    ("segunda proxima", "2026-11-23"),
    ("quinta que vem", "2026-11-26"),
    ("pago na segunda que vem", "2026-11-23"),
    ("oi bom dia vou pagar sexta feira sem falta", "2026-11-27"),
    ("terça sem ser essa, a outra", "2026-12-01"),
    ("semana que vem na terça", "2026-11-24"),
    ("terça da semana que vem", "2026-11-24"),
    ("vou pagar semana que vem, terça", "2026-11-24"),
    ("na sexta-feira da semana que vem", "2026-11-27"),
    ("sexta dia 27", "2026-11-27"),
    ("terça 24", "2026-11-24"),
    ("sexta 4", "2026-12-04"),
    ("sexta, 27/11", "2026-11-27"),
    ("dia 27 (sexta)", "2026-11-27"),
    ("dia 24, terça", "2026-11-24"),
    ("sábado dia 5", "2026-12-05"),
    ("quinta (26/11)", "2026-11-26"),
    ("quinta-feira, 26 de novembro", "2026-11-26"),
    ("sexta passada", "2026-11-13"),
    ("paguei sexta", "2026-11-13"),
    ("fiz o pix segunda", "2026-11-16"),
    ("dia 15", "2026-12-15"),
    ("dia 20", "2026-11-20"),
    ("dia 21", "2026-11-21"),
    ("dia 19", "2026-12-19"),
    ("Dia 5", "2026-12-05"),
    ("dia 05", "2026-12-05"),
    ("dia 1", "2026-12-01"),
    ("dia 1º", "2026-12-01"),
    ("dia primeiro", "2026-12-01"),
    ("dia quinze", "2026-12-15"),
    ("dia vinte", "2026-11-20"),
    ("dia vinte e cinco", "2026-11-25"),
    ("até o dia 15", "2026-12-15"),
    ("no máximo até dia 5", "2026-12-05"),
    ("vo paga dia 30 agora", "2026-11-30"),
    ("dia 5 q vem", "2026-12-05"),
    ("dia 15 do mês que vem", "2026-12-15"),
    ("dia 5 do proximo mes", "2026-12-05"),
    ("dia 31 do mês que vem", "2026-12-31"),
    ("mes que vem dia 5", "2026-12-05"),
    ("boa tarde, consigo pagar dia 5 do mês que vem", "2026-12-05"),
    ("dia 25 deste mes", "2026-11-25"),
    ("só recebo dia 5", "2026-12-05"),
    ("recebo dia 30, ai eu pago", "2026-11-30"),
    ("tô esperando receber dia 5", "2026-12-05"),
    ("quando receber, dia 5", "2026-12-05"),
    ("consigo dia 28 fecha?", "2026-11-28"),
    ("vence dia 10", "2026-12-10"),
    ("pago a fatura no dia 10", "2026-12-10"),
    ("pago a fatura de novembro dia 30", "2026-11-30"),
    ("eu falei que dia 10 eu pago", "2026-12-10"),
    ("falei com voces segunda", "2026-11-16"),
    ("paguei dia 5", "2026-11-05"),
    ("ja paguei dia 15", "2026-11-15"),
    ("a fatura venceu dia 10", "2026-11-10"),
    ("caiu dia 10", "2026-11-10"),
    ("10 de dezembro", "2026-12-10"),
    ("10 dez", "2026-12-10"),
    ("10dez", "2026-12-10"),
    ("5/dez", "2026-12-05"),
    ("dia 5 de dez", "2026-12-05"),
    ("dia 7 dez", "2026-12-07"),
    ("1º de dezembro", "2026-12-01"),
    ("primeiro de dezembro", "2026-12-01"),
    ("dia 7 de janero", "2027-01-07"),
    ("3 de janeiro", "2027-01-03"),
    ("26 de novembro de 2026", "2026-11-26"),
    ("26 novembro 2026", "2026-11-26"),
    ("vinte de dezembro", "2026-12-20"),
    ("consigo pagar 50 reais dia 10 de dezembro", "2026-12-10"),
    ("só tenho 50, o resto dia 5 de janeiro", "2027-01-05"),
    ("pago 10 reais dia 12", "2026-12-12"),
    ("100,00 dia 10", "2026-12-10"),
    ("15/02", "2027-02-15"),
    ("15/02/27", "2027-02-15"),
    ("15-02", "2027-02-15"),
    ("15.02", "2027-02-15"),
    ("20/11", "2026-11-20"),
    ("5/12", "2026-12-05"),
    ("5 / 12", "2026-12-05"),
    ("dia 10/12 às 15h", "2026-12-10"),
    ("ate dia 05/12/2026 sem falta", "2026-12-05"),
    ("10/12/2026", "2026-12-10"),
    ("dia 24/7", "2027-07-24"),
    ("01.12.2026", "2026-12-01"),
    ("1-12-26", "2026-12-01"),
    ("2026-12-05", "2026-12-05"),
    ("paguei 10/11", "2026-11-10"),
    ("boleto de 10/10", "2026-10-10"),
    ("dia 5 do 12", "2026-12-05"),
    ("5 do 12", "2026-12-05"),
    ("dia 5 do mês 12", "2026-12-05"),
    ("em 3 dias", "2026-11-23"),
    ("15 dias", "2026-12-05"),
    ("daqui a 3 dias", "2026-11-23"),
    ("daqui 3 dias", "2026-11-23"),
    ("daki 5 dias", "2026-11-25"),
    ("daqui a dez dias", "2026-11-30"),
    ("dentro de 10 dias", "2026-11-30"),
    ("daqui a uma semana", "2026-11-27"),
    ("em duas semanas", "2026-12-04"),
    ("daqui um mes", "2026-12-20"),
    ("em 2 meses", "2027-01-20"),
    ("me da 5 dias", "2026-11-25"),
    ("me dá mais uma semana", "2026-11-27"),
    ("preciso de 15 dias", "2026-12-05"),
    ("prazo de 30 dias", "2026-12-20"),
    ("em 24 horas", "2026-11-21"),
    ("em 48h", "2026-11-22"),
    ("de hoje a oito", "2026-11-27"),
    ("5 dias úteis", "2026-11-27"),
    ("em 2 dias úteis", "2026-11-24"),
    ("próximo dia útil", "2026-11-23"),
    ("quinto dia útil", "2026-12-07"),
    ("5º dia útil", "2026-12-07"),
    ("5o dia util de dezembro", "2026-12-07"),
    ("quinto dia util do mes que vem", "2026-12-07"),
    ("recebo no quinto dia util, pode ser?", "2026-12-07"),
    ("ultimo dia util do mes", "2026-11-30"),
    ("último dia do mês", "2026-11-30"),
    ("natal", "2026-12-25"),
    ("véspera de natal", "2026-12-24"),
    ("ano novo", "2027-01-01"),
    ("réveillon", "2026-12-31"),
    ("na páscoa", "2027-03-28"),
    ("sexta-feira santa", "2027-03-26"),
    ("hoje não, amanhã", "2026-11-21"),
    ("amanhã não dá, pode ser segunda?", "2026-11-23"),
    ("não vou conseguir sexta, só segunda", "2026-11-23"),
    ("hoje nao consigo mas sexta consigo", "2026-11-27"),
    ("nao pago dia 5, pago dia 10", "2026-12-10"),
    ("não, dia 10", "2026-12-10"),
    ("sexta nao, sabado", "2026-11-21"),
    ("nao da hoje so sexta", "2026-11-27"),
    ("nao vou poder hoje vou pagar amanha", "2026-11-21"),
    ("hoje eu nao tenho, amanha eu pago", "2026-11-21"),
    ("vou pagar segunda, não esquece", "2026-11-23"),
]

ASK = [
    ("nesta sexta", "ambiguous_weekday", "2026-11-20 2026-11-27"),
    ("sexta agora", "ambiguous_weekday", "2026-11-20 2026-11-27"),
    ("dia 31", "no_such_date", "2026-11-30 2026-12-31"),
    ("dia trinta e um", "no_such_date", "2026-11-30 2026-12-31"),
    ("19/11", "past_date", "2026-11-19 2027-11-19"),
    ("1/11", "past_date", "2026-11-01 2027-11-01"),
    ("dia 5 desse mês", "past_date", "2026-11-05"),
    ("29/02", "no_such_date", "2028-02-29"),
    ("entre 10 e 12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("entre dia 10 e dia 12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("entre 10 e 15 de dezembro", "ambiguous_range", "2026-12-10 2026-12-15"),
    ("entre segunda e quarta", "ambiguous_range", "2026-11-23 2026-11-25"),
    ("10 ou 12 de dezembro", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("dia 10 ou 12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("dia 10 a 15", "ambiguous_range", "2026-12-10 2026-12-15"),
    ("dia 10 e 12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("dia 10 ao dia 15", "ambiguous_range", "2026-12-10 2026-12-15"),
    ("dia 10, 11 ou 12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("10-12", "ambiguous_range", "2026-12-10 2026-12-12"),
    ("sexta ou sábado", "ambiguous_range", "2026-11-27 2026-11-21"),
    ("segunda ou terça", "ambiguous_range", "2026-11-23 2026-11-24"),
    ("hoje ou amanhã", "ambiguous_range", "2026-11-20 2026-11-21"),
    ("hj ou amanha", "ambiguous_range", "2026-11-20 2026-11-21"),
    ("amanhã ou depois", "approximate", "2026-11-21"),
    ("dia 20/12 ou 22/12", "ambiguous_range", "2026-12-20 2026-12-22"),
    ("sexta dia 28", "weekday_mismatch", "2026-11-28 2026-11-27"),
    ("sexta 28", "weekday_mismatch", "2026-11-28 2026-11-27"),
    ("depois do dia 10", "open_ended", "2026-12-10"),
    ("a partir de segunda", "open_ended", "2026-11-23"),
    ("antes do natal", "open_ended", "2026-12-25"),
    ("depois do natal", "open_ended", "2026-12-25"),
    ("depois do feriado", "open_ended", ""),
    ("lá pelo dia 10", "approximate", "2026-12-10"),
    ("vou pagar la pro dia 10", "approximate", "2026-12-10"),
    ("lá pra sexta", "approximate", "2026-11-27"),
    ("por volta do dia 15", "approximate", "2026-12-15"),
    ("mais ou menos dia 12", "approximate", "2026-12-12"),
    ("talvez sexta", "approximate", "2026-11-27"),
    ("quando cair o salário", "depends_on_income", ""),
    ("quando o salario cair", "depends_on_income", ""),
    ("qdo eu receber", "depends_on_income", ""),
    ("qnd cair meu pagamento", "depends_on_income", ""),
    ("quando sair o 13º", "depends_on_income", ""),
    ("qdo cair o auxilio", "depends_on_income", ""),
    ("assim que eu receber", "depends_on_income", ""),
    ("depois que eu receber", "depends_on_income", ""),
    ("quando eu receber meu salario", "depends_on_income", ""),
    ("depois do pagamento", "depends_on_income", ""),
    ("dia do pagamento", "depends_on_income", ""),
    ("assim que der", "open_ended", ""),
    ("quando puder eu pago", "open_ended", ""),
    ("semana que vem", "vague_period", "2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27"),
    ("semana q vem", "vague_period", "2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27"),
    ("próxima semana", "vague_period", "2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27"),
    ("na outra semana", "vague_period", "2026-11-23 2026-11-24 2026-11-25 2026-11-26 2026-11-27"),
    ("essa semana ainda", "vague_period", "2026-11-20"),
    ("mês que vem", "vague_period", ""),
    ("mes q vem", "vague_period", ""),
    ("proximo mes", "vague_period", ""),
    ("só em janeiro", "vague_period", ""),
    ("em dezembro", "vague_period", ""),
    ("fim do mês", "vague_period", "2026-11-30"),
    ("final do mes", "vague_period", "2026-11-30"),
    ("fim do mes que vem", "vague_period", "2026-12-31"),
    ("começo do mês", "vague_period", ""),
    ("inicio do mes que vem", "vague_period", ""),
    ("meio do mês", "vague_period", ""),
    ("fim de semana", "vague_period", "2026-11-21 2026-11-22"),
    ("fds", "vague_period", "2026-11-21 2026-11-22"),
    ("esse final de semana", "vague_period", "2026-11-21 2026-11-22"),
    ("ano que vem", "vague_period", ""),
    ("carnaval", "vague_period", ""),
    ("mais tarde eu pago", "vague_period", "2026-11-20"),
    ("não consigo pagar hoje", "refused", "2026-11-20"),
    ("não consigo pagar tudo hoje", "refused", "2026-11-20"),
    ("não vou conseguir até sexta", "refused", "2026-11-27"),
    ("sexta feira não da", "refused", "2026-11-27"),
    ("nao vou conseguir pagar essa semana", "refused", "2026-11-20"),
    ("se eu nao pagar hoje corta?", "refused", "2026-11-20"),
]

INVALID = [
    "31/02",
    "02/15",
    "dia 32",
    "dia 00",
    "dia 99",
    "30/02/2027",
    "31/11",
    "32/12",
    "13/13",
    "dia 31/11",
    "31 de novembro",
    "dia 30 de fevereiro",
]

NOT_DATES = [
    "às 15h",
    "15:30",
    "das 8 as 18",
    "as 10h",
    "50 reais",
    "cinquenta reais",
    "50 conto",
    "R$ 10,12",
    "600 mega",
    "plano de 600 mega por 99,90",
    "529.982.247-25",
    "meu cpf 529 982 247 25",
    "11222333000181",
    "11 99999-0001",
    "(31) 98888-0003",
    "+55 11 99999-0001",
    "me liga 31988880003",
    "2 faturas",
    "tenho 2 faturas vencidas",
    "2 boletos",
    "em 2 vezes",
    "quero parcelar em 3x",
    "parcela 2/12",
    "1/3 da fatura",
    "a fatura 11/2026",
    "fatura de novembro",
    "quero a 2a via da fatura de novembro",
    "me manda a segunda via",
    "2ª via",
    "2a parcela",
    "segunda vez que falo",
    "bom dia",
    "bom domingo",
    "ótima sexta",
    "feliz natal",
    "oi, sou de Natal",
    "moro em natal",
    "bom dia, de Natal. posso falar?",
    "Natal/RN",
    "vou ter dinheiro",
    "todo dia 10",
    "toda sexta",
    "um dia eu pago",
    "qualquer dia",
    "15 dias de atraso",
    "há 3 dias",
    "faz 2 semanas que to sem net",
    "estou sem internet a 5 dias",
    "daqui 2 horas",
    "24h por dia",
    "24/7",
    "protocolo 20261120001",
    "nasci em 10/05/1985",
    "oi",
    "sim",
    "quero pagar",
]

SEEN_FROM_OTHER_DAYS = [
    ("sexta que vem", "2026-11-24", "2026-11-27"),  # said on a Tuesday: the coming Friday, read back
    ("próxima sexta", "2026-11-24", "2026-11-27"),
    ("nesta sexta", "2026-11-24", "2026-11-27"),
    ("sexta agora", "2026-11-24", "2026-11-27"),
    ("terça", "2026-11-24", "2026-12-01"),
    ("dia 20", "2026-11-21", "2026-12-20"),
    ("dia 31", "2026-12-05", "2026-12-31"),
    ("dia 1", "2026-12-31", "2027-01-01"),
    ("5/1", "2026-12-31", "2027-01-05"),
    ("amanhã", "2026-12-31", "2027-01-01"),
    ("natal", "2026-12-25", "2026-12-25"),
    ("natal", "2026-12-26", "2027-12-25"),
    ("quinto dia útil", "2026-12-08", "2027-01-08"),  # 1 January is a holiday
    ("quinto dia útil", "2026-12-07", "2026-12-07"),
    ("último dia do mês", "2028-02-10", "2028-02-29"),
    ("29/02", "2028-01-10", "2028-02-29"),
    ("daqui um mes", "2027-01-31", "2027-02-28"),
    ("em 2 dias úteis", "2026-12-24", "2026-12-29"),
    ("terça da semana que vem", "2026-11-24", "2026-12-01"),
    ("sexta da semana que vem", "2026-11-23", "2026-12-04"),
    ("paguei dia 30", "2026-12-05", "2026-11-30"),
    ("10/09", "2026-11-20", "2027-09-10"),  # more than 60 days ago: next year
]


def only(text: str, *, today: date = FRIDAY) -> DateReading:
    (reading,) = read_dates(text, today=today)
    return reading


@pytest.mark.parametrize(("text", "expected"), CERTAIN)
def test_date_is_read_for_certain(text: str, expected: str) -> None:
    reading = only(text)
    assert (reading.status, reading.date) == ("certain", date.fromisoformat(expected))
    assert reading.candidates == (reading.date,)


@pytest.mark.parametrize(("text", "reason", "candidates"), ASK)
def test_doubtful_date_is_asked_about(text: str, reason: str, candidates: str) -> None:
    reading = only(text)
    assert (reading.status, reading.reason, reading.date) == ("ask", reason, None)
    assert " ".join(day.isoformat() for day in reading.candidates) == candidates


@pytest.mark.parametrize("text", INVALID)
def test_impossible_date_is_invalid(text: str) -> None:
    reading = only(text)
    assert (reading.status, reading.reason, reading.date) == ("invalid", "no_such_date", None)


@pytest.mark.parametrize("text", NOT_DATES)
def test_other_numbers_and_words_are_no_dates(text: str) -> None:
    assert read_dates(text, today=FRIDAY) == []


@pytest.mark.parametrize(("text", "today", "expected"), SEEN_FROM_OTHER_DAYS)
def test_date_depends_on_the_day_of_speaking(text: str, today: str, expected: str) -> None:
    reading = only(text, today=date.fromisoformat(today))
    assert (reading.status, reading.date) == ("certain", date.fromisoformat(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Posso pagar 50 hoje e o resto dia 30?", ["2026-11-20", "2026-11-30"]),
        ("pago 100 reais dia 10/12 e 50 dia 20/12", ["2026-12-10", "2026-12-20"]),
        ("dia 5 e dia 25", ["2026-12-05", "2026-11-25"]),
        ("recebo sexta e pago segunda", ["2026-11-27", "2026-11-23"]),
        ("a fatura do dia 10 eu pago dia 25", ["2026-11-10", "2026-11-25"]),
    ],
)
def test_several_dates_come_in_order(text: str, expected: list[str]) -> None:
    readings = read_dates(text, today=FRIDAY)
    assert [str(reading.date) for reading in readings] == expected
    assert [reading.status for reading in readings] == ["certain"] * len(expected)


def test_week_said_on_sunday_is_asked_about() -> None:
    reading = only("terça da semana que vem", today=date(2026, 11, 22))
    assert (reading.reason, reading.candidates) == ("ambiguous_week", (date(2026, 11, 24), date(2026, 12, 1)))


def test_two_refused_days_stay_questions() -> None:
    readings = read_dates("nem hoje nem amanha", today=FRIDAY)
    assert [reading.reason for reading in readings] == ["refused", "refused"]


def test_span_points_into_the_original_text() -> None:
    text = "Olá 😊, consigo pagar na SEXTA-FEIRA, pode ser?"
    reading = only(text)
    assert text[reading.start : reading.end] == reading.span == "na SEXTA-FEIRA"


def test_span_survives_decomposed_accents() -> None:
    text = "pago amanha\u0303 cedo"
    reading = only(text)
    assert text[reading.start : reading.end] == reading.span == "amanha\u0303"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15", "2026-12-15"), ("pode ser 25", "2026-11-25"), ("no 15", "2026-12-15"), ("vinte e cinco", "2026-11-25")],
)
def test_lone_number_is_a_day_only_when_a_day_was_asked_for(text: str, expected: str) -> None:
    assert read_dates(text, today=FRIDAY) == []
    (reading,) = read_dates(text, today=FRIDAY, expects_day=True)
    assert str(reading.date) == expected


def test_days_are_written_for_reading_back() -> None:
    friday = date(2026, 11, 27)
    assert weekday_name(friday) == "sexta-feira"
    assert format_date(friday) == "27/11/2026"
    assert format_date_long(friday) == "sexta-feira, 27/11"
    assert weekday_name(date(2026, 11, 24)) == "terça-feira"
    assert weekday_name(date(2026, 11, 28)) == "sábado"


DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2045, 12, 31))


@given(today=DAYS, ahead=st.integers(min_value=0, max_value=400))
def test_full_dates_come_back_as_written(today: date, ahead: int) -> None:
    day = today + timedelta(days=ahead)
    for written in (f"{day:%d/%m/%Y}", f"dia {day:%d-%m-%Y}", day.isoformat(), f"{format_date_long(day)}/{day.year}"):
        assert only(written, today=today).date == day


@given(today=DAYS, ahead=st.integers(min_value=0, max_value=300))
def test_day_and_month_never_give_a_past_promise(today: date, ahead: int) -> None:
    day = today + timedelta(days=ahead)
    reading = only(f"pago dia {day.day}/{day.month}", today=today)
    if reading.status == "certain":
        assert reading.date == day
    else:
        assert (day.month, day.day) == (2, 29) or day.year != today.year


@given(today=DAYS, word=st.sampled_from(["segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo"]))
def test_weekday_is_one_to_seven_days_ahead(today: date, word: str) -> None:
    reading = only(f"pago na {word} que vem", today=today)
    assert reading.date is not None
    assert weekday_name(reading.date).startswith(word)
    assert 1 <= (reading.date - today).days <= 7


@given(text=st.text(max_size=60), today=DAYS)
def test_any_text_is_read_without_error_and_within_bounds(text: str, today: date) -> None:
    for reading in read_dates(text, today=today):
        assert text[reading.start : reading.end] == reading.span
        assert (reading.date is not None) == (reading.status == "certain")


DATE_WORDS = [
    "dia",
    "10",
    "12/",
    "/",
    "ou",
    "e",
    "a",
    "amanhã",
    "sexta",
    "31",
    "fim",
    "mês",
    "que",
    "vem",
    "não",
    "de",
    "dez",
]


@given(words=st.lists(st.sampled_from(DATE_WORDS), max_size=8))
def test_any_mixture_of_date_words_is_read_without_error(words: list[str]) -> None:
    for reading in read_dates(" ".join(words), today=FRIDAY):
        assert reading.status in ("certain", "ask", "invalid")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("pago o valor todo dia 2", date(2026, 12, 2)),
        ("posso pagar o valor todo quarta", date(2026, 11, 25)),
        ("a dívida toda sexta", date(2026, 11, 27)),
    ],
)
def test_whole_of_something_is_not_every_day(text: str, day: date) -> None:
    assert [(reading.status, reading.date) for reading in read_dates(text, today=date(2026, 11, 20))] == [
        ("certain", day)
    ]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("pago daqi a 8 dias", date(2026, 11, 28)),
        ("daqi a 1 semana", date(2026, 11, 27)),
        ("daqi 20 dias", date(2026, 12, 10)),
        ("na setxa da semana que vem", date(2026, 11, 27)),
        ("na setxa feira", date(2026, 11, 27)),
        ("em 14 de marso", date(2027, 3, 14)),
    ],
)
def test_slips_of_the_fingers_are_read(text: str, day: date) -> None:
    assert [(reading.status, reading.date) for reading in read_dates(text, today=date(2026, 11, 20))] == [
        ("certain", day)
    ]
