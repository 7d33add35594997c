"""Collection campaigns: targets, imports, templates, decisions of the contact gate, calls, holidays, wrong numbers."""

from store.migrate import run_sql

revision = "0002_campaigns"
down_revision = "0001_initial"


def upgrade() -> None:
    run_sql("0002_campaigns.sql")
