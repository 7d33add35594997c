"""N7: a row of another tenant is neither read nor written. One test reads the catalogue, the others try to cross."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import OperationalError
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import dict_row

from domain.messages import Provider
from store import channel_accounts
from store.database import Connection, Database, RoleNotTaken, check_role
from tests.factories import make_account, make_tenant, open_database

PLATFORM_TABLES = {"tenants", "platform_settings", "alembic_version"}


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_every_tenant_table_forces_row_level_security(database_url: str) -> None:
    tables = _rows(
        database_url,
        """
        SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
            EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
                    AND a.attnotnull AND NOT a.attisdropped)
        FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
        """,
    )
    checked = [row for row in tables if row[0] not in PLATFORM_TABLES]
    assert len(checked) > 20
    assert [row for row in checked if not all(row[1:])] == []
    assert ("tenants", True, True, False) in tables


def test_every_tenant_table_has_both_policies(database_url: str) -> None:
    policies = _rows(
        database_url,
        "SELECT tablename, array_agg(policyname::text ORDER BY policyname) FROM pg_policies"
        " WHERE schemaname = 'public' GROUP BY tablename",
    )
    tables = {row[0] for row in _rows(database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")} - {
        "platform_settings",
        "alembic_version",
    }
    assert {row[0] for row in policies} == tables
    assert all(row[1] == ["own_tenant", "platform"] for row in policies)


def test_service_roles_own_nothing_and_cannot_bypass(database_url: str) -> None:
    roles = _rows(
        database_url,
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname IN ('master_ia_app', 'master_ia_platform')",
    )
    assert len(roles) == 2
    assert all(not any(row[1:]) for row in roles)
    owned = _rows(
        database_url,
        "SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname LIKE 'master_ia%'",
    )
    assert owned == []


def test_unique_keys_begin_with_the_tenant(database_url: str) -> None:
    indexes = _rows(
        database_url,
        """
        SELECT t.relname, i.relname, (SELECT attname FROM pg_attribute
               WHERE attrelid = x.indrelid AND attnum = x.indkey[0])
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace
        """,
    )
    offending = [row for row in indexes if row[0] not in PLATFORM_TABLES and row[2] != "tenant_id"]
    assert offending == []


def test_foreign_keys_between_tenant_tables_carry_the_tenant(database_url: str) -> None:
    keys = _rows(
        database_url,
        """
        SELECT conrelid::regclass::text, conname, confrelid::regclass::text,
            (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1])
        FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
        """,
    )
    assert [row for row in keys if row[3] != "tenant_id"] == []


async def test_transaction_without_a_tenant_sees_nothing(database_url: str) -> None:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        await make_account(database, tenant_id)
        async with database._app.connection() as connection:
            cursor = await connection.execute("SELECT count(*) AS n FROM channel_accounts")
            row = await cursor.fetchone()
    assert row == {"n": 0}


async def test_other_tenants_rows_are_invisible_and_untouchable(database_url: str) -> None:
    async with open_database(database_url) as database:
        ours, theirs = await make_tenant(database, "nossa"), await make_tenant(database, "deles")
        account = await make_account(database, theirs)
        async with database.tenant(ours) as connection:
            assert await channel_accounts.list_all(connection) == []
            assert await channel_accounts.by_id(connection, account.id) is None
            assert not await channel_accounts.stop(connection, account.id, reason="crossed")
            cursor = await connection.execute("DELETE FROM channel_accounts")
            assert cursor.rowcount == 0
        with pytest.raises(InsufficientPrivilege):
            async with database.tenant(ours) as connection:
                await channel_accounts.insert(connection, account)
        async with database.tenant(theirs) as connection:
            assert [row.status for row in await channel_accounts.list_all(connection)] == ["active"]


async def test_same_external_id_in_two_tenants_does_not_collide(database_url: str) -> None:
    async with open_database(database_url) as database:
        for slug in ("um", "dois"):
            tenant_id = await make_tenant(database, slug)
            row = await make_account(database, tenant_id, provider=Provider.META, external_id="301500000000001")
            assert row.tenant_id == tenant_id


async def test_platform_settings_cannot_be_written_by_a_tenant(database_url: str) -> None:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        with pytest.raises(InsufficientPrivilege):
            async with database.tenant(tenant_id) as connection:
                await connection.execute(
                    "INSERT INTO platform_settings (key, value, updated_at) VALUES ('a', '1', now())"
                )


async def test_pooled_connections_never_carry_a_tenant_over(database_url: str) -> None:
    """Many tenants at once over few connections: each transaction sees its own account and no other."""

    async def look(database: Database, tenant_id: UUID) -> set[UUID]:
        async with database.tenant(tenant_id) as connection:
            return {row.tenant_id for row in await channel_accounts.list_all(connection)}

    async with open_database(database_url, max_connections=3) as database:
        tenant_ids = [await make_tenant(database, f"t-{number}") for number in range(8)]
        for tenant_id in tenant_ids:
            await make_account(database, tenant_id)
        rounds = tenant_ids * 15 + [uuid4() for _ in range(8)]
        seen = await asyncio.gather(*(look(database, tenant_id) for tenant_id in rounds))
    assert seen == [{tenant_id} if tenant_id in tenant_ids else set() for tenant_id in rounds]


async def test_rolled_back_transaction_leaves_the_connection_clean(database_url: str) -> None:
    async def rename_and_fail(database: Database, tenant_id: UUID) -> None:
        async with database.tenant(tenant_id) as connection:
            await connection.execute("UPDATE channel_accounts SET display_name = 'x'")
            raise RuntimeError("changed my mind")

    async with open_database(database_url, max_connections=1) as database:
        tenant_id = await make_tenant(database)
        await make_account(database, tenant_id)
        with pytest.raises(RuntimeError):
            await rename_and_fail(database, tenant_id)
        async with database.tenant(tenant_id) as connection:
            names = [row.display_name for row in await channel_accounts.list_all(connection)]
    assert names == ["simulador"]


async def test_connection_that_did_not_take_its_role_is_refused(database_url: str) -> None:
    """A pooler that drops the connection options must not end in one login that sees every tenant."""
    connection: Connection = await psycopg.AsyncConnection.connect(database_url, row_factory=dict_row)
    async with connection:
        with pytest.raises(RoleNotTaken, match="works as postgres"):
            await check_role(connection, "master_ia_app")
        await connection.execute("SET ROLE master_ia_app")
        await check_role(connection, "master_ia_app")


async def test_login_that_may_not_take_the_roles_is_refused_at_once(database_url: str) -> None:
    name = f"stranger_{uuid4().hex[:8]}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
    with pytest.raises(OperationalError, match="master_ia_app"):
        await Database(database_url.replace("postgres@/", f"{name}@/").replace("postgres:@/", f"{name}@/")).open()
