"""The numbers and instances a tenant owns at its providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.messages import Medium, Provider
from store.database import Connection

_COLUMNS: LiteralString = """
    tenant_id, id, provider, medium, external_id, display_name, webhook_key, secrets_ciphertext, secrets_key_id,
    settings, is_bot_enabled, status, stopped_reason, sends_per_second, burst
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    tenant_id: UUID
    id: UUID
    provider: Provider
    medium: Medium
    external_id: str
    display_name: str
    webhook_key: str
    secrets_ciphertext: bytes | None
    secrets_key_id: str | None
    settings: Mapping[str, str]
    is_bot_enabled: bool
    status: str
    stopped_reason: str | None
    sends_per_second: float
    burst: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider", Provider(self.provider))
        object.__setattr__(self, "medium", Medium(self.medium))


_BY_WEBHOOK_KEY: LiteralString = f"SELECT {_COLUMNS} FROM channel_accounts WHERE webhook_key = %(webhook_key)s"
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM channel_accounts WHERE id = %(id)s"
_BY_EXTERNAL_ID: LiteralString = (
    f"SELECT {_COLUMNS} FROM channel_accounts WHERE provider = %(provider)s AND external_id = %(external_id)s"
)
_ALL: LiteralString = f"SELECT {_COLUMNS} FROM channel_accounts ORDER BY created_at, id"
_INSERT: LiteralString = f"""
    INSERT INTO channel_accounts
        (tenant_id, id, provider, medium, external_id, display_name, webhook_key, secrets_ciphertext, secrets_key_id,
         settings, sends_per_second, burst)
    VALUES
        (%(tenant_id)s, %(id)s, %(provider)s, %(medium)s, %(external_id)s, %(display_name)s, %(webhook_key)s,
         %(secrets_ciphertext)s, %(secrets_key_id)s, %(settings)s, %(sends_per_second)s, %(burst)s)
    ON CONFLICT (tenant_id, provider, external_id) DO NOTHING
    RETURNING {_COLUMNS}
"""
_UPDATE: LiteralString = f"""
    UPDATE channel_accounts SET
        display_name = %(display_name)s, secrets_ciphertext = %(secrets_ciphertext)s,
        secrets_key_id = %(secrets_key_id)s, settings = %(settings)s, is_bot_enabled = %(is_bot_enabled)s,
        status = %(status)s, stopped_reason = %(stopped_reason)s,
        sends_per_second = %(sends_per_second)s, burst = %(burst)s
    WHERE id = %(id)s
    RETURNING {_COLUMNS}
"""
_STOP: LiteralString = """
    UPDATE channel_accounts SET status = 'stopped', stopped_reason = %(reason)s
    WHERE id = %(id)s AND status = 'active'
"""

_RESUME: LiteralString = """
    UPDATE channel_accounts SET status = 'active', stopped_reason = NULL
    WHERE id = %(id)s AND status = 'stopped' AND starts_with(stopped_reason, %(prefix)s)
"""


async def by_webhook_key(connection: Connection, webhook_key: str) -> AccountRow | None:
    """Find the account a webhook URL names. Needs the platform role: the tenant is not known yet."""
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_BY_WEBHOOK_KEY, {"webhook_key": webhook_key})
        return await cursor.fetchone()


async def by_id(connection: Connection, account_id: UUID) -> AccountRow | None:
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_BY_ID, {"id": account_id})
        return await cursor.fetchone()


async def by_external_id(connection: Connection, provider: Provider, external_id: str) -> AccountRow | None:
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_BY_EXTERNAL_ID, {"provider": provider, "external_id": external_id})
        return await cursor.fetchone()


async def list_all(connection: Connection) -> list[AccountRow]:
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_ALL)
        return await cursor.fetchall()


async def insert(connection: Connection, row: AccountRow) -> AccountRow | None:
    """Insert it; None when the tenant has an account with this provider and external id already."""
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_INSERT, _parameters(row))
        return await cursor.fetchone()


async def insert_new(connection: Connection, rows: Sequence[AccountRow]) -> None:
    """Insert accounts of a tenant that was made in this transaction."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT, [_parameters(row) for row in rows])


async def update(connection: Connection, row: AccountRow) -> AccountRow | None:
    async with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        await cursor.execute(_UPDATE, _parameters(row))
        return await cursor.fetchone()


async def stop(connection: Connection, account_id: UUID, *, reason: str) -> bool:
    """Stop an account that the provider refuses as a whole; say whether it was active."""
    cursor = await connection.execute(_STOP, {"id": account_id, "reason": reason})
    return cursor.rowcount == 1


async def resume(connection: Connection, account_id: UUID, *, reason_prefix: str) -> bool:
    """Start an account again that was stopped for this reason; say whether it was."""
    cursor = await connection.execute(_RESUME, {"id": account_id, "prefix": reason_prefix})
    return cursor.rowcount == 1


def _parameters(row: AccountRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in AccountRow.__slots__} | {"settings": Jsonb(dict(row.settings))}
