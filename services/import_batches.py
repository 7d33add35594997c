"""Some lines of a file in one transaction: targets, ledger, errors, counters and the place to go on (ADR 14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from domain.campaigns import CampaignStatus
from domain.target_columns import Field
from domain.target_lines import LineProblem, NewTarget
from services.import_ledger import foreign_lines, plan_ledger, write_ledger
from services.target_files import ReadLine
from store import campaigns, imports
from store.database import Connection
from store.imports import ImportRow, LineError

_IN_FILE, _IN_CAMPAIGN = "duplicate_in_file", "duplicate_in_campaign"


class ImportLost(Exception):
    """Somebody else has this import now, or it was canceled: nothing more of it may be written."""


class CampaignEnded(Exception):
    """The campaign was completed or removed meanwhile: it takes nobody in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinesTaken:
    """What became of a batch; the three add up to its lines."""

    imported: int
    rejected: int
    duplicates: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchContext:
    """Who takes a batch, when, and what else it feeds."""

    worker: str
    now: datetime
    today: date  # the tenant's
    locked_until: datetime
    feeds_ledger: bool


async def hold_import(connection: Connection, row: ImportRow, worker: str) -> None:
    """Hold an import at exactly the line that we believe it is at. Raises ImportLost."""
    held = await imports.lock(connection, row.id)
    if held is None or held.status != "running" or held.locked_by != worker or held.next_line != row.next_line:
        raise ImportLost


async def store_batch(
    connection: Connection, row: ImportRow, lines: Sequence[ReadLine], *, next_line: int, context: BatchContext
) -> LinesTaken:
    """Take lines, all or nothing, in the order of locks of design.md 5: debtors, targets, campaign.

    Raises ImportLost, CampaignEnded, TooManyDebtors and LedgerMoved.
    """
    await hold_import(connection, row, context.worker)
    errors = [
        LineError(line.number, line.result.field, line.result.reason)
        for line in lines if isinstance(line.result, LineProblem)
    ]  # fmt: skip
    valid = [(line.number, line.result) for line in lines if isinstance(line.result, NewTarget)]
    repeats: list[LineError] = []
    if valid:
        fresh, refused, repeats = await _sort_out(connection, row, valid, context)
        errors += refused
        inserted = await imports.add_targets(connection, row, fresh, now=context.now)
        late = [(number, target) for number, target in fresh if target.document not in inserted]
        if late:  # another import was faster since we looked
            known = await imports.known_targets(connection, row.campaign_id, [target.document for _, target in late])
            repeats += [_repeat(number, known.get(target.document), row.id) for number, target in late]
    taken = LinesTaken(imported=len(lines) - len(errors) - len(repeats), rejected=len(errors), duplicates=len(repeats))
    if errors or repeats:
        await imports.add_errors(connection, row, [*errors, *repeats])
    await imports.advance(
        connection, row.id, next_line=next_line, imported=taken.imported, rejected=taken.rejected,
        duplicates=taken.duplicates, locked_until=context.locked_until,
    )  # fmt: skip
    status = (await campaigns.statuses(connection, [row.campaign_id])).get(row.campaign_id)
    if status in (None, CampaignStatus.COMPLETED):
        raise CampaignEnded
    return taken


async def _sort_out(
    connection: Connection, row: ImportRow, valid: Sequence[tuple[int, NewTarget]], context: BatchContext
) -> tuple[list[tuple[int, NewTarget]], list[LineError], list[LineError]]:
    """Part lines into new targets, refused ones and repeated ones; feed the ledger with what they say."""
    numbers = [target.invoice_number for _, target in valid if target.invoice_number] if context.feeds_ledger else []
    invoices = await imports.known_invoices(connection, numbers) if numbers else {}
    foreign = foreign_lines(valid, invoices) if context.feeds_ledger else set()
    known = await imports.known_targets(connection, row.campaign_id, [target.document for _, target in valid])
    fresh: dict[str, tuple[int, NewTarget]] = {}
    refused, repeats, repeated = [], [], []
    for number, target in valid:
        if number in foreign:
            refused.append(LineError(number, Field.INVOICE_NUMBER, "invoice_of_another_customer"))
        elif target.document in fresh:
            repeats.append(_repeat(number, row.id, row.id))
            repeated.append(target)
        elif target.document in known:
            repeats.append(_repeat(number, known[target.document], row.id))
            repeated.append(target)
        else:
            fresh[target.document] = (number, target)
    if context.feeds_ledger:
        plan = await plan_ledger(
            connection, row.tenant_id, fresh=[target for _, target in fresh.values()], repeated=repeated,
            known=invoices, today=context.today, day_before=context.today - timedelta(days=1),
        )  # fmt: skip
        await write_ledger(connection, row.tenant_id, plan)
    return list(fresh.values()), refused, repeats


def _repeat(line: int, import_id: UUID | None, ours: UUID) -> LineError:
    """Say where a debtor was before: what this very import has brought stood further up in the file."""
    return LineError(line, Field.CLIENT_DOCUMENT, _IN_FILE if import_id == ours else _IN_CAMPAIGN)
