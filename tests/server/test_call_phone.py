"""The simulated telephone against a real api: whole talks by the offline model, and all that happens to calls."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from server.call_phone import NotAnswered
from server.phone_line import PhoneCall, PhoneReports
from server.spoken_pace import Voice, whole_words
from tests.pages.service import Service, running_service
from tests.ports import free_port
from tests.server.call_rig import Exchange, call_row, history, open_exchange, rows
from wiring.clock import SystemClock

MARIA, JOAO, ANA, CARLOS = "+5511999990001", "+5511999990002", "+5511999990003", "+5511999990004"
SLOW = 1.0  # characters a second: nobody waits for the end of a sentence


@pytest.fixture(scope="module")
def service(
    postgres_url: str, template_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Give the api alone."""
    folder = tmp_path_factory.mktemp("calls")
    with running_service(
        postgres_url, template_database, redis_url=redis_url, folder=folder, names=("api",)
    ) as running:
        yield running


@pytest.fixture
async def exchange(service: Service) -> AsyncIterator[Exchange]:
    async with open_exchange(service) as opened:
        yield opened


async def test_negotiation_by_phone_ends_in_a_promise_and_a_goodbye(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(JOAO).call()
    greeting = await caller.reply()
    assert "assistente virtual" in greeting
    assert "João" in greeting
    await caller.say("sou eu, quero ver minha fatura")
    debt = await caller.say("cento e onze, quatro quatro quatro, sete sete sete, trinta e cinco")
    assert "noventa e nove reais e noventa centavos" in debt
    read_back = await caller.say("posso pagar sexta que vem")
    assert "sexta" in read_back
    assert not rows(service, "SELECT 1 FROM promises WHERE document = '11144477735'")
    await caller.say("sim")
    promised = rows(service, "SELECT amount_cents, status FROM promises WHERE document = '11144477735'")
    assert promised == [{"amount_cents": 9990, "status": "pending"}]
    await caller.say("não, só isso. tchau, obrigado")
    await caller.over()

    assert caller.kinds[-1] == "ended"
    assert caller.seen[-1].text == "agent_hangup"
    assert "tool" in caller.kinds
    call = call_row(service, caller.phone.call_id)
    assert (call["status"], call["direction"], call["disconnection_reason"]) == ("completed", "in", "agent_hangup")
    assert call["duration_seconds"] is not None
    assert [entry["role"] for entry in call["provider_transcript"]][:2] == ["agent", "user"]
    said = history(service, caller.phone.call_id)
    assert [text for way, text, _ in said if way == "in"][-2:] == ["sim", "não, só isso. tchau, obrigado"]
    assert not any("R$" in text or "111.444" in text for way, text, _ in said if way == "out")


async def test_interrupted_sentence_is_kept_as_it_was_heard(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(MARIA, pace=40.0).call()
    await caller.until("spoken")
    speaking = await caller.until("speaking")
    assert speaking.details["seconds"] == pytest.approx(len(speaking.text) / 40.0)
    await caller.first_words()
    await caller.phone.say("quero ver minha fatura")
    cut = await caller.until("cut")
    assert cut.text
    assert speaking.text.startswith(cut.text)
    assert cut.text != speaking.text
    assert cut.text in caller.phone.transcript[0]["content"]
    caller.phone.set_pace(None)
    await caller.reply()
    await caller.phone.hang_up()
    kept = history(service, caller.phone.call_id)[0]
    assert kept[:2] == ("out", caller.phone.transcript[0]["content"])
    assert kept[2]["isInterrupted"] is True
    assert str(kept[2]["meant"]).startswith(kept[1])


async def test_dropped_call_goes_on_where_it_was(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(ANA).call()
    await caller.reply()
    await caller.say("sou eu mesma, quero ver minha fatura")
    await caller.phone.drop()
    await caller.until("lost")
    again = await caller.until("connected")
    assert again.details == {"is_again": True}
    debt = await caller.say("dois quatro seis, oito um três, cinco sete nove, dois oito")
    assert "cento e vinte e nove reais" in debt or "trezentos e oitenta e nove reais" in debt
    await caller.phone.hang_up()
    greetings = [text for way, text, _ in history(service, caller.phone.call_id) if "assistente virtual" in text]
    assert len(greetings) == 1
    assert call_row(service, caller.phone.call_id)["disconnection_reason"] == "user_hangup"


async def test_line_lost_while_the_answer_is_made_is_answered_once(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(CARLOS).call()
    await caller.reply()
    await caller.phone.say("quero ver minha fatura")
    await caller.phone.drop()
    assert "CPF" in await caller.reply() or "CPF" in await caller.reply()
    await caller.phone.hang_up()
    said = [text for way, text, _ in history(service, caller.phone.call_id) if way == "in"]
    assert said == ["quero ver minha fatura"]


async def test_silence_is_asked_about_once_and_then_taken_for_a_goodbye(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(MARIA).call()
    await caller.reply()
    caller.phone.set_silence(0.2)
    await caller.until("silence")
    assert "ainda está na linha" in await caller.reply()
    await caller.over()
    assert caller.kinds.count("silence") == 2
    assert "Até logo" in caller.phone.transcript[-1]["content"]
    assert call_row(service, caller.phone.call_id)["disconnection_reason"] == "agent_hangup"
    # Each reminder is an utterance of its own: the greeting stays as it was heard.
    assert [entry["role"] for entry in caller.phone.transcript] == ["agent"] * 3


async def test_hanging_up_in_mid_sentence_keeps_what_was_heard(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(MARIA, pace=30.0).call()
    await caller.until("spoken")
    await caller.until("speaking")
    await caller.first_words()
    await caller.phone.hang_up()
    await caller.phone.hang_up()
    await caller.over()
    call = call_row(service, caller.phone.call_id)
    assert (call["status"], call["disconnection_reason"]) == ("completed", "user_hangup")
    way, text, content = history(service, caller.phone.call_id)[0]
    assert (way, text) == ("out", caller.phone.transcript[0]["content"])
    assert content["isInterrupted"] is True


async def test_pace_changes_in_mid_sentence(service: Service, exchange: Exchange) -> None:
    caller = await exchange.caller(MARIA, pace=SLOW).call()
    await caller.until("speaking")
    caller.phone.set_pace(2000.0)
    change = await caller.until("pace")
    assert 0.0 <= float(str(change.details["part"])) < 1.0
    assert "assistente virtual" in await caller.reply()
    await caller.phone.hang_up()


async def test_our_call_rings_and_is_taken_or_not(service: Service, exchange: Exchange) -> None:
    taken = ring(service, exchange, MARIA)
    caller = await exchange.caller(
        MARIA, call_id=f"call_{taken}", direction="outbound", metadata={"call_id": taken}
    ).call()
    assert "porque você pediu" in await caller.reply()
    await caller.phone.hang_up()
    call = call_row(service, f"call_{taken}")
    assert (str(call["id"]), call["direction"], call["status"]) == (taken, "out", "completed")

    for reason, status in (("user_declined", "busy"), ("dial_no_answer", "no_answer")):
        refused = ring(service, exchange, MARIA)
        rung = PhoneCall(
            call_id=f"call_{refused}", customer_phone=MARIA, direction="outbound", metadata={"call_id": refused}
        )
        reports = PhoneReports(exchange.line, http=exchange.http, clock=SystemClock())
        assert await reports.not_taken(rung, reason=reason)
        assert call_row(service, f"call_{refused}")["status"] == status


async def test_nobody_answers_where_no_service_is(exchange: Exchange) -> None:
    away = replace(exchange.line, api_url=f"http://127.0.0.1:{free_port()}")
    exchange.line = away
    with pytest.raises(NotAnswered):
        await exchange.caller(MARIA).call()


async def test_refused_call_ends_at_once(exchange: Exchange) -> None:
    exchange.line = replace(exchange.line, webhook_key="errada", api_key="errada")
    caller = exchange.caller(MARIA)
    try:
        await caller.call()
    except NotAnswered:
        assert caller.phone.is_over  # refused before the first frame was out
    else:
        assert (await caller.until("ended")).text == "error_llm_websocket_runtime"


async def test_call_survives_a_restart_of_the_api_and_ends_when_it_stays_away(
    service: Service, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.call_phone._RECONNECT_PAUSES", (0.1, 0.1, *(0.5 for _ in range(60))))
    caller = await exchange.caller(ANA).call()
    await caller.reply()
    service.stop("api")
    service.start("api")
    await caller.until("lost")
    await caller.until("connected")
    assert await caller.say("quero ver minha fatura")
    monkeypatch.setattr("server.call_phone._RECONNECT_PAUSES", (0.1, 0.1))
    monkeypatch.setattr("server.phone_line._PAUSE_SECONDS", 0.1)
    service.stop("api")
    try:
        ended = await caller.until("ended")
        assert ended.text == "error_llm_websocket_lost_connection"
        await caller.over()
    finally:
        service.start("api")


def ring(service: Service, exchange: Exchange, phone: str) -> str:
    """Let the assistant call somebody, as the dialer leaves it with the simulated line."""
    call_id = str(uuid4())
    account = exchange.simulator.phone
    assert account is not None
    rows(
        service,
        "INSERT INTO calls (tenant_id, id, channel_account_id, contact_id, direction, phone, status, status_at,"
        " provider_call_id, created_at, purpose)"
        " SELECT a.tenant_id, %s, %s, a.contact_id, 'out', a.value, 'queued', now(), %s, now(), 'requested'"
        " FROM addresses a WHERE a.kind = 'simulated' AND a.value = %s RETURNING id",
        [call_id, account.row.id, f"call_{call_id}", phone],
    )
    return call_id


@pytest.mark.parametrize(
    ("characters", "heard"),
    [(0, ""), (2, ""), (3, "Olá"), (4, "Olá"), (6, "Olá"), (7, "Olá meu"), (8, "Olá meu"), (99, "Olá meu bem")],
)
def test_half_a_word_is_not_heard(characters: int, heard: str) -> None:
    assert whole_words("Olá meu bem", characters) == heard


async def test_voice_at_once_is_never_cut() -> None:
    voice = Voice(None)
    assert await voice.speak("Olá!")
    assert voice.cut() is None
