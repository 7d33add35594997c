"""Twilio's call routes: signed or refused, in any order, and always a polite word for whoever holds the phone."""

from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import permutations
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import httpx
import psycopg
import pytest

from domain.calls import CallChoice, CallStatus
from domain.campaigns import CampaignStatus, Method, TargetOutcome, TargetState
from domain.spoken_texts import APOLOGY, GOODBYE, OPTED_OUT
from store import calls
from store.calls import CallRow
from store.targets import TargetRow
from tests.channels.lines import PAYLOADS
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls, signed
from tests.fakes_clock import FakeClock
from tests.server.conftest import PUBLIC_URL
from tests.voice_world import PREFIX, VoiceWorld, open_voice_world

STATUS = f"{PREFIX}/webhooks/twilio/status"


@pytest.fixture(scope="module")
def fake_server() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
def fake(fake_server: TwilioCalls) -> TwilioCalls:
    fake_server.calls.clear()
    fake_server.steps.clear()
    return fake_server


@pytest.fixture
async def world(database_url: str, clock: FakeClock, fake: TwilioCalls) -> AsyncIterator[VoiceWorld]:
    async with open_voice_world(database_url, clock, fake) as opened:
        yield opened


async def dialed(world: VoiceWorld, **changes: Any) -> tuple[TargetRow, CallRow]:
    """Call one debtor; the phone rings."""
    target = await world.add_target(**changes)
    await world.dial()
    return target, await world.call_of(target)


async def post(world: VoiceWorld, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
    """Post a form as Twilio signs it."""
    return await world.api.http.post(
        path, content=urlencode(fields), headers={**signed(PUBLIC_URL + path, fields), **headers}
    )


async def tell(world: VoiceWorld, call: CallRow, status: str, **more: str) -> httpx.Response:
    fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": status, **more}
    return await post(world, f"{STATUS}?call={call.id}", fields)


async def ask(world: VoiceWorld, target: TargetRow, call: CallRow, *, query: str = "", **more: str) -> list[str]:
    """Fetch TwiML; give what is said."""
    fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": "in-progress", **more}
    answer = await post(world, f"{PREFIX}/twiml/{target.id}?call={call.id}{query}", fields)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    return [say.text or "" for say in ElementTree.fromstring(answer.content).iter("Say")]


# --- status callbacks


@pytest.mark.parametrize("name", ["initiated", "ringing", "answered", "completed", "busy", "no_answer", "failed"])
async def test_recorded_callbacks_are_taken(world: VoiceWorld, name: str) -> None:
    _, call = await dialed(world)
    body = (PAYLOADS / f"twilio/voice_status_{name}.form").read_text()
    body = body.replace("CA8b6398d087e48123e80ba59f059907cf", call.provider_call_id or "")
    path = f"{STATUS}?call={call.id}"
    fields = dict(httpx.QueryParams(body).multi_items())
    answer = await world.api.http.post(path, content=body, headers=signed(PUBLIC_URL + path, fields))
    assert answer.status_code == 204
    (row,) = await world.contacts.rows("SELECT status, due_at FROM calls")
    assert row["status"] == {"initiated": "queued", "answered": "in_progress"}.get(name, name)


async def test_any_order_of_the_events_gives_the_same_end(world: VoiceWorld) -> None:
    events = [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    for place, order in enumerate(permutations(events)):
        _, call = await dialed(world, place=place)
        for status, number in order:
            more = {"CallDuration": "73", "AnsweredBy": "human"} if status == "completed" else {}
            assert (await tell(world, call, status, SequenceNumber=number, **more)).status_code == 204
        async with world.api.database.tenant(call.tenant_id) as connection:
            row = await calls.by_id(connection, call.id)
        assert row is not None
        assert (row.status, row.duration_seconds, row.answered_by) == (CallStatus.COMPLETED, 73, "human")
        assert row.due_at == world.clock.now()


async def test_ending_is_final_whatever_comes_after_it(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    await tell(world, call, "busy", SequenceNumber="3")
    for status in ("completed", "ringing", "failed", "canceled", "in-progress"):
        assert (await tell(world, call, status, SequenceNumber="3")).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.BUSY
    await world.look()
    settled = await world.target(target)
    for _ in range(3):  # replayed after it was settled
        await tell(world, call, "busy", SequenceNumber="3")
        await tell(world, call, "completed", SequenceNumber="9")
    assert await world.look() == 0
    assert await world.target(target) == settled


async def test_callback_of_another_call_changes_nothing(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    fields = {"CallSid": "CA" + "0" * 32, "AccountSid": TWILIO_SID, "CallStatus": "completed"}
    assert (await post(world, f"{STATUS}?call={call.id}", fields)).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.QUEUED


async def test_call_is_found_by_its_sid_alone(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "ringing"}
    assert (await post(world, STATUS, fields)).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.RINGING


async def test_second_address_answers_too(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    path = f"/api/voice/webhooks/twilio/status?call={call.id}"
    answer = await post(world, path, {"CallSid": call.provider_call_id or "", "CallStatus": "ringing"})
    assert answer.status_code == 204
    assert (await world.call_of(target)).status is CallStatus.RINGING


@pytest.mark.parametrize("signature", ["", "x", "é", "A" * 10_000, "0" * 28])
async def test_wrong_signature_is_refused_on_both_routes(world: VoiceWorld, signature: str) -> None:
    target, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "completed", "Digits": "9"}
    for path in (f"{STATUS}?call={call.id}", f"{PREFIX}/twiml/{target.id}?call={call.id}&step=choice&round=1"):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        raw = {**headers, "x-twilio-signature": signature} if signature else headers
        answer = await world.api.http.post(
            path, content=urlencode(fields),
            headers=[(name.encode(), value.encode("latin-1")) for name, value in raw.items()],
        )  # fmt: skip
        assert answer.status_code == 403
        assert answer.content == b""
    assert (await world.call_of(target)).status is CallStatus.QUEUED
    assert (await world.target(target)).state is TargetState.CALLING


async def test_signature_of_another_url_or_changed_body_is_refused(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "completed"}
    path = f"{STATUS}?call={call.id}"
    other = signed(f"{PUBLIC_URL}{STATUS}?call={uuid4()}", fields)
    assert (await world.api.http.post(path, content=urlencode(fields), headers=other)).status_code == 403
    changed = urlencode({**fields, "CallDuration": "1"})
    answer = await world.api.http.post(path, content=changed, headers=signed(PUBLIC_URL + path, fields))
    assert answer.status_code == 403
    host = {**signed(PUBLIC_URL + path, fields), "host": "outro.invalid", "x-forwarded-host": "outro.invalid"}
    assert (await world.api.http.post(path, content=urlencode(fields), headers=host)).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.COMPLETED


@pytest.mark.parametrize(
    "query",
    [
        "", "?call=", "?call=x", "?call=00000000-0000-4000-8000-00000000abcd", "?call=../../etc/passwd",
        "?call=" + "9" * 5000, "?call=%00", "?call=' OR 1=1 --",
    ],
)  # fmt: skip
async def test_unknown_calls_are_not_there(world: VoiceWorld, query: str) -> None:
    for path in (STATUS, f"{PREFIX}/twiml/{uuid4()}"):
        answer = await post(world, path + query, {"CallSid": "CA" + "f" * 32, "CallStatus": "completed"})
        assert answer.status_code == 404


@pytest.mark.parametrize("target_id", ["x", "1", "%3CDial%3E", "00000000-0000-4000-8000-00000000abcd", "a" * 3000])
async def test_target_that_is_not_of_this_call_is_not_there(world: VoiceWorld, target_id: str) -> None:
    _, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "in-progress"}
    answer = await post(world, f"{PREFIX}/twiml/{target_id}?call={call.id}", fields)
    assert answer.status_code == 404


async def test_get_is_refused(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    for path in (f"{STATUS}?call={call.id}", f"{PREFIX}/twiml/{target.id}?call={call.id}"):
        assert (await world.api.http.get(path)).status_code == 405


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe\x00", b"CallStatus=completed", b"CallSid=CA1&CallStatus=dancing", b"=&=&=", b"{}",
     b"&".join(b"a%d=1" % n for n in range(2000))],
)  # fmt: skip
async def test_signed_nonsense_is_taken_and_changes_nothing(world: VoiceWorld, body: bytes) -> None:
    target, call = await dialed(world)
    path = f"{STATUS}?call={call.id}"
    fields = dict(httpx.QueryParams(body.decode("latin-1")).multi_items()) if b"\xff" not in body else {}
    answer = await world.api.http.post(path, content=body, headers=signed(PUBLIC_URL + path, fields))
    assert answer.status_code in (204, 403)
    assert (await world.call_of(target)).status is CallStatus.QUEUED


async def test_enormous_body_is_refused(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    for path in (f"{STATUS}?call={call.id}", f"{PREFIX}/twiml/{target.id}?call={call.id}"):
        assert (await world.api.http.post(path, content=b"a=" + b"x" * 1_000_000)).status_code == 413


# --- what is said


async def test_person_hears_who_calls_and_what_the_keys_do(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    greeting, menu = await ask(world, target, call, AnsweredBy="human")
    assert greeting == (
        "Olá! Aqui quem fala é Lia, assistente virtual da TR Telecom. Tenho um recado para Maria, sobre o contrato "
        "com a gente."
    )
    assert menu == (
        "Para conversar pelo WhatsApp, tecle 1. Para receber a ligação em outro horário, tecle 2. Para não receber "
        "mais ligações nem mensagens nossas, tecle 9."
    )
    row = await world.call_of(target)
    assert (row.status, row.answered_by) == (CallStatus.IN_PROGRESS, "human")


@pytest.mark.parametrize("answered_by", ["machine_start", "machine_end_beep", "fax"])
async def test_machine_hears_nothing_by_default(world: VoiceWorld, answered_by: str) -> None:
    target, call = await dialed(world)
    assert await ask(world, target, call, AnsweredBy=answered_by) == []


async def test_machine_hears_a_neutral_message_where_the_campaign_says_so(world: VoiceWorld) -> None:
    await world.contacts.change_campaign(voicemail_policy="leave_message")
    target, call = await dialed(world)
    (said,) = await ask(world, target, call, AnsweredBy="machine_end_beep")
    assert "assistente virtual da TR Telecom" in said
    assert "Maria" not in said
    assert await ask(world, target, call, AnsweredBy="fax") == []


@pytest.mark.parametrize(
    "name", ["<Dial>+5511999999999</Dial>", "</Say><Redirect>x", "Zé & Cia", "\x01\x02", "A" * 5000, "12345678909"]
)
async def test_hostile_names_stay_words(world: VoiceWorld, name: str) -> None:
    target, call = await dialed(world, client_name=name)
    said = await ask(world, target, call)
    assert "12345678909" not in said[0]
    assert len(said[0]) < 300
    await world.contacts.execute("UPDATE tenants SET name = 'Rede <Dial> & \"Filhos\"'")
    world.api.deps.tenants._entries.clear()
    said = await ask(world, target, call)
    assert 'Rede <Dial> & "Filhos"' in said[0]


async def test_whatsapp_is_offered_only_where_it_can_be_had(world: VoiceWorld) -> None:
    target, call = await dialed(world, phone="+551133334444")
    assert "WhatsApp" not in (await ask(world, target, call))[1]
    await world.contacts.change_campaign(allowed_methods=[Method.VOICE])
    target, call = await dialed(world, place=1)
    assert "WhatsApp" not in (await ask(world, target, call))[1]
    await world.contacts.change_campaign(status=CampaignStatus.PAUSED)
    said = await ask(world, target, call)
    assert said[1] == "Para não receber mais ligações nem mensagens nossas, tecle 9."
    refused = await ask(world, target, call, query="&step=choice&round=1", Digits="2")
    assert refused[0] == "Não entendi a sua escolha."
    assert (await world.target(target)).state is TargetState.CALLING


# --- what the keys do


async def test_whole_call_with_a_key_for_whatsapp(world: VoiceWorld) -> None:
    target = await world.add_target()
    call = await world.call(target, keys=("1",))
    assert call.heard[-1] == (
        "Combinado! Você recebe a nossa mensagem no WhatsApp amanhã, a partir das 8 horas. Até logo!"
    )
    assert call.is_hung_up
    await world.look()
    after = await world.target(target)
    assert (after.state, after.method, after.outcome) == (
        TargetState.SCHEDULED, Method.WHATSAPP, TargetOutcome.ANSWERED,
    )  # fmt: skip
    assert after.due_at is not None
    assert after.due_at.isoformat() == "2026-11-19T11:00:00+00:00"
    assert (await world.call_of(target)).choice is CallChoice.WHATSAPP


async def test_call_back_is_made_when_it_was_said(world: VoiceWorld) -> None:
    target = await world.add_target(attempt_count=2)
    call = await world.call(target, keys=("2",))
    assert call.heard[-1] == "Combinado! Ligamos de novo amanhã, a partir das 8 horas. Até logo!"
    await world.look()
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.SCHEDULED, TargetOutcome.CALLBACK_REQUESTED)
    assert after.due_at is not None
    world.clock.set(after.due_at)
    await world.dial()
    assert len(world.fake.of(target.phone)) == 2


async def test_call_back_on_the_same_day_where_the_caps_allow(
    database_url: str, clock: FakeClock, fake: TwilioCalls
) -> None:
    async with open_voice_world(database_url, clock, fake, tenant={"contact_cap_per_day": 2}) as world:
        target = await world.add_target()
        call = await world.call(target, keys=("2",))
        assert call.heard[-1] == "Combinado! Ligamos de novo hoje, a partir das 13 horas. Até logo!"
        await world.look()
        world.clock.advance(minutes=119)
        await world.dial()
        assert len(world.fake.of(target.phone)) == 1
        world.clock.advance(minutes=1)
        await world.dial()
        assert len(world.fake.of(target.phone)) == 2


async def test_refusal_is_recorded_before_it_is_confirmed_and_for_good(world: VoiceWorld) -> None:
    target = await world.add_target()
    call = await world.call(target, keys=("9",))
    assert call.heard[-1] == OPTED_OUT
    after = await world.target(target)
    assert (after.state, after.outcome) == (TargetState.COMPLETED, TargetOutcome.OPTED_OUT)
    assert await world.contacts.rows("SELECT scope FROM opt_outs") == [{"scope": "all"}]
    await world.look()
    assert (await world.target(target)).outcome is TargetOutcome.OPTED_OUT
    again = await world.add_target(campaign=await world.contacts.add_campaign(
        accounts=[world.contacts.account], allowed_methods=[Method.VOICE]
    ), owes=False)  # fmt: skip
    world.clock.advance(days=10)
    due_at = world.clock.now().isoformat()
    await world.contacts.execute(f"UPDATE targets SET due_at = '{due_at}' WHERE id = '{again.id}'")
    await world.dial()
    assert len(world.fake.of(target.phone)) == 1


async def test_silence_and_other_keys_are_asked_once_more(world: VoiceWorld) -> None:
    target = await world.add_target()
    silent = await world.call(target)
    assert [text for text in silent.heard if text == "Não recebi a sua resposta."]
    assert silent.heard[-1] == GOODBYE
    other = await world.add_target(1)
    call = await world.call(other, keys=("0", "7"))
    assert "Não entendi a sua escolha." in call.heard
    assert call.heard[-1] == GOODBYE
    third = await world.add_target(2)
    late = await world.call(third, keys=("", "9"))
    assert late.heard[-1] == OPTED_OUT


@pytest.mark.parametrize("digits", ["99", "9" * 10_000, "*", "#", "<9>", "１", "%39"])
async def test_odd_keys_choose_nothing(world: VoiceWorld, digits: str) -> None:
    target, call = await dialed(world)
    said = await ask(world, target, call, query="&step=choice&round=1", Digits=digits)
    assert said[0] == "Não entendi a sua escolha."
    said = await ask(world, target, call, query="&step=choice&round=2", Digits=digits)
    assert said == [GOODBYE]
    assert (await world.target(target)).state is TargetState.CALLING


async def test_replayed_choice_says_the_same_and_does_nothing_more(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    first = await ask(world, target, call, query="&step=choice&round=1", Digits="2")
    arranged = await world.target(target)
    world.clock.advance(minutes=3)
    assert await ask(world, target, call, query="&step=choice&round=1", Digits="2") == first
    assert await ask(world, target, call, query="&step=choice&round=2", Digits="1") == first
    assert await world.target(target) == arranged
    assert await ask(world, target, call, query="&step=choice&round=1", Digits="9") == [OPTED_OUT]
    assert (await world.target(target)).outcome is TargetOutcome.OPTED_OUT
    assert await ask(world, target, call, query="&step=choice&round=1", Digits="2") == [OPTED_OUT]


async def test_database_away_says_goodbye_in_portuguese_and_asks_status_again(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    await world.contacts.execute("SELECT 1")
    await world.api.database._platform.close()
    assert await ask(world, target, call) == [APOLOGY]
    assert (await tell(world, call, "completed")).status_code == 503


async def test_fault_inside_says_goodbye_and_claims_nothing(world: VoiceWorld, database_url: str) -> None:
    target, call = await dialed(world)
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE opt_outs RENAME TO elsewhere")
    assert await ask(world, target, call, query="&step=choice&round=1", Digits="9") == [APOLOGY]
    assert (await world.target(target)).state is TargetState.CALLING


# --- the account


async def test_voice_account_is_made_checked_and_told_its_address(world: VoiceWorld) -> None:
    key = await world.api.key(world.contacts.tenant_id)
    new = {
        "provider": "twilio_voice", "externalId": "+5511400012349", "displayName": "Telefone",
        "secrets": {"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN},
    }  # fmt: skip
    made = await world.api.http.post("/api/v1/channel-accounts", json=new, headers=key)
    assert made.status_code == 201, made.text
    account = made.json()
    assert (account["medium"], account["status"]) == ("voice", "active")
    assert account["webhookUrl"].startswith(f"{PUBLIC_URL}{PREFIX}/twilio/inbound/")
    assert TWILIO_TOKEN not in made.text
    path = f"/api/v1/channel-accounts/{account['id']}"
    assert (await world.api.http.post(f"{path}/check", headers=key)).json() == {"isOk": True, "problem": None}
    await world.api.http.patch(path, json={"secrets": {"auth_token": "falso"}}, headers=key)
    wrong = (await world.api.http.post(f"{path}/check", headers=key)).json()
    assert wrong["isOk"] is False
    assert "20003" in wrong["problem"]
    unknown = {**new, "externalId": "+5511400012348", "settings": {"messaging_service_sid": "MG1"}}
    assert (await world.api.http.post("/api/v1/channel-accounts", json=unknown, headers=key)).status_code == 422


async def test_messages_do_not_come_through_a_voice_account(world: VoiceWorld) -> None:
    key = world.contacts.account.webhook_key
    assert (await post(world, f"/webhooks/twilio/{key}", {"MessageSid": "SM1", "Body": "oi"})).status_code == 404
