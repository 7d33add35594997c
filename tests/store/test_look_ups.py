"""What is asked for every message that comes in is looked up, and never searched for among all rows."""

from collections.abc import AsyncIterator, Mapping
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.messages import Address, AddressKind
from store import contacts, targets
from store.database import Database
from tests.campaign_rig import add_many, make_campaign
from tests.factories import make_tenant, open_database

_PEOPLE = 3_000
_ADD: LiteralString = """
    WITH people AS (
        INSERT INTO contacts (tenant_id, id) SELECT %(tenant_id)s, gen_random_uuid() FROM generate_series(1, %(count)s)
        RETURNING id),
    numbered AS (SELECT id, to_char(row_number() OVER (), 'FM00000000') AS number FROM people)
    INSERT INTO addresses (tenant_id, id, contact_id, kind, value, match_key)
    SELECT %(tenant_id)s, gen_random_uuid(), id, 'phone', '+55119' || number, '119' || number FROM numbered
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as opened:
        yield opened


@pytest.fixture
async def tenant_id(database: Database) -> UUID:
    """Give a tenant with thousands of contacts, each with an address and a target."""
    tenant_id = await make_tenant(database)
    await add_many(database, await make_campaign(database, tenant_id), _PEOPLE)
    async with database.tenant(tenant_id) as connection:
        await connection.execute(_ADD, {"tenant_id": tenant_id, "count": _PEOPLE})
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("ANALYZE")
    return tenant_id


_ASKED: list[tuple[LiteralString, Mapping[str, object]]] = [
    (
        contacts._FIND,
        {"kinds": ["phone", "wa_id"], "values": ["+5511900000007", "5511900000007"], "match_keys": ["11900000007"]},
    ),
    (targets._OF_CONTACT, {"contact_id": uuid4()}),
    (targets._DEBTORS_OF_CONTACT, {"contact_id": uuid4()}),
]  # fmt: skip


async def test_people_and_their_targets_are_found_by_an_index(database: Database, tenant_id: UUID) -> None:
    for statement, parameters in _ASKED:
        async with database.tenant(tenant_id) as connection:
            plan = await connection.execute(f"EXPLAIN {statement}".encode(), parameters)
            lines = [str(next(iter(row.values()))) for row in await plan.fetchall()]
        assert [line for line in lines if "Seq Scan" in line] == [], "\n".join(lines)


async def test_address_is_found_by_its_own_kind_or_by_its_key(database: Database, tenant_id: UUID) -> None:
    asked = [
        Address(kind=AddressKind.WA_ID, value="+5511900000007"),  # somebody's phone, and nobody's wa_id
        Address(kind=AddressKind.PHONE, value="+5511900000008"),
    ]
    async with database.tenant(tenant_id) as connection:
        found = await contacts.find_addresses(connection, asked, ["11900000009"])
    assert {row.value for row in found} == {"+5511900000008", "+5511900000009"}
