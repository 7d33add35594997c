"""Every error code of docs/tools.md has a sentence of its own, and none claims what did not happen."""

import re

import pytest

from tests.agents.offline.talking import Talk

DOCUMENT = ("oi", "529.982.247-25")


def _after(talk: Talk, *lines: str) -> str:
    replies = [talk.say(line) for line in lines]
    return replies[-1]


def _error(code: str, **more: object) -> dict[str, object]:
    return {"ok": False, "erro": code, "mensagem": "…", **more}


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ("documento_invalido", {}, r"dígitos"),
        ("documento_nao_informado", {}, r"digitado por aqui"),
        ("nome_necessario", {}, r"nome completo"),
        ("documento_divergente", {"tentativas_restantes": 1}, r"não conferem.*1 tentativa\."),
        ("tentativas_esgotadas", {}, r"não posso continuar.*pessoa da equipe"),
        ("cliente_nao_encontrado", {"tentativas_restantes": 2}, r"Não encontrei um cadastro.*2 tentativas"),
        ("sistema_indisponivel", {}, r"fora do ar"),
        ("codigo_de_amanha", {}, r"pessoa da equipe"),
    ],
)
def test_lookup_errors(code: str, more: dict[str, object], said: str) -> None:
    talk = Talk(failing={"consultar_faturas_cpf": _error(code, **more)})
    assert re.search(said, _after(talk, *DOCUMENT))


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ("identidade_nao_confirmada", {}, r"CPF ou CNPJ"),
        ("data_invalida", {}, r"não existe no calendário"),
        ("data_passada", {}, r"já passou"),
        ("data_alem_do_limite", {"limite": "21/12/2026"}, r"até 21/12/2026"),
        ("valor_invalido", {}, r"Quanto você consegue"),
        ("valor_acima_da_divida", {"total": "R$ 239,80"}, r"R\$ 239,80"),
        ("sem_divida", {}, r"Boa notícia"),
        ("sistema_indisponivel", {}, r"não consegui gravar"),
        ("codigo_de_amanha", {}, r"Não consigo gravar.*pessoa da equipe"),
    ],
)
def test_promise_errors(code: str, more: dict[str, object], said: str) -> None:
    talk = Talk(failing={"registrar_promessa_pagamento": _error(code, **more)})
    assert re.search(said, _after(talk, *DOCUMENT, "pago tudo dia 27"))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("identidade_nao_confirmada", r"CPF ou CNPJ"),
        ("sem_cobranca_ativa", r"não precisa fazer mais nada"),
        ("sistema_indisponivel", r"não consegui anotar"),
        ("status_invalido", r"Não consigo anotar.*pessoa da equipe"),
    ],
)
def test_payment_notice_errors(code: str, said: str) -> None:
    talk = Talk(failing={"atualizar_status_cobranca": _error(code)})
    assert re.search(said, _after(talk, *DOCUMENT, "já paguei"))


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ("identidade_nao_confirmada", {}, r"CPF ou CNPJ"),
        ("fatura_nao_encontrada", {"faturas": ["FAT-1001", "FAT-1002"]}, r"FAT-1001, FAT-1002"),
        ("fatura_nao_encontrada", {}, r"Não localizei essa fatura"),
        ("forma_invalida", {}, r"por boleto\?"),
        ("forma_indisponivel", {}, r"por boleto\?"),
        ("sistema_indisponivel", {}, r"não consegui gerar"),
    ],
)
def test_code_errors(code: str, more: dict[str, object], said: str) -> None:
    talk = Talk(failing={"gerar_segunda_via": _error(code, **more)})
    assert re.search(said, _after(talk, *DOCUMENT, "manda o pix"))


def test_other_form_is_generated_when_the_customer_takes_it() -> None:
    talk = Talk(failing={"gerar_segunda_via": _error("forma_indisponivel")})
    _after(talk, *DOCUMENT, "manda o pix")
    talk.failing = {}
    assert "boleto da fatura FAT-1001" in talk.say("pode ser")
    assert talk.args_of("gerar_segunda_via")["forma"] == "boleto"


@pytest.mark.parametrize(
    ("tool", "agent", "line", "said"),
    [
        ("transferir_para_humano", "persona", "quero um atendente", r"Não consegui fazer a transferência"),
        ("registrar_opt_out", "cobranca", "PARE", r"O sistema falhou"),
        ("buscar_conhecimento", "persona", "qual o horário?", r"não tenho"),
        ("buscar_produtos", "sales", "plano de 600 mega", r"Não consegui consultar os planos"),
        ("salvar_dado_contato", "sales", "maria@exemplo.com", r"Não consegui gravar"),
    ],
)
def test_a_tool_that_is_away_is_told(tool: str, agent: str, line: str, said: str) -> None:
    assert re.search(said, Talk(agent=agent, failing={tool: _error("sistema_indisponivel")}).say(line))


@pytest.mark.parametrize("column_error", ["coluna_desconhecida", "sistema_indisponivel"])
def test_board_troubles_are_no_news_for_the_customer(column_error: str) -> None:
    talk = Talk(agent="sales", failing={"mover_kanban": _error(column_error, colunas=["Novo"])})
    assert "R$ 129,90" in talk.say("quanto custa o plano de 600 mega")


def test_field_that_is_not_defined_is_passed_over() -> None:
    talk = Talk(agent="sales", failing={"salvar_dado_contato": _error("campo_nao_definido", campos=[])})
    assert talk.say("meu email é maria@exemplo.com")


def test_no_products_is_said() -> None:
    talk = Talk(agent="sales", failing={"buscar_produtos": {"ok": True, "produtos": []}})
    assert "Não temos um plano assim" in talk.say("tem plano de tv?")


def test_blocked_identity_never_looks_up_again() -> None:
    talk = Talk(identity="bloqueada")
    assert "pessoa da equipe" in talk.say("529.982.247-25")
    assert talk.turn_calls == []


def test_tool_text_that_is_no_json_counts_as_an_outage() -> None:
    talk = Talk(failing={"consultar_faturas_cpf": {}})
    assert "fora do ar" in _after(talk, *DOCUMENT)
