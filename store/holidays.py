"""The tenant's own days without contact: municipal holidays, transfers by decree, days off (compliance.md 2 and 7)."""

from dataclasses import dataclass
from datetime import date
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from domain.holiday_calendar import TenantHolidays
from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class HolidayRow:
    """A day without contact in one state, or everywhere when `uf` is empty."""

    day: date
    uf: str
    name: str


_BETWEEN: LiteralString = """
    SELECT day, uf, name FROM tenant_holidays WHERE day BETWEEN %(first)s AND %(last)s ORDER BY day, uf
"""
_SINCE: LiteralString = "SELECT day, uf, name FROM tenant_holidays WHERE day >= %(first)s"
# xmax is 0 in a row that this statement inserted.
_PUT: LiteralString = """
    INSERT INTO tenant_holidays (tenant_id, day, uf, name) VALUES (%(tenant_id)s, %(day)s, %(uf)s, %(name)s)
    ON CONFLICT (tenant_id, day, uf) DO UPDATE SET name = EXCLUDED.name
    RETURNING xmax = 0 AS is_new
"""
_DELETE: LiteralString = "DELETE FROM tenant_holidays WHERE day = %(day)s AND uf = %(uf)s"


async def between(connection: Connection, *, first: date, last: date) -> list[HolidayRow]:
    """List the days from `first` to `last`, both included, in their order."""
    async with connection.cursor(row_factory=class_row(HolidayRow)) as cursor:
        await cursor.execute(_BETWEEN, {"first": first, "last": last})
        return await cursor.fetchall()


async def since(connection: Connection, first: date) -> TenantHolidays:
    """Give every day from `first` on, as `domain.contact_hours` asks for them."""
    async with connection.cursor(row_factory=class_row(HolidayRow)) as cursor:
        await cursor.execute(_SINCE, {"first": first})
        return {(row.day, row.uf): row.name async for row in cursor}


async def put(connection: Connection, tenant_id: UUID, row: HolidayRow) -> bool:
    """Insert a day, or rename it when it is there; say whether it is new."""
    cursor = await connection.execute(
        _PUT, {"tenant_id": tenant_id, "day": row.day, "uf": row.uf, "name": row.name}
    )  # fmt: skip
    written = await cursor.fetchone()
    return bool(written and written["is_new"])


async def delete(connection: Connection, *, day: date, uf: str) -> bool:
    """Remove a day; False when there was none."""
    cursor = await connection.execute(_DELETE, {"day": day, "uf": uf})
    return cursor.rowcount == 1
