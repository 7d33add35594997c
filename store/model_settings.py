"""Which chat models answer for which agent: a tenant's rows, and the platform's default."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store.database import Connection

_LIST: LiteralString = "SELECT agent, chain, temperature, updated_at FROM model_settings ORDER BY agent"
_UPSERT: LiteralString = """
INSERT INTO model_settings (tenant_id, agent, chain, temperature, updated_at)
VALUES (%(tenant_id)s, %(agent)s, %(chain)s, %(temperature)s, %(now)s)
ON CONFLICT (tenant_id, agent) DO UPDATE
SET chain = excluded.chain, temperature = excluded.temperature, updated_at = excluded.updated_at
"""
_DELETE: LiteralString = "DELETE FROM model_settings WHERE agent = %(agent)s"
_PLATFORM_GET: LiteralString = "SELECT value FROM platform_settings WHERE key = 'models'"
_PLATFORM_PUT: LiteralString = """
INSERT INTO platform_settings (key, value, updated_at) VALUES ('models', %(value)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSetting:
    """One agent's chain of model names, the first one first. Agent `*` stands for every agent without a row."""

    agent: str
    chain: list[str]
    temperature: float | None
    updated_at: datetime


async def list_model_settings(connection: Connection) -> list[ModelSetting]:
    """List the tenant's chains."""
    async with connection.cursor(row_factory=class_row(ModelSetting)) as cursor:
        await cursor.execute(_LIST)
        return await cursor.fetchall()


async def put_model_setting(
    connection: Connection, *, tenant_id: UUID, agent: str, chain: list[str], temperature: float | None, now: datetime
) -> None:
    """Set one agent's chain."""
    await connection.execute(
        _UPSERT, {"tenant_id": tenant_id, "agent": agent, "chain": chain, "temperature": temperature, "now": now}
    )


async def delete_model_setting(connection: Connection, *, agent: str) -> bool:
    """Forget one agent's chain; the platform's default holds again. Say whether there was one."""
    cursor = await connection.execute(_DELETE, {"agent": agent})
    return cursor.rowcount > 0


async def get_platform_models(connection: Connection) -> dict[str, list[str]]:
    """Give the platform's chains by agent (`*` = all others), leaving out what is not a list of names."""
    cursor = await connection.execute(_PLATFORM_GET)
    row = await cursor.fetchone()
    value = row["value"] if row else {}
    if not isinstance(value, dict):
        return {}
    return {
        agent: [name for name in chain if isinstance(name, str)]
        for agent, chain in value.items()
        if isinstance(chain, list)
    }


async def put_platform_models(connection: Connection, *, chains: dict[str, list[str]], now: datetime) -> None:
    """Set the platform's chains (platform role)."""
    await connection.execute(_PLATFORM_PUT, {"value": Jsonb(chains), "now": now})
