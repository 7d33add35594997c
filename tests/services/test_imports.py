"""Imports on a real PostgreSQL: everything once, whatever is killed, sent twice or changed meanwhile."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import pytest

from domain.documents import make_cpf
from domain.errors import CampaignNotEditable, NotFound
from domain.ports import Failpoint
from domain.target_columns import Field
from services import import_progress, import_reading, imports
from services.campaigns import NewCampaign, create_campaign
from services.imports import Intake
from services.ledger import NewInvoice, upsert_customer_invoices
from services.spreadsheets import FileRefused
from services.target_files import open_target_file
from services.tenant_directory import TenantDirectory
from store import imports as rows
from store.database import Database
from store.imports import ImportRow
from store.locks import lock_debtor
from tests.factories import make_tenant, open_database
from tests.fakes_clock import FakeClock
from tests.services.debtor_files import csv_of, debtor, xlsx_of

HEADERS = ("Nome", "Telefone", "CPF", "Valor")


class Desk:
    """A tenant with a campaign, and files that come in."""

    def __init__(self, database: Database, tenant_id: UUID, campaign_id: UUID, clock: FakeClock) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.campaign_id = campaign_id
        self.clock = clock

    def intake(
        self, *, worker: str = "api", feeds_ledger: bool = True, failpoint: Failpoint = lambda name: None
    ) -> Intake:
        return Intake(
            database=self.database, clock=self.clock, tenants=TenantDirectory(self.database), worker=worker,
            feeds_ledger=feeds_ledger, failpoint=failpoint,
        )  # fmt: skip

    async def send(self, data: bytes, *, campaign_id: UUID | None = None, feeds_ledger: bool = True) -> ImportRow:
        return await self.intake(feeds_ledger=feeds_ledger).receive(
            self.tenant_id, campaign_id or self.campaign_id, io.BytesIO(data), file_name="vencidos.csv",
            size=len(data), wanted={},
        )  # fmt: skip

    async def drain_all(self, intake: Intake | None = None) -> int:
        handled, taker = 0, intake or self.intake(worker="worker")
        while read := await taker.drain():
            handled += read
        return handled

    async def read(self, import_id: UUID) -> ImportRow:
        return await self.intake().read(self.tenant_id, import_id)

    async def errors(self, import_id: UUID) -> list[tuple[int, str]]:
        found, _ = await import_progress.list_errors(self.database, self.tenant_id, import_id, limit=1000, offset=0)
        return [(error.line, error.reason) for error in found]

    async def new_campaign(self) -> UUID:
        details = await create_campaign(self.database, self.tenant_id, NewCampaign(name="Outra"), now=self.clock.now())
        return details.row.id

    async def sql(self, statement: LiteralString) -> list[dict[str, object]]:
        async with self.database.platform() as connection:
            cursor = await connection.execute(statement)
            return await cursor.fetchall() if cursor.description else []

    async def count(self, statement: LiteralString) -> int:
        (row,) = await self.sql(statement)
        return int(str(row["n"]))


@pytest.fixture
async def desk(database_url: str, clock: FakeClock) -> AsyncIterator[Desk]:
    async with open_database(database_url) as database:
        tenant_id = await make_tenant(database)
        details = await create_campaign(database, tenant_id, NewCampaign(name="Vencidos"), now=clock.now())
        yield Desk(database, tenant_id, details.row.id, clock)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file a large one, taken in batches of fifty lines."""
    monkeypatch.setattr(imports, "SMALL_LINES", 10)
    monkeypatch.setattr(import_reading, "BATCH_LINES", 50)


def summary(row: ImportRow) -> tuple[str, int, int, int]:
    return row.status, row.imported, row.rejected, row.duplicates


async def test_small_file_is_taken_at_once(desk: Desk) -> None:
    row = await desk.send(csv_of([debtor(1), debtor(2), ("X", "1", "2", "3", "4"), debtor(1)]))
    assert summary(row) == ("completed", 2, 1, 1)
    assert await desk.errors(row.id) == [(4, "phone_invalid"), (5, "duplicate_in_file")]
    targets = await desk.sql("SELECT * FROM targets ORDER BY document")
    assert {target["state"] for target in targets} == {"pending"}
    assert {target["import_id"] for target in targets} == {row.id}
    assert {target["due_at"] for target in targets} == {desk.clock.now()}
    assert [target["line"] for target in targets] == [2, 3]
    assert targets[0]["client_name"] == "João da Conceição 1"
    assert targets[0]["phone"] == "+5511980000001"
    assert targets[0]["document"] == make_cpf(100_000_001)
    assert targets[0]["debt_cents"] == 11990
    assert await desk.count("SELECT count(*) AS n FROM import_parts") == 0
    assert (row.next_line, row.total_lines, row.due_at) == (6, 5, None)


async def test_spreadsheet_is_taken_like_csv(desk: Desk) -> None:
    row = await desk.send(xlsx_of([debtor(1), debtor(2)]))
    assert (row.file_kind, *summary(row)) == ("xlsx", "completed", 2, 0, 0)


async def test_sending_a_file_again_adds_nothing_twice(desk: Desk) -> None:
    data = csv_of(debtor(number) for number in range(30))
    assert summary(await desk.send(data)) == ("completed", 30, 0, 0)
    before = await desk.sql("SELECT * FROM targets ORDER BY id")
    ledger = await desk.sql("SELECT * FROM invoices ORDER BY number")
    again = await desk.send(data)
    assert summary(again) == ("completed", 0, 0, 30)
    assert {reason for _, reason in await desk.errors(again.id)} == {"duplicate_in_campaign"}
    assert await desk.sql("SELECT * FROM targets ORDER BY id") == before
    assert await desk.sql("SELECT * FROM invoices ORDER BY number") == ledger


async def test_file_that_cannot_be_read_leaves_nothing_behind(desk: Desk) -> None:
    for data in (b"%PDF-1.4", csv_of([], headers=("Nome", "CPF")), csv_of([('"x', *debtor(1)[1:]), debtor(2)])):
        with pytest.raises(FileRefused):
            await desk.send(data)
    assert await desk.count("SELECT count(*) AS n FROM imports") == 0


async def test_columns_of_a_large_spreadsheet_are_looked_at_in_the_background(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "SMALL_BYTES", 1000)
    good = await desk.send(xlsx_of([debtor(1), debtor(2)]))
    bad = await desk.send(xlsx_of([("Ana", "1")], headers=("Nome", "CPF")))
    assert [(row.status, row.total_lines) for row in (good, bad)] == [("queued", None)] * 2
    with pytest.raises(FileRefused):
        await desk.send(xlsx_of([debtor(1)])[:-100])
    for _ in range(2):
        await desk.intake(worker="w").drain()
    assert summary(await desk.read(good.id)) == ("completed", 2, 0, 0)
    assert (await desk.read(bad.id)).failure == "missing_columns:1:phoneNumber, debtAmount"


async def test_missing_columns_are_named(desk: Desk) -> None:
    with pytest.raises(FileRefused) as refused:
        await desk.send(csv_of([], headers=("Nome", "CPF")))
    assert refused.value.reason == "missing_columns"
    assert refused.value.names == (Field.PHONE_NUMBER, Field.DEBT_AMOUNT)


async def test_campaign_must_exist_and_not_have_ended(desk: Desk) -> None:
    data = csv_of([debtor(1)])
    with pytest.raises(NotFound):
        await desk.send(data, campaign_id=uuid4())
    await desk.sql("UPDATE campaigns SET status = 'completed'")
    with pytest.raises(CampaignNotEditable):
        await desk.send(data)


async def test_active_campaign_is_woken(desk: Desk) -> None:
    late = desk.clock.now() + timedelta(days=1)
    async with desk.database.platform() as connection:
        await connection.execute("UPDATE campaigns SET status = 'active', plan_due_at = %(at)s", {"at": late})
    await desk.send(csv_of([debtor(1)]))
    assert await desk.sql("SELECT plan_due_at FROM campaigns") == [{"plan_due_at": desk.clock.now()}]


@pytest.mark.usefixtures("small_batches")
async def test_large_file_is_taken_in_the_background_with_progress(desk: Desk) -> None:
    row = await desk.send(csv_of(debtor(number) for number in range(220)))
    assert (row.status, row.total_lines, row.due_at) == ("queued", 221, desk.clock.now())
    assert await desk.count("SELECT count(*) AS n FROM targets") == 0

    def look(name: str) -> None:
        desk.clock.advance(seconds=1)

    handled = await desk.drain_all(desk.intake(worker="w", failpoint=look))
    ended = await desk.read(row.id)
    assert handled == 220
    assert summary(ended) == ("completed", 220, 0, 0)
    assert ended.finished_at is not None
    assert import_progress.lines_per_second(ended, desk.clock.now()) == pytest.approx(221 / 10, rel=0.2)
    halfway = replace(ended, status="running", finished_at=None, next_line=111)
    assert import_progress.remaining_seconds(halfway, ended.finished_at) == pytest.approx(10, rel=0.2)
    assert import_progress.remaining_seconds(ended, desk.clock.now()) is None


@pytest.mark.usefixtures("small_batches")
async def test_work_that_takes_too_long_goes_on_next_time_where_it_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_BUDGET_SECONDS", 0.0)
    for make in (csv_of, xlsx_of):
        campaign_id = await desk.new_campaign()
        row = await desk.send(make([debtor(number) for number in range(220)]), campaign_id=campaign_id)
        drains = 0
        while await desk.intake(worker=f"w{drains}").drain():
            drains += 1
        assert drains > 1
        assert summary(await desk.read(row.id)) == ("completed", 220, 0, 0)


@pytest.mark.usefixtures("small_batches")
async def test_duplicates_far_apart_in_a_file_are_told_from_those_of_the_campaign(desk: Desk) -> None:
    await desk.send(csv_of([debtor(7)]))
    lines = [debtor(number) for number in range(120)]
    row = await desk.send(csv_of([*lines, debtor(3), debtor(7)]))
    await desk.drain_all()
    assert await desk.errors(row.id) == [
        (9, "duplicate_in_campaign"), (122, "duplicate_in_file"), (123, "duplicate_in_campaign"),
    ]  # fmt: skip
    assert summary(await desk.read(row.id)) == ("completed", 119, 0, 3)


@pytest.mark.usefixtures("small_batches")
async def test_canceled_import_keeps_what_it_has_taken(desk: Desk) -> None:
    row = await desk.send(csv_of(debtor(number) for number in range(220)))
    passed: list[str] = []
    loop = asyncio.get_running_loop()
    canceled: list[asyncio.Task[ImportRow]] = []

    def cancel_after_two(name: str) -> None:
        passed.append(name)
        if passed.count("import.stored") == 2 and not canceled:
            canceled.append(loop.create_task(desk.intake().cancel(desk.tenant_id, row.id)))

    await desk.intake(worker="w", failpoint=cancel_after_two).drain()
    assert (await canceled[0]).status == "canceled"
    ended = await desk.read(row.id)
    assert ended.imported == await desk.count("SELECT count(*) AS n FROM targets")
    assert 100 <= ended.imported < 220
    assert await desk.count("SELECT count(*) AS n FROM import_parts") == 0
    assert await desk.drain_all() == 0
    with pytest.raises(imports.ImportEnded):
        await desk.intake().cancel(desk.tenant_id, row.id)
    with pytest.raises(NotFound):
        await desk.intake().cancel(uuid4(), row.id)


@pytest.mark.usefixtures("small_batches")
async def test_campaign_that_ends_meanwhile_takes_nobody_in(desk: Desk) -> None:
    row = await desk.send(csv_of(debtor(number) for number in range(220)))
    await desk.sql("UPDATE campaigns SET status = 'completed'")
    await desk.drain_all()
    ended = await desk.read(row.id)
    assert (ended.failure, *summary(ended)) == ("campaign_ended", "failed", 0, 0, 0)
    assert await desk.count("SELECT count(*) AS n FROM targets") == 0
    assert await desk.count("SELECT count(*) AS n FROM events WHERE kind = 'import_failed'") == 1


@pytest.mark.usefixtures("small_batches")
async def test_file_that_breaks_off_in_the_middle_keeps_what_came_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.target_files._LAYOUT_ROWS", 50)
    lines = [debtor(number) for number in range(220)]
    lines[120] = ("x" * 40_000, *debtor(120)[1:])
    row = await desk.send(csv_of(lines))
    await desk.drain_all()
    ended = await desk.read(row.id)
    assert (ended.failure, ended.status) == ("cell_too_long:122:", "failed")
    assert ended.imported == await desk.count("SELECT count(*) AS n FROM targets") == 100


@pytest.mark.usefixtures("small_batches")
async def test_import_that_kills_its_workers_is_given_up(desk: Desk) -> None:
    row = await desk.send(csv_of(debtor(number) for number in range(220)))

    def die(name: str) -> None:
        raise MemoryError

    for _ in range(5):
        with pytest.raises(MemoryError):
            await desk.intake(worker="w", failpoint=die).drain()
        assert await desk.intake().drain() == 0  # the lease is another's until it runs out
        desk.clock.advance(seconds=61)
    assert await desk.intake().drain() == 0
    assert (await desk.read(row.id)).failure == "internal"
    assert await desk.count("SELECT count(*) AS n FROM targets") == 0


@pytest.mark.usefixtures("small_batches")
async def test_two_workers_at_once_take_every_line_once(desk: Desk) -> None:
    """The slower one of two that both believe they have the import writes nothing."""
    row = await desk.send(csv_of(debtor(number) for number in range(220)))

    def lose_the_lease(name: str) -> None:
        desk.clock.advance(seconds=40)

    workers = [desk.intake(worker=f"w{number}", failpoint=lose_the_lease) for number in range(4)]
    while (await desk.read(row.id)).status != "completed":
        await asyncio.gather(*(worker.drain() for worker in workers))
        desk.clock.advance(seconds=61)
    assert summary(await desk.read(row.id)) == ("completed", 220, 0, 0)
    assert await desk.count("SELECT count(*) AS n FROM targets") == 220


@pytest.mark.usefixtures("small_batches")
async def test_two_files_of_the_same_people_at_once_add_up(desk: Desk) -> None:
    numbers = list(range(200))
    first = await desk.send(csv_of(debtor(number) for number in numbers))
    second = await desk.send(csv_of(debtor(number) for number in reversed(numbers)))
    await asyncio.gather(*(desk.drain_all(desk.intake(worker=f"w{number}")) for number in range(2)))
    ended = [await desk.read(row.id) for row in (first, second)]
    assert [row.status for row in ended] == ["completed", "completed"]
    assert sum(row.imported for row in ended) == await desk.count("SELECT count(*) AS n FROM targets") == 200
    assert sum(row.duplicates for row in ended) == 200
    assert await desk.count("SELECT count(*) AS n FROM invoices") == 200


_KILLED = """
import asyncio, os, signal, sys
from datetime import timedelta
from services import import_reading
from services.imports import Intake
from services.tenant_directory import TenantDirectory
from tests.factories import open_database
from tests.fakes_clock import FakeClock

import_reading.BATCH_LINES = 50

async def main(url, name, count, minutes):
    left = int(count)
    def failpoint(passed):
        nonlocal left
        left -= passed == name
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    clock = FakeClock()
    clock.advance(minutes=int(minutes))
    async with open_database(url) as database:
        intake = Intake(database=database, clock=clock, tenants=TenantDirectory(database), worker=f"p{os.getpid()}",
                        feeds_ledger=True, failpoint=failpoint)
        await intake.drain()

asyncio.run(main(*sys.argv[1:]))
"""


def _run_until_killed(url: str, name: str, count: int, minutes: int) -> int:
    command = [sys.executable, "-c", _KILLED, url, name, str(count), str(minutes)]
    return subprocess.run(command, check=False, cwd=os.getcwd(), capture_output=True, timeout=120).returncode


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("make", [csv_of, xlsx_of])
async def test_kill_9_at_any_instant_loses_nothing_and_repeats_nothing(
    desk: Desk, database_url: str, make: Callable[[list[tuple[str, ...]]], bytes]
) -> None:
    lines = [debtor(number) for number in range(220)]
    lines[60] = ("sem telefone", "", "", "", "")
    lines[130] = debtor(5)
    row = await desk.send(make(lines))
    for round_, (name, count) in enumerate((("import.storing", 2), ("import.stored", 1), ("import.storing", 1))):
        code = await asyncio.to_thread(_run_until_killed, database_url, name, count, 2 * round_)
        assert code == -signal.SIGKILL
    interrupted = await desk.read(row.id)
    assert interrupted.next_line == 102  # the header, fifty lines, fifty lines
    assert interrupted.imported == await desk.count("SELECT count(*) AS n FROM targets") == 99
    desk.clock.advance(minutes=30)
    await desk.drain_all()
    assert summary(await desk.read(row.id)) == ("completed", 218, 1, 1)
    assert await desk.errors(row.id) == [(62, "required"), (132, "duplicate_in_file")]
    assert await desk.count("SELECT count(*) AS n FROM targets") == 218
    assert await desk.count("SELECT count(DISTINCT document) AS n FROM targets") == 218


async def test_ledger_learns_customers_and_invoices(desk: Desk) -> None:
    headers = (*HEADERS, "Fatura", "Vencimento")
    await desk.send(csv_of([(*debtor(1)[:4], "F-1", "05/10/2026"), (*debtor(2)[:4], "F-2", "")], headers=headers))
    invoices = await desk.sql("SELECT document, number, amount_cents, due_on::text FROM invoices ORDER BY number")
    assert [(row["number"], row["amount_cents"], row["due_on"]) for row in invoices] == [
        ("F-1", 11990, "2026-10-05"), ("F-2", 11990, "2026-11-19"),
    ]  # fmt: skip
    customers = await desk.sql("SELECT name, phone, match_key FROM customers ORDER BY document")
    assert customers[0] == {"name": "João da Conceição 1", "phone": "+5511980000001", "match_key": "1180000001"}


async def test_with_a_crm_the_ledger_is_left_alone(desk: Desk) -> None:
    row = await desk.send(csv_of([debtor(1)]), feeds_ledger=False)
    assert summary(row) == ("completed", 1, 0, 0)
    assert await desk.count("SELECT count(*) AS n FROM customers") == 0


async def test_every_invoice_of_a_debtor_counts_though_there_is_one_target(desk: Desk) -> None:
    same = debtor(1)
    row = await desk.send(csv_of([(*same[:4], "F-1"), (*same[:3], "50,00", "F-2")]))
    assert summary(row) == ("completed", 1, 0, 1)
    assert await desk.sql("SELECT number, amount_cents FROM invoices ORDER BY number") == [
        {"number": "F-1", "amount_cents": 11990}, {"number": "F-2", "amount_cents": 5000},
    ]  # fmt: skip


async def test_invoice_of_another_customer_is_refused(desk: Desk) -> None:
    await upsert_customer_invoices(
        desk.database, tenant_id=desk.tenant_id, document="529.982.247-25", name="Maria", phone=None,
        new_invoices=[NewInvoice(number="F-9", amount_cents=100, due_on=desk.clock.now().date())],
    )  # fmt: skip
    row = await desk.send(
        csv_of([(*debtor(1)[:4], "F-9"), (*debtor(2)[:4], "F-1"), (*debtor(3)[:4], "F-1"), debtor(1)])
    )
    assert summary(row) == ("completed", 2, 2, 0)
    assert await desk.errors(row.id) == [(2, "invoice_of_another_customer"), (4, "invoice_of_another_customer")]


async def test_open_invoice_is_brought_up_to_date_and_a_paid_one_is_not(desk: Desk) -> None:
    await desk.send(csv_of([debtor(1), debtor(2), debtor(3)]))
    await desk.sql("UPDATE invoices SET paid_at = now() WHERE number = 'FAT-2'")
    await desk.sql("UPDATE invoices SET canceled_at = now() WHERE number = 'FAT-3'")
    other = await desk.new_campaign()
    changed = [debtor(number, amount="200,00") for number in (1, 2, 3)]
    assert summary(await desk.send(csv_of(changed), campaign_id=other)) == ("completed", 3, 0, 0)
    assert await desk.sql(
        "SELECT number, amount_cents, paid_at IS NOT NULL AS paid, canceled_at IS NOT NULL AS gone FROM invoices "
        "ORDER BY number"
    ) == [
        {"number": "FAT-1", "amount_cents": 20000, "paid": False, "gone": False},
        {"number": "FAT-2", "amount_cents": 11990, "paid": True, "gone": False},
        {"number": "FAT-3", "amount_cents": 11990, "paid": False, "gone": True},
    ]


async def test_many_changed_invoices_are_done_a_few_debtors_at_a_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.import_ledger.MOST_LOCKED", 20)
    await desk.send(csv_of(debtor(number) for number in range(100)))
    other = await desk.new_campaign()
    row = await desk.send(csv_of(debtor(number, amount="1,00") for number in range(100)), campaign_id=other)
    assert summary(row) == ("completed", 100, 0, 0)
    assert await desk.count("SELECT count(*) AS n FROM invoices WHERE amount_cents = 100") == 100


async def test_changed_invoice_waits_for_who_holds_its_debtor(desk: Desk) -> None:
    await desk.send(csv_of([debtor(1)]))
    other = await desk.new_campaign()
    async with desk.database.tenant(desk.tenant_id) as connection:
        await lock_debtor(connection, desk.tenant_id, make_cpf(100_000_001))
        sending = asyncio.create_task(desk.send(csv_of([debtor(1, amount="5,00")]), campaign_id=other))
        waiting = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        for _ in range(3_000):
            if await desk.count(waiting):
                break
            await asyncio.sleep(0.01)
        assert await desk.count(waiting) == 1
        assert await desk.count("SELECT amount_cents AS n FROM invoices") == 11990
    assert summary(await sending) == ("completed", 1, 0, 0)
    assert await desk.count("SELECT amount_cents AS n FROM invoices") == 500


async def test_lines_without_a_number_state_what_is_owed_and_add_to_nothing(desk: Desk) -> None:
    async def send(amount: str) -> list[dict[str, object]]:
        campaign_id = await desk.new_campaign()
        await desk.send(csv_of([debtor(1, amount=amount)[:4]], headers=HEADERS), campaign_id=campaign_id)
        return await desk.sql("SELECT number, amount_cents, paid_at IS NULL AS open FROM invoices ORDER BY due_on, 1")

    (first,) = await send("100,00")
    assert str(first["number"]).startswith("IMP-")
    assert await send("100,00") == [first]
    assert await send("150,00") == [first | {"amount_cents": 15000}]
    await desk.sql("UPDATE invoices SET paid_at = now(), amount_cents = 10000")
    assert await send("100,00") == [first | {"open": False}]  # the same line within the month: it was paid
    assert len(await send("80,00")) == 2
    await desk.sql("UPDATE invoices SET paid_at = now()")
    desk.clock.advance(days=30)
    again = await send("100,00")
    assert [row["amount_cents"] for row in again if row["open"]] == [10000]


async def test_number_reported_as_wrong_is_not_linked_again(desk: Desk) -> None:
    async with desk.database.tenant(desk.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO wrong_numbers (tenant_id, document, match_key, protocol, reported_at) "
            "VALUES (%(tenant)s, %(document)s, '1180000001', 'P1', now())",
            {"tenant": desk.tenant_id, "document": make_cpf(100_000_001)},
        )
    await desk.send(csv_of([debtor(1)]))
    assert await desk.sql("SELECT phone, match_key FROM customers") == [{"phone": None, "match_key": None}]


async def test_counts_add_up_to_the_lines(desk: Desk) -> None:
    lines = [debtor(n % 40) if n % 7 else ("", "", "", "", "x") for n in range(200)]
    row = await desk.send(csv_of(lines))
    with open_target_file(io.BytesIO(csv_of(lines))) as opened:
        read = sum(not isinstance(line, int) for line in opened.lines(opened.layout({})))
    assert row.imported + row.rejected + row.duplicates == read == 200
    _, total = await import_progress.list_errors(desk.database, desk.tenant_id, row.id, limit=1, offset=0)
    assert total == row.rejected + row.duplicates


async def test_other_tenants_see_nothing_of_it(desk: Desk) -> None:
    row = await desk.send(csv_of([debtor(1), debtor(1)]))
    other = await make_tenant(desk.database, "outra")
    with pytest.raises(NotFound):
        await desk.intake().read(other, row.id)
    with pytest.raises(NotFound):
        await import_progress.list_errors(desk.database, other, row.id, limit=1, offset=0)
    with pytest.raises(NotFound):
        await import_progress.list_imports(desk.database, other, desk.campaign_id, limit=1, offset=0)
    listed, total = await import_progress.list_imports(
        desk.database, desk.tenant_id, desk.campaign_id, limit=1, offset=0
    )
    assert ([found.id for found in listed], total) == ([row.id], 1)


@pytest.mark.usefixtures("small_batches")
async def test_what_is_due_is_told_to_the_tick(desk: Desk) -> None:
    async def has_due() -> bool:
        async with desk.database.platform() as connection:
            return await rows.has_due(connection, now=desk.clock.now())

    assert not await has_due()
    await desk.send(csv_of(debtor(number) for number in range(20)))
    assert await has_due()
    await desk.drain_all()
    assert not await has_due()
