"""Databases and addresses for whole stacks."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

NewDatabase = Callable[[str | None], str]


@pytest.fixture(scope="session")
def new_database(postgres_url: str, template_database: str) -> Iterator[NewDatabase]:
    """Give a maker of databases: migrated, or a copy of one whose URL is named and that nobody uses now."""
    made: list[str] = []

    def make(template_url: str | None = None) -> str:
        template = urlsplit(template_url).path.removeprefix("/") if template_url else template_database
        name = f"system_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        made.append(name)
        return urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))

    yield make
    with ThreadPoolExecutor(8) as pool:  # each drop waits for a checkpoint; together they share it
        list(pool.map(partial(_drop, postgres_url), made))


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def no_redis_url() -> str:
    """Give an address at which no Redis answers: port 1 is never served."""
    return "redis://127.0.0.1:1/0"
