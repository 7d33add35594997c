"""Thirty days of a campaign on a virtual clock: nobody is contacted who should not be, counts add up (N3, N8)."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import LiteralString

from jobs.debtor_simulation.audit import Record, find_violations, read_record
from jobs.debtor_simulation.stage import Cast, open_play
from tests.graphs.rig import make_settings

DAYS = 30
_ENDS: LiteralString = """
    SELECT document, state, outcome, attempt_count, paid_at, promised_at FROM targets ORDER BY document
"""
_REASONS: LiteralString = "SELECT reason, count(*) AS n FROM contact_decisions GROUP BY reason"


async def _play(database_url: str, cast: Cast, *, days: int = DAYS) -> tuple[Record, list[Mapping[str, object]]]:
    async with open_play(make_settings(database_url), cast) as play:
        async for _ in play.days(days):
            pass
        record = await read_record(play.deps.database, play.tenant.id, play.campaign_id, ended_at=play.clock.now())
        async with play.deps.database.tenant(play.tenant.id) as connection:
            rows = await (await connection.execute(_ENDS)).fetchall()
            reasons = {row["reason"] for row in await (await connection.execute(_REASONS)).fetchall()}
    assert {"allowed", "already_paid", "frequency_cap", "live_conversation", "human_handling"} <= reasons
    return record, list(rows)


async def test_a_thousand_debtors_for_thirty_days(database_url: str) -> None:
    # Of so many debtors somebody acts at every look: half as many looks, each with twice as many at once.
    record, rows = await _play(database_url, Cast(debtors=1000, seed=1, grid=timedelta(minutes=30)))

    assert find_violations(record) == []
    assert record.imported == len(rows) == 1000
    assert len(record.contacts) > 2000
    assert len(record.promises) > 400
    outcomes = Counter(row["outcome"] for row in rows)
    assert outcomes["paid"] > 300
    assert outcomes["opted_out"] > 50
    assert outcomes["wrong_person"] == 50


async def test_same_seed_gives_the_same_campaign(database_url: str, empty_database_url: str) -> None:
    from store.migrate import migrate

    migrate(empty_database_url)
    cast = Cast(debtors=100, seed=7, grid=timedelta(minutes=30))
    first, first_rows = await _play(database_url, cast, days=9)
    second, second_rows = await _play(empty_database_url, cast, days=9)

    assert first_rows == second_rows
    assert _contacts(first) == _contacts(second)


async def test_debtors_who_really_talk(database_url: str) -> None:
    """The same campaign through the graph: what the rows say of each promise was agreed to in words."""
    record, rows = await _play(database_url, Cast(debtors=60, seed=3, talks=True), days=5)

    assert find_violations(record) == []
    assert record.imported == len(rows) == 60
    assert len(record.promises) >= 15
    assert record.wrong_at
    assert record.opted_out_at


def _contacts(record: Record) -> list[tuple[str, object]]:
    return sorted((contact.document, contact.at) for contact in record.contacts)
