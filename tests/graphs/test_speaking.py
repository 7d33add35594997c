"""Spoken turns: what is said at once, what waits for the commit, what is never said (spec 5.4; design: N5, N6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from agents.models import Factory
from agents.refiner import HOLDING_REPLY
from domain.effects import HandOff, RecordPromise
from domain.messages import Medium
from domain.turns import TurnOutcome
from graphs.turn import Ear, run_turn
from tests.agents.scripted_model import ScriptedModel, Streamed, StreamingModel, calls
from tests.graphs.rig import MARIA, Rig, open_rig, spoken

LOOK_UP = ("consultar_faturas_cpf", {"cpf_cnpj": MARIA})
MY_DOCUMENT = "meu cpf é 529.982.247-25"


@dataclass(kw_only=True)
class Call:
    """A rig whose conversation is a call; `heard` is what was said before the turn was over."""

    rig: Rig
    model: ScriptedModel | None
    heard: list[str] = field(default_factory=list)
    first: asyncio.Event = field(default_factory=asyncio.Event)
    worked: list[bool] = field(default_factory=list)

    def _say(self, sentence: str) -> None:
        self.heard.append(sentence)
        self.first.set()

    async def turn(self, text: str) -> TurnOutcome:
        self.heard.clear()
        outcome, self.rig.checkpoint_id = await run_turn(
            self.rig.graph, context=self.rig.context, messages=[HumanMessage(content=text)],
            thread_id=str(self.rig.context.conversation_id), checkpoint_id=self.rig.checkpoint_id,
            ear=Ear(say=self._say, at_work=self.worked.append),
        )  # fmt: skip
        self.rig.outcomes.append(outcome)
        self.rig.context = replace(self.rig.context, turn_seq=self.rig.context.turn_seq + 1, is_first_reply=False)
        assert outcome.said == tuple(self.heard)
        assert spoken(outcome).startswith(" ".join(self.heard))
        return outcome

    async def history(self) -> list[Any]:
        return list((await self.rig.state())["messages"])


@asynccontextmanager
async def open_call(database_url: str, *script: Any, **settings: Any) -> AsyncIterator[Call]:
    model = StreamingModel(script=list(script)) if script else None
    factories: dict[str, Factory] | None = {"offline": lambda name, temperature: model} if model else None
    async with open_rig(database_url, factories=factories, assigned_agent="cobranca", **settings) as rig:
        rig.context = replace(rig.context, medium=Medium.VOICE)
        yield Call(rig=rig, model=model)


async def test_clean_sentences_are_said_while_the_model_still_speaks(database_url: str) -> None:
    go_on = asyncio.Event()
    async with open_call(database_url, Streamed(pieces=("Oi, Maria! Aqui ", go_on, "é a Lia. Tudo bem?"))) as call:
        task = asyncio.create_task(call.turn("alô"))
        await call.first.wait()
        assert (call.heard, task.done()) == (["Oi, Maria!"], False)
        go_on.set()
        outcome = await task
        assert outcome.said == ("Oi, Maria!", "Aqui é a Lia.", "Tudo bem?")
        assert (spoken(outcome), outcome.unsaid) == ("Oi, Maria! Aqui é a Lia. Tudo bem?", "")
        assert outcome.verdict == "approved"
        assert [usage.feature for usage in outcome.usage] == ["reply"]


async def test_reply_has_an_id_of_its_turn(database_url: str) -> None:
    async with open_call(database_url, "Oi! Tudo bem?") as call:
        reply_id = str(call.rig.context.reply_id)
        await call.turn("alô")
        assert call.rig.context.reply_id != reply_id
        last = (await call.history())[-1]
        assert (last.id, last.content) == (reply_id, "Oi! Tudo bem?")


async def test_unbacked_amount_is_never_said_and_the_mended_rest_is(database_url: str) -> None:
    script = ("Certo, Maria! Você deve R$ 999,00. Que dia paga?", "Qual é o CPF do titular?")
    async with open_call(database_url, *script) as call:
        outcome = await call.turn("alô")
        assert outcome.said == ("Certo, Maria!",)
        assert outcome.unsaid == "Qual é o CPF do titular?"
        assert spoken(outcome) == "Certo, Maria! Qual é o CPF do titular?"
        assert outcome.verdict == "refined"
        assert call.model is not None
        task = str(call.model.asked[1][-1].content)
        assert '"ja_dito": "Certo, Maria!"' in task
        assert '"rascunho": "Você deve R$ 999,00. Que dia paga?"' in task
        assert "999" not in str(await call.history())


async def test_refined_rest_repeats_nothing_that_was_said(database_url: str) -> None:
    script = ("Certo, Maria! Você deve R$ 999,00.", "Certo, Maria! Qual é o CPF do titular?")
    async with open_call(database_url, *script) as call:
        assert spoken(await call.turn("alô")) == "Certo, Maria! Qual é o CPF do titular?"


async def test_rest_that_stays_unfit_is_held_after_what_was_said(database_url: str) -> None:
    async with open_call(database_url, "Certo, Maria! Você deve R$ 999,00.", "Você deve R$ 999,00.") as call:
        outcome = await call.turn("alô")
        assert outcome.verdict == "held"
        assert outcome.said == ("Certo, Maria!",)
        assert outcome.unsaid == HOLDING_REPLY
        assert [type(effect) for effect in outcome.effects] == [HandOff]
        assert (await call.history())[-1].content == f"Certo, Maria! {HOLDING_REPLY}"


@pytest.mark.parametrize("script", [("Certo, Maria! Você ", ValueError()), ("Certo, Maria! Devo ", ValueError("x"))])
async def test_models_that_all_break_off_leave_what_was_said_and_the_holding_reply(
    database_url: str, script: tuple[Any, ...]
) -> None:
    async with open_call(database_url, Streamed(pieces=script), ValueError()) as call:
        outcome = await call.turn("alô")
        assert (outcome.verdict, outcome.said, outcome.unsaid) == ("held", ("Certo, Maria!",), HOLDING_REPLY)


async def test_refiner_that_fails_never_makes_half_a_reply_look_whole(database_url: str) -> None:
    async with open_call(database_url, "Certo, Maria! Você deve R$ 999,00.", ValueError()) as call:
        outcome = await call.turn("alô")
        assert (outcome.verdict, outcome.said, outcome.unsaid) == ("held", ("Certo, Maria!",), HOLDING_REPLY)


async def test_words_before_a_tool_call_count_as_said(database_url: str) -> None:
    asks = calls(LOOK_UP).model_copy(update={"content": "Só um instante, vou consultar. Você deve R$ 5,00."})
    script = (asks, "Maria, encontrei duas faturas. O total é R$ 239,80. Que dia fica bom?")
    async with open_call(database_url, *script) as call:
        outcome = await call.turn(MY_DOCUMENT)
        assert outcome.said == (
            "Só um instante, vou consultar.", "Maria, encontrei duas faturas.", "O total é R$ 239,80.",
            "Que dia fica bom?",
        )  # fmt: skip
        assert (outcome.verdict, outcome.unsaid) == ("approved", "")
        assert call.model is not None
        before = [item for item in call.model.asked[1] if isinstance(item, AIMessage) and item.tool_calls]
        assert [item.content for item in before] == ["Só um instante, vou consultar."]
        assert call.worked == [True, False]
        history = await call.history()
        assert [type(item) for item in history] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
        assert (history[1].content, history[3].content) == ("", spoken(outcome))


async def test_debt_is_said_only_after_the_identity_is_confirmed(database_url: str) -> None:
    debt = "Você tem uma fatura em aberto de R$ 119,90."
    script = (f"Oi! {debt}", "Com quem eu falo?", calls(LOOK_UP), debt)
    async with open_call(database_url, *script) as call:
        first = await call.turn("alô")
        assert (first.said, first.unsaid) == (("Oi!",), "Com quem eu falo?")
        assert (await call.turn(MY_DOCUMENT)).said == (debt,)


async def test_nothing_is_said_before_the_commit_once_an_effect_is_planned(database_url: str) -> None:
    asks = calls(("transferir_para_humano", {"motivo": "pediu"})).model_copy(
        update={"content": "Um momento, por favor."}
    )
    async with open_call(database_url, asks, "Pronto. Transferi você para um atendente.") as call:
        outcome = await call.turn("tenho um problema que só vocês resolvem")
        assert any(isinstance(effect, HandOff) for effect in outcome.effects)
        assert outcome.said == ("Um momento, por favor.",)
        assert outcome.unsaid == "Pronto. Transferi você para um atendente."
        assert outcome.verdict == "approved"


async def test_codes_that_go_out_with_the_commit_are_told_after_it(database_url: str) -> None:
    code = calls(("gerar_segunda_via", {"cpf_cnpj": MARIA, "numero_fatura": "FAT-1001", "forma": "pix"}))
    async with open_call(database_url, calls(LOOK_UP), code, "Segue o código Pix. Mais alguma coisa?") as call:
        outcome = await call.turn(f"{MY_DOCUMENT}, me manda o pix")
        assert len(outcome.parts) > 1
        assert (outcome.said, outcome.unsaid) == ((), "Segue o código Pix. Mais alguma coisa?")


async def test_reply_that_grows_too_long_may_come_to_its_end(database_url: str) -> None:
    sentence = "Nossa loja fica no centro da cidade e atende bem perto da praça"
    long = " ".join(f"{sentence} número {word}." for word in ("um", "dois", "três", "quatro", "cinco", "seis"))
    async with open_call(database_url, f"{long} Posso ajudar em algo mais?", "Posso ajudar em algo mais?") as call:
        outcome = await call.turn("onde fica a loja?")
        assert len(" ".join(outcome.said)) <= 500
        assert len(spoken(outcome)) <= 660
        assert spoken(outcome).endswith("Posso ajudar em algo mais?")


async def test_no_model_judges_a_spoken_reply(database_url: str) -> None:
    async with open_call(database_url, "Oi! Você deve R$ 9,00.", "Tudo bem?", is_critique_enabled=True) as call:
        outcome = await call.turn("alô")
        assert [usage.feature for usage in outcome.usage] == ["reply", "refine"]
        assert outcome.verdict == "refined"


async def test_turn_that_is_cut_off_leaves_nothing_running(database_url: str) -> None:
    async with open_call(database_url, Streamed(pieces=("Oi, Maria! Aqui ", asyncio.Event()))) as call:
        before = asyncio.all_tasks()
        task = asyncio.create_task(call.turn("alô"))
        await call.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert isinstance(call.model, StreamingModel)
        assert (call.model.begun, call.model.ended) == (1, 1)
        assert asyncio.all_tasks() == before
        assert call.rig.checkpoint_id is None


async def test_text_is_not_streamed(database_url: str) -> None:
    async with open_call(database_url, "Oi! Tudo bem?") as call:
        call.rig.context = replace(call.rig.context, medium=Medium.WHATSAPP)
        outcome = await call.rig.run("alô")
        assert isinstance(call.model, StreamingModel)
        assert (outcome.said, outcome.unsaid, call.model.begun) == ((), "Oi! Tudo bem?", 0)


async def test_fixed_reply_of_the_router_waits_for_the_commit(database_url: str) -> None:
    async with open_call(database_url) as call:
        reply_id = str(call.rig.context.reply_id)
        outcome = await call.turn("não me liguem mais, parem de me mandar mensagem")
        assert outcome.said == ()
        assert outcome.unsaid == spoken(outcome) != ""
        assert (await call.history())[-1].id == reply_id


async def test_negotiation_on_the_phone_with_the_offline_model(database_url: str) -> None:
    async with open_call(database_url) as call:
        said: list[tuple[str, ...]] = []
        for text in ("oi, quero pagar minha fatura", MY_DOCUMENT, "pago tudo dia 27", "sim"):
            outcome = await call.turn(text)
            said.append(outcome.said)
            assert outcome.verdict in ("approved", "refined")
        assert all(said[:3])
        assert any(isinstance(effect, RecordPromise) for effect in outcome.effects)
        assert said[3] == ()
        assert outcome.unsaid
