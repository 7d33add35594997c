"""Promises, payments, refusals and wrong numbers reach the targets of every campaign, once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from domain.campaigns import (
    CampaignStatus,
    Method,
    TargetOutcome,
    TargetState,
    can_target_become,
)
from domain.effects import ClaimPayment, ConfirmPayment, Effect, MarkWrongPerson, OptOut, RecordPromise
from domain.messages import Address, AddressKind, Provider
from services import target_events
from services.campaigns import activate_campaign, pause_campaign
from services.contacts_admin import opt_out_contact
from services.effects import apply_effects
from services.identity import known_documents
from services.planning import Planning
from store import contact_changes, contact_decisions, contacts, targets
from store.campaigns import CampaignRow
from store.locks import lock_debtor
from store.targets import TargetRow
from tests.business_world import JOAO, MARIA, PHONE, World, make_world
from tests.campaign_rig import add_target, campaign_of, contacted, make_campaign, target_of, targets_of
from tests.factories import make_account, open_database
from tests.fakes_clock import DEFAULT_NOW, FakeClock

NOW = DEFAULT_NOW
DAY = timedelta(days=1)
DUE = date(2026, 11, 27)
PROMISE = RecordPromise(protocol="P234678", document=MARIA, amount_cents=11990, due_on=DUE)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_database(database_url) as database:
        made = await make_world(database)
        async with database.tenant(made.tenant.id) as connection:
            await contacts.add_address(
                connection, tenant_id=made.tenant.id, contact_id=made.contact_id, match_key="1199990001",
                address=Address(kind=AddressKind.PHONE, value=PHONE),
            )  # fmt: skip
        yield made


async def decisions_of(world: World, target: TargetRow) -> list[str]:
    async with world.database.tenant(world.tenant.id) as connection:
        rows, _ = await contact_decisions.page(connection, target.id, limit=10, offset=0)
    return [f"{row.verdict}:{row.reason}" for row in rows]


@pytest.mark.parametrize(
    ("effect", "decision"),
    [
        (PROMISE, "skip:active_promise"),
        (ClaimPayment(document=MARIA, hold_until=NOW + 3 * DAY), "postpone:payment_claimed"),
        (ConfirmPayment(document=MARIA), "skip:already_paid"),
        (OptOut(scope="all", reason="pediu"), "skip:opted_out"),
        (MarkWrongPerson(reason="não é ela"), "skip:wrong_person"),
    ],
)
async def test_contact_that_a_fact_prevents_has_its_decision_once(world: World, effect: Effect, decision: str) -> None:
    campaign = await make_campaign(world.database, world.tenant.id)
    waiting = await add_target(world.database, campaign)
    other = await make_campaign(world.database, world.tenant.id)
    made = await add_target(world.database, other, **contacted(NOW, due_at=NOW + DAY))  # type: ignore[arg-type]

    await apply(world, effect)
    await apply(world, effect)

    assert await decisions_of(world, waiting) == [decision]
    assert await decisions_of(world, made) == []


async def apply(world: World, *effects: Effect, seq: int = 1, now: datetime = NOW) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, effects, tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=seq, now=now,
        )  # fmt: skip


async def campaign(world: World, **changes: object) -> CampaignRow:
    return await make_campaign(world.database, world.tenant.id, **changes)  # type: ignore[arg-type]


async def target(world: World, of: CampaignRow, **changes: object) -> TargetRow:
    return await add_target(world.database, of, **changes)  # type: ignore[arg-type]


async def now_of(world: World, row: TargetRow) -> TargetRow:
    return await target_of(world.database, row)


async def break_promise(world: World, now: datetime = NOW) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await lock_debtor(connection, world.tenant.id, MARIA)
        await target_events.promise_broken(connection, tenant_id=world.tenant.id, document=MARIA, now=now)


async def wrong_numbers(world: World) -> list[tuple[str, str, str]]:
    async with world.database.tenant(world.tenant.id) as connection:
        cursor = await connection.execute("SELECT document, match_key, protocol FROM wrong_numbers ORDER BY 1, 2")
        return [(row["document"], row["match_key"], row["protocol"]) for row in await cursor.fetchall()]


@pytest.mark.parametrize("state", [TargetState.PENDING, TargetState.SCHEDULED, TargetState.CALLING])
async def test_promise_lets_the_targets_of_every_campaign_rest(world: World, state: TargetState) -> None:
    first = await target(
        world, await campaign(world), state=state, method=Method.WHATSAPP, locked_by="w", locked_until=NOW
    )
    second = await target(world, await campaign(world), **contacted(NOW - DAY, due_at=NOW))
    other = await target(world, await campaign(world), document=JOAO, phone="+5511999990002")
    await apply(world, PROMISE)
    for row in (await now_of(world, first), await now_of(world, second)):
        assert (row.state, row.outcome) == (TargetState.CONTACTED, TargetOutcome.PROMISE_MADE)
        assert row.due_at == datetime.fromisoformat("2026-11-28T03:00:00Z")
        assert (row.promised_at, row.locked_by, row.locked_until) == (NOW, None, None)
    assert await now_of(world, other) == other


async def test_planned_contact_that_a_promise_prevents_counts_as_not_tried(world: World) -> None:
    row = await target(world, await campaign(world), state=TargetState.SCHEDULED, method=Method.WHATSAPP)
    await apply(world, PROMISE)
    assert (await now_of(world, row)).method is None


@pytest.mark.parametrize(
    "effects",
    [
        (PROMISE,), (ClaimPayment(document=MARIA, hold_until=NOW + 3 * DAY),), (ConfirmPayment(document=MARIA),),
        (OptOut(scope="all", reason="pediu"),), (OptOut(scope="simulator", reason="pediu"),),
        (MarkWrongPerson(reason="disse"),),
    ],
)  # fmt: skip
async def test_turn_run_again_changes_nothing_more(world: World, effects: tuple[Effect, ...]) -> None:
    rows = [
        await target(world, await campaign(world), state=TargetState.SCHEDULED, method=Method.WHATSAPP),
        await target(world, await campaign(world), **contacted(NOW - DAY, due_at=NOW, attempts=3)),
    ]
    await apply(world, *effects)
    once = [await now_of(world, row) for row in rows]
    numbers = await wrong_numbers(world)
    await apply(world, *effects)
    assert [await now_of(world, row) for row in rows] == once
    assert await wrong_numbers(world) == numbers
    assert once != rows


async def test_promise_revives_a_target_that_ended_unanswered(world: World) -> None:
    row = await target(
        world, await campaign(world), state=TargetState.COMPLETED, outcome=TargetOutcome.NO_ANSWER, due_at=None
    )
    await apply(world, PROMISE)
    assert (await now_of(world, row)).state is TargetState.CONTACTED


async def test_promise_only_marks_the_target_of_an_ended_campaign(world: World) -> None:
    over = await campaign(world, status=CampaignStatus.COMPLETED)
    row = await target(world, over, state=TargetState.COMPLETED, outcome=TargetOutcome.ANSWERED, due_at=None)
    await apply(world, PROMISE)
    found = await now_of(world, row)
    assert (found.state, found.outcome, found.due_at) == (TargetState.COMPLETED, TargetOutcome.PROMISE_MADE, None)
    await break_promise(world)
    found = await now_of(world, row)
    assert (found.state, found.outcome) == (TargetState.COMPLETED, TargetOutcome.PROMISE_BROKEN)


@pytest.mark.parametrize("outcome", [TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON, TargetOutcome.CANCELED])
async def test_promise_revives_nobody_who_refused(world: World, outcome: TargetOutcome) -> None:
    row = await target(world, await campaign(world), state=TargetState.COMPLETED, outcome=outcome, due_at=None)
    await apply(world, PROMISE)
    assert await now_of(world, row) == row


async def test_claimed_payment_rests_until_the_hold_is_over(world: World) -> None:
    row = await target(world, await campaign(world))
    await apply(world, ClaimPayment(document=MARIA, hold_until=NOW + 3 * DAY))
    found = await now_of(world, row)
    assert (found.state, found.outcome, found.due_at) == (
        TargetState.CONTACTED, TargetOutcome.PAYMENT_CLAIMED, NOW + 3 * DAY
    )  # fmt: skip


async def test_payment_ends_the_targets_and_keeps_its_first_time(world: World) -> None:
    row = await target(world, await campaign(world))
    refused = await target(
        world, await campaign(world), state=TargetState.COMPLETED, outcome=TargetOutcome.OPTED_OUT, due_at=None
    )
    await apply(world, ConfirmPayment(document=MARIA))
    await apply(world, ConfirmPayment(document=MARIA), seq=2, now=NOW + DAY)
    found = await now_of(world, row)
    assert (found.state, found.outcome, found.paid_at, found.due_at) == (
        TargetState.COMPLETED, TargetOutcome.PAID, NOW, None
    )  # fmt: skip
    assert ((await now_of(world, refused)).outcome, (await now_of(world, refused)).paid_at) == (
        TargetOutcome.OPTED_OUT, NOW
    )  # fmt: skip


async def test_broken_promise_brings_the_target_back_and_wakes_the_planner(world: World) -> None:
    active = await campaign(world, plan_due_at=NOW + 5 * DAY)
    row = await target(world, active)
    await apply(world, PROMISE)
    late = await target(world, await campaign(world), **contacted(NOW, due_at=NOW + DAY))
    await break_promise(world, NOW + DAY)
    found = await now_of(world, row)
    assert (found.state, found.outcome, found.due_at) == (
        TargetState.PENDING, TargetOutcome.PROMISE_BROKEN, NOW + DAY
    )  # fmt: skip
    assert await now_of(world, late) == late  # came after the promise
    assert (await campaign_of(world.database, active)).plan_due_at == NOW + DAY


async def test_wake_never_delays_the_planner(world: World) -> None:
    active = await campaign(world, plan_due_at=NOW)
    await target(world, active)
    await apply(world, PROMISE)
    await break_promise(world, NOW + DAY)
    assert (await campaign_of(world.database, active)).plan_due_at == NOW


async def test_broken_promise_is_told_once(world: World) -> None:
    row = await target(world, await campaign(world))
    await apply(world, PROMISE)
    await break_promise(world, NOW + 9 * DAY)
    once = await now_of(world, row)
    await break_promise(world, NOW + 10 * DAY)
    assert await now_of(world, row) == once


async def test_opt_out_ends_every_target_of_the_person(world: World) -> None:
    by_phone = await target(world, await campaign(world), document=JOAO)
    async with world.database.tenant(world.tenant.id) as connection:
        await contact_changes.confirm_document(connection, world.contact_id, document=MARIA, name="Maria", now=NOW)
    by_document = await target(world, await campaign(world), phone="+5521999990009")
    stranger = await target(world, await campaign(world), document="12345678909", phone="+5521999990008")
    await opt_out_contact(world.database, world.tenant.id, world.contact_id, scope="all", reason="pediu", now=NOW)
    for row in (by_phone, by_document):
        found = await now_of(world, row)
        assert (found.state, found.outcome, found.due_at) == (TargetState.COMPLETED, TargetOutcome.OPTED_OUT, None)
    assert await now_of(world, stranger) == stranger


async def test_refusal_of_one_medium_leaves_the_others(world: World) -> None:
    active = await campaign(world, plan_due_at=NOW + DAY)
    planned = await target(world, active, state=TargetState.SCHEDULED, method=Method.SMS, due_at=NOW + DAY)
    other = await target(
        world, await campaign(world), state=TargetState.SCHEDULED, method=Method.WHATSAPP, due_at=NOW + DAY
    )
    await opt_out_contact(world.database, world.tenant.id, world.contact_id, scope="sms", reason="STOP", now=NOW)
    found = await now_of(world, planned)
    assert (found.state, found.due_at, found.outcome_details) == (
        TargetState.PENDING, NOW, {"undeliverable": ["sms"]}
    )  # fmt: skip
    kept = await now_of(world, other)
    assert (kept.state, kept.due_at) == (TargetState.SCHEDULED, NOW + DAY)
    assert (await campaign_of(world.database, active)).plan_due_at == NOW


async def test_wrong_number_parts_the_phone_from_the_debtor_for_good(world: World) -> None:
    row = await target(world, await campaign(world))
    elsewhere = await target(world, await campaign(world), phone="+5521999990009")
    await apply(world, MarkWrongPerson(reason="não conheço"))
    found = await now_of(world, row)
    assert (found.state, found.outcome) == (TargetState.COMPLETED, TargetOutcome.WRONG_PERSON)
    ((document, key, protocol),) = await wrong_numbers(world)
    assert (document, key) == (MARIA, "1199990001")
    assert found.outcome_details == {"protocol": protocol}
    assert protocol.startswith("N")
    assert len(protocol) == 7
    assert (await now_of(world, elsewhere)).state is TargetState.PENDING
    async with world.database.tenant(world.tenant.id) as connection:
        assert await targets.documents_of_phones(connection, ["1199990001"]) == []
        again = await target_events.wrong_person(
            connection, tenant_id=world.tenant.id, contact_id=world.contact_id, now=NOW + DAY
        )
    assert again != ""


async def test_wrong_number_in_a_campaigns_conversation_is_of_that_debtor(world: World) -> None:
    asked = await target(world, await campaign(world))
    household = await target(world, await campaign(world), document=JOAO)
    async with world.database.tenant(world.tenant.id) as connection:
        await connection.execute(
            "UPDATE conversations SET target_id = %s WHERE id = %s", (asked.id, world.conversation_id)
        )
    await apply(world, MarkWrongPerson(reason="não conheço"))
    assert (await now_of(world, asked)).outcome is TargetOutcome.WRONG_PERSON
    assert await now_of(world, household) == household
    assert [document for document, _, _ in await wrong_numbers(world)] == [MARIA]


async def test_target_makes_its_document_known_at_its_phone(world: World) -> None:
    await target(world, await campaign(world))
    async with world.database.tenant(world.tenant.id) as connection:
        keys = tuple(
            row.match_key for row in await contacts.addresses_of(connection, world.contact_id) if row.match_key
        )
    profile = replace(world.turn().contact, phone_match_keys=keys)
    assert await known_documents(world.database, world.tenant.id, profile) == {MARIA}
    await apply(world, MarkWrongPerson(reason="não conheço"))
    assert await known_documents(world.database, world.tenant.id, profile) == set()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_no_order_of_events_loses_a_target_or_leaves_the_table(world: World, seed: int) -> None:
    """Facts, plans, pauses, contacts in random order: every step is one the table allows, every row stays counted."""
    random = Random(seed)
    clock = FakeClock(datetime.fromisoformat("2026-11-23T14:00:00Z"))
    account = await make_account(world.database, world.tenant.id, provider=Provider.EVOLUTION, external_id="e")
    active = await make_campaign(world.database, world.tenant.id, account.id, max_attempts=2, plan_due_at=clock.now())
    for place in range(6):
        await target(
            world, active, document=MARIA if place == 0 else f"{place}", now=clock.now(),
            phone=PHONE if place < 2 else f"+551199999000{place}",
        )  # fmt: skip
    known = {row.id: row for row in await targets_of(world.database, active)}
    for turn in range(60):
        clock.advance(minutes=random.choice((5, 60, 600)))
        event = random.choice(("promise", "claim", "paid", "break", "opt_out", "wrong", *["plan"] * 4, *["contact"] * 4,
                               "pause", "resume"))  # fmt: skip
        await _happen(event, world, active, account.id, clock, turn, random)
        found = {row.id: row for row in await targets_of(world.database, active)}
        assert found.keys() == known.keys()
        for row in found.values():
            before = known[row.id]
            if event == "plan":  # a drain may review and plan: two steps
                is_allowed = any(
                    can_target_become(before.state, between) and can_target_become(between, row.state)
                    for between in TargetState
                )
            else:
                is_allowed = can_target_become(before.state, row.state)
            assert is_allowed, (event, before, row)
            assert row.attempt_count <= 2
            assert (row.state is TargetState.COMPLETED) == (row.due_at is None)
            if before.outcome in {TargetOutcome.OPTED_OUT, TargetOutcome.WRONG_PERSON}:
                assert row.state is TargetState.COMPLETED
        known = found


async def _happen(
    event: str, world: World, active: CampaignRow, account_id: UUID, clock: FakeClock, turn: int, random: Random
) -> None:
    now = clock.now()
    effects: dict[str, Effect] = {
        "promise": RecordPromise(
            protocol=f"P{turn}", document=MARIA, amount_cents=100, due_on=now.date() + timedelta(days=1)
        ),
        "claim": ClaimPayment(document=MARIA, hold_until=now + DAY), "paid": ConfirmPayment(document=MARIA),
        "opt_out": OptOut(scope="all", reason="pediu"), "wrong": MarkWrongPerson(reason="disse"),
    }  # fmt: skip
    row = await campaign_of(world.database, active)
    if event in effects:
        if event in ("paid", "opt_out", "wrong") and turn < 40:
            return  # not so early that nothing is left to happen
        await apply(world, effects[event], seq=turn + 1, now=now)
    elif event == "break":
        await break_promise(world, now)
    elif event == "plan":
        await Planning(database=world.database, clock=clock, worker="w").drain(limit=5)
    elif event == "pause" and row.status is CampaignStatus.ACTIVE:
        await pause_campaign(world.database, world.tenant.id, active.id, now=now)
    elif event == "resume" and row.status is CampaignStatus.PAUSED:
        await activate_campaign(world.database, world.tenant.id, active.id, now=now)
    elif event == "contact" and row.status is CampaignStatus.ACTIVE:
        await _contact(world, now)


async def _contact(world: World, now: datetime) -> None:
    """Contact what is due, as the gate would leave it."""
    async with world.database.platform() as connection:
        claimed = await targets.claim_written(connection, worker="w", now=now, locked_until=now + DAY, limit=3)
    async with world.database.tenant(world.tenant.id) as connection:
        for row in await targets.lock(connection, [row.id for row in claimed]):
            await targets.change(
                connection, row, state=TargetState.CONTACTED, outcome=TargetOutcome.SENT, details={}, due_at=now + DAY,
                method=row.method, now=now,
            )  # fmt: skip
            await connection.execute(
                "UPDATE targets SET attempt_count = attempt_count + 1, last_attempt_at = %s WHERE id = %s",
                (now, row.id),
            )
