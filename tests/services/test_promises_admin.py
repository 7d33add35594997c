"""What operators do with promises, through the services that the API calls."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.campaigns import TargetOutcome, TargetState
from domain.effects import ClaimPayment, RecordPromise
from domain.errors import InvalidInput, NotFound
from domain.messages import Address, AddressKind
from domain.phones import match_key
from domain.ports import DebtStatement
from domain.promises import PromisedInvoice, PromiseSettled, PromiseStatus, promised_invoices
from services.effects import apply_effects
from services.promises_admin import PromisePatch, get_promise, list_promises, patch_promise
from store import contacts, events, payment_claims, promises
from store.promises import PromiseRow
from tests.business_world import JOAO, MARIA, FakeCrm, World, make_world, statement
from tests.campaign_rig import add_target, make_campaign, target_of
from tests.fakes_clock import DEFAULT_NOW

DUE = date(2026, 11, 27)
END = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)  # of the promised day in São Paulo
LATER = DEFAULT_NOW + timedelta(hours=2)


async def promise(
    world: World, *, document: str = MARIA, seq: int = 1, now: datetime = DEFAULT_NOW, cents: int = 11990,
    shown: DebtStatement | None = None,
) -> PromiseRow:  # fmt: skip
    then = shown or statement(document)
    effect = RecordPromise(
        protocol=f"P{uuid4().hex[:6]}", document=document, amount_cents=cents, due_on=DUE, method="Pix",
        notes="paga no dia do salário", debt_cents=then.total_cents, invoices=promised_invoices(then),
    )  # fmt: skip
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (effect,), tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=seq, now=now,
        )  # fmt: skip
        row = await promises.pending_of(connection, document)
    assert row is not None
    return row


async def change(
    world: World, promise_id: UUID, patch: PromisePatch, *, crm: FakeCrm | None = None, now: datetime = LATER
) -> PromiseRow:
    return await patch_promise(world.database, crm or FakeCrm(statement()), world.tenant, promise_id, patch, now=now)


async def event_data(world: World, kind: str) -> list[Mapping[str, object]]:
    async with world.database.tenant(world.tenant.id) as connection:
        found = await events.newest(connection, limit=50)
    return [event["data"] for event in found if event["kind"] == kind and isinstance(event["data"], Mapping)]


async def test_list_filters_and_counts(world: World) -> None:
    first = await promise(world)
    second = await promise(world, seq=2, now=LATER)
    other = await promise(world, document=JOAO, seq=3, now=LATER + timedelta(hours=1))

    async def ids(
        *, status: PromiseStatus | None = None, document: str | None = None, limit: int = 10, offset: int = 0
    ) -> tuple[list[UUID], int]:
        rows, total = await list_promises(
            world.database, world.tenant.id, status=status, document=document, limit=limit, offset=offset
        )
        return [row.id for row in rows], total

    assert await ids() == ([other.id, second.id, first.id], 3)
    assert await ids(limit=1, offset=1) == ([second.id], 3)
    assert await ids(status=PromiseStatus.RENEGOTIATED) == ([first.id], 1)
    assert await ids(document=MARIA) == ([second.id, first.id], 2)
    assert await ids(document=JOAO, status=PromiseStatus.BROKEN) == ([], 0)


async def test_promise_of_another_tenant_is_not_there(world: World) -> None:
    other = await make_world(world.database, slug="outra")
    theirs = await promise(other)
    with pytest.raises(NotFound):
        await get_promise(world.database, world.tenant.id, theirs.id)
    with pytest.raises(NotFound):
        await change(world, theirs.id, PromisePatch(status=PromiseStatus.CANCELED))
    assert (await get_promise(world.database, other.tenant.id, theirs.id)).status == "pending"


async def test_empty_patch_changes_nothing(world: World) -> None:
    row = await promise(world)
    assert await change(world, row.id, PromisePatch()) == row


@pytest.mark.parametrize(
    ("status", "paid", "fulfilled_at", "broken_at"),
    [
        (PromiseStatus.FULFILLED, 11990, LATER, None),
        (PromiseStatus.BROKEN, 0, None, LATER),
        (PromiseStatus.CANCELED, 0, None, None),
    ],
)
async def test_operator_says_how_it_ended(
    world: World, status: PromiseStatus, paid: int, fulfilled_at: datetime | None, broken_at: datetime | None
) -> None:
    row = await promise(world)
    assert status is not PromiseStatus.PENDING
    assert status is not PromiseStatus.RENEGOTIATED
    ended = await change(world, row.id, PromisePatch(status=status))
    assert (ended.id, ended.status, ended.paid_cents) == (row.id, status, paid)
    assert (ended.fulfilled_at, ended.broken_at) == (fulfilled_at, broken_at)
    assert (ended.review_due_at, ended.reminder_due_at) == (None, None)
    assert await event_data(world, f"promise_{status}") == [{"promiseId": str(row.id), "by": "api"}]


async def test_same_ending_twice_is_one_ending(world: World) -> None:
    row = await promise(world)
    once = await change(world, row.id, PromisePatch(status=PromiseStatus.BROKEN))
    again = await change(world, row.id, PromisePatch(status=PromiseStatus.BROKEN), now=LATER + timedelta(days=1))
    assert again == once
    assert len(await event_data(world, "promise_broken")) == 1


@pytest.mark.parametrize(
    "patch",
    [
        PromisePatch(status=PromiseStatus.FULFILLED),
        PromisePatch(status=PromiseStatus.CANCELED),
        PromisePatch(due_on=date(2026, 12, 1)),
        PromisePatch(amount_cents=1),
    ],
)
async def test_ended_promise_stays_as_it_is(world: World, patch: PromisePatch) -> None:
    row = await promise(world)
    ended = await change(world, row.id, PromisePatch(status=PromiseStatus.BROKEN))
    with pytest.raises(PromiseSettled):
        await change(world, row.id, patch)
    assert await get_promise(world.database, world.tenant.id, row.id) == ended


@pytest.mark.parametrize(("is_paid", "claim_status"), [(True, "confirmed"), (False, "open")])
async def test_operators_word_ends_the_promise_but_only_the_crm_ends_the_debt(
    world: World, is_paid: bool, claim_status: str
) -> None:
    row = await promise(world)
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (ClaimPayment(document=MARIA, hold_until=LATER),), tenant=world.tenant,
            contact_id=world.contact_id, conversation_id=world.conversation_id, turn_seq=2, now=DEFAULT_NOW,
        )  # fmt: skip
    crm = FakeCrm(statement())
    if is_paid:
        crm.pay(MARIA)
    assert (await change(world, row.id, PromisePatch(status=PromiseStatus.FULFILLED), crm=crm)).status == "fulfilled"
    async with world.database.tenant(world.tenant.id) as connection:
        (claim,) = await payment_claims.of_document(connection, MARIA)
    assert claim.status == claim_status


@pytest.mark.parametrize(
    ("patch", "state", "outcome", "due_at"),
    [
        (PromisePatch(status=PromiseStatus.BROKEN), "pending", "promise_broken", LATER),
        # Free to be planned at the scheduler's next look, by the normal rules.
        (PromisePatch(status=PromiseStatus.CANCELED), "contacted", "promise_made", LATER),
        (PromisePatch(status=PromiseStatus.FULFILLED), "contacted", "promise_made", END),
        (PromisePatch(due_on=date(2026, 12, 4)), "contacted", "promise_made", END + timedelta(days=7)),
    ],
)
async def test_targets_follow_what_the_operator_says(
    world: World, patch: PromisePatch, state: str, outcome: str, due_at: datetime
) -> None:
    campaign = await make_campaign(world.database, world.tenant.id)
    target = await add_target(
        world.database, campaign, state=TargetState.CONTACTED, outcome=TargetOutcome.SENT, contact_id=world.contact_id
    )
    row = await promise(world)
    await change(world, row.id, patch)
    found = await target_of(world.database, target)
    assert (found.state, found.outcome, found.due_at) == (state, outcome, due_at)


async def test_operator_and_crm_together_end_the_targets(world: World) -> None:
    campaign = await make_campaign(world.database, world.tenant.id)
    target = await add_target(world.database, campaign)
    row = await promise(world)
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    await change(world, row.id, PromisePatch(status=PromiseStatus.FULFILLED), crm=crm)
    assert (await target_of(world.database, target)).outcome == "paid"


async def test_new_day_is_a_new_promise_in_its_place(world: World) -> None:
    old = await promise(world)
    new = await change(world, old.id, PromisePatch(due_on=date(2026, 12, 4)))
    assert (new.status, new.due_on, new.amount_cents) == ("pending", date(2026, 12, 4), 11990)
    assert (new.contact_id, new.conversation_id, new.method, new.notes) == (
        old.contact_id, old.conversation_id, old.method, old.notes,
    )  # fmt: skip
    assert new.protected_until == datetime(2026, 12, 5, 3, tzinfo=UTC)
    assert new.review_due_at == new.protected_until + timedelta(days=1)
    assert new.protocol != old.protocol
    before = await get_promise(world.database, world.tenant.id, old.id)
    assert (before.status, before.replaced_by, before.review_due_at) == ("renegotiated", new.id, None)
    assert await event_data(world, "promise_renegotiated") == [
        {"promiseId": str(old.id), "by": "api", "replacedBy": str(new.id)}
    ]


async def test_new_amount_is_measured_by_what_is_open_now(world: World) -> None:
    old = await promise(world, cents=23980)
    shown = statement()
    partly = FakeCrm(replace(shown, invoices=shown.invoices[1:]))
    new = await change(world, old.id, PromisePatch(amount_cents=5000), crm=partly)
    assert (new.amount_cents, new.debt_cents, new.due_on) == (5000, 11990, DUE)
    assert new.invoices == (PromisedInvoice(number="FAT-1002", amount_cents=11990),)


async def test_new_day_for_a_partly_paid_promise_asks_for_no_more_than_is_open(world: World) -> None:
    old = await promise(world, cents=23980)
    shown = statement()
    partly = FakeCrm(replace(shown, invoices=shown.invoices[1:]))
    new = await change(world, old.id, PromisePatch(due_on=date(2026, 12, 4)), crm=partly)
    assert new.amount_cents == 11990


async def test_crm_that_is_away_does_not_stop_an_operator(world: World) -> None:
    old = await promise(world)
    crm = FakeCrm(statement())
    crm.is_down = True
    new = await change(world, old.id, PromisePatch(due_on=date(2026, 12, 4)), crm=crm)
    assert (new.debt_cents, new.invoices) == (old.debt_cents, old.invoices)
    with pytest.raises(InvalidInput):
        await change(world, new.id, PromisePatch(amount_cents=23981), crm=crm)


async def test_same_change_twice_makes_one_promise(world: World) -> None:
    old = await promise(world)
    patch = PromisePatch(due_on=date(2026, 12, 4), amount_cents=5000)
    new = await change(world, old.id, patch)
    assert await change(world, old.id, patch, now=LATER + timedelta(minutes=1)) == new
    _, total = await list_promises(world.database, world.tenant.id, status=None, document=MARIA, limit=1, offset=0)
    assert total == 2


async def test_day_and_amount_that_it_has_already_change_nothing(world: World) -> None:
    old = await promise(world)
    assert await change(world, old.id, PromisePatch(due_on=DUE, amount_cents=11990)) == old


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (PromisePatch(due_on=date(2026, 11, 19)), "dueOn"),
        (PromisePatch(due_on=date(2026, 12, 21)), "dueOn"),
        (PromisePatch(amount_cents=0), "amountCents"),
        (PromisePatch(amount_cents=23981), "amountCents"),
        (PromisePatch(status=PromiseStatus.BROKEN, amount_cents=1), "status"),
    ],
)
async def test_change_that_cannot_be_is_refused_by_its_field(world: World, patch: PromisePatch, field: str) -> None:
    row = await promise(world)
    with pytest.raises(InvalidInput) as raised:
        await change(world, row.id, patch)
    assert raised.value.field == field
    assert (await get_promise(world.database, world.tenant.id, row.id)).status == "pending"


@pytest.mark.parametrize("due_on", [date(2026, 11, 20), date(2026, 12, 20)])
async def test_limits_themselves_are_allowed(world: World, due_on: date) -> None:
    row = await promise(world)
    assert (await change(world, row.id, PromisePatch(due_on=due_on))).due_on == due_on


async def test_nothing_can_be_promised_when_nothing_is_open(world: World) -> None:
    row = await promise(world)
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    with pytest.raises(InvalidInput, match="nothing is open"):
        await change(world, row.id, PromisePatch(due_on=date(2026, 12, 4)), crm=crm)


async def test_moved_day_ends_in_the_customers_zone(world: World) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await contacts.add_address(
            connection, tenant_id=world.tenant.id, contact_id=world.contact_id,
            address=Address(kind=AddressKind.PHONE, value="+5568999990001"), match_key=match_key("+5568999990001"),
        )  # fmt: skip
    row = await promise(world)
    assert row.protected_until == datetime(2026, 11, 28, 5, tzinfo=UTC)
    new = await change(world, row.id, PromisePatch(due_on=date(2026, 12, 4)))
    assert new.protected_until == datetime(2026, 12, 5, 5, tzinfo=UTC)
