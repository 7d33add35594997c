"""Where talks leave their rows: databases of the run's own, one for each process, thrown away with it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from store.migrate import migrate
from wiring.embedded import FAST_SETTINGS, start_embedded


@contextmanager
def open_ground(server_url: str | None = None, *, databases: int = 1) -> Iterator[list[str]]:
    """Give the URLs of so many empty, migrated databases and drop them at the end.

    Processes do not share one: each claims whatever turn is due in its database. With `server_url` they are made on
    that server (a role that may create databases); without, an embedded server starts for as long as the block.
    Raises what PostgreSQL raises when the server cannot be reached.
    """
    if server_url is not None:
        with _databases(server_url, databases) as urls:
            yield urls
        return
    with (
        tempfile.TemporaryDirectory(prefix="master-ia-evals-", ignore_cleanup_errors=True) as folder,
        start_embedded(Path(folder), redis=False, postgres_settings=FAST_SETTINGS) as services,
    ):
        if services.database_url is None:
            raise LookupError("the embedded server gave no address")
        with _databases(services.database_url, databases) as urls:
            yield urls


@contextmanager
def _databases(server_url: str, count: int) -> Iterator[list[str]]:
    run = uuid4().hex[:12]
    names = [f"master_ia_evals_{run}_{number}" for number in range(count)]
    urls = [urlunsplit(urlsplit(server_url)._replace(path=f"/{name}")) for name in names]
    try:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(names[0])))
            migrate(urls[0])
            for name in names[1:]:
                copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(copied.format(sql.Identifier(name), sql.Identifier(names[0])))
        yield urls
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            for name in names:
                dropped = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                connection.execute(dropped.format(sql.Identifier(name)))
