"""P3: taking a file of 100,000 debtors with every check, against COPY of the same rows into the same table."""

import asyncio
import json
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg

from bench.debtors import make_campaign
from bench.figures import Figure, median, paired_ratio, per_second
from bench.ground import BenchBroken, Ground, make_account
from domain.campaigns import CampaignStatus, Method
from domain.documents import make_cpf
from domain.messages import Provider
from domain.phones import match_key
from store.channel_accounts import AccountRow
from wiring.deps import Deps, open_deps
from wiring.settings import Settings

LINES = 100_000
_SAMPLES = 3
_LIMIT_BYTES = 200 * 1024 * 1024
_HEADER = ("Nome", "Telefone", "CPF", "Valor", "Fatura", "Vencimento", "UF", "Endereço")
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_PARTS = (("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("sharedStrings", "sharedStrings"))
_COPY: LiteralString = """
    COPY targets (tenant_id, id, campaign_id, client_name, phone, match_key, document, installation_point, debt_cents,
        invoice_number, uf, due_at, created_at, updated_at) FROM STDIN
"""
_COUNT: LiteralString = "SELECT count(*) FROM targets WHERE campaign_id = %(campaign_id)s"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """What one import in a process of its own came to."""

    seconds: float
    grown_bytes: float


def _debtors(lines: int) -> Iterator[tuple[str, ...]]:
    """Make lines as an ISP's system exports them."""
    for number in range(lines):
        document = make_cpf(100_000_000 + number)
        yield (
            f"João da Conceição {number}", f"(11) 9{90000000 + number:08d}",
            f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}", f"R$ 1.{number % 1000:03d},90",
            f"FAT-{number}", "10/10/2026", "SP", f"Rua das Flores, {number}",
        )  # fmt: skip


def _write_files(folder: Path, lines: int) -> Mapping[str, Path]:
    paths = {kind: folder / f"debtors-{lines}.{kind}" for kind in ("csv", "xlsx")}
    with paths["csv"].open("w", encoding="utf-8", newline="") as file:
        for row in (_HEADER, *_debtors(lines)):
            file.write(";".join(row) + "\r\n")
    _write_spreadsheet(paths["xlsx"], lines)
    return paths


def _write_spreadsheet(path: Path, lines: int) -> None:
    """Write it as Excel does, every text a shared string: that is what costs the reader memory."""
    types = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{_OFFICE}.spreadsheetml.{kind}+xml"/>'
        for part, kind in _PARTS
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        )
        for name, kind, target in (
            ("_rels/.rels", "officeDocument", "xl/workbook.xml"),
            ("xl/_rels/workbook.xml.rels", "worksheet", "worksheets/sheet1.xml"),
        ):
            archive.writestr(
                name,
                f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATION}/{kind}" '
                f'Target="{target}"/></Relationships>',
            )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_SHEETS}" xmlns:r="{_RELATION}"><sheets><sheet name="Devedores" sheetId="1" '
            'r:id="rId1"/></sheets></workbook>',
        )
        with archive.open("xl/sharedStrings.xml", "w") as part:
            part.write(f'<sst xmlns="{_SHEETS}">'.encode())
            for row in (_HEADER, *_debtors(lines)):
                part.write("".join(f"<si><t>{cell}</t></si>" for cell in row).encode())
            part.write(b"</sst>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(f'<worksheet xmlns="{_SHEETS}"><sheetData>'.encode())
            for number in range(lines + 1):
                first = number * len(_HEADER)
                cells = (
                    f'<c r="{chr(65 + place)}{number + 1}" t="s"><v>{first + place}</v></c>'
                    for place in range(len(_HEADER))
                )
                part.write(f'<row r="{number + 1}">{"".join(cells)}</row>'.encode())
            part.write(b"</sheetData></worksheet>")


def _copy_text(lines: int, *, tenant_id: UUID, campaign_id: UUID) -> bytes:
    """Write the rows that the import would make as COPY takes them: nothing is left to do but to send them."""
    written = []
    for number, (name, _, document, amount, invoice, _, uf, point) in enumerate(_debtors(lines)):
        phone = f"+55119{90000000 + number:08d}"
        compact = document.replace(".", "").replace("-", "")
        cents = amount.removeprefix("R$ ").replace(".", "").replace(",", "")
        written.append(
            "\t".join(
                (
                    str(tenant_id), str(uuid4()), str(campaign_id), name, phone, match_key(phone) or "", compact, point,
                    cents, invoice, uf, "2026-11-20", "2026-11-20", "2026-11-20",
                )
            )
        )  # fmt: skip
    return ("\n".join(written) + "\n").encode()


def _copy(database_url: str, text: bytes, campaign_id: UUID, lines: int) -> float:
    with psycopg.connect(database_url) as connection:
        started = time.perf_counter()
        with connection.cursor().copy(_COPY) as copy:
            copy.write(text)
        connection.commit()
        seconds = time.perf_counter() - started
        row = connection.execute(_COUNT, {"campaign_id": campaign_id}).fetchone()
    if row is None or row[0] != lines:
        raise BenchBroken("COPY did not store every row")
    return seconds


async def _take(settings: Settings, path: Path, tenant_id: UUID, campaign_id: UUID, lines: int) -> _Taken:
    """Take a file in a fresh process, so that its memory is its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.import_worker", str(path), str(tenant_id), str(campaign_id),
        env=settings.child_environment(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise BenchBroken("the import process failed")
    told = json.loads(output.splitlines()[-1])
    if told["imported"] != lines:
        raise BenchBroken(f"{told['imported']} lines were imported instead of {lines}")
    return _Taken(seconds=told["seconds"], grown_bytes=told["grown_bytes"])


async def measure_imports(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P3: COPY and import alternate, with a CRM and without; then the memory of both kinds of file."""
    lines = LINES // 10 if is_quick else LINES
    files = _write_files(ground.folder, lines)
    url = ground.new_database("bench_imports")
    ledger = ground.settings(url)
    # With a CRM, which no import asks, the tenant's own ledger is left alone: targets alone are written, as COPY does.
    crm = ground.settings(url, crm_api_url="http://127.0.0.1:9", crm_api_key="bench")
    copied: list[float] = []
    taken: dict[str, list[_Taken]] = {"csv": [], "ledger": [], "xlsx": []}
    plan = [("csv", crm, files["csv"]), ("ledger", ledger, files["csv"])]
    async with open_deps(ledger) as deps:
        for sample in range(_SAMPLES):
            account = await make_account(deps, Provider.SIMULATOR, external_id=f"bench-imports-{sample}")
            copying = await _new_campaign(deps, account)
            text = _copy_text(lines, tenant_id=account.tenant_id, campaign_id=copying)
            copied.append(await asyncio.to_thread(_copy, url, text, copying, lines))
            last = [("xlsx", ledger, files["xlsx"])] if sample == 0 else []
            for key, settings, path in (*plan, *last):
                tenant = await make_account(deps, Provider.SIMULATOR, external_id=f"bench-imports-{key}-{sample}")
                campaign_id = await _new_campaign(deps, tenant)
                taken[key].append(await _take(settings, path, tenant.tenant_id, campaign_id, lines))
    return [
        _speed("import of {lines} debtors, to COPY of the same rows", lines, copied, taken["csv"]),
        _speed("the same, feeding the ledger too", lines, copied, taken["ledger"]),
        _memory("memory that it takes, CSV, to 200 MB", taken["ledger"]),
        _memory("memory that it takes, XLSX, to 200 MB", taken["xlsx"]),
    ]


async def _new_campaign(deps: Deps, account: AccountRow) -> UUID:
    return await make_campaign(deps, account, status=CampaignStatus.PAUSED, methods=[Method.WHATSAPP])


def _speed(what: str, lines: int, copied: list[float], taken: list[_Taken]) -> Figure:
    seconds = [one.seconds for one in taken]
    return Figure(
        key="P3", what=what.replace("{lines}", f"{lines:,}"), measured=per_second(lines / median(seconds)),
        baseline=per_second(lines / median(copied)), judged=paired_ratio(copied, seconds), unit="x", bar=0.05,
        goal=0.25, better="higher",
    )  # fmt: skip


def _memory(what: str, taken: list[_Taken]) -> Figure:
    grown = max(one.grown_bytes for one in taken)
    return Figure(
        key="P3", what=what, measured=f"{grown / 1024 / 1024:.0f} MB", baseline=f"{_LIMIT_BYTES // 1024 // 1024} MB",
        judged=grown / _LIMIT_BYTES, unit="x", bar=1.0, goal=0.5, better="lower",
    )  # fmt: skip
