"""What one cell of a debtors' file says: a text, a document, a phone, a day, a state, a priority (compliance.md 8)."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from operator import mul

from domain.documents import InvalidDocument, parse_document
from domain.folded_text import fold
from domain.phones import AREA_CODES, InvalidPhone, PhoneKind, match_key, parse_phone, phone_kind
from domain.target_columns import Field

Cell = str | int | Decimal | date | None
"""What a file says in one place: text, or what a spreadsheet holds as a number or a day. Never a float."""

MAX_PRIORITY = 100
_MAX_POINT, _MAX_INVOICE = 200, 40
_MAX_RAW = 4_000  # characters of one cell that are looked at

_DIGITS = re.compile(r"[0-9]+")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]{1,3}")
_PLAIN_CPF = re.compile(r"([0-9]{3})\.?([0-9]{3})\.?([0-9]{3})-?([0-9]{2})")
_CPF_WEIGHTS = tuple(range(10, 1, -1))
_CPF_WEIGHTS_2 = tuple(range(11, 2, -1))
_DASHES = re.compile(r"[-–—_.\s]+")
# Leading signs that a spreadsheet would take for the beginning of a formula but that mean nothing in a text.
_SIGNS = re.compile(r"^[-+–\s]+")
_CELL_ERROR = re.compile(r"#(?:N/[AD]|(?:REF|VALUE|VALOR|DIV/0|NULL|NULO|NUM|N[ÚU]M)!|(?:NAME|NOME)\?)", re.IGNORECASE)
_HIDDEN = frozenset({"Cc", "Cs", "Cf", "Co", "Cn"})
_PLAIN_MOBILE = re.compile(
    r" *(?:(?:\+ ?)?55[ -]?)?(?:\(([0-9]{2})\)|([0-9]{2}))[ -]?9[ .]?([0-9]{4})[ .-]?([0-9]{4}) *"
)
_AREA_CODES = frozenset(AREA_CODES)
_BETWEEN_PHONES = re.compile(r"[/;,|\n]|\s(?:ou|e)\s", re.IGNORECASE)
_DAY = re.compile(
    r"(?:(?P<y>[0-9]{4})[-/](?P<m>[0-9]{1,2})[-/](?P<d>[0-9]{1,2})|"
    r"(?P<d2>[0-9]{1,2})[-/.](?P<m2>[0-9]{1,2})[-/.](?P<y2>[0-9]{4}|[0-9]{2}))(?:[T ][0-9:.]{4,15}Z?)?"
)
_SPREADSHEET_EPOCH = date(1899, 12, 30)
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
_LEVELS: Mapping[str, int] = {"alta": 10, "high": 10, "media": 0, "normal": 0, "medium": 0, "baixa": -10, "low": -10}
_UFS = {
    "acre": "AC", "alagoas": "AL", "amazonas": "AM", "amapa": "AP", "bahia": "BA", "ceara": "CE",
    "distrito federal": "DF", "espirito santo": "ES", "goias": "GO", "maranhao": "MA", "minas gerais": "MG",
    "mato grosso do sul": "MS", "mato grosso": "MT", "para": "PA", "paraiba": "PB", "pernambuco": "PE", "piaui": "PI",
    "parana": "PR", "rio de janeiro": "RJ", "rio grande do norte": "RN", "rondonia": "RO", "roraima": "RR",
    "rio grande do sul": "RS", "santa catarina": "SC", "sergipe": "SE", "sao paulo": "SP", "tocantins": "TO",
}  # fmt: skip
_UF_BY_TEXT = _UFS | {uf.lower(): uf for uf in _UFS.values()}


class CellRefused(Exception):
    """Ends the reading of a line. Never says what the cell held: that is personal data."""

    def __init__(self, field: Field, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def is_filled(cell: Cell) -> bool:
    """Tell whether a cell says anything."""
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def is_empty(cells: Sequence[Cell]) -> bool:
    """Tell whether a row says nothing at all."""
    return not any(is_filled(cell) for cell in cells)


def required_text(cell: Cell, field: Field) -> str:
    """Give the text of a required cell."""
    if isinstance(cell, date) or not is_filled(cell):
        raise CellRefused(field, "required" if not isinstance(cell, date) else "is_a_date")
    return str(cell) if not isinstance(cell, Decimal) else _written(cell)


def _written(number: Decimal) -> str:
    """Write a number of a spreadsheet as it is seen there, without an exponent."""
    if not number.is_finite():
        return str(number)
    return f"{number.to_integral_value() if number == number.to_integral_value() else number:f}"


def read_text(cell: Cell, field: Field, limit: int) -> str | None:
    """Give a text on one line, without what hides and without the signs that begin a formula; None when empty."""
    if cell is None:
        return None
    raw = cell.isoformat() if isinstance(cell, date) else _written(cell) if isinstance(cell, Decimal) else str(cell)
    if len(raw) > _MAX_RAW:
        raise CellRefused(field, "too_long")
    if not raw.isascii():
        raw = unicodedata.normalize("NFC", raw)
    if not raw.isprintable():
        raw = "".join(mark for mark in raw if mark.isspace() or unicodedata.category(mark) not in _HIDDEN)
    text = " ".join(raw.split())
    if not text or _DASHES.fullmatch(text) or _CELL_ERROR.fullmatch(text):
        return None
    if text[0] in "=@+-–":
        text = _SIGNS.sub("", text)
        if not text:
            return None
        if text[0] in "=@":
            raise CellRefused(field, "formula")
    if len(text) > limit:
        raise CellRefused(field, "too_long")
    return text


def read_point(cell: Cell) -> str | None:
    """Read where the line is installed."""
    return read_text(cell, Field.INSTALLATION_POINT, _MAX_POINT)


def read_invoice_number(cell: Cell) -> str | None:
    """Read the number of the invoice that is owed."""
    return read_text(cell, Field.INVOICE_NUMBER, _MAX_INVOICE)


def read_document(cell: Cell) -> str:
    """Read a CPF or CNPJ; what a spreadsheet holds as a number gets the zeros back that it lost (compliance.md 8)."""
    text = required_text(cell, Field.CLIENT_DOCUMENT).strip()
    plain = _plain_cpf(text)
    if plain is not None:
        return plain
    if len(text) > 40 or (text.startswith("-") and not isinstance(cell, str)):
        raise CellRefused(Field.CLIENT_DOCUMENT, "document_invalid")
    try:
        return parse_document(text, pad_zeros=not isinstance(cell, str))
    except InvalidDocument:
        raise CellRefused(Field.CLIENT_DOCUMENT, _document_reason(text)) from None


def _plain_cpf(text: str) -> str | None:
    """Read the usual way to write a valid CPF without the full rules; a property test holds it to parse_document."""
    match = _PLAIN_CPF.fullmatch(text)
    if match is None:
        return None
    digits = "".join(match.groups())
    values = [*map(int, digits)]
    first = sum(map(mul, values, _CPF_WEIGHTS)) * 10 % 11 % 10
    second = (sum(map(mul, values, _CPF_WEIGHTS_2)) + 2 * first) * 10 % 11 % 10
    is_valid = values[9] == first and values[10] == second and len(set(values)) > 1
    return digits if is_valid else None


def _document_reason(text: str) -> str:
    if _EXPONENT.fullmatch(text):
        return "document_exponent"
    digits = "".join(_DIGITS.findall(text))
    if len(digits) in (11, 14) and len(set(digits)) == 1:
        return "document_repeated"
    if _DIGITS.fullmatch(text) and (8 <= len(text) < 11 or 12 <= len(text) < 14):
        return "document_lost_zeros"
    return "document_invalid"


def read_phone(cell: Cell) -> tuple[str, str]:
    """Read the phone and its identity: a Brazilian mobile or fixed line (compliance.md 8).

    A cell with several numbers gives the first mobile in it, else the first that can be called.
    """
    text = required_text(cell, Field.PHONE_NUMBER).strip()
    plain = _plain_mobile(text)
    if plain is not None:
        return plain
    if len(text) > 120:
        raise CellRefused(Field.PHONE_NUMBER, "phone_invalid")
    if _EXPONENT.fullmatch(text):
        raise CellRefused(Field.PHONE_NUMBER, "phone_exponent")
    found = _phones_in(text)
    for wanted in (PhoneKind.MOBILE, PhoneKind.FIXED_LINE):
        for number, kind in found:
            key = match_key(number)
            if kind is wanted and key is not None:
                return number, key
    if not found:
        raise CellRefused(Field.PHONE_NUMBER, "phone_invalid")
    is_foreign = all(kind is PhoneKind.FOREIGN for _, kind in found)
    raise CellRefused(Field.PHONE_NUMBER, "phone_foreign" if is_foreign else "phone_not_contactable")


def _plain_mobile(text: str) -> tuple[str, str] | None:
    """Read the usual way to write a mobile without the full rules, which take fifty times as long.

    A property test holds it to what parse_phone, phone_kind and match_key say.
    """
    match = _PLAIN_MOBILE.fullmatch(text)
    if match is None:
        return None
    bracketed, bare, first, last = match.groups()
    code = bracketed or bare
    if code not in _AREA_CODES:
        return None
    national = f"{code}9{first}{last}"
    return f"+55{national}", f"{code}{first}{last}" if first[0] in "6789" else national


def _phones_in(text: str) -> list[tuple[str, PhoneKind]]:
    whole = _one_phone(text)
    if whole is not None:
        return [whole]
    parts = (_one_phone(part) for part in _BETWEEN_PHONES.split(text)[:5])
    return [part for part in parts if part is not None]


def _one_phone(text: str) -> tuple[str, PhoneKind] | None:
    plain = _plain_mobile(text)
    if plain is not None:
        return plain[0], PhoneKind.MOBILE
    try:
        number = parse_phone(text)
    except InvalidPhone:
        return None
    return number, phone_kind(number)


def read_day(cell: Cell) -> date | None:
    """Read the day on which the debt was due."""
    day = _day_of(cell)
    if day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        raise CellRefused(Field.DUE_DATE, "due_date_invalid")
    return day


def _day_of(cell: Cell) -> date | None:
    if isinstance(cell, date):
        return cell
    if isinstance(cell, int | Decimal):
        # A day that lost its format is the number of days since 30 December 1899.
        days = int(cell) if Decimal(cell).is_finite() and 0 < cell < 100_000 else 0
        return _SPREADSHEET_EPOCH + timedelta(days=days)
    match = _DAY.fullmatch((cell or "").strip()[:40])
    if match is None:
        return None
    year, month, day = (int(match[name] or match[name + "2"]) for name in ("y", "m", "d"))
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None


def read_uf(cell: Cell) -> str | None:
    """Read a state by its two letters or its name."""
    uf = _UF_BY_TEXT.get(" ".join(fold(cell[:60]).text.split())) if isinstance(cell, str) else None
    if uf is None:
        raise CellRefused(Field.UF, "uf_invalid")
    return uf


def read_priority(cell: Cell) -> int:
    """Read how early somebody is to be contacted: a word or a number from -100 to 100."""
    if isinstance(cell, str):
        text = fold(cell[:40]).text.strip()
        if text in _LEVELS:
            return _LEVELS[text]
        if not re.fullmatch(r"-?[0-9]{1,4}", text):
            raise CellRefused(Field.PRIORITY, "priority_invalid")
        cell = int(text)
    number = Decimal(cell) if isinstance(cell, int | Decimal) else Decimal("NaN")
    if not number.is_finite() or not -MAX_PRIORITY <= number <= MAX_PRIORITY or number != int(number):
        raise CellRefused(Field.PRIORITY, "priority_invalid")
    return int(number)
