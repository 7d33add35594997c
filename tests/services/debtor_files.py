"""Debtors' files for the tests: good ones of every kind, and those that somebody made to do harm."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence

import openpyxl

from domain.documents import make_cpf

HEADERS = ("Nome", "Telefone", "CPF", "Valor", "Fatura")
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="{workbook}"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)
WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PARTS: Mapping[str, str] = {
    "[Content_Types].xml": CONTENT_TYPES.replace("{workbook}", WORKBOOK_TYPE),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets><sheet name="Devedores" sheetId="1" r:id="rId1"/>'
        "</sheets></workbook>"
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
    "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>Nome</t></si></sst>',
}
SHEET = f'<?xml version="1.0"?><worksheet xmlns="{MAIN}"><sheetData>{{rows}}</sheetData></worksheet>'


def debtor(number: int, *, amount: str = "119,90") -> tuple[str, ...]:
    """Make a good line; each number is another debtor with another phone and invoice."""
    return (
        f"João da Conceição {number}", f"(11) 9{80000000 + number:08d}", make_cpf(100_000_000 + number), amount,
        f"FAT-{number}",
    )  # fmt: skip


def csv_of(rows: Iterable[Sequence[str]], *, delimiter: str = ";", headers: Sequence[str] = HEADERS) -> bytes:
    return "\n".join(delimiter.join(row) for row in (headers, *rows)).encode()


def xlsx_of(rows: Iterable[Sequence[object]], *, headers: Sequence[object] = HEADERS) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (headers, *rows):
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zip_of(parts: Mapping[str, str | bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def crafted_xlsx(rows: str = "", *, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """Make a spreadsheet by hand; `parts` replace the usual ones or come on top."""
    sheet = {"xl/worksheets/sheet1.xml": SHEET.replace("{rows}", rows)}
    return zip_of({**PARTS, **sheet, **(parts or {})})


def inline_row(number: int, cells: Sequence[str]) -> str:
    """Write a row whose texts stand in it."""
    inside = "".join(
        f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>' for place, cell in enumerate(cells)
    )
    return f'<row r="{number}">{inside}</row>'
