"""Forced schemas, the refiner, and the pure function's own promises."""

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agents.offline import respond
from agents.offline.routing import route
from tests.agents.offline.talking import TOOLS, Talk, schema

ROTA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "Rota",
        "parameters": {
            "type": "object",
            "properties": {
                "agente": {"type": "string", "enum": ["persona", "cobranca", "sales"]},
                "motivo": {"type": "string"},
            },
            "required": ["agente", "motivo"],
        },
    },
}
CRITICA: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "Critica",
        "parameters": {
            "type": "object",
            "properties": {
                "veredito": {"enum": ["aprovar", "revisar", "transferir"]},
                "motivos": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["veredito", "motivos"],
        },
    },
}


def _forced(messages: list[BaseMessage], tool: dict[str, Any]) -> dict[str, Any]:
    reply = respond(messages, [tool], tool_choice="any")
    assert [call["name"] for call in reply.tool_calls] == [tool["function"]["name"]]
    return reply.tool_calls[0]["args"]


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("quero ver minha fatura", "cobranca"),
        ("2a via do boletu pfv", "cobranca"),
        ("ja paguei voces", "cobranca"),
        ("qto eu devo", "cobranca"),
        ("minha conta ta atrazada quero negocia", "cobranca"),
        ("fatrua vencida", "cobranca"),
        ("meu cpf 529.982.247-25", "cobranca"),
        ("quanto custa o plano de 600 mega", "sales"),
        ("quero almentar minha internet", "sales"),
        ("tem plno mais barato?", "sales"),
        ("quero contratrar internet", "sales"),
        ("quais pacotes vcs tem", "sales"),
        ("minha internet caiu", "persona"),
        ("net lenta dms", "persona"),
        ("que horas vcs abrem", "persona"),
        ("bom dia", "persona"),
        ("asdf", "persona"),
    ],
)
def test_route(text: str, agent: str) -> None:
    answer = _forced([SystemMessage("Escolha."), HumanMessage(text)], ROTA)
    assert answer["agente"] == agent
    assert answer["motivo"]


def test_route_looks_back_while_nothing_new_is_said() -> None:
    assert route(["quero minha fatura", "ok", "sim"])[0] == "cobranca"


@pytest.mark.parametrize(
    ("draft", "verdict"),
    [
        ("Oi, Maria! Em que dia você consegue pagar?", "aprovar"),
        ("Seu CPF 529.982.247-25 foi localizado.", "revisar"),
        ("Traceback (most recent call last)", "revisar"),
        ("Sorry, your invoice cannot be found with the data", "revisar"),
    ],
)
def test_critique(draft: str, verdict: str) -> None:
    asked = HumanMessage(json.dumps({"rascunho": draft}, ensure_ascii=False))
    assert _forced([SystemMessage("Revise."), asked], CRITICA)["veredito"] == verdict


def test_critique_of_a_person_in_danger_hands_over() -> None:
    messages = [HumanMessage("não aguento mais viver"), HumanMessage(json.dumps({"rascunho": "Oi!"}))]
    assert _forced(list(messages), CRITICA)["veredito"] == "transferir"


def test_unknown_schema_gets_valid_neutral_values() -> None:
    parameters = {
        "type": "object",
        "$defs": {"Side": {"type": "object", "properties": {"x": {"type": "number", "minimum": 3}}, "required": ["x"]}},
        "properties": {
            "kind": {"const": "a"},
            "side": {"$ref": "#/$defs/Side"},
            "many": {"type": "array", "minItems": 2, "items": {"type": "integer", "exclusiveMinimum": 4}},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "flag": {"type": "boolean"},
            "text": {"type": "string", "minLength": 20, "maxLength": 25},
            "day": {"type": "string", "format": "date"},
            "spare": {"type": "string"},
        },
        "required": ["kind", "side", "many", "maybe", "flag", "text", "day"],
    }
    tool = {"type": "function", "function": {"name": "Ficha", "parameters": parameters}}
    values = _forced([HumanMessage("oi")], tool)
    assert values["side"] == {"x": 3}
    assert values["many"] == [5, 5]
    assert (values["kind"], values["maybe"], values["flag"], values["day"]) == ("a", None, False, "1970-01-01")
    assert 20 <= len(values["text"]) <= 25
    assert "spare" not in values


def test_response_schema_gives_json_text() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "Rota", "schema": ROTA["function"]["parameters"]}}
    reply = respond([HumanMessage("quero meu boleto")], response_schema=wanted)
    assert json.loads(str(reply.text))["agente"] == "cobranca"


def test_final_schema_beside_real_tools_comes_after_the_talk() -> None:
    tools: list[dict[str, object]] = [schema("buscar_conhecimento"), schema("transferir_para_humano"), ROTA]
    first = respond([HumanMessage("qual o horário?")], tools, tool_choice="any")
    assert first.tool_calls[0]["name"] == "buscar_conhecimento"
    answered = ToolMessage('{"ok": true, "trechos": []}', tool_call_id=str(first.tool_calls[0]["id"]))
    then = respond([HumanMessage("qual o horário?"), first, answered], tools, tool_choice="any")
    assert then.tool_calls[0]["name"] == "Rota"


def test_no_tool_is_called_when_none_may_be() -> None:
    reply = respond([HumanMessage("qual o horário?")], [schema("buscar_conhecimento")], tool_choice="none")
    assert reply.text
    assert reply.tool_calls == []


def test_amount_is_a_number_where_the_tool_wants_one() -> None:
    talk = Talk()
    talk.say("oi")
    talk.say("529.982.247-25")
    tool = schema("registrar_promessa_pagamento")
    tool["function"]["parameters"]["properties"]["valor_prometido"] = {"type": "number"}  # type: ignore[index]
    talk.messages.append(HumanMessage("pago tudo dia 27"))
    reply = respond([*talk.head(["pago tudo dia 27"], {}), *talk.messages], [tool])
    assert reply.tool_calls[0]["args"]["valor_prometido"] == 239.8


def test_agent_is_known_by_its_tools_when_the_context_is_missing() -> None:
    tools = [schema(name) for name in TOOLS["sales"]]
    assert respond([HumanMessage("plano de 600 mega")], tools).tool_calls[0]["name"] == "buscar_produtos"
    tools = [schema(name) for name in TOOLS["cobranca"]]
    assert "CPF" in str(respond([HumanMessage("quero minha fatura")], tools).text)


@pytest.mark.parametrize(
    ("draft", "reasons", "kept"),
    [
        (
            "Oi, Maria! Registrei seu acordo. Em que dia você paga?",
            [{"motivo": "unsupported_claim", "trecho": "registrei"}],
            "Oi, Maria! Em que dia você paga?",
        ),
        ("Certo! São R$ 90,00 ao todo. Pode ser?", ["unsupported_amount"], "Certo! Pode ser?"),
        ("Tudo bem! Fica para 12/12/2026. Pode ser?", ["unsupported_date"], "Tudo bem! Pode ser?"),
        ("Fica na quinta-feira, 27/11/2026, certo?", ["wrong_weekday"], "Fica na 27/11/2026, certo?"),
        ("Veja em https://x.exemplo/a agora, tá bom?", ["link_not_allowed"], "Veja em agora, tá bom?"),
        ("Sua fatura venceu. Falo com Maria?", ["debt_before_identity"],
         "Falo com Maria? Para sua segurança, pode me informar o CPF ou CNPJ do titular?"),
        ("Você deve R$ 10,00.", [{"motivo": "debt_before_identity", "trecho": "Você deve R$ 10,00."}],
         "Para sua segurança, pode me informar o CPF ou CNPJ do titular?"),
        ("O CPF 529.982.247-25 confere. Como posso ajudar?", ["full_document"], "Como posso ajudar?"),
        ("Olá, Maria! Sorry, please wait. Como posso ajudar?", ["wrong_language"], "Olá, Maria! Como posso ajudar?"),
        ("Deu KeyError: error null. Como posso ajudar?", ["internal_text"], "Como posso ajudar?"),
        ("Tudo certo por aqui, Maria.", [], "Tudo certo por aqui, Maria."),
    ],
)  # fmt: skip
def test_refiner_drops_what_was_vetoed(draft: str, reasons: list[object], kept: str) -> None:
    assert _refined(draft, reasons) == kept


def test_refiner_shortens_to_the_limit_and_keeps_the_question() -> None:
    draft = " ".join(f"Esta é a frase número {number} da resposta." for number in range(40)) + " Pode ser?"
    short = _refined(draft, [{"motivo": "too_long", "trecho": "", "limite": 300}])
    assert len(short) <= 300
    assert short.endswith("Pode ser?")


def test_refiner_with_nothing_left_says_something_safe() -> None:
    assert "pessoa da equipe" in _refined("Registrei tudo.", ["unsupported_claim"])


def _refined(draft: str, reasons: list[object]) -> str:
    context = SystemMessage('Contexto do turno\n```json\n{"agente": "refiner"}\n```')
    task = HumanMessage(json.dumps({"rascunho": draft, "motivos": reasons}, ensure_ascii=False))
    return str(respond([SystemMessage("Corrija."), context, task]).text)


def test_same_input_gives_the_same_message() -> None:
    messages = [HumanMessage("oi"), HumanMessage("qual o horário?")]
    tools = [schema(name) for name in TOOLS["persona"]]
    first, second = respond(messages, tools), respond(messages, tools)
    assert first.model_dump() == second.model_dump()


def test_old_history_changes_nothing_and_costs_little() -> None:
    tools = [schema(name) for name in TOOLS["persona"]]
    recent: list[BaseMessage] = [HumanMessage("oi"), AIMessage("Oi! Como posso ajudar?")] * 40
    end = [HumanMessage("qual o horário de atendimento?")]
    long = respond([*recent * 25, *end], tools)
    short = respond([*recent, *end], tools)
    assert long.tool_calls[0]["name"] == short.tool_calls[0]["name"]
    assert long.tool_calls[0]["args"] == short.tool_calls[0]["args"]
