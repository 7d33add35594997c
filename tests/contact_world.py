"""A small world for contacts: a tenant with a number, an active campaign and debtors with overdue invoices."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

from domain.buffering import QuietWindow
from domain.campaigns import CampaignStatus, ContactMethod, Method, TargetState
from domain.documents import make_cpf
from domain.messages import Address, AddressKind, Provider
from domain.phones import match_key
from services.contact_guard import ContactGuard
from services.contact_requests import ContactRequest
from services.inbox import Inbox
from services.ledger import NewInvoice, upsert_customer_invoices
from services.tenant_directory import TenantDirectory
from store import campaigns, contact_decisions, message_templates, targets
from store.campaigns import CampaignRow
from store.channel_accounts import AccountRow
from store.contact_decisions import DecisionRow
from store.database import Database
from store.message_templates import TemplateRow
from store.targets import TargetRow
from tests.factories import inbound, make_account, make_tenant, open_database, webhook
from tests.fakes_clock import FakeClock

DOCUMENTS = ("52998224725", "11144477735", "12345678909", "39053344705", "15350946056")
WORKER = "worker-1"
TODAY = date(2026, 11, 20)


def document_of(place: int) -> str:
    """Give the place-th test CPF."""
    if place < len(DOCUMENTS):
        return DOCUMENTS[place]
    return make_cpf(100_000_000 + place)


def phone_of(place: int, *, area: str = "11") -> str:
    """Give the place-th test mobile."""
    return f"+55{area}99999{place:04d}"


@dataclass
class ContactWorld:
    database: Database
    tenant_id: UUID
    account: AccountRow
    clock: FakeClock
    tenants: TenantDirectory
    campaign: CampaignRow
    is_ledger_used: bool = True
    accounts: list[AccountRow] = field(default_factory=list)

    def guard(self) -> ContactGuard:
        """Give a gate of its own, as another process has one."""
        return ContactGuard(
            database=self.database, tenants=self.tenants, clock=self.clock, is_ledger_used=self.is_ledger_used
        )

    async def add_campaign(self, *, accounts: Sequence[AccountRow] = (), **changes: object) -> CampaignRow:
        """Insert a campaign; the first one of the world unless it says otherwise."""
        row = replace(campaign_row(self.tenant_id, self.clock.now()), **changes)  # type: ignore[arg-type]
        async with self.database.tenant(self.tenant_id) as connection:
            await campaigns.put(connection, row)
            await campaigns.set_accounts(
                connection, self.tenant_id, row.id, [account.id for account in accounts or [self.account]]
            )
        return row

    async def change_campaign(self, **changes: object) -> None:
        """Write the world's campaign with other values."""
        self.campaign = replace(self.campaign, **changes)  # type: ignore[arg-type]
        async with self.database.tenant(self.tenant_id) as connection:
            await campaigns.put(connection, self.campaign)

    async def add_target(
        self, place: int = 0, *, campaign: CampaignRow | None = None, owes: bool = True, **changes: object
    ) -> TargetRow:
        """Insert a target whose contact is due and leased by WORKER, and a customer who owes since 41 days."""
        now = self.clock.now()
        row = replace(target_row(self.tenant_id, (campaign or self.campaign).id, place, now), **changes)  # type: ignore[arg-type]
        row = replace(row, match_key=match_key(row.phone) or row.phone)
        async with self.database.tenant(self.tenant_id) as connection:
            assert await targets.insert(connection, row)
        if owes:
            await self.owe(row.document)
        return row

    async def owe(self, document: str, *, due_on: date = TODAY - timedelta(days=41), paid: bool = False) -> None:
        """Write one invoice of a document into the ledger."""
        await upsert_customer_invoices(
            self.database, tenant_id=self.tenant_id, document=document, name="Maria da Silva", phone=None,
            new_invoices=[
                NewInvoice(
                    number=f"FAT-{document}", amount_cents=11990, due_on=due_on,
                    paid_at=self.clock.now() if paid else None,
                )
            ],
        )  # fmt: skip

    def request(self, target: TargetRow, **changes: object) -> ContactRequest:
        request = ContactRequest(
            engine="campaign", tenant_id=self.tenant_id, target_id=target.id, document=target.document,
            phone=target.phone, method=target.method or Method.WHATSAPP, worker=WORKER,
            client_name=target.client_name,
        )  # fmt: skip
        return replace(request, **changes)  # type: ignore[arg-type]

    async def target(self, target_id: UUID) -> TargetRow:
        async with self.database.tenant(self.tenant_id) as connection:
            row = await targets.by_id(connection, target_id)
        assert row is not None
        return row

    async def decisions(self, target_id: UUID) -> list[DecisionRow]:
        async with self.database.tenant(self.tenant_id) as connection:
            rows, _ = await contact_decisions.page(connection, target_id, limit=100, offset=0)
        return rows

    async def execute(self, query: str) -> None:
        async with self.database.tenant(self.tenant_id) as connection:
            await connection.execute(query.encode())

    async def rows(self, query: str) -> list[dict[str, object]]:
        async with self.database.tenant(self.tenant_id) as connection:
            cursor = await connection.execute(query.encode())
            return await cursor.fetchall()

    async def write_in(self, phone: str, text: str = "oi", *, account: AccountRow | None = None) -> None:
        """Let a customer write to us."""
        to = account or self.account
        message = inbound(
            text, account=to.external_id, sent_at=self.clock.now(),
            addresses=[Address(kind=AddressKind.PHONE, value=phone)],
        )  # fmt: skip
        await Inbox(self.database, QuietWindow()).receive(to, webhook(message), now=self.clock.now())

    async def add_template(self, account: AccountRow, *, status: str = "approved") -> TemplateRow:
        now = self.clock.now()
        row = TemplateRow(
            tenant_id=self.tenant_id, id=uuid4(), channel_account_id=account.id, name="primeiro_contato",
            language="pt_BR", category="utility", body="Olá, {{1}}! Aqui é da {{2}}. Podemos conversar?",
            variables=["contact.first_name", "tenant.name"], content_sid="HX00000000000000000000000000000001",
            status=status, status_reason=None, status_at=now, created_at=now,
        )  # fmt: skip
        async with self.database.tenant(self.tenant_id) as connection:
            assert await message_templates.insert(connection, row)
        return row


def campaign_row(tenant_id: UUID, now: datetime) -> CampaignRow:
    return CampaignRow(
        tenant_id=tenant_id, id=uuid4(), name="Novembro", status=CampaignStatus.ACTIVE, pause_reason=None,
        contact_method=ContactMethod.WHATSAPP_PRIMARY, allowed_methods=[Method.WHATSAPP],
        fallback_order=[], schedule_start=time(8), schedule_end=time(20), weekdays=[1, 2, 3, 4, 5],
        avoids_optional_holidays=True, template_id=None, sms_text=None, voicemail_policy="hang_up", max_attempts=3,
        retry_gap_minutes=1440, unanswered_after_minutes=1440, pacing="asap", budget_cents=None, spent_cents=0,
        plan_due_at=now + timedelta(minutes=15), next_slot_at=None, locked_by=None, locked_until=None, started_at=now,
        completed_at=None, created_at=now, updated_at=now,
    )  # fmt: skip


def target_row(tenant_id: UUID, campaign_id: UUID, place: int, now: datetime) -> TargetRow:
    phone = phone_of(place)
    return TargetRow(
        tenant_id=tenant_id, id=uuid4(), campaign_id=campaign_id, import_id=None, client_name="MARIA DA SILVA",
        phone=phone, match_key=match_key(phone) or phone,
        document=document_of(place), installation_point=None,
        debt_cents=11990, invoice_number=None, uf=None, priority=0, state=TargetState.SCHEDULED, outcome=None,
        outcome_details={}, method=Method.WHATSAPP, attempt_count=0, first_contacted_at=None, last_attempt_at=None,
        call_sid=None, contact_id=None, conversation_id=None, promised_at=None, paid_at=None, due_at=now,
        locked_by=WORKER, locked_until=now + timedelta(seconds=60), created_at=now, updated_at=now,
    )  # fmt: skip


@asynccontextmanager
async def open_contact_world(
    url: str, clock: FakeClock, *, provider: Provider = Provider.SIMULATOR, max_connections: int = 6,
    secrets: dict[str, str] | None = None, settings: dict[str, str] | None = None, is_ledger_used: bool = True,
    external_id: str = "simulador",
) -> AsyncIterator[ContactWorld]:  # fmt: skip
    """Open a world on a fresh database; the clock says when it is."""
    async with open_database(url, max_connections=max_connections) as database:
        tenant_id = await make_tenant(database)
        account = await make_account(
            database, tenant_id, provider=provider, external_id=external_id, secrets=secrets, settings=settings
        )
        world = ContactWorld(
            database=database,
            tenant_id=tenant_id,
            account=account,
            clock=clock,
            tenants=TenantDirectory(database),
            campaign=campaign_row(tenant_id, clock.now()),
            is_ledger_used=is_ledger_used,
        )
        world.campaign = await world.add_campaign()
        yield world
