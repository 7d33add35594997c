"""Whole conversations over the three agents: what the customer writes, which tools run, what the reply says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.agents.offline.talking import INVOICES, Talk

LOOKUP, PROMISE = "consultar_faturas_cpf", "registrar_promessa_pagamento"
PAID, CODE, HUMAN = "atualizar_status_cobranca", "gerar_segunda_via", "transferir_para_humano"
OPT_OUT, KNOW, FIND = "registrar_opt_out", "buscar_conhecimento", "buscar_produtos"
CARD, FIELD, CALL = "mover_kanban", "salvar_dado_contato", "escalar_para_voz"
DEBT = r"2 faturas em aberto.*R\$ 119,90.*10/10/2026 \(41 dias de atraso\).*Total: R\$ 239,80"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One turn: the bubbles, the tools that must run (in order), what the reply must match."""

    says: tuple[str, ...]
    reply: str
    tools: tuple[str, ...] = ()


def step(says: str | tuple[str, ...], reply: str, *tools: str) -> Step:
    """Write a step shortly."""
    return Step(says=(says,) if isinstance(says, str) else says, reply=reply, tools=tools)


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """A whole talk."""

    steps: tuple[Step, ...]
    world: Mapping[str, object] = field(default_factory=dict)


HELLO = step("oi", r"Aqui é a Lia, assistente virtual da TR Telecom.*Falo com Maria\?")
CPF = step("529.982.247-25", DEBT, LOOKUP)

SCRIPTS: dict[str, Script] = {
    "the whole course, from the invoice to the protocol": Script(
        steps=(
            step("oi, quero ver minha fatura", r"assistente virtual da TR Telecom.*CPF ou CNPJ"),
            CPF,
            step("pago tudo sexta que vem", r"R\$ 239,80 na sexta-feira, 27/11/2026.*Posso registrar\?", PROMISE),
            step("sim", r"Registrei.*R\$ 239,80.*sexta-feira, 27/11/2026.*Protocolo: P7F3K2", PROMISE),
            step("valeu!", r"Por nada|Eu que agradeço"),
        )
    ),
    "the holder's name is asked for when the register wants it": Script(
        world={"needs_name": True},
        steps=(
            HELLO,
            step("sim sou eu", r"CPF ou CNPJ"),
            step("52998224725", r"nome completo do titular", LOOKUP),
            step("por que precisa disso?", r"só para confirmar que falo com o titular"),
            step("maria da silva", DEBT, LOOKUP),
        ),
    ),
    "a changed mind before the yes": Script(
        steps=(
            HELLO,
            CPF,
            step("dia 27 a mais antiga", r"R\$ 119,90 na sexta-feira, 27/11/2026", PROMISE),
            step("na verdade dia 30", r"R\$ 119,90 na segunda-feira, 30/11/2026", PROMISE),
            step("nao, melhor tudo de uma vez", r"R\$ 239,80 na segunda-feira, 30/11/2026", PROMISE),
            step("isso, pode registrar", r"Registrei.*R\$ 239,80.*30/11/2026", PROMISE),
        )
    ),
    "several intents in one burst of bubbles": Script(
        steps=(
            step(
                (
                    "oi",
                    "sou a maria",
                    "meu cpf 529.982.247-25",
                    "to desempregada mas recebo dia 5",
                    "pago a mais antiga",
                    "manda o pix tb",
                ),
                r"assistente virtual.*Sinto muito.*2 faturas.*código Pix da fatura FAT-1001.*"
                r"R\$ 119,90 no sábado, 05/12/2026.*Posso registrar\?",
                LOOKUP,
                PROMISE,
                CODE,
            ),
            step("confirmo", r"Registrei.*05/12/2026", PROMISE),
        )
    ),
    "no money: stop pressing, offer a person, respect the no": Script(
        steps=(
            HELLO,
            CPF,
            step(
                "to sem grana, fiquei desempregado", r"sinto muito.*Não precisa resolver nada agora.*pessoa da equipe\?"
            ),
            step("nao precisa", r"sem pressa"),
            step("ok obrigado", r"Por nada|Eu que agradeço|sem pressa"),
        )
    ),
    "illness before identity needs no document to reach a person": Script(
        steps=(
            step("minha mae ta internada, nao tenho como pagar nada agora", r"Sinto muito.*pessoa da equipe\?"),
            step("sim por favor", r"Transferi", HUMAN),
        )
    ),
    "a part instead of everything": Script(
        steps=(
            HELLO,
            CPF,
            step("nao consigo pagar tudo", r"uma parte.*Quanto"),
            step("100 reais", r"ajuda.*dia"),
            step("dia 5", r"R\$ 100,00 no sábado, 05/12/2026", PROMISE),
            step("quero mudar a data", r"Para qual dia"),
            step("dia 7", r"R\$ 100,00 na segunda-feira, 07/12/2026", PROMISE),
            step("ss", r"Registrei.*R\$ 100,00.*07/12/2026", PROMISE),
        )
    ),
    "half of it": Script(
        steps=(
            HELLO,
            CPF,
            step("posso pagar metade", r"ajuda.*dia"),
            step("dia 10", r"R\$ 119,90 na quinta-feira, 10/12/2026", PROMISE),
        )
    ),
    "a day without an amount": Script(
        steps=(
            HELLO,
            CPF,
            step("consigo dia 10", r"o total, R\$ 239,80, ou começar pela fatura mais antiga, de R\$ 119,90\?"),
            step("a mais velha", r"R\$ 119,90 na quinta-feira, 10/12/2026", PROMISE),
            step("👍", r"Registrei", PROMISE),
        )
    ),
    "one invoice needs no question about the amount": Script(
        world={"invoices": INVOICES[:1]},
        steps=(
            HELLO,
            step("529.982.247-25", r"1 fatura em aberto: R\$ 119,90", LOOKUP),
            step("pago amanhã", r"R\$ 119,90 no sábado, 21/11/2026", PROMISE),
            step("combinado", r"Registrei", PROMISE),
        ),
    ),
    "vague days are asked about, each for its own reason": Script(
        steps=(
            HELLO,
            CPF,
            step("fim do mes eu pago tudo", r"“fim do mes”.*qual dia exatamente"),
            step("quando cair o salario", r"que dia isso costuma acontecer"),
            step("dia 31/02", r"não existe no calendário"),
            step("ontem", r"já passou"),
            step("sexta ou sabado", r"qual fica melhor"),
            step("dia 30 entao, o total", r"R\$ 239,80 na segunda-feira, 30/11/2026", PROMISE),
        )
    ),
    "beyond the tenant's limit": Script(
        steps=(
            HELLO,
            CPF,
            step("pago tudo dia 10 de março", r"além do prazo.*21/12/2026", PROMISE),
            step("entao dia 15/12, tudo", r"R\$ 239,80 na terça-feira, 15/12/2026", PROMISE),
        )
    ),
    "more than the debt": Script(
        steps=(HELLO, CPF, step("pago 500 reais dia 10", r"passa do total em aberto, que é de R\$ 239,80", PROMISE))
    ),
    "a part that is taken for the whole": Script(
        steps=(
            HELLO,
            CPF,
            step("pago 100 reais dia 10 e fica tudo quitado", r"não quita tudo.*R\$ 239,80.*Posso registrar", PROMISE),
        )
    ),
    "the whole settles everything": Script(
        steps=(
            HELLO,
            CPF,
            step("pago 239,80 dia 10 e fica tudo quitado", r"^Então fica assim: R\$ 239,80.*Posso registrar", PROMISE),
        )
    ),
    "two payments: one at a time": Script(
        steps=(
            HELLO,
            CPF,
            step("vou pagar metade dia 25 e metade dia 30", r"um pagamento por vez"),
            step("dia 25 a metade", r"R\$ 119,90 na quarta-feira, 25/11/2026", PROMISE),
        )
    ),
    "a yes with a but is no yes": Script(
        steps=(
            HELLO,
            CPF,
            step("tudo dia 10", r"10/12/2026.*Posso registrar", PROMISE),
            step("certo, mas e os juros?", r"não tenho|informação", KNOW),
            step("nao", r"Tudo bem|Sem problema"),
        )
    ),
    "already paid, the register still shows debt": Script(
        steps=(
            step("ja paguei isso", r"agradeço por avisar.*CPF ou CNPJ"),
            step("529 982 247 25", r"Deixei anotado.*R\$ 239,80 em aberto.*24/11/2026", LOOKUP, PAID),
        )
    ),
    "already paid, and the register agrees": Script(
        world={"is_paid": True},
        steps=(
            step("eu paguei ontem moça", r"CPF ou CNPJ"),
            step("52998224725", r"não consta mais nada em aberto", LOOKUP, PAID),
        ),
    ),
    "nothing open": Script(
        world={"is_paid": True},
        steps=(HELLO, step("meu cpf é 529.982.247-25", r"Boa notícia, Maria: não encontrei nenhuma fatura", LOOKUP)),
    ),
    "not this person": Script(
        steps=(
            HELLO,
            step("nao sou a maria, numero errado", r"desculpas?|Desculpe"),
            step("ok", r"desculpas|Desculpe"),
        )
    ),
    "a bare no to the name": Script(steps=(HELLO, step("nao", r"desculpas|Desculpe"))),
    "the wife is not the holder": Script(
        steps=(HELLO, step("aqui é a esposa dele", r"só trato com o titular.*pessoa da equipe"))
    ),
    "anger, then a person": Script(
        steps=(
            step("q absurdo vcs me enchendo o saco, vou no procon", r"Entendo sua irritação.*pessoa da equipe\?"),
            step("quero sim", r"Transferi", HUMAN),
        )
    ),
    "a run-on voice message; the amount is remembered when the day comes": Script(
        steps=(
            HELLO,
            CPF,
            step(
                "então moça eu tava sem emprego mas agora arrumei um bico e acho que "
                "semana que vem consigo pagar uma delas",
                r"agradeço por me contar.*qual dia exatamente",
            ),
            step("quinta", r"R\$ 119,90 na quinta-feira, 26/11/2026", PROMISE),
        )
    ),
    "a stored promise moves to another day": Script(
        steps=(
            HELLO,
            CPF,
            step("tudo dia 28", r"28/11/2026.*Posso registrar", PROMISE),
            step("s", r"Registrei", PROMISE),
            step("posso mudar pra dia 30?", r"R\$ 239,80 na segunda-feira, 30/11/2026", PROMISE),
            step("isso", r"Registrei.*30/11/2026.*substitui o anterior", PROMISE),
        )
    ),
    "some now and the rest later": Script(
        steps=(
            HELLO,
            CPF,
            step("posso pagar 100 agora e o resto dia 10?", r"um pagamento por vez"),
            step("100 hoje", r"R\$ 100,00 na sexta-feira, 20/11/2026", PROMISE),
        )
    ),
    "busy is not the wrong person": Script(
        steps=(HELLO, step("nao posso falar agora", r"Quando puder"), step("oi voltei", r"CPF ou CNPJ"), CPF)
    ),
    "a wrong charge": Script(steps=(HELLO, CPF, step("essa cobrança ta errada", r"analisada.*pessoa da equipe\?"))),
    "call me": Script(steps=(step("me liga", r"Te ligo em 2 minutos", CALL), step("sim", r"Combinado, até já!"))),
    "opt-out": Script(steps=(step("PARE", r"descadastrei", OPT_OUT),)),
    "opt-out in a sentence": Script(steps=(HELLO, step("para de me mandar mensagem", r"descadastrei", OPT_OUT))),
    "the code before the identity": Script(
        steps=(
            step("manda o pix", r"CPF ou CNPJ"),
            step("52998224725", r"2 faturas.*código Pix da fatura FAT-1001.*próxima mensagem", LOOKUP, CODE),
            step("obg", r"Por nada|Eu que agradeço"),
        )
    ),
    "the slip of the invoice that is named": Script(
        steps=(
            HELLO,
            CPF,
            step("preciso da 2 via do boleto de novembro", r"boleto da fatura FAT-1002", CODE),
            step("a FAT-1001 tb", r"boleto da fatura FAT-1001", CODE),
        )
    ),
    "the code that was offered after the promise": Script(
        steps=(
            HELLO,
            CPF,
            step("dia 27 tudo", r"Posso registrar", PROMISE),
            step("fechado", r"Quer que eu já te envie o código Pix\?", PROMISE),
            step("quero", r"código Pix da fatura FAT-1001", CODE),
        )
    ),
    "a discount is nobody's to promise": Script(
        steps=(
            HELLO,
            CPF,
            step("tem desconto? da pra parcelar em 3x?", r"não tenho autorização"),
            step("quero falar com atendente", r"Transferi", HUMAN),
        )
    ),
    "a debt that is not recognised": Script(
        steps=(
            HELLO,
            CPF,
            step("nao devo nada, ja cancelei com vcs", r"analisada.*pessoa da equipe\?"),
            step("pode ser", r"Transferi", HUMAN),
        )
    ),
    "distrust": Script(
        steps=(
            step("quem é?", r"assistente virtual da TR Telecom"),
            step("isso é golpe?", r"desconfiar.*nunca peço senha"),
            step("nao vou passar meu cpf", r"não precisa informar nada.*pessoa da equipe\?"),
            step("tá bom 52998224725", DEBT, LOOKUP),
        )
    ),
    "wrong digits, an unknown document, then the right one": Script(
        steps=(
            HELLO,
            step("529.982.247-24", r"dígito trocado"),
            step("111.444.777-35", r"Não encontrei um cadastro.*2 tentativas", LOOKUP),
            CPF,
        )
    ),
    "what it is about stays untold": Script(
        steps=(
            step("do que se trata?", r"só dou detalhes depois de confirmar"),
            step("nao entendi", r"confirmar que falo"),
        )
    ),
    "another topic in the middle": Script(
        steps=(
            HELLO,
            CPF,
            step("minha internet ta lenta", r"desligue o roteador.*\(Fonte: Internet lenta\)", KNOW),
            step("quanto custa o plano de 600 mega?", r"não tenho.*pessoa da equipe\?", KNOW),
            step("nao, deixa", r"sem pressa"),
            step("quanto devo mesmo?", DEBT, LOOKUP),
        )
    ),
    "a campaign's answer": Script(
        world={"source": "campanha"},
        steps=(
            step("sim, sou eu", r"assistente virtual da TR Telecom.*CPF ou CNPJ"),
            CPF,
            step("quero pagar agora no pix", r"código Pix da fatura FAT-1001", CODE),
        ),
    ),
    "sales: a plan by its speed, too dear, a cheaper one, the contract": Script(
        world={"agent": "sales"},
        steps=(
            step("quanto custa o plano de 600 mega", r"Fibra 600 Mega sai por R\$ 129,90 por mês", FIND, CARD),
            step("ta caro, tem mais barato?", r"Fibra 300 Mega sai por R\$ 89,90", FIND),
            step("quero esse", r"qual é o seu e-mail\?", CARD),
            step("meu email é maria@exemplo.com", r"Anotei seu e-mail.*pessoa da equipe\?", FIELD),
            step("sim", r"Transferi", HUMAN),
        ),
    ),
    "sales: more speed": Script(
        world={"agent": "sales"},
        steps=(
            step("quero aumentar minha internet", r"assistente virtual.*Fibra 1000 Mega.*Fibra 300 Mega", FIND, CARD),
            step("o de 1000 mega", r"Fibra 1000 Mega sai por R\$ 179,90", FIND),
            step("vou pensar", r"Sem problema"),
            step("obrigado", r"Por nada|Eu que agradeço"),
        ),
    ),
    "sales: a speed that is not sold": Script(
        world={"agent": "sales"},
        steps=(step("tem plano de 500 mega?", r"Não temos um plano de 500 mega.*Fibra 300 Mega", FIND, CARD),),
    ),
    "sales: a bare number picks from the list": Script(
        world={"agent": "sales"},
        steps=(
            step("bom dia queria saber os planos", r"Temos estas opções.*Fibra 300 Mega", FIND, CARD),
            step("600", r"Fibra 600 Mega sai por R\$ 129,90", FIND),
            step("fechado", r"e-mail\?", CARD),
        ),
    ),
    "sales: terms are told from the knowledge base": Script(
        world={"agent": "sales"},
        steps=(
            step("quanto custa o plano de 600 megs", r"Fibra 600 Mega sai por R\$ 129,90", FIND, CARD),
            step("vale a pena pagar mais? compara 300 com 600", r"Fibra 300 Mega.*Fibra 600 Mega(?!.*fatura)", FIND),
            step("faz por 70 que eu fecho", r"Preço diferente do catálogo.*pessoa da equipe.*\?"),
            step("só um descontinho", r"Preço diferente do catálogo"),
        ),
    ),
    "sales: what is not sold": Script(
        world={"agent": "sales"},
        steps=(step("vcs vendem chip de celular 5g?", r"não encontrei no catálogo(?!.*giga,)", FIND, CARD),),
    ),
    "sales: too dear, given up, and back": Script(
        world={"agent": "sales"},
        steps=(
            step("qual o preço da internet de 600?", r"129,90", FIND, CARD),
            step("achei caro, não quero mais, vou ficar com a minha mesmo", r"Se mudar de ideia", CARD),
            step("mudei de ideia, quanto é o de 300 mega?", r"89,90", FIND, CARD),
        ),
    ),
    "sales: other topics": Script(
        world={"agent": "sales"},
        steps=(
            step("oi", r"Você procura um plano novo"),
            step("qual o horario de vcs?", r"8h às 18h", KNOW),
            step("quero ver meu boleto atrasado", r"outra área.*pessoa da equipe\?"),
            step("me liga", r"Te ligo em 2 minutos", CALL),
            step("quero falar com um vendedor humano", r"Transferi", HUMAN),
        ),
    ),
    "sales: an address for a tenant that has the field": Script(
        world={"agent": "sales", "fields": ("endereco",)},
        steps=(
            step("plano de 300 mega", r"R\$ 89,90", FIND, CARD),
            step("quero contratar", r"endereço da instalação", CARD),
            step("rua das flores, 123, centro", r"Anotei seu endereço", FIELD),
        ),
    ),
    "persona: questions the knowledge base answers": Script(
        world={"agent": "persona"},
        steps=(
            step("oi tudo bem?", r"Tudo bem por aqui! Como posso ajudar\?"),
            step("q horas vcs atendem no sabado", r"8h às 12h.*\(Fonte: Horário de atendimento\)", KNOW),
            step("como troco a senha do wifi", r"no aplicativo.*Fonte", KNOW),
            step("como mudo de endereço?", r"até 5 dias úteis", KNOW),
            step("vlw", r"Por nada|Eu que agradeço"),
        ),
    ),
    "persona: not known, then a person": Script(
        world={"agent": "persona"},
        steps=(
            step("vcs vendem bolo de cenoura?", r"não tenho.*pessoa da equipe\?", KNOW),
            step("sim", r"Transferi", HUMAN),
        ),
    ),
    "persona: a bot, says so": Script(
        world={"agent": "persona"},
        steps=(
            step("vc é robo?", r"assistente virtual da TR Telecom"),
            step("minha internet caiu e to furioso com essa porcaria", r"irritação.*pessoa da equipe\?", KNOW),
            step("nao", r"Tudo bem"),
        ),
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_talk(name: str) -> None:
    script = SCRIPTS[name]
    talk = Talk(**script.world)  # type: ignore[arg-type]
    for number, turn in enumerate(script.steps, start=1):
        reply = talk.say(*turn.says)
        where = f"step {number} {turn.says}: {reply}"
        assert re.search(turn.reply, reply, re.DOTALL | re.IGNORECASE), where
        assert tuple(talk.turn_calls) == turn.tools, where


def test_promise_is_asked_for_with_the_words_of_the_contract() -> None:
    talk = Talk()
    talk.say("oi")
    talk.say("meu cpf é 529.982.247-25")
    talk.say("pago 80 reais dia 27 no pix")
    assert talk.args_of("registrar_promessa_pagamento") == {
        "cpf_cnpj": "52998224725",
        "data_prevista_pagamento": "27/11/2026",
        "valor_prometido": "R$ 80,00",
        "metodo_pagamento": "pix",
    }


def test_nothing_is_stored_without_a_second_turn() -> None:
    talk = Talk()
    talk.say("oi")
    talk.say("529.982.247-25")
    talk.say("sim, pago tudo dia 27, pode registrar, confirmo")
    assert talk.promise is None
    assert talk.turn_calls == ["registrar_promessa_pagamento"]


@pytest.mark.parametrize(
    "answer", ["quero mudar a data", "pode ser outro dia?", "manda o pix", "sim, mas só dia 12", "calma"]
)
def test_what_is_no_plain_yes_stores_nothing(answer: str) -> None:
    talk = Talk()
    talk.say("oi")
    talk.say("529.982.247-25")
    talk.say("pago tudo dia 27")
    talk.say(answer)
    assert talk.promise is None


def test_card_never_moves_back() -> None:
    talk = Talk(agent="sales")
    talk.say("quanto custa o de 600 mega")
    talk.say("quero contratar")
    assert talk.args_of("mover_kanban")["coluna"] == "Fechamento"
    talk.say("tem plano mais barato?")
    assert "mover_kanban" not in talk.turn_calls


def test_wrong_person_hears_no_word_of_debt_even_when_it_insists() -> None:
    talk = Talk()
    talk.say("oi")
    for text in ("não sou a Maria", "o que vcs querem com ela?", "ela deve alguma coisa?"):
        reply = talk.say(text)
        assert not re.search(r"fatura|dívida|deve|cobrança|pagamento|valor", reply, re.IGNORECASE), reply
