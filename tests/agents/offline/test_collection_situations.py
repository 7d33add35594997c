"""What comes up while collecting: each situation is answered for what it is, and nothing is promised or claimed."""

import re
from collections.abc import Mapping

import pytest

from tests.agents.offline.talking import Talk

LOOKUP, PROMISE = "consultar_faturas_cpf", "registrar_promessa_pagamento"
PAID, CODE, KNOW = "atualizar_status_cobranca", "gerar_segunda_via", "buscar_conhecimento"
STORED: Mapping[str, str] = {"valor": "R$ 119,90", "data": "25/11/2026", "dia_semana": "quarta-feira"}


def told(**world: object) -> Talk:
    """Give a talk whose holder has just heard what is open."""
    talk = Talk(**world)  # type: ignore[arg-type]
    talk.say("oi, 529.982.247-25")
    return talk


@pytest.mark.parametrize(
    ("said", "reply", "tools"),
    [
        ("ta errado esse valor, meu plano é 99,90", r"analisada por quem pode corrigir.*pessoa da equipe", ()),
        ("faz por 200 que eu pago agora", r"não tenho autorização para dar desconto", ()),
        ("vai, só um descontinho", r"não tenho autorização para dar desconto", ()),
        ("tira os juros que eu pago hoje", r"juros e parcelamento só uma pessoa da equipe", ()),
        ("se eu pagar tudo hoje tem desconto?", r"Desconto.*só uma pessoa da equipe.*R\$ 239,80 .*20/11", (PROMISE,)),
        ("não vou pagar enquanto não arrumarem a internet, caiu o mes inteiro", r"justo querer.*pessoa da equipe", ()),
        ("a de outubro eu já paguei, a outra ainda não", r"anotado.*a parte que falta, em que dia", (PAID,)),
        ("manda o boleto da FAT-9999", r"Não encontrei essa fatura.*FAT-1001, FAT-1002", (CODE,)),
        ("quero pagar a mais antiga, manda o codigo", r"código Pix da fatura FAT-1001", (CODE,)),
        ("se eu pagar no pix a internet volta quando?", r"religada|não tenho", (KNOW,)),
        ("me cobraram a mais, era 99", r"analisada por quem pode corrigir", ()),
        ("paguei 100 reais mês passado e não consta", r"anotado(?!.*Em que dia)", (PAID,)),
        ("vou ver aqui e te falo", r"sem pressa", ()),
        ("o total", r"Qual dia|que dia", ()),
        ("quero pagar tudo agora", r"R\$ 239,80 na sexta-feira, 20/11/2026", (PROMISE,)),
        ("manda o boleto das duas", r"FAT-1001.*um código de cada vez", (CODE,)),
        ("preciso de uma carta de quitação anual", r"quem providencia é uma pessoa da equipe", ()),
        ("quando der eu pago, agora tá difícil", r"Não precisa resolver nada agora.*pessoa da equipe", ()),
    ],
)
def test_situation_is_answered_for_what_it_is(said: str, reply: str, tools: tuple[str, ...]) -> None:
    talk = told()
    answer = talk.say(said)
    assert re.search(reply, answer, re.DOTALL), answer
    assert tuple(talk.turn_calls) == tools
    assert talk.promise is None


@pytest.mark.parametrize(
    "question", ["entre 10 e 12 pago o total", "quinta dia 27 pago o total", "pago o total no fim do mes"]
)
def test_amount_is_remembered_over_a_question_about_the_day(question: str) -> None:
    talk = told()
    talk.say(question)
    assert PROMISE not in talk.turn_calls
    answer = talk.say("dia 26")
    assert re.search(r"R\$ 239,80 na quinta-feira, 26/11/2026", answer), answer


@pytest.mark.parametrize("answer", ["pode ser 26?", "melhor 26", "26"])
def test_bare_number_after_the_reading_back_is_another_day(answer: str) -> None:
    talk = told()
    talk.say("dia 27 a mais antiga")
    assert re.search(r"R\$ 119,90 na quinta-feira, 26/11/2026", talk.say(answer))
    assert talk.promise is None


@pytest.mark.parametrize("said", ["recebo dia 25 mas só pago dia 27, o total", "recebo quinta e pago tudo sexta"])
def test_day_of_income_is_no_day_of_paying_beside_another(said: str) -> None:
    talk = told()
    assert re.search(r"R\$ 239,80 na sexta-feira, 27/11/2026", talk.say(said))


def test_day_and_amount_named_before_the_document_are_taken_up() -> None:
    talk = Talk()
    talk.say("qro pagar 119,90 no dia 3 de dezembro")
    assert re.search(r"R\$ 119,90 na quinta-feira, 03/12/2026. Posso registrar\?", talk.say("529.982.247-25"))
    talk.say("sim")
    assert talk.promise is not None


@pytest.mark.parametrize(
    "before", ["se eu pagar dia 3 cortam?", "venceu dia 10/11, vou pagar", "pago 50 dia 3 e 60 dia 10", "dia 3 viajo"]
)
def test_no_promise_is_made_of_other_days_named_before_the_document(before: str) -> None:
    talk = Talk()
    talk.say(before)
    talk.say("529.982.247-25")
    assert PROMISE not in talk.turn_calls


def test_other_invoice_is_the_one_not_sent_yet() -> None:
    talk = told()
    talk.say("pix da mais antiga")
    assert "FAT-1002" in talk.say("agora o da outra")


def test_reserve_about_somebody_else_is_left_in_peace() -> None:
    talk = told()
    talk.say("dia 27 a mais antiga")
    assert "sem pressa" in talk.say("sim, mas tenho que ver com meu marido antes")
    assert "sem pressa" in talk.say("não sei se consigo")
    assert talk.promise is None
    talk.say("pode registrar")
    assert talk.promise is not None


@pytest.mark.parametrize("asked", ["e se eu pagar menos, pode?", "posso pagar só uma parte?"])
def test_question_for_a_part_asks_how_much(asked: str) -> None:
    talk = told()
    assert re.search(r"começar por uma parte.*Quanto", talk.say(asked))
    assert talk.promise is None


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("qual era o dia mesmo?", r"O combinado é R\$ 119,90 para quarta-feira, 25/11/2026"),
        ("cancela aquele combinado", r"não consigo desfazer por aqui.*mudar o dia.*pessoa da equipe"),
    ],
)
def test_what_is_asked_of_a_stored_promise(said: str, reply: str) -> None:
    talk = told(promise=dict(STORED))
    answer = talk.say(said)
    assert re.search(reply, answer), answer
    assert talk.promise == STORED


def test_day_instead_of_the_agreed_one_is_a_new_proposal() -> None:
    talk = told(promise=dict(STORED))
    answer = talk.say("consegui o dinheiro, quero pagar hoje os 119,90 em vez do dia 25")
    assert re.search(r"20/11/2026, no lugar do combinado", answer), answer
    assert "metodo_pagamento" not in talk.args_of(PROMISE)


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("pago o total dia 27 de novembro", "R$ 220,30"),
        ("só a mais antiga dia vinte e sete de novembro", "R$ 119,90"),
        ("pago a de novembro dia 27 de novembro", "R$ 100,40"),
        ("a que venceu 10 de novembro eu pago dia 27 de novembro", "R$ 100,40"),
    ],
)
def test_month_of_the_day_to_pay_chooses_no_invoice(said: str, amount: str) -> None:
    talk = told(invoices=(("FAT-1001", "R$ 119,90", "10/10/2026", 41), ("FAT-1002", "R$ 100,40", "10/11/2026", 10)))
    answer = talk.say(said)
    assert re.search(rf"{re.escape(amount)} na sexta-feira, 27/11/2026", answer), answer
