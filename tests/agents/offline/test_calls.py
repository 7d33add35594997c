"""Whole phone talks with the offline model: what the customer says, which tools run, what is spoken."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from langchain_core.messages import AIMessage

from agents.turn_context import hear
from domain.messages import Medium
from domain.turns import CallContext
from tests.agents.offline.talking import MARIA, TODAY, Talk

LOOKUP, PROMISE, CODE = "consultar_faturas_cpf", "registrar_promessa_pagamento", "gerar_segunda_via"
PAID, HUMAN, OPT_OUT = "atualizar_status_cobranca", "transferir_para_humano", "registrar_opt_out"
END, KNOW, FIND, CARD, CALL = (
    "encerrar_ligacao",
    "buscar_conhecimento",
    "buscar_produtos",
    "mover_kanban",
    "escalar_para_voz",
)
OURS = CallContext(direction="out", purpose="campaign", can_transfer=True, has_text_thread=True)
THEIRS = CallContext(direction="in", purpose="received", can_transfer=False, has_text_thread=False)
FALO = "Olá! Aqui é Lia, assistente virtual da TR Telecom. Falo com Maria?"
AJUDAR = "Olá! Aqui é Lia, assistente virtual da TR Telecom. Como posso ajudar?"
ASKS_CPF = r"três primeiros números do CPF"
DEBT = r"2 faturas em aberto, no total de R\$ 239,80\. A mais antiga venceu em 10/10/2026"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One turn: the utterance, what the reply must match, the tools that must run (in order)."""

    says: str
    reply: str
    tools: tuple[str, ...]


def step(says: str, reply: str, *tools: str) -> Step:
    return Step(says=says, reply=reply, tools=tools)


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    steps: tuple[Step, ...]
    call: CallContext = OURS
    greeting: str = FALO
    world: Mapping[str, object] = field(default_factory=dict)


YES = step("sim, sou eu", ASKS_CPF)
CPF = step("529 982 247 25", DEBT, LOOKUP)
GROUPS = (
    step("cinco dois nove", r"três números seguintes"),
    step("nove oito dois", r"próximos três números"),
    step("duzentos e quarenta e sete", r"dois últimos números"),
    step("vinte e cinco", DEBT, LOOKUP),
)

SCRIPTS: dict[str, Script] = {
    "the whole course, from hello to goodbye": Script(
        steps=(
            step("alô?", r"^Falo com Maria\?$"),
            YES,
            *GROUPS,
            step("quais são?", r"A primeira é de R\$ 119,90.*a segunda.*O total é R\$ 239,80.*dia", LOOKUP),
            step("pago tudo sexta que vem", r"R\$ 239,80 na sexta-feira, 27/11/2026\. Posso registrar\?", PROMISE),
            step("sim, pode registrar", r"Registrei.*R\$ 239,80.*27/11/2026.*P7F3K2.*por mensagem\?", PROMISE),
            step("não, obrigado, só isso", r"ótimo dia", END),
        )
    ),
    "a slip of the tongue in the document": Script(
        steps=(
            YES,
            step("quinhentos e vinte e nove, novecentos e oitenta e dois", r"próximos três números"),
            step("duzentos e quarenta e cinco, não, quarenta e sete", r"dois últimos"),
            step("vinte e cinco", DEBT, LOOKUP),
        )
    ),
    "time to look for the card, and a word aside": Script(
        steps=(
            YES,
            step("é… deixa eu ver", r"Sem pressa"),
            step("cinco dois nove", r"três números seguintes"),
            step("só um minutinho", r"Sem pressa"),
            step("alô?", r"^Oi, estou aqui\."),
            step("nove oito dois dois quatro sete vinte e cinco", DEBT, LOOKUP),
        )
    ),
    "wrong figures are asked for again from the start": Script(
        steps=(
            YES,
            step("529 982 247 24", rf"não ficou certo.*{ASKS_CPF}"),
            *GROUPS,
        )
    ),
    "the holder's name is needed": Script(
        steps=(
            YES,
            step("529 982 247 25", r"nome completo do titular\?", LOOKUP),
            step("maria da silva", DEBT, LOOKUP),
        ),
        world={"needs_name": True},
    ),
    "amounts and days as they are said": Script(
        steps=(
            YES,
            CPF,
            step("não consigo pagar tudo", r"uma parte.*Quanto"),
            step("cento e vinte", r"ajuda.*dia"),
            step("dia dez do doze", r"R\$ 120,00 na quinta-feira, 10/12/2026", PROMISE),
            step("não, dia onze", r"R\$ 120,00 na sexta-feira, 11/12/2026", PROMISE),
            step("isso mesmo", r"Registrei.*11/12/2026", PROMISE),
        )
    ),
    "the centavos without their names": Script(
        steps=(
            YES,
            CPF,
            step("não consigo pagar tudo", r"Quanto"),
            step("cento e dezenove e noventa", r"dia"),
            step("amanhã", r"R\$ 119,90 no sábado, 21/11/2026", PROMISE),
        )
    ),
    "what was said is said again": Script(
        steps=(
            YES,
            CPF,
            step("não ouvi, repete por favor", r"^Claro, repito\. A mais antiga venceu em 10/10/2026\. .*\?$"),
            step("hein?", r"repito"),
        )
    ),
    "a noisy line": Script(
        steps=(
            step("(inaudible speech)", r"não ouvi bem"),
            step("[ruído]", r"falhando"),
            step("(unintelligible audio)", r"pessoa da equipe\?"),
            step("sim", r"Vou te passar agora", HUMAN),
        )
    ),
    "no time now": Script(steps=(step("agora não posso, tô dirigindo", r"Sem problema!.*Até logo!$", END),)),
    "an error": Script(steps=(step("é engano", r"desculpas pelo engano", END),)),
    "no, and no again": Script(
        steps=(step("não", r"Consigo falar com Maria neste número\?"), step("não", r"desculpe o incômodo", END))
    ),
    "somebody else offers to leave a message": Script(
        steps=(step("ela não está, quer deixar recado?", r"Sim, por favor\. Peço só que fale com a TR Telecom", END),)
    ),
    "a relative wants to hear it": Script(
        steps=(step("sou o marido dela, pode falar comigo", r"só trato com o titular", END),)
    ),
    "somebody fetches the holder": Script(
        steps=(
            step("só um minuto que vou chamar", r"eu aguardo"),
            step("alô?", r"Aqui é a Lia.*Falo com Maria\?"),
            YES,
        )
    ),
    "who calls, and why": Script(
        steps=(
            step("quem fala?", r"Aqui é a Lia, assistente virtual da TR Telecom\. Falo com Maria\?"),
            YES,
            step("qual o assunto?", rf"cadastro do titular.*{ASKS_CPF}"),
        )
    ),
    "fear of a fraud": Script(
        steps=(
            step("isso é golpe?", r"nunca peço senha"),
            step("não vou passar meu cpf", r"não precisa informar nada.*pessoa da equipe\?"),
        )
    ),
    "already paid": Script(
        steps=(
            YES,
            CPF,
            step("já paguei ontem", r"anotado que você já pagou", PAID),
            step("tá bom, obrigada", r"ótimo dia", END),
        )
    ),
    "a code goes by message": Script(
        steps=(
            YES,
            CPF,
            step("me manda o pix", r"código Pix da fatura de R\$ 119,90 vai por mensagem.*\?$", CODE),
            step("dia 5, o total", r"R\$ 239,80 no sábado, 05/12/2026", PROMISE),
            step("sim", r"Registrei.*mais alguma coisa\?|Registrei.*mensagem\?", PROMISE),
            step("não", r"ótimo dia", END),
        )
    ),
    "no code where no message can carry it": Script(
        steps=(
            step("quero pagar minha fatura", ASKS_CPF),
            CPF,
            step("me manda o pix", r"Não tenho como te mandar o código por mensagem agora.*pessoa da equipe\?"),
            step("quero sim", r"Já avisei uma pessoa da equipe", HUMAN),
        ),
        call=THEIRS,
        greeting=AJUDAR,
    ),
    "no money": Script(
        steps=(
            YES,
            CPF,
            step("tô desempregada, não tenho como pagar", r"sinto muito|Sinto muito"),
            step("não precisa", r"sem pressa"),
            step("tchau", r"ótimo dia", END),
        )
    ),
    "a life at risk comes before everything": Script(
        steps=(YES, step("não aguento mais, quero me matar", r"CVV.*188.*Vou te passar agora", HUMAN))
    ),
    "no more calls": Script(
        steps=(step("parem de me ligar", r"não vai mais receber nossas ligações nem mensagens", OPT_OUT, END),)
    ),
    "a person is wanted and the line cannot be passed on": Script(
        steps=(step("quero falar com um atendente", r"Já avisei uma pessoa da equipe, que vai falar com você", HUMAN),),
        call=THEIRS,
        greeting=AJUDAR,
    ),
    "a company says its number": Script(
        steps=(
            YES,
            step("é cnpj", r"CNPJ, por partes\?"),
            step("onze, duzentos e vinte e dois", r"já tenho 5 números"),
        )
    ),
    "the call that was asked for goes on where the text stopped": Script(
        steps=(
            step("sim", DEBT, LOOKUP),
            step("dia vinte e sete, o total", r"R\$ 239,80 na sexta-feira, 27/11/2026", PROMISE),
        ),
        call=CallContext(direction="out", purpose="requested", has_text_thread=True),
        world={"identity": "confirmada"},
    ),
    "a question to the persona": Script(
        steps=(
            step("oi, qual o horário de atendimento?", r"Atendemos de segunda a sexta", KNOW),
            step("obrigado", r"ótimo dia", END),
        ),
        call=THEIRS,
        greeting=AJUDAR,
        world={"agent": "persona"},
    ),
    "a machine picks up": Script(
        steps=(
            step(
                "sua chamada está sendo encaminhada para a caixa postal e estará sujeita a cobrança após o sinal",
                r"Aqui é a \w+, assistente virtual da TR Telecom\..*fale com a gente\. Até logo!",
                END,
            ),
        )
    ),
    "the line is sounded out before anything is asked": Script(
        steps=(step("alô tá me ouvindo", r"Falo com Maria\?"), YES)
    ),
    "only who": Script(steps=(step("quem", r"assistente virtual da TR Telecom\. Falo com Maria\?"), YES)),
    "a sister fetches the holder": Script(
        steps=(
            step("não é a irmã dela só um minutinho que eu vou chamar", r"eu aguardo"),
            step("alô quem é", r"Falo com Maria\?"),
            YES,
            CPF,
        )
    ),
    "time to look for the document": Script(
        steps=(YES, step("ai deixa eu ver só um minutinho", r"Sem pressa"), CPF)
    ),
    "a day taken back without a pause": Script(
        steps=(
            YES,
            CPF,
            step("pago tudo na sexta não na sexta não na segunda dia trinta", r"na segunda-feira, 30/11/2026", PROMISE),
            step("não melhor dia quinze de dezembro", r"na terça-feira, 15/12/2026", PROMISE),
            step("sim", r"Registrei.*15/12/2026", PROMISE),
            step("e outra coisa minha internet tá muito lenta o que eu faço", r"roteador|equipe", KNOW),
        )
    ),
    "a speed in words": Script(
        steps=(step("quanto tá custando o plano de seiscentos mega", r"600 Mega sai por R\$ 129,90", FIND, CARD),),
        call=THEIRS,
        greeting=AJUDAR,
        world={"agent": "sales"},
    ),
    "plans on the phone": Script(
        steps=(
            step("quero saber dos planos", r"Fibra 300 Mega: R\$ 89,90 por mês\. .*\?$", FIND, CARD),
            step("o de 600", r"Fibra 600 Mega sai por R\$ 129,90 por mês.*\?$", FIND),
            step("não, obrigado, tchau", r"ótimo dia", END),
        ),
        call=THEIRS,
        greeting=AJUDAR,
        world={"agent": "sales"},
    ),
}  # fmt: skip


def called(call: CallContext = OURS, greeting: str = FALO, **world: object) -> Talk:
    """Begin a call, its greeting said."""
    talk = Talk(call=call, source="campanha" if call.purpose == "campaign" else "cliente", **world)  # type: ignore[arg-type]
    talk.messages.append(AIMessage(greeting))
    return talk


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_call(script: Script) -> None:
    talk = called(script.call, script.greeting, **script.world)
    for one in script.steps:
        reply = talk.say(one.says)
        assert re.search(one.reply, reply, re.DOTALL), f"{one.says!r} -> {reply!r}"
        ran = tuple(name for name in talk.turn_calls if name in one.tools)
        assert ran == one.tools, f"{one.says!r} -> {talk.turn_calls}"
        assert set(talk.turn_calls) <= {*one.tools, CARD}, f"{one.says!r} -> {talk.turn_calls}"


def test_document_reaches_the_tool_as_it_was_said() -> None:
    talk = called()
    for says in ("sim", "cinco dois nove", "nove oito dois", "dois quatro sete", "vinte e cinco"):
        talk.say(says)
    assert talk.args_of(LOOKUP) == {"cpf_cnpj": MARIA}


@pytest.mark.parametrize(
    "says", ["oi", "quero pagar", "ela saiu", "quem é?", "como assim?", "não entendi", "tô ocupada"]
)
def test_nobody_but_the_holder_hears_of_debt(says: str) -> None:
    reply = called().say(says)
    assert not re.search(r"fatura|dívida|débito|aberto|atras|cobran|R\$|pagament", reply, re.IGNORECASE)


def test_goodbye_does_not_cut_a_proposal_off() -> None:
    talk = called()
    for says in ("sim", "529 982 247 25", "dia 5 o total"):
        talk.say(says)
    talk.say("tá bom, obrigado, tchau")
    assert talk.turn_calls != [END]
    assert talk.proposal or talk.promise


# --- a call asked for in writing


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ({"situacao": "agendada", "quando": "em 2 minutos"}, r"Te ligo em 2 minutos"),
        ({"erro": "fora_do_horario", "proximo_horario": "amanhã, às 8 horas"}, r"Pode ser amanhã, às 8 horas\?"),
        ({"erro": "sem_telefone"}, r"telefone.*pessoa da equipe\?"),
        ({"erro": "nao_permitido"}, r"Não consigo ligar.*pessoa da equipe\?"),
        ({"erro": "indisponivel"}, r"Não consigo ligar.*pessoa da equipe\?"),
        ({"erro": "horario_invalido"}, r"que horas"),
    ],
)
@pytest.mark.parametrize("agent", ["cobranca", "persona", "sales"])
def test_call_is_asked_for_in_writing(agent: str, answer: dict[str, object], reply: str) -> None:
    talk = Talk(agent=agent, call_answer=answer)
    assert re.search(reply, talk.say("pode me ligar?"))
    assert talk.turn_calls == [CALL]


@pytest.mark.parametrize(
    ("says", "when"),
    [
        ("me liga amanhã às 15h", "amanhã às 15h"), ("pode me ligar daqui a meia hora?", "daqui a meia hora"),
        ("prefiro por telefone, na sexta às 10", "na sexta às 10"), ("me liga", ""), ("é urgente", ""),
        ("podi mi liga às 9h30", "às 9h30"),
    ],
)  # fmt: skip
def test_hour_of_a_call_is_passed_on_in_the_customers_words(says: str, when: str) -> None:
    talk = Talk()
    talk.say(says)
    assert talk.args_of(CALL)["quando"] == when


def test_offered_hour_is_taken_with_a_yes() -> None:
    talk = Talk(call_answer={"erro": "fora_do_horario", "proximo_horario": "amanhã, às 8 horas"})
    talk.say("me liga por favor")
    talk.call_answer = {"situacao": "agendada", "quando": "amanhã, às 8 horas"}
    assert "Te ligo amanhã, às 8 horas" in talk.say("pode ser")
    assert talk.args_of(CALL)["quando"] == "amanhã, às 8 horas"
    assert talk.say("obrigada") == "Combinado, até já!"
    assert talk.turn_calls == []


def test_spoken_document_does_not_count_in_writing() -> None:
    texts = Talk()
    texts.say("oi")
    texts.say("cinco dois nove nove oito dois dois quatro sete dois cinco")
    assert hear(texts.messages, today=TODAY).spoken_documents == ()
    assert hear(texts.messages, today=TODAY, medium=Medium.VOICE).spoken_documents == (MARIA,)
