"""A promised day ends where the customer is, whatever the server's and the tenant's zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.effects import ClaimPayment, RecordPromise
from domain.messages import Address, AddressKind
from domain.phones import match_key
from domain.promises import promised_invoices
from domain.turns import Agreement, ContactProfile
from services.collection import (
    DateInPast,
    PromiseRequest,
    check_promised_day,
    plan_payment_notice,
    plan_promise,
)
from services.effects import apply_effects
from services.promise_dates import promise_dates
from store import contacts, promises
from store.promises import PromiseRow
from tests.business_world import MARIA, FakeCrm, World, statement
from tests.fakes_clock import DEFAULT_NOW

PHONES = {
    "America/Noronha": "",  # no area code of its own: the tenant's zone is used
    "America/Sao_Paulo": "+5511999990001",
    "America/Manaus": "+5592999990001",
    "America/Rio_Branco": "+5568999990001",
}
ONE_SECOND = timedelta(seconds=1)


async def add_phone(world: World, phone: str) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        await contacts.add_address(
            connection, tenant_id=world.tenant.id, contact_id=world.contact_id,
            address=Address(kind=AddressKind.PHONE, value=phone), match_key=match_key(phone),
        )  # fmt: skip


async def promise_for_today(world: World, zone: ZoneInfo, *, local: datetime, phone: str) -> PromiseRow:
    """Promise, at a local instant of the customer's, to pay that very day; as the tool does in two turns."""
    now = local.replace(tzinfo=zone).astimezone(UTC)
    profile = ContactProfile(id=world.contact_id, phone_match_keys=(match_key(phone) or "",) if phone else ())
    tenant = world.tenant if phone else replace(world.tenant, time_zone=zone)
    turn = replace(world.turn(seq=2, now=now, contact=profile), tenant=tenant)
    request = PromiseRequest(document=MARIA, due_on=local.date(), amount_cents=11990)
    planned = await plan_promise(
        world.database, FakeCrm(statement()), request, turn=turn,
        proposal=Agreement(amount_cents=11990, due_on=local.date().isoformat(), proposed_in_turn=1),
        new_texts=("sim",),
    )  # fmt: skip
    assert planned.effect is not None
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (planned.effect,), tenant=tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=2, now=now,
        )  # fmt: skip
        row = await promises.pending_of(connection, MARIA)
    assert row is not None
    return row


@pytest.mark.parametrize("zone_name", PHONES)
@pytest.mark.parametrize("wall", [(23, 59, 59), (0, 0, 0)])
async def test_promise_for_today_at_the_edges_of_the_day(
    world: World, zone_name: str, wall: tuple[int, int, int]
) -> None:
    zone, phone = ZoneInfo(zone_name), PHONES[zone_name]
    if phone:
        await add_phone(world, phone)
    row = await promise_for_today(world, zone, local=datetime(2026, 11, 27, *wall), phone=phone)  # noqa: DTZ001
    assert row.due_on == date(2026, 11, 27)
    assert row.protected_until == datetime(2026, 11, 28, tzinfo=zone)
    assert (row.protected_until - ONE_SECOND).astimezone(zone).date() == row.due_on


@pytest.mark.parametrize(
    ("zone_name", "phone", "day", "end"),
    [
        # São Paulo 2018-11-04 has no midnight: the day begins at 01:00. 2018-02-17 has 23:00-23:59 twice.
        ("America/Sao_Paulo", "+5511999990001", date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("America/Sao_Paulo", "+5511999990001", date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),
        ("America/Cuiaba", "+5565999990001", date(2018, 11, 3), datetime(2018, 11, 4, 4, tzinfo=UTC)),
        ("America/Rio_Branco", "+5568999990001", date(2018, 11, 3), datetime(2018, 11, 4, 5, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("fold", [0, 1])
async def test_clock_changes(
    world: World, zone_name: str, phone: str, day: date, end: datetime, fold: int
) -> None:  # fmt: skip
    await add_phone(world, phone)
    local = datetime(day.year, day.month, day.day, 23, 59, 59, fold=fold)  # noqa: DTZ001
    row = await promise_for_today(world, ZoneInfo(zone_name), local=local, phone=phone)
    assert row.protected_until == end
    assert row.review_due_at == end + timedelta(hours=24)


async def test_of_several_phones_the_latest_end_protects(world: World) -> None:
    for phone in ("+5511999990001", "+5568999990001"):
        await add_phone(world, phone)
    async with world.database.tenant(world.tenant.id) as connection:
        dates = await promise_dates(
            connection, tenant=world.tenant, contact_id=world.contact_id, due_on=date(2026, 11, 27), now=DEFAULT_NOW
        )
    assert dates.protected_until == datetime(2026, 11, 28, 5, tzinfo=UTC)


@pytest.mark.parametrize("phone", ["", "+14155550123"])
async def test_without_a_brazilian_phone_the_tenants_zone_decides(world: World, phone: str) -> None:
    if phone:
        await add_phone(world, phone)
    async with world.database.tenant(world.tenant.id) as connection:
        dates = await promise_dates(
            connection, tenant=world.tenant, contact_id=world.contact_id, due_on=date(2026, 11, 27), now=DEFAULT_NOW
        )
    assert dates.protected_until == datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert dates.reminder_due_at is None


async def test_day_that_is_over_for_the_tenant_may_be_today_for_the_customer(world: World) -> None:
    late = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # 00:30 in São Paulo, 22:30 of the 20th in Rio Branco
    in_acre = ContactProfile(id=world.contact_id, phone_match_keys=("6899990001",))
    check_promised_day(date(2026, 11, 20), world.turn(now=late, contact=in_acre))
    with pytest.raises(DateInPast):
        check_promised_day(date(2026, 11, 19), world.turn(now=late, contact=in_acre))
    with pytest.raises(DateInPast):
        check_promised_day(date(2026, 11, 20), world.turn(now=late))


async def test_payment_notice_holds_until_the_end_of_the_customers_day(world: World) -> None:
    in_acre = ContactProfile(id=world.contact_id, phone_match_keys=("6899990001",))
    notice = await plan_payment_notice(FakeCrm(statement()), document=MARIA, turn=world.turn(contact=in_acre))
    assert isinstance(notice.effect, ClaimPayment)
    assert notice.hold_until_day == date(2026, 11, 23)
    assert notice.effect.hold_until == datetime(2026, 11, 24, 5, tzinfo=UTC)


async def test_promise_keeps_what_was_open(world: World) -> None:
    row = await promise_for_today(
        world, ZoneInfo("America/Sao_Paulo"), local=datetime(2026, 11, 27, 12), phone=""  # noqa: DTZ001
    )  # fmt: skip
    assert row.debt_cents == 23980
    assert row.invoices == promised_invoices(statement())
    assert (row.paid_cents, row.fulfilled_at, row.broken_at, row.reminded_at) == (0, None, None, None)


async def test_new_promise_leaves_nothing_due_on_the_old_one(world: World) -> None:
    async with world.database.tenant(world.tenant.id) as connection:
        for seq in (1, 2):
            effect = RecordPromise(protocol=f"P{seq}", document=MARIA, amount_cents=1, due_on=date(2026, 11, 27))
            await apply_effects(
                connection, (effect,), tenant=world.tenant, contact_id=world.contact_id,
                conversation_id=world.conversation_id, turn_seq=seq, now=DEFAULT_NOW + timedelta(minutes=seq),
            )  # fmt: skip
        old, new = await promises.of_document(connection, MARIA)
    assert (old.status, old.review_due_at, old.reminder_due_at) == ("renegotiated", None, None)
    assert (new.status, new.review_due_at) == ("pending", datetime(2026, 11, 29, 3, tzinfo=UTC))
