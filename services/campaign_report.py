"""The report of a campaign: its targets as CSV or XLSX, and a page to print with the funnel and the daily curve."""

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import IO
from uuid import UUID
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from domain.documents import mask_document
from domain.masking import mask_phone
from domain.tenants import Tenant
from services.campaign_report_page import PageFacts, render_page
from services.campaign_report_words import COLUMNS, METHODS, OUTCOMES, PROMISES, STATES
from services.campaigns import get_campaign
from store import campaign_stats
from store.campaign_stats import ReportRow
from store.database import Database

Cell = str | int | Decimal | None

_PAGE_ROWS = 500
_IN_MEMORY_BYTES = 1_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
# What spreadsheets read as the beginning of a formula, in ASCII and full width.
_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
_TEXT_LIMIT = 300


def safe_text(text: str) -> str:
    """Make a text inert in a spreadsheet: no control characters, and no beginning that would be run as a formula."""
    starts_formula = text[:1] in _FORMULA_STARTS or text.lstrip()[:1] in _FORMULA_STARTS
    clean = " ".join(_CONTROL.sub(" ", text).split())[:_TEXT_LIMIT]
    return f"'{clean}" if starts_formula and clean else clean


def cells_of(row: ReportRow, zone: ZoneInfo) -> tuple[Cell, ...]:
    """Give a target's cells in the order of COLUMNS: document and phone masked, instants in the tenant's zone."""
    return (
        safe_text(row.client_name),
        mask_document(row.document),
        mask_phone(row.phone),
        safe_text(row.invoice_number) if row.invoice_number else None,
        Decimal(row.debt_cents).scaleb(-2),
        STATES.get(row.state, row.state),
        OUTCOMES.get(row.outcome, row.outcome) if row.outcome else None,
        METHODS.get(row.method, row.method) if row.method else None,
        row.contact_count,
        _local(row.first_contacted_at, zone),
        _local(row.last_attempt_at, zone),
        _local(row.promised_at, zone),
        _day(row.promise_due_on),
        None if row.promise_cents is None else Decimal(row.promise_cents).scaleb(-2),
        PROMISES.get(row.promise_status, row.promise_status) if row.promise_status else None,
        _local(row.paid_at, zone),
    )


async def csv_report(database: Database, tenant: Tenant, campaign_id: UUID) -> AsyncIterator[bytes]:
    """Write the targets as CSV, piece by piece: UTF-8 with its mark and semicolons, as spreadsheets in Brazil expect.

    Each piece is read in a transaction of its own, so that a slow reader holds nothing.
    """
    yield b"\xef\xbb\xbf" + _csv_lines([COLUMNS])
    async for rows in _pages(database, tenant.id, campaign_id):
        yield _csv_lines([_as_text(cell) for cell in cells_of(row, tenant.time_zone)] for row in rows)


async def xlsx_report(database: Database, tenant: Tenant, campaign_id: UUID) -> IO[bytes]:
    """Write the targets as a workbook into a temporary file, and give it from its beginning. The caller closes it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Alvos")
    assert isinstance(sheet, WriteOnlyWorksheet)  # noqa: S101 - what a write-only book makes
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        sheet.append(_xlsx_cells(sheet, COLUMNS))
        async for rows in _pages(database, tenant.id, campaign_id):
            # Beside the event loop: a book of 100,000 rows takes many seconds of work.
            await asyncio.to_thread(_append, sheet, rows, tenant.time_zone)
        await asyncio.to_thread(book.save, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def html_report(database: Database, tenant: Tenant, campaign_id: UUID, *, now: datetime) -> str:
    """Draw the page: header, funnel, daily curve, outcomes, rates. Raises NotFound.

    It loads nothing from anywhere, so that it can be kept and sent as one file.
    """
    details = await get_campaign(database, tenant.id, campaign_id)
    async with database.tenant(tenant.id) as connection:
        figures = await campaign_stats.of_campaign(connection, campaign_id)
        days = await campaign_stats.days_of_campaign(connection, campaign_id, tenant.time_zone)
    return render_page(PageFacts(tenant=tenant, campaign=details.row, figures=figures, days=days, now=now))


async def _pages(database: Database, tenant_id: UUID, campaign_id: UUID) -> AsyncIterator[Sequence[ReportRow]]:
    after = ""
    while True:
        async with database.tenant(tenant_id) as connection:
            rows = await campaign_stats.report_page(connection, campaign_id, after_document=after, limit=_PAGE_ROWS)
        if rows:
            yield rows
        if len(rows) < _PAGE_ROWS:
            return
        after = rows[-1].document


def _csv_lines(rows: Sequence[Sequence[str]] | Iterator[Sequence[str]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, delimiter=";", lineterminator="\r\n").writerows(rows)
    return lines.getvalue().encode()


def _as_text(cell: Cell) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:,.2f}".translate(str.maketrans(",.", ".,"))
    return "" if cell is None else str(cell)


def _append(sheet: WriteOnlyWorksheet, rows: Sequence[ReportRow], zone: ZoneInfo) -> None:
    for row in rows:
        sheet.append(_xlsx_cells(sheet, cells_of(row, zone)))


def _xlsx_cells(sheet: WriteOnlyWorksheet, cells: Sequence[Cell]) -> list[object]:
    return [_xlsx_cell(sheet, cell) for cell in cells]


def _xlsx_cell(sheet: WriteOnlyWorksheet, value: Cell) -> object:
    """Give amounts a format; texts are inert by now, and a cell object for each would take most of the time."""
    if not isinstance(value, Decimal):
        return value
    cell = WriteOnlyCell(sheet)
    cell.value = value
    cell.number_format = "#,##0.00"
    return cell


def _local(at: datetime | None, zone: ZoneInfo) -> str | None:
    return None if at is None else at.astimezone(zone).strftime("%d/%m/%Y %H:%M")


def _day(on: date | None) -> str | None:
    return None if on is None else on.strftime("%d/%m/%Y")
