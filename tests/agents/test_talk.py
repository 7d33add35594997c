"""The loop of model and tools: what a model may do wrong, and what it gets for it."""

import json
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

from agents.models import Factory
from agents.prompts import Prompts, shipped_prompt
from agents.talk import ROUNDS, Agent, Talk, TalkInput, talk
from agents.turn_context import MARK, hear
from domain.effects import HandOff
from graphs.conversation import NO_IDENTITY
from tests.agents.scripted_model import ScriptedModel, calls
from tests.graphs.rig import MARIA, Rig, open_rig
from tools.context import ToolResult
from tools.injected import Run


@tool("quebrar", response_format="content_and_artifact")
async def break_down(run: Run) -> tuple[str, ToolResult]:
    """Quebra."""
    raise RuntimeError("senha do banco: 123")


@tool("contar", response_format="content_and_artifact")
async def count(run: Run) -> tuple[str, ToolResult]:
    """Conta os efeitos planejados até aqui."""
    content = {"ok": True, "efeitos": len(run.effects)}
    return json.dumps(content), ToolResult(content=content, effects=(HandOff(reason="x"),))


def scripted(*script: Any) -> tuple[ScriptedModel, dict[str, Factory]]:
    model = ScriptedModel(script=list(script))
    return model, {"offline": lambda name, temperature: model}


async def speak(rig: Rig, *, text: str = "oi") -> Talk:
    messages = [HumanMessage(content=text)]
    given = TalkInput(
        messages=messages, heard=hear(messages, today=rig.context.today), identity=NO_IDENTITY, proposal=None,
        promise=None, evidence=(),
    )  # fmt: skip
    agent = Agent(name="persona", tools=(break_down, count))
    prompts = Prompts(rig.deps.database, rig.deps.clock)
    return await talk(agent, given, turn=rig.context, deps=rig.deps, models=rig.models, prompts=prompts)


def results(said: Talk) -> list[dict[str, Any]]:
    return [json.loads(str(message.content)) for message in said.exchange if isinstance(message, ToolMessage)]


async def test_trouble_in_a_tool_never_shows_its_text(database_url: str) -> None:
    model, factories = scripted(calls(("quebrar", {})), "Não consegui agora.")
    async with open_rig(database_url, factories=factories) as rig:
        said = await speak(rig)
        assert said.text == "Não consegui agora."
        assert results(said)[0]["erro"] == "sistema_indisponivel"
        assert "senha" not in str(model.asked)
        assert "senha" not in str(said.trace)


async def test_unknown_tools_and_bad_arguments_become_errors_for_the_model(database_url: str) -> None:
    malformed = AIMessage(
        content="", invalid_tool_calls=[
            {"name": "contar", "args": "{não é json", "id": "1", "error": "x", "type": "invalid_tool_call"}
        ],
    )  # fmt: skip
    _, factories = scripted(calls(("apagar_tudo", {}), ("contar", {"run": "meu"})), malformed, "Oi!")
    async with open_rig(database_url, factories=factories) as rig:
        said = await speak(rig)
        assert [item["erro"] for item in results(said)] == [
            "ferramenta_desconhecida", "argumentos_invalidos", "argumentos_invalidos",
        ]  # fmt: skip
        assert said.text == "Oi!"
        assert said.effects == ()


async def test_each_call_sees_what_the_earlier_ones_planned(database_url: str) -> None:
    _, factories = scripted(calls(("contar", {}), ("contar", {})), "Oi!")
    async with open_rig(database_url, factories=factories) as rig:
        said = await speak(rig)
        assert [item["efeitos"] for item in results(said)] == [0, 1]
        assert len(said.effects) == 2


async def test_endless_tool_calls_end_after_six_rounds(database_url: str) -> None:
    model, factories = scripted(calls(*[("contar", {})] * 20))
    async with open_rig(database_url, factories=factories) as rig:
        said = await speak(rig)
        assert said.text == ""
        assert len(model.asked) == ROUNDS
        assert model.offered[-1] == []
        assert len(said.effects) == 6 * ROUNDS


async def test_text_beside_a_tool_call_is_not_kept(database_url: str) -> None:
    both = calls(("contar", {})).model_copy(update={"content": "Já registrei tudo!"})
    _, factories = scripted(both, "Oi!")
    async with open_rig(database_url, factories=factories) as rig:
        assert "Já registrei" not in str((await speak(rig)).exchange)


async def test_model_gets_prompt_and_context_of_the_turn(database_url: str) -> None:
    model, factories = scripted("Oi!")
    async with open_rig(database_url, factories=factories) as rig:
        said = await speak(rig, text="meu cpf é 529.982.247-25, pago 50 reais dia 27")
        prompt, context = model.asked[0][:2]
        assert isinstance(prompt, SystemMessage)
        assert "TR Telecom" in str(prompt.content)
        assert "{{" not in str(prompt.content)
        text = str(context.content)
        assert text.startswith(MARK)
        block = json.loads(text[text.index("{") : text.rindex("}") + 1])
        assert block["agente"] == "persona"
        assert block["identidade"] == "pendente"
        assert block["documento_informado"] is True
        assert block["valores"] == ["R$ 50,00"]
        assert block["datas"][0] | {"trecho": ""} == {
            "trecho": "", "data": "27/11/2026", "dia_semana": "sexta-feira", "situacao": "certa", "motivo": None,
        }  # fmt: skip
        assert MARIA not in text
        assert said.prompt_version == shipped_prompt("persona").version
