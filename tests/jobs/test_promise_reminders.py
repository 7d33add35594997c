"""Reminders through the gate and over real HTTP: once, the day before, never to somebody who has paid or refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.campaigns import Method
from domain.effects import ClaimPayment, Effect, OptOut, RecordPromise
from domain.messages import Provider
from domain.promises import PromisedInvoice
from domain.tenants import Tenant
from jobs.promise_monitor import drain
from jobs.whatsapp import make_outreach
from services.contact_requests import ContactRequest
from services.effects import apply_effects
from services.ledger import NewInvoice, upsert_customer_invoices
from store import conversations, holidays, invoices, message_templates, promises, tenants
from store.channel_accounts import AccountRow
from store.holidays import HolidayRow
from store.message_templates import TemplateRow
from store.promises import PromiseRow
from tests.business_world import MARIA
from tests.factories import inbound, make_account, make_tenant, webhook
from tests.fakes.providers import META_TOKEN, FakeProviders
from tests.fakes_clock import FakeClock
from tests.server.conftest import make_settings
from wiring.deps import Deps, open_deps

MADE = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # a Monday, 11:00 in São Paulo
DUE = date(2026, 11, 27)
REMINDED = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)  # Thursday, two hours after the opening
NUMBER = "106540352242922"
WORDS = (
    "Oi, Maria! Sou Lia, assistente virtual da TR Telecom. Passando para lembrar do combinado para amanhã, "
    "sexta-feira, 27/11. Se já resolveu, pode desconsiderar. Qualquer coisa, é só responder por aqui."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """A tenant whose customer wrote on Meta's WhatsApp; the tenant's own ledger says what is owed."""

    deps: Deps
    tenant: Tenant
    account: AccountRow
    contact_id: UUID
    conversation_id: UUID
    providers: FakeProviders
    clock: FakeClock

    async def apply(self, effect: Effect, *, seq: int = 1) -> None:
        async with self.deps.database.tenant(self.tenant.id) as connection:
            await apply_effects(
                connection, (effect,), tenant=self.tenant, contact_id=self.contact_id,
                conversation_id=self.conversation_id, turn_seq=seq, now=self.clock.now(),
            )  # fmt: skip

    async def promise(self, *, due_on: date = DUE, seq: int = 1) -> PromiseRow:
        effect = RecordPromise(
            protocol=f"P{uuid4().hex[:6]}", document=MARIA, amount_cents=11990, due_on=due_on, debt_cents=11990,
            invoices=(PromisedInvoice(number="FAT-1", amount_cents=11990),),
        )  # fmt: skip
        await self.apply(effect, seq=seq)
        return await self.stored()

    async def stored(self) -> PromiseRow:
        async with self.deps.database.tenant(self.tenant.id) as connection:
            return (await promises.of_document(connection, MARIA))[-1]

    async def writes(self, *, at: datetime) -> None:
        self.clock.set(at)
        await self.deps.inbox.receive(
            self.account, webhook(inbound("obrigada", account=NUMBER, sent_at=at)), now=self.clock.now()
        )
        async with self.deps.database.tenant(self.tenant.id) as connection:
            await connection.execute("UPDATE conversations SET turn_due_at = NULL")

    async def template(self, *, status: str = "approved") -> None:
        row = TemplateRow(
            tenant_id=self.tenant.id, id=uuid4(), channel_account_id=self.account.id, name="lembrete",
            language="pt_BR", category="utility", body="Olá, {{1}}! Lembrando do nosso combinado.",
            variables=["contact.first_name"], content_sid=None, status=status, status_reason=None, status_at=MADE,
            created_at=MADE,
        )  # fmt: skip
        async with self.deps.database.tenant(self.tenant.id) as connection:
            await message_templates.insert(connection, row)

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [row["part"] for row in self.providers.ledger]

    async def decisions(self) -> list[tuple[str, str]]:
        async with self.deps.database.tenant(self.tenant.id) as connection:
            cursor = await connection.execute(
                "SELECT verdict, reason FROM contact_decisions WHERE engine = 'reminder' ORDER BY seq"
            )
            return [(row["verdict"], row["reason"]) for row in await cursor.fetchall()]


@pytest.fixture
async def rig(database_url: str, fake_providers: FakeProviders, clock: FakeClock) -> AsyncIterator[Rig]:
    clock.set(MADE)
    settings = make_settings(database_url, meta_graph_url=fake_providers.url)
    async with open_deps(settings, clock=clock) as deps:
        tenant_id = await make_tenant(deps.database, is_promise_reminder_enabled=True, reminder_template="lembrete")
        account = await make_account(
            deps.database, tenant_id, provider=Provider.META, external_id=NUMBER,
            secrets={"access_token": META_TOKEN},
        )  # fmt: skip
        await deps.inbox.receive(account, webhook(inbound(account=NUMBER, sent_at=MADE)), now=MADE)
        await upsert_customer_invoices(
            deps.database, tenant_id=tenant_id, document=MARIA, name="Maria da Silva", phone=None,
            new_invoices=[NewInvoice(number="FAT-1", amount_cents=11990, due_on=date(2026, 10, 10))],
        )  # fmt: skip
        async with deps.database.tenant(tenant_id) as connection:
            (talk,), _ = await conversations.page(
                connection, status=None, handler=None, contact_id=None, limit=1, offset=0
            )
            await connection.execute("UPDATE conversations SET turn_due_at = NULL")
            tenant = await tenants.by_id(connection, tenant_id)
        assert tenant is not None
        yield Rig(
            deps=deps, tenant=tenant, account=account, contact_id=talk.contact_id, conversation_id=talk.id,
            providers=fake_providers, clock=clock,
        )  # fmt: skip


async def test_reminder_waits_for_its_moment_and_goes_out_once(rig: Rig) -> None:
    row = await rig.promise()
    assert row.reminder_due_at == REMINDED
    await rig.writes(at=REMINDED - timedelta(hours=20))
    rig.clock.set(REMINDED - timedelta(seconds=1))
    assert await drain(rig.deps) == 0
    rig.clock.set(REMINDED)
    assert await drain(rig.deps) == 1
    assert [part["text"] for part in rig.sent] == [WORDS]
    found = await rig.stored()
    assert (found.status, found.reminded_at, found.reminder_due_at, found.locked_by) == (
        "pending", REMINDED, None, None,
    )  # fmt: skip
    rig.clock.advance(minutes=10)
    assert await drain(rig.deps) == 0
    assert len(rig.sent) == 1


async def test_outside_the_window_the_template_goes(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    (part,) = rig.sent
    assert (part["type"], part["content"]["name"]) == ("template", "lembrete")
    assert part["content"]["components"][0]["parameters"][0]["text"] == "Maria"
    assert (await rig.stored()).reminded_at == REMINDED


async def test_without_an_approved_template_there_is_none_outside_the_window(rig: Rig) -> None:
    await rig.template(status="pending")
    await rig.promise()
    rig.clock.set(REMINDED)
    for _ in range(40):
        await drain(rig.deps)
        due_at = (await rig.stored()).reminder_due_at
        if due_at is None:
            break
        assert due_at.date() < DUE
        rig.clock.set(due_at)
    assert rig.sent == []
    assert ((await rig.stored()).reminder_due_at, (await rig.stored()).reminded_at) == (None, None)
    assert set(await rig.decisions()) == {("postpone", "template_not_approved")}


async def test_reminder_does_not_count_in_the_caps_and_is_a_decision(rig: Rig) -> None:
    await rig.template()
    row = await rig.promise()
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    assert await rig.decisions() == [("contact", "allowed")]
    async with rig.deps.database.tenant(rig.tenant.id) as connection:
        assert await promises.reminder_sent_at(connection, row.id) == REMINDED


async def test_paid_meanwhile_is_not_reminded(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    async with rig.deps.database.tenant(rig.tenant.id) as connection:
        await invoices.mark_paid(connection, "FAT-1", now=REMINDED - timedelta(hours=1))
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    assert rig.sent == []
    assert await rig.decisions() == [("skip", "already_paid")]
    assert (await rig.stored()).reminder_due_at is None


@pytest.mark.parametrize(
    ("effect", "decisions"),
    [
        (OptOut(scope="all", reason="não quero"), [("skip", "opted_out")]),
        (ClaimPayment(document=MARIA, hold_until=REMINDED + timedelta(days=3)), [("postpone", "payment_claimed")]),
    ],
)
async def test_who_refused_or_said_that_it_is_paid_is_not_reminded(
    rig: Rig, effect: Effect, decisions: list[tuple[str, str]]
) -> None:
    await rig.template()
    await rig.promise()
    await rig.apply(effect, seq=2)
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    assert rig.sent == []
    assert await rig.decisions() == decisions
    assert (await rig.stored()).reminder_due_at is None


async def test_renegotiated_promise_is_reminded_of_only_as_the_new_one(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.clock.advance(minutes=1)
    new = await rig.promise(due_on=date(2026, 12, 4), seq=2)
    rig.clock.set(REMINDED)
    assert await drain(rig.deps) == 0
    assert new.reminder_due_at == datetime(2026, 12, 3, 13, 0, tzinfo=UTC)
    rig.clock.set(new.reminder_due_at)
    # The old day's reviews are over with the old promise.
    assert await drain(rig.deps) == 1
    assert len(rig.sent) == 1


async def test_tenants_holiday_moves_it_to_the_day_before(rig: Rig) -> None:
    async with rig.deps.database.tenant(rig.tenant.id) as connection:
        await holidays.put(connection, rig.tenant.id, HolidayRow(day=date(2026, 11, 26), uf="", name="aniversário"))
    assert (await rig.promise()).reminder_due_at == REMINDED - timedelta(days=1)


async def test_sender_that_died_after_the_gate_reminds_nobody_twice(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    async with rig.deps.database.tenant(rig.tenant.id) as connection:
        await connection.execute(
            "UPDATE promises SET reminded_at = NULL, reminder_due_at = %(at)s, locked_by = 'dead', "
            "locked_until = %(at)s",
            {"at": REMINDED},
        )
    rig.clock.advance(minutes=2)
    assert await drain(rig.deps) == 1
    assert len(rig.sent) == 1
    assert ((await rig.stored()).reminded_at, (await rig.stored()).reminder_due_at) == (REMINDED, None)


async def test_two_drains_at_once_send_one(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.clock.set(REMINDED)
    await asyncio.gather(*(drain(rig.deps) for _ in range(3)))
    assert len(rig.sent) == 1


async def test_gate_asked_twice_for_one_promise_lets_one_reminder_out(rig: Rig) -> None:
    row = await rig.promise()
    await rig.writes(at=REMINDED - timedelta(hours=20))
    rig.clock.set(REMINDED)
    request = ContactRequest(
        engine="reminder", tenant_id=rig.tenant.id, promise_id=row.id, document=MARIA, phone="+5511999990001",
        method=Method.WHATSAPP, worker="slow", account_id=rig.account.id, text=WORDS,
    )  # fmt: skip
    outreach = make_outreach(rig.deps)
    first, second = await outreach.contact(request), await outreach.contact(request)
    assert (first.verdict, second.verdict) == ("contact", "postpone")
    assert len(rig.sent) == 1


async def test_unknown_outcome_is_not_repeated(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.providers.program("meta", {"accept_then_drop": True})
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    rig.clock.advance(minutes=45)
    await drain(rig.deps)
    assert len(rig.sent) == 1
    assert (await rig.stored()).reminded_at == REMINDED


async def test_refused_send_is_tried_again_a_few_times(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.providers.program("meta", {"status": 503, "times": 2})
    rig.clock.set(REMINDED)
    await drain(rig.deps)
    found = await rig.stored()
    assert (found.reminded_at, found.reminder_due_at) == (None, REMINDED + timedelta(minutes=30))
    rig.clock.advance(minutes=30)
    await drain(rig.deps)
    rig.clock.advance(minutes=30)
    await drain(rig.deps)
    assert len(rig.sent) == 1
    assert (await rig.stored()).reminded_at == REMINDED + timedelta(hours=1)


async def test_refusals_come_to_an_end(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.providers.program("meta", {"status": 503, "times": 10})
    rig.clock.set(REMINDED)
    for _ in range(5):
        await drain(rig.deps)
        rig.clock.advance(minutes=30)
    assert await rig.decisions() == [("contact", "allowed")] * 3
    assert ((await rig.stored()).reminder_due_at, (await rig.stored()).reminded_at) == (None, None)


async def test_on_the_promised_day_itself_nobody_is_reminded(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    rig.clock.set(datetime(2026, 11, 27, 13, 0, tzinfo=UTC))
    assert await drain(rig.deps) == 1
    assert (rig.sent, await rig.decisions()) == ([], [])
    assert (await rig.stored()).reminder_due_at is None


async def test_tenant_that_wants_none_gets_none(rig: Rig) -> None:
    await rig.template()
    await rig.promise()
    async with rig.deps.database.platform() as connection:
        await connection.execute("UPDATE tenants SET settings = settings - 'is_promise_reminder_enabled'")
    rig.clock.set(REMINDED)
    assert await drain(rig.deps) == 1
    assert (rig.sent, (await rig.stored()).reminder_due_at) == ([], None)
