"""Promises in two steps, payment notices, payment codes."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.boleto import build_boleto, parse_payment_line
from domain.effects import ClaimPayment, ConfirmPayment, RecordPromise
from domain.messages import Medium
from domain.pix import parse_pix
from domain.ports import CrmUnavailable
from domain.tenants import Tenant
from domain.turns import Agreement, ContactProfile, TurnContext
from services.collection import (
    AmountAboveDebt,
    AmountNotPositive,
    DateBeyondLimit,
    DateInPast,
    FormUnavailable,
    InvoiceUnknown,
    NothingOwed,
    PromisePlan,
    PromiseRequest,
    active_promise,
    find_invoice,
    make_second_copy,
    plan_payment_notice,
    plan_promise,
    protocol_code,
)
from services.effects import apply_effects
from tests.business_world import MARIA, TODAY, FakeCrm, World, make_world, statement
from tests.fakes_clock import DEFAULT_NOW

DUE = date(2026, 11, 27)
_TURN = TurnContext(
    tenant=Tenant(
        id=UUID(int=1), slug="x", name="X", time_zone=ZoneInfo("America/Sao_Paulo"), state_code="SP",
        assistant_name="Lia", is_bot_enabled=True,
    ),
    contact=ContactProfile(id=UUID(int=2)), conversation_id=UUID(int=3), turn_seq=1, medium=Medium.SMS, now=DEFAULT_NOW,
)  # fmt: skip
PROPOSED = Agreement(amount_cents=11990, due_on="2026-11-27", proposed_in_turn=3)


def request(cents: int = 11990, due_on: date = DUE) -> PromiseRequest:
    return PromiseRequest(document=MARIA, due_on=due_on, amount_cents=cents)


async def plan(
    world: World, wanted: PromiseRequest, *texts: str, proposal: Agreement | None = None, seq: int = 4,
    crm: FakeCrm | None = None,
) -> PromisePlan:  # fmt: skip
    return await plan_promise(
        world.database,
        crm or FakeCrm(statement()),
        wanted,
        turn=world.turn(seq=seq),
        proposal=proposal,
        new_texts=texts,
    )


async def store(world: World, planned: PromisePlan, *, seq: int = 4) -> None:
    assert planned.effect is not None
    async with world.database.tenant(world.tenant.id) as connection:
        await apply_effects(
            connection, (planned.effect,), tenant=world.tenant, contact_id=world.contact_id,
            conversation_id=world.conversation_id, turn_seq=seq, now=DEFAULT_NOW,
        )  # fmt: skip


async def test_first_call_only_proposes(world: World) -> None:
    planned = await plan(world, request(), "sim, pago dia 27")
    assert planned.effect is None
    assert planned.agreement == Agreement(amount_cents=11990, due_on="2026-11-27", proposed_in_turn=4)


@pytest.mark.parametrize("text", ["sim", "pode ser", "isso, pode registrar", "fechado", "dia 27", "27/11 então", "👍"])
async def test_yes_or_the_same_day_again_stores(world: World, text: str) -> None:
    planned = await plan(world, request(), text, proposal=PROPOSED)
    assert isinstance(planned.effect, RecordPromise)
    assert planned.effect.protocol == planned.agreement["protocol"]
    assert not planned.replaces_earlier


@pytest.mark.parametrize(
    "text",
    ["não", "dia 28", "talvez", "quanto fica?", "dia 27?", "dia 27 não dá", "dia 27 só consigo R$ 50,00", "oi", ""],
)
async def test_anything_else_stores_nothing(world: World, text: str) -> None:
    assert (await plan(world, request(), text, proposal=PROPOSED)).effect is None


async def test_proposal_of_the_same_turn_is_not_stored(world: World) -> None:
    assert (await plan(world, request(), "sim", proposal=PROPOSED, seq=3)).effect is None


@pytest.mark.parametrize("changed", [request(5000), request(due_on=date(2026, 11, 28))])
async def test_changed_promise_is_a_new_proposal(world: World, changed: PromiseRequest) -> None:
    planned = await plan(world, changed, "sim", proposal=PROPOSED)
    assert planned.effect is None
    assert planned.agreement.get("proposed_in_turn") == 4


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (request(due_on=TODAY - timedelta(days=1)), DateInPast),
        (request(due_on=TODAY + timedelta(days=31)), DateBeyondLimit),
        (request(0), AmountNotPositive),
        (request(-5), AmountNotPositive),
        (request(23981), AmountAboveDebt),
    ],
)
async def test_promise_that_cannot_be_is_refused(world: World, wanted: PromiseRequest, error: type[Exception]) -> None:
    with pytest.raises(error):
        await plan(world, wanted, "sim", proposal=PROPOSED)


@pytest.mark.parametrize(
    "wanted", [request(1), request(23980), request(due_on=TODAY), request(due_on=date(2026, 12, 20))]
)
async def test_limits_themselves_are_allowed(world: World, wanted: PromiseRequest) -> None:
    assert (await plan(world, wanted)).agreement["amount_cents"] == wanted.amount_cents


async def test_today_is_the_tenants_day(world: World) -> None:
    late_evening = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)  # 23:30 of the 20th in São Paulo
    planned = await plan_promise(
        world.database, FakeCrm(statement()), request(due_on=TODAY), turn=world.turn(now=late_evening), proposal=None,
        new_texts=(),
    )  # fmt: skip
    assert planned.agreement["due_on"] == "2026-11-20"


async def test_debt_paid_meanwhile_is_nothing_to_promise(world: World) -> None:
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    with pytest.raises(NothingOwed):
        await plan(world, request(), "sim", proposal=PROPOSED, crm=crm)


async def test_promise_of_the_same_again_answers_with_the_stored_one(world: World) -> None:
    first = await plan(world, request(), "sim", proposal=PROPOSED)
    await store(world, first)
    again = await plan(world, request(), "sim", proposal=PROPOSED, seq=9)
    assert again.effect is None
    assert again.agreement == first.agreement
    assert await active_promise(world.database, world.tenant.id, MARIA) == first.agreement


async def test_other_promise_replaces_the_active_one(world: World) -> None:
    await store(world, await plan(world, request(), "sim", proposal=PROPOSED))
    proposal = Agreement(amount_cents=5000, due_on="2026-11-30", proposed_in_turn=8)
    planned = await plan(world, request(5000, date(2026, 11, 30)), "sim", proposal=proposal, seq=9)
    assert planned.replaces_earlier
    assert planned.effect is not None


async def test_turn_run_again_gives_the_same_protocol(world: World) -> None:
    first = await plan(world, request(), "sim", proposal=PROPOSED)
    assert (await plan(world, request(), "sim", proposal=PROPOSED)).agreement == first.agreement


async def test_protocol_of_another_promise_is_not_given_again(world: World) -> None:
    taken = protocol_code(request(), world.turn(seq=4))
    other = RecordPromise(protocol=taken, document="11144477735", amount_cents=1, due_on=DUE)
    await store(world, PromisePlan(agreement=Agreement(amount_cents=1, due_on="2026-11-27"), effect=other), seq=1)
    planned = await plan(world, request(), "sim", proposal=PROPOSED)
    assert planned.agreement["protocol"] not in (None, taken)


@given(cents=st.integers(1, 10**9), days=st.integers(0, 90))
def test_protocol_is_short_and_unambiguous(cents: int, days: int) -> None:
    code = protocol_code(request(cents, TODAY + timedelta(days=days)), _TURN)
    assert len(code) == 7
    assert not set(code) & set("01IOLSU5AE")


async def test_notice_of_a_payment_the_crm_does_not_show_holds_contacts(world: World) -> None:
    notice = await plan_payment_notice(FakeCrm(statement()), document=MARIA, turn=world.turn(), notes="pix ontem")
    assert notice.hold_until_day == date(2026, 11, 23)
    assert notice.total_cents == 23980
    assert notice.effect == ClaimPayment(
        document=MARIA, hold_until=datetime(2026, 11, 24, 3, 0, tzinfo=UTC), notes="pix ontem"
    )


async def test_notice_of_a_payment_the_crm_shows_confirms_it(world: World) -> None:
    crm = FakeCrm(statement())
    crm.pay(MARIA)
    notice = await plan_payment_notice(crm, document=MARIA, turn=world.turn())
    assert (notice.effect, notice.hold_until_day) == (ConfirmPayment(document=MARIA), None)


async def test_notice_with_the_crm_down_concludes_nothing(world: World) -> None:
    crm = FakeCrm(statement())
    crm.is_down = True
    with pytest.raises(CrmUnavailable):
        await plan_payment_notice(crm, document=MARIA, turn=world.turn())


async def test_pix_code_carries_amount_and_invoice(world: World) -> None:
    copy = await make_second_copy(
        FakeCrm(statement()), document=MARIA, number="FAT-1002", form="pix", tenant=world.tenant, today=TODAY
    )
    code = parse_pix(copy.code)
    assert (code.amount_cents, code.txid, code.key) == (11990, "FAT1002", "financeiro@trtelecom.example")


async def test_boleto_line_is_sound_and_always_the_same(world: World) -> None:
    async def line() -> str:
        copy = await make_second_copy(
            FakeCrm(statement()), document=MARIA, number="1001", form="boleto", tenant=world.tenant, today=TODAY
        )
        return copy.code

    bill = parse_payment_line(await line(), today=TODAY)
    assert bill.amount_cents == 11990
    assert bill.payment_line.startswith("341")
    assert await line() == await line()


async def test_sound_payment_line_of_the_crm_is_used_and_a_broken_one_is_not(world: World) -> None:
    theirs = build_boleto(bank="237", free_field="1" * 25, due_on=TODAY, amount_cents=11990).payment_line
    broken = theirs[:-1] + ("1" if theirs[-1] != "1" else "2")
    for given_line, bank in ((theirs, "237"), (broken, "341")):
        crm = FakeCrm(statement(payment_line=given_line))
        copy = await make_second_copy(
            crm, document=MARIA, number="FAT-1001", form="boleto", tenant=world.tenant, today=TODAY
        )
        assert copy.code[:3] == bank


async def test_form_that_the_tenant_does_not_have_is_unavailable(world: World) -> None:
    bare = await make_world(world.database, slug="sem-pix", pix=None, boleto=None)
    for form in ("pix", "boleto"):
        with pytest.raises(FormUnavailable):
            await make_second_copy(
                FakeCrm(statement()), document=MARIA, number="FAT-1001", form=form,
                tenant=bare.tenant, today=TODAY,
            )  # fmt: skip


async def test_invoice_of_somebody_else_is_unknown(world: World) -> None:
    with pytest.raises(InvoiceUnknown) as caught:
        await make_second_copy(
            FakeCrm(statement()), document=MARIA, number="FAT-9", form="pix", tenant=world.tenant, today=TODAY
        )
    assert caught.value.numbers == ("FAT-1001", "FAT-1002")


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("FAT-1001", "FAT-1001"),
        ("fat 1001", "FAT-1001"),
        ("1002", "FAT-1002"),
        ("", None),
        ("x" * 10**6, None),
        ("ª", None),
    ],
)
def test_invoice_is_found_as_people_write_it(number: str, found: str | None) -> None:
    invoice = find_invoice(statement(), number)
    assert (invoice.number if invoice else None) == found
    assert find_invoice(statement(MARIA, "Maria", 100), "") is not None
