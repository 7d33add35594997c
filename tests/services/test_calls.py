"""Calls among processes: callbacks, keys, drains and gates that meet at the same moment; and what is said."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import spoken_texts
from domain.calls import CallReport, CallStatus, after_ending
from domain.campaigns import Standing, TargetOutcome, TargetState
from domain.message_templates import find_problem
from services.call_menu import CallMenu
from services.calls import receive_report
from tests.fakes.twilio_calls import TwilioCalls, run_fake_calls
from tests.fakes_clock import FakeClock
from tests.voice_world import VoiceWorld, open_voice_world

NOW = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def fake() -> Iterator[TwilioCalls]:
    with run_fake_calls() as running:
        yield running


@pytest.fixture
async def world(database_url: str, clock: FakeClock, fake: TwilioCalls) -> AsyncIterator[VoiceWorld]:
    async with open_voice_world(database_url, clock, fake) as opened:
        yield opened


# --- what is said


def test_nothing_that_is_said_names_a_debt_or_an_amount() -> None:
    said = [
        spoken_texts.greeting(
            client_name="MARIA DA SILVA", document="52998224725", tenant_name="TR Telecom", assistant_name="Lia"
        ),
        spoken_texts.menu(has_whatsapp=True, has_call_back=True),
        spoken_texts.voicemail(tenant_name="TR Telecom", assistant_name="Lia"),
        spoken_texts.will_call(NOW, now=NOW, zone=SAO_PAULO),
        spoken_texts.will_write(NOW, now=NOW, zone=SAO_PAULO),
        spoken_texts.GOODBYE, spoken_texts.APOLOGY, spoken_texts.NOT_A_CHOICE, spoken_texts.NOTHING_HEARD,
        spoken_texts.OPTED_OUT,
    ]  # fmt: skip
    assert [text for text in said if find_problem(text)] == []


@pytest.mark.parametrize(
    ("name", "document", "recipient"),
    [
        ("MARIA DA SILVA", "52998224725", "para Maria,"),
        ("Zé Carlos", "52998224725", "para Zé,"),
        ("Padaria Dois Irmãos Ltda", "11222333000181", "para Padaria Dois Irmãos,"),
        ("", "52998224725", "para você,"),
        ("<Dial>12</Dial>", "52998224725", "para Dial,"),
        ("123.456.789-09", "12345678909", "para você,"),
    ],
)
def test_first_name_is_all_that_is_said_of_the_person(name: str, document: str, recipient: str) -> None:
    text = spoken_texts.greeting(client_name=name, document=document, tenant_name="TR Telecom", assistant_name="Lia")
    assert recipient in text


@pytest.mark.parametrize(
    ("at", "when"),
    [
        (datetime(2026, 11, 18, 18, 0, tzinfo=UTC), "hoje, a partir das 15 horas"),
        (datetime(2026, 11, 18, 18, 0, 1, tzinfo=UTC), "hoje, a partir das 16 horas"),
        (datetime(2026, 11, 19, 11, 0, tzinfo=UTC), "amanhã, a partir das 8 horas"),
        (datetime(2026, 11, 23, 11, 0, tzinfo=UTC), "na segunda-feira, a partir das 8 horas"),
        (datetime(2026, 11, 21, 12, 0, tzinfo=UTC), "no sábado, a partir das 9 horas"),
        (datetime(2026, 12, 1, 11, 0, tzinfo=UTC), "no dia 1, a partir das 8 horas"),
        # 21:00 in São Paulo is the next day in UTC.
        (datetime(2026, 11, 19, 0, 0, tzinfo=UTC), "hoje, a partir das 21 horas"),
    ],
)
def test_day_is_named_in_the_local_zone(at: datetime, when: str) -> None:
    assert when in spoken_texts.will_call(at, now=NOW, zone=SAO_PAULO)


# --- what an ending leads to


@given(
    outcome=st.sampled_from(
        [TargetOutcome.NO_ANSWER, TargetOutcome.BUSY, TargetOutcome.FAILED, TargetOutcome.CANCELED,
         TargetOutcome.VOICEMAIL, TargetOutcome.ANSWERED]
    ),
    attempts=st.integers(1, 5), minutes_ago=st.integers(0, 3000), gap=st.integers(1, 2000), is_over=st.booleans(),
)  # fmt: skip
def test_nobody_is_called_before_the_gap_or_beyond_the_attempts(
    outcome: TargetOutcome, attempts: int, minutes_ago: int, gap: int, is_over: bool
) -> None:
    called_at = NOW - timedelta(minutes=minutes_ago)
    target = Standing(
        state=TargetState.CALLING, outcome=None, attempt_count=attempts, last_attempt_at=called_at, due_at=None
    )
    move = after_ending(
        target, outcome, max_attempts=3, retry_gap=timedelta(minutes=gap), unanswered_after=timedelta(hours=1),
        is_campaign_over=is_over, now=NOW,
    )  # fmt: skip
    assert move.outcome is outcome
    assert (move.due_at is None) is (move.state is TargetState.COMPLETED)
    if move.state is TargetState.PENDING:
        assert move.due_at is not None
        assert attempts < 3
        assert move.due_at >= max(NOW, called_at + timedelta(minutes=gap))
    assert (move.state is TargetState.CONTACTED) is (outcome is TargetOutcome.ANSWERED and not is_over)


# --- at the same moment


async def test_callbacks_and_drains_at_once_settle_every_call_once(world: VoiceWorld) -> None:
    targets = [await world.add_target(place) for place in range(12)]
    await world.dial()

    async def look_often() -> None:
        for _ in range(15):
            await world.look()

    await asyncio.gather(
        *(world.fake.play(call, world.api.http) for call in world.fake.calls), look_often(), look_often()
    )
    await world.look()
    for target in targets:
        after = await world.target(target)
        assert (after.state, after.outcome, after.attempt_count) == (TargetState.CONTACTED, TargetOutcome.ANSWERED, 1)
        assert (await world.call_of(target)).processed_at is not None


async def test_refusal_on_the_phone_and_a_gate_at_once_never_contact_after_it(world: VoiceWorld) -> None:
    """The same person in a second campaign: whoever commits first decides, and nobody deadlocks."""
    target = await world.add_target()
    await world.dial()
    call = await world.call_of(target)
    other = await world.contacts.add_campaign(accounts=[world.contacts.account])
    seconds = [await world.add_target(campaign=other, owes=False)]
    menu = CallMenu(database=world.api.database, tenants=world.api.deps.tenants, clock=world.clock)
    await asyncio.gather(
        menu.answer(target.tenant_id, call.id, target.id, digits="9", spoken_round=1),
        *(world.dial() for _ in range(3)),
        menu.answer(target.tenant_id, call.id, target.id, digits="9", spoken_round=1),
    )
    assert len(world.fake.calls) == 1
    for second in seconds:
        assert (await world.target(second)).state in (TargetState.COMPLETED, TargetState.SCHEDULED)
    world.clock.advance(days=8)
    await world.dial()
    assert len(world.fake.calls) == 1


async def test_two_keys_at_once_arrange_one_thing(world: VoiceWorld) -> None:
    target = await world.add_target()
    await world.dial()
    call = await world.call_of(target)
    menu = CallMenu(database=world.api.database, tenants=world.api.deps.tenants, clock=world.clock)
    first, second = await asyncio.gather(
        menu.answer(target.tenant_id, call.id, target.id, digits="1", spoken_round=1),
        menu.answer(target.tenant_id, call.id, target.id, digits="2", spoken_round=1),
    )
    assert first == second
    row = await world.call_of(target)
    after = await world.target(target)
    assert row.choice is not None
    assert after.outcome_details["callChoice"] == row.choice


async def test_sid_that_came_by_callback_first_is_kept(world: VoiceWorld) -> None:
    target = await world.add_target()
    world.fake.program({"accept_then_garbage": True})
    await world.dial()
    row = await world.call_of(target)
    ringing = CallReport(provider_call_id="CA-callback", account_sid="", status=CallStatus.RINGING)
    async with world.api.database.tenant(target.tenant_id) as connection:
        assert await receive_report(connection, row.id, ringing, now=world.clock.now())
        other = CallReport(provider_call_id="CA-other", account_sid="", status=CallStatus.COMPLETED)
        assert not await receive_report(connection, row.id, other, now=world.clock.now())
    kept = await world.call_of(target)
    assert (kept.status, kept.provider_call_id) == (CallStatus.RINGING, "CA-callback")
    assert kept.due_at == world.clock.now() + timedelta(minutes=10)
