"""Find the accounts of phone lines by what a provider's webhook names, when its URL names none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from domain.messages import Provider
from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class LineAccount:
    """Whose account it is: all that may be read before a webhook's signature is checked."""

    tenant_id: UUID
    id: UUID


_CANDIDATES: LiteralString = """
    SELECT tenant_id, id FROM channel_accounts
    WHERE provider = %(provider)s AND (external_id = ANY(%(numbers)s) OR settings->>'agent_id' = %(agent_id)s)
    ORDER BY external_id = ANY(%(numbers)s) DESC, created_at, id LIMIT %(limit)s
"""


async def candidates(
    connection: Connection, provider: Provider, *, numbers: Sequence[str], agent_id: str | None, limit: int
) -> list[LineAccount]:
    """List the accounts with one of these numbers, then those with this agent (platform role)."""
    parameters = {"provider": provider, "numbers": list(numbers), "agent_id": agent_id, "limit": limit}
    async with connection.cursor(row_factory=class_row(LineAccount)) as cursor:
        await cursor.execute(_CANDIDATES, parameters)
        return await cursor.fetchall()
