"""Files as people send them, and as attackers do: what is read, what is refused and with which status."""

import io
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from random import Random

import openpyxl
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.target_columns import Field
from domain.target_lines import LineProblem, NewTarget
from services.import_preview import preview_file
from services.spreadsheets import FileRefused
from services.target_files import FileKind, ReadLine, open_target_file
from tests.services.debtor_files import (
    CONTENT_TYPES,
    HEADERS,
    MAIN,
    PARTS,
    SHEET,
    crafted_xlsx,
    csv_of,
    debtor,
    inline_row,
    xlsx_of,
    zip_of,
)

MB = 1024 * 1024


def read(data: bytes, wanted: Mapping[Field, str] | None = None) -> list[ReadLine]:
    """Read all lines that say something."""
    with open_target_file(io.BytesIO(data)) as opened:
        return [line for line in opened.lines(opened.layout(wanted or {})) if isinstance(line, ReadLine)]


def targets(data: bytes, wanted: Mapping[Field, str] | None = None) -> list[NewTarget]:
    lines = read(data, wanted)
    assert all(isinstance(line.result, NewTarget) for line in lines), lines
    return [line.result for line in lines if isinstance(line.result, NewTarget)]


def refusal(data: bytes, wanted: Mapping[Field, str] | None = None) -> tuple[str, int]:
    with pytest.raises(FileRefused) as refused:
        read(data, wanted)
    return refused.value.reason, refused.value.status


TEXT = csv_of([debtor(1), debtor(2)]).decode()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("latin-1"), "windows-1252"),
        (TEXT.replace("João", "João “Zé” €").encode("cp1252"), "windows-1252"),
    ],
)
def test_encodings_are_told_by_the_bytes(data: bytes, encoding: str) -> None:
    with open_target_file(io.BytesIO(data)) as opened:
        assert opened.facts.encoding == encoding
    assert [target.client_name.split()[-1] for target in targets(data)] == ["1", "2"]
    assert all("João" in target.client_name and "Conceição" in target.client_name for target in targets(data))


def test_one_old_line_in_a_new_file_is_read_too() -> None:
    data = csv_of([debtor(1)]) + b"\n" + ";".join(debtor(2)).encode("latin-1")
    assert [target.client_name for target in targets(data)] == ["João da Conceição 1", "João da Conceição 2"]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings(delimiter: str, ending: str) -> None:
    rows = [[f'"{cell}"' if delimiter == "," else cell for cell in debtor(number)] for number in (1, 2)]
    data = csv_of(rows, delimiter=delimiter).replace(b"\n", ending.encode())
    with open_target_file(io.BytesIO(data)) as opened:
        assert opened.facts.delimiter == delimiter
    assert [target.debt_cents for target in targets(data)] == [11990, 11990]
    assert [line.number for line in read(data)] == [2, 3]


def test_header_may_contain_other_delimiters() -> None:
    headers = ("Nome, completo; etc", "Telefone", "CPF/CNPJ", "Valor", "Fatura")
    data = csv_of([debtor(1)], delimiter="|", headers=headers)
    assert len(targets(data, {Field.CLIENT_NAME: headers[0]})) == 1


def test_hint_of_the_delimiter_is_obeyed_and_no_line() -> None:
    data = b"sep=|\n" + csv_of([debtor(1)], delimiter="|")
    assert [line.number for line in read(data)] == [3]


def test_quoted_records_may_span_lines_and_keep_the_count() -> None:
    name, phone, document, amount, invoice = debtor(1)
    data = csv_of([(f'"{name}\n""Zé"" ; filho"', phone, document, amount, invoice), debtor(2)])
    lines = read(data)
    assert [line.number for line in lines] == [2, 4]
    assert isinstance(lines[0].result, NewTarget)
    assert lines[0].result.client_name == 'João da Conceição 1 "Zé" ; filho'


def test_empty_rows_ragged_rows_and_nul_bytes() -> None:
    good = ";".join(debtor(1)).encode()
    data = b"Nome;Telefone;CPF;Valor;Fatura;;\n\n;;;;\n   \n" + good + b";;\nMaria;119\n" + good.replace(b"da", b"d\0a")
    lines = read(data)
    assert [line.number for line in lines] == [5, 6, 7]
    assert isinstance(lines[0].result, NewTarget)
    assert isinstance(lines[1].result, LineProblem)
    assert isinstance(lines[2].result, NewTarget)
    assert lines[2].result.client_name == "João da Conceição 1"


def test_title_above_the_header_is_passed_over() -> None:
    data = "Relatório de inadimplentes\n\nEmitido em 20/11/2026;;\n".encode() + csv_of([debtor(1)])
    assert [line.number for line in read(data)] == [5]
    assert len(targets(xlsx_of([("Relatório",), (), HEADERS, debtor(1)], headers=("TR Telecom",)))) == 1


def test_decimal_mark_belongs_to_the_column() -> None:
    data = csv_of([debtor(1, amount="1234.56"), debtor(2, amount="99.90"), debtor(3, amount="10,00")])
    results = [line.result for line in read(data)]
    assert [r.debt_cents for r in results if isinstance(r, NewTarget)] == [123456, 9990]
    assert results[2] == LineProblem(Field.DEBT_AMOUNT, "amount_mixed")


def test_spreadsheet_numbers_dates_and_lost_zeros_are_read() -> None:
    headers = (*HEADERS, "Vencimento")
    rows = [
        ("Ana", 11999990001, 1234567890, 119.9, 17, date(2026, 11, 10)),
        ("Bia", 5511999990002, 52998224725, 1234.56, "F-2", "10/11/2026"),
    ]
    first, second = targets(xlsx_of(rows, headers=headers))
    assert (first.document, first.phone, first.debt_cents) == ("01234567890", "+5511999990001", 11990)
    assert (first.invoice_number, first.due_on) == ("17", date(2026, 11, 10))
    assert (second.debt_cents, second.due_on) == (123456, date(2026, 11, 10))


def test_formulas_of_a_spreadsheet_are_never_worked_out() -> None:
    name, phone, document, amount, invoice = debtor(1)
    computed = '<row r="1">' + inline_row(1, HEADERS)[len('<row r="1">') :]
    row = inline_row(2, [name, phone, document, "", invoice]).replace(
        '<c r="D2" t="inlineStr"><is><t></t></is></c>', '<c r="D2"><f>100+19.9</f><v>119.9</v></c>'
    )
    unseen = inline_row(3, [name, phone, document, "", invoice]).replace(
        '<c r="D3" t="inlineStr"><is><t></t></is></c>', '<c r="D3"><f>1+1</f></c>'
    )
    results = [line.result for line in read(crafted_xlsx(computed + row + unseen))]
    assert isinstance(results[0], NewTarget)
    assert results[0].debt_cents == 11990
    assert results[1] == LineProblem(Field.DEBT_AMOUNT, "required")
    assert amount == "119,90"


def test_first_visible_sheet_is_read() -> None:
    book = openpyxl.Workbook()
    hidden = book.active
    assert hidden is not None
    hidden.sheet_state = "hidden"
    sheet = book.create_sheet("Devedores")
    for row in (HEADERS, debtor(1)):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    with open_target_file(file) as opened:
        assert (opened.facts.kind, opened.facts.sheet) == (FileKind.XLSX, "Devedores")
        assert len([line for line in opened.lines(opened.layout({})) if isinstance(line, ReadLine)]) == 1


def test_content_decides_whatever_the_name_says() -> None:
    with open_target_file(io.BytesIO(xlsx_of([debtor(1)]))) as opened:
        assert opened.facts.kind is FileKind.XLSX
    with open_target_file(io.BytesIO(csv_of([debtor(1)]))) as opened:
        assert opened.facts.kind is FileKind.CSV


def test_million_empty_rows_are_passed_over() -> None:
    rows = inline_row(1, HEADERS) + inline_row(1_048_576, debtor(1))
    assert [line.number for line in read(crafted_xlsx(rows))] == [1_048_576]
    many = inline_row(1, HEADERS) + "".join(f'<row r="{n}"/>' for n in range(2, 20_001)) + inline_row(20_001, debtor(1))
    assert [line.number for line in read(crafted_xlsx(many))] == [20_001]
    assert [line.number for line in read(csv_of([debtor(1)]).replace(b"\n", b"\n" * 400_000, 1))] == [400_001]


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData>'
    "</worksheet>"
)
LONG = Random(1).randbytes(5 * MB).hex()  # 10 MB that do not shrink to nothing
ENTRIES = {f"xl/media/{n}.bin": b"" for n in range(2100)}
TWICE_NAMED = CONTENT_TYPES.replace(
    "</Types>",
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
)


def _encrypted() -> bytes:
    data = bytearray(crafted_xlsx(inline_row(1, HEADERS)))
    place = 0
    while (place := data.find(b"PK\x01\x02", place)) >= 0:
        data[place + 8] |= 1
        place += 4
    return bytes(data)


def _with_lzma() -> bytes:
    return zip_of({**PARTS, "xl/worksheets/sheet1.xml": SHEET}, compression=zipfile.ZIP_LZMA)


def _padded(size: int, row: str) -> bytes:
    rows = inline_row(1, HEADERS) + row * (size // len(row))
    return crafted_xlsx(rows)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: b"", ("empty_file", 422), id="nothing"),
        pytest.param(lambda: b"\xef\xbb\xbf \n\n", ("empty_file", 422), id="blank"),
        pytest.param(lambda: OLE + bytes(4096), ("legacy_xls", 415), id="xls"),
        pytest.param(
            lambda: OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le"), ("encrypted", 415), id="password"
        ),
        pytest.param(lambda: b"%PDF-1.7 \n%....", ("binary_file", 415), id="pdf"),
        pytest.param(lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), ("binary_file", 415), id="png"),
        pytest.param(lambda: bytes(range(256)) * 50, ("binary_file", 415), id="bytes"),
        pytest.param(lambda: b"<html><table><tr><td>Nome</td></tr></table>", ("html_table", 415), id="web page"),
        pytest.param(lambda: zip_of({"a.csv": b"Nome"}), ("not_a_spreadsheet", 415), id="zip"),
        pytest.param(
            lambda: zip_of({"word/document.xml": b"<a/>", "[Content_Types].xml": b"<Types/>"}),
            ("not_a_spreadsheet", 415),
            id="docx",
        ),
        pytest.param(lambda: crafted_xlsx(parts={"xl/vbaProject.bin": b"x"}), ("macros", 415), id="xlsm by its part"),
        pytest.param(
            lambda: crafted_xlsx(
                parts={
                    "[Content_Types].xml": CONTENT_TYPES.replace(
                        "{workbook}", "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
                    )
                }
            ),
            ("macros", 415),
            id="xlsm by its type",
        ),
        pytest.param(lambda: crafted_xlsx(parts={"xl/workbook.bin": b"x"}), ("binary_workbook", 415), id="xlsb"),
        pytest.param(lambda: _encrypted(), ("encrypted", 415), id="encrypted zip"),
        pytest.param(lambda: _with_lzma(), ("unreadable_spreadsheet", 422), id="odd compression"),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/worksheets/sheet1.xml": LAUGHS}),
            ("xml_entities", 422),
            id="entities in the sheet",
        ),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/sharedStrings.xml": LAUGHS}),
            ("xml_entities", 422),
            id="entities in the strings",
        ),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/workbook.xml": LAUGHS.encode("utf-16")}),
            ("xml_entities", 422),
            id="entities in UTF-16",
        ),
        pytest.param(lambda: crafted_xlsx(parts=ENTRIES), ("inflates_too_much", 413), id="too many parts"),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/media/a.bin": bytes(301 * MB)}),
            ("inflates_too_much", 413),
            id="bomb by size",
        ),
        pytest.param(lambda: _padded(40 * MB, "<row/>"), ("inflates_too_much", 413), id="bomb by ratio"),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/styles.xml": "<a>" + "x" * 5 * MB + "</a>"}),
            ("inflates_too_much", 413),
            id="huge styles",
        ),
        pytest.param(
            lambda: crafted_xlsx(
                parts={"[Content_Types].xml": TWICE_NAMED, "xl/worksheets/sheet1.xml": SHEET + " " * 5 * MB}
            ),
            ("inflates_too_much", 413),
            id="sheet that is the workbook too",
        ),
        pytest.param(
            lambda: crafted_xlsx(inline_row(1, HEADERS) + inline_row(2, [LONG])),
            ("cell_too_long", 413),
            id="10 MB cell",
        ),
        pytest.param(
            lambda: crafted_xlsx(parts={"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>{LONG}</t></si></sst>'}),
            ("cell_too_long", 413),
            id="10 MB shared string",
        ),
        pytest.param(
            lambda: crafted_xlsx(inline_row(1, HEADERS) + inline_row(2, ["x" * 40_000])),
            ("cell_too_long", 413),
            id="40 kB cell",
        ),
        pytest.param(
            lambda: crafted_xlsx(f'<row r="1">{"<c/>" * 400_000}</row>'), ("cell_too_long", 413), id="endless row"
        ),
        pytest.param(
            lambda: crafted_xlsx(inline_row(1, HEADERS) + '<row r="2"><c t="s"><v>9</v></c></row>'),
            ("unreadable_spreadsheet", 422),
            id="lost string",
        ),
        pytest.param(lambda: crafted_xlsx('<row r="x"/>'), ("unreadable_spreadsheet", 422), id="row without number"),
        pytest.param(
            lambda: crafted_xlsx(inline_row(1, HEADERS) + inline_row(99_999_999, ["x"])),
            ("too_many_lines", 413),
            id="row far away",
        ),
        pytest.param(lambda: crafted_xlsx("<row>"), ("unreadable_spreadsheet", 422), id="broken XML"),
        pytest.param(lambda: xlsx_of([debtor(1)])[:-200], ("unreadable_spreadsheet", 422), id="cut off"),
        pytest.param(lambda: csv_of([("x" * 40_000,)]), ("cell_too_long", 413), id="40 kB field"),
        pytest.param(lambda: csv_of([("x" * 200_000,)]), ("cell_too_long", 413), id="200 kB field"),
        pytest.param(lambda: csv_of([(LONG,)]), ("cell_too_long", 413), id="10 MB field"),
        pytest.param(lambda: csv_of([(LONG,)])[:20] + b"x" * 3 * MB, ("cell_too_long", 413), id="no line ends"),
        pytest.param(
            lambda: ";".join(f"c{n}" for n in range(10_000)).encode(), ("too_many_columns", 413), id="10,000 columns"
        ),
        pytest.param(lambda: b"a;b\n" + b";".join([b"1"] * 10_000), ("too_many_columns", 413), id="10,000 cells"),
        pytest.param(
            lambda: xlsx_of([], headers=[f"c{n}" for n in range(400)]), ("too_many_columns", 413), id="400 columns"
        ),
        pytest.param(
            lambda: csv_of([('"João', *debtor(1)[1:]), debtor(2)]), ("unclosed_quote", 422), id="quote at the end"
        ),
        pytest.param(
            lambda: csv_of([('"João', *debtor(1)[1:]), *(debtor(n) for n in range(2, 90))]),
            ("unclosed_quote", 422),
            id="quote",
        ),
        pytest.param(
            lambda: csv_of([], headers=("Nome", "Telefone", "Celular")), ("duplicate_column", 422), id="two phones"
        ),
    ],
)
def test_file_that_is_no_list_is_refused(make: Callable[[], bytes], expected: tuple[str, int]) -> None:
    assert refusal(make()) == expected


def test_wanted_column_that_is_not_there_is_refused() -> None:
    assert refusal(csv_of([debtor(1)]), {Field.UF: "Região"}) == ("unknown_column", 422)


def test_what_a_sheet_says_of_its_size_is_not_believed() -> None:
    sheet = SHEET.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    rows = inline_row(1, HEADERS) + inline_row(2, debtor(1)) + '<row r="3"><c r="XFD3"><v>1</v></c></row>'
    data = crafted_xlsx(parts={"xl/worksheets/sheet1.xml": sheet.replace("{rows}", rows)})
    assert [line.number for line in read(data)] == [2]


def test_preview_tells_what_would_be_read() -> None:
    headers = (*HEADERS, "Plano")
    data = csv_of([(*debtor(1), "100M"), (*debtor(2)[:2], "123", "1,00", "F", "x")], headers=headers)
    preview = preview_file(io.BytesIO(data), {})
    assert [(error.line, error.field, error.reason) for error in preview.errors] == [
        (3, "clientDocument", "document_invalid")
    ]
    assert [number for number, _ in preview.targets] == [2]
    assert preview.columns.missing == ()
    assert preview.looked_at == 2


def test_preview_of_a_file_that_lacks_columns_says_which() -> None:
    preview = preview_file(io.BytesIO(csv_of([], headers=("Nome", "Plano"))), {})
    assert preview.columns.missing == (Field.PHONE_NUMBER, Field.CLIENT_DOCUMENT, Field.DEBT_AMOUNT)
    assert preview.targets == []


def test_memory_does_not_grow_with_the_file() -> None:
    data = csv_of(debtor(number) for number in range(30_000))
    process = psutil.Process()
    with open_target_file(io.BytesIO(data)) as opened:
        lines = opened.lines(opened.layout({}))
        for _ in range(1_000):
            next(lines)
        before = process.memory_info().rss
        assert sum(1 for _ in lines) > 28_000
    assert process.memory_info().rss - before < 20 * MB


@settings(max_examples=150)
@given(st.binary(max_size=3000))
def test_no_bytes_make_the_reader_raise_anything_else(data: bytes) -> None:
    with suppress(FileRefused):
        read(data)


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=40), st.integers(0, 20_000), st.booleans())
def test_no_damage_to_a_spreadsheet_makes_the_reader_raise_anything_else(
    noise: bytes, place: int, is_cut: bool
) -> None:
    good = bytearray(GOOD_BOOK)
    place %= len(good)
    if is_cut:
        del good[place : place + len(noise)]
    else:
        good[place : place + len(noise)] = noise
    with suppress(FileRefused):
        read(bytes(good))


@settings(max_examples=100)
@given(st.text(max_size=400))
def test_no_text_below_a_good_header_makes_the_reader_raise_anything_else(text: str) -> None:
    with suppress(FileRefused):
        assert all(isinstance(line, ReadLine) for line in read(csv_of([]) + b"\n" + text.encode("utf-8", "replace")))


GOOD_BOOK = xlsx_of([debtor(1), debtor(2)])
