"""Bring a database to the present schema: Alembic runs plain SQL files, then LangGraph makes its own tables."""

from importlib.resources import files

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

_LOCK_KEY = 74_310_001  # any number; two processes that migrate at once take turns

_GRAPH_SCHEMA = "langgraph"
_GRANT_GRAPH = f"""
GRANT USAGE ON SCHEMA {_GRAPH_SCHEMA} TO master_ia_app, master_ia_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {_GRAPH_SCHEMA} TO master_ia_app;
GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA {_GRAPH_SCHEMA} TO master_ia_platform;
"""


def run_sql(name: str) -> None:
    """Run a file of `store/migrations/sql` on the migration's connection. Called by the versions."""
    script = files("store").joinpath("migrations/sql", name).read_text(encoding="utf-8")
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("a migration needs a live connection")
    connection.execute(script)


def migrate(database_url: str) -> list[str]:
    """Apply what is missing and return the names of what was applied, oldest first.

    Needs a role that may create roles, extensions and tables; the service itself then works as `master_ia_app`.
    """
    with psycopg.connect(database_url, autocommit=True) as lock:
        lock.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        applied = _upgrade(database_url)
        _make_graph_tables(database_url)
    return applied


def pending_migrations(database_url: str) -> list[str]:
    """Name the migrations that the database lacks, oldest first. Reads only."""
    script = ScriptDirectory.from_config(_config())
    engine = create_engine(_sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    names = [revision.revision for revision in script.iterate_revisions("head", current or "base")]
    return names[::-1]


def _upgrade(database_url: str) -> list[str]:
    pending = pending_migrations(database_url)
    engine = create_engine(_sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return pending


def _make_graph_tables(database_url: str) -> None:
    options = f"-c search_path={_GRAPH_SCHEMA}"
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row, options=options) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_GRAPH_SCHEMA}")
        PostgresSaver(connection).setup()
        connection.execute(_GRANT_GRAPH)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("store").joinpath("migrations")))
    return config


def _sqlalchemy_url(database_url: str) -> str:
    _, separator, rest = database_url.partition("://")
    return f"postgresql+psycopg{separator}{rest}"
