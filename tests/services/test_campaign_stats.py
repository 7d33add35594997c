"""The figures of a campaign: they add up at any instant, and the rates mean what they say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.campaigns import TargetOutcome, TargetState
from domain.errors import NotFound
from services.campaign_stats import contacts_by, metrics_of_tenant, rates_of, stats_of_campaign
from store import campaign_stats
from store.campaign_stats import Figures
from store.database import Database
from tests.campaign_rig import add_many, make_campaign
from tests.campaign_story import Story, begin_story
from tests.factories import open_database
from tests.fakes_clock import DEFAULT_NOW

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def story(database: Database) -> Story:
    return await begin_story(database)


async def _stats(story: Story) -> Figures:
    return await stats_of_campaign(story.database, story.tenant_id, story.campaign.id)


def _states(figures: Figures) -> int:
    return figures.pending + figures.scheduled + figures.calling + figures.contacted + figures.completed


async def test_empty_campaign_has_noughts_and_no_rates(story: Story) -> None:
    figures = await _stats(story)
    assert (figures.total_targets, figures.outcomes, figures.methods, figures.skipped) == (0, {}, {}, {})
    rates = rates_of(figures)
    assert (
        rates.contact_rate, rates.response_rate, rates.promise_rate, rates.fulfilment_rate, rates.conversion_rate,
    ) == (None, None, None, None, None)  # fmt: skip


async def test_unknown_campaign_is_not_found(story: Story, database: Database) -> None:
    with pytest.raises(NotFound):
        await stats_of_campaign(database, story.tenant_id, uuid4())
    other = await begin_story(database, slug="outra")
    with pytest.raises(NotFound):
        await stats_of_campaign(database, other.tenant_id, story.campaign.id)


async def test_states_and_outcomes_add_up(story: Story) -> None:
    moves = [
        (TargetState.PENDING, None), (TargetState.SCHEDULED, None), (TargetState.CALLING, None),
        (TargetState.CONTACTED, TargetOutcome.SENT), (TargetState.COMPLETED, TargetOutcome.PAID),
        (TargetState.COMPLETED, TargetOutcome.PAID), (TargetState.COMPLETED, TargetOutcome.OPTED_OUT),
    ]  # fmt: skip
    for place, (state, outcome) in enumerate(moves):
        await story.move(await story.target(place), state, outcome)
    figures = await _stats(story)
    assert (figures.pending, figures.scheduled, figures.calling, figures.contacted, figures.completed) == (
        1,
        1,
        1,
        1,
        3,
    )
    assert figures.outcomes == {"sent": 1, "paid": 2, "opted_out": 1}
    assert figures.without_outcome == 3
    assert figures.total_targets == 7 == _states(figures)
    assert figures.debt_cents == 7 * 11990


async def test_funnel_counts_what_came_after_the_contact(story: Story) -> None:
    silent, reader, replier, promiser, payer, early = [await story.target(place) for place in range(6)]
    await story.target(6)  # nobody has contacted this one
    await story.contact(silent)
    await story.contact(reader, status="read")
    await story.reply(await story.contact(replier, status="delivered"))
    await story.contact(promiser)
    await story.promise(promiser)
    await story.reply(await story.contact(payer, status="read"))
    await story.pay(payer)
    await story.pay(early, at=DEFAULT_NOW - timedelta(hours=1))
    figures = await _stats(story)
    assert figures.total_targets == 7
    assert figures.reached == 5
    assert figures.delivered == 4  # who promised has received it, whatever the provider said
    assert figures.read == 4
    assert figures.responded == 3
    assert (figures.promised, figures.paid, figures.paid_without_contact) == (1, 1, 1)
    rates = rates_of(figures)
    assert (rates.contact_rate, rates.response_rate) == (round(5 / 7, 4), 0.6)
    assert (rates.promise_rate, rates.conversion_rate) == (round(1 / 3, 4), 0.2)


async def test_what_was_said_before_the_contact_is_no_answer_to_it(story: Story) -> None:
    target = await story.target(0)
    conversation = await story.contact(target)
    await story.reply(conversation, at=DEFAULT_NOW - timedelta(days=2))
    await story.promise(target, at=DEFAULT_NOW - timedelta(days=1))
    figures = await _stats(story)
    assert (figures.responded, figures.promised, figures.pending_promises) == (0, 0, 0)


async def test_reply_within_the_same_second_counts(story: Story) -> None:
    at = DEFAULT_NOW.replace(microsecond=900_000)
    conversation = await story.contact(await story.target(0), at=at)
    await story.reply(conversation, at=at.replace(microsecond=0))  # as providers write it
    assert (await _stats(story)).responded == 1


@pytest.mark.parametrize(
    ("status", "answered_by", "responded"),
    [
        ("completed", "human", 1), ("completed", None, 1), ("completed", "unknown", 1), ("in_progress", "human", 1),
        ("completed", "machine_end_beep", 0), ("completed", "fax", 0), ("no_answer", None, 0), ("busy", None, 0),
        ("unknown", None, 0),
    ],
)  # fmt: skip
async def test_a_call_counts_as_answered_by_people_only(
    story: Story, status: str, answered_by: str | None, responded: int
) -> None:
    await story.call(await story.target(0), status=status, answered_by=answered_by)
    figures = await _stats(story)
    assert (figures.responded, figures.methods["voice"].answered) == (responded, responded)
    assert figures.methods["voice"].unknown == (status == "unknown")
    assert contacts_by(figures, "voice") == 1


async def test_replies_of_a_merged_contact_count(story: Story) -> None:
    target = await story.target(0)
    conversation = await story.contact(target)
    kept = uuid4()
    await story.execute(
        "INSERT INTO contacts (tenant_id, id, name) VALUES (%(tenant)s, %(id)s, 'Maria')",
        tenant=story.tenant_id, id=kept,
    )  # fmt: skip
    await story.execute(
        "UPDATE contacts SET merged_into = %(kept)s WHERE id = (SELECT contact_id FROM targets WHERE id = %(id)s)",
        kept=kept, id=target.id,
    )  # fmt: skip
    await story.execute("UPDATE conversations SET contact_id = %(kept)s", kept=kept)
    await story.reply(conversation)
    assert (await _stats(story)).responded == 1


async def test_refused_contacts_do_not_count(story: Story) -> None:
    target = await story.target(0)
    await story.contact(target, status="failed", is_voided=True)
    figures = await _stats(story)
    assert (figures.reached, figures.methods, figures.spent_cents) == (0, {}, 0)


async def test_methods_costs_and_reasons(story: Story) -> None:
    first, second = await story.target(0), await story.target(1)
    await story.contact(first, status="delivered")
    await story.contact(first, status="unknown")
    await story.call(second)
    await story.decide(second, "skip", "active_promise", daysLeft=3)
    await story.decide(second, "skip", "already_paid")
    for _ in range(3):
        await story.decide(second, "postpone", "outside_hours")
    figures = await _stats(story)
    whatsapp = figures.methods["whatsapp"]
    assert (whatsapp.contacts, whatsapp.delivered, whatsapp.unknown, whatsapp.spent_cents) == (2, 1, 1, 80)
    assert figures.spent_cents == 140 == sum(found.spent_cents for found in figures.methods.values())
    assert figures.skipped == {"active_promise": 1, "already_paid": 1}
    assert figures.postponed == {"outside_hours": 3}


async def test_fulfilment_is_of_settled_promises(story: Story) -> None:
    for place, status in enumerate(("fulfilled", "fulfilled", "fulfilled", "broken", "pending", "renegotiated")):
        target = await story.target(place)
        await story.contact(target)
        await story.promise(target, status=status, amount_cents=1000)
    figures = await _stats(story)
    assert (figures.pending_promises, figures.fulfilled_promises, figures.broken_promises) == (1, 3, 1)
    assert (figures.renegotiated_promises, figures.promised_cents, figures.fulfilled_cents) == (1, 5000, 3000)
    assert rates_of(figures).fulfilment_rate == 0.75


async def test_campaigns_do_not_mix_and_the_tenant_sees_all(story: Story, database: Database) -> None:
    second = await make_campaign(database, story.tenant_id, story.account.id)
    mine, theirs = await story.target(0), await story.target(1, campaign=second)
    await story.contact(mine)
    await story.contact(theirs)
    await story.promise(theirs)
    stranger = await begin_story(database, slug="outra")
    await stranger.contact(await stranger.target(2))
    figures = await _stats(story)
    assert (figures.total_targets, figures.reached, figures.pending_promises) == (1, 1, 0)
    total = await metrics_of_tenant(database, story.tenant_id)
    assert (total.total_targets, total.reached, total.pending_promises, total.spent_cents) == (2, 2, 1, 80)
    assert (contacts_by(total, "whatsapp"), contacts_by(total, "sms"), total.budget_cents) == (2, 0, None)


async def test_imported_rows_are_those_of_the_imports(story: Story) -> None:
    await story.execute(
        """
        INSERT INTO imports (tenant_id, id, campaign_id, file_name, file_kind, size_bytes, imported, created_at)
        VALUES (%(tenant)s, gen_random_uuid(), %(campaign)s, 'a.csv', 'csv', 1, 2, %(now)s),
            (%(tenant)s, gen_random_uuid(), %(campaign)s, 'b.csv', 'csv', 1, 3, %(now)s)
        """,
        tenant=story.tenant_id, campaign=story.campaign.id, now=DEFAULT_NOW,
    )  # fmt: skip
    await add_many(story.database, story.campaign, 5)
    figures = await _stats(story)
    assert figures.imported_rows == figures.total_targets == 5


async def test_figures_add_up_while_targets_move(story: Story) -> None:
    await add_many(story.database, story.campaign, 200)
    is_done = asyncio.Event()

    async def stir(seed: int) -> None:
        """Move targets about, many in a transaction, as drains do."""
        steps = ["scheduled", "calling", "contacted", "completed", "pending"]
        for turn in range(25):
            await story.execute(
                """
                UPDATE targets SET state = %(state)s, outcome = CASE WHEN %(state)s = 'completed' THEN 'paid' END,
                    paid_at = CASE WHEN %(state)s = 'completed' THEN now() END
                WHERE id IN (SELECT id FROM targets ORDER BY id OFFSET %(seed)s LIMIT 60 FOR UPDATE SKIP LOCKED)
                """,
                state=steps[(turn + seed) % len(steps)], seed=seed * 40,
            )  # fmt: skip

    async def watch() -> int:
        looks = 0
        while not is_done.is_set():
            figures = await _stats(story)
            assert _states(figures) == figures.total_targets == 200
            assert sum(figures.outcomes.values()) + figures.without_outcome == 200
            assert figures.outcomes.get("paid", 0) == figures.completed == figures.paid_without_contact
            looks += 1
        return looks

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(stir(seed) for seed in range(3)))
    is_done.set()
    assert await watching > 3


async def test_days_are_the_tenants_own(story: Story) -> None:
    first, second = await story.target(0), await story.target(1)
    late = DEFAULT_NOW.replace(hour=2, minute=30) + timedelta(days=1)  # 23:30 of the same day in São Paulo
    conversation = await story.contact(first)
    await story.contact(second)
    await story.reply(conversation, at=late)
    await story.reply(conversation, at=late + timedelta(minutes=1))
    await story.reply(conversation, at=late + timedelta(hours=1))
    await story.promise(first, at=late + timedelta(hours=2))
    await story.pay(first, at=late + timedelta(days=2))
    async with story.database.tenant(story.tenant_id) as connection:
        days = await campaign_stats.days_of_campaign(connection, story.campaign.id, SAO_PAULO)
    assert [(day.day, day.contacts, day.replies, day.promises, day.payments) for day in days] == [
        (date(2026, 11, 20), 2, 1, 0, 0), (date(2026, 11, 21), 0, 1, 1, 0), (date(2026, 11, 22), 0, 0, 0, 1),
    ]  # fmt: skip
