"""Tenants and their settings. Written by the platform role only; a tenant may change its own settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.tenants import Tenant, TenantSettings
from store.database import Connection

_COLUMNS: LiteralString = "id, slug, name, time_zone, state_code, assistant_name, is_bot_enabled, settings"
_BY_ID: LiteralString = f"SELECT {_COLUMNS} FROM tenants WHERE id = %(id)s"
_BY_SLUG: LiteralString = f"SELECT {_COLUMNS} FROM tenants WHERE slug = %(slug)s"
_ALL: LiteralString = f"SELECT {_COLUMNS} FROM tenants ORDER BY created_at, id"
_UPSERT: LiteralString = f"""
    INSERT INTO tenants (id, slug, name, time_zone, state_code, assistant_name, settings)
    VALUES (%(id)s, %(slug)s, %(name)s, %(time_zone)s, %(state_code)s, %(assistant_name)s, %(settings)s)
    ON CONFLICT (slug) DO UPDATE SET
        name = EXCLUDED.name, time_zone = EXCLUDED.time_zone, state_code = EXCLUDED.state_code,
        assistant_name = EXCLUDED.assistant_name, settings = EXCLUDED.settings
    RETURNING {_COLUMNS}
"""
_MERGE_SETTINGS: LiteralString = f"""
    UPDATE tenants SET settings = settings || %(settings)s WHERE id = %(id)s RETURNING {_COLUMNS}
"""
_SET_BOT: LiteralString = "UPDATE tenants SET is_bot_enabled = %(is_bot_enabled)s WHERE id = %(id)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    id: UUID
    slug: str
    name: str
    time_zone: str
    state_code: str
    assistant_name: str
    is_bot_enabled: bool
    settings: Mapping[str, object]

    def tenant(self) -> Tenant:
        return Tenant(
            id=self.id,
            slug=self.slug,
            name=self.name,
            time_zone=ZoneInfo(self.time_zone),
            state_code=self.state_code,
            assistant_name=self.assistant_name,
            is_bot_enabled=self.is_bot_enabled,
            settings=TenantSettings.from_json(self.settings),
        )


async def by_id(connection: Connection, tenant_id: UUID) -> Tenant | None:
    return await _one(connection, _BY_ID, {"id": tenant_id})


async def by_slug(connection: Connection, slug: str) -> Tenant | None:
    """Find a tenant by its slug. Needs the platform role: the tenant is not known yet."""
    return await _one(connection, _BY_SLUG, {"slug": slug})


async def list_all(connection: Connection) -> list[Tenant]:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(_ALL)
        return [row.tenant() for row in await cursor.fetchall()]


async def upsert(
    connection: Connection, *, tenant_id: UUID, slug: str, name: str, time_zone: ZoneInfo, state_code: str,
    assistant_name: str, settings: Mapping[str, object],
) -> Tenant:  # fmt: skip
    """Create a tenant, or bring the one with this slug (whatever its id) to these values."""
    parameters = {
        "id": tenant_id, "slug": slug, "name": name, "time_zone": time_zone.key, "state_code": state_code,
        "assistant_name": assistant_name, "settings": Jsonb(dict(settings)),
    }  # fmt: skip
    tenant = await _one(connection, _UPSERT, parameters)
    assert tenant is not None  # noqa: S101  # RETURNING after an upsert always gives the row
    return tenant


async def merge_settings(connection: Connection, tenant_id: UUID, settings: Mapping[str, object]) -> Tenant | None:
    """Change the given settings, leave the others."""
    return await _one(connection, _MERGE_SETTINGS, {"id": tenant_id, "settings": Jsonb(dict(settings))})


async def set_bot_enabled(connection: Connection, tenant_id: UUID, *, is_bot_enabled: bool) -> bool:
    """Turn the bot on or off for the whole tenant; say whether the tenant exists."""
    cursor = await connection.execute(_SET_BOT, {"id": tenant_id, "is_bot_enabled": is_bot_enabled})
    return cursor.rowcount == 1


async def _one(connection: Connection, statement: LiteralString, parameters: Mapping[str, object]) -> Tenant | None:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(statement, parameters)
        row = await cursor.fetchone()
        return row.tenant() if row else None
