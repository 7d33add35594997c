"""Twilio's calls over real HTTP, and the forms that its callbacks bring."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import twilio_twiml
from channels.base import ChannelAccount, OutcomeUnknown, RateLimited, Rejected, Secrets, Unavailable
from channels.twilio_voice import TwilioVoice, read_report
from channels.voice import DialRequest
from domain.calls import (
    FINAL_STATUSES,
    CallStatus,
    can_call_become,
    caps_free_at,
    is_machine,
    outcome_of,
    read_choice,
)
from domain.campaigns import TargetOutcome
from domain.contact_hours import place_of
from domain.messages import ErrorClass, Provider
from tests.channels.lines import PAYLOADS
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.twilio_calls import NUMBER, TwilioCalls, run_fake_calls

BASE = "https://ia.exemplo.com.br/api/v1/voice"
REQUEST = DialRequest(
    call_id=UUID(int=7), to="+5511999990001", instructions_url=f"{BASE}/twiml/t?call=c",
    status_url=f"{BASE}/status?call=c", waits_for_beep=False,
)  # fmt: skip


@pytest.fixture
def fake() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
def line(http: httpx.AsyncClient, fake: TwilioCalls) -> TwilioVoice:
    return TwilioVoice(http, base_url=fake.url)


def account(*, number: str = NUMBER, token: str = TWILIO_TOKEN, **settings: str) -> ChannelAccount:
    return ChannelAccount(
        provider=Provider.TWILIO_VOICE, external_id=number, settings={"talk": "menu", **settings},
        secrets=Secrets({"account_sid": TWILIO_SID, "auth_token": token}),
    )  # fmt: skip


async def test_call_is_asked_for_as_documented(line: TwilioVoice, fake: TwilioCalls) -> None:
    receipt = await line.dial(account(), REQUEST)
    (call,) = fake.calls
    assert receipt.provider_call_id == call.sid
    assert call.form == {
        "To": ["+5511999990001"], "From": [NUMBER], "Url": [REQUEST.instructions_url], "Method": ["POST"],
        "StatusCallback": [REQUEST.status_url], "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"], "MachineDetection": ["Enable"],
        "Timeout": ["25"], "TimeLimit": ["600"],
    }  # fmt: skip


async def test_addresses_are_asked_again_when_they_do_not_answer(line: TwilioVoice, fake: TwilioCalls) -> None:
    await line.dial(account(), REQUEST)
    assert fake.calls[0].retries == dict.fromkeys(("Url", "StatusCallback"), "rc=2&rp=ct,rt,5xx")


@pytest.mark.parametrize("talk", ["relay", "realtime", "nonsense"])
async def test_people_do_not_wait_until_machines_are_told_apart(
    line: TwilioVoice, fake: TwilioCalls, talk: str
) -> None:
    await line.dial(account(talk=talk), REQUEST)
    (call,) = fake.calls
    assert call.value("AsyncAmd") == "true"
    assert call.value("AsyncAmdStatusCallback") == f"{BASE}/amd?call=c"
    assert call.retries["AsyncAmdStatusCallback"] == "rc=2&rp=ct,rt,5xx"
    assert call.value("MachineDetection") == "Enable"


async def test_calls_are_recorded_where_the_number_says_so(line: TwilioVoice, fake: TwilioCalls) -> None:
    await line.dial(account(records="true"), REQUEST)
    (call,) = fake.calls
    assert (call.value("Record"), call.value("RecordingChannels")) == ("true", "dual")
    assert call.value("RecordingStatusCallback") == f"{BASE}/recording?call=c"
    await line.dial(account(records="false"), REQUEST)
    assert "Record" not in fake.calls[1].form


async def test_call_names_what_speaks_when_the_service_is_down(line: TwilioVoice, fake: TwilioCalls) -> None:
    spare = "https://handler.twilio.com/twiml/EH1"
    await line.dial(account(fallback_url=spare), REQUEST)
    assert fake.calls[0].value("FallbackUrl") == spare


async def test_call_is_told_to_do_something_else(line: TwilioVoice, fake: TwilioCalls) -> None:
    receipt = await line.dial(account(), REQUEST)
    await line.instruct(account(), receipt.provider_call_id, twilio_twiml.end())
    assert fake.calls[0].instructed == [twilio_twiml.end()]
    await line.hang_up(account(), receipt.provider_call_id)
    await line.instruct(account(), receipt.provider_call_id, twilio_twiml.end())
    await line.instruct(account(), "CAunknown", twilio_twiml.end())
    assert len(fake.calls[0].instructed) == 1
    fake.program({"status": 503})
    with pytest.raises(Unavailable):
        await line.instruct(account(), receipt.provider_call_id, twilio_twiml.end())


async def test_voicemail_is_waited_for_to_its_end(line: TwilioVoice, fake: TwilioCalls) -> None:
    request = replace(REQUEST, waits_for_beep=True)
    await line.dial(account(), request)
    assert fake.calls[0].value("MachineDetection") == "DetectMessageEnd"


@pytest.mark.parametrize(
    ("step", "kind", "error_class"),
    [
        ({"status": 400, "code": 21217}, Rejected, ErrorClass.ADDRESS),
        ({"status": 400, "code": 13224}, Rejected, ErrorClass.ADDRESS),
        ({"status": 400, "code": 21212}, Rejected, ErrorClass.STOP),
        ({"status": 401, "code": 20003}, Rejected, ErrorClass.STOP),
        ({"status": 400, "code": 21205}, Rejected, ErrorClass.CONTENT),
        ({"status": 429, "retry_after": 7}, RateLimited, ErrorClass.RETRY),
        ({"status": 503}, Unavailable, ErrorClass.RETRY),
        ({"accept_then_garbage": True}, OutcomeUnknown, ErrorClass.RETRY),
    ],
)
async def test_refusals_are_told_apart(
    line: TwilioVoice, fake: TwilioCalls, step: dict[str, object], kind: type[Exception], error_class: ErrorClass
) -> None:
    fake.program(step)
    with pytest.raises(kind) as caught:
        await line.dial(account(), REQUEST)
    assert getattr(caught.value, "error_class", None) is error_class


async def test_wrong_number_of_ours_stops_and_wrong_key_too(line: TwilioVoice) -> None:
    for wrong in (account(number="+5511400019999"), account(token="falso")):
        with pytest.raises(Rejected) as caught:
            await line.dial(wrong, REQUEST)
        assert caught.value.error_class is ErrorClass.STOP


async def test_call_is_asked_about_and_ended(line: TwilioVoice, fake: TwilioCalls) -> None:
    receipt = await line.dial(account(), REQUEST)
    asked = await line.fetch(account(), receipt.provider_call_id)
    assert asked is not None
    assert asked.status is CallStatus.QUEUED
    assert asked.duration_seconds is None
    await line.hang_up(account(), receipt.provider_call_id)
    ended = await line.fetch(account(), receipt.provider_call_id)
    assert ended is not None
    assert (ended.status, ended.duration_seconds, ended.answered_by) == (CallStatus.COMPLETED, 40, "human")
    assert await line.fetch(account(), "CA/../../x") is None
    assert await line.check(account()) is None
    assert "20003" in str(await line.check(account(token="falso")))


@pytest.mark.parametrize(
    ("name", "status", "number"),
    [
        ("initiated", CallStatus.QUEUED, 0), ("ringing", CallStatus.RINGING, 1),
        ("answered", CallStatus.IN_PROGRESS, 2), ("completed", CallStatus.COMPLETED, 3), ("busy", CallStatus.BUSY, 3),
        ("no_answer", CallStatus.NO_ANSWER, 3), ("failed", CallStatus.FAILED, 3),
        ("canceled", CallStatus.CANCELED, 3),
    ],
)  # fmt: skip
def test_recorded_callbacks_are_read(name: str, status: CallStatus, number: int) -> None:
    report = read_report((PAYLOADS / f"twilio/voice_status_{name}.form").read_bytes())
    assert report is not None
    assert (report.status, report.sequence_number) == (status, number)
    assert report.provider_call_id == "CA8b6398d087e48123e80ba59f059907cf"
    assert report.is_number_invalid is (name == "failed")


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"CallSid=CA1&CallStatus={text}".encode()))
def test_odd_bodies_are_not_understood_and_never_raise(body: bytes) -> None:
    report = read_report(body)
    assert report is None or report.status in CallStatus


def test_numbers_and_words_of_strangers_are_bounded() -> None:
    body = b"CallSid=CA1&CallStatus=completed&SequenceNumber=99999999999999&CallDuration=-5&AnsweredBy=" + b"x" * 500
    report = read_report(body)
    assert report is not None
    assert (report.sequence_number, report.duration_seconds, report.answered_by) == (None, None, None)


@given(st.sampled_from(CallStatus), st.sampled_from(CallStatus), st.none() | st.integers(0, 9))
def test_an_ending_is_final_and_nothing_goes_back_to_dialing(
    current: CallStatus, new: CallStatus, number: int | None
) -> None:
    can = can_call_become(current, new, sequence_number=number, last_sequence=3)
    if current in FINAL_STATUSES or new in (CallStatus.DIALING, CallStatus.UNKNOWN, current):
        assert not can
    elif new in FINAL_STATUSES:
        assert can
    elif number is not None and number < 3:
        assert not can


def test_who_answers_decides_what_a_completed_call_came_to() -> None:
    assert outcome_of(CallStatus.COMPLETED, "human") is TargetOutcome.ANSWERED
    assert outcome_of(CallStatus.COMPLETED, "unknown") is TargetOutcome.ANSWERED
    assert outcome_of(CallStatus.COMPLETED, None) is TargetOutcome.ANSWERED
    for machine in ("machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"):
        assert is_machine(machine)
        assert outcome_of(CallStatus.COMPLETED, machine) is TargetOutcome.VOICEMAIL
    assert outcome_of(CallStatus.BUSY, None) is TargetOutcome.BUSY
    assert outcome_of(CallStatus.NO_ANSWER, None) is TargetOutcome.NO_ANSWER
    assert outcome_of(CallStatus.FAILED, None) is TargetOutcome.FAILED
    assert outcome_of(CallStatus.CANCELED, None) is TargetOutcome.CANCELED


@pytest.mark.parametrize(
    ("digits", "choice"),
    [("1", "1"), ("2", "2"), (" 9 ", "9"), ("", None), ("0", "other"), ("*", "other"), ("11", "other"), ("१", "other")],
)
def test_keys_are_read(digits: str, choice: str | None) -> None:
    assert read_choice(digits) == choice


def test_caps_let_through_on_the_next_day_or_when_the_week_is_over() -> None:
    place = place_of("+5511999990001")
    assert place is not None
    now = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
    tomorrow = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert caps_free_at(now, made_at=[], place=place, per_day=1, per_week=3) == now
    assert caps_free_at(now, made_at=[now], place=place, per_day=1, per_week=3) == tomorrow
    assert caps_free_at(now, made_at=[now], place=place, per_day=2, per_week=3) == now
    early = [datetime(2026, 11, day, 15, 0, tzinfo=UTC) for day in (16, 18)]
    free = caps_free_at(now, made_at=[*early, now], place=place, per_day=3, per_week=3)
    assert free == datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def test_spoken_texts_are_escaped_and_carry_nothing_that_xml_cannot() -> None:
    twiml = twilio_twiml.ask_for_key("Olá, <Dial>1</Dial> & \x00\ud800Zé", action_url="https://a.b/c?d=1&e=2")
    assert "&lt;Dial&gt;1&lt;/Dial&gt; &amp; Zé" in twiml
    assert 'action="https://a.b/c?d=1&amp;e=2"' in twiml
    assert "<Dial" not in twiml
    twiml.encode()
