"""Retell's calls over real HTTP, and what its webhooks and requests bring."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retell.lib.webhook_auth import symmetric
from retell.types import PhoneCallResponse

from channels.base import ChannelAccount, OutcomeUnknown, RateLimited, Rejected, Secrets, Unavailable, WebhookRequest
from channels.retell import RetellVoice
from channels.retell_calls import (
    ENDINGS,
    RetellCall,
    Verdict,
    read_call,
    read_event,
    read_function_call,
    read_inbound,
)
from channels.voice import DialRequest
from domain.calls import FINAL_STATUSES, CallStatus, is_machine
from domain.messages import ErrorClass, Provider
from tests.channels.lines import PAYLOADS
from tests.fakes.retell import AGENT, KEY, NUMBER, RetellRest, call_object, ended, event, run_fake_retell, signed
from tests.fakes_clock import FakeClock

CALL_ID = UUID("6f1f7d0e-8b0a-4f43-9a55-2f5d0c3f9a10")
REQUEST = DialRequest(
    call_id=CALL_ID, to="+5511999990001", instructions_url="https://x.invalid/t", status_url="https://x.invalid/s",
    waits_for_beep=False, variables={"nome": "Maria"},
)  # fmt: skip
SIGNED_AT = datetime.fromtimestamp(1795197600, tz=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def server() -> Iterator[RetellRest]:
    with run_fake_retell() as running:
        yield running


@pytest.fixture
def fake(server: RetellRest) -> RetellRest:
    server.calls.clear()
    server.steps.clear()
    server.paths.clear()
    return server


@pytest.fixture
def line(http: httpx.AsyncClient, fake: RetellRest, clock: FakeClock) -> RetellVoice:
    return RetellVoice(http, clock=clock, base_url=fake.url)


def account(*, number: str = NUMBER, key: str = KEY, **settings: str) -> ChannelAccount:
    return ChannelAccount(
        provider=Provider.RETELL, external_id=number, settings=settings, secrets=Secrets({"api_key": key})
    )


# --- calls


async def test_call_is_asked_for_as_documented(line: RetellVoice, fake: RetellRest) -> None:
    receipt = await line.dial(account(agent_id=AGENT, agent_version="7"), REQUEST)
    (call,) = fake.calls
    assert receipt.provider_call_id == call.call_id
    assert call.request == {
        "from_number": NUMBER, "to_number": "+5511999990001", "override_agent_id": AGENT, "override_agent_version": 7,
        "metadata": {"call_id": str(CALL_ID)}, "retell_llm_dynamic_variables": {"nome": "Maria"},
        "idempotency_key": str(CALL_ID), "honor_internal_dnc": True,
        "agent_override": {
            "agent": {
                "ring_duration_ms": 25_000, "max_call_duration_ms": 600_000,
                "voicemail_option": {"action": {"type": "hangup"}},
            }
        },
    }  # fmt: skip


async def test_agent_and_version_are_those_of_the_number_unless_the_account_names_others(
    line: RetellVoice, fake: RetellRest
) -> None:
    await line.dial(account(), REQUEST)
    assert "override_agent_id" not in fake.calls[0].request
    fake.calls.clear()
    await line.dial(account(agent_id=AGENT, agent_version="producao"), REQUEST)
    assert fake.calls[0].request["override_agent_version"] == "producao"


async def test_same_call_asked_for_twice_rings_once(line: RetellVoice, fake: RetellRest) -> None:
    first, again = await line.dial(account(), REQUEST), await line.dial(account(), REQUEST)
    assert first == again
    assert [call.times_asked for call in fake.calls] == [2]


async def test_message_for_machines_is_left_to_the_agent(line: RetellVoice, fake: RetellRest) -> None:
    request = DialRequest(
        call_id=CALL_ID, to=REQUEST.to, instructions_url="", status_url="", waits_for_beep=True, ring_seconds=1,
        longest_seconds=999_999,
    )  # fmt: skip
    await line.dial(account(), request)
    assert fake.calls[0].request["agent_override"]["agent"] == {
        "ring_duration_ms": 5_000, "max_call_duration_ms": 7_200_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "kind", "error_class"),
    [
        ({"status": 401}, Rejected, ErrorClass.STOP),
        ({"status": 402}, Rejected, ErrorClass.STOP),
        ({"status": 403}, Rejected, ErrorClass.STOP),
        ({"status": 400}, Rejected, ErrorClass.CONTENT),
        ({"status": 422}, Rejected, ErrorClass.CONTENT),
        ({"status": 400, "message": "to_number is not a valid number"}, Rejected, ErrorClass.ADDRESS),
        ({"status": 400, "message": "from_number is not yours"}, Rejected, ErrorClass.STOP),
        ({"status": 422, "message": "Agent not found"}, Rejected, ErrorClass.STOP),
        ({"status": 400, "message": "Contact is marked do_not_call"}, Rejected, ErrorClass.OPTOUT),
        ({"status": 429, "retry_after": 7}, RateLimited, ErrorClass.RETRY),
        ({"status": 500}, Unavailable, ErrorClass.RETRY),
        ({"status": 504}, OutcomeUnknown, ErrorClass.RETRY),
        ({"accept_then_garbage": True}, OutcomeUnknown, ErrorClass.RETRY),
    ],
)
async def test_refusals_are_told_apart(
    line: RetellVoice, fake: RetellRest, step: dict[str, object], kind: type[Exception], error_class: ErrorClass
) -> None:
    fake.program(step)
    with pytest.raises(kind) as caught:
        await line.dial(account(), REQUEST)
    assert getattr(caught.value, "error_class", None) is error_class


async def test_phones_stay_out_of_errors(line: RetellVoice, fake: RetellRest) -> None:
    fake.program({"status": 400, "message": "to_number +5511999990001 is not reachable"})
    with pytest.raises(Rejected) as caught:
        await line.dial(account(), REQUEST)
    assert "99999" not in str(caught.value)


async def test_call_is_asked_about_and_ended(line: RetellVoice, fake: RetellRest) -> None:
    receipt = await line.dial(account(), REQUEST)
    asked = await line.fetch(account(), receipt.provider_call_id)
    assert asked is not None
    assert (asked.status, asked.duration_seconds) == (CallStatus.QUEUED, None)
    await line.hang_up(account(), receipt.provider_call_id)
    await line.hang_up(account(), receipt.provider_call_id)  # it has ended: nothing to do, nothing wrong
    again = await line.fetch(account(), receipt.provider_call_id)
    assert again is not None
    assert (again.status, again.duration_seconds) == (CallStatus.COMPLETED, 73)
    assert fake.calls[0].is_stopped


async def test_unknown_calls_are_none_and_hanging_them_up_does_nothing(line: RetellVoice) -> None:
    for call_id in ("call_0", "../../get-agent/x", "a b?c=d#e", "é" * 200):
        assert await line.fetch(account(), call_id) is None
        await line.hang_up(account(), call_id)


async def test_refusal_to_hang_up_a_running_call_is_told(line: RetellVoice, fake: RetellRest) -> None:
    receipt = await line.dial(account(), REQUEST)
    fake.program({"status": 400, "message": "not now"})
    with pytest.raises(Rejected):
        await line.hang_up(account(), receipt.provider_call_id)


async def test_account_is_checked_with_number_and_agent(line: RetellVoice) -> None:
    assert await line.check(account()) is None
    assert await line.check(account(agent_id=AGENT)) is None
    assert "number +5511400019999" in str(await line.check(account(number="+5511400019999")))
    assert "agent agent_x" in str(await line.check(account(agent_id="agent_x")))
    assert "401" in str(await line.check(account(key="falsa")))


# --- signatures


def request_of(body: bytes, header: str | None) -> WebhookRequest:
    headers = {} if header is None else {"x-retell-signature": header}
    return WebhookRequest(method="POST", url="https://x.invalid", headers=headers, query={}, body=body)


def test_signature_is_retells_own(line: RetellVoice, clock: FakeClock) -> None:
    vectors = json.loads((PAYLOADS / "signatures/vectors.json").read_bytes())["vectors"]
    ours = [vector for vector in vectors if vector["scheme"] == "retell_v_d"]
    assert len(ours) == 2
    clock.set(SIGNED_AT)
    for vector in ours:
        body, header = (PAYLOADS / vector["body_file"]).read_bytes(), vector["value"]
        assert line.verify(request_of(body, header), account(key=vector["secret"]))
        assert symmetric["verify"](body.decode(), vector["secret"], header, {"timestamp": vector["timestamp_ms"]})


@given(body=st.text(), key=st.text(min_size=1, max_size=40).filter(lambda key: key.isascii()), late=st.integers(0, 900))
def test_signature_is_judged_as_by_the_sdk(body: str, key: str, late: int) -> None:
    clock = FakeClock(SIGNED_AT)
    voice = RetellVoice(httpx.AsyncClient(verify=False), clock=clock)
    header = symmetric["sign"](body.encode("utf-8", "replace").decode(), key, round(SIGNED_AT.timestamp() * 1000))
    clock.advance(timedelta(seconds=late))
    now = round(clock.now().timestamp() * 1000)
    sdk = symmetric["verify"](body.encode("utf-8", "replace").decode(), key, header, {"timestamp": now})
    assert voice.verify(request_of(body.encode("utf-8", "replace"), header), account(key=key)) is sdk
    assert sdk is (late <= 300)


@pytest.mark.parametrize(
    "header",
    [None, "", "v=,d=", "v=1795197600000", "d=" + "0" * 64, "v=1795197600000,d=" + "0" * 64,
     "v=1795197600000,d=" + "A" * 64, "v=" + "9" * 40 + ",d=" + "0" * 64, "x" * 100_000, "v=１,d=é"],
)  # fmt: skip
def test_odd_signatures_are_wrong(line: RetellVoice, clock: FakeClock, header: str | None) -> None:
    clock.set(SIGNED_AT)
    assert not line.verify(request_of(b"{}", header), account())


def test_signature_fits_one_body_one_key_and_five_minutes(line: RetellVoice, clock: FakeClock) -> None:
    header = signed(b"{}", now=clock.now())["x-retell-signature"]
    assert line.verify(request_of(b"{}", header), account())
    assert not line.verify(request_of(b"{ }", header), account())
    assert not line.verify(request_of(b"{}", header), account(key="outra"))
    assert not line.verify(request_of(b"{}", header), account(key=""))
    for minutes in (-6, 6):
        old = signed(b"{}", now=clock.now() + timedelta(minutes=minutes))["x-retell-signature"]
        assert not line.verify(request_of(b"{}", old), account())


# --- what is told of a call


def sdk_reasons() -> set[str]:
    return {
        value
        for part in get_args(PhoneCallResponse.model_fields["disconnection_reason"].annotation)
        for value in get_args(part)
    }


def test_every_reason_of_the_sdk_is_known() -> None:
    assert sdk_reasons() == set(ENDINGS)
    assert len(ENDINGS) == 39
    assert all(ending.status in FINAL_STATUSES for ending in ENDINGS.values())


@pytest.mark.parametrize(
    ("reason", "status", "verdict"),
    [
        ("user_hangup", CallStatus.COMPLETED, Verdict.NOTHING),
        ("dial_busy", CallStatus.BUSY, Verdict.NOTHING),
        ("dial_no_answer", CallStatus.NO_ANSWER, Verdict.NOTHING),
        ("dial_failed", CallStatus.FAILED, Verdict.NOTHING),
        ("invalid_destination", CallStatus.FAILED, Verdict.ADDRESS),
        ("user_requested_dnc", CallStatus.COMPLETED, Verdict.OPT_OUT),
        ("concurrency_limit_reached", CallStatus.FAILED, Verdict.TAKE_BACK),
        ("credit_exhausted", CallStatus.FAILED, Verdict.STOP),
        ("marked_as_spam", CallStatus.FAILED, Verdict.REPUTATION),
        ("scam_detected", CallStatus.COMPLETED, Verdict.SCAM),
        ("error_llm_websocket_open", CallStatus.FAILED, Verdict.OURS),
        ("something_new_in_2027", CallStatus.FAILED, Verdict.NOTHING),
    ],
)
def test_reasons_become_outcomes(reason: str, status: CallStatus, verdict: Verdict) -> None:
    call = RetellCall(provider_call_id="c", status="ended", disconnection_reason=reason)
    report = call.report(has_ended=True)
    assert report is not None
    assert (report.status, call.ending.verdict) == (status, verdict)
    assert report.is_number_invalid is (verdict is Verdict.ADDRESS)


@pytest.mark.parametrize("reason", ["voicemail_reached", "ivr_reached"])
def test_machines_are_no_people(reason: str) -> None:
    assert is_machine(RetellCall(provider_call_id="c", disconnection_reason=reason).ending.answered_by)


def test_voicemail_found_by_the_analysis_counts() -> None:
    call = read_call(ended(call_object(), "user_hangup", call_analysis={"in_voicemail": True}))
    assert call is not None
    assert is_machine(call.ending.answered_by)
    busy = read_call(ended(call_object(), "dial_busy", call_analysis={"in_voicemail": True}))
    assert busy is not None
    assert busy.ending.answered_by is None


@pytest.mark.parametrize(
    ("status", "wanted"),
    [("ended", "completed"), ("not_connected", "no_answer"), ("error", "failed"), ("x", "failed"), (None, "failed")],
)
def test_end_without_a_reason_is_judged_by_the_status(status: str | None, wanted: str) -> None:
    report = RetellCall(provider_call_id="c", status=status).report(has_ended=True)
    assert report is not None
    assert report.status == wanted


def test_recorded_webhooks_are_read() -> None:
    for name, kind in (
        ("call_started", "started"), ("transcript_updated", "updated"), ("transfer_started", "transfer"),
        ("call_ended", "ended"), ("call_analyzed", "analyzed"),
    ):  # fmt: skip
        told = read_event((PAYLOADS / f"retell/webhook_{name}.json").read_bytes())
        assert told is not None
        assert told.call is not None
        assert (told.kind, told.call.provider_call_id) == (kind, "call_f621827f917c793897ac98d1d63f9767")
        assert (told.call.customer_phone, told.call.our_number) == ("+5511999990001", NUMBER)
        assert told.call.agent_version == "3"


def test_facts_of_an_ended_call_are_read() -> None:
    told = read_event((PAYLOADS / "retell/webhook_call_ended.json").read_bytes())
    assert told is not None
    call = told.call
    assert call is not None
    assert (call.cost_usd_cents, call.duration_seconds) == (14, 73)
    assert call.recording_url == "https://exemplo.invalid/rec.wav"
    assert [(said.role, said.start_seconds) for said in call.transcript] == [
        ("agent", 0.6), ("user", 2.1), ("agent", None), ("user", None),
    ]  # fmt: skip


def test_transfer_destination_is_read_wherever_it_stands() -> None:
    beside = event("transfer_bridged", call_object(), transfer_destination={"number": "+551140005678"})
    inside = event("transfer_bridged", call_object(transfer_destination="+551140005678"))
    for body in (beside, inside):
        told = read_event(body)
        assert told is not None
        assert told.call is not None
        assert told.call.transferred_to == "+551140005678"


def test_older_bodies_carry_the_call_as_data() -> None:
    told = read_event(json.dumps({"event": "call_started", "data": call_object(call_id="c1")}).encode())
    assert told is not None
    assert told.call is not None
    assert told.call.provider_call_id == "c1"


@pytest.mark.parametrize(("name", "kind"), [("chat_started", "ignored"), ("x", "unknown"), ("", "unknown")])
def test_other_events_are_told_apart(name: str, kind: str) -> None:
    told = read_event(event(name, {}))
    assert told is not None
    assert (told.kind, told.call) == (kind, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"duration_ms": -5}, {"duration_ms": "muito"}, {"duration_ms": 1e300}, {"call_cost": {"combined_cost": "NaN"}},
        {"call_cost": {"combined_cost": -3}}, {"call_cost": []}, {"recording_url": "javascript:alert(1)"},
        {"recording_url": {"a": 1}}, {"transcript_object": {"role": "user"}}, {"transcript_object": [1, None, "x"]},
        {"transcript_object": [{"role": "user", "content": 5, "words": 7}]}, {"metadata": "x"},
        {"metadata": {"call_id": "x" * 36}}, {"agent_version": [3]}, {"disconnection_reason": 7},
        {"from_number": {"a": 1}}, {"start_timestamp": "x", "end_timestamp": None}, {"call_analysis": 5},
    ],
)  # fmt: skip
def test_wrong_types_are_left_out(changes: dict[str, Any]) -> None:
    call = read_call({**ended(call_object(call_id="c1")), **changes})
    assert call is not None
    assert call.provider_call_id == "c1"
    assert call.cost_usd_cents is None
    assert call.recording_url is None
    assert call.call_id is None


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_odd_bodies_never_raise(body: bytes) -> None:
    told = read_event(body)
    assert told is None or told.call is None
    read_inbound(body)
    read_function_call(body)


@given(st.dictionaries(st.sampled_from(sorted(ended(call_object()))), json_values, max_size=8))
def test_odd_calls_never_raise(call: dict[str, Any]) -> None:
    told = read_event(json.dumps({"event": "call_ended", "call": call}).encode())
    assert told is not None
    if told.call is not None:
        report = told.call.report(has_ended=True)
        assert report is not None
        assert report.status in FINAL_STATUSES


def test_deep_and_enormous_bodies_are_not_understood() -> None:
    assert read_event(b"[" * 100_000) is None
    assert read_function_call(b'{"args":' * 500 + b"1" + b"}" * 500) is None
    assert read_call({"call_id": "x" * 10_000}) is None


# --- tools


def test_tool_call_is_read_whole_without_its_filler() -> None:
    wanted = read_function_call((PAYLOADS / "retell/custom_function_request.json").read_bytes())
    assert wanted is not None
    assert wanted.name == "consultar_faturas_cpf"
    assert wanted.arguments == {"cpf": "52998224725"}
    assert wanted.call is not None
    assert [said.text for said in wanted.call.transcript if said.role == "user"] == ["sim, sou eu"]


def test_tool_call_is_read_from_its_arguments_alone() -> None:
    wanted = read_function_call(b'{"cpf_cnpj": "52998224725", "execution_message": "um instante"}')
    assert wanted is not None
    assert (wanted.name, wanted.call) == (None, None)
    assert wanted.arguments == {"cpf_cnpj": "52998224725"}


def test_inbound_call_is_read() -> None:
    told = read_inbound((PAYLOADS / "retell/inbound_webhook_request.json").read_bytes())
    assert told is not None
    assert (told.from_number, told.to_number) == ("+5511999990001", NUMBER)
    assert read_inbound(b'{"event":"call_started"}') is None
    assert read_inbound(b"[]") is not None
