"""Vapi's server messages over the api: who may send them, what is answered, and what becomes of a call."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, LiteralString
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from channels.vapi import VapiVoice
from channels.voice import DialRequest
from domain.calls import CallStatus
from domain.messages import Provider
from graphs.hosted_tools import HostedTools
from services.call_desk import OpenedCall
from services.identity_resolution import resolve_contact
from store import calls, customers, invoices
from store.calls import CallRow
from store.channel_accounts import AccountRow
from store.customers import CustomerRow
from store.invoices import InvoiceRow
from tests.factories import make_account, make_tenant, phone
from tests.fakes.vapi import (
    ASSISTANT,
    CUSTOMER,
    NUMBER,
    PHONE_NUMBER,
    VAPI_KEY,
    VAPI_SECRET,
    hmac_headers,
    message,
    run_fake_vapi,
    spoken,
)
from tests.fakes_clock import FakeClock
from tests.server.conftest import PUBLIC_URL, Api

CPF = "529.982.247-25"
PROVIDER_CALL = "0c1f0000-0000-4000-8000-0000000000f1"
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


@dataclass(kw_only=True)
class Tools:
    """Stands where the tools of hosted agents are, and writes down what it is asked."""

    asked: list[tuple[OpenedCall, str, Mapping[str, object], tuple[str, ...]]] = field(default_factory=list)
    answer: str = '{"ok": true}'
    error: Exception | None = None

    async def run(
        self, opened: OpenedCall, *, name: str, arguments: Mapping[str, object], customer_texts: Sequence[str],
        dialogue: Sequence[object] = (),
    ) -> str:  # fmt: skip
        self.asked.append((opened, name, arguments, tuple(customer_texts)))
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass(kw_only=True)
class Vapi:
    """The api with one number at Vapi, and what Vapi sends to it."""

    api: Api
    account: AccountRow
    tools: Tools

    @property
    def path(self) -> str:
        return f"/api/v1/voice/webhooks/vapi/{self.account.webhook_key}"

    async def send(self, body: bytes, headers: Mapping[str, str] | None = None, *, path: str = "") -> httpx.Response:
        given = {"x-vapi-secret": VAPI_SECRET} if headers is None else headers
        return await self.api.http.post(path or self.path, content=body, headers=given)

    async def tell(self, kind: str, **fields: Any) -> Any:
        answer = await self.send(message(kind, call_id=PROVIDER_CALL, **fields))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def calls(self) -> list[CallRow]:
        async with self.api.database.tenant(self.account.tenant_id) as connection:
            cursor = await connection.execute("SELECT id FROM calls ORDER BY created_at, id")
            rows = [await calls.by_id(connection, row["id"]) for row in await cursor.fetchall()]
        return [row for row in rows if row is not None]

    async def call(self) -> CallRow:
        (row,) = await self.calls()
        return row

    async def dialed(self, *, account: AccountRow | None = None, status: str = "dialing") -> UUID:
        """Write down a call that we asked for, before Vapi has answered."""
        chosen = account or self.account
        call_id = uuid4()
        async with self.api.database.tenant(chosen.tenant_id) as connection:
            await connection.execute(
                "INSERT INTO calls (tenant_id, id, channel_account_id, direction, purpose, phone, status, status_at, "
                "created_at) VALUES (%(t)s, %(id)s, %(a)s, 'out', 'campaign', %(p)s, %(s)s, %(now)s, %(now)s)",
                {"t": chosen.tenant_id, "id": call_id, "a": chosen.id, "p": CUSTOMER, "s": status, "now": NOW},
            )
        return call_id


SETTINGS = {"agent_id": ASSISTANT, "phone_number_id": PHONE_NUMBER}


async def vapi_account(api: Api, tenant_id: UUID, *, number: str = NUMBER, **settings: str) -> AccountRow:
    return await make_account(
        api.database, tenant_id, provider=Provider.VAPI, external_id=number,
        secrets={"api_key": VAPI_KEY, "webhook_secret": VAPI_SECRET, "bearer_token": "ficha"},
        settings=SETTINGS | settings,
    )  # fmt: skip


@pytest.fixture
async def vapi(api: Api, tenant_id: UUID, clock: FakeClock) -> Vapi:
    clock.set(NOW)
    tools = Tools()
    api.app.state.hosted_tools = tools
    return Vapi(api=api, account=await vapi_account(api, tenant_id), tools=tools)


async def name_caller(vapi: Vapi, name: str) -> None:
    async with vapi.api.database.tenant(vapi.account.tenant_id) as connection:
        await resolve_contact(
            connection, tenant_id=vapi.account.tenant_id, addresses=[phone(CUSTOMER)], profile_name=name
        )


# --- Who may send --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-vapi-secret": VAPI_SECRET}, 200), ({"authorization": "Bearer ficha"}, 200), ({}, 401),
        ({"x-vapi-secret": "outro"}, 403), ({"authorization": "Bearer outra"}, 403), ({"x-signature": "00"}, 403),
    ],
)  # fmt: skip
async def test_only_the_account_is_heard(vapi: Vapi, headers: dict[str, str], status: int) -> None:
    answer = await vapi.send(message("status-update", call_id=PROVIDER_CALL, status="ringing"), headers)
    assert answer.status_code == status
    assert len(await vapi.calls()) == (1 if status == 200 else 0)


async def test_address_to_enter_at_vapi_is_where_it_is_heard(vapi: Vapi) -> None:
    assert vapi.api.deps.accounts.webhook_url(vapi.account) == PUBLIC_URL + vapi.path
    assert (await vapi.send(message("hang"), path=vapi.path.replace("/v1", ""))).status_code == 200


async def test_plan_of_the_account_is_checked_over_the_public_url(vapi: Vapi) -> None:
    plan = {
        "signature_payload": "{method} {url} {timestamp} {body}", "signature_header": "X-Assinatura",
        "signature_prefix": "sha512=", "signature_algorithm": "sha512", "signature_encoding": "base64",
    }  # fmt: skip
    account = await vapi_account(vapi.api, vapi.account.tenant_id, number="+551140001235", **plan)
    path = f"/api/v1/voice/webhooks/vapi/{account.webhook_key}"
    stamp = str(int(NOW.timestamp()))
    body = message("assistant-request", call_id=PROVIDER_CALL)
    headers = hmac_headers(
        f"POST {PUBLIC_URL}{path} {stamp} ".encode() + body, algorithm="sha512", encoding="base64", prefix="sha512=",
        signature_header="x-assinatura", more={"x-timestamp": stamp},
    )  # fmt: skip
    assert (await vapi.send(body, headers, path=path)).json()["assistantId"] == ASSISTANT
    assert (await vapi.send(body + b" ", headers, path=path)).status_code == 403
    assert (await vapi.send(body, headers)).status_code == 401
    assert (await vapi.send(body, {"x-vapi-secret": VAPI_SECRET}, path=path)).status_code == 403


async def test_unknown_keys_and_accounts_of_other_providers_look_the_same(vapi: Vapi) -> None:
    simulator = await make_account(vapi.api.database, vapi.account.tenant_id)
    for key in ("nada", "x" * 500, simulator.webhook_key, "%00", "%F0%9F%98%80"):
        answer = await vapi.send(message("hang"), path=f"/api/v1/voice/webhooks/vapi/{key}")
        assert answer.status_code == 404, key


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff\xfe", b'{"message": 3}', b'{"message": {"type": []}}', b'{"message":' * 2000]
)
async def test_odd_bodies_are_taken_and_change_nothing(vapi: Vapi, body: bytes) -> None:
    answer = await vapi.send(body)
    assert (answer.status_code, answer.json()) == (200, {})
    assert await vapi.calls() == []


async def test_enormous_body_is_refused_before_it_is_read(vapi: Vapi) -> None:
    assert (await vapi.send(b"[" * 200_001)).status_code == 413


async def test_what_nobody_waits_for_is_left_alone(vapi: Vapi) -> None:
    for kind in ("conversation-update", "speech-update", "model-output", "transcript", "novo", "hang"):
        assert await vapi.tell(kind, transcript="quero pagar", transcriptType="final") == {}
    assert await vapi.calls() == []


# --- Which assistant answers ---------------------------------------------------------------------------------------


async def test_caller_gets_the_assistant_with_the_first_name_and_no_more(vapi: Vapi) -> None:
    await name_caller(vapi, "Maria da Silva")
    answer = await vapi.tell("assistant-request")
    call = await vapi.call()
    assert answer == {
        "assistantId": ASSISTANT,
        "assistantOverrides": {
            "variableValues": {"empresa": "TR Telecom", "assistente": "Lia", "nome": "Maria"},
            "metadata": {"call_id": str(call.id)},
        },
    }
    assert (call.direction, call.purpose, call.provider_call_id) == ("in", "inbound", PROVIDER_CALL)
    again = await vapi.tell("assistant-request")
    assert again == answer
    assert len(await vapi.calls()) == 1


@pytest.mark.parametrize("number", [None, "anonymous"])
async def test_hidden_caller_is_answered_too(vapi: Vapi, number: str | None) -> None:
    answer = await vapi.tell("assistant-request", phone=number)
    assert answer["assistantId"] == ASSISTANT
    assert "nome" not in answer["assistantOverrides"]["variableValues"]


async def test_request_without_a_call_is_answered_too(vapi: Vapi) -> None:
    answer = await vapi.send(json.dumps({"message": {"type": "assistant-request"}}).encode())
    assert answer.json() == {"assistantId": ASSISTANT, "assistantOverrides": {}}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE channel_accounts SET status = 'disabled'", "UPDATE channel_accounts SET is_bot_enabled = false",
        "UPDATE channel_accounts SET settings = settings - 'agent_id'", "UPDATE tenants SET is_bot_enabled = false",
    ],
)  # fmt: skip
async def test_number_that_does_not_answer_says_so_in_portuguese(vapi: Vapi, change: LiteralString) -> None:
    async with vapi.api.database.platform() as connection:
        await connection.execute(change)
    vapi.api.deps.accounts.forget()
    answer = await vapi.tell("assistant-request")
    assert list(answer) == ["error"]
    assert "não podemos atender" in answer["error"]
    assert await vapi.calls() == []


async def test_number_that_was_stopped_still_answers(vapi: Vapi) -> None:
    async with vapi.api.database.platform() as connection:
        await connection.execute("UPDATE channel_accounts SET status = 'stopped', stopped_reason = 'short_calls'")
    vapi.api.deps.accounts.forget()
    assert (await vapi.tell("assistant-request"))["assistantId"] == ASSISTANT


# --- Tools ---------------------------------------------------------------------------------------------------------


def tool(call_id: str = "t1", **arguments: object) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "consultar_faturas_cpf", "arguments": arguments}}


async def test_tools_are_run_for_the_call_with_what_the_customer_said(vapi: Vapi) -> None:
    call_id = await vapi.dialed()
    answer = await vapi.tell(
        "tool-calls", ours=call_id, direction="outboundPhoneCall", toolCallList=[tool(cpf_cnpj=CPF)],
        toolWithToolCallList=[{"toolCall": tool(cpf_cnpj=CPF)}], artifact=spoken("oi", f"é {CPF}"),
    )  # fmt: skip
    assert answer == {"results": [{"name": "consultar_faturas_cpf", "toolCallId": "t1", "result": '{"ok": true}'}]}
    ((opened, name, arguments, texts),) = vapi.tools.asked
    assert (opened.call.id, opened.call.provider_call_id) == (call_id, PROVIDER_CALL)
    assert (name, arguments, texts) == ("consultar_faturas_cpf", {"cpf_cnpj": CPF}, ("oi", f"é {CPF}"))


async def test_several_calls_are_answered_in_their_order(vapi: Vapi) -> None:
    items = [tool(f"t{n}") for n in range(4)] + [{"id": "ruim", "name": "f", "arguments": "{"}]
    answer = await vapi.tell("tool-calls", toolCallList=items)
    assert [result["toolCallId"] for result in answer["results"]] == ["t0", "t1", "t2", "t3", "ruim"]
    assert json.loads(answer["results"][-1]["result"])["erro"] == "argumentos_invalidos"
    assert len(vapi.tools.asked) == 4


async def test_result_is_one_line(vapi: Vapi) -> None:
    vapi.tools.answer = '{"a":\n1,\r\n"b": "x\u2028y"}'
    answer = await vapi.tell("tool-calls", toolCallList=[tool()])
    assert answer["results"][0]["result"] == '{"a": 1, "b": "x y"}'


@pytest.mark.parametrize("broken", [RuntimeError("segredo interno"), TimeoutError()])
async def test_tool_that_breaks_is_answered_in_words_of_our_tools(vapi: Vapi, broken: Exception) -> None:
    vapi.tools.error = broken
    answer = await vapi.tell("tool-calls", toolCallList=[tool("t1"), tool("t2")])
    assert [json.loads(result["result"])["erro"] for result in answer["results"]] == ["sistema_indisponivel"] * 2
    assert "segredo" not in json.dumps(answer)


async def test_call_of_others_runs_no_tool(vapi: Vapi) -> None:
    other = await vapi_account(vapi.api, await make_tenant(vapi.api.database, "outra"))
    theirs = await vapi.dialed(account=other)
    for ours in (theirs, uuid4(), None):
        answer = await vapi.tell("tool-calls", ours=ours, direction="outboundPhoneCall", toolCallList=[tool()])
        assert json.loads(answer["results"][0]["result"])["erro"] == "sistema_indisponivel"
    assert vapi.tools.asked == []
    assert await vapi.calls() == []


async def test_message_without_call_or_tools_is_answered(vapi: Vapi) -> None:
    body = json.dumps({"message": {"type": "tool-calls", "toolCallList": [tool()]}}).encode()
    answer = await vapi.send(body)
    assert answer.status_code == 200
    assert json.loads(answer.json()["results"][0]["result"])["erro"] == "sistema_indisponivel"
    assert await vapi.tell("tool-calls") == {"results": []}


async def test_old_function_call_is_answered(vapi: Vapi) -> None:
    answer = await vapi.tell("function-call", functionCall={"name": "buscar_produtos", "parameters": {"consulta": "x"}})
    assert answer == {"result": '{"ok": true}'}
    assert json.loads((await vapi.tell("function-call"))["result"])["erro"] == "argumentos_invalidos"


async def test_real_tools_look_up_and_promise_once(vapi: Vapi) -> None:
    vapi.api.app.state.hosted_tools = HostedTools(vapi.api.deps)
    async with vapi.api.database.tenant(vapi.account.tenant_id) as connection:
        tenant_id = vapi.account.tenant_id
        await customers.upsert(connection, tenant_id, CustomerRow(document="52998224725", name="Maria da Silva"))
        row = InvoiceRow(document="52998224725", number="FAT-1", amount_cents=11990, due_on=date(2026, 11, 10))
        await invoices.upsert(connection, tenant_id, row)
    await name_caller(vapi, "Maria da Silva")

    async def use(call_id: str, name: str, *said: str, **arguments: str) -> dict[str, Any]:
        item = {"id": call_id, "function": {"name": name, "arguments": json.dumps(arguments)}}
        answer = await vapi.tell("tool-calls", toolCallList=[item], artifact=spoken(*said))
        return dict(json.loads(answer["results"][0]["result"]))

    said = ["oi, eu sou a Maria da Silva", f"meu CPF é {CPF}"]
    found = await use("t1", "consultar_faturas_cpf", *said, cpf_cnpj=CPF)
    assert (found["ok"], found["total"]) == (True, "R$ 119,90"), found
    promise = {"cpf_cnpj": "confirmado", "data_prevista_pagamento": "27/11/2026", "valor_prometido": "R$ 119,90"}
    said.append("pago na sexta que vem")
    proposed = await use("t2", "registrar_promessa_pagamento", *said, **promise)
    assert proposed["situacao"] == "aguardando_confirmacao", proposed
    said.append("sim, pode confirmar")
    stored = await use("t3", "registrar_promessa_pagamento", *said, **promise)
    assert stored["situacao"] == "registrada", stored
    assert await use("t3", "registrar_promessa_pagamento", *said, **promise) == stored
    assert await vapi.api.count("promises") == 1


# --- How a call goes on --------------------------------------------------------------------------------------------


async def test_call_out_moves_by_what_vapi_says_even_before_its_answer(vapi: Vapi) -> None:
    call_id = await vapi.dialed()
    out = {"ours": call_id, "direction": "outboundPhoneCall"}
    await vapi.tell("status-update", status="ringing", **out)
    call = await vapi.call()
    assert (call.id, call.status, call.provider_call_id) == (call_id, CallStatus.RINGING, PROVIDER_CALL)
    await vapi.tell("status-update", status="in-progress", **out)
    await vapi.tell("status-update", status="queued", **out)
    assert (await vapi.call()).status is CallStatus.IN_PROGRESS
    await vapi.tell("status-update", status="ended", endedReason="customer-ended-call", **out)
    await vapi.tell("status-update", status="in-progress", **out)
    assert (await vapi.call()).status is CallStatus.COMPLETED


async def test_call_that_we_asked_for_comes_back_with_our_id(vapi: Vapi) -> None:
    call_id = await vapi.dialed()
    request = DialRequest(
        call_id=call_id, to=CUSTOMER, instructions_url="https://x.invalid", status_url="https://x.invalid",
        waits_for_beep=False, variables={"nome": "Maria"},
    )  # fmt: skip
    opened = await vapi.api.deps.accounts.by_id(vapi.account.tenant_id, vapi.account.id)
    assert opened is not None
    with run_fake_vapi() as fake:
        line = VapiVoice(vapi.api.deps.http, clock=vapi.api.deps.clock, base_url=fake.url)
        receipt = await line.dial(opened.channel, request)
        (record,) = fake.calls.values()
    for fields in ({"type": "status-update", "status": "ringing"}, {"type": "end-of-call-report", **END}):
        body = json.dumps({"message": {**fields, "call": record}}).encode()
        assert (await vapi.send(body)).status_code == 200
    call = await vapi.call()
    assert (call.id, call.provider_call_id) == (call_id, receipt.provider_call_id)
    assert (call.status, call.duration_seconds) == (CallStatus.COMPLETED, 73)


END: dict[str, Any] = {
    "endedReason": "customer-ended-call", "startedAt": "2026-11-21T15:00:00.000Z", "cost": 0.125,
    "endedAt": "2026-11-21T15:01:13.500Z",
    "artifact": {**spoken("quero pagar na sexta"), "recordingUrl": "https://exemplo.invalid/r.wav"},
}  # fmt: skip


@pytest.mark.parametrize("times", [1, 3])
async def test_report_of_the_end_is_kept_once(vapi: Vapi, times: int) -> None:
    call_id = await vapi.dialed()
    for _ in range(times):
        await vapi.tell("end-of-call-report", ours=call_id, direction="outboundPhoneCall", **END)
    call = await vapi.call()
    assert (call.status, call.duration_seconds, call.cost_cents) == (CallStatus.COMPLETED, 73, 72)
    assert call.disconnection_reason == "customer-ended-call"
    assert call.recording_url == "https://exemplo.invalid/r.wav"
    assert call.provider_transcript == [{"role": "user", "text": "quero pagar na sexta", "startSeconds": 1}]


async def test_end_report_completes_what_the_status_told_before(vapi: Vapi) -> None:
    out = {"ours": await vapi.dialed(), "direction": "outboundPhoneCall"}
    await vapi.tell("status-update", status="ended", endedReason="customer-ended-call", **out)
    assert (await vapi.call()).duration_seconds is None
    await vapi.tell("end-of-call-report", **out, **END)
    assert (await vapi.call()).duration_seconds == 73


async def test_answering_machine_and_missing_number_are_told(vapi: Vapi) -> None:
    out = {"ours": await vapi.dialed(), "direction": "outboundPhoneCall"}
    await vapi.tell("end-of-call-report", **out, endedReason="voicemail")
    call = await vapi.call()
    assert (call.status, call.answered_by) == (CallStatus.COMPLETED, "machine_start")
    gone = await vapi.dialed()
    body = message(
        "end-of-call-report", call_id="outra", ours=gone, endedReason="twilio-reported-customer-misdialed",
        direction="outboundPhoneCall",
    )  # fmt: skip
    await vapi.send(body)
    (call,) = [row for row in await vapi.calls() if row.id == gone]
    assert (call.status, call.error_code) == (CallStatus.FAILED, "invalid_number")


async def test_inbound_call_is_known_from_any_of_its_messages(vapi: Vapi) -> None:
    await vapi.tell("end-of-call-report", **END)
    call = await vapi.call()
    assert (call.direction, call.phone, call.status) == ("in", CUSTOMER, CallStatus.COMPLETED)
    await vapi.tell("status-update", status="in-progress")
    assert (await vapi.call()).status is CallStatus.COMPLETED


async def test_progress_of_calls_of_others_changes_nothing(vapi: Vapi) -> None:
    other = await vapi_account(vapi.api, await make_tenant(vapi.api.database, "outra"))
    theirs = await vapi.dialed(account=other)
    mine = await vapi.dialed()
    await vapi.tell("status-update", status="ringing", ours=mine, direction="outboundPhoneCall")
    for ours in (theirs, uuid4(), None):
        body = message("status-update", call_id="de-outros", ours=ours, status="ended", direction="outboundPhoneCall")
        assert (await vapi.send(body)).status_code == 200
    # The id of ours with another call of theirs: the first one keeps it.
    body = message("status-update", call_id="de-outros", ours=mine, status="ended", direction="outboundPhoneCall")
    assert (await vapi.send(body)).status_code == 200
    assert (await vapi.call()).status is CallStatus.RINGING
    async with vapi.api.database.tenant(other.tenant_id) as connection:
        untouched = await calls.by_id(connection, theirs)
    assert untouched is not None
    assert untouched.status is CallStatus.DIALING


async def test_database_away_leaves_nobody_waiting(vapi: Vapi, postgres_url: str) -> None:
    vapi.tools.error = AssertionError("no tool is reached")
    await vapi.tell("assistant-request")
    name = urlsplit(vapi.api.database.url).path.removeprefix("/")
    allow = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with await AsyncConnection.connect(postgres_url, autocommit=True) as admin:
        await admin.execute(allow.format(Identifier(name), SQL("false")))
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        asked, tools, told = await asyncio.gather(
            vapi.tell("assistant-request"),
            vapi.tell("tool-calls", toolCallList=[tool()]),
            vapi.send(message("status-update", call_id=PROVIDER_CALL, status="ended")),
        )
        vapi.api.deps.accounts.forget()
        blind, blind_tools, blind_function, unread = await asyncio.gather(
            vapi.tell("assistant-request"),
            vapi.tell("tool-calls", toolCallList=[tool("t1"), tool("t2")]),
            vapi.tell("function-call", functionCall={"name": "f"}),
            vapi.send(b"{"),
        )
        await admin.execute(allow.format(Identifier(name), SQL("true")))
    assert asked == {"assistantId": ASSISTANT, "assistantOverrides": {}}
    assert json.loads(tools["results"][0]["result"])["erro"] == "sistema_indisponivel"
    assert (told.status_code, int(told.headers["retry-after"]) > 0) == (503, True)
    assert "não podemos atender" in blind["error"]
    assert [one["toolCallId"] for one in blind_tools["results"]] == ["t1", "t2"]
    assert json.loads(blind_function["result"])["erro"] == "sistema_indisponivel"
    assert unread.status_code == 503


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KINDS = ["assistant-request", "tool-calls", "function-call", "status-update", "end-of-call-report"]
FIELDS = ["call", "customer", "artifact", "status", "endedReason", "startedAt", "endedAt", "cost", "toolCallList",
          "functionCall", "destination"]  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.sampled_from(FIELDS), JSON))
async def test_no_shape_of_a_message_is_a_fault_of_ours(vapi: Vapi, kind: str, fields: dict[str, Any]) -> None:
    answer = await vapi.send(json.dumps({"message": {"type": kind, **fields}}).encode())
    assert answer.status_code == 200
