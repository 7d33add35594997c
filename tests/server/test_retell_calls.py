"""Whole calls over Retell's websocket on the real core: the graph, its tools and its commits, with a bad connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agents.models import Factory
from domain.call_greetings import HOLDING, NOBODY_THERE, STILL_THERE
from domain.ports import Crm
from server.voice.retell_talk import Center
from store.model_settings import put_platform_models
from tests.call_world import CallWorld, open_call_world
from tests.fakes.retell import RetellLine, call_object, serving
from tests.fakes.slow_crm import serve_slow_crm
from tests.fakes_clock import FakeClock
from tests.graphs.demo_rig import MARIA
from tests.server.conftest import make_app
from tests.server.retell_world import PREFIX
from tests.streaming_model import StreamingModel

CONFIRMED = ("oi, quero ver minha fatura", "529.982.247-25", "Maria da Silva")


@dataclass
class Phone:
    """The demo's Retell number, and the api that listens behind it."""

    world: CallWorld
    app: FastAPI
    where: str = ""

    def line(self, call: dict[str, object] | None = None, **options: Any) -> RetellLine:
        call = call or call_object(from_number=MARIA)
        path = f"{PREFIX}/retell/llm/{self.world.account.row.webhook_key}/{call['call_id']}"
        return RetellLine(url=f"ws://{self.where}{path}", call=call, **options)

    async def history(self) -> list[tuple[str, str]]:
        query = "SELECT direction, text FROM messages WHERE call_id IS NOT NULL ORDER BY seq"
        async with self.world.demo.deps.database.tenant(self.world.account.row.tenant_id) as connection:
            cursor = await connection.execute(query)
            return [(row["direction"], row["text"]) for row in await cursor.fetchall()]

    async def assign(self, agent: str) -> None:
        async with self.world.demo.deps.database.tenant(self.world.account.row.tenant_id) as connection:
            await connection.execute("UPDATE conversations SET assigned_agent = %s", (agent,))

    async def speak_with(self, *chain: str) -> None:
        """Let the collections agent speak with these models, or with the offline one."""
        chains = {"cobranca": list(chain)} if chain else {}
        async with self.world.demo.deps.database.platform() as connection:
            await put_platform_models(connection, chains=chains, now=self.world.demo.clock.now())

    async def said_again(self, line: RetellLine, text: str) -> str:
        """Let time pass as it does between two sentences."""
        self.world.demo.clock.advance(timedelta(seconds=3))
        return await line.say(text)


async def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 20
    while not is_so():
        assert loop.time() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def open_phone(
    demo_database_url: str, *, factories: dict[str, Factory] | None = None, crm: Crm | None = None
) -> AsyncIterator[Phone]:
    async with open_call_world(demo_database_url, factories=factories, crm=crm, holding_seconds=0.05) as world:
        app = make_app(world.demo.deps.settings)
        center: Center = world.center
        app.state.deps, app.state.calls = world.demo.deps, center
        phone = Phone(world=world, app=app)
        async with serving(app) as (where, _):
            phone.where = where
            yield phone


@pytest.fixture
async def phone(demo_database_url: str) -> AsyncIterator[Phone]:
    async with open_phone(demo_database_url) as opened:
        yield opened


async def test_negotiation_goes_from_text_to_a_broken_call_to_text_with_one_promise(phone: Phone) -> None:
    maria = phone.world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    async with phone.line() as line:
        assert "Falo com Maria?" in await line.listen()
        assert "duzentos e trinta e nove reais" in await phone.said_again(line, "sim, sou eu")
        assert "vinte e sete de novembro" in await phone.said_again(line, "consigo pagar tudo na sexta que vem")
        await line.die()
    phone.world.demo.clock.advance(timedelta(minutes=2))
    assert "27/11/2026" in await maria.say("sim, pode registrar")
    assert [(row.amount_cents, row.status) for row in await maria.promises()] == [(23980, "pending")]


async def test_slow_tool_is_bridged_by_words_that_leave_the_answer_open(demo_database_url: str) -> None:
    async with (
        serve_slow_crm() as crm,
        httpx.AsyncClient(trust_env=False) as http,
        open_phone(demo_database_url, crm=crm.client(http, FakeClock())) as phone,
        phone.line() as line,
    ):
        await line.listen()
        await phone.said_again(line, "quero ver minha fatura")
        crm.hold()
        phone.world.demo.clock.advance(timedelta(seconds=3))
        saying = asyncio.create_task(line.say("529.982.247-25"))
        await until("the customer is asked for patience", lambda: _is_said(line, HOLDING[0]))
        assert not saying.done()
        crm.release()
        answer = await saying
        assert answer.startswith(HOLDING[0])
        assert "duzentos e trinta e nove reais" in answer
        assert ("out", answer) in await phone.history()


def _is_said(line: RetellLine, words: str) -> bool:
    said = [frame for frame in line.frames if frame.get("content") == f"{words} "]
    return bool(said) and said[0]["content_complete"] is False


async def test_reconnect_goes_on_where_the_call_was_and_stores_nothing_twice(phone: Phone) -> None:
    maria = phone.world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    call = call_object(from_number=MARIA)
    async with phone.line(call) as line:
        await line.listen()
        await phone.said_again(line, "sou eu mesma")
        await phone.said_again(line, "pago tudo dia 27 de novembro")
        await line.die()
    options = {"transcript": line.transcript, "response_id": line.response_id}
    async with phone.line(call, **options) as again:
        reply = await phone.said_again(again, "sim")
        assert "registr" in reply.lower()
        await again.want()  # the recogniser is in doubt, and asks the same again
        await again.die()
    async with phone.line(call, transcript=again.transcript[:-1], response_id=again.response_id) as third:
        await third.want()
        await third.listen()
        assert 0 not in third.answers
    assert [row.status for row in await maria.promises()] == ["pending"]
    said = [text for direction, text in await phone.history() if direction == "in"]
    assert said == ["sou eu mesma", "pago tudo dia 27 de novembro", "sim"]


async def test_service_that_stops_in_mid_call_goes_on_after_it_is_back(phone: Phone) -> None:
    maria = phone.world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    call = call_object(from_number=MARIA)
    async with serving(phone.app) as (where, server):
        first = Phone(world=phone.world, app=phone.app, where=where)
        async with first.line(call) as line:
            await line.listen()
            await phone.said_again(line, "sim, sou eu")
            server.should_exit = True
            assert await line.closed() == 1012
    async with phone.line(call, transcript=line.transcript, response_id=line.response_id) as again:
        assert "vinte e sete de novembro" in await phone.said_again(again, "posso pagar tudo na sexta que vem")
        assert 0 not in again.answers


async def test_customer_who_interrupts_every_sentence_is_kept_as_it_was_heard(phone: Phone) -> None:
    await phone.world.demo.customer(MARIA).talk(*CONFIRMED)
    async with phone.line() as line:
        await line.answered(0)
        await line.interrupt("sim, sou eu", after_words=3)
        for text in ("espera um pouco", "pode repetir?", "quanto eu devo?"):
            await line.answered(line.response_id)
            phone.world.demo.clock.advance(timedelta(seconds=3))
            await line.interrupt(text, after_words=2)
        await line.listen()
        spoken = [entry["content"] for entry in line.transcript if entry["role"] == "agent"]
    heard = [text for direction, text in await phone.history() if direction == "out"]
    assert heard == [text.strip() for text in spoken]
    assert [len(text.split()) for text in heard[:-1]] == [3, 2, 2, 2]


async def test_silence_is_asked_about_once_and_then_ended(phone: Phone) -> None:
    async with phone.line() as line:
        await line.listen()
        await line.want("reminder_required")
        assert await line.listen() == STILL_THERE
        await line.want("reminder_required")
        assert await line.listen() == NOBODY_THERE
        assert line.answers[2].actions == {"end_call": True}


async def test_hanging_up_in_the_middle_of_a_tool_registers_nothing_twice(demo_database_url: str) -> None:
    """The tool has planned the promise and the customer is gone: nothing is stored, and it can still be made."""
    hold = asyncio.Event()
    promise = '{"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": 239.80}'
    answers: list[list[Any]] = [
        [("consultar_faturas_cpf", '{"cpf_cnpj": "confirmado"}')],
        ["O total é R$ 239,80. Quando você consegue pagar?"],
        [("registrar_promessa_pagamento", promise)],
        ["Fica então R$ 239,80 na sexta-feira, 27/11/2026. Posso registrar?"],
        [("registrar_promessa_pagamento", promise)],
        [hold, "Combinado!"],
    ]
    model = StreamingModel(answers=answers)
    async with open_phone(demo_database_url, factories={"spoken": lambda _name, _temperature: model}) as phone:
        maria = phone.world.demo.customer(MARIA)
        await maria.talk(*CONFIRMED)
        await phone.speak_with("spoken:x")
        async with phone.line() as line:
            await line.listen()
            await phone.assign("cobranca")
            await phone.said_again(line, "sim, sou eu")
            await phone.said_again(line, "pago tudo dia 27 de novembro")
            await line.ask("sim, pode registrar")
            await until("the tool was used", lambda: len(model.asked) == 6 and model.running == 1)
            await line.hang_up()
        await until("the answer was given up", lambda: model.running == 0)
        assert await maria.promises() == []
        await phone.speak_with()
        phone.world.demo.clock.advance(timedelta(minutes=2))
        await maria.say("sim, pode registrar")
        assert [row.status for row in await maria.promises()] == ["pending"]


async def test_no_word_of_a_debt_before_it_is_known_who_picked_up(phone: Phone) -> None:
    await phone.world.demo.customer(MARIA).talk(*CONFIRMED)
    async with phone.line() as line:
        said = [await line.listen(), await phone.said_again(line, "não, é a irmã dela, do que se trata?")]
    for text in said:
        assert not {"fatura", "faturas", "dívida", "débito", "atraso", "aberto", "reais"} & set(text.lower().split())


async def test_fifty_calls_at_once_are_all_greeted(phone: Phone) -> None:
    async def ring(number: int) -> str:
        async with phone.line(call_object(from_number=f"+5511988{number:06}")) as line:
            greeting = await line.listen()
            await line.ping(number)
            await line.echoed(number)
            return greeting

    greetings = await asyncio.gather(*(ring(number) for number in range(50)))
    assert {greeting.split("!")[0] for greeting in greetings} == {"Olá"}
