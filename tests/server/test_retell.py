"""Retell's requests: signed or refused, in any order and as often as it likes, answered within its time."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from langchain_core.messages import BaseMessage

from channels.retell_calls import ENDINGS, Verdict
from domain.calls import CallStatus
from domain.campaigns import TargetOutcome, TargetState
from services.call_desk import OpenedCall
from store import opt_outs
from tests.channels.lines import PAYLOADS
from tests.factories import make_account, make_tenant
from tests.fakes.retell import (
    AGENT,
    CUSTOMER,
    KEY,
    NUMBER,
    RetellRest,
    call_object,
    ended,
    event,
    run_fake_retell,
    signed,
)
from tests.fakes_clock import FakeClock
from tests.server.retell_world import PREFIX, RetellWorld, open_retell_world

ANY = f"{PREFIX}/webhooks/retell"


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
async def world(database_url: str, clock: FakeClock, fake: RetellRest) -> AsyncIterator[RetellWorld]:
    async with open_retell_world(database_url, clock, fake) as opened:
        yield opened


# --- calls that we make


async def test_call_goes_its_way_from_dialing_to_its_debtor(world: RetellWorld) -> None:
    target, call, made = await world.dialed()
    assert made.request["metadata"] == {"call_id": str(call.id)}
    assert made.request["idempotency_key"] == str(call.id)
    assert (call.status, call.provider_call_id) == (CallStatus.QUEUED, made.call_id)
    assert (await world.tell("call_started", {**made.resource, "call_status": "ongoing"})).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.IN_PROGRESS
    answer = await world.tell("call_ended", ended(made.resource, recording_url="https://x.invalid/r.wav"))
    assert answer.status_code == 204
    row = await world.call_of(target)
    assert (row.status, row.duration_seconds, row.disconnection_reason) == (CallStatus.COMPLETED, 73, "user_hangup")
    assert row.recording_url == "https://x.invalid/r.wav"
    assert row.agent_version == "3"
    await world.look()
    after = await world.contacts.target(target.id)
    assert (after.state, after.outcome) == (TargetState.CONTACTED, TargetOutcome.ANSWERED)


async def test_recorded_ending_gives_all_facts(world: RetellWorld) -> None:
    target, call, made = await world.dialed()
    body = json.loads((PAYLOADS / "retell/webhook_call_ended.json").read_bytes())
    body["call"] |= {"call_id": made.call_id, "metadata": {"call_id": str(call.id)}}
    assert (await world.post(world.webhook, json.dumps(body).encode())).status_code == 204
    row = await world.call_of(target)
    assert (row.cost_cents, row.recording_url) == (77, "https://exemplo.invalid/rec.wav")
    assert row.provider_transcript is not None
    assert row.provider_transcript[0] == {"role": "agent", "text": "Olá, falo com a Maria?", "startSeconds": 0.6}
    assert [entry["role"] for entry in row.provider_transcript] == ["agent", "user", "agent", "user"]


async def test_any_order_of_the_events_gives_the_same_end(world: RetellWorld) -> None:
    names = ("call_started", "transcript_updated", "call_ended", "call_analyzed")
    for place, order in enumerate(permutations(names)):
        if place % 4:  # six of the 24
            continue
        target, _, made = await world.dialed(place)
        for name in (*order, *order):  # and everything twice
            is_end = name in ("call_ended", "call_analyzed")
            call = ended(made.resource) if is_end else {**made.resource, "call_status": "ongoing"}
            assert (await world.tell(name, call)).status_code == 204
        row = await world.call_of(target)
        assert (row.status, row.duration_seconds) == (CallStatus.COMPLETED, 73)
        assert row.due_at == world.clock.now()


async def test_end_without_a_beginning_before_the_dialer_has_its_answer(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    await world.contacts.execute("UPDATE calls SET provider_call_id = NULL, status = 'dialing'")
    assert (await world.tell("call_ended", ended(made.resource, "dial_busy", duration_ms=0))).status_code == 204
    row = await world.call_of(target)
    assert (row.status, row.provider_call_id) == (CallStatus.BUSY, made.call_id)


async def test_machine_found_at_the_end_is_no_answer(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    await world.tell("call_ended", ended(made.resource, "voicemail_reached"))
    await world.look()
    assert (await world.contacts.target(target.id)).outcome is TargetOutcome.VOICEMAIL


async def test_every_reason_is_taken(world: RetellWorld) -> None:
    for place, reason in enumerate(sorted(ENDINGS)):
        target, _, made = await world.dialed(place)
        assert (await world.tell("call_ended", ended(made.resource, reason))).status_code == 204
        row = await world.call_of(target)
        assert (row.status, row.disconnection_reason) == (ENDINGS[reason].status, reason)
        await world.contacts.execute("UPDATE channel_accounts SET status = 'active', stopped_reason = NULL")
        world.api.deps.accounts.forget()
    await world.look()
    rows = await world.contacts.rows("SELECT DISTINCT state FROM targets")
    assert {"state": "calling"} not in rows


async def test_call_that_was_never_placed_does_not_count(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    await world.tell("call_ended", ended(made.resource, "concurrency_limit_reached"))
    await world.look()
    after = await world.contacts.target(target.id)
    assert (after.state, after.attempt_count) == (TargetState.PENDING, 0)
    assert after.due_at is not None
    assert after.due_at > world.clock.now()
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at == world.clock.now()


async def test_late_word_of_a_call_never_placed_undoes_no_call_that_was_held(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    await world.contacts.execute("UPDATE calls SET status = 'completed', ended_at = status_at")
    await world.tell("call_ended", ended(made.resource, "concurrency_limit_reached"))
    (decision,) = await world.contacts.decisions(target.id)
    assert decision.voided_at is None
    assert (await world.call_of(target)).status is CallStatus.COMPLETED


async def test_wrong_number_is_not_called_again(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    await world.tell("call_ended", ended(made.resource, "invalid_destination"))
    await world.look()
    after = await world.contacts.target(target.id)
    assert after.outcome_details["undeliverable"] == ["voice"]
    assert (await world.call_of(target)).error_code == "invalid_number"


async def test_account_without_money_or_right_is_stopped_once(world: RetellWorld) -> None:
    assert [name for name, ending in ENDINGS.items() if ending.verdict is Verdict.STOP] == [
        "no_valid_payment", "credit_exhausted", "budget_reached", "telephony_provider_permission_denied",
    ]  # fmt: skip
    target, _, made = await world.dialed()
    for _ in range(2):
        await world.tell("call_ended", ended(made.resource, "credit_exhausted"))
    (row,) = await world.contacts.rows("SELECT status, stopped_reason FROM channel_accounts")
    assert row == {"status": "stopped", "stopped_reason": "provider error credit_exhausted"}
    assert await world.events() == ["voice_account_stopped"]
    assert (await world.contacts.target(target.id)).attempt_count == 0


async def test_refusal_of_calls_is_kept_once_and_not_renewed_by_a_repetition(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    call = ended(made.resource, "user_requested_dnc")
    await world.tell("call_ended", call)
    contact_id = (await world.contacts.target(target.id)).contact_id
    assert contact_id is not None
    async with world.api.database.tenant(world.contacts.tenant_id) as connection:
        (refusal,) = await opt_outs.live_of(connection, contact_id)
        assert refusal.scope == "voice"
        await opt_outs.revoke_all(connection, contact_id, now=world.clock.now())
    for name in ("call_ended", "call_analyzed"):
        await world.tell(name, call)
    async with world.api.database.tenant(world.contacts.tenant_id) as connection:
        assert await opt_outs.live_of(connection, contact_id) == []


async def test_operators_are_told_once(world: RetellWorld) -> None:
    told = {
        "scam_detected": "call_scam_suspected", "marked_as_spam": "voice_number_blocked",
        "network_blocked": "voice_number_blocked", "error_llm_websocket_open": "voice_socket_failed",
        "user_requested_callback": "call_back_wanted",
    }  # fmt: skip
    for place, reason in enumerate(told):
        _, _, made = await world.dialed(place)
        for name in ("call_ended", "call_ended", "call_analyzed"):
            await world.tell(name, ended(made.resource, reason))
    assert sorted(await world.events()) == sorted(told.values())


async def test_transfer_is_noted_when_it_was_bridged(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    ongoing = {**made.resource, "call_status": "ongoing"}
    to = {"type": "predefined", "number": "+551140005678"}
    for name in ("transfer_started", "transfer_bridged", "transfer_bridged", "transfer_ended", "transfer_cancelled"):
        assert (await world.tell(name, ongoing, transfer_destination=to)).status_code == 204
    row = await world.call_of(target)
    assert (row.transferred_to, row.status) == ("+551140005678", CallStatus.IN_PROGRESS)


async def test_lost_end_is_asked_for(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    made.resource |= ended(made.resource, "dial_no_answer", call_status="not_connected", duration_ms=0)
    world.clock.advance(timedelta(minutes=11))
    await world.look()
    assert (await world.call_of(target)).status is CallStatus.NO_ANSWER


# --- calls that come in


async def test_unknown_caller_gets_a_call_of_their_own_once(world: RetellWorld) -> None:
    call = call_object()
    for name in ("call_ended", "call_started", "call_ended", "call_analyzed"):
        body = ended(call) if name != "call_started" else call
        assert (await world.tell(name, body)).status_code == 204
    (row,) = await world.calls()
    assert (row.direction, row.phone, row.status) == ("in", CUSTOMER, CallStatus.COMPLETED)
    assert row.provider_call_id == call["call_id"]


async def test_hidden_caller_is_taken_too(world: RetellWorld) -> None:
    for hidden in (None, "anonymous", "", "Restricted"):
        call = call_object(from_number=hidden)
        assert (await world.tell("call_ended", ended(call))).status_code == 204
    assert len(await world.calls()) == 4


async def test_call_out_that_we_did_not_ask_for_is_none_of_ours(world: RetellWorld) -> None:
    for metadata in ({}, {"call_id": str(uuid4())}, {"call_id": "x"}, {"call_id": ["x"]}):
        call = call_object(direction="outbound", from_number=NUMBER, to_number=CUSTOMER, metadata=metadata)
        assert (await world.tell("call_ended", ended(call))).status_code == 204
    assert await world.calls() == []


async def test_call_of_another_tenant_is_out_of_reach(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    other = await make_tenant(world.api.database, "outra")
    account = await make_account(
        world.api.database, other, provider=world.account.provider, external_id="+551130000000",
        secrets={"api_key": "outra_chave"},
    )  # fmt: skip
    path = f"{PREFIX}/webhooks/retell/{account.webhook_key}"
    body = event("call_ended", ended(made.resource, "user_requested_dnc"))
    assert (await world.post(path, body, key="outra_chave")).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.QUEUED
    assert await world.api.count("opt_outs") == 0


async def test_one_agents_address_serves_all_numbers_of_the_tenant(world: RetellWorld) -> None:
    second = await make_account(
        world.api.database, world.contacts.tenant_id, provider=world.account.provider, external_id="+551140009999",
        secrets={"api_key": KEY},
    )  # fmt: skip
    await world.tell("call_started", call_object(to_number="+551140009999"))
    (row,) = await world.calls()
    assert row.channel_account_id == second.id


# --- who may tell us


async def test_account_is_found_by_number_agent_or_call(world: RetellWorld) -> None:
    target, _, made = await world.dialed()
    assert (await world.tell("call_ended", ended(made.resource), path=ANY)).status_code == 204
    assert (await world.call_of(target)).status is CallStatus.COMPLETED
    by_agent = call_object(to_number="+551199998888", call_id="call_2")
    assert (await world.tell("call_started", by_agent, path=ANY)).status_code == 204
    nobody = call_object(to_number="+551199998888", from_number="+551199998887", agent_id="agent_x")
    assert (await world.tell("call_started", nobody, path=ANY)).status_code == 403


async def test_key_of_one_tenant_signs_for_that_tenant_alone(world: RetellWorld) -> None:
    other = await make_tenant(world.api.database, "outra")
    await make_account(
        world.api.database, other, provider=world.account.provider, external_id="+551130000000",
        secrets={"api_key": "outra_chave"}, settings={"agent_id": AGENT},
    )  # fmt: skip
    target, _, made = await world.dialed()
    body = event("call_ended", ended(made.resource))
    assert (await world.post(ANY, body, key="outra_chave")).status_code == 204  # signed by the other agent's owner
    assert (await world.call_of(target)).status is CallStatus.QUEUED


@pytest.mark.parametrize("path", [ANY, ""])
async def test_unsigned_and_wrongly_signed_are_refused(world: RetellWorld, path: str) -> None:
    target, _, made = await world.dialed()
    body, http = event("call_ended", ended(made.resource)), world.api.http
    path = path or world.webhook
    assert (await http.post(path, content=body)).status_code == 401
    for headers in (
        signed(body, now=world.clock.now(), key="falsa"), signed(b"{}", now=world.clock.now()),
        signed(body, now=world.clock.now() - timedelta(minutes=6)), {"x-retell-signature": "v=1,d=x"},
        {"x-retell-signature": "é" * 10}, {"x-retell-signature": ""},
    ):  # fmt: skip
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        assert (await http.post(path, content=body, headers=encoded)).status_code == 403
    assert (await world.call_of(target)).status is CallStatus.QUEUED


async def test_addresses_of_nobody_look_alike(world: RetellWorld) -> None:
    body = event("call_ended", call_object())
    for key in ("x", "y" * 300, "%00", "é", "..%2f"):
        assert (await world.post(f"{PREFIX}/webhooks/retell/{key}", body)).status_code == 404
    simulator = await make_account(world.api.database, world.contacts.tenant_id)
    assert (await world.post(f"{PREFIX}/webhooks/retell/{simulator.webhook_key}", body)).status_code == 404


async def test_address_is_verified_with_get(world: RetellWorld) -> None:
    for path in (ANY, world.webhook, f"{PREFIX}/webhooks/retell/x"):
        answer = await world.api.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_other_events_and_events_without_a_call_are_acknowledged(world: RetellWorld) -> None:
    for name in ("chat_started", "chat_ended", "something_new", "", "call_started"):
        body = json.dumps({"event": name, "chat": {"chat_id": "c1", "agent_id": AGENT}}).encode()
        for path in (ANY, world.webhook):
            assert (await world.post(path, body)).status_code == 204
    assert await world.calls() == []


async def test_hostile_bodies_are_acknowledged_when_signed(world: RetellWorld) -> None:
    for body in (
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"event": 5}', b'{"event": "call_ended", "call": []}',
        b'{"event": "call_ended", "call": {"call_id": "' + b"x" * 5000 + b'"}}',
        b'{"event": "call_ended", "call": {"call_id": "c\\u0000d", "from_number": "\\u0000", "metadata": 1}}',
    ):  # fmt: skip
        assert (await world.post(world.webhook, body)).status_code == 204


async def test_enormous_bodies_are_too_large(world: RetellWorld) -> None:
    body = event("call_ended", call_object(transcript="x" * 300_000))
    assert (await world.post(world.webhook, body)).status_code == 413


async def test_database_away_means_later(world: RetellWorld, database_url: str) -> None:
    _, _, made = await world.dialed()
    body = event("call_ended", ended(made.resource))
    await world.api.database.close()
    answer = await world.post(world.webhook, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT status FROM calls").fetchall() == [("queued",)]


# --- who rings


def inbound(world: RetellWorld) -> str:
    return f"{PREFIX}/retell/inbound/{world.account.webhook_key}"


def ring(phone: object = CUSTOMER, to: object = NUMBER) -> bytes:
    return json.dumps(
        {"event": "call_inbound", "call_inbound": {"agent_id": AGENT, "from_number": phone, "to_number": to}}
    ).encode()


async def test_known_caller_is_called_by_the_first_name_and_no_debt_is_told(world: RetellWorld) -> None:
    await world.dialed(1)
    await world.contacts.execute("UPDATE contacts SET name = 'MARIA DA SILVA', opted_out_at = created_at")
    answer = await world.post(inbound(world), ring("+5511999990001"))
    assert answer.status_code == 200
    assert answer.json() == {
        "call_inbound": {
            "override_agent_id": AGENT, "override_agent_version": 3,
            "dynamic_variables": {
                "purpose": "recebida", "first_name": "Maria", "company": "TR Telecom", "assistant": "Lia",
            },
        }
    }  # fmt: skip


async def test_whoever_rings_is_answered(world: RetellWorld) -> None:
    phones: tuple[object, ...] = ("+5511988887777", None, "anonymous", "", {"a": 1}, "x" * 5000, "\u0000")
    for phone in phones:
        answer = await world.post(inbound(world), ring(phone))
        assert answer.status_code == 200
        told = answer.json()["call_inbound"]
        assert told["override_agent_id"] == AGENT
        assert told["dynamic_variables"] == {
            "purpose": "recebida", "first_name": "", "company": "TR Telecom", "assistant": "Lia",
        }  # fmt: skip


async def test_recorded_request_and_other_bodies_are_answered(world: RetellWorld) -> None:
    body = (PAYLOADS / "retell/inbound_webhook_request.json").read_bytes()
    assert "call_inbound" in (await world.post(inbound(world), body)).json()
    for odd in (b"{", b"[]", b'{"event":"call_started"}'):
        assert (await world.post(inbound(world), odd)).status_code == 200


async def test_stranger_may_not_ask_who_rings(world: RetellWorld) -> None:
    assert (await world.api.http.post(inbound(world), content=ring())).status_code == 401
    assert (await world.post(inbound(world), ring(), key="falsa")).status_code == 403
    assert (await world.post(f"{PREFIX}/retell/inbound/x", ring())).status_code == 404


async def test_caller_is_answered_with_the_database_away(world: RetellWorld) -> None:
    await world.post(inbound(world), ring())
    await world.api.database.close()
    answer = await world.post(inbound(world), ring())
    assert answer.status_code == 200
    assert answer.json()["call_inbound"]["override_agent_id"] == AGENT


# --- tools


def functions(world: RetellWorld, query: str = "") -> str:
    return f"{PREFIX}/retell/functions/{world.account.webhook_key}{query}"


def tool(name: object, args: object, *, call: Any = None, said: tuple[str, ...] = ()) -> bytes:
    call = call or call_object(call_id="call_t")
    spoken = [{"role": "user", "content": text} for text in said]
    return json.dumps({"name": name, "args": args, "call": {**call, "transcript_object": spoken}}).encode()


async def test_tool_answers_and_a_repetition_gives_the_same(world: RetellWorld) -> None:
    await world.contacts.owe("52998224725")
    body = tool(
        "consultar_faturas_cpf", {"cpf_cnpj": "529.982.247-25", "execution_message": "Só um instante."},
        said=("meu cpf é 529.982.247-25", "Maria da Silva"),
    )  # fmt: skip
    answers = [await world.post(functions(world), body) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    told = answers[0].json()
    assert (told["ok"], told["quantidade"], told["total"]) == (True, 1, "R$ 119,90")
    assert len(await world.calls()) == 1
    assert await world.api.count("hosted_tool_calls") == 1


@dataclass
class NotedTools:
    """What tools were asked with."""

    dialogues: list[list[tuple[str, str]]] = field(default_factory=list)

    async def run(
        self, opened: OpenedCall, *, name: str, arguments: Mapping[str, object], customer_texts: Sequence[str],
        dialogue: Sequence[BaseMessage] = (),
    ) -> str:  # fmt: skip
        self.dialogues.append([(message.type, str(message.content)) for message in dialogue])
        return '{"ok": true}'


async def test_tool_knows_what_both_sides_said(world: RetellWorld) -> None:
    tools = world.api.app.state.hosted_tools = NotedTools()
    recorded = json.loads((PAYLOADS / "retell/custom_function_request.json").read_bytes())["call"]["transcript_object"]
    call = {**call_object(call_id="call_t"), "transcript_object": recorded}
    body = json.dumps({"name": "consultar_faturas_cpf", "args": {}, "call": call}).encode()
    assert (await world.post(functions(world), body)).json() == {"ok": True}
    assert tools.dialogues == [[("ai", "Olá, falo com a Maria?"), ("human", "sim, sou eu")]]


async def test_arguments_alone_need_the_rest_in_the_address(world: RetellWorld) -> None:
    await world.tell("call_started", call_object(call_id="call_t"))
    args = json.dumps({"pergunta": "qual o horário?", "execution_message": "um instante"}).encode()
    told = (await world.post(functions(world, "?name=buscar_conhecimento&call_id=call_t"), args)).json()
    assert told["ok"] is True
    for query in ("", "?name=buscar_conhecimento", "?call_id=call_t", "?name=x&call_id=call_unknown"):
        answer = await world.post(functions(world, query), args)
        assert (answer.status_code, answer.json()["erro"]) == (200, "chamada_desconhecida")


async def test_call_that_only_retell_knows_is_looked_up_there(world: RetellWorld) -> None:
    world.fake.know(call_object(call_id="call_r"))
    args = json.dumps({"pergunta": "horário"}).encode()
    told = (await world.post(functions(world, "?name=buscar_conhecimento&call_id=call_r"), args)).json()
    assert told["ok"] is True
    (row,) = await world.calls()
    assert (row.provider_call_id, row.phone) == ("call_r", CUSTOMER)


async def test_wrong_calls_of_tools_are_told_in_two_hundreds(world: RetellWorld) -> None:
    wrong: tuple[tuple[str, object, str], ...] = (
        ("apagar_tudo", {}, "ferramenta_desconhecida"), ("consultar_faturas_cpf", {"x": 1}, "argumentos_invalidos"),
        ("consultar_faturas_cpf", {"cpf_cnpj": ["x"]}, "argumentos_invalidos"),
        ("x" * 500, {}, "chamada_desconhecida"),
    )  # fmt: skip
    for name, args, error in wrong:
        answer = await world.post(functions(world), tool(name, args))
        assert (answer.status_code, answer.json()["erro"]) == (200, error)
    for body in (b"", b"{", b"[]", b"5", b"[" * 50_000, b'{"args": 5, "name": 7, "call": 3}'):
        answer = await world.post(functions(world), body)
        assert answer.status_code == 200
        assert answer.json()["ok"] is False


async def test_stranger_may_not_use_tools(world: RetellWorld) -> None:
    body = tool("buscar_conhecimento", {"pergunta": "x"})
    assert (await world.api.http.post(functions(world), content=body)).status_code == 401
    assert (await world.post(functions(world), body, key="falsa")).status_code == 403
    assert await world.calls() == []


async def test_tool_with_the_database_away_says_so_in_a_two_hundred(world: RetellWorld) -> None:
    body = tool("buscar_conhecimento", {"pergunta": "x"})
    await world.post(functions(world), body)
    await world.api.database.close()
    answer = await world.post(functions(world), body)
    assert (answer.status_code, answer.json()["erro"]) == (200, "sistema_indisponivel")


class Verbose:
    """A toolbox that says far too much, or breaks."""

    def __init__(self, result: str | Exception) -> None:
        self.result = result

    async def run(self, *_: object, **__: object) -> str:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def test_long_results_are_cut_and_stay_json(world: RetellWorld) -> None:
    world.api.app.state.hosted_tools = Verbose(json.dumps({"ok": True, "trechos": ['"\\\n'] * 9000}))
    answer = await world.post(functions(world), tool("buscar_conhecimento", {}))
    assert answer.status_code == 200
    assert len(answer.text) <= 15_000
    assert answer.json()["truncado"] is True


async def test_broken_tool_is_words_for_the_agent(world: RetellWorld) -> None:
    world.api.app.state.hosted_tools = Verbose(ValueError("internal detail"))
    answer = await world.post(functions(world), tool("buscar_conhecimento", {}))
    assert (answer.status_code, answer.json()["erro"]) == (200, "sistema_indisponivel")
    assert "internal" not in answer.text
