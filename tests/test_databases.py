"""What a borrower of a database finds: the template, whatever the borrower before did to it."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from tests.databases import Library, execute, with_database


@pytest.fixture(scope="module")
def library(postgres_url: str) -> Iterator[Library]:
    """Give copies of a small template: two kept rows, a reference, a row nobody may delete, a sequence."""
    name = f"small_{uuid4().hex[:12]}"
    execute(postgres_url, "CREATE DATABASE {name}", name=name)
    with psycopg.connect(with_database(postgres_url, name)) as connection:
        connection.execute(
            "CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text UNIQUE,"
            " twice text GENERATED ALWAYS AS (text || text) STORED);"
            "CREATE TABLE noted (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), kept_id bigint REFERENCES kept (id));"
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'append only'; END $$;"
            "CREATE TRIGGER append_only BEFORE DELETE ON noted FOR EACH ROW EXECUTE FUNCTION refuse();"
            "INSERT INTO kept (text) VALUES ('a'), ('b')"
        )
    lent = Library(server_url=postgres_url, template=name)
    try:
        yield lent
    finally:
        lent.close()
        execute(postgres_url, "DROP DATABASE {name} WITH (FORCE)", name=name)


def _rows(library: Library, name: str) -> tuple[list[tuple[object, ...]], int]:
    with psycopg.connect(with_database(library.server_url, name)) as connection:
        kept = connection.execute("SELECT id, text, twice FROM kept ORDER BY id").fetchall()
        row = connection.execute("SELECT count(*) FROM noted").fetchone()
    assert row
    return kept, row[0]


def _exists(library: Library, name: str) -> bool:
    with psycopg.connect(library.server_url) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO kept (text) VALUES ('c')",
        "DELETE FROM kept",
        "UPDATE kept SET text = 'changed' WHERE id = 1",
        "INSERT INTO noted (kept_id) VALUES (1), (2)",
        "TRUNCATE kept, noted RESTART IDENTITY",
    ],
)
def test_next_borrower_finds_the_templates_rows(library: Library, change: str) -> None:
    name = library.borrow()
    before = _rows(library, name)
    execute(with_database(library.server_url, name), change)
    library.give_back(name)
    again = library.borrow()
    assert _rows(library, again) == before == ([(1, "a", "aa"), (2, "b", "bb")], 0)
    with psycopg.connect(with_database(library.server_url, again)) as connection:
        assert connection.execute("INSERT INTO kept (text) VALUES ('c') RETURNING id").fetchone() == (3,)
    library.give_back(again)


def test_database_is_lent_again(library: Library) -> None:
    name = library.borrow()
    execute(with_database(library.server_url, name), "INSERT INTO kept (text) VALUES ('c')")
    library.give_back(name)
    assert library.borrow() == name
    library.give_back(name)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (id int)",
        "ALTER TABLE kept ADD COLUMN more int",
        "ALTER TABLE kept ALTER COLUMN text SET NOT NULL",
        "DROP TABLE noted",
        "DROP TRIGGER append_only ON noted",
        "ALTER TABLE noted DISABLE TRIGGER append_only",
        "ALTER TABLE kept ENABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "GRANT SELECT ON kept TO PUBLIC",
        "ALTER SEQUENCE kept_id_seq INCREMENT 5",
        "CREATE INDEX more ON kept (text)",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = pg_catalog', current_database()); END $$",
    ],
)
def test_changed_database_is_not_lent_again(library: Library, change: str) -> None:
    name = library.borrow()
    execute(with_database(library.server_url, name), change)
    library.give_back(name)
    assert not _exists(library, name)
    again = library.borrow()
    assert _rows(library, again) == ([(1, "a", "aa"), (2, "b", "bb")], 0)
    library.give_back(again)


def test_database_with_somebody_in_it_is_not_lent_again(library: Library) -> None:
    name = library.borrow()
    left = psycopg.connect(with_database(library.server_url, name))
    try:
        library.give_back(name)
        assert not _exists(library, name)
    finally:
        left.close()


def test_dropped_database_is_replaced(library: Library) -> None:
    name = library.borrow()
    execute(library.server_url, "DROP DATABASE {name} WITH (FORCE)", name=name)
    library.give_back(name)
    again = library.borrow()
    assert again != name
    library.give_back(again)
