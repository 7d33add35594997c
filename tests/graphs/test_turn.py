"""Turns fork from what was committed; what crashed or went stale is never read (design: N2)."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from agents.models import Factory
from domain.effects import CountIdentityTry, HandOff, RecordPromise
from graphs.state import CUSTOMER_EVIDENCE_KEPT, MESSAGES_KEPT, bounded, surplus
from graphs.turn import SaverForgets, run_turn
from tests.agents.scripted_model import ScriptedModel, calls
from tests.graphs.rig import open_rig, spoken


def scripted(*script: Any) -> tuple[ScriptedModel, dict[str, Factory]]:
    model = ScriptedModel(script=list(script))
    return model, {"offline": lambda name, temperature: model}


def said(state: dict[str, Any]) -> list[str]:
    return [str(message.content) for message in state["messages"] if message.content]


async def test_stale_first_turn_leaves_no_trace(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        await rig.run("boa tarde, isto ficou velho", keep=False)
        assert rig.checkpoint_id is None
        await rig.run("bom dia")
        assert said(await rig.state())[0] == "bom dia"


async def test_stale_turn_is_forgotten_by_the_next(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        await rig.run("bom dia")
        await rig.run("quero falar com um atendente", keep=False)
        await rig.run("qual o horário de vocês?")
        texts = said(await rig.state())
        assert "quero falar com um atendente" not in texts
        assert [text for text in texts if text in ("bom dia", "qual o horário de vocês?")] == [
            "bom dia", "qual o horário de vocês?",
        ]  # fmt: skip


async def test_crashed_run_is_forgotten_by_the_next(database_url: str) -> None:
    model, factories = scripted("Oi!", ZeroDivisionError(), "Tudo bem!")
    async with open_rig(database_url, factories=factories) as rig:
        await rig.run("bom dia")
        with pytest.raises(ZeroDivisionError):
            await rig.run("isto cai no meio")
        await rig.run("tudo bem?")
        assert said(await rig.state()) == ["bom dia", "Oi!", "tudo bem?", "Tudo bem!"]
        assert [str(message.content) for message in model.asked[-1] if isinstance(message, HumanMessage)] == [
            "bom dia", "tudo bem?",
        ]  # fmt: skip


async def test_two_runs_of_one_turn_give_two_checkpoints_and_the_committed_one_counts(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        await rig.run("bom dia")
        before = rig.checkpoint_id
        first = await rig.run("oi de novo")
        committed = rig.checkpoint_id
        rig.checkpoint_id = before
        await rig.run("oi de um corredor atrasado")
        assert rig.checkpoint_id != committed
        rig.checkpoint_id = committed
        await rig.run("certo")
        assert "oi de um corredor atrasado" not in said(await rig.state())
        assert first.parts


async def test_conversation_whose_checkpoint_is_gone_goes_on_without_its_memory(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        await rig.run("bom dia")
        rig.checkpoint_id = "1f000000-0000-6000-8000-000000000000"
        await rig.run("qual o horário de vocês?")
        assert said(await rig.state())[0] == "qual o horário de vocês?"


async def test_nothing_of_one_turn_is_persisted(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        await rig.run("quero ver minha fatura")
        await rig.run("529.982.247-25")
        state = await rig.state()
        assert set(state) <= {"messages", "agent", "identity", "proposal", "promise", "evidence", "facts"}
        assert state["identity"]["status"] == "confirmada"


async def test_saver_that_cannot_tell_committed_checkpoints_is_refused(database_url: str) -> None:
    async with open_rig(database_url) as rig:
        graph = rig.graph.builder.compile(checkpointer=InMemorySaver())
        with pytest.raises(SaverForgets):
            await run_turn(graph, context=rig.context, messages=[], thread_id="t", checkpoint_id=None)


async def test_unapproved_draft_is_refined(database_url: str) -> None:
    _, factories = scripted("Te ligo em 5 minutos! Qual é a sua dúvida?", "Qual é a sua dúvida?")
    async with open_rig(database_url, factories=factories) as rig:
        outcome = await rig.run("bom dia")
        assert (outcome.verdict, spoken(outcome)) == ("refined", "Qual é a sua dúvida?")
        assert [usage.feature for usage in outcome.usage] == ["reply", "refine"]


async def test_draft_that_stays_unfit_is_held_and_handed_over(database_url: str) -> None:
    model, factories = scripted("Você deve R$ 999,00 desde 01/01/2020!")
    async with open_rig(database_url, factories=factories) as rig:
        outcome = await rig.run("bom dia")
        assert outcome.verdict == "held"
        assert "Deixa eu confirmar" in spoken(outcome)
        assert "999" not in spoken(outcome)
        assert [type(effect) for effect in outcome.effects] == [HandOff]
        assert len(model.asked) == 3
        assert "999" not in str(said(await rig.state()))


async def test_held_turn_keeps_no_promise(database_url: str) -> None:
    promise = {"cpf_cnpj": "52998224725", "data_prevista_pagamento": "27/11/2026", "valor_prometido": "R$ 239,80"}
    _, factories = scripted(
        calls(("consultar_faturas_cpf", {"cpf_cnpj": "52998224725"})), "Maria, o total é R$ 239,80. Que dia?",
        calls(("registrar_promessa_pagamento", promise)), "Fica R$ 239,80 para 27/11/2026. Posso registrar?",
        calls(("registrar_promessa_pagamento", promise)), "Registrei! E cancelei sua multa de R$ 777,00.",
    )  # fmt: skip
    async with open_rig(database_url, factories=factories, assigned_agent="cobranca") as rig:
        assert (await rig.run("oi, meu cpf é 529.982.247-25")).verdict == "approved"
        assert (await rig.run("pago tudo dia 27")).verdict == "approved"
        held = await rig.run("sim")
        assert held.verdict == "held"
        assert not any(isinstance(effect, RecordPromise) for effect in rig.effects)
        state = await rig.state()
        assert state.get("promise") is None
        assert "registrada" not in str(state["messages"])
        assert not any(item["value"] == "promise_registered" for item in state["evidence"])


async def test_failed_identity_tries_survive_a_held_turn(database_url: str) -> None:
    _, factories = scripted(
        calls(("consultar_faturas_cpf", {"cpf_cnpj": "11144477735"})), "Error: internal failure null"
    )
    async with open_rig(database_url, factories=factories, assigned_agent="cobranca") as rig:
        outcome = await rig.run("meu cpf é 111.444.777-35")
        assert outcome.verdict == "held"
        assert {type(effect) for effect in outcome.effects} == {CountIdentityTry, HandOff}
        assert (await rig.state())["identity"]["tries"] == 1


async def test_every_model_failing_still_answers_the_customer(database_url: str) -> None:
    _, factories = scripted(RuntimeErrorOfAProvider())
    async with open_rig(database_url, factories=factories) as rig:
        outcome = await rig.run("bom dia")
        assert outcome.verdict == "held"
        assert "Deixa eu confirmar" in spoken(outcome)
        assert "provedor" not in str(outcome)
        assert all(step["step"] != "refiner" for step in outcome.trace)


async def test_wrong_person_is_not_met_by_collection_again(database_url: str) -> None:
    async with open_rig(database_url, source="campaign", assigned_agent="cobranca") as rig:
        await rig.run("não sou essa pessoa")
        outcome = await rig.run("ok, obrigado")
        assert outcome.agent == "persona"
        assert "R$" not in spoken(outcome)


class RuntimeErrorOfAProvider(ValueError):
    def __init__(self) -> None:
        super().__init__("segredo do provedor")


async def test_history_is_bounded_and_calls_keep_their_results(database_url: str) -> None:
    _, factories = scripted(*[entry for _ in range(40) for entry in (
        calls(("buscar_conhecimento", {"pergunta": "x"})), "Não sei dizer, desculpe!",
    )])  # fmt: skip
    async with open_rig(database_url, factories=factories) as rig:
        for number in range(25):
            await rig.run(f"bom dia {number}")
            messages = (await rig.state())["messages"]
            assert len(messages) <= MESSAGES_KEPT
            called = {call["id"] for item in messages if isinstance(item, AIMessage) for call in item.tool_calls}
            answered = [item for item in messages if isinstance(item, ToolMessage)]
            assert len(answered) == sum(len(i.tool_calls) for i in messages if isinstance(i, AIMessage))
            assert all(item.tool_call_id in called for item in answered)


def test_cut_never_parts_a_call_from_its_result() -> None:
    history = [HumanMessage(content=str(at), id=f"h{at}") for at in range(MESSAGES_KEPT - 1)]
    call = AIMessage(content="", id="c", tool_calls=[{"name": "t", "args": {}, "id": "1", "type": "tool_call"}])
    result = ToolMessage(content="{}", tool_call_id="1", id="r")
    assert [item.id for item in surplus([call, result, *history])] == ["c", "r"]
    assert surplus(history) == []


def test_customer_cannot_push_out_what_a_tool_said() -> None:
    tool: Any = {"kind": "amount", "value": "11990", "source": "consultar_faturas_cpf"}
    flood: Any = [{"kind": "amount", "value": str(cents), "source": "customer"} for cents in range(500)]
    kept = bounded([tool, *flood])
    assert tool in kept
    assert len(kept) == CUSTOMER_EVIDENCE_KEPT + 1
