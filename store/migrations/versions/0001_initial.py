"""The first schema: tenancy, inbox and outbox, conversations, collections, Kanban, catalogue, knowledge."""

from store.migrate import run_sql

revision = "0001_initial"
down_revision = None


def upgrade() -> None:
    run_sql("0001_initial.sql")
