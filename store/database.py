"""Connections by role: every transaction is of one tenant, or of the platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

from psycopg import AsyncConnection, OperationalError
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from domain.errors import DomainError

Connection = AsyncConnection[DictRow]
ConnectionPool = AsyncConnectionPool[Connection]
RETRYABLE = (DeadlockDetected, SerializationFailure)  # the transaction was rolled back and may simply run again
UNAVAILABLE = (OperationalError,)  # PostgreSQL is away, restarting or refusing connections
_APP_ROLE = "master_ia_app"
_PLATFORM_ROLE = "master_ia_platform"


class RoleNotTaken(DomainError):
    """The connection works as another role than it asked for: something between us and PostgreSQL drops `options`."""

    def __init__(self, *, wanted: str, found: str) -> None:
        super().__init__(
            f"PostgreSQL connections must work as {wanted}, and this one works as {found}. Run the migrations, and "
            "let no pooler drop the connection options (see docs/deployment.md)"
        )
        self.wanted = wanted
        self.found = found


def _options(role: str, search_path: str, *, is_async_commit: bool = False) -> str:
    options = f"-c role={role} -c search_path={search_path} -c timezone=UTC"
    return f"{options} -c synchronous_commit=off" if is_async_commit else options


async def check_role(connection: Connection, role: str) -> None:
    """Fail closed: a login that is a member of both roles would see every tenant if its own role were left to it."""
    cursor = await connection.execute("SELECT current_user AS role")
    row = await cursor.fetchone()
    found = str(row["role"]) if row else "nobody"
    if found != role:
        raise RoleNotTaken(wanted=role, found=found)


def _pool(
    url: str, *, role: str, max_size: int, search_path: str = "public", is_async_commit: bool = False
) -> ConnectionPool:
    async def configure(connection: Connection) -> None:
        await check_role(connection, role)

    options = _options(role, search_path, is_async_commit=is_async_commit)
    kwargs: dict[str, Any] = {"autocommit": True, "row_factory": dict_row, "options": options}
    return AsyncConnectionPool(
        url, connection_class=AsyncConnection[DictRow], kwargs=kwargs, min_size=1, max_size=max_size, open=False,
        timeout=30, reconnect_timeout=60, configure=configure,
    )  # fmt: skip


class Database:
    """The two roles' pools. `master_ia_app` sees one tenant per transaction; `master_ia_platform` sees all of them.

    The roles are taken at connection start, so code that forgets to name a tenant sees nothing.
    """

    def __init__(self, url: str, *, max_connections: int = 10) -> None:
        self.url = url
        self._app = _pool(url, role=_APP_ROLE, max_size=max_connections)
        self._platform = _pool(url, role=_PLATFORM_ROLE, max_size=max(2, max_connections // 2))
        # LangGraph's saver: its tables sit in a schema of their own and know no tenants (design: tenancy). Its commits
        # do not wait for the disk: a checkpoint counts only when the turn's own commit names it, which comes later in
        # the same log and flushes all before it (ADR 3).
        self.graph_pool = _pool(
            url, role=_APP_ROLE, max_size=max_connections, search_path="langgraph", is_async_commit=True
        )

    async def open(self) -> Self:
        """Open the pools. Raises RoleNotTaken, or what PostgreSQL raises when it cannot be reached."""
        for role in (_APP_ROLE, _PLATFORM_ROLE):
            first: Connection = await AsyncConnection.connect(
                self.url, autocommit=True, row_factory=dict_row, options=_options(role, "public")
            )
            async with first:
                await check_role(first, role)
        for pool in (self._app, self._platform, self.graph_pool):
            await pool.open()
        return self

    async def close(self) -> None:
        for pool in (self._app, self._platform, self.graph_pool):
            await pool.close()

    async def drop_dead_connections(self) -> None:
        """Look at every idle connection and replace those that a restart of the server has cut."""
        for pool in (self._app, self._platform, self.graph_pool):
            await pool.check()

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        """Open one transaction that sees and writes only this tenant's rows; commit at the end, roll back on error."""
        async with self._transaction(self._app, f"BEGIN; SET LOCAL app.tenant_id = '{UUID(str(tenant_id))}'") as conn:
            yield conn

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Connection]:
        """Open one transaction across tenants: for claims, webhook routing and the platform admin only."""
        async with self._transaction(self._platform, "BEGIN") as conn:
            yield conn

    @asynccontextmanager
    async def listener(self) -> AsyncIterator[Connection]:
        """Open a connection of its own for LISTEN."""
        conn: Connection = await AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row)
        async with conn:
            yield conn

    @asynccontextmanager
    async def _transaction(self, pool: ConnectionPool, begin: str) -> AsyncIterator[Connection]:
        conn = await pool.getconn()
        try:
            try:
                await conn.execute(begin)  # a constant and a UUID, no parameters
            except OperationalError:
                # The server restarted: every pooled connection may be dead. Nothing was done yet, so start once more.
                await pool.putconn(conn)
                await pool.check()
                conn = await pool.getconn()
                await conn.execute(begin)
            yield conn
            await conn.commit()
        except BaseException:
            if not conn.closed:
                await conn.rollback()
            raise
        finally:
            await pool.putconn(conn)
