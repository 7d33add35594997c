"""Debtors' files as people send them: what kind they are, where the columns stand, line after line (spec 3.2)."""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import BinaryIO, Literal

from domain.target_amounts import DecimalMark, decimal_mark_of
from domain.target_cells import Cell, is_empty
from domain.target_columns import Columns, ColumnsRefused, Field, known_fields, map_columns
from domain.target_lines import LineProblem, LineReader, NewTarget
from services.spreadsheets import MAX_CELL_CHARS, MAX_COLUMNS, MAX_LINES, FileRefused, Spreadsheet, open_spreadsheet

Row = tuple[int, Sequence[Cell]]
Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "windows-1252"]

_BLOCK = 256 * 1024
_SAMPLE = 1024 * 1024
_MAX_LINE_BYTES = 1024 * 1024
_MAX_RECORD_LINES = 50  # of one quoted record; more means that a quote was never closed
_HEADER_ROWS = 10
_LAYOUT_ROWS = 1_000
_DELIMITERS = (";", ",", "\t", "|")
_HINT = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_ZIP = b"PK\x03\x04"
_MAGIC: Mapping[bytes, str] = {
    b"\xd0\xcf\x11\xe0": "legacy_xls",
    b"%PDF": "binary_file",
    b"\x89PNG": "binary_file",
    b"\xff\xd8\xff": "binary_file",
    b"\x1f\x8b": "binary_file",
    b"Rar!": "binary_file",
    b"7z\xbc\xaf": "binary_file",
}
_HTML = re.compile(rb"\s*(?:<!doctype|<html|<table|<\?xml|<meta|<!--)", re.IGNORECASE)
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


class FileKind(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFacts:
    """What a file is, told by its content: names and declared types lie."""

    kind: FileKind
    encoding: Encoding | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where things stand in a file. The same bytes and the same mapping always give the same layout."""

    columns: Columns
    header_line: int
    decimal_mark: DecimalMark


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One line that says something: its number in the file and what became of it."""

    number: int
    result: NewTarget | LineProblem


class TargetFile:
    """An opened file whose rows can be read again from the start, one at a time."""

    def __init__(self, facts: FileFacts, source: "_CsvSource | Spreadsheet") -> None:
        self.facts = facts
        self._source = source

    def rows(self, *, width: int = MAX_COLUMNS + 1) -> Iterator[Row]:
        """Give the rows with the number of the line each begins on. Raises FileRefused."""
        return self._source.rows(width=width) if isinstance(self._source, Spreadsheet) else self._source.rows()

    def claimed_lines(self) -> int | None:
        """Say how many lines there are, as far as it can be told without reading them."""
        return self._source.claimed_lines()

    def layout(self, wanted: Mapping[Field, str]) -> Layout:
        """Find the header among the first rows and read from the first lines how amounts are written.

        Raises FileRefused: also when a wanted column is not there or two mean the same. Missing ones are told by
        `layout.columns.missing`.
        """
        first = [row for row in islice(self.rows(), _LAYOUT_ROWS) if not is_empty(row[1])]
        heads = [(number, [_header(cell) for cell in cells]) for number, cells in first[:_HEADER_ROWS]]
        if not heads:
            raise FileRefused("empty_file")
        place = max(range(len(heads)), key=lambda at: (known_fields(heads[at][1], wanted), -at))
        number, headers = heads[place]
        while headers and not headers[-1]:
            headers.pop()
        if len(headers) > MAX_COLUMNS:
            raise FileRefused("too_many_columns", status=413)
        try:
            columns = map_columns(headers, wanted)
        except ColumnsRefused as refused:
            names = ([refused.field] if refused.field else []) + list(refused.columns)
            raise FileRefused(refused.reason, names=names, line=number) from None
        amounts = columns.places.get(Field.DEBT_AMOUNT)
        samples = (cells[amounts] for _, cells in first[place + 1 :] if amounts is not None and amounts < len(cells))
        return Layout(columns=columns, header_line=number, decimal_mark=decimal_mark_of(samples))

    def lines(self, layout: Layout, *, first_line: int = 1) -> Iterator[ReadLine | int]:
        """Read the lines below the header from `first_line` on. Empty ones give their number alone.

        Raises FileRefused.
        """
        reader = LineReader(layout.columns, layout.decimal_mark)
        begin = max(first_line, layout.header_line + 1)
        for number, cells in self.rows(width=len(layout.columns.headers)):
            if number < begin or is_empty(cells):
                yield number
            else:
                yield ReadLine(number, reader.read(cells))


def _header(cell: Cell) -> str:
    return "" if cell is None else str(cell)[:200]


def is_spreadsheet(file: BinaryIO) -> bool:
    """Tell XLSX, and whatever else is a zip archive, from text."""
    file.seek(0)
    return file.read(len(_ZIP)) == _ZIP


@contextmanager
def open_target_file(file: BinaryIO) -> Iterator[TargetFile]:
    """Tell what a file is and open it. Raises FileRefused for whatever is not a list that we read."""
    file.seek(0)
    sample = file.read(_SAMPLE)
    if not sample.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise FileRefused("empty_file")
    if sample.startswith(_ZIP):
        with open_spreadsheet(file) as sheet:
            yield TargetFile(FileFacts(kind=FileKind.XLSX, sheet=sheet.title), sheet)
        return
    _refuse_other_formats(sample)
    encoding = _encoding_of(sample)
    source = _CsvSource(file, encoding)
    yield TargetFile(FileFacts(kind=FileKind.CSV, encoding=encoding, delimiter=source.delimiter), source)


def _refuse_other_formats(sample: bytes) -> None:
    for magic, reason in _MAGIC.items():
        if sample.startswith(magic):
            is_locked = reason == "legacy_xls" and _ENCRYPTED_PACKAGE in sample
            raise FileRefused("encrypted" if is_locked else reason, status=415)
    if _HTML.match(sample.removeprefix(codecs.BOM_UTF8)):
        # What many systems send as .xls is a web page with a table in it.
        raise FileRefused("html_table", status=415)


def _encoding_of(sample: bytes) -> Encoding:
    if sample.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if sample.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    head = sample[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd > len(head) // 4:
        if min(even, odd) > len(head) // 20:
            raise FileRefused("binary_file", status=415)
        return "utf-16-be" if even > odd else "utf-16-le"
    if sum(byte < 9 or 13 < byte < 27 for byte in head) - even - odd > len(head) // 20:
        raise FileRefused("binary_file", status=415)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


class _CsvSource:
    """A CSV file: its lines are decoded one by one, so that one old line in a new file spoils only itself."""

    def __init__(self, file: BinaryIO, encoding: Encoding) -> None:
        self._file = file
        self._encoding = encoding
        first = list(islice(self._lines(), 30))
        hint = _HINT.fullmatch(first[0].strip("\r\n")) if first else None
        self._skipped = 1 if hint else 0
        self.delimiter = hint[1] if hint else _delimiter_of(first)

    def rows(self) -> Iterator[Row]:
        """Give every record with the line it begins on. Raises FileRefused."""
        quotes = _QuoteCount(self._lines())
        records = csv.reader(quotes, delimiter=self.delimiter)
        begin, has_rows = 1, True
        while has_rows:
            try:
                record = next(records, None)
            except csv.Error:  # a field beyond csv.field_size_limit()
                raise FileRefused("cell_too_long", status=413, line=begin) from None
            has_rows = record is not None
            height = records.line_num - begin + 1
            if height > _MAX_RECORD_LINES or (
                record is not None and quotes.is_at_end and quotes.is_open and height > 1
            ):
                raise FileRefused("unclosed_quote", line=begin)
            if record is None:
                return
            if len(record) > MAX_COLUMNS and not is_empty(record[MAX_COLUMNS:]):
                raise FileRefused("too_many_columns", status=413, line=begin)
            if begin > MAX_LINES:
                raise FileRefused("too_many_lines", status=413)
            if any(len(cell) > MAX_CELL_CHARS for cell in record):
                raise FileRefused("cell_too_long", status=413, line=begin)
            if begin > self._skipped:
                yield begin, record
            begin = records.line_num + 1

    def claimed_lines(self) -> int | None:
        """Count the ends of lines; a quoted record may hold some."""
        lines = returns = 0
        last = b""
        for block in self._blocks():
            lines += block.count(b"\n")
            returns += block.count(b"\r")
            last = block[-1:] or last
        return (lines or returns) + (last not in (b"\n", b"\r"))

    def _lines(self) -> Iterator[str]:
        for line in _byte_lines(self._blocks()):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                text = line.decode("cp1252", "replace")
            yield text.replace("\0", "") if "\0" in text else text

    def _blocks(self) -> Iterator[bytes]:
        """Give the file from its start as UTF-8, without the mark that says which encoding it is."""
        self._file.seek(0)
        wide = codecs.getincrementaldecoder(self._encoding)("replace") if self._encoding.startswith("utf-16") else None
        is_first = True
        while block := self._file.read(_BLOCK):
            if wide is not None:
                block = wide.decode(block).encode("utf-8", "replace")
            if is_first:
                block = block.removeprefix(codecs.BOM_UTF8)
            is_first = False
            yield block


def _byte_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut into lines that end with LF, CR LF or CR, and refuse one that would fill the memory."""
    carry = b""
    for block in blocks:
        # A CR at the very end waits: an LF may follow it.
        pieces = (carry + block).splitlines(keepends=True)
        carry = b"" if not pieces or pieces[-1].endswith(b"\n") else pieces.pop()
        if len(carry) > _MAX_LINE_BYTES:
            raise FileRefused("cell_too_long", status=413)
        yield from pieces
    if carry:
        yield carry


class _QuoteCount:
    """Counts the quotation marks that go by: at the end they must be even."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._quotes = 0
        self.is_at_end = False

    @property
    def is_open(self) -> bool:
        return self._quotes % 2 == 1

    def __iter__(self) -> "_QuoteCount":
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.is_at_end = True
            raise StopIteration
        self._quotes += line.count('"')
        return line


def _delimiter_of(first: Sequence[str]) -> str:
    """Choose the separator under which the first lines name most fields; then the one that makes most columns."""

    def score(delimiter: str) -> tuple[int, int]:
        try:
            records = list(csv.reader(iter(first), delimiter=delimiter))
        except csv.Error:
            return 0, 0
        heads = [record for record in records if not is_empty(record)][:_HEADER_ROWS]
        return max((known_fields(head, {}) for head in heads), default=0), max(map(len, heads), default=0)

    return max(_DELIMITERS, key=score)
