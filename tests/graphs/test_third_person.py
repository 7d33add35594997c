"""A model that insists gets nothing out of the tools, nor past the observer, for who is not the holder (N6)."""

from dataclasses import replace
from typing import Any

import pytest

from agents.models import Factory
from domain.effects import ConfirmIdentity, CountIdentityTry, RecordPromise
from domain.messages import Medium
from tests.agents.scripted_model import ScriptedModel, calls
from tests.graphs.rig import Rig, open_rig

CPF = "529.982.247-25"
LOOK_UP = calls(("consultar_faturas_cpf", {"cpf_cnpj": CPF}))
DEBT = "Há 2 faturas em aberto, no total de R$ 239,80."
ONLY_HOLDER = "Por segurança, só trato com o titular. Ele pode me escrever por aqui?"


def scripted(*script: Any) -> dict[str, Factory]:
    model = ScriptedModel(script=list(script))
    return {"offline": lambda name, temperature: model}


def results(state: dict[str, Any]) -> str:
    return "\n".join(str(message.content) for message in state["messages"] if message.type == "tool")


async def status(rig: Rig) -> str:
    identity = (await rig.state()).get("identity") or {"status": "pendente"}
    return str(identity["status"])


@pytest.mark.parametrize("text", ["sou a esposa dele", "é minha mãe", "sou advogado dela", "tenho 10 anos"])
async def test_model_that_insists_on_looking_up_learns_nothing(database_url: str, text: str) -> None:
    script = (LOOK_UP, LOOK_UP, ONLY_HOLDER)
    async with open_rig(database_url, factories=scripted(*script), assigned_agent="cobranca") as rig:
        reply = await rig.say(text, f"o cpf é {CPF}, quero ver a fatura")
        assert reply == ONLY_HOLDER
        found = results(await rig.state())
        assert found.count('"terceiro"') == 2
        assert "239,80" not in found
        assert "FAT-" not in found
        assert await status(rig) == "pendente"
        assert not any(isinstance(effect, (ConfirmIdentity, CountIdentityTry)) for effect in rig.effects)


async def test_holder_who_takes_the_phone_is_served(database_url: str) -> None:
    script = (LOOK_UP, ONLY_HOLDER, LOOK_UP, DEBT)
    async with open_rig(database_url, factories=scripted(*script), assigned_agent="cobranca") as rig:
        await rig.say(f"sou a filha dela, o cpf é {CPF}")
        assert await rig.say("oi, agora é ela mesma, pode ver a fatura") == DEBT
        assert await status(rig) == "confirmada"


@pytest.mark.parametrize("medium", [Medium.WHATSAPP, Medium.VOICE])
async def test_debt_is_not_told_to_who_takes_the_phone_over(database_url: str, medium: Medium) -> None:
    agreed = {"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": "R$ 119,90"}
    promise = calls(("registrar_promessa_pagamento", agreed))
    script = (LOOK_UP, DEBT, promise, LOOK_UP, DEBT, DEBT, DEBT, DEBT)
    async with open_rig(database_url, factories=scripted(*script), assigned_agent="cobranca") as rig:
        rig.context = replace(rig.context, medium=medium)
        assert "239,80" in await rig.say(f"meu cpf é {CPF}")
        assert await status(rig) == "confirmada"
        reply = await rig.say("aqui é o marido dela agora, qual é a fatura? pago dia 27")
        assert "239,80" not in reply
        assert "em aberto" not in reply
        assert await status(rig) == "pendente"
        assert not any(isinstance(effect, RecordPromise) for effect in rig.effects)
