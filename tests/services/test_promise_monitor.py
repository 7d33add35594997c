"""The monitor settles promises on the CRM's word, and on nothing else."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.campaigns import TargetOutcome, TargetState
from domain.effects import ClaimPayment, RecordPromise
from domain.ports import Crm, CrmUnavailable, DebtStatement, OpenInvoice
from domain.promises import PromiseStatus, promised_invoices
from services.effects import apply_effects
from services.ledger import LedgerCrm
from services.promise_monitor import PromiseMonitor
from services.tenant_directory import TenantDirectory
from store import events, invoices, payment_claims, promises
from store.locks import lock_debtor
from store.promises import PromiseRow
from store.targets import TargetRow
from tests.business_world import JOAO, MARIA, FakeCrm, World, add_debtor, make_world, statement
from tests.campaign_rig import add_target, make_campaign, target_of
from tests.factories import open_database
from tests.fakes_clock import DEFAULT_NOW, FakeClock

DUE = date(2026, 11, 27)
END = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)  # of the promised day in São Paulo
DAY = timedelta(days=1)


def monitor(world: World, crm: Crm, clock: FakeClock, *, worker: str = "monitor") -> PromiseMonitor:
    return PromiseMonitor(
        database=world.database, tenants=TenantDirectory(world.database), crm_for=lambda _tenant: crm, clock=clock,
        worker=worker,
    )  # fmt: skip


async def promise(
    world: World, *, shown: DebtStatement | None = None, cents: int = 11990, document: str = MARIA, seq: int = 1
) -> PromiseRow:
    """Record a promise for DUE, as a turn would, with what the CRM showed then."""
    then = shown or statement(document)
    effect = RecordPromise(
        protocol=f"P{uuid4().hex[:6]}", document=document, amount_cents=cents, due_on=DUE,
        debt_cents=then.total_cents, invoices=promised_invoices(then),
    )  # fmt: skip
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (effect,), tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=seq, now=DEFAULT_NOW,
        )  # fmt: skip
        row = await promises.pending_of(connection, document)
    assert row is not None
    return row


async def stored(world: World, promise_id: UUID) -> PromiseRow:
    async with world.database.tenant(world.tenant.id) as connection:
        row = await promises.by_id(connection, promise_id)
    assert row is not None
    return row


async def event_kinds(world: World) -> list[object]:
    async with world.database.tenant(world.tenant.id) as connection:
        return [event["kind"] for event in await events.newest(connection, limit=50)]


async def test_nobody_looks_before_24_hours_have_passed(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    assert (row.protected_until, row.review_due_at) == (END, END + DAY)
    clock.set(END + DAY - timedelta(seconds=1))
    assert await monitor(world, crm, clock).drain(10) == 0
    clock.set(END + DAY)
    assert await monitor(world, crm, clock).drain(10) == 1
    assert crm.asked == [MARIA]


async def test_paid_promise_is_fulfilled(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    found = await stored(world, row.id)
    assert (found.status, found.fulfilled_at, found.broken_at) == ("fulfilled", END + DAY, None)
    assert (found.review_due_at, found.reminder_due_at, found.locked_by) == (None, None, None)
    assert "promise_fulfilled" in await event_kinds(world)
    clock.advance(days=30)
    assert await monitor(world, crm, clock).drain(10) == 0


async def test_payment_of_everything_confirms_the_claim_too(world: World, clock: FakeClock) -> None:
    await promise(world)
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (ClaimPayment(document=MARIA, hold_until=END),), tenant=world.tenant,
            contact_id=world.contact_id, conversation_id=world.conversation_id, turn_seq=2, now=DEFAULT_NOW,
        )  # fmt: skip
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    async with world.database.tenant(world.tenant.id) as connection:
        (claim,) = await payment_claims.of_document(connection, MARIA)
    assert claim.status == "confirmed"


async def test_promised_part_was_paid_and_the_rest_stays_a_debt(world: World, clock: FakeClock) -> None:
    row = await promise(world, cents=11990)
    shown = statement()
    crm = FakeCrm(replace(shown, invoices=shown.invoices[1:]))
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    found = await stored(world, row.id)
    assert (found.status, found.paid_cents) == ("fulfilled", 11990)


async def test_partly_paid_promise_stays_pending_with_what_was_paid(world: World, clock: FakeClock) -> None:
    row = await promise(world, cents=23980)
    shown = statement()
    crm = FakeCrm(replace(shown, invoices=shown.invoices[1:]))
    clock.set(END + DAY + timedelta(minutes=2))
    await monitor(world, crm, clock).drain(10)
    found = await stored(world, row.id)
    assert (found.status, found.paid_cents, found.review_due_at) == ("pending", 11990, END + 2 * DAY)
    assert (found.locked_by, found.attempts) == (None, 0)


async def test_unpaid_promise_is_looked_at_daily_and_broken_after_seven_days(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    statuses = []
    clock.set(END)
    for _ in range(9):
        clock.advance(days=1)
        await monitor(world, crm, clock).drain(10)
        statuses.append((await stored(world, row.id)).status)
    assert statuses == ["pending"] * 6 + ["broken"] * 3
    assert len(crm.asked) == 7
    found = await stored(world, row.id)
    assert (found.broken_at, found.fulfilled_at, found.review_due_at) == (END + 7 * DAY, None, None)
    assert (await event_kinds(world)).count("promise_broken") == 1


async def test_days_of_grace_are_the_tenants(database_url: str, clock: FakeClock) -> None:
    async with open_database(database_url) as database:
        world = await make_world(database, promise_broken_after_days=2)
        row = await promise(world)
        clock.set(END + 2 * DAY)
        await monitor(world, FakeCrm(statement()), clock).drain(10)
        assert (await stored(world, row.id)).status == "broken"


async def rested(world: World) -> TargetRow:
    """Give the debtor's target as the scheduling leaves it: resting for the promise, then taken up again."""
    campaign = await make_campaign(world.database, world.tenant.id)
    return await add_target(
        world.database, campaign, state=TargetState.CONTACTED, outcome=TargetOutcome.SENT, contact_id=world.contact_id
    )


async def test_payment_of_everything_ends_the_targets_as_paid(world: World, clock: FakeClock) -> None:
    target = await rested(world)
    await promise(world)
    resting = await target_of(world.database, target)
    assert (resting.state, resting.outcome, resting.due_at) == ("contacted", "promise_made", END)
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    paid = await target_of(world.database, target)
    assert (paid.state, paid.outcome, paid.paid_at, paid.due_at) == ("completed", "paid", END + DAY, None)


async def test_paid_part_does_not_end_the_targets(world: World, clock: FakeClock) -> None:
    target = await rested(world)
    await promise(world)
    shown = statement()
    clock.set(END + DAY)
    await monitor(world, FakeCrm(replace(shown, invoices=shown.invoices[1:])), clock).drain(10)
    resting = await target_of(world.database, target)
    assert (resting.state, resting.outcome, resting.due_at) == ("contacted", "promise_made", END)


async def test_broken_promise_brings_the_targets_back(world: World, clock: FakeClock) -> None:
    target = await rested(world)
    await promise(world)
    clock.set(END + 7 * DAY)
    await monitor(world, FakeCrm(statement()), clock).drain(10)
    back = await target_of(world.database, target)
    assert (back.state, back.outcome, back.due_at) == ("pending", "promise_broken", END + 7 * DAY)


async def test_later_invoice_does_not_matter(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    later = OpenInvoice(number="FAT-9999", amount_cents=11990, due_on=DUE, days_late=5)
    crm = FakeCrm(replace(statement(), invoices=(later,)))
    clock.set(END + 8 * DAY)
    await monitor(world, crm, clock).drain(10)
    assert (await stored(world, row.id)).status == "fulfilled"


@pytest.mark.parametrize("days", [1, 100])
async def test_crm_that_does_not_answer_breaks_nothing(world: World, clock: FakeClock, days: int) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    crm.is_down = True
    clock.set(END + days * DAY)
    start = clock.now()
    waits = []
    for _ in range(5):
        assert await monitor(world, crm, clock).drain(10) == 1
        found = await stored(world, row.id)
        assert (found.status, found.paid_cents, found.locked_by) == ("pending", 0, None)
        assert found.review_due_at is not None
        waits.append(found.review_due_at - clock.now())
        clock.set(found.review_due_at)
    minutes = [int(wait.total_seconds()) // 60 for wait in waits]
    assert minutes == [5, 15, 60, 1440, 1440]
    assert clock.now() > start
    crm.is_down = False
    crm.pay(MARIA)
    await monitor(world, crm, clock).drain(10)
    assert (await stored(world, row.id)).status == "fulfilled"


async def test_good_answer_forgets_the_failures(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    crm.is_down = True
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    assert (await stored(world, row.id)).attempts == 1
    crm.is_down = False
    clock.advance(minutes=5)
    await monitor(world, crm, clock).drain(10)
    found = await stored(world, row.id)
    assert (found.status, found.attempts, found.review_due_at) == ("pending", 0, END + 2 * DAY)


async def test_customer_that_the_crm_has_lost_is_not_one_who_did_not_pay(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    clock.set(END + 30 * DAY)
    assert await monitor(world, FakeCrm(), clock).drain(10) == 1
    found = await stored(world, row.id)
    assert (found.status, found.review_due_at) == ("pending", clock.now() + timedelta(minutes=5))


class _Broken:
    """A CRM adapter with a fault of its own for one document."""

    def __init__(self, crm: FakeCrm, document: str) -> None:
        self._crm = crm
        self._document = document

    async def open_invoices(self, document: str) -> DebtStatement:
        if document == self._document:
            raise ZeroDivisionError
        return await self._crm.open_invoices(document)


async def test_one_promise_that_fails_holds_up_no_other(world: World, clock: FakeClock) -> None:
    bad = await promise(world)
    good = await promise(world, document=JOAO, seq=2)
    crm = FakeCrm(statement(JOAO))
    crm.pay(JOAO)
    clock.set(END + DAY)
    assert await monitor(world, _Broken(crm, MARIA), clock).drain(10) == 2
    assert (await stored(world, good.id)).status == "fulfilled"
    found = await stored(world, bad.id)
    assert (found.status, found.attempts, found.review_due_at) == ("pending", 1, clock.now() + timedelta(minutes=5))


async def test_tenants_own_ledger_counts_as_a_crm(world: World, clock: FakeClock) -> None:
    await add_debtor(world, amounts=(11990,))
    crm = LedgerCrm(world.database, world.tenant.id, clock, world.tenant.time_zone)
    row = await promise(world, shown=await crm.open_invoices(MARIA))
    async with world.database.tenant(world.tenant.id) as connection:
        await invoices.mark_paid(connection, f"FAT-{MARIA[-4:]}1", now=END)
    clock.set(END + DAY)
    await monitor(world, crm, clock).drain(10)
    assert (await stored(world, row.id)).status == "fulfilled"


async def test_claimed_promise_is_free_again_when_the_worker_died(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    clock.set(END + DAY)
    async with world.database.platform() as connection:
        (claimed,) = await promises.claim_reviews(
            connection, worker="dead", now=clock.now(), locked_until=clock.now() + timedelta(seconds=60), limit=10
        )
    assert (claimed.id, claimed.tenant_id) == (row.id, world.tenant.id)
    crm = FakeCrm(statement())
    assert await monitor(world, crm, clock).drain(10) == 0
    clock.advance(seconds=60)
    assert await monitor(world, crm, clock).drain(10) == 1


class _Meanwhile:
    """A CRM that answers only after something else has happened to the promise."""

    def __init__(self, shown: DebtStatement) -> None:
        self._shown = shown
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def open_invoices(self, document: str) -> DebtStatement:
        self.is_asked.set()
        await self.may_answer.wait()
        return self._shown


async def test_promise_that_was_renegotiated_while_the_crm_thought_is_left_alone(
    world: World, clock: FakeClock
) -> None:
    old = await promise(world)
    clock.set(END + 8 * DAY)
    crm = _Meanwhile(statement())
    running = asyncio.create_task(monitor(world, crm, clock).drain(1))
    await crm.is_asked.wait()
    new = await promise(world, seq=2)
    crm.may_answer.set()
    await running
    assert (await stored(world, old.id)).status == PromiseStatus.RENEGOTIATED
    assert (await stored(world, new.id)).status == PromiseStatus.PENDING
    assert "promise_broken" not in await event_kinds(world)


async def test_late_answer_of_a_worker_that_lost_its_claim_is_thrown_away(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    clock.set(END + 8 * DAY)
    slow = _Meanwhile(statement())
    running = asyncio.create_task(monitor(world, slow, clock, worker="slow").drain(10))
    await slow.is_asked.wait()
    clock.advance(seconds=61)
    down = FakeCrm(statement())
    down.is_down = True
    await monitor(world, down, clock, worker="other").drain(10)
    slow.may_answer.set()
    await running
    assert (await stored(world, row.id)).status == "pending"


async def test_monitor_waits_for_whoever_holds_the_debtor(world: World, clock: FakeClock) -> None:
    row = await promise(world)
    clock.set(END + 8 * DAY)
    crm = _Meanwhile(statement())
    async with world.database.tenant(world.tenant.id) as connection:
        await lock_debtor(connection, world.tenant.id, MARIA)
        running = asyncio.create_task(monitor(world, crm, clock).drain(10))
        await crm.is_asked.wait()
        crm.may_answer.set()
        await promises.fulfill_pending(connection, MARIA, now=clock.now())
    await running
    assert (await stored(world, row.id)).status == "fulfilled"


async def test_many_promises_in_two_processes_are_asked_about_once(world: World, clock: FakeClock) -> None:
    documents = [f"{number:011d}" for number in range(60)]
    for place, document in enumerate(documents):
        await promise(world, document=document, seq=place + 1)
    crm = FakeCrm(*(statement(document) for document in documents))
    clock.set(END + DAY)
    drained = await asyncio.gather(*(monitor(world, crm, clock, worker=name).drain(100) for name in ("one", "two")))
    assert sum(drained) == 60
    assert sorted(crm.asked) == documents


async def test_two_tenants_are_kept_apart(world: World, clock: FakeClock) -> None:
    other = await make_world(world.database, slug="outra")
    mine, theirs = await promise(world), await promise(other)
    crms = {world.tenant.id: FakeCrm(statement()), other.tenant.id: FakeCrm(statement())}
    crms[other.tenant.id].pay(MARIA)
    clock.set(END + DAY)
    watch = PromiseMonitor(
        database=world.database, tenants=TenantDirectory(world.database), crm_for=lambda tenant: crms[tenant.id],
        clock=clock, worker="monitor",
    )  # fmt: skip
    assert await watch.drain(10) == 2
    assert (await stored(world, mine.id)).status == "pending"
    assert (await stored(other, theirs.id)).status == "fulfilled"


async def test_reason_of_an_unavailable_crm_needs_no_statement(world: World, clock: FakeClock) -> None:
    class Lying:
        async def open_invoices(self, document: str) -> DebtStatement:
            raise CrmUnavailable("wrong_document")

    row = await promise(world)
    clock.set(END + 9 * DAY)
    await monitor(world, Lying(), clock).drain(10)
    assert (await stored(world, row.id)).status == "pending"
