"""Import of debtors' files: a small one is taken at once, a large one in the background (spec 3.2, ADR 14)."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import BinaryIO
from uuid import UUID, uuid4

import structlog

from domain.campaigns import CampaignStatus
from domain.errors import CampaignNotEditable, Conflict, NotFound
from domain.ports import Clock, Failpoint
from domain.target_columns import Field
from services.import_batches import BatchContext, CampaignEnded, ImportLost, LinesTaken, store_batch
from services.import_ledger import LedgerMoved, TooManyDebtors
from services.import_reading import Batches, ReadAhead, opened_in_thread
from services.plain_text import tidy_line
from services.spreadsheets import FileRefused, check_spreadsheet
from services.target_files import FileKind, Layout, ReadLine, TargetFile, is_spreadsheet, open_target_file
from services.tenant_directory import TenantDirectory
from store import campaigns, events, imports
from store.database import RETRYABLE, Connection, Database
from store.imports import ImportRow, ImportStatus

logger = structlog.get_logger(__name__)

SMALL_LINES = 2_000
SMALL_BYTES = 1024 * 1024
_PART_BYTES = 1024 * 1024
_LEASE = timedelta(seconds=60)
_BUDGET_SECONDS = 15.0
_MOST_ATTEMPTS = 5  # without one batch in between: the file kills its workers
_MOST_TRIES = 6  # of one batch against others that want the same rows


class ImportEnded(Conflict):
    """There is nothing left to cancel."""

    code = "import_ended"

    def __init__(self, status: str) -> None:
        super().__init__(f"The import is {status} already")
        self.status = status


def _usable_layout(opened: TargetFile, wanted: Mapping[Field, str]) -> Layout:
    layout = opened.layout(wanted)
    if layout.columns.missing:
        raise FileRefused("missing_columns", names=layout.columns.missing, line=layout.header_line)
    return layout


@dataclass(frozen=True, kw_only=True, slots=True)
class _Glance:
    """What is known of a file before it is stored."""

    kind: FileKind
    total_lines: int | None
    is_small: bool


def _glance(file: BinaryIO, wanted: Mapping[Field, str], size: int) -> _Glance:
    """See that a file can be read, and how long it is. Blocking. Raises FileRefused.

    To open a large spreadsheet takes many seconds of this process: its columns are the worker's matter.
    """
    if size > SMALL_BYTES and is_spreadsheet(file):
        check_spreadsheet(file)
        return _Glance(kind=FileKind.XLSX, total_lines=None, is_small=False)
    with open_target_file(file) as opened:
        _usable_layout(opened, wanted)
        rows = 0
        if size <= SMALL_BYTES:
            rows = sum(1 for _ in islice(opened.rows(width=1), SMALL_LINES + 2))
        is_small = size <= SMALL_BYTES and rows <= SMALL_LINES + 1
        return _Glance(kind=opened.facts.kind, total_lines=opened.claimed_lines(), is_small=is_small)


def _is_over(begun: float, reached: float) -> bool:
    """Say whether a drain has worked long enough; `reached` is when it came to where the last one stopped."""
    now = time.monotonic()
    return now - begun >= _BUDGET_SECONDS and now - reached >= reached - begun


async def _check_campaign(connection: Connection, campaign_id: UUID) -> None:
    campaign = await campaigns.by_id(connection, campaign_id)
    if campaign is None:
        raise NotFound("campaign")
    if campaign.status is CampaignStatus.COMPLETED:
        raise CampaignNotEditable(campaign_id)


class Intake:
    """Takes files in, for one process. Any number of processes may do so at once."""

    def __init__(
        self, *, database: Database, clock: Clock, tenants: TenantDirectory, worker: str, feeds_ledger: bool,
        failpoint: Failpoint,
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._tenants = tenants
        self._worker = worker
        self._feeds_ledger = feeds_ledger
        self._failpoint = failpoint

    async def receive(
        self, tenant_id: UUID, campaign_id: UUID, file: BinaryIO, *, file_name: str, size: int,
        wanted: Mapping[Field, str],
    ) -> ImportRow:  # fmt: skip
        """Store a file for a campaign, and take it at once when it is small.

        Raises FileRefused, NotFound and CampaignNotEditable. Afterwards the status says how far it is.
        """
        async with self._database.tenant(tenant_id) as connection:
            await _check_campaign(connection, campaign_id)
        glance = await asyncio.to_thread(_glance, file, wanted, size)
        now = self._clock.now()
        row = ImportRow(
            tenant_id=tenant_id, id=uuid4(), campaign_id=campaign_id,
            file_name=tidy_line(file_name, limit=120) or "arquivo", file_kind=glance.kind.value, size_bytes=size,
            mapping={field.value: header for field, header in wanted.items()}, status="queued",
            total_lines=glance.total_lines, due_at=now, created_at=now,
        )  # fmt: skip
        if glance.is_small:
            row = replace(
                row, status="running", started_at=now, locked_by=self._worker, locked_until=now + _LEASE, attempts=1
            )
        await self._store(row, file)
        if glance.is_small:
            await self._take_safely(row, file, is_in_request=True)
        return await self.read(tenant_id, row.id)

    async def _store(self, row: ImportRow, file: BinaryIO) -> None:
        """Write the row and the file in one transaction: there is never half a file."""
        async with self._database.tenant(row.tenant_id) as connection:
            await _check_campaign(connection, row.campaign_id)
            await imports.insert(connection, row)
            await asyncio.to_thread(file.seek, 0)
            position = 0
            while data := await asyncio.to_thread(file.read, _PART_BYTES):
                await imports.add_part(connection, row, position=position, data=data)
                position += 1

    async def drain(self) -> int:
        """Take the import that has waited longest, for some seconds; return how many of its lines were read."""
        now = self._clock.now()
        async with self._database.platform() as connection:
            row = await imports.claim(connection, worker=self._worker, now=now, locked_until=now + _LEASE)
        if row is None:
            return 0
        if row.attempts > _MOST_ATTEMPTS:
            await self._end(row, "failed", failure="internal")
            return 0
        async with self._fetched(row) as file:
            return await self._take_safely(row, file)

    @asynccontextmanager
    async def _fetched(self, row: ImportRow) -> AsyncIterator[BinaryIO]:
        """Give the file on the local disk, from its pieces."""
        with tempfile.TemporaryFile() as file:
            position = 0
            async with self._database.tenant(row.tenant_id) as connection:
                while (data := await imports.part(connection, row.id, position)) is not None:
                    await asyncio.to_thread(file.write, data)
                    position += 1
            yield file

    async def _take_safely(self, row: ImportRow, file: BinaryIO, *, is_in_request: bool = False) -> int:
        """Take what can be taken; how it ends is written down."""
        try:
            return await self._take(row, file, is_in_request=is_in_request)
        except ImportLost:
            logger.info("import.lost", import_id=str(row.id))
        except FileRefused as refused:
            await self._end(row, "failed", failure=f"{refused.reason}:{refused.line or ''}:{', '.join(refused.names)}")
        except CampaignEnded:
            await self._end(row, "failed", failure="campaign_ended")
        return 0

    async def _take(self, row: ImportRow, file: BinaryIO, *, is_in_request: bool) -> int:
        """Read and store batch after batch until the end, or until the time is over: then it stays due.

        To come to where it stopped costs time in a spreadsheet; it goes on at least as long as that took.
        """
        wanted = {Field(name): header for name, header in row.mapping.items()}
        begun = time.monotonic()
        async with opened_in_thread(file) as opened:
            layout = await asyncio.to_thread(_usable_layout, opened, wanted)
            if row.total_lines is None:
                await self._learn_total(row, opened.claimed_lines())
            batches = ReadAhead(Batches(opened, layout, row.next_line))
            try:
                return await self._take_batches(row, batches, begun=None if is_in_request else begun)
            finally:
                await batches.close()

    async def _take_batches(self, row: ImportRow, batches: ReadAhead, *, begun: float | None) -> int:
        handled, reached = 0, None
        while True:
            batch = await batches.next()
            if batch.lines or batch.next_line > row.next_line:
                reached = reached or time.monotonic()
                row = await self._store_batch(row, batch.lines, next_line=batch.next_line)
                handled += len(batch.lines)
            else:
                await self._renew(row)
            if batch.is_last:
                await self._end(row, "completed")
                return handled
            if begun is not None and reached is not None and _is_over(begun, reached):
                await self._release(row)
                return handled

    async def _store_batch(self, row: ImportRow, lines: list[ReadLine], *, next_line: int) -> ImportRow:
        """Store a batch in one transaction, again where others were in the way, in halves where it locks too many."""
        for _ in range(_MOST_TRIES):
            try:
                taken = await self._try_batch(row, lines, next_line)
            except (*RETRYABLE, LedgerMoved):
                continue
            except TooManyDebtors:
                middle = len(lines) // 2
                row = await self._store_batch(row, lines[:middle], next_line=lines[middle].number)
                return await self._store_batch(row, lines[middle:], next_line=next_line)
            self._failpoint("import.stored")
            return replace(
                row, next_line=next_line, imported=row.imported + taken.imported,
                rejected=row.rejected + taken.rejected, duplicates=row.duplicates + taken.duplicates,
            )  # fmt: skip
        raise ImportLost  # its lease runs out and somebody takes it up again

    async def _try_batch(self, row: ImportRow, lines: list[ReadLine], next_line: int) -> LinesTaken:
        tenant = (await self._tenants.profile(row.tenant_id)).tenant
        now = self._clock.now()
        context = BatchContext(
            worker=self._worker, now=now, today=now.astimezone(tenant.time_zone).date(), locked_until=now + _LEASE,
            feeds_ledger=self._feeds_ledger,
        )  # fmt: skip
        async with self._database.tenant(row.tenant_id) as connection:
            taken = await store_batch(connection, row, lines, next_line=next_line, context=context)
            self._failpoint("import.storing")
            return taken

    async def _learn_total(self, row: ImportRow, lines: int | None) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            await imports.set_total(connection, row.id, lines=lines)

    async def _renew(self, row: ImportRow) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            if not await imports.renew(
                connection, row.id, worker=self._worker, locked_until=self._clock.now() + _LEASE
            ):
                raise ImportLost

    async def _release(self, row: ImportRow) -> None:
        async with self._database.tenant(row.tenant_id) as connection:
            await imports.release(connection, row.id, worker=self._worker, due_at=self._clock.now())

    async def _end(self, row: ImportRow, status: ImportStatus, *, failure: str | None = None) -> None:
        """Write down how it ended, remove the file, and let the scheduler look at the new targets."""
        now = self._clock.now()
        async with self._database.tenant(row.tenant_id) as connection:
            held = await imports.lock(connection, row.id)
            if held is None or held.has_ended or held.locked_by != self._worker:
                return
            await self._end_held(connection, held, status, failure=failure, now=now)

    async def _end_held(
        self, connection: Connection, held: ImportRow, status: ImportStatus, *, failure: str | None, now: datetime
    ) -> None:
        await imports.end(connection, held.id, status=status, failure=failure, now=now)
        await events.record(
            connection, tenant_id=held.tenant_id, kind=f"import_{status}",
            severity="warning" if status == "failed" else "info", now=now,
            data={
                "importId": str(held.id), "campaignId": str(held.campaign_id), "imported": held.imported,
                "rejected": held.rejected, "duplicates": held.duplicates, "failure": failure,
            },
        )  # fmt: skip
        if held.imported:
            await campaigns.wake(connection, held.campaign_id, now)

    async def cancel(self, tenant_id: UUID, import_id: UUID) -> ImportRow:
        """Stop an import; what it has taken stays. Raises NotFound and ImportEnded."""
        async with self._database.tenant(tenant_id) as connection:
            held = await imports.lock(connection, import_id)
            if held is None:
                raise NotFound("import")
            if held.has_ended:
                raise ImportEnded(held.status)
            await self._end_held(connection, held, "canceled", failure=None, now=self._clock.now())
        return await self.read(tenant_id, import_id)

    async def read(self, tenant_id: UUID, import_id: UUID) -> ImportRow:
        """Read one import. Raises NotFound."""
        async with self._database.tenant(tenant_id) as connection:
            row = await imports.by_id(connection, import_id)
        if row is None:
            raise NotFound("import")
        return row
