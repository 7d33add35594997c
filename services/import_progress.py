"""What came of imports, and how fast a running one goes."""

from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from store import campaigns, imports
from store.database import Database
from store.imports import ImportRow, LineError


async def list_imports(
    database: Database, tenant_id: UUID, campaign_id: UUID, *, limit: int, offset: int
) -> tuple[list[ImportRow], int]:
    """List a campaign's imports, newest first. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        if await campaigns.by_id(connection, campaign_id) is None:
            raise NotFound("campaign")
        return await imports.page(connection, campaign_id, limit=limit, offset=offset)


async def list_errors(
    database: Database, tenant_id: UUID, import_id: UUID, *, limit: int, offset: int
) -> tuple[list[LineError], int]:
    """List the lines that an import did not take, in their order. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        if await imports.by_id(connection, import_id) is None:
            raise NotFound("import")
        return await imports.errors(connection, import_id, limit=limit, offset=offset)


def remaining_seconds(row: ImportRow, now: datetime) -> float | None:
    """Estimate how long a running import still takes; None when nothing can be said."""
    rate = lines_per_second(row, now)
    if row.has_ended or rate is None or rate <= 0 or row.total_lines is None:
        return None
    return max(0.0, (row.total_lines - (row.next_line - 1)) / rate)


def lines_per_second(row: ImportRow, now: datetime) -> float | None:
    """Give the mean speed of an import since it was begun; None before."""
    if row.started_at is None or row.next_line <= 1:
        return None
    seconds = ((row.finished_at or now) - row.started_at).total_seconds()
    return (row.next_line - 1) / max(seconds, 0.001)
