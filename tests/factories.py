"""Valid objects with defaults; a test names only what matters to it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from channels.base import Secrets
from domain.messages import Address, AddressKind, InboundMessage, Medium, MessageKind, ParsedWebhook, Provider
from services.accounts import secrets_identity
from store import channel_accounts, tenants
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.database import Database
from tests.fakes_clock import DEFAULT_NOW

TEST_KEY = {"test": b"k" * 32}
SECRET = "segredo-de-teste"


@asynccontextmanager
async def open_database(url: str, *, max_connections: int = 4) -> AsyncIterator[Database]:
    """Open a Database and close it at the end."""
    database = await Database(url, max_connections=max_connections).open()
    try:
        yield database
    finally:
        await database.close()


async def make_tenant(database: Database, slug: str = "tr-telecom", **settings: object) -> UUID:
    """Insert a tenant; `settings` are its JSON settings."""
    async with database.platform() as connection:
        tenant = await tenants.upsert(
            connection, tenant_id=uuid4(), slug=slug, name="TR Telecom", time_zone=ZoneInfo("America/Sao_Paulo"),
            state_code="SP", assistant_name="Lia", settings=settings,
        )  # fmt: skip
    return tenant.id


async def make_account(
    database: Database, tenant_id: UUID, *, provider: Provider = Provider.SIMULATOR, external_id: str = "simulador",
    secrets: dict[str, str] | None = None, settings: dict[str, str] | None = None, sends_per_second: float = 1000,
) -> AccountRow:  # fmt: skip
    """Insert a channel account with sealed secrets."""
    account_id = uuid4()
    sealed = Cipher(TEST_KEY).seal(
        Secrets(secrets or {"webhook_secret": SECRET}), identity=secrets_identity(tenant_id, account_id)
    )
    medium = {
        Provider.SIMULATOR: Medium.SIMULATOR, Provider.TWILIO_SMS: Medium.SMS, Provider.TWILIO_VOICE: Medium.VOICE,
        Provider.RETELL: Medium.VOICE, Provider.VAPI: Medium.VOICE,
    }.get(provider, Medium.WHATSAPP)  # fmt: skip
    row = AccountRow(
        tenant_id=tenant_id, id=account_id, provider=provider, medium=medium, external_id=external_id,
        display_name=external_id, webhook_key=uuid4().hex, secrets_ciphertext=sealed.ciphertext,
        secrets_key_id=sealed.key_id, settings=settings or {}, is_bot_enabled=True, status="active",
        stopped_reason=None, sends_per_second=sends_per_second, burst=1000,
    )  # fmt: skip
    async with database.tenant(tenant_id) as connection:
        inserted = await channel_accounts.insert(connection, row)
    assert inserted is not None
    return inserted


def phone(value: str = "+5511999990001") -> Address:
    return Address(kind=AddressKind.PHONE, value=value)


def inbound(
    text: str | None = "oi, quero ver minha fatura", *, id: str | None = None, account: str = "simulador",
    addresses: Sequence[Address] = (), sent_at: datetime = DEFAULT_NOW, kind: MessageKind = MessageKind.TEXT,
    is_echo: bool = False,
) -> InboundMessage:  # fmt: skip
    """Make one parsed customer message."""
    return InboundMessage(
        provider_message_id=id or f"in-{uuid4().hex}", account_external_id=account,
        addresses=tuple(addresses) or (phone(),), sent_at=sent_at, kind=kind, text=text, profile_name="Maria",
        is_echo=is_echo,
    )  # fmt: skip


def webhook(*messages: InboundMessage) -> ParsedWebhook:
    return ParsedWebhook(messages=messages)
