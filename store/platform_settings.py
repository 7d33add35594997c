"""Settings of the whole platform: small JSON values by key. Tenants read them; only the platform role writes."""

from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from store.database import Connection

_READ: LiteralString = "SELECT value FROM platform_settings WHERE key = %(key)s"
_WRITE: LiteralString = """
    INSERT INTO platform_settings (key, value, updated_at) VALUES (%(key)s, %(value)s, %(now)s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""
_BOT = "is_bot_enabled"


async def read(connection: Connection, key: str) -> object | None:
    cursor = await connection.execute(_READ, {"key": key})
    row = await cursor.fetchone()
    return row["value"] if row else None


async def write(connection: Connection, key: str, value: object, *, now: datetime) -> None:
    """Set a value (platform role)."""
    await connection.execute(_WRITE, {"key": key, "value": Jsonb(value), "now": now})


async def set_bot_enabled(connection: Connection, is_enabled: bool, *, now: datetime) -> None:
    """Turn all bots on or off: the global switch, on until somebody turns it off. Turns read it with the person."""
    await write(connection, _BOT, is_enabled, now=now)
