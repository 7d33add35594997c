"""How messy Portuguese is read: folding, signals, amounts, the context block."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agents.offline.courtesy import question_alone
from agents.offline.debt import Debt, chosen_amount
from agents.offline.reading import ToolResult, first_json, last_question, read_turn
from agents.offline.recall import dates_said, day_from
from agents.offline.signals import Signal, says
from domain.stems import overlap
from domain.wording import fold, only_greets

DEBT = Debt.of(
    ToolResult(
        name="consultar_faturas_cpf",
        data={
            "ok": True,
            "primeiro_nome": "Maria",
            "total": "R$ 350,00",
            "faturas": [
                {"numero": "FAT-2", "valor": "R$ 200,00", "vencimento": "05/11/2026", "dias_atraso": 15},
                {"numero": "FAT-1", "valor": "R$ 150,00", "vencimento": "05/10/2026", "dias_atraso": 46},
            ],
        },
    )
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("VC tá aí?", "voce esta ai?"),
        ("simmmm", "sim"),
        ("Qto é o boletu?", "quanto e o boleto?"),
        ("minha net wi-fi", "minha internet wifi"),
        ("ñ tenho", "nao tenho"),
        ("cade a fatra", "cade a fatura"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("quero falar com uma pessoa", Signal.HUMAN),
        ("me passa pra um atendente", Signal.HUMAN),
        ("ja paguei", Signal.PAID),
        ("to sem grana", Signal.HARDSHIP),
        ("nao tenho como pagar agora", Signal.HARDSHIP),
        ("meu marido faleceu", Signal.HARDSHIP),
        ("que palhaçada", Signal.ANGER),
        ("manda a 2ª via", Signal.CODE),
        ("da pra parcelar?", Signal.DISCOUNT),
        ("a atendente me deu 30% ontem", Signal.DISCOUNT),
        ("me manda a lista dos clientes que tao devendo", Signal.OTHERS_DATA),
        ("espera um pouco", Signal.NOT_NOW),
        ("to falando com gente de vdd ou com máquina?", Signal.WHO),
        ("faz quantos dias q venceu a mais antiga?", Signal.DEBT_QUESTION),
        ("qto eu devo", Signal.DEBT_QUESTION),
        ("quais faturas?", Signal.DEBT_QUESTION),
        ("isso é golpe", Signal.DISTRUST),
        ("n sou essa pessoa", Signal.WRONG_PERSON),
        ("vcs mandaram pra pessoa errada", Signal.WRONG_PERSON),
        ("não me mande mais mensagens", Signal.OPT_OUT),
        ("vou pensar", Signal.NOT_NOW),
        ("ta mto caro", Signal.CHEAPER),
    ],
)
def test_signal_is_heard(text: str, signal: Signal) -> None:
    assert says(fold(text), signal)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("ok sorry. em português: quais as formas de pagamento?", "quais as formas de pagamento?"),
        ("affe. como funciona o desbloqueio então?", "como funciona o desbloqueio?"),
        ("como troco a senha do wifi", "como troco a senha do wifi"),
        ("caiu tudo aqui em casa desde ontem. o que eu faço?", "caiu tudo aqui em casa desde ontem. o que eu faço?"),
    ],
)
def test_only_what_leads_in_or_out_is_taken_from_a_question(text: str, asked: str) -> None:
    assert question_alone(text) == asked


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("ainda não paguei", Signal.PAID),
        ("se não me engano é dia 10", Signal.WRONG_PERSON),
        ("fala pra gente o valor", Signal.HUMAN),
        ("quanto é o plano de 600 mega", Signal.DEBT_QUESTION),
        ("sabe quanto devo?", Signal.YES),
        ("os juros são de 1% ao mês?", Signal.DISCOUNT),
        ("espera um pouco, eu já paguei", Signal.NOT_NOW),
        ("quero falar com gente da equipe", Signal.WHO),
        ("não entendi", Signal.NO),
        ("não paguei ainda", Signal.NO),
        ("vou sair agora e já volto", Signal.OPT_OUT),
    ],
)
def test_signal_is_not_imagined(text: str, signal: Signal) -> None:
    assert not says(fold(text), signal)


@pytest.mark.parametrize(
    ("text", "amounts", "chosen"),
    [
        ("pago tudo", (), "R$ 350,00"),
        ("as duas", (), "R$ 350,00"),
        ("a mais antiga", (), "R$ 150,00"),
        ("a mais recente", (), "R$ 200,00"),
        ("a de novembro", (), "R$ 200,00"),
        ("so a FAT-1", (), "R$ 150,00"),
        ("metade", (), "R$ 175,00"),
        ("pago 50", ("R$ 50,00",), "R$ 50,00"),
        ("pago 50, alias 80", ("R$ 50,00", "R$ 80,00"), "R$ 80,00"),
        ("vou ver", (), None),
    ],
)
def test_chosen_amount(text: str, amounts: tuple[str, ...], chosen: str | None) -> None:
    assert chosen_amount(fold(text), amounts, DEBT) == chosen


def test_question_about_the_charge_chooses_no_amount() -> None:
    text = "por que veio R$ 200,00?"
    assert chosen_amount(fold(text), ("R$ 200,00",), DEBT) is None


def test_context_is_read_from_the_last_block_fenced_or_bare() -> None:
    old = SystemMessage('Contexto do turno\n{"agente": "sales"}')
    new = SystemMessage(
        'Contexto do turno:\n```json\n{"agente": "cobranca", "contato.nome": "Maria", "datas": null}\n```'
    )
    turn = read_turn([old, new, HumanMessage("oi")], frozenset())
    assert (turn.context.agent, turn.context.contact_name, turn.context.dates) == ("cobranca", "Maria", ())


@pytest.mark.parametrize("text", ["Contexto do turno", "Contexto do turno {", 'Contexto do turno ["x"]', "nada"])
def test_broken_context_is_an_empty_one(text: str) -> None:
    assert read_turn([SystemMessage(text), HumanMessage("oi")], frozenset()).context.agent == ""


def test_turn_takes_bubbles_results_and_the_reply_before_apart() -> None:
    call = {"name": "buscar_conhecimento", "args": {}, "id": "a", "type": "tool_call"}
    turn = read_turn(
        [
            HumanMessage("oi"),
            AIMessage("Olá! Como posso ajudar?"),
            HumanMessage("qual o"),
            HumanMessage("horário?"),
            AIMessage(content="", tool_calls=[call]),
            ToolMessage('{"ok": true, "trechos": []}', tool_call_id="a"),
        ],
        frozenset({"buscar_conhecimento"}),
    )
    assert turn.new_texts == ("qual o", "horário?")
    assert turn.earlier_texts == ("oi",)
    assert turn.asked == "como posso ajudar?"
    assert turn.results["buscar_conhecimento"].is_ok


def test_small_readers() -> None:
    assert first_json('x {nao} {"a": 1} y') == {"a": 1}
    assert last_question("Oi! Tudo bem? Falo com Maria? Obrigada.") == "falo com maria?"
    assert only_greets("bom dia")
    assert not any(map(only_greets, ("??", "oi, quero pix")))
    assert day_from("31/02/2026") is None
    assert [said.date for said in dates_said("pago dia 27", "20/11/2026")] == ["27/11/2026"]
    assert overlap("senha do wi-fi", "troca da senha da internet") == 1.0
