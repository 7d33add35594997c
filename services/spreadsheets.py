"""XLSX files from strangers: looked through before they are opened, and read row by row (faults M42)."""

import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, Protocol, TypeVar, cast

import openpyxl
from defusedxml import ElementTree
from openpyxl import DEFUSEDXML

from domain.errors import InvalidInput
from domain.target_cells import Cell

T = TypeVar("T")

MAX_LINES = 1_048_576  # of a spreadsheet; the same for CSV
MAX_COLUMNS = 300
MAX_CELL_CHARS = 32_767  # what a spreadsheet itself allows
_MAX_ENTRIES = 2_000
_MAX_INFLATED = 300 * 1024 * 1024
_MAX_RATIO = 200  # XML of rows shrinks to a tenth or a thirtieth; a bomb to a thousandth
_RATIO_FROM = 4 * 1024 * 1024
_MAX_PART = 4 * 1024 * 1024  # of anything but rows and strings, which are read whole
_MAX_STRINGS = 64 * 1024 * 1024  # the shared strings stay in memory
_MAX_ELEMENT = 1024 * 1024  # of one row or one string
_BLOCK = 256 * 1024
_PROLOG_BYTES = 4096
_PROLOG = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>)?(?:\s+|<!--.{0,2000}?-->)*<(?![!?])", re.DOTALL)
_ROWS = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_ENDS: Mapping[str, re.Pattern[bytes]] = {
    _ROWS: re.compile(rb"</(?:\w+:)?row>|<(?:\w+:)?row\b[^>]*/>"),
    _STRINGS: re.compile(rb"</(?:\w+:)?si>|<(?:\w+:)?si\s*/>"),
}
_BIG_PATHS = re.compile(r"xl/worksheets/[^/]{1,80}\.xml|xl/sharedStrings\.xml", re.IGNORECASE)


class FileRefused(InvalidInput):
    """A file that is not read. `status` is the HTTP answer it deserves; `names` are headers or fields, never data."""

    def __init__(self, reason: str, *, status: int = 422, line: int | None = None, names: Sequence[str] = ()) -> None:
        super().__init__("file", f"refused: {reason}")
        self.reason = reason
        self.status = status
        self.line = line
        self.names = tuple(names)


class _Rows(Protocol):
    """What we use of openpyxl's read-only sheet."""

    title: str
    sheet_state: str
    max_row: int | None

    def reset_dimensions(self) -> None: ...

    def iter_rows(self, *, max_col: int, values_only: bool) -> Iterator[Sequence[object]]: ...


class Spreadsheet:
    """The first visible sheet of an XLSX file that has passed every check."""

    def __init__(self, sheet: _Rows) -> None:
        self.title = sheet.title[:80]
        self._sheet = sheet
        self._claimed = sheet.max_row
        sheet.reset_dimensions()  # what a file says of its own size is not believed

    def claimed_lines(self) -> int | None:
        """Give the number of rows that the file speaks of, for an estimate."""
        return self._claimed if self._claimed and 0 < self._claimed <= MAX_LINES else None

    def rows(self, *, width: int = MAX_COLUMNS + 1) -> Iterator[tuple[int, Sequence[Cell]]]:
        """Give every row with its number, `width` cells of it. Raises FileRefused."""
        rows = self._sheet.iter_rows(max_col=width, values_only=True)
        number = 0
        while (row := _guarded(lambda: next(rows, None))) is not None:
            number += 1
            if number > MAX_LINES:
                raise FileRefused("too_many_lines", status=413)
            is_empty = row.count(None) == len(row)
            yield number, () if is_empty else [None if value is None else _cell(value, number) for value in row]


@contextmanager
def open_spreadsheet(file: BinaryIO) -> Iterator[Spreadsheet]:
    """Look through an XLSX file and open it. Formulas are never worked out: what was last seen in the cell counts.

    Raises FileRefused.
    """
    if not DEFUSEDXML:
        raise RuntimeError("openpyxl must read XML through defusedxml")
    check_spreadsheet(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that openpyxl leaves out
        book = _guarded(lambda: openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False))
    try:
        sheets = [cast(_Rows, sheet) for sheet in book.worksheets]
        visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"] or sheets
        if not visible:
            raise FileRefused("unreadable_spreadsheet")
        yield Spreadsheet(visible[0])
    finally:
        book.close()


def check_spreadsheet(file: BinaryIO) -> None:
    """Look through an XLSX file without opening it: quick, whatever its size. Raises FileRefused."""
    file.seek(0)
    with _guarded(lambda: zipfile.ZipFile(file)) as archive:
        _guarded(lambda: _look_through(archive))
    file.seek(0)


def _guarded(read: Callable[[], T]) -> T:
    """Turn whatever a broken file makes the libraries raise into a refusal: there is no list of it."""
    try:
        return read()
    except (FileRefused, MemoryError):
        raise
    except Exception as error:
        raise FileRefused("unreadable_spreadsheet") from error


def _cell(value: object, line: int) -> Cell:
    if isinstance(value, str):
        if len(value) > MAX_CELL_CHARS:
            raise FileRefused("cell_too_long", status=413, line=line)
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return value if abs(value) < 10**20 else str(value)
    if isinstance(value, float):
        number = Decimal(repr(value))
        return number if number.is_finite() else str(value)
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else str(value)


def _look_through(archive: zipfile.ZipFile) -> None:
    """Refuse bombs, macros, passwords and entities by the directory and by a look at each part, opening nothing."""
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if len(entries) > _MAX_ENTRIES or sum(entry.file_size for entry in entries) > _MAX_INFLATED:
        raise FileRefused("inflates_too_much", status=413)
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise FileRefused("encrypted", status=415)
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise FileRefused("macros", status=415)
    if any(name.lower() == "xl/workbook.bin" for name in names):
        raise FileRefused("binary_workbook", status=415)
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise FileRefused("not_a_spreadsheet", status=415)
    if len(names) < len(entries) or any(
        e.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for e in entries
    ):
        raise FileRefused("unreadable_spreadsheet")
    for entry in entries:
        if entry.file_size > _RATIO_FROM and entry.file_size > _MAX_RATIO * max(entry.compress_size, 1):
            raise FileRefused("inflates_too_much", status=413)
    parts = _content_types(archive)
    if any("macroenabled" in kind.lower() for kinds in parts.values() for kind in kinds):
        raise FileRefused("macros", status=415)
    for entry in entries:
        if entry.filename.lower().endswith((".xml", ".rels")):
            _look_into(archive, entry, parts.get(entry.filename, frozenset()))


def _content_types(archive: zipfile.ZipFile) -> Mapping[str, frozenset[str]]:
    """Give what each part says it is; a part may be listed more than once."""
    entry = archive.getinfo("[Content_Types].xml")
    _look_into(archive, entry, frozenset())
    parts: dict[str, frozenset[str]] = {}
    for element in ElementTree.fromstring(archive.read(entry)):
        name, kind = element.get("PartName", ""), element.get("ContentType", "")
        parts[name.lstrip("/")] = parts.get(name.lstrip("/"), frozenset()) | {kind}
    return parts


def _look_into(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, kinds: frozenset[str]) -> None:
    """Refuse entities, and whatever would be held in memory whole and is too large for that."""
    kind = next(iter(kinds)) if len(kinds) == 1 else ""
    ends = _ENDS.get(kind) if _BIG_PATHS.fullmatch(entry.filename) else None
    if entry.file_size > (_MAX_INFLATED if ends else _MAX_PART) or (
        kind == _STRINGS and entry.file_size > _MAX_STRINGS
    ):
        raise FileRefused("inflates_too_much", status=413)
    with archive.open(entry) as part:
        prolog = part.read(_PROLOG_BYTES)
        if not _PROLOG.match(prolog):
            # A document type, UTF-16, or no XML at all.
            raise FileRefused("xml_entities" if b"<!" in prolog.replace(b"\0", b"") else "unreadable_spreadsheet")
        if ends is None or entry.file_size <= _MAX_ELEMENT:
            return
        since = len(prolog)
        tail = b""
        while block := part.read(_BLOCK):
            window = tail + block
            last = max((match.end() for match in ends.finditer(window)), default=None)
            since = since + len(block) if last is None else len(window) - last
            if since > _MAX_ELEMENT:
                raise FileRefused("cell_too_long", status=413)
            tail = window[-200:]
