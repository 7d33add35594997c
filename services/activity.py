"""Look back: events by page, model usage by day."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from store import activity
from store.activity import EventRow, UsageRow
from store.database import Database


async def list_events(
    database: Database, tenant_id: UUID, *, severity: str | None, kind: str | None, limit: int, offset: int
) -> tuple[list[EventRow], int]:
    async with database.tenant(tenant_id) as connection:
        return await activity.events(connection, severity=severity, kind=kind, limit=limit, offset=offset)


async def sum_usage(database: Database, tenant_id: UUID, *, first: date, last: date, zone: ZoneInfo) -> list[UsageRow]:
    """Sum what models were used for, by the local days of the zone."""
    async with database.tenant(tenant_id) as connection:
        return await activity.usage(connection, first=first, last=last, zone=zone.key)
