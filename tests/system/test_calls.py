"""Calls of real apis: one memory with the text, nothing told to strangers, nothing lost and nothing twice."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from domain.campaigns import ContactMethod
from domain.messages import Provider
from services.campaigns import NewCampaign, activate_campaign, create_campaign
from tests.factories import open_database
from tests.fakes import vapi
from tests.fakes.retell import RetellLine, ended
from tests.fakes.twilio_relay import dial_in
from tests.system.call_stack import CallStack, debt_words, on_the_phone, open_call_stack, promise_day
from tests.system.campaign_world import add_targets
from tests.system.conftest import NewDatabase
from tests.system.customers import AMOUNT_CENTS, Customer, add_debtors, received
from tests.system.stack import wait_for

PENDING = [(AMOUNT_CENTS, "pending")]
AMOUNT = "cento e dezenove reais e noventa centavos"
_SUMMARY_AFTER_SECONDS = 20


@pytest.fixture(scope="module")
def stack(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStack]:
    """Run two apis for all tests of this file; each test has customers of its own."""
    with open_call_stack(new_database(None), tmp_path_factory.mktemp("calls")) as opened:

        async def start() -> None:
            await opened.create_tenants()
            opened.start_api(0)
            opened.start_api(1)
            await opened.until_healthy(0)
            await opened.until_healthy(1)

        asyncio.run(start())
        yield opened


# --- one memory: text, call, text


async def test_negotiation_goes_from_text_to_a_call_that_breaks_off_and_back(stack: CallStack) -> None:
    maria = await _debtor(stack, 100)
    await stack.confirm_in_text(maria)
    call = await _called_back(stack, maria)
    async with stack.line(call) as line:
        assert "Estou ligando porque você pediu. Falo com Maria?" in await line.listen()
        offered = await line.say("sim, sou eu")
        assert AMOUNT in offered
        assert "CPF" not in offered
        assert "Posso registrar?" in await line.say(f"pago tudo {promise_day(stack)}")
        await line.die()
    (kept,) = await stack.write(maria, "sim, pode registrar")
    assert kept.startswith("Combinado, Maria! Registrei o seu compromisso de pagar R$ 119,90")
    assert await stack.promises(maria) == PENDING
    await _tell_ending(stack, call)
    assert len(await _summaries(stack, call)) == 1
    assert await stack.status_of(call["call_id"]) == "completed"
    assert await stack.promises(maria) == PENDING


async def test_promise_made_on_the_phone_is_summed_up_once_in_writing(stack: CallStack) -> None:
    maria = await _debtor(stack, 110)
    await stack.confirm_in_text(maria)
    call = await _called_back(stack, maria)
    async with stack.line(call) as line:
        await line.listen()
        for words in ("sou eu mesma", f"pago tudo {promise_day(stack)}"):
            await line.say(words)
        await line.ask("sim, pode registrar")
        await line.until(lambda: "registrei" in _heard(line).lower())
        await line.die()
    await _tell_ending(stack, call)
    (summary,) = await _summaries(stack, call)
    assert "R$ 119,90" in summary
    before = len(received(stack, maria))
    await stack.write(maria, f"então fica combinado, pago tudo {promise_day(stack)}", "sim")
    assert len(received(stack, maria)) > before
    assert await stack.promises(maria) == PENDING
    assert received(stack, maria).count(summary) == 1


async def test_negotiation_goes_from_text_over_twilio_and_back(stack: CallStack) -> None:
    maria = await _debtor(stack, 120, Provider.EVOLUTION)
    await stack.confirm_in_text(maria)
    await stack.write(maria, "pode me ligar?")
    await _dial(stack)
    sid, offer, _ = await stack.picked_up(maria)
    assert offer is not None
    async with dial_in(stack.base_url(), offer, sid) as caller:
        assert "Falo com Maria?" in await caller.reply()
        await caller.say("sim, sou eu")
        assert AMOUNT in await caller.reply()
        await caller.say(f"pago tudo {promise_day(stack)}")
        assert "Posso registrar?" in await caller.reply()
        caller.die()
    (kept,) = await stack.write(maria, "sim, pode registrar")
    assert "Registrei o seu compromisso de pagar R$ 119,90" in kept
    for _ in range(2):
        assert await stack.tell_twilio(maria, "completed") == 204
    await _settle(stack)
    assert await stack.promises(maria) == PENDING
    assert await stack.status_of(sid) == "completed"
    said = received(stack, maria)
    assert len(said) == len(set(said)) == 5  # three answers, the promise, the summary


async def test_twilio_connects_again_elsewhere_and_repeats_itself(stack: CallStack) -> None:
    maria = await _debtor(stack, 125, Provider.EVOLUTION)
    await stack.confirm_in_text(maria)
    await stack.write(maria, "pode me ligar?")
    await _dial(stack)
    sid, offer, _ = await stack.picked_up(maria)
    assert offer is not None
    async with dial_in(stack.base_url(), offer, sid) as caller:
        await caller.reply()
        for words in ("sim, sou eu", f"pago tudo {promise_day(stack)}"):
            await caller.say(words)
            await caller.reply()
        await caller.say("sim, pode registrar")
        caller.die()
    async with dial_in(stack.base_url(1), offer, sid) as again:
        await again.replay(caller.sent[-2:])
        assert await again.reply()
        await again.say("não, obrigada, tchau")
        await again.is_ended()
    assert await stack.promises(maria) == PENDING
    heard = [text for direction, text in await stack.history(sid) if direction == "in"]
    assert heard == ["sim, sou eu", f"pago tudo {promise_day(stack)}", "sim, pode registrar", "não, obrigada, tchau"]
    await stack.tell_twilio(maria, "completed")


# --- somebody else, nobody, a machine


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        (130, ("não, aqui é o marido dela", "do que se trata?", "pode falar comigo, eu resolvo")),
        (131, ("quem é?", "de onde fala?", "qual o assunto?")),
        (132, ("é engano, não conheço nenhuma Maria",)),
        (133, ("ela saiu", "quer deixar recado?", "ela está devendo alguma coisa?")),
    ],
    ids=["husband", "curious", "wrong number", "message"],
)
async def test_third_person_hears_of_no_debt(stack: CallStack, number: int, lines: tuple[str, ...]) -> None:
    maria = await _debtor(stack, number)
    await stack.confirm_in_text(maria)
    call = await _called_back(stack, maria)
    written = len(received(stack, maria))
    async with stack.line(call) as line:
        spoken = [await line.listen()]
        for words in lines:
            spoken.append(await line.say(words))
            if line.answers[line.response_id].actions:
                break
    assert debt_words(*spoken) == []
    await _tell_ending(stack, call, "agent_hangup")
    assert debt_words(*received(stack, maria)[written:]) == []
    assert await stack.promises(maria) == []


async def test_voicemail_hears_nothing_and_the_customer_reads_of_no_debt(stack: CallStack) -> None:
    maria = await _debtor(stack, 300)
    await stack.confirm_in_text(maria)
    written = len(received(stack, maria)) + 1  # "Te ligo em 2 minutos"
    for attempt in range(2):
        call = await (_called_back(stack, maria) if attempt == 0 else _called_again(stack, maria))
        await _tell_ending(stack, call, "voicemail_reached")
        assert await stack.status_of(call["call_id"]) == "completed"
    told = received(stack, maria)[written:]
    assert len(told) == 1
    assert debt_words(*told) == []
    (request,) = await stack.query(
        "SELECT r.state, r.outcome, r.attempts FROM call_requests r WHERE r.phone = %s", maria.phone
    )
    assert request == {"state": "done", "outcome": "voicemail", "attempts": 2}
    assert len([made for made in stack.retell.calls if made.request["to_number"] == maria.phone]) == 2


async def test_campaign_knows_what_came_of_its_calls(stack: CallStack) -> None:
    """Four debtors: the right one, a machine, somebody else's number, nobody. Only the right one hears of a debt."""
    people = [await _debtor(stack, number) for number in range(301, 305)]
    tenant_id = stack.accounts[Provider.RETELL].tenant_id
    new = NewCampaign(
        name="Novembro", contact_method=ContactMethod.VOICE, account_ids=(stack.accounts[Provider.RETELL].id,),
        pacing="asap",
    )  # fmt: skip
    async with open_database(stack.database_url) as database:
        campaign_id = (await create_campaign(database, tenant_id, new, now=stack.clock.now())).row.id
        await add_targets(stack.database_url, tenant_id, campaign_id, people, now=stack.clock.now())
        await activate_campaign(database, tenant_id, campaign_id, now=stack.clock.now())
    await stack.work()

    async def is_dialed() -> bool:
        stack.clock.advance(minutes=1)
        await stack.work()
        return {made.request["to_number"] for made in stack.retell.calls} >= {one.phone for one in people}

    await wait_for("everybody is called", is_dialed)
    calls = [stack.dialed(one).resource for one in people]
    right, _, wrong, _ = people
    heard: dict[Customer, list[str]] = {}
    for person, words in ((right, ("sim, sou eu", f"meu CPF é {right.document}")), (wrong, ("não, é engano",))):
        async with stack.line(stack.dialed(person).resource) as line:
            heard[person] = [await line.listen(), *[await line.say(text) for text in words]]
            await line.hang_up()
    reasons = ("user_hangup", "voicemail_reached", "agent_hangup", "dial_no_answer")
    for call, reason in zip(calls, reasons, strict=True):
        await _tell_ending(stack, call, reason)
    assert AMOUNT in heard[right][-1]
    assert debt_words(*heard[right][:-1], *heard[wrong]) == []
    rows = await stack.query("SELECT phone, outcome, state FROM targets WHERE campaign_id = %s", campaign_id)
    outcomes = {row["phone"]: row["outcome"] for row in rows}
    assert [outcomes[one.phone] for one in people] == ["answered", "voicemail", "wrong_person", "no_answer"]
    assert not [one.phone for one in people if received(stack, one)]


async def test_twilio_machine_hears_no_debt(stack: CallStack) -> None:
    maria = await _debtor(stack, 310, Provider.EVOLUTION)
    await stack.confirm_in_text(maria)
    await stack.write(maria, "pode me ligar?")
    written = len(received(stack, maria))
    for _ in range(2):
        await _dial(stack, minutes=6)
        sid, offer, twiml = await stack.picked_up(maria, AnsweredBy="machine_start")
        if offer is not None:  # asynchronous detection: the agent greets before the machine is known to be one
            async with dial_in(stack.base_url(), offer, sid) as caller:
                greeting = await caller.reply()
                await caller.say("deixe seu recado após o sinal")
                assert debt_words(greeting, await caller.reply()) == []
        assert debt_words(twiml) == []
        await stack.tell_twilio(maria, "completed", AnsweredBy="machine_start")
        await _settle(stack)
    told = received(stack, maria)[written:]
    assert debt_words(*told) == []
    assert len(told) == 1
    (row,) = await stack.query("SELECT state, outcome FROM call_requests WHERE phone = %s", maria.phone)
    assert row == {"state": "done", "outcome": "voicemail"}


async def test_hidden_number_is_nobody_known(stack: CallStack) -> None:
    await _debtor(stack, 320)
    call = stack.ringing(None)
    async with stack.line(call) as line:
        spoken = [await line.listen()]
        spoken += [await line.say(words) for words in ("alô?", "sou a Maria da Silva", "quanto eu tenho aí?")]
        assert "Maria" not in spoken[0]
        await line.hang_up()
    assert not re.search(r"\d|cento|reais|venc", " ".join(spoken))
    (contact,) = await stack.query(
        "SELECT c.name, c.document FROM contacts c JOIN calls l ON l.contact_id = c.id WHERE l.provider_call_id = %s",
        str(call["call_id"]),
    )
    assert contact == {"name": None, "document": None}


# --- a customer who is hard to talk to


async def test_customer_who_interrupts_every_sentence_is_kept_whole(stack: CallStack) -> None:
    """Thirty turns: what is kept of a reply is a prefix of what was given out, and every utterance is kept once."""
    maria = await _debtor(stack, 330)
    call = stack.ringing(maria)
    said: list[str] = []
    async with stack.line(call) as line:
        await line.listen()
        for number in range(30):
            words = f"{_CHATTER[number % len(_CHATTER)]} {_NUMBERED[number]}"
            said.append(words)
            if number == 0:
                await line.ask(words)
            else:
                await line.interrupt(words, after_words=1 + number % 4)
        await line.listen()
        await line.hang_up()
        given = {number: answer.text.split() for number, answer in line.answers.items()}
    history = await stack.history(call["call_id"])
    assert [text for direction, text in history if direction == "in"] == said
    kept = [text.split() for direction, text in history if direction == "out"]
    # Each reply that was begun is kept, in order, and of each what was heard of it.
    assert len(kept) == len(given) == 31
    for number, heard in enumerate(kept):
        assert heard == given[number][: len(heard)], number
        assert heard, number
    assert [direction for direction, _ in history] == ["out", *["in", "out"] * 30]
    await stack.until_unlocked()


async def test_document_said_in_groups_with_corrections_and_silence(stack: CallStack) -> None:
    maria = await _debtor(stack, 340)
    groups = [*re.findall(r"...", maria.document[:9]), maria.document[9:]]
    call = stack.ringing(maria)
    async with stack.line(call) as line:
        spoken = [await line.listen(), await line.say("quero ver minha fatura")]
        spoken.append(await line.say("(unintelligible audio)"))
        spoken.append(await line.say(f"meu CPF é {' '.join(groups[0])}, não, desculpa"))
        await line.want("reminder_required")
        spoken.append(await line.listen())
        spoken.append(await line.say(f"é {groups[0]}, {groups[1]}"))
        spoken.append(await line.say(f"{groups[2]} e {groups[3]}"))
        if AMOUNT not in spoken[-1]:
            spoken.append(await line.say(f"{groups[0]} {groups[1]} {groups[2]} {groups[3]}"))
        assert AMOUNT in spoken[-1]
        await line.hang_up()
    assert debt_words_before_identity(spoken) == []
    for text in spoken:
        assert maria.document not in re.sub(r"\D", "", text)
        assert "unintelligible" not in text
    heard = [text for direction, text in await stack.history(call["call_id"]) if direction == "in"]
    assert len(heard) == len(set(heard)) == len([entry for entry in line.transcript if entry["role"] == "user"])


async def test_silence_ends_the_call_politely(stack: CallStack) -> None:
    maria = await _debtor(stack, 350)
    async with on_the_phone(stack, maria) as line:
        asked = await line.want("reminder_required")
        assert "ainda está na linha" in await line.listen()
        assert line.answers[asked].actions == {}
        asked = await line.want("reminder_required")
        assert "Até logo!" in await line.listen()
        assert line.answers[asked].actions == {"end_call": True}
    await stack.until_unlocked()


# --- agents that speak elsewhere


async def test_two_tool_events_at_once_of_a_retell_agent_are_one_promise(stack: CallStack) -> None:
    maria = await _debtor(stack, 360)
    call = stack.ringing(maria)
    said = [f"meu CPF é {maria.document}"]
    found = await stack.use_function(call, "consultar_faturas_cpf", said, {"cpf_cnpj": maria.document})
    assert found["ok"] is True
    said.append(f"pago tudo {promise_day(stack)}")
    promise = _promise(stack)
    await _at_once(stack, call, said, promise)
    said.append("sim, pode registrar")
    results = [answer for _ in range(3) for answer in await _at_once(stack, call, said, promise)]
    assert {json.dumps(result, sort_keys=True) for result in results} == {json.dumps(results[0], sort_keys=True)}
    assert results[0]["situacao"] == "registrada"
    assert await stack.promises(maria) == PENDING
    await stack.until_unlocked()


async def test_two_tool_events_at_once_of_a_vapi_agent_are_one_promise(stack: CallStack) -> None:
    maria = Customer(number=370, provider=Provider.VAPI)
    await add_debtors(stack, [maria])
    call_id = str(uuid4())
    said = [f"meu CPF é {maria.document}"]
    (found,) = await _vapi_tools(stack, call_id, maria, said, "consultar_faturas_cpf", {"cpf_cnpj": maria.document})
    assert found["ok"] is True
    said.append(f"pago tudo {promise_day(stack)}")
    name = "registrar_promessa_pagamento"
    await _vapi_tools(stack, call_id, maria, said, name, _promise(stack), times=2)
    said.append("sim, pode registrar")
    results: list[dict[str, Any]] = []
    for _ in range(3):
        both = await asyncio.gather(
            *(_vapi_tools(stack, call_id, maria, said, name, _promise(stack), times=2, slot=slot) for slot in (0, 1))
        )
        results += [result for answers in both for result in answers]
    assert len(results) == 12
    assert {json.dumps(result, sort_keys=True) for result in results} == {json.dumps(results[0], sort_keys=True)}
    assert results[0]["situacao"] == "registrada"
    assert await stack.promises(maria) == PENDING


# --- two at once


async def test_two_calls_of_one_contact_at_once_mix_nothing(stack: CallStack) -> None:
    maria = await _debtor(stack, 380)
    calls = [stack.ringing(maria), stack.ringing(maria)]
    said = ("qual o horário de atendimento?", f"meu CPF é {maria.document}", f"pago tudo {promise_day(stack)}", "sim")

    async def talk(place: int) -> list[str]:
        async with stack.line(calls[place], slot=place) as line:
            spoken = [await line.listen()]
            for words in said:
                spoken.append(await line.say(words))
            await line.hang_up()
        return spoken

    spoken = await asyncio.gather(talk(0), talk(1))
    made = await stack.promises(maria)
    assert [promise for promise in made if promise[1] != "renegotiated"] == PENDING  # who agrees twice has agreed once
    assert {amount for amount, _ in made} == {AMOUNT_CENTS}
    for place, call in enumerate(calls):
        history = await stack.history(call["call_id"])
        assert [text for direction, text in history if direction == "in"] == list(said), place
        assert [text.split() for direction, text in history if direction == "out"] == [
            text.split() for text in spoken[place]
        ]
    await stack.until_unlocked()


async def test_message_during_the_call_is_answered_once_in_writing(stack: CallStack) -> None:
    maria = await _debtor(stack, 390)
    await stack.confirm_in_text(maria)
    call = stack.ringing(maria)
    async with stack.line(call) as line:
        await line.listen()
        await line.say("sim, sou eu")
        asked = await line.ask(f"pago tudo {promise_day(stack)}")
        written, _ = await asyncio.gather(
            stack.write(maria, "qual o horário de atendimento?", slots=[1]), line.answered(asked)
        )
        assert "Posso registrar?" in await line.listen()
        yes, more = await asyncio.gather(line.say("sim, pode registrar"), stack.write(maria, "obrigada"))
        await line.hang_up()
    assert "registr" in yes.lower()
    assert len(written) == len(more) == 1
    assert await stack.promises(maria) == PENDING
    heard = [text for direction, text in await stack.history(call["call_id"]) if direction == "in"]
    assert heard == ["sim, sou eu", f"pago tudo {promise_day(stack)}", "sim, pode registrar"]


# --- what tests share

_NUMBERED = [
    "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez", "onze", "doze", "treze",
    "catorze", "quinze", "dezesseis", "dezessete", "dezoito", "dezenove", "vinte", "vinte e um", "vinte e dois",
    "vinte e três", "vinte e quatro", "vinte e cinco", "vinte e seis", "vinte e sete", "vinte e oito",
    "vinte e nove", "trinta",
]  # fmt: skip
_CHATTER = ("espera aí", "qual o horário", "mas olha", "e a velocidade do plano", "não entendi")


def debt_words_before_identity(spoken: list[str]) -> list[str]:
    """Amounts, dates and delays are for the last reply alone; that somebody asked for their invoice is no secret."""
    return [text for text in spoken[:-1] if re.search(r"reais|centavos|cento e|atras|venc|deve|dívida|débito", text)]


def _heard(line: RetellLine) -> str:
    answer = line.answers.get(line.response_id)
    return answer.text if answer else ""


async def _debtor(stack: CallStack, number: int, provider: Provider = Provider.META) -> Customer:
    customer = Customer(number=number, provider=provider)
    await add_debtors(stack, [customer])
    return customer


async def _dial(stack: CallStack, *, minutes: float = 3) -> None:
    stack.clock.advance(minutes=minutes)
    await stack.work()


async def _called_back(stack: CallStack, customer: Customer) -> Mapping[str, object]:
    """Let the customer ask for a call, and be called."""
    (answer,) = await stack.write(customer, "pode me ligar?")
    assert "Te ligo em 2 minutos" in answer
    return await _called_again(stack, customer, minutes=3)


async def _called_again(stack: CallStack, customer: Customer, *, minutes: float = 6) -> Mapping[str, object]:
    before = len(stack.retell.calls)
    await _dial(stack, minutes=minutes)
    assert len(stack.retell.calls) == before + 1
    return stack.dialed(customer).resource


async def _tell_ending(stack: CallStack, call: Mapping[str, object], reason: str = "user_hangup") -> None:
    """Tell that a call is over as Retell may: analyzed before ended, ended twice, at two apis, and never started."""
    over = ended(call, reason)
    for place, name in enumerate(("call_analyzed", "call_ended", "call_ended")):
        assert await stack.tell_retell(name, over, slot=place % 2) == 204
    await _settle(stack)


async def _settle(stack: CallStack) -> None:
    await stack.work()
    stack.clock.advance(seconds=_SUMMARY_AFTER_SECONDS)
    await asyncio.gather(stack.work(), stack.work())
    await stack.until_unlocked()


async def _summaries(stack: CallStack, call: Mapping[str, object]) -> list[str]:
    """Give what was sent as the call's summary, as the provider took it."""
    (row,) = await stack.query(
        "SELECT summary_message_id, phone FROM calls WHERE provider_call_id = %s", str(call["call_id"])
    )

    async def is_sent() -> bool:
        found = await stack.query("SELECT status FROM messages WHERE id = %s", row["summary_message_id"])
        return [message["status"] for message in found] in (["sent"], ["delivered"])

    await wait_for("the summary is sent", is_sent)
    return [str(sent["text"]) for sent in stack.ledger if sent["reference"] == str(row["summary_message_id"])]


def _promise(stack: CallStack) -> dict[str, object]:
    day = promise_day(stack).removeprefix("dia ")
    return {"cpf_cnpj": "confirmado", "data_prevista_pagamento": f"{day}/2026", "valor_prometido": "R$ 119,90"}


async def _at_once(
    stack: CallStack, call: Mapping[str, object], said: list[str], arguments: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Let the same tool event arrive at both apis at once."""
    name = "registrar_promessa_pagamento"
    return await asyncio.gather(
        *(stack.use_function(call, name, said, arguments, slot=slot) for slot in (0, 1))
    )  # fmt: skip


async def _vapi_tools(
    stack: CallStack, call_id: str, customer: Customer, said: list[str], name: str, arguments: Mapping[str, object], *,
    times: int = 1, slot: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Let Vapi's model use a tool, so often in one message."""
    wanted = [
        {"id": f"toolu_{place}", "type": "function", "function": {"name": name, "arguments": dict(arguments)}}
        for place in range(times)
    ]
    body = vapi.message(
        "tool-calls", call_id=call_id, phone=customer.phone, toolCallList=wanted, artifact=vapi.spoken(*said)
    )
    answer = await stack.tell_vapi(body, slot=slot)
    return [json.loads(result["result"]) for result in answer["results"]]
