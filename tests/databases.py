"""Databases that tests borrow: emptied after use, because making one costs more than most tests do."""

from collections import Counter
from dataclasses import dataclass, field
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

_BORROWERS = 120  # deleted rows stay on the disk, so a database is not lent for ever
_LARGEST_BYTES = 8 * 1024 * 1024  # of its tables: beyond that a fresh one is cheaper
_LOOKS = 20  # a closed connection is gone a moment later

# Whatever changes a table, a function, a policy or a setting writes a row of one of these catalogues: its transaction
# is the newest of the catalogue then, or a row is missing.
_CATALOGUES: tuple[LiteralString, ...] = (
    "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_proc", "pg_policy",
    "pg_type", "pg_sequence", "pg_namespace", "pg_extension", "pg_default_acl", "pg_event_trigger", "pg_publication",
    "pg_rewrite",
)  # fmt: skip
_SHAPE: LiteralString = (
    " UNION ALL ".join(f"SELECT count(*)::bigint, max(xmin::text::bigint) FROM {name}" for name in _CATALOGUES)
    + " UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_database WHERE datname = current_database()"
    + " UNION ALL SELECT count(*), max(setting.xmin::text::bigint) FROM pg_db_role_setting AS setting"
    + " JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()"
)
_TABLES: LiteralString = (
    "SELECT nspname, relname, pg_relation_size(pg_class.oid) AS bytes FROM pg_class"
    " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE relkind = 'r' AND relpersistence <> 't' AND nspname <> 'pg_catalog' AND nspname <> 'information_schema'"
    " AND pg_relation_size(pg_class.oid) > 0"
)
_SEQUENCES: LiteralString = (
    "SELECT schemaname, sequencename, coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences"
)
_OTHERS: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)

Shape = list[tuple[int, int | None]]


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def execute(url: str, statement: LiteralString, **names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


@dataclass(kw_only=True)
class Library:
    """Copies of one template. A borrower finds the template's rows, tables and sequences, and nobody connected.

    A database that was given back otherwise than it was made (its tables changed, somebody still connected) is
    dropped, and the next borrower gets a new one. One connection to each database stays open and idle: a new one has to
    read all catalogues again.
    """

    server_url: str
    template: str
    _idle: list[str] = field(default_factory=list)
    _borrowed: Counter[str] = field(default_factory=Counter)
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _connections: dict[str, psycopg.Connection] = field(default_factory=dict)
    _contents: list[tuple[sql.Identifier, bytes]] | None = None
    _sequences: list[tuple[str, str, int, bool]] = field(default_factory=list)

    def borrow(self) -> str:
        """Give the name of a database that is like the template."""
        name = self._idle.pop() if self._idle else self._make()
        self._borrowed[name] += 1
        return name

    def give_back(self, name: str) -> None:
        """Take it back, and make it what it was."""
        if self._borrowed[name] < _BORROWERS and self._restore(name):
            self._idle.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        for name in self._idle:
            self._drop(name)
        self._idle.clear()

    def _make(self) -> str:
        name = f"test_{uuid4().hex[:12]}"
        # Two thirds of what it costs to write each page to the log.
        create: LiteralString = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"
        execute(self.server_url, create, name=name, template=self.template)
        connection = self._open(name)
        self._shapes[name] = _shape(connection)
        if self._contents is None:
            self._contents = [(table, _read(connection, table)) for table, _ in _tables(connection)]
            self._sequences = connection.execute(_SEQUENCES).fetchall()
        return name

    def _drop(self, name: str) -> None:
        self._connections.pop(name).close()
        execute(self.server_url, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)

    def _open(self, name: str) -> psycopg.Connection:
        connection = psycopg.connect(with_database(self.server_url, name), autocommit=True)
        self._connections[name] = connection
        return connection

    def _restore(self, name: str) -> bool:
        try:
            connection = self._connections[name]
            return self._is_alone(connection) and self._is_as_made(connection, name) and self._fill(connection)
        except psycopg.OperationalError:  # the test dropped it, or cut all connections
            return False

    def _is_alone(self, connection: psycopg.Connection) -> bool:
        for _ in range(_LOOKS):
            row = connection.execute(_OTHERS).fetchone()
            if row == (0,):
                return True
            connection.execute("SELECT pg_sleep(0.01)")
        return False

    def _is_as_made(self, connection: psycopg.Connection, name: str) -> bool:
        return _shape(connection) == self._shapes[name]

    def _fill(self, connection: psycopg.Connection) -> bool:
        """Put the template's rows back, by no rule and no trigger; False when that is not worth it."""
        used = _tables(connection)
        if sum(size for _, size in used) > _LARGEST_BYTES:
            return False
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table, _ in used))
            for table, rows in self._contents or ():
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)) as copy:
                    copy.write(rows)
            for schema, sequence, value, is_called in self._sequences:
                name = sql.Identifier(schema, sequence).as_string(connection)
                connection.execute("SELECT setval(%s, %s, %s)", (name, value, is_called))
        return True


def _shape(connection: psycopg.Connection) -> Shape:
    return connection.execute(_SHAPE).fetchall()


def _tables(connection: psycopg.Connection) -> list[tuple[sql.Identifier, int]]:
    """List the tables that hold something, or did."""
    return [(sql.Identifier(schema, name), size) for schema, name, size in connection.execute(_TABLES)]


def _read(connection: psycopg.Connection, table: sql.Identifier) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(table)) as copy:
        return b"".join(bytes(piece) for piece in copy)
