"""What Twilio is told around a talk: who is connected, what machines get, how a talk ends, who takes over."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import httpx
import psycopg
import pytest

from channels import twilio_twiml
from channels.twilio_relay import is_session_token
from domain.campaigns import TargetOutcome
from domain.spoken_texts import APOLOGY
from server.voice.twilio_inbound import caller
from store import calls
from store.calls import CallRow
from store.targets import TargetRow
from tests.channels.lines import PAYLOADS
from tests.fakes.providers import TWILIO_SID
from tests.fakes.twilio_calls import NUMBER, TwilioCalls, run_fake_calls, session_fields
from tests.fakes.twilio_relay import read_offer
from tests.fakes_clock import FakeClock
from tests.server.conftest import PUBLIC_URL
from tests.server.test_twilio_voice import dialed, post
from tests.voice_world import PREFIX, VoiceWorld, open_voice_world

HOOKS = f"{PREFIX}/webhooks/twilio"
PERSON = "+551140009999"
SOME_SID = "CA8b6398d087e48123e80ba59f059907cf"
RETRIES = "#rc=2&rp=ct,rt,5xx"
DEBT_WORDS = ("fatura", "dívida", "débito", "r$", "reais", "atraso", "pagar", "cobrança")


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
    async with open_voice_world(database_url, clock, fake, account={"transfer_number": PERSON}) as opened:
        yield opened


async def ask(world: VoiceWorld, path: str, call: CallRow | None = None, **fields: str) -> ElementTree.Element:
    """Ask for TwiML as Twilio does; `call` stands in the URL."""
    query = f"?call={call.id}" if call else ""
    sid = (call.provider_call_id if call else None) or SOME_SID
    given = {"CallSid": sid, "AccountSid": TWILIO_SID, "CallStatus": "in-progress", **fields}
    answer = await post(world, f"{path}{query}", given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    return ElementTree.fromstring(answer.content)


def said(root: ElementTree.Element) -> list[str]:
    return [say.text or "" for say in root.iter("Say")]


def tags(root: ElementTree.Element) -> list[str]:
    return [element.tag for element in root]


async def settle(world: VoiceWorld, **settings: str | None) -> None:
    """Change the number's settings through the API, as an operator does."""
    key = await world.api.key(world.contacts.tenant_id)
    path = f"/api/v1/channel-accounts/{world.contacts.account.id}"
    answer = await world.api.http.patch(path, json={"settings": settings}, headers=key)
    assert answer.status_code == 200, answer.text


async def requested(world: VoiceWorld) -> CallRow:
    """Insert a call that a customer asked for."""
    call_id = uuid4()
    account = world.contacts.account
    await world.contacts.execute(
        "INSERT INTO calls"
        " (tenant_id, id, channel_account_id, direction, purpose, phone, status, status_at, created_at)"
        f" VALUES ('{account.tenant_id}', '{call_id}', '{account.id}', 'out', 'requested', '+5511999990001', 'dialing',"
        " now(), now())"
    )
    return await row_of(world, call_id)


async def row_of(world: VoiceWorld, call_id: UUID) -> CallRow:
    async with world.api.database.tenant(world.contacts.tenant_id) as connection:
        row = await calls.by_id(connection, call_id)
    assert row is not None
    return row


# --- whom the agent gets


async def test_person_is_connected_by_relay_without_a_greeting_of_twilios(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "AccountSid": TWILIO_SID, "CallStatus": "in-progress"}
    answer = await post(world, f"{PREFIX}/twiml/{target.id}?call={call.id}", fields)
    offer = read_offer(answer.content)
    assert offer is not None
    assert offer.url == "wss://ia.exemplo.com.br/api/v1/voice/webhooks/twilio/connect"
    assert offer.action_url == f"{PUBLIC_URL}{HOOKS}/ended?call={call.id}{RETRIES}"
    assert {name: offer.attributes.get(name) for name in ("language", "interruptible", "welcomeGreeting")} == {
        "language": "pt-BR", "interruptible": "any", "welcomeGreeting": None,
    }  # fmt: skip
    assert offer.parameters.keys() == {"callId", "token"}
    key = world.contacts.account.webhook_key
    assert is_session_token(offer.parameters["token"], key, call.id, call.provider_call_id or "")
    assert "Say" not in answer.text
    assert "Recording" not in answer.text


async def test_twiml_asked_for_again_is_the_same(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    first = await ask(world, f"{PREFIX}/twiml/{target.id}", call)
    second = await ask(world, f"{PREFIX}/twiml/{target.id}", call)
    assert ElementTree.tostring(first) == ElementTree.tostring(second)


@pytest.mark.parametrize("answered_by", ["machine_start", "machine_end_beep", "fax"])
async def test_machine_is_never_connected(world: VoiceWorld, answered_by: str) -> None:
    target, call = await dialed(world)
    root = await ask(world, f"{PREFIX}/twiml/{target.id}", call, AnsweredBy=answered_by)
    assert tags(root) == ["Hangup"]


async def test_machine_that_was_found_before_is_not_connected_either(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    await world.contacts.execute("UPDATE calls SET answered_by = 'machine_start'")
    assert tags(await ask(world, f"{PREFIX}/twiml/{target.id}", call)) == ["Hangup"]


async def test_realtime_gets_a_stream_and_something_to_go_on_with(world: VoiceWorld) -> None:
    await settle(world, talk="realtime")
    target, call = await dialed(world)
    root = await ask(world, f"{PREFIX}/twiml/{target.id}", call)
    assert tags(root) == ["Connect", "Redirect"]
    (stream,) = root.iter("Stream")
    assert stream.attrib["url"] == "wss://ia.exemplo.com.br/api/v1/voice/twilio/media"
    assert {child.attrib["name"] for child in stream} == {"callId", "token"}
    assert root[1].text == f"{PUBLIC_URL}{HOOKS}/ended?call={call.id}&after=stream{RETRIES}"


async def test_call_that_was_asked_for_is_connected(world: VoiceWorld) -> None:
    call = await requested(world)
    root = await ask(world, f"{PREFIX}/twiml/call/{call.id}", call)
    assert tags(root) == ["Connect"]
    row = await row_of(world, call.id)
    assert (row.status, row.provider_call_id) == ("in_progress", SOME_SID)
    answer = await post(world, f"{PREFIX}/twiml/call/{call.id}", {"CallSid": SOME_SID, "CallStatus": "in-progress"})
    assert answer.status_code == 200


async def test_machine_in_a_call_that_was_asked_for_hears_a_neutral_message_after_the_tone(world: VoiceWorld) -> None:
    call = await requested(world)
    root = await ask(world, f"{PREFIX}/twiml/call/{call.id}", call, AnsweredBy="machine_end_beep")
    (text,) = said(root)
    assert not any(word in text.casefold() for word in DEBT_WORDS)
    assert tags(root) == ["Pause", "Say", "Hangup"]
    assert tags(await ask(world, f"{PREFIX}/twiml/call/{call.id}", call, AnsweredBy="machine_start")) == ["Hangup"]


@pytest.mark.parametrize("call_id", ["x", "00000000-0000-4000-8000-00000000abcd", "%00", "a" * 3000])
async def test_unknown_calls_are_not_connected(world: VoiceWorld, call_id: str) -> None:
    _, call = await dialed(world)
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "in-progress"}
    assert (await post(world, f"{PREFIX}/twiml/call/{call_id}", fields)).status_code == 404
    assert (await post(world, f"{PREFIX}/twiml/call/{call_id}?call={call.id}", fields)).status_code == 404


# --- what is found out meanwhile


async def detected(world: VoiceWorld, call: CallRow, answered_by: str, *, sid: str | None = None) -> int:
    body = (PAYLOADS / "twilio/voice_amd_async_human.form").read_text()
    fields = dict(httpx.QueryParams(body).multi_items())
    fields |= {"CallSid": sid or call.provider_call_id or "", "AnsweredBy": answered_by}
    return (await post(world, f"{HOOKS}/amd?call={call.id}", fields)).status_code


async def test_person_keeps_the_agent(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    for verdict in ("human", "unknown"):
        assert await detected(world, call, verdict) == 204
    assert world.fake.calls[0].instructed == []
    assert (await world.call_of(target)).answered_by == "human"


async def test_machine_loses_the_agent_and_counts_as_voicemail(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    assert await detected(world, call, "machine_start") == 204
    assert world.fake.calls[0].instructed == [twilio_twiml.end()]
    fields = {"CallSid": call.provider_call_id or "", "CallStatus": "completed", "CallDuration": "9"}
    await post(world, f"{HOOKS}/status?call={call.id}", fields)
    await world.look()
    assert (await world.target(target)).outcome is TargetOutcome.VOICEMAIL


async def test_machine_hears_the_neutral_message_where_the_campaign_leaves_one(world: VoiceWorld) -> None:
    await world.contacts.change_campaign(voicemail_policy="leave_message")
    _, call = await dialed(world)
    assert world.fake.calls[0].value("MachineDetection") == "DetectMessageEnd"
    assert await detected(world, call, "machine_end_beep") == 204
    (twiml,) = world.fake.calls[0].instructed
    (text,) = said(ElementTree.fromstring(twiml))
    assert "assistente virtual da TR Telecom" in text
    assert "Maria" not in text
    assert not any(word in text.casefold() for word in DEBT_WORDS)
    assert await detected(world, call, "fax") == 204
    assert world.fake.calls[0].instructed[1:] == [twilio_twiml.end()]


async def test_machine_in_a_call_that_is_over_is_noted_without_harm(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    world.fake.calls[0].status = "completed"
    assert await detected(world, call, "machine_start") == 204
    assert (await world.call_of(target)).answered_by == "machine_start"


async def test_machine_that_cannot_be_taken_over_is_told_again(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    world.fake.program({"status": 500})
    assert await detected(world, call, "machine_start") == 503
    assert await detected(world, call, "machine_start") == 204
    assert world.fake.calls[0].instructed == [twilio_twiml.end()]


async def test_detection_of_another_call_changes_nothing(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    assert await detected(world, call, "machine_start", sid="CA" + "0" * 32) == 204
    assert world.fake.calls[0].instructed == []
    assert (await world.call_of(target)).answered_by is None


async def test_recording_is_kept_where_calls_are_recorded(world: VoiceWorld) -> None:
    await settle(world, records="true")
    target, call = await dialed(world)
    url = await world.fake.tell_of_recording(world.fake.calls[0], world.api.http)
    assert (await world.call_of(target)).recording_url == url
    root = await ask(world, f"{PREFIX}/twiml/{target.id}", call)
    assert tags(root) == ["Connect"]  # it was asked for when the call was made


async def test_recording_of_another_call_is_not_kept(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    fields = {
        "CallSid": "CA" + "0" * 32, "RecordingStatus": "completed", "RecordingUrl": "https://api.twilio.com/x",
    }  # fmt: skip
    assert (await post(world, f"{HOOKS}/recording?call={call.id}", fields)).status_code == 204
    odd = {"CallSid": call.provider_call_id or "", "RecordingStatus": "completed", "RecordingUrl": "file:///etc/passwd"}
    assert (await post(world, f"{HOOKS}/recording?call={call.id}", odd)).status_code == 204
    assert (await world.call_of(target)).recording_url is None


# --- how a talk ends


async def end_of(world: VoiceWorld, call: CallRow, fields: Mapping[str, str]) -> ElementTree.Element:
    return await ask(world, f"{HOOKS}/ended", call, **fields)


async def test_talk_that_is_over_hangs_up(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    for status in ("ended", "completed"):
        assert tags(await end_of(world, call, session_fields(status))) == ["Hangup"]


async def test_customer_who_hung_up_gets_nothing_more(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    root = await end_of(world, call, {**session_fields("failed"), "CallStatus": "completed"})
    assert tags(root) == ["Hangup"]


async def test_talk_that_broke_off_is_excused_and_the_keypad_offered(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    root = await end_of(world, call, session_fields("failed", error="64105"))
    assert said(root)[0] == "Desculpe, a nossa conversa foi interrompida."
    assert "tecle 9" in said(root)[1]
    assert not any(word in " ".join(said(root)).casefold() for word in DEBT_WORDS)
    (gather,) = root.iter("Gather")
    path = gather.attrib["action"].removeprefix(PUBLIC_URL).partition("#")[0]
    answer = await post(
        world, path, {"CallSid": call.provider_call_id or "", "CallStatus": "in-progress", "Digits": "9"}
    )
    assert "já anotei" in answer.text
    assert (await world.target(target)).outcome is TargetOutcome.OPTED_OUT


@pytest.mark.parametrize(
    "fields", [{}, {"SessionStatus": "dancing"}, {"SessionStatus": "failed", "ErrorCode": "x" * 999}]
)
async def test_talk_of_unknown_end_is_excused(world: VoiceWorld, fields: dict[str, str]) -> None:
    call = await requested(world)
    assert said(await end_of(world, call, fields)) == [APOLOGY]


async def test_machine_hears_no_excuse(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    await world.contacts.execute("UPDATE calls SET answered_by = 'machine_start'")
    assert tags(await end_of(world, call, session_fields("failed"))) == ["Hangup"]


async def test_database_that_is_away_is_excused_too(world: VoiceWorld, database_url: str) -> None:
    _, call = await dialed(world)
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE campaigns RENAME TO elsewhere")
    assert said(await end_of(world, call, session_fields("failed"))) == [APOLOGY]


HANDOFF = '{"reasonCode":"live-agent-handoff"}'


async def test_transfer_rings_a_person(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    root = await end_of(world, call, session_fields("ended", handoff=HANDOFF))
    (dial,) = root.iter("Dial")
    assert dial.attrib["callerId"] == NUMBER
    assert dial[0].text == PERSON
    assert dial[0].attrib["url"] == f"{PUBLIC_URL}{HOOKS}/whisper?call={call.id}{RETRIES}"


async def test_customer_handed_over_before_the_talk_broke_off_gets_a_person(world: VoiceWorld) -> None:
    """A stream ends without handoff data, and a relay may die between the agent's word and its last frame."""
    await call_in(world)
    (row,) = await inbound_calls(world)
    call = await row_of(world, row["id"])
    assert said(await end_of(world, call, {})) == [APOLOGY]
    await world.contacts.execute(f"UPDATE conversations SET handler = 'human' WHERE id = '{call.conversation_id}'")
    for fields in ({}, session_fields("failed")):
        (dial,) = (await end_of(world, call, fields)).iter("Dial")
        assert dial[0].text == PERSON
    assert tags(await end_of(world, call, session_fields("ended"))) == ["Hangup"]


async def test_transfer_to_nowhere_is_excused(world: VoiceWorld) -> None:
    await settle(world, transfer_number=None)
    call = await requested(world)
    assert said(await end_of(world, call, session_fields("ended", handoff=HANDOFF))) == [APOLOGY]
    hostile = '{"reasonCode":"live-agent-handoff","transferTo":"<Number>+55"}'
    assert said(await end_of(world, call, session_fields("ended", handoff=hostile))) == [APOLOGY]


async def test_recorded_action_callback_is_understood(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    body = (PAYLOADS / "twilio/conversationrelay_action_callback.form").read_text()
    fields = dict(httpx.QueryParams(body).multi_items()) | {"CallSid": call.provider_call_id or ""}
    root = await end_of(world, call, fields)
    assert tags(root) == ["Dial"]


async def test_person_who_takes_over_hears_whom_they_will_speak_with(world: VoiceWorld) -> None:
    _, call = await dialed(world)
    child = {"CallSid": "CA" + "9" * 32, "ParentCallSid": call.provider_call_id or ""}
    root = await ask(world, f"{HOOKS}/whisper", call, **child)
    (text,) = said(root)
    assert text.startswith("Cliente Maria")
    assert "52998224725" not in text
    assert tags(root) == ["Say"]  # and then the two are connected


async def test_the_two_are_connected_also_without_a_whisper(world: VoiceWorld, database_url: str) -> None:
    _, call = await dialed(world)
    with psycopg.connect(database_url) as owner:
        owner.execute("ALTER TABLE promises RENAME TO elsewhere")
        owner.execute("ALTER TABLE contacts RENAME TO elsewhere2")
    assert tags(await ask(world, f"{HOOKS}/whisper", call)) == []


async def test_who_took_over_is_kept(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    root = await ask(world, f"{HOOKS}/transferred?call={call.id}&to=%2B551140009999", None, DialCallStatus="completed",
                     CallSid=call.provider_call_id or "")  # fmt: skip
    assert tags(root) == ["Hangup"]
    assert (await world.call_of(target)).transferred_to == PERSON


@pytest.mark.parametrize("status", ["no-answer", "busy", "failed", "canceled", "dancing", ""])
async def test_person_who_does_not_answer_is_excused_and_the_operators_told_once(
    world: VoiceWorld, status: str
) -> None:
    target, call = await dialed(world)
    for _ in range(2):
        root = await ask(world, f"{HOOKS}/transferred", call, DialCallStatus=status)
        assert said(root)[0] == "Desculpe, ninguém da nossa equipe conseguiu atender agora."
        assert "mensagem" not in said(root)[1]  # nobody can be written to
    assert (await world.events()).count("transfer_unanswered") == 1
    assert (await world.call_of(target)).transferred_to is None


async def test_customer_whom_nobody_answered_goes_on_with_a_person_in_writing(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    await world.contacts.write_in(target.phone, account=world.simulator)
    root = await ask(world, f"{HOOKS}/transferred", call, DialCallStatus="no-answer")
    assert "por mensagem" in said(root)[1]
    rows = await world.contacts.rows(
        f"SELECT handler FROM conversations WHERE channel_account_id = '{world.simulator.id}'"
    )
    assert rows == [{"handler": "human"}]


# --- customers who call


async def call_in(world: VoiceWorld, **fields: str) -> ElementTree.Element:
    body = (PAYLOADS / "twilio/voice_inbound.form").read_text()
    given = dict(httpx.QueryParams(body).multi_items()) | {"To": NUMBER} | fields
    answer = await post(world, f"{PREFIX}/twilio/inbound/{world.contacts.account.webhook_key}", given)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.content)


async def inbound_calls(world: VoiceWorld) -> list[dict[str, Any]]:
    return await world.contacts.rows("SELECT id, direction, purpose, phone, provider_call_id, status FROM calls")


async def test_caller_is_connected_and_the_call_is_known_to_its_callbacks(world: VoiceWorld) -> None:
    assert tags(await call_in(world)) == ["Connect"]
    assert tags(await call_in(world)) == ["Connect"]  # asked again: the same call
    (row,) = await inbound_calls(world)
    assert (row["direction"], row["purpose"], row["phone"]) == ("in", "inbound", "+5511999990001")
    fields = {"CallSid": SOME_SID, "CallStatus": "completed", "CallDuration": "61"}
    assert (await post(world, f"{HOOKS}/status", fields)).status_code == 204
    (row,) = await inbound_calls(world)
    assert row["status"] == "completed"


async def test_caller_is_recorded_where_calls_are(world: VoiceWorld) -> None:
    await settle(world, records="true")
    root = await call_in(world)
    assert tags(root) == ["Start", "Connect"]
    (row,) = await inbound_calls(world)
    callback = f"{PUBLIC_URL}{HOOKS}/recording?call={row['id']}{RETRIES}"
    assert root[0][0].attrib["recordingStatusCallback"] == callback


@pytest.mark.parametrize("number", ["+266696687", "anonymous", "", "sip:maria@exemplo.com", "+" + "9" * 40, "<b>"])
async def test_caller_without_a_number_is_connected_too(world: VoiceWorld, number: str) -> None:
    assert caller(number) is None
    assert tags(await call_in(world, From=number)) == ["Connect"]
    (row,) = await inbound_calls(world)
    assert row["phone"] == "anonymous"


@pytest.mark.parametrize("off", ["menu", "disabled", "bot"])
async def test_caller_is_put_through_to_a_person_where_no_agent_answers(world: VoiceWorld, off: str) -> None:
    if off == "menu":
        await settle(world, talk="menu")
    elif off == "disabled":
        await world.contacts.execute("UPDATE channel_accounts SET status = 'disabled'")
    else:
        await world.contacts.execute("UPDATE channel_accounts SET is_bot_enabled = false")
    world.api.deps.accounts.forget()
    (dial,) = (await call_in(world)).iter("Dial")
    assert dial[0].text == PERSON
    await settle(world, transfer_number=None)
    root = await call_in(world)
    assert "assistente virtual da TR Telecom" in said(root)[0]
    assert tags(root) == ["Say", "Hangup"]


async def test_number_stopped_for_calling_too_much_still_answers(world: VoiceWorld) -> None:
    await world.contacts.execute("UPDATE channel_accounts SET status = 'stopped', stopped_reason = 'short_calls: x'")
    world.api.deps.accounts.forget()
    assert tags(await call_in(world)) == ["Connect"]


@pytest.mark.parametrize("key", ["x", "%00", "a" * 200, "é"])
async def test_unknown_numbers_are_not_answered(world: VoiceWorld, key: str) -> None:
    fields = {"CallSid": SOME_SID, "From": "+5511999990001", "CallStatus": "ringing"}
    assert (await post(world, f"{PREFIX}/twilio/inbound/{key}", fields)).status_code == 404


async def test_caller_without_a_call_is_nobody(world: VoiceWorld) -> None:
    path = f"{PREFIX}/twilio/inbound/{world.contacts.account.webhook_key}"
    assert (await post(world, path, {"From": "+5511999990001"})).status_code == 404
    assert await inbound_calls(world) == []


# --- every route is signed


def routes(target: TargetRow, call: CallRow, key: str) -> list[str]:
    names = ("amd", "recording", "ended", "whisper", "transferred")
    hooks = [f"{HOOKS}/{name}?call={call.id}" for name in names]
    return [*hooks, f"{PREFIX}/twiml/call/{call.id}", f"{PREFIX}/twilio/inbound/{key}"]


async def test_unsigned_unknown_and_enormous_requests_are_refused_everywhere(world: VoiceWorld) -> None:
    target, call = await dialed(world)
    before = await world.contacts.rows("SELECT * FROM calls")
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = f"CallSid={call.provider_call_id}&AnsweredBy=machine_start&SessionStatus=ended&RecordingStatus=completed"
    for path in routes(target, call, world.contacts.account.webhook_key):
        for signature in ("", "x", "A" * 10_000, "0" * 28):
            headers = {**form, **({"x-twilio-signature": signature} if signature else {})}
            answer = await world.api.http.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.content) == (403, b""), path
        assert (await world.api.http.post(path, content=b"a=" + b"x" * 1_000_000)).status_code == 413
        assert (await world.api.http.get(path)).status_code == 405
    assert await world.contacts.rows("SELECT * FROM calls") == before
    assert world.fake.calls[0].instructed == []


@pytest.mark.parametrize("name", ["amd", "recording", "ended", "whisper", "transferred"])
async def test_callbacks_of_no_call_are_not_there(world: VoiceWorld, name: str) -> None:
    for query in ("", "?call=x", "?call=00000000-0000-4000-8000-00000000abcd", "?call=' OR 1=1 --", "?call=%00"):
        answer = await post(world, f"{HOOKS}/{name}{query}", {"CallSid": "CA" + "f" * 32})
        assert answer.status_code == 404


@pytest.mark.parametrize("name", ["amd", "recording"])
async def test_signed_nonsense_changes_nothing(world: VoiceWorld, name: str) -> None:
    target, call = await dialed(world)
    for fields in ({}, {"CallSid": ""}, {"CallSid": "x" * 5000, "AnsweredBy": "é"}, {"AnsweredBy": "machine_start"}):
        assert (await post(world, f"{HOOKS}/{name}?call={call.id}", fields)).status_code in (204, 404)
    assert (await world.call_of(target)).answered_by is None
