"""From WhatsApp to the phone and back: asked for, rung, agreed, summed up where it began (spec 5.1)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from domain.calls import CallReport, CallStatus
from domain.messages import Provider
from jobs import call_summary
from services.call_context import whisper
from services.calls import SUMMARY_AFTER, PostCall, receive_report
from services.contact_guard import ContactGuard
from services.dialing import Dialer
from tests.call_world import CallWorld, OnThePhone, open_call_world
from tests.fakes.voice_line import FakeLine
from tests.graphs.demo_rig import MARIA

MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # 11:00 in São Paulo
CONFIRMED = ("oi, quero ver minha fatura", "529.982.247-25", "Maria da Silva")


@pytest.fixture
async def world(demo_database_url: str) -> AsyncIterator[CallWorld]:
    async with open_call_world(demo_database_url) as opened:
        opened.demo.clock.set(MONDAY)
        async with opened.demo.deps.database.tenant(opened.account.row.tenant_id) as connection:
            await connection.execute(
                "UPDATE channel_accounts SET status = 'disabled' WHERE medium = 'voice' AND id <> %s",
                (opened.account.row.id,),
            )
        opened.demo.deps.accounts.forget()
        yield opened


async def _dial(world: CallWorld, line: FakeLine) -> int:
    deps = world.demo.deps
    guard = ContactGuard(
        database=deps.database, tenants=deps.tenants, clock=deps.clock, is_ledger_used=deps.http_crm is None
    )
    dialer = Dialer(
        database=deps.database, guard=guard, tenants=deps.tenants, accounts=deps.accounts,
        lines={line.provider: line}, limiter=deps.limiter, crm_for=deps.crm_for, clock=deps.clock, worker="dialer",
        failpoint=deps.failpoint, public_base_url="https://ia.exemplo.com.br",
    )  # fmt: skip
    return await dialer.contact_due(100)


async def _ended(world: CallWorld, spoken: OnThePhone) -> None:
    """Let the provider tell the ending, and the drains take it up."""
    deps, call = world.demo.deps, spoken.session.opened.call
    report = CallReport(provider_call_id="call-1", account_sid="", status=CallStatus.COMPLETED, duration_seconds=90)
    async with deps.database.tenant(call.tenant_id) as connection:
        assert await receive_report(connection, call.id, report, now=deps.clock.now())
    drain = PostCall(
        database=deps.database, tenants=deps.tenants, accounts=deps.accounts, lines={}, clock=deps.clock,
        worker="post-call",
    )  # fmt: skip
    await drain.drain(100)
    world.demo.clock.advance(SUMMARY_AFTER)
    await call_summary.drain(deps)


async def _system_texts(world: CallWorld) -> list[str]:
    async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
        cursor = await connection.execute("SELECT text FROM messages WHERE author = 'system' ORDER BY seq")
        return [row["text"] for row in await cursor.fetchall()]


async def test_customer_is_rung_settles_on_the_phone_and_reads_the_summary_in_writing(world: CallWorld) -> None:
    line = FakeLine(provider=Provider.RETELL)
    maria = world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    reply = await maria.say("pode me ligar para resolver isso?")
    assert "em 2 minutos" in reply
    assert await _dial(world, line) == 0
    world.demo.clock.advance(timedelta(minutes=2))
    assert await _dial(world, line) == 1
    (dialed,) = line.dialed
    assert dialed.to == MARIA
    spoken = await world.ring(MARIA, direction="out", call_id=dialed.call_id, provider_call_id="call-1")
    await spoken.talk("sim, sou eu mesma", "pago tudo dia 4 de dezembro", "sim, pode registrar")
    deps = world.demo.deps
    async with deps.database.tenant(world.account.row.tenant_id) as connection:
        told = await whisper(connection, dialed.call_id)
    assert "já confirmou a identidade" in told
    assert "R$ 239,80" in told
    await spoken.hang_up()
    await _ended(world, spoken)
    (text,) = await _system_texts(world)
    assert text.startswith("Maria, ficou combinado por telefone: R$ 239,80 para sexta-feira, 04/12.")
    assert len(await maria.pending()) == 1
    async with deps.database.tenant(world.account.row.tenant_id) as connection:
        cursor = await connection.execute("SELECT state, outcome FROM call_requests")
        assert await cursor.fetchall() == [{"state": "done", "outcome": "answered"}]


async def test_third_person_who_picks_up_makes_no_summary_that_tells(world: CallWorld) -> None:
    line = FakeLine(provider=Provider.RETELL)
    maria = world.demo.customer(MARIA)
    await maria.talk(*CONFIRMED)
    await maria.say("me liga por favor")
    world.demo.clock.advance(timedelta(minutes=2))
    await _dial(world, line)
    spoken = await world.ring(MARIA, direction="out", call_id=line.dialed[0].call_id, provider_call_id="call-1")
    heard = await spoken.talk("não, ela não está", "quer deixar recado?")
    async with world.demo.deps.database.tenant(world.account.row.tenant_id) as connection:
        assert "ainda não confirmou a identidade" in await whisper(connection, line.dialed[0].call_id)
    await spoken.hang_up()
    await _ended(world, spoken)
    for told in (heard, *await _system_texts(world)):
        assert "R$" not in told
        assert "fatura" not in told


async def test_customer_who_changes_their_mind_is_not_rung(world: CallWorld) -> None:
    line = FakeLine(provider=Provider.RETELL)
    maria = world.demo.customer(MARIA)
    await maria.say("pode me ligar?")
    await maria.say("não precisa mais ligar")
    world.demo.clock.advance(timedelta(minutes=2))
    await _dial(world, line)
    assert line.dialed == []
