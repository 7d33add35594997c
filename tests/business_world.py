"""A small world for the business tests: a tenant with a debtor who talks to us, and a CRM that a test can break."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from domain.messages import Medium
from domain.ports import CrmUnavailable, CustomerUnknown, DebtStatement, OpenInvoice
from domain.tenants import Tenant
from domain.turns import ContactProfile, TurnContext
from services.ledger import NewInvoice, upsert_customer_invoices
from store import contacts, conversations, tenants
from store.database import Database
from tests.factories import make_account, make_tenant
from tests.fakes_clock import DEFAULT_NOW

MARIA = "52998224725"
JOAO = "11144477735"
STRANGER = "12345678909"
MARIA_TYPED = "529.982.247-25"
JOAO_TYPED = "111.444.777-35"
PHONE = "+5511999990001"
TODAY = date(2026, 11, 20)  # the local day of DEFAULT_NOW
SETTINGS: Mapping[str, object] = {
    "pix": {"key": "financeiro@trtelecom.example", "name": "TR TELECOM", "city": "SAO PAULO"},
    "boleto": {"bank": "341", "agreement": "1090000123"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """A tenant, one contact of it and their conversation."""

    database: Database
    tenant: Tenant
    contact_id: UUID
    conversation_id: UUID

    def turn(self, *, seq: int = 1, now: datetime = DEFAULT_NOW, contact: ContactProfile | None = None) -> TurnContext:
        return TurnContext(
            tenant=self.tenant, contact=contact or ContactProfile(id=self.contact_id, name="Maria da Silva"),
            conversation_id=self.conversation_id, turn_seq=seq, medium=Medium.WHATSAPP, now=now,
        )  # fmt: skip


async def make_world(database: Database, *, slug: str = "tr-telecom", **settings: object) -> World:
    """Make a tenant with an open conversation; the contact is linked to nobody yet."""
    tenant_id = await make_tenant(database, slug, **{**SETTINGS, **settings})
    account = await make_account(database, tenant_id)
    contact_id, conversation_id = uuid4(), uuid4()
    async with database.tenant(tenant_id) as connection:
        await contacts.insert(connection, tenant_id=tenant_id, contact_id=contact_id, name="Maria da Silva")
        await conversations.open_conversation(
            connection, tenant_id=tenant_id, conversation_id=conversation_id, contact_id=contact_id,
            channel_account_id=account.id, address_kind="phone", address_value=PHONE, source="customer",
            now=DEFAULT_NOW,
        )  # fmt: skip
        tenant = await tenants.by_id(connection, tenant_id)
    assert tenant is not None
    return World(database=database, tenant=tenant, contact_id=contact_id, conversation_id=conversation_id)


async def add_debtor(
    world: World, *, document: str = MARIA, name: str = "Maria da Silva", phone: str | None = None,
    amounts: tuple[int, ...] = (11990, 11990),
) -> None:  # fmt: skip
    """Put a customer with overdue invoices into the ledger: FAT-<last digits>-1, -2 …, due 41, 11 … days ago."""
    await upsert_customer_invoices(
        world.database, tenant_id=world.tenant.id, document=document, name=name, phone=phone,
        new_invoices=[
            NewInvoice(
                number=f"FAT-{document[-4:]}{place}", amount_cents=cents,
                due_on=TODAY - timedelta(days=41 - 30 * (place - 1)),
            )
            for place, cents in enumerate(amounts, start=1)
        ],
    )  # fmt: skip


class FakeCrm:
    """Answer domain.ports.Crm from memory; `is_down` makes it fail, `asked` says who was looked up."""

    def __init__(self, *statements: DebtStatement) -> None:
        self.statements = {statement.document: statement for statement in statements}
        self.is_down = False
        self.asked: list[str] = []

    async def open_invoices(self, document: str) -> DebtStatement:
        self.asked.append(document)
        if self.is_down:
            raise CrmUnavailable("timeout")
        if document not in self.statements:
            raise CustomerUnknown
        return self.statements[document]

    def pay(self, document: str) -> None:
        """Make everything of a document paid."""
        self.statements[document] = replace(self.statements[document], invoices=())


def statement(
    document: str = MARIA, name: str = "Maria da Silva", *amounts: int, payment_line: str | None = None
) -> DebtStatement:
    """Make a statement with invoices FAT-1001, FAT-1002 …; the default owes twice R$ 119,90."""
    return DebtStatement(
        document=document,
        customer_name=name,
        invoices=tuple(
            OpenInvoice(
                number=f"FAT-{1001 + place}", amount_cents=cents, due_on=TODAY - timedelta(days=41 - 30 * place),
                days_late=41 - 30 * place, payment_line=payment_line,
            )
            for place, cents in enumerate(amounts or (11990, 11990))
        ),
    )  # fmt: skip
