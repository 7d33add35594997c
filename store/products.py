"""The tenant's catalogue."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductRow:
    sku: str
    name: str
    description: str
    price_cents: int
    period: str
    is_active: bool = True


_COLUMNS: LiteralString = "sku, name, description, price_cents, period, is_active"
_ACTIVE: LiteralString = f"SELECT {_COLUMNS} FROM products WHERE is_active ORDER BY price_cents, sku"
_UPSERT: LiteralString = f"""
    INSERT INTO products (tenant_id, {_COLUMNS})
    VALUES (%(tenant_id)s, %(sku)s, %(name)s, %(description)s, %(price_cents)s, %(period)s, %(is_active)s)
    ON CONFLICT (tenant_id, sku) DO UPDATE SET
        name = EXCLUDED.name, description = EXCLUDED.description, price_cents = EXCLUDED.price_cents,
        period = EXCLUDED.period, is_active = EXCLUDED.is_active
"""


async def active(connection: Connection) -> list[ProductRow]:
    """List what is on sale, cheapest first."""
    async with connection.cursor(row_factory=class_row(ProductRow)) as cursor:
        await cursor.execute(_ACTIVE)
        return await cursor.fetchall()


async def upsert(connection: Connection, tenant_id: UUID, row: ProductRow) -> None:
    parameters: dict[str, object] = {name: getattr(row, name) for name in ProductRow.__slots__}
    await connection.execute(_UPSERT, parameters | {"tenant_id": tenant_id})
