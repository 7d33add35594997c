"""What a turn commits is on disk when the commit returns; only checkpoints, which that commit names later, may wait."""

from store.database import Connection
from tests.business_world import make_world
from tests.factories import open_database


async def _source(connection: Connection) -> str:
    """Say who decided about waiting for the disk: "client" is the connection's own options."""
    cursor = await connection.execute("SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'")
    row = await cursor.fetchone()
    assert row is not None
    return f"{row['setting']} by {row['source']}" if row["source"] == "client" else "as the server says"


async def test_only_the_checkpoints_connections_commit_without_waiting_for_the_disk(database_url: str) -> None:
    async with open_database(database_url) as database:
        world = await make_world(database)
        async with database.tenant(world.tenant.id) as connection:
            assert await _source(connection) == "as the server says"
        async with database.platform() as connection:
            assert await _source(connection) == "as the server says"
        async with database.graph_pool.connection() as connection:
            assert await _source(connection) == "off by client"
