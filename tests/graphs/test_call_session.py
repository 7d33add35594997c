"""Calls on the real graph: one memory with the text, the rules before the voice, a history of what was heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from domain.call_talk import Say
from domain.effects import Effect, OptOut
from domain.errors import NotFound
from domain.messages import Text
from domain.turns import TurnOutcome
from graphs.turn import Ear
from services.call_desk import Arrival, CallDesk
from services.turns import LoadedTurn
from store.model_settings import put_platform_models
from tests.call_world import CallWorld, OnThePhone, open_call_world
from tests.graphs.demo_rig import JOAO, MARIA
from tests.streaming_model import StreamingModel

CONFIRMED = ("oi, quero ver minha fatura", "529.982.247-25", "Maria da Silva")


@pytest.fixture
async def world(demo_database_url: str) -> AsyncIterator[CallWorld]:
    async with open_call_world(demo_database_url) as opened:
        yield opened


@asynccontextmanager
async def scripted(
    demo_database_url: str, *answers: list[Any], **settings: str
) -> AsyncIterator[tuple[CallWorld, Any]]:
    """Let the collections agent's model say these answers; the others are the offline model."""
    model = StreamingModel(answers=list(answers))
    async with open_call_world(
        demo_database_url, factories={"spoken": lambda _name, _temperature: model}, settings=settings
    ) as world:
        async with world.demo.deps.database.platform() as connection:
            await put_platform_models(connection, chains={"cobranca": ["spoken:x"]}, now=world.demo.clock.now())
        yield world, model


async def for_collection(world: CallWorld, phone: str = MARIA) -> OnThePhone:
    """Ring somebody whose conversation the collections agent has."""
    line = await world.ring(phone)
    async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
        await connection.execute(
            "UPDATE conversations SET assigned_agent = 'cobranca' WHERE id = %s",
            (line.session.opened.conversation_id,),
        )
    return line


# --- one memory


async def test_negotiation_goes_from_text_to_call_to_text_with_one_promise(world: CallWorld) -> None:
    maria = world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    line = await world.ring(MARIA)
    assert "duzentos e trinta e nove reais e oitenta centavos" in await line.say("sim, sou eu")
    assert "sexta-feira, vinte e sete de novembro" in await line.say("consigo pagar tudo na sexta que vem")
    await line.hang_up()
    world.demo.clock.advance(timedelta(minutes=2))
    reply = await maria.say("sim, pode registrar")
    assert "27/11/2026" in reply
    assert [(row.amount_cents, row.status) for row in await maria.promises()] == [(23980, "pending")]


async def test_promise_made_on_the_phone_is_known_in_writing(world: CallWorld) -> None:
    maria = world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    line = await world.ring(MARIA)
    await line.talk("sou eu mesma", "pago tudo dia 27 de novembro", "sim")
    await line.hang_up()
    assert len(await maria.pending()) == 1
    world.demo.clock.advance(timedelta(minutes=2))
    await maria.say("pode me ligar de novo?")
    assert maria.identity == "confirmada"
    assert "escalar_para_voz" in maria.tools
    assert maria.identity == "confirmada"
    assert [row.status for row in await maria.promises()] == ["pending"]


async def test_yes_to_the_name_accepts_no_offer_made_in_writing(world: CallWorld) -> None:
    maria = world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED, "consigo pagar tudo na sexta que vem")
    assert "27/11/2026" in maria.replies[-1]
    line = await world.ring(MARIA)
    reply = await line.say("sim")
    assert await maria.promises() == []
    assert "vinte e sete de novembro" in reply
    await line.say("sim, pode registrar")
    assert len(await maria.pending()) == 1


async def test_two_calls_do_not_share_who_was_on_the_phone(world: CallWorld) -> None:
    await world.demo.customer(MARIA).talk(*CONFIRMED)
    first = await world.ring(MARIA)
    assert "faturas" in await first.say("sim, sou eu")
    await first.hang_up()
    second = await world.ring(MARIA)
    reply = await second.say("não, aqui é o marido dela, o que era?")
    assert "fatura" not in reply.lower()
    assert "reais" not in reply


async def test_document_said_in_one_call_confirms_nobody_in_the_next(world: CallWorld) -> None:
    first = await world.ring(MARIA)
    await first.talk("quero ver minha fatura", "cinco dois nove, nove oito dois")
    assert "reais" in await first.say("dois quatro sete, dois cinco")
    await first.hang_up()
    second = await world.ring(MARIA)
    reply = await second.say("não, é a irmã dela, mas pode dizer a fatura pra mim")
    assert "reais" not in reply
    assert "atraso" not in reply


# --- who is on the phone


@pytest.mark.parametrize(
    "answer",
    [
        "quem fala?",
        "alô?",
        "não, é a irmã dela",
        "ela saiu, quer deixar recado?",
        "é engano",
        "depende, sobre o que é?",
    ],
)
async def test_nobody_but_the_holder_hears_of_a_debt(world: CallWorld, answer: str) -> None:
    await world.demo.customer(MARIA).talk(*CONFIRMED)
    line = await world.ring(MARIA)
    greeting = line.replies[0]
    reply = await line.say(answer)
    for said in (greeting, reply):
        assert not {"fatura", "faturas", "dívida", "débito", "atraso", "aberto"} & set(said.lower().split())
        assert "reais" not in said


@pytest.mark.parametrize("answer", ["sim", "sim, sou eu", "oi, pode falar", "é ela mesma"])
async def test_who_is_there_is_asked_what_it_is_about(world: CallWorld, answer: str) -> None:
    await world.demo.customer(MARIA).say("oi")
    line = await world.ring(MARIA)
    assert "como posso ajudar" in (await line.say(answer)).lower()


async def test_greeting_names_the_assistant_and_the_business(world: CallWorld) -> None:
    await world.demo.customer(MARIA).say("oi")
    line = await world.ring(MARIA)
    assert line.replies == ["Olá! Aqui é Lia, assistente virtual da TR Telecom. Falo com Maria?"]
    assert line.then == "listen"


async def test_hidden_caller_is_somebody_new_each_time(world: CallWorld) -> None:
    first, second = await world.ring(None), await world.ring(None)
    assert first.session.opened.contact_id != second.session.opened.contact_id
    assert "Como posso ajudar?" in first.replies[0]


async def test_document_is_typed_on_the_keypad(world: CallWorld) -> None:
    line = await world.ring(MARIA)
    await line.say("quero falar da minha fatura")
    for digit in "52998224725":
        await line.session.press(digit, reply=line.reply + 1)
    said = await line.listen()
    assert said
    assert ("in", "52998224725") in await line.history()
    assert "52998224725" not in " ".join(line.replies)


# --- the rules before the voice


async def test_sentences_are_spoken_before_the_model_has_finished(demo_database_url: str) -> None:
    rest = asyncio.Event()
    async with scripted(demo_database_url, ["Oi, tudo bem? ", "Com quem ", rest, "eu falo?"]) as (world, _):
        line = await for_collection(world)
        await line.begin_to_say("alô")
        assert await line.first_words() == "Oi, tudo bem?"
        rest.set()
        assert await line.listen() == "Com quem eu falo?"
        await line.hang_up()


async def test_debt_is_not_spoken_to_somebody_unconfirmed(demo_database_url: str) -> None:
    told = ["Olá! ", "Você tem uma fatura de R$ 119,90 em aberto. ", "Quando pode pagar?"]
    async with scripted(demo_database_url, told) as (world, _):
        line = await for_collection(world)
        reply = await line.say("alô")
        assert "cento e dezenove" not in reply
        assert "R$" not in reply
        await line.hang_up()


async def test_promise_is_stored_before_it_is_told(demo_database_url: str) -> None:
    """What the tools planned is true before the first word of it is spoken (ADR 2)."""
    promise = '{"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": 239.80}'
    agreed = ["Combinado! Registrei o pagamento de R$ 239,80 para sexta-feira, dia 27/11/2026. Obrigada!"]
    answers = (
        [("consultar_faturas_cpf", '{"cpf_cnpj": "confirmado"}')],
        ["O total é R$ 239,80. Quando você consegue pagar?"],
        [("registrar_promessa_pagamento", promise)],
        ["Fica R$ 239,80 na sexta-feira, dia 27/11/2026. Posso registrar?"],
        [("registrar_promessa_pagamento", promise)],
        agreed,
    )
    async with scripted(demo_database_url, ["Oi!"]) as (world, model):
        maria = world.demo.customer(MARIA)
        async with world.demo.deps.database.platform() as connection:
            await put_platform_models(connection, chains={}, now=world.demo.clock.now())
        await maria.talk(*CONFIRMED)
        async with world.demo.deps.database.platform() as connection:
            await put_platform_models(connection, chains={"cobranca": ["spoken:x"]}, now=world.demo.clock.now())
        world.demo.clock.advance(timedelta(minutes=1))
        model.answers = list(answers)
        line = await for_collection(world)
        await line.say("sim, sou eu")
        await line.say("pago tudo dia 27 de novembro")
        await line.begin_to_say("sim, pode registrar")
        first = await line.first_words()
        assert len(await maria.pending()) == 1, first
        assert "vinte e sete de novembro" in await line.listen()
        await line.hang_up()


async def test_broken_model_is_answered_for_by_the_offline_one(demo_database_url: str) -> None:
    async with scripted(demo_database_url, [RuntimeError("away")]) as (world, _):
        line = await for_collection(world)
        assert await line.say("alô, quero ver minha fatura")
        await line.hang_up()


# --- who answers


def outcome_of(text: str, *, said: tuple[str, ...] = (), effects: tuple[Effect, ...] = ()) -> TurnOutcome:
    return TurnOutcome(
        parts=(Text(text=text),), effects=effects, usage=(), trace=(), agent=None, verdict="approved", model=None,
        prompt_version=None, said=said,
    )  # fmt: skip


async def test_whoever_stands_in_for_the_graph_is_heard_and_kept_whole(world: CallWorld) -> None:
    asked: list[str] = []

    async def answer(turn: LoadedTurn, ear: Ear) -> tuple[TurnOutcome, None]:
        asked.extend(row.text or "" for row in turn.said if row.direction == "in")
        ear.say("Primeira frase.")
        return outcome_of("Primeira frase. São R$ 5,00.", said=("Primeira frase.",)), None

    line = await world.ring(MARIA, answer=answer)
    assert await line.say("alô") == "Primeira frase. São cinco reais."
    assert asked == ["alô"]
    assert (await line.history())[-1] == ("out", "Primeira frase. São cinco reais.")


async def test_what_stands_in_for_the_graph_kept_to_itself_is_done_before_it_is_said(world: CallWorld) -> None:
    async def answer(turn: LoadedTurn, ear: Ear) -> tuple[TurnOutcome, None]:
        return outcome_of("Pronto, não ligamos mais.", effects=(OptOut(scope="all", reason="pediu"),)), None

    line = await world.ring(MARIA, answer=answer)
    await line.begin_to_say("alô")
    assert await line.first_words() == "Pronto, não ligamos mais."
    async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
        cursor = await connection.execute(
            "SELECT scope FROM opt_outs WHERE contact_id = %s", (line.session.opened.contact_id,)
        )
        assert [row["scope"] for row in await cursor.fetchall()] == ["all"]
    await line.listen()
    assert line.then == "hang_up"


# --- interruptions


async def test_history_keeps_what_was_heard_of_a_finished_reply(demo_database_url: str) -> None:
    async with scripted(demo_database_url, ["Primeira frase aqui. Segunda frase aqui."], ["Certo, diga."]) as (
        world,
        model,
    ):
        line = await for_collection(world)
        await line.say("alô")
        await line.session.cut("Primeira frase")
        await line.say("espera")
        said = [words for direction, words in await line.history() if direction == "out"]
        assert said[1:] == ["Primeira frase", "Certo, diga."]
        assert "Primeira frase" in [str(message.text) for message in model.asked[-1]]
        assert not any("Segunda frase" in str(message.text) for message in model.asked[-1])
        await line.hang_up()


async def test_customer_who_speaks_into_a_reply_is_answered_instead(demo_database_url: str) -> None:
    rest = asyncio.Event()
    async with scripted(demo_database_url, ["Primeira frase. ", "Segunda ", rest, "frase."], ["Pois não?"]) as (
        world,
        model,
    ):
        line = await for_collection(world)
        await line.begin_to_say("alô")
        assert await line.first_words() == "Primeira frase."
        assert await line.say("espera um pouco") == "Pois não?"
        assert model.running == 0
        out = [words for direction, words in await line.history() if direction == "out"]
        assert out[1:] == ["Primeira frase.", "Pois não?"]
        asked = [str(message.text) for message in model.asked[-1]]
        assert asked[-3:] == ["alô", "Primeira frase.", "espera um pouco"]
        await line.hang_up()


async def test_customer_who_interrupts_everything_loses_no_word(demo_database_url: str) -> None:
    never = asyncio.Event()
    async with scripted(demo_database_url, ["Só um ", never, "instante."]) as (world, model):
        line = await for_collection(world)
        spoken = [f"frase número {number}" for number in range(6)]
        for words in spoken:
            await line.begin_to_say(words)
            await asyncio.sleep(0)
        model.answers = [["Agora sim."]]
        assert await line.say("pronto") == "Agora sim."
        assert [words for direction, words in await line.history() if direction == "in"] == [*spoken, "pronto"]
        assert model.running == 0
        await line.hang_up()


async def test_utterance_that_grows_is_one(demo_database_url: str) -> None:
    never = asyncio.Event()
    async with scripted(demo_database_url, [never, "nunca"], ["Certo."]) as (world, _):
        line = await for_collection(world)
        await line.begin_to_say("quero pagar", key="7")
        await asyncio.sleep(0.1)
        assert await line.say("quero pagar amanhã", key="7") == "Certo."
        assert [words for direction, words in await line.history() if direction == "in"] == ["quero pagar amanhã"]
        await line.hang_up()


async def test_hanging_up_in_the_middle_of_an_answer_leaves_nothing_running(demo_database_url: str) -> None:
    never = asyncio.Event()
    async with scripted(demo_database_url, ["Olá. ", "Eu ", never]) as (world, model):
        line = await for_collection(world)
        await line.begin_to_say("alô")
        await line.first_words()
        await line.hang_up()
        await line.hang_up()
        assert model.running == 0
        assert (await line.history())[-1] == ("out", "Olá.")
        assert await _lease(world, line) is None


async def test_nothing_is_kept_of_a_tool_whose_turn_was_given_up(demo_database_url: str) -> None:
    never = asyncio.Event()
    answers = ([("registrar_opt_out", "{}")], [never, "Pronto."])
    async with scripted(demo_database_url, *answers) as (world, model):
        line = await for_collection(world)
        await line.begin_to_say("tudo bem por aí")
        await model.wait_until_asked(2)
        await line.hang_up()
        async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
            cursor = await connection.execute(
                "SELECT id FROM opt_outs WHERE contact_id = %s", (line.session.opened.contact_id,)
            )
            assert await cursor.fetchone() is None


# --- reconnects and silence


async def test_reconnected_call_is_not_greeted_again_and_answers_nothing_twice(world: CallWorld) -> None:
    line = await world.ring(MARIA, provider_call_id="call_1")
    reply = await line.say("qual o horário de atendimento?", key="1")
    again = await world.ring(MARIA, provider_call_id="call_1")
    assert again.session.opened.is_resumed
    assert again.session.opened.call.id == line.session.opened.call.id
    assert again.events == []
    assert await again.say("qual o horário de atendimento?", key="1") == reply
    assert len(await again.history()) == 3


async def test_older_socket_of_a_call_cannot_commit(demo_database_url: str) -> None:
    rest = asyncio.Event()
    async with scripted(demo_database_url, [rest, "Tarde demais."], ["Eu continuo."]) as (world, model):
        old = await world.ring(MARIA, provider_call_id="call_1")
        async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
            await connection.execute("UPDATE conversations SET assigned_agent = 'cobranca'")
        await old.begin_to_say("alô", key="1")
        await model.wait_until_asked(1)
        new = await world.ring(MARIA, provider_call_id="call_1")
        assert await new.say("alô, você está aí?", key="2") == "Eu continuo."
        rest.set()
        await old.listen()
        said = [words for direction, words in await new.history() if direction == "out"]
        assert said.count("Eu continuo.") == 1
        assert "Tarde demais." not in said


async def test_silence_is_asked_about_once_and_then_ended(world: CallWorld) -> None:
    line = await world.ring(MARIA)
    await line.session.remind(reply=1)
    assert await line.listen() == "Oi, você ainda está na linha?"
    assert line.then == "listen"
    await line.session.remind(reply=2)
    assert "Até logo!" in await line.listen()
    assert line.then == "hang_up"


async def test_opting_out_ends_the_call(world: CallWorld) -> None:
    line = await world.ring(MARIA)
    assert await line.say("não quero mais receber ligações de vocês, me tira da lista")
    assert line.then == "hang_up"


async def test_request_for_a_person_transfers_where_somebody_can_take_over(demo_database_url: str) -> None:
    async with open_call_world(demo_database_url, settings={"transfer_number": "+551140005678"}) as world:
        line = await world.ring(MARIA)
        assert await line.say("quero falar com um atendente")
        assert line.then == "transfer"
        assert line.done[-1].transfer_to == "+551140005678"


async def test_request_for_a_person_goes_to_writing_where_nobody_can(world: CallWorld) -> None:
    maria = world.demo.customer(MARIA)
    await maria.say("oi")
    line = await world.ring(MARIA)
    assert await line.say("quero falar com um atendente")
    assert line.then == "listen"
    assert await maria.handler() == "human"


async def test_call_of_another_account_is_not_found(world: CallWorld) -> None:
    line = await world.ring(JOAO, provider_call_id="call_1")
    with pytest.raises(NotFound):
        await world.ring(JOAO, provider_call_id="call_2", call_id=line.session.opened.call.id)


async def test_events_carry_the_number_of_the_newest_reply(world: CallWorld) -> None:
    line = await world.ring(MARIA)
    await line.say("oi")
    await line.say("qual o horário?")
    assert {event.reply for event in line.events if isinstance(event, Say)} == {0, 1, 2}


async def _lease(world: CallWorld, line: OnThePhone) -> object:
    async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
        cursor = await connection.execute(
            "SELECT locked_by FROM conversations WHERE id = %s", (line.session.opened.conversation_id,)
        )
        row = await cursor.fetchone()
    return row["locked_by"] if row else None


async def test_webhook_and_socket_of_a_new_call_make_one_of_it(world: CallWorld) -> None:
    arrival = Arrival(provider_call_id="call_1", direction="in", customer_phone=MARIA)
    desk = CallDesk(world.demo.deps.database, world.demo.clock)
    opened = await asyncio.gather(*(desk.begin(world.account, arrival) for _ in range(6)))
    assert len({(one.call.id, one.conversation_id, one.contact_id) for one in opened}) == 1
    line = await world.ring(MARIA, provider_call_id="call_1")
    assert await line.say("alô, quero ver minha fatura")
