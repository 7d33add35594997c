"""Where talks leave their rows: a PostgreSQL of the run's own, thrown away with it."""

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
def open_ground(server_url: str | None = None) -> Iterator[str]:
    """Give the URL of an empty, migrated database and drop it at the end.

    With `server_url` it is made on that server (a role that may create databases); without, an embedded server starts
    for as long as the block. Raises what PostgreSQL raises when the server cannot be reached.
    """
    if server_url is not None:
        with _own_database(server_url) as url:
            yield url
        return
    with (
        tempfile.TemporaryDirectory(prefix="master-ia-evals-", ignore_cleanup_errors=True) as folder,
        start_embedded(Path(folder), redis=False, postgres_settings=FAST_SETTINGS) as services,
    ):
        if services.database_url is None:
            raise LookupError("the embedded server gave no address")
        migrate(services.database_url)
        yield services.database_url


@contextmanager
def _own_database(server_url: str) -> Iterator[str]:
    name = f"master_ia_evals_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        migrate(url)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
