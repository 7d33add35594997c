"""Calls that customers asked for, from the request to the call and back to the text (spec 5.1)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from channels.base import OutcomeUnknown, RateLimited, Rejected
from domain.call_requests import RequestState
from domain.calls import CallStatus
from domain.campaigns import Method
from domain.errors import InvalidInput
from domain.messages import ErrorClass, Medium, Provider
from domain.tenants import Tenant, TenantSettings
from services import call_requests as service
from services.call_context import longest_seconds, whisper
from services.call_requests import (
    CallAlreadyAsked,
    CallNotAllowed,
    ContactWithoutConversation,
    NoPhone,
    NoVoiceAccount,
    OutsideCallHours,
    RequestEnded,
)
from services.opt_out import record_opt_out
from store import call_requests, contacts
from store.channel_accounts import AccountRow
from store.tenants import by_id as tenant_by_id
from tests.contact_world import phone_of
from tests.fakes_clock import FakeClock
from tests.voice_requests import RequestWorld, open_request_world

NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)  # Wednesday, 11:00 in São Paulo


@pytest.fixture
async def world(database_url: str, clock: FakeClock) -> AsyncIterator[RequestWorld]:
    async with open_request_world(database_url, clock, now=NOW) as opened:
        yield opened


async def _decisions(world: RequestWorld) -> list[dict[str, object]]:
    return await world.contacts.rows(
        "SELECT engine, verdict, reason, method, request_id, document, voided_at IS NOT NULL AS is_void "
        "FROM contact_decisions ORDER BY seq"
    )


async def test_call_is_made_at_its_hour_with_our_id_and_without_a_debt_rule(world: RequestWorld) -> None:
    request = await world.ask()
    assert await world.dial() == 0
    world.clock.advance(minutes=2)
    assert await world.dial() == 1
    assert await world.dial() == 0
    (dialed,) = world.line.dialed
    (call,) = await world.calls()
    assert dialed.call_id == call.id
    assert dialed.to == phone_of(0)
    assert dialed.instructions_url == f"https://ia.exemplo.com.br/api/v1/voice/twiml/call/{call.id}?call={call.id}"
    assert dialed.variables == {
        "purpose": "pedida", "first_name": "Maria", "company": "TR Telecom", "assistant": "Lia",
        "reason": "quer negociar",
    }  # fmt: skip
    assert (call.purpose, call.request_id, call.target_id, call.contact_id) == (
        "requested", request.id, None, request.contact_id
    )  # fmt: skip
    after = await world.request(request)
    assert (after.state, after.attempts, after.due_at, after.locked_by) == (RequestState.CALLING, 1, None, None)
    assert await _decisions(world) == [
        {
            "engine": "escalation", "verdict": "contact", "reason": "allowed", "method": "voice",
            "request_id": request.id, "document": None, "is_void": False,
        }
    ]  # fmt: skip


async def test_answered_call_ends_the_request(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    await world.report(CallStatus.COMPLETED, answered_by="human")
    after = await world.request(request)
    assert (after.state, after.outcome, after.due_at) == (RequestState.DONE, "answered", None)
    assert await world.texts() == []


@pytest.mark.parametrize(
    ("status", "answered_by", "outcome"),
    [
        (CallStatus.NO_ANSWER, None, "no_answer"),
        (CallStatus.BUSY, None, "busy"),
        (CallStatus.COMPLETED, "machine_start", "voicemail"),
        (CallStatus.FAILED, None, "failed"),
    ],
)
async def test_unanswered_call_is_tried_again_once_and_then_goes_back_to_the_text(
    world: RequestWorld, status: CallStatus, answered_by: str | None, outcome: str
) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    await world.report(status, answered_by=answered_by)
    after = await world.request(request)
    assert (after.state, after.outcome) == (RequestState.WAITING, outcome)
    assert after.due_at == world.clock.now() + timedelta(minutes=5)
    assert await world.texts() == []
    world.clock.advance(minutes=5)
    await world.dial()
    assert len(world.line.dialed) == 2
    await world.report(status, answered_by=answered_by)
    after = await world.request(request)
    assert (after.state, after.outcome, after.attempts) == (RequestState.DONE, outcome, 2)
    (text,) = await world.texts()
    assert text.startswith("Maria, tentei te ligar agora há pouco")
    world.clock.advance(days=1)
    assert await world.dial() == 0


async def test_no_second_try_when_the_hours_end_before_it(world: RequestWorld, clock: FakeClock) -> None:
    clock.set(datetime(2026, 11, 18, 22, 56, tzinfo=UTC))  # 19:56: state law ends calls at 20:00
    request = await world.ask()
    clock.advance(minutes=2)
    await world.dial()
    await world.report(CallStatus.NO_ANSWER)
    assert (await world.request(request)).state is RequestState.DONE
    assert len(await world.texts()) == 1


async def test_number_that_does_not_exist_is_told_and_not_tried_again(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    await world.report(CallStatus.FAILED, sip_code=404)
    assert (await world.request(request)).outcome == "invalid_number"
    assert "não completa" in (await world.texts())[0]
    assert [row["is_void"] for row in await _decisions(world)] == [True]


async def _opt_out(world: RequestWorld, contact_id: UUID, scope: str) -> None:
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        await record_opt_out(
            connection, tenant_id=world.tenant_id, contact_id=contact_id, scope=scope, reason="teste",
            now=world.clock.now(),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE tenants SET is_bot_enabled = false", "bot_disabled"),
        ("UPDATE contacts SET is_bot_enabled = false", "bot_disabled"),
        ("UPDATE conversations SET handler = 'human'", "human_handling"),
        (
            "INSERT INTO tenant_holidays (tenant_id, day, name) SELECT id, '2026-11-18', 'Aniversário' FROM tenants",
            "holiday",
        ),
    ],
)
async def test_what_speaks_against_the_call_puts_it_off_until_nobody_waits_for_it(
    world: RequestWorld, statement: str, reason: str
) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    await world.contacts.execute(statement)
    await world.dial()
    assert world.line.dialed == []
    after = await world.request(request)
    assert (after.state, after.outcome) == (RequestState.WAITING, reason)
    assert after.due_at == request.wanted_at + timedelta(hours=1)
    world.clock.advance(minutes=60)
    await world.dial()
    after = await world.request(request)
    assert (after.state, after.outcome) == (RequestState.CANCELED, "expired")
    assert world.line.dialed == []
    expected = 0 if reason == "human_handling" else 1
    assert len(await world.texts()) == expected


@pytest.mark.parametrize("scope", ["all", "voice"])
async def test_opt_out_after_the_request_stops_it_silently(world: RequestWorld, scope: str) -> None:
    request = await world.ask()
    world.clock.advance(minutes=1)
    await _opt_out(world, request.contact_id, scope)
    world.clock.advance(minutes=1)
    await world.dial()
    after = await world.request(request)
    assert (after.state, after.outcome, world.line.dialed) == (RequestState.CANCELED, "opted_out", [])
    assert await world.texts() == []


async def test_opt_out_before_the_request_does_not_bind_it(world: RequestWorld) -> None:
    contact_id, _ = await world.customer()
    await _opt_out(world, contact_id, "all")
    world.clock.advance(minutes=10)
    await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    assert len(world.line.dialed) == 1


async def test_call_that_was_asked_for_neither_meets_nor_feeds_the_frequency_cap(world: RequestWorld) -> None:
    target = await world.contacts.add_target()
    decided = await world.contacts.guard().decide(world.tenant_id, [world.contacts.request(target)])
    assert decided[0].is_contact
    await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    assert len(world.line.dialed) == 1
    await world.contacts.execute("UPDATE contact_decisions SET decided_at = decided_at - interval '9 days' "
                                 "WHERE engine = 'campaign'")  # fmt: skip
    await world.contacts.execute("UPDATE conversations SET last_inbound_at = last_inbound_at - interval '9 days'")
    other = await world.contacts.add_target(
        1, document=target.document, phone=target.phone, campaign=await world.contacts.add_campaign()
    )
    (second,) = await world.contacts.guard().decide(world.tenant_id, [world.contacts.request(other)])
    assert second.reason != "frequency_cap"


async def test_refused_call_does_not_count_and_is_tried_again(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    world.line.errors.append(RateLimited(error_class=ErrorClass.RETRY, code="429", retry_after_seconds=30))
    await world.dial()
    after = await world.request(request)
    assert (after.state, after.attempts) == (RequestState.WAITING, 0)
    assert after.due_at == world.clock.now() + timedelta(seconds=30)
    world.clock.advance(seconds=30)
    await world.dial()
    assert (await world.request(request)).attempts == 1
    assert [row["is_void"] for row in await _decisions(world)] == [True, False]


async def test_address_that_the_provider_refuses_is_told(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    world.line.errors.append(Rejected(error_class=ErrorClass.ADDRESS, code="21211"))
    await world.dial()
    assert (await world.request(request)).outcome == "invalid_number"
    assert len(await world.texts()) == 1


async def test_unknown_outcome_is_never_dialed_again_and_settles_when_the_provider_tells(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    world.line.errors.append(OutcomeUnknown(error_class=ErrorClass.RETRY, code="timeout"))
    await world.dial()
    after = await world.request(request)
    assert (after.state, after.outcome) == (RequestState.DONE, "unknown")
    world.clock.advance(days=1)
    assert await world.dial() == 0
    assert len(world.line.dialed) == 1
    await world.report(CallStatus.NO_ANSWER)
    assert (await world.request(request)).outcome == "no_answer"
    assert len(world.line.dialed) == 1
    assert len(await world.texts()) == 1


async def test_dialer_that_dies_with_the_call_leaves_it_unknown(world: RequestWorld) -> None:
    request = await world.ask()
    world.clock.advance(minutes=2)
    with pytest.raises(BaseException, match=r"contact\.claimed"):
        await world.dialer(die_at="contact.claimed").contact_due(10)
    world.clock.advance(minutes=2)
    await world.look()
    assert (await world.request(request)).outcome == "unknown"
    assert await world.dial() == 0
    assert world.line.dialed == []


async def test_two_dialers_call_once(world: RequestWorld) -> None:
    await world.ask()
    world.clock.advance(minutes=2)
    await asyncio.gather(world.dialer("a").contact_due(10), world.dialer("b").contact_due(10))
    assert len(world.line.dialed) == 1


async def test_second_request_moves_the_hour_of_the_first(world: RequestWorld) -> None:
    first = await world.ask()
    again = await world.ask(wanted_at=NOW + timedelta(hours=3))
    assert again.id == first.id
    assert (await world.request(first)).due_at == NOW + timedelta(hours=3)
    world.clock.advance(minutes=2)
    assert await world.dial() == 0


async def test_tenant_without_a_number_that_calls_says_so_after_an_hour(world: RequestWorld) -> None:
    request = await world.ask()
    await world.contacts.execute("UPDATE channel_accounts SET status = 'stopped' WHERE medium = 'voice'")
    world.clock.advance(minutes=2)
    await world.dial()
    assert (await world.request(request)).state is RequestState.WAITING
    world.clock.advance(minutes=60)
    await world.dial()
    assert (await world.request(request)).outcome == "expired"
    assert "não consegui te ligar no horário combinado" in (await world.texts())[0]


async def _plan(world: RequestWorld, wanted: str = "", *, place: int = 0) -> service.CallPlan:
    contact_id, conversation_id = await world.customer(place)
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        tenant = await tenant_by_id(connection, world.tenant_id)
    assert tenant is not None
    return await service.plan_call(
        world.contacts.database, tenant=tenant, contact_id=contact_id, conversation_id=conversation_id, wanted=wanted,
        now=world.clock.now(),
    )  # fmt: skip


async def test_plan_is_in_two_minutes_or_when_the_customer_says(world: RequestWorld) -> None:
    assert (await _plan(world)).wanted_at == NOW + timedelta(minutes=2)
    assert (await _plan(world, "hoje às 15h")).wanted_at == datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
    # A day without an hour begins when phones may ring.
    assert (await _plan(world, "amanhã")).wanted_at == datetime(2026, 11, 19, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "next_at"),
    [
        ("hoje às 21h", datetime(2026, 11, 19, 11, 0, tzinfo=UTC)),
        ("sexta às 10h", datetime(2026, 11, 21, 11, 0, tzinfo=UTC)),  # the 20th is a holiday; Saturday opens at 8
        ("domingo às 10h", datetime(2026, 11, 23, 11, 0, tzinfo=UTC)),
        ("sábado às 16h", datetime(2026, 11, 23, 11, 0, tzinfo=UTC)),
    ],
)
async def test_hour_at_which_no_phone_may_ring_gives_the_next_one(
    world: RequestWorld, wanted: str, next_at: datetime
) -> None:
    with pytest.raises(OutsideCallHours) as caught:
        await _plan(world, wanted)
    assert caught.value.next_at == next_at


async def test_hours_are_those_of_the_customers_place(world: RequestWorld, clock: FakeClock) -> None:
    clock.set(datetime(2026, 11, 18, 11, 30, tzinfo=UTC))  # 8:30 in São Paulo, 6:30 in Rio Branco
    await world.contacts.write_in("+5568999990001")
    await world.contacts.execute("UPDATE conversations SET turn_due_at = NULL, status = 'waiting'")
    (row,) = await world.contacts.rows("SELECT id, contact_id FROM conversations")
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        tenant = await tenant_by_id(connection, world.tenant_id)
    assert tenant is not None
    with pytest.raises(OutsideCallHours) as caught:
        await service.plan_call(
            world.contacts.database, tenant=tenant, contact_id=UUID(str(row["contact_id"])),
            conversation_id=UUID(str(row["id"])), wanted="", now=clock.now(),
        )  # fmt: skip
    assert caught.value.next_at == datetime(2026, 11, 18, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "wanted", ["hoje às 9h", "ontem às 10h", "quem sabe um dia", "31/02 às 10h", "daqui a 9 dias às 10h"]
)
async def test_hours_that_cannot_be_are_refused(world: RequestWorld, wanted: str) -> None:
    with pytest.raises(InvalidInput):
        await _plan(world, wanted)


async def test_call_that_is_agreed_is_told_and_moved(world: RequestWorld) -> None:
    request = await world.ask()
    with pytest.raises(CallAlreadyAsked) as caught:
        await _plan(world)
    assert caught.value.wanted_at == request.wanted_at
    assert (await _plan(world, "às 15h")).wanted_at == datetime(2026, 11, 18, 18, 0, tzinfo=UTC)
    world.clock.advance(minutes=2)
    await world.dial()
    with pytest.raises(CallAlreadyAsked):
        await _plan(world, "às 15h")


async def test_who_may_not_be_called(world: RequestWorld) -> None:
    contact_id, _ = await world.customer()
    await world.contacts.execute("UPDATE contacts SET is_bot_enabled = false")
    with pytest.raises(CallNotAllowed):
        await _plan(world)
    await world.contacts.execute("UPDATE contacts SET is_bot_enabled = true, document = '52998224725'")
    await world.contacts.execute(
        "INSERT INTO wrong_numbers SELECT tenant_id, '52998224725', match_key, 'P', now() FROM addresses"
    )
    with pytest.raises(CallNotAllowed):
        await _plan(world)
    await world.contacts.execute("DELETE FROM wrong_numbers")
    await _opt_out(world, contact_id, Method.VOICE)
    with pytest.raises(CallNotAllowed):
        await _plan(world)


async def test_no_account_and_no_phone(world: RequestWorld) -> None:
    await world.contacts.execute("UPDATE channel_accounts SET status = 'disabled' WHERE medium = 'voice'")
    with pytest.raises(NoVoiceAccount):
        await _plan(world)
    await world.customer(1)
    await world.contacts.execute("UPDATE addresses SET kind = 'lid', value = value || '@lid'")
    await world.contacts.execute(
        "UPDATE conversations SET address_kind = 'lid', address_value = address_value || '@lid'"
    )
    (row,) = await world.contacts.rows("SELECT id, contact_id FROM conversations ORDER BY created_at DESC LIMIT 1")
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        tenant = await tenant_by_id(connection, world.tenant_id)
    assert tenant is not None
    with pytest.raises(NoPhone):
        await service.plan_call(
            world.contacts.database, tenant=tenant, contact_id=UUID(str(row["contact_id"])),
            conversation_id=UUID(str(row["id"])), wanted="", now=NOW,
        )  # fmt: skip


async def test_operator_asks_and_withdraws(world: RequestWorld) -> None:
    contact_id, conversation_id = await world.customer()
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        tenant = await tenant_by_id(connection, world.tenant_id)
    assert tenant is not None
    database = world.contacts.database
    row = await service.ask_for_contact(
        database, tenant, contact_id=contact_id, reason="pediu retorno", wanted_at=None, now=NOW
    )
    assert (row.conversation_id, row.phone, row.wanted_at) == (
        conversation_id, phone_of(0), NOW + timedelta(minutes=2)
    )  # fmt: skip
    canceled = await service.cancel_request(database, world.tenant_id, row.id, now=NOW)
    again = await service.cancel_request(database, world.tenant_id, row.id, now=NOW)
    assert canceled.state is again.state is RequestState.CANCELED
    world.clock.advance(minutes=2)
    assert await world.dial() == 0
    await world.ask()
    world.clock.advance(minutes=2)
    await world.dial()
    rows, _ = await service.list_requests(
        database, world.tenant_id, state="calling", contact_id=None, limit=9, offset=0
    )
    with pytest.raises(RequestEnded):
        await service.cancel_request(database, world.tenant_id, rows[0].id, now=NOW)
    await world.contacts.execute("INSERT INTO contacts (tenant_id, id) SELECT id, id FROM tenants")
    with pytest.raises(ContactWithoutConversation):
        await service.ask_for_contact(database, tenant, contact_id=world.tenant_id, reason="x", wanted_at=None, now=NOW)


async def test_drain_is_rung_when_a_request_is_due(world: RequestWorld) -> None:
    await world.ask()
    async with world.contacts.database.platform() as connection:
        assert not await call_requests.has_due(connection, now=world.clock.now())
        assert await call_requests.has_due(connection, now=world.clock.now() + timedelta(minutes=2))


async def test_contacts_that_turn_out_to_be_one_keep_one_request(world: RequestWorld) -> None:
    first, second = await world.ask(0), await world.ask(1)
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        await contacts.merge(connection, keep=first.contact_id, gone=second.contact_id)
    assert (await world.request(first)).state is RequestState.WAITING
    gone = await world.request(second)
    assert (gone.state, gone.outcome, gone.contact_id) == (RequestState.CANCELED, "merged", first.contact_id)


async def test_hosted_agent_is_told_no_debt(world: RequestWorld) -> None:
    await world.ask()
    await world.contacts.execute("UPDATE call_requests SET reason = 'negociar a fatura atrasada de R$ 119,90'")
    world.clock.advance(minutes=2)
    await world.dial()
    assert "reason" not in world.line.dialed[0].variables


async def test_whisper_says_what_the_call_is_about_without_a_document(world: RequestWorld) -> None:
    await world.ask()
    await world.contacts.execute("UPDATE call_requests SET reason = 'mudar o plano, CPF 529.982.247-25.'")
    world.clock.advance(minutes=2)
    await world.dial()
    (call,) = await world.calls()
    async with world.contacts.database.tenant(world.tenant_id) as connection:
        told = await whisper(connection, call.id)
    assert told == "Cliente Maria, pediu a ligação: mudar o plano, CPF …; ainda não confirmou a identidade."


@pytest.mark.parametrize(
    ("settings", "given", "seconds"),
    [
        ({}, {}, 1200),
        ({"voice_minute_cost_cents": 50, "call_cost_ceiling_cents": 500}, {}, 600),
        ({"voice_minute_cost_cents": 50, "call_cost_ceiling_cents": 40}, {}, 60),
        ({"call_cost_ceiling_cents": 40}, {}, 1200),
        ({}, {"longest_seconds": "300"}, 300),
        ({}, {"longest_seconds": "99999"}, 1200),
        ({}, {"longest_seconds": "muito"}, 1200),
    ],
)
def test_longest_call_is_what_the_ceiling_pays_for(
    settings: dict[str, object], given: dict[str, str], seconds: int
) -> None:
    tenant = Tenant(
        id=UUID(int=1), slug="t", name="TR", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True, settings=TenantSettings.from_json(settings),
    )  # fmt: skip
    account = AccountRow(
        tenant_id=tenant.id, id=UUID(int=2), provider=Provider.RETELL, medium=Medium.VOICE, external_id="x",
        display_name="x", webhook_key="k", secrets_ciphertext=None, secrets_key_id=None, settings=given,
        is_bot_enabled=True, status="active", stopped_reason=None, sends_per_second=1, burst=1,
    )  # fmt: skip
    assert longest_seconds(tenant, account) == seconds
