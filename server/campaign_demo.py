"""`master-ia demo-campaign`: simulated debtors on a virtual clock, printed as they go, and the campaign's report."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.dates_ptbr import format_date, weekday_name
from jobs.debtor_simulation.audit import find_violations, read_record
from jobs.debtor_simulation.play import DayReport, Play
from jobs.debtor_simulation.stage import Cast, open_play
from services.campaign_report import csv_report, html_report, xlsx_report
from services.campaign_stats import Rates, rates_of, stats_of_campaign
from store.campaign_stats import Figures
from store.migrate import migrate
from wiring.embedded import FAST_SETTINGS, start_embedded
from wiring.settings import Settings

_SHOWN_VIOLATIONS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """What to play and where the report goes."""

    cast: Cast
    days: int
    report_folder: Path


def main(settings: Settings, options: DemoOptions, console: Console) -> int:
    """Play it on a database of its own that is thrown away; give the exit code: 1 when a rule was broken."""
    console.print(
        f"Playing {options.days} days with {options.cast.debtors} simulated debtors (seed {options.cast.seed}) ..."
    )
    # A folder that the server's own user may enter, wherever ours is.
    with tempfile.TemporaryDirectory(prefix="master-ia-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with start_embedded(Path(folder), redis=False, postgres_settings=FAST_SETTINGS) as services:
            url = services.database_url or ""
            migrate(url)
            own = settings.model_copy(
                update={"data_dir": Path(folder), "database_url": None, "redis_url": None, "crm_api_url": None}
            )
            ready = own.with_local_secrets().with_services(database_url=url, redis_url=None)
            return asyncio.run(_play(ready, options, console))


async def _play(settings: Settings, options: DemoOptions, console: Console) -> int:
    async with open_play(settings, options.cast) as play:
        console.print(f"{len(play.debtors)} debtors imported; the campaign is active.\n")
        console.print(_line("day", "contacts", "replies", "payments", "promised", "paid", "opt-outs", "wrong no"))
        async for day in play.days(options.days):
            figures = await stats_of_campaign(play.deps.database, play.tenant.id, play.campaign_id)
            console.print(_day_line(day, figures))
        figures = await stats_of_campaign(play.deps.database, play.tenant.id, play.campaign_id)
        console.print()
        console.print(_funnel(figures))
        console.print(_rates(rates_of(figures)))
        is_sound = await _audit(play, console)
        for path in await _write_reports(play, options.report_folder):
            console.print(f"  {path}", soft_wrap=True)
        return 0 if is_sound else 1


def _line(*cells: object) -> str:
    return f"{cells[0]!s:<15}" + "".join(f"{cell!s:>9}" for cell in cells[1:])


def _day_line(day: DayReport, figures: Figures) -> str:
    replies = day.actions.total() - day.actions["pay"] - day.actions["settle_dispute"]
    outcomes = figures.outcomes
    return _line(
        f"{format_date(day.day)} {weekday_name(day.day)[:3]}", day.contacts, replies, day.actions["pay"],
        figures.promised, figures.paid, outcomes.get("opted_out", 0), outcomes.get("wrong_person", 0),
    )  # fmt: skip


def _funnel(figures: Figures) -> Table:
    table = Table(title="Funnel", title_justify="left", box=None, pad_edge=False)
    table.add_column("step")
    table.add_column("debtors", justify="right")
    table.add_column("")
    steps = (
        ("imported", figures.total_targets), ("contacted", figures.reached), ("answered", figures.responded),
        ("promised", figures.promised), ("paid after a contact", figures.paid),
    )  # fmt: skip
    for name, count in steps:
        table.add_row(name, str(count), "█" * round(40 * count / max(figures.total_targets, 1)))
    return table


def _rates(rates: Rates) -> str:
    named = (
        ("contact", rates.contact_rate), ("response", rates.response_rate), ("promise", rates.promise_rate),
        ("fulfilment", rates.fulfilment_rate), ("conversion", rates.conversion_rate),
    )  # fmt: skip
    return "\nRates: " + ", ".join(f"{name} {'–' if rate is None else f'{rate:.0%}'}" for name, rate in named)


async def _audit(play: Play, console: Console) -> bool:
    """Check every contact against the rows by rules that the gate does not share; say what was found."""
    record = await read_record(play.deps.database, play.tenant.id, play.campaign_id, ended_at=play.clock.now())
    violations = find_violations(record)
    console.print(f"\nAudit of {len(record.contacts)} contacts: {len(violations)} violations.")
    for violation in violations[:_SHOWN_VIOLATIONS]:
        console.print(f"  {violation.rule} at {violation.at.isoformat()}", style="red")
    return not violations


async def _write_reports(play: Play, folder: Path) -> list[Path]:
    """Write the campaign's report in its three forms and give where."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    database, tenant, campaign_id = play.deps.database, play.tenant, play.campaign_id
    page = await html_report(database, tenant, campaign_id, now=play.clock.now())
    lines = b"".join([piece async for piece in csv_report(database, tenant, campaign_id)])
    with await xlsx_report(database, tenant, campaign_id) as book:
        contents = {"campaign.html": page.encode(), "campaign.csv": lines, "campaign.xlsx": book.read()}
    for name, data in contents.items():
        await asyncio.to_thread((folder / name).write_bytes, data)
    return [(folder / name).resolve() for name in contents]
