"""Calls as conversations, calls that customers ask for, tools of hosted agents."""

from store.migrate import run_sql

revision = "0003_voice"
down_revision = "0002_campaigns"


def upgrade() -> None:
    run_sql("0003_voice.sql")
