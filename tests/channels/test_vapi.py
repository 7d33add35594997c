"""Vapi's calls over real HTTP, its signatures in every form, and what its messages say."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import ChannelAccount, OutcomeUnknown, RateLimited, Rejected, Secrets, Unavailable, WebhookRequest
from channels.vapi import VapiVoice
from channels.vapi_messages import (
    Said,
    end_of,
    function_call,
    read_message,
    report_of_call,
    said_in,
    status_of,
    tool_calls,
)
from channels.voice import DialRequest
from domain.calls import CallStatus, outcome_of
from domain.campaigns import TargetOutcome
from domain.messages import ErrorClass, Provider
from tests.channels.lines import PAYLOADS
from tests.fakes.vapi import (
    ASSISTANT,
    CUSTOMER,
    NUMBER,
    PHONE_NUMBER,
    VAPI_KEY,
    VAPI_SECRET,
    VapiApi,
    hmac_headers,
    message,
    run_fake_vapi,
    spoken,
)
from tests.fakes_clock import FakeClock

CALL_ID = UUID("7d1f3d1c-46a3-4d35-9a2e-6a3a1f4e9b11")
REQUEST = DialRequest(
    call_id=CALL_ID, to=CUSTOMER, instructions_url="https://ia.exemplo.com.br/x", waits_for_beep=False,
    status_url="https://ia.exemplo.com.br/y", longest_seconds=480, variables={"nome": "Maria"},
)  # fmt: skip
SIGNED_AT = datetime.fromtimestamp(1795197600, tz=UTC)
URL = "https://ia.exemplo.com.br/api/v1/voice/webhooks/vapi/chave"


@pytest.fixture
def fake() -> Iterator[VapiApi]:
    with run_fake_vapi() as running:
        yield running


@pytest.fixture
def line(http: httpx.AsyncClient, fake: VapiApi, clock: FakeClock) -> VapiVoice:
    clock.set(SIGNED_AT)
    return VapiVoice(http, clock=clock, base_url=fake.url)


@pytest.fixture
def checker(http: httpx.AsyncClient, clock: FakeClock) -> VapiVoice:
    clock.set(SIGNED_AT)
    return VapiVoice(http, clock=clock)


def account(
    settings: Mapping[str, str] | None = None, *, key: str = VAPI_KEY, secrets: Mapping[str, str] | None = None
) -> ChannelAccount:
    return ChannelAccount(
        provider=Provider.VAPI, external_id=NUMBER,
        secrets=Secrets({"api_key": key, **({"webhook_secret": VAPI_SECRET} if secrets is None else secrets)}),
        settings={"agent_id": ASSISTANT, "phone_number_id": PHONE_NUMBER, **(settings or {})},
    )  # fmt: skip


def signed(body: bytes, headers: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest(method="POST", url=URL, headers=headers, query={}, body=body)


# --- Calls ---------------------------------------------------------------------------------------------------------


async def test_call_is_asked_for_with_our_id_and_what_the_agent_may_know(line: VapiVoice, fake: VapiApi) -> None:
    receipt = await line.dial(account(), REQUEST)
    assert list(fake.calls) == [receipt.provider_call_id]
    assert fake.bodies == [
        {
            "assistantId": ASSISTANT, "phoneNumberId": PHONE_NUMBER, "customer": {"number": CUSTOMER},
            "assistantOverrides": {
                "variableValues": {"nome": "Maria"}, "metadata": {"call_id": str(CALL_ID)}, "maxDurationSeconds": 480,
            },
        }
    ]  # fmt: skip


async def test_limit_below_what_vapi_takes_is_raised(line: VapiVoice, fake: VapiApi) -> None:
    await line.dial(account(), replace(REQUEST, longest_seconds=3))
    assert fake.bodies[0]["assistantOverrides"]["maxDurationSeconds"] == 10


@pytest.mark.parametrize(
    ("step", "kind", "error_class", "calls"),
    [
        ({"status": 400, "message": ["customer.number must be a valid phone number"]}, Rejected, ErrorClass.ADDRESS, 0),
        ({"status": 400, "message": "assistantId must be a UUID"}, Rejected, ErrorClass.CONTENT, 0),
        ({"status": 401}, Rejected, ErrorClass.STOP, 0),
        ({"status": 402}, Rejected, ErrorClass.STOP, 0),
        ({"status": 403}, Rejected, ErrorClass.STOP, 0),
        ({"status": 429}, RateLimited, ErrorClass.RETRY, 0),
        ({"status": 503}, Unavailable, ErrorClass.RETRY, 0),
        ({"status": 500, "then_made": True}, OutcomeUnknown, ErrorClass.RETRY, 1),
        ({"status": 502}, OutcomeUnknown, ErrorClass.RETRY, 0),
        ({"status": 504}, OutcomeUnknown, ErrorClass.RETRY, 0),
        ({"garbage": True}, OutcomeUnknown, ErrorClass.RETRY, 1),
    ],
)
async def test_refusals_are_told_apart_and_doubt_is_doubt(
    line: VapiVoice, fake: VapiApi, step: dict[str, Any], kind: type[Exception], error_class: ErrorClass, calls: int
) -> None:
    fake.program(step)
    with pytest.raises(kind) as caught:
        await line.dial(account(), REQUEST)
    assert type(caught.value) is kind
    assert getattr(caught.value, "error_class", None) is error_class
    assert len(fake.calls) == calls


async def test_number_that_is_none_is_an_address_error(line: VapiVoice) -> None:
    with pytest.raises(Rejected) as caught:
        await line.dial(account(), replace(REQUEST, to="+1"))
    assert caught.value.error_class is ErrorClass.ADDRESS


@pytest.mark.parametrize("missing", ["agent_id", "phone_number_id"])
async def test_account_without_assistant_or_number_dials_nobody(line: VapiVoice, fake: VapiApi, missing: str) -> None:
    with pytest.raises(Rejected) as caught:
        await line.dial(account({missing: ""}), REQUEST)
    assert (caught.value.error_class, caught.value.detail) == (ErrorClass.STOP, missing)
    assert fake.requests == []


async def test_call_is_asked_about(line: VapiVoice, fake: VapiApi) -> None:
    receipt = await line.dial(account(), REQUEST)
    queued = await line.fetch(account(), receipt.provider_call_id)
    assert queued is not None
    assert queued.status is CallStatus.QUEUED
    fake.calls[receipt.provider_call_id] |= {
        "status": "ended", "endedReason": "customer-ended-call", "startedAt": "2026-11-20T18:00:05.000Z",
        "endedAt": "2026-11-20T18:01:18.000Z",
    }  # fmt: skip
    ended = await line.fetch(account(), receipt.provider_call_id)
    assert ended is not None
    assert (ended.status, ended.duration_seconds) == (CallStatus.COMPLETED, 73)
    assert await line.fetch(account(), "../phone-number/" + PHONE_NUMBER) is None


async def test_call_is_ended_over_its_control_address_without_our_key(line: VapiVoice, fake: VapiApi) -> None:
    receipt = await line.dial(account(), REQUEST)
    await line.hang_up(account(), receipt.provider_call_id)
    await line.hang_up(account(), receipt.provider_call_id)
    await line.hang_up(account(), "0c1f0000-0000-4000-8000-00000000dead")
    assert fake.hung_up == [receipt.provider_call_id]
    assert "authorization" not in fake.control_headers[0]


@pytest.mark.parametrize("address", [None, "http://169.254.169.254/", "https://vapi.ai.exemplo.invalid/", "x", 3, "[:"])
async def test_control_address_elsewhere_is_not_called(line: VapiVoice, fake: VapiApi, address: object) -> None:
    receipt = await line.dial(account(), REQUEST)
    fake.calls[receipt.provider_call_id]["monitor"] = {"controlUrl": address}
    with pytest.raises(Rejected) as caught:
        await line.hang_up(account(), receipt.provider_call_id)
    assert caught.value.code == "no_control_url"


async def test_check_says_what_is_wrong(line: VapiVoice) -> None:
    assert await line.check(account()) is None
    assert "401" in str(await line.check(account(key="falsa")))
    assert "phone_number_id" in str(await line.check(account({"phone_number_id": "outro"})))
    assert "agent_id" in str(await line.check(account({"agent_id": ""})))


# --- Signatures ----------------------------------------------------------------------------------------------------

BODY = (PAYLOADS / "vapi/tool_calls.json").read_bytes()
STAMP = "1795197600000"


def test_secret_and_bearer_are_taken(checker: VapiVoice) -> None:
    both = account(secrets={"webhook_secret": VAPI_SECRET, "bearer_token": "ficha"})
    assert checker.verify(signed(BODY, {"x-vapi-secret": VAPI_SECRET}), both)
    assert checker.verify(signed(BODY, {"authorization": "Bearer ficha"}), both)
    assert checker.verify(signed(BODY, {"authorization": "bearer ficha"}), both)
    for wrong in (
        {}, {"x-vapi-secret": "ficha"}, {"x-vapi-secret": ""}, {"authorization": f"Bearer {VAPI_SECRET}"},
        {"authorization": "Basic ficha"}, {"authorization": "Bearer "}, {"authorization": "ficha"},
        {"x-vapi-secret": "é"}, {"authorization": "Bearer \ud800"}, {"x-vapi-secret": VAPI_SECRET * 1000},
    ):  # fmt: skip
        assert not checker.verify(signed(BODY, wrong), both)


def test_account_without_secrets_takes_nothing(checker: VapiVoice) -> None:
    bare = account(secrets={})
    for headers in ({}, {"x-vapi-secret": ""}, {"authorization": "Bearer "}, hmac_headers(BODY, secret=b"")):
        assert not checker.verify(signed(BODY, headers), bare)
    assert not checker.verify(signed(BODY, {}), account({"signature_header": "x-signature"}, secrets={}))


def test_recorded_vector_passes_as_the_default_plan(checker: VapiVoice) -> None:
    (vector,) = [
        vector
        for vector in json.loads((PAYLOADS / "signatures/vectors.json").read_bytes())["vectors"]
        if vector["scheme"] == "vapi_hmac_default"
    ]
    assert checker.verify(signed(BODY, vector["headers"]), account())
    assert checker.verify(signed(BODY, vector["headers"]), account({"signature_header": "X-Signature"}))
    assert not checker.verify(signed(BODY + b" ", vector["headers"]), account())


PLANS: list[tuple[dict[str, str], bytes, dict[str, Any]]] = [
    ({"signature_encoding": "base64"}, b"%s.%s" % (STAMP.encode(), BODY), {"encoding": "base64"}),
    ({"signature_algorithm": "sha512"}, b"%s.%s" % (STAMP.encode(), BODY), {"algorithm": "sha512"}),
    ({"signature_algorithm": "SHA1"}, b"%s.%s" % (STAMP.encode(), BODY), {"algorithm": "sha1"}),
    ({"signature_payload": "{body}", "signature_prefix": "sha256="}, BODY, {"prefix": "sha256="}),
    ({"signature_header": "X-Assinatura"}, b"%s.%s" % (STAMP.encode(), BODY), {"signature_header": "x-assinatura"}),
    (
        {"signature_payload": "{method}|{url}|{timestamp}|{body}"},
        b"POST|%s|%s|%s" % (URL.encode(), STAMP.encode(), BODY),
        {},
    ),
    (
        {
            "signature_payload": "{svix-id}.{timestamp}.{body}",
            "signature_prefix": "v1,",
            "signature_encoding": "base64",
        },
        b"msg_1.%s.%s" % (STAMP.encode(), BODY),
        {"prefix": "v1,", "encoding": "base64", "more": {"x-timestamp": STAMP, "svix-id": "msg_1"}},
    ),
]


@pytest.mark.parametrize(("settings", "payload", "how"), PLANS)
def test_every_plan_is_kept_and_only_that_plan(
    checker: VapiVoice, settings: dict[str, str], payload: bytes, how: dict[str, Any]
) -> None:
    headers = hmac_headers(payload, **({"more": {"x-timestamp": STAMP}} | how))
    assert checker.verify(signed(BODY, headers), account(settings))
    assert not checker.verify(signed(BODY[:-1], headers), account(settings))
    # Signed as nobody agreed on: with the default plan, or with the plain secret.
    default = hmac_headers(STAMP.encode() + b"." + BODY, more={"x-timestamp": STAMP})
    assert not checker.verify(signed(BODY, default), account(settings))
    assert not checker.verify(signed(BODY, {"x-vapi-secret": VAPI_SECRET}), account(settings))


def test_secret_may_be_base64(checker: VapiVoice) -> None:
    raw = bytes(range(32))
    held = {"webhook_secret": base64.b64encode(raw).decode()}
    headers = hmac_headers(STAMP.encode() + b"." + BODY, secret=raw, more={"x-timestamp": STAMP})
    assert checker.verify(signed(BODY, headers), account({"secret_is_base64": "true"}, secrets=held))
    assert not checker.verify(signed(BODY, headers), account({"secret_is_base64": "false"}, secrets=held))
    assert not checker.verify(
        signed(BODY, headers), account({"secret_is_base64": "true"}, secrets={"webhook_secret": "não é"})
    )


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize(
    ("age_seconds", "is_fresh"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)]
)
def test_timestamp_is_read_in_both_units_and_ages(
    checker: VapiVoice, unit: int, age_seconds: int, is_fresh: bool
) -> None:
    stamp = str(int((SIGNED_AT - timedelta(seconds=age_seconds)).timestamp()) * unit)
    headers = hmac_headers(stamp.encode() + b"." + BODY, more={"x-timestamp": stamp})
    assert checker.verify(signed(BODY, headers), account()) is is_fresh


@pytest.mark.parametrize("payload", ["{timestamp}", "fixo", "{url}{method}"])
def test_plan_that_leaves_the_body_out_proves_nothing(checker: VapiVoice, payload: str) -> None:
    text = payload.replace("{timestamp}", STAMP).replace("{url}", URL).replace("{method}", "POST")
    headers = hmac_headers(text.encode(), more={"x-timestamp": STAMP})
    assert not checker.verify(signed(BODY, headers), account({"signature_payload": payload}))


def test_body_that_looks_like_a_template_is_not_filled_in(checker: VapiVoice) -> None:
    body = b'{"a": "{timestamp} {url} {body}"}'
    headers = hmac_headers(STAMP.encode() + b"." + body, more={"x-timestamp": STAMP})
    assert checker.verify(signed(body, headers), account())


@pytest.mark.parametrize("settings", [{"signature_algorithm": "md5"}, {"signature_encoding": "base32"}])
def test_unknown_algorithm_or_encoding_takes_nothing(checker: VapiVoice, settings: dict[str, str]) -> None:
    headers = hmac_headers(STAMP.encode() + b"." + BODY, more={"x-timestamp": STAMP})
    assert not checker.verify(signed(BODY, headers), account(settings))


UNCONNECTED = VapiVoice(httpx.AsyncClient(verify=False), clock=FakeClock())  # it checks, and sends nothing


@given(
    headers=st.dictionaries(
        st.sampled_from(["x-signature", "x-timestamp", "x-vapi-secret", "authorization"]), st.text(max_size=60)
    )
)
def test_nothing_that_a_stranger_sends_passes_or_raises(headers: dict[str, str]) -> None:
    assert not UNCONNECTED.verify(
        signed(BODY, headers), account(secrets={"webhook_secret": "s" * 40, "bearer_token": "t" * 40})
    )


# --- Messages ------------------------------------------------------------------------------------------------------


def recorded(name: str) -> bytes:
    return (PAYLOADS / f"vapi/{name}.json").read_bytes()


def read(body: bytes) -> Any:
    found = read_message(body)
    assert found is not None
    return found


def test_recorded_messages_are_read() -> None:
    asked = read(recorded("assistant_request"))
    assert (asked.kind, asked.call.direction, asked.call.customer_phone) == ("assistant-request", "in", CUSTOMER)
    ringing = status_of(read(recorded("status_update_ringing")))
    assert ringing is not None
    assert ringing.status is CallStatus.RINGING
    ended = status_of(read(recorded("status_update_ended")))
    assert ended is not None
    assert (ended.status, ended.duration_seconds) == (CallStatus.COMPLETED, None)
    report = read(recorded("end_of_call_report"))
    assert status_of(report) == replace(ended, duration_seconds=73)
    end = end_of(report)
    assert (end.reason, end.cost_usd_cents, end.duration_seconds) == ("customer-ended-call", 12, 73)
    assert end.recording_url == "https://exemplo.invalid/r.wav"
    assert end.transcript == (
        Said(role="agent", text="Olá", start_seconds=1.0), Said(role="user", text="oi", start_seconds=2.0),
    )  # fmt: skip


def test_recorded_call_is_read_as_its_record() -> None:
    report = report_of_call(json.loads(recorded("create_call_response")))
    assert report is not None
    assert report.status is CallStatus.QUEUED


@pytest.mark.parametrize(
    ("reason", "status", "outcome"),
    [
        ("customer-ended-call", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("customer-ended-call-after-warm-transfer-attempt", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("assistant-ended-call", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("assistant-ended-call-with-hangup-task", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("silence-timed-out", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("exceeded-max-duration", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("assistant-forwarded-call", CallStatus.COMPLETED, TargetOutcome.ANSWERED),
        ("voicemail", CallStatus.COMPLETED, TargetOutcome.VOICEMAIL),
        ("customer-busy", CallStatus.BUSY, TargetOutcome.BUSY),
        ("customer-did-not-answer", CallStatus.NO_ANSWER, TargetOutcome.NO_ANSWER),
        ("manually-canceled", CallStatus.CANCELED, TargetOutcome.CANCELED),
        ("pipeline-error-openai-llm-failed", CallStatus.FAILED, TargetOutcome.FAILED),
        ("call.in-progress.error-providerfault-openai-400-bad-request", CallStatus.FAILED, TargetOutcome.FAILED),
        ("twilio-failed-to-connect-call", CallStatus.FAILED, TargetOutcome.FAILED),
        ("vonage-failed-to-connect-call", CallStatus.FAILED, TargetOutcome.FAILED),
        ("assistant-request-returned-error", CallStatus.FAILED, TargetOutcome.FAILED),
        ("algo-que-ninguém-conhece", CallStatus.FAILED, TargetOutcome.FAILED),
        (None, CallStatus.FAILED, TargetOutcome.FAILED),
    ],
)
def test_reason_of_the_end_gives_what_the_call_came_to(
    reason: str | None, status: CallStatus, outcome: TargetOutcome
) -> None:
    report = report_of_call({"id": "c", "status": "ended", "endedReason": reason})
    assert report is not None
    assert report.status is status
    assert outcome_of(report.status, report.answered_by) is outcome
    assert not report.is_number_invalid
    assert (report.error_code is not None) is (status is CallStatus.FAILED)


@pytest.mark.parametrize(
    "reason", ["twilio-reported-customer-misdialed", "call.in-progress.error-sip-outbound-unallocated-number"]
)
def test_number_that_nobody_has_is_told(reason: str) -> None:
    report = report_of_call({"id": "c", "status": "ended", "endedReason": reason})
    assert report is not None
    assert report.is_number_invalid


def _tools(**fields: Any) -> list[tuple[str, str, object]]:
    found = tool_calls(read(message("tool-calls", **fields)))
    return [(call.id, call.name, call.arguments) for call in found]


def test_recorded_tool_call_stands_in_two_lists_and_is_one() -> None:
    (call,) = tool_calls(read(recorded("tool_calls")))
    assert (call.id, call.name) == ("call_abc123", "consultar_faturas_cpf")
    assert call.arguments == {"cpf": "52998224725"}


@pytest.mark.parametrize(
    "item",
    [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}},
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "t1", "name": "f", "arguments": {"a": 1}},
        {"id": "t1", "name": "f", "arguments": '{"a": 1}'},
        {"id": "t1", "name": "f", "parameters": {"a": 1}},
        {"id": "t1", "function": {"name": "f", "parameters": {"a": 1}}},
    ],
)
@pytest.mark.parametrize("place", ["toolCallList", "toolCalls", "toolWithToolCallList"])
def test_tool_call_is_read_in_every_shape_and_place(item: dict[str, Any], place: str) -> None:
    given = [{"toolCall": item}] if place == "toolWithToolCallList" else [item]
    assert _tools(**{place: given}) == [("t1", "f", {"a": 1})]
    assert _tools(toolCallList=[item, item], toolCalls=[item], toolWithToolCallList=[{"toolCall": item}]) == [
        ("t1", "f", {"a": 1})
    ]


@pytest.mark.parametrize("given", ["{", "[1]", "null", [1], 3, "x" * 10_000, "[" * 5000])
def test_arguments_that_are_none_are_told_apart_from_no_arguments(given: object) -> None:
    assert _tools(toolCallList=[{"id": "t1", "name": "f", "arguments": given}]) == [
        ("t1", "f", {} if given == "null" else None)
    ]
    nothing: tuple[object, ...] = ({}, "", "  ", None)
    for empty in nothing:
        assert _tools(toolCallList=[{"id": "t1", "name": "f", "arguments": empty}]) == [("t1", "f", {})]
    assert _tools(toolCallList=[{"id": "t1", "name": "f"}]) == [("t1", "f", {})]


def test_readable_copy_of_a_call_wins() -> None:
    broken, whole = {"id": "t", "name": "f", "arguments": "{"}, {"id": "t", "name": "f", "arguments": {"a": 1}}
    assert _tools(toolCallList=[broken], toolCalls=[whole]) == [("t", "f", {"a": 1})]


def test_calls_without_id_or_name_are_left_out_and_many_are_cut() -> None:
    bad = [{"name": "f"}, {"id": "t"}, {"id": "x" * 5000, "name": "f"}, {"id": "t", "name": "f" * 500}, "x", None, 3]
    assert _tools(toolCallList=bad) == []
    assert len(_tools(toolCallList=[{"id": f"t{n}", "name": "f"} for n in range(500)])) == 16


def test_old_function_call_is_read() -> None:
    call = function_call(read(message("function-call", functionCall={"name": "f", "parameters": {"a": 1}})))
    assert call is not None
    assert (call.name, call.arguments) == ("f", {"a": 1})
    assert function_call(read(message("function-call", functionCall="x"))) is None


def test_words_of_the_customer_come_along() -> None:
    told = read(message("tool-calls", artifact=spoken("meu CPF é 529.982.247-25", "sexta")))
    assert [said.text for said in said_in(told)] == ["meu CPF é 529.982.247-25", "sexta"]
    assert said_in(read(message("tool-calls", artifact={"messages": ["x", {"role": "user", "message": " "}]}))) == ()


@pytest.mark.parametrize(
    "number", [None, "anonymous", "sip:alguem@exemplo.invalid", "11999990001", "+0", "+" + "9" * 40]
)
def test_hidden_or_odd_callers_have_no_phone(number: str | None) -> None:
    assert read(message("assistant-request", phone=number)).call.customer_phone is None


@pytest.mark.parametrize("ours", ["x", "7d1f3d1c46a34d359a2e6a3a1f4e9b11", "z" * 36, "", 3])
def test_metadata_of_others_names_no_call_of_ours(ours: object) -> None:
    assert read(message("status-update", ours=ours)).call.our_call_id is None


def test_our_id_comes_back() -> None:
    assert read(message("status-update", ours=CALL_ID)).call.our_call_id == CALL_ID


@pytest.mark.parametrize("cost", [-1, 1e300, "NaN", None, True, [1], "x"])
def test_absurd_cost_is_no_cost(cost: object) -> None:
    assert end_of(read(message("end-of-call-report", cost=cost))).cost_usd_cents is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=15,
)
FIELDS = ["call", "customer", "artifact", "status", "endedReason", "startedAt", "endedAt", "cost", "toolCallList",
          "toolCalls", "toolWithToolCallList", "functionCall", "messages", "destination", "type"]  # fmt: skip


@given(fields=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_messages_of_any_shape_are_read_without_raising(fields: dict[str, Any]) -> None:
    found = read_message(json.dumps({"message": {"type": "tool-calls", **fields}}).encode())
    if found is not None:
        tool_calls(found)
        function_call(found)
        said_in(found)
        status_of(found)
        end_of(found)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_without_raising(body: bytes) -> None:
    assert read_message(body) is None


def test_depth_and_size_do_no_harm() -> None:
    assert read_message(b'{"message":' * 5000) is None
    assert read_message(b"[" * 100_000) is None
    assert read_message(json.dumps({"message": {"type": "x" * 1000}}).encode()) is None
