"""One line of a debtors' file: the target it makes, or the field and the reason why it makes none (spec 3.2)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import mul
from typing import TypeVar

from domain.documents import InvalidDocument, parse_document
from domain.folded_text import fold
from domain.phones import AREA_CODES, InvalidPhone, PhoneKind, match_key, parse_phone, phone_kind
from domain.target_columns import Columns, Field

T = TypeVar("T")
Cell = str | int | Decimal | date | None
"""What a file says in one place: text, or what a spreadsheet holds as a number or a day. Never a float."""

LARGEST_CENTS = 9_999_999_999  # what a boleto can hold
MAX_PRIORITY = 100
_MAX_NAME, _MAX_POINT, _MAX_INVOICE = 120, 200, 40
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
_MONEY_MARKS = re.compile(r"r\$|brl|reais")
_COMMA_AMOUNT = re.compile(r"(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]{1,2}|[0-9]{2}00))?")
_DOT_AMOUNT = re.compile(r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]{1,2}|[0-9]{2}00))?")
_NEGATIVE = re.compile(r"[-−(].*[0-9].*|.*[0-9]-")
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


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line was not taken. Never what it said: that is personal data."""

    field: Field | None
    reason: str


class _Refused(Exception):
    """Ends the reading of a line; the reader answers with what it carries."""

    def __init__(self, field: Field, reason: str) -> None:
        super().__init__(reason)
        self.problem = LineProblem(field, reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTarget:
    """A debtor as a line names them, checked and normalised."""

    client_name: str
    phone: str  # E.164
    match_key: str
    document: str
    debt_cents: int
    installation_point: str | None = None
    invoice_number: str | None = None
    due_on: date | None = None
    uf: str | None = None
    priority: int = 0


class DecimalMark(StrEnum):
    """What parts reais from cents in a file's column of amounts (compliance.md 10)."""

    COMMA = ","
    DOT = "."


def decimal_mark_of(amounts: Iterable[Cell]) -> DecimalMark:
    """Decide the mark of a column by its first texts; without evidence it is the Brazilian comma.

    '1.234' and '1,234' prove nothing: either could part thousands.
    """
    dots = commas = 0
    for amount in amounts:
        if not isinstance(amount, str):
            continue
        plain = _plain_amount(amount)
        is_comma, is_dot = bool(_COMMA_AMOUNT.fullmatch(plain)), bool(_DOT_AMOUNT.fullmatch(plain))
        commas += is_comma and not is_dot and "," in plain
        dots += is_dot and not is_comma and "." in plain
    return DecimalMark.DOT if dots > commas else DecimalMark.COMMA


class LineReader:
    """Reads the lines of one file, whose columns and decimal mark are known. Never raises, whatever a line holds."""

    def __init__(self, columns: Columns, decimal_mark: DecimalMark) -> None:
        self._places = columns.places
        self._width = len(columns.headers)
        self._mark = decimal_mark

    def read(self, cells: Sequence[Cell]) -> NewTarget | LineProblem:
        """Give the line's target, or the first field that is wrong and why."""
        if any(_is_filled(cell) for cell in cells[self._width :]):
            # A separator inside a value that nobody quoted: every column behind it has slipped.
            return LineProblem(None, "too_many_cells")
        try:
            return self._target(cells)
        except _Refused as refused:
            return refused.problem

    def _target(self, cells: Sequence[Cell]) -> NewTarget:
        name = _read_text(self._cell(cells, Field.CLIENT_NAME), Field.CLIENT_NAME, _MAX_NAME)
        if name is None:
            raise _Refused(Field.CLIENT_NAME, "required")
        if not any(letter.isalpha() for letter in name):
            raise _Refused(Field.CLIENT_NAME, "name_without_letters")
        phone, key = read_phone(self._cell(cells, Field.PHONE_NUMBER))
        return NewTarget(
            client_name=name,
            phone=phone,
            match_key=key,
            document=read_document(self._cell(cells, Field.CLIENT_DOCUMENT)),
            debt_cents=read_amount(self._cell(cells, Field.DEBT_AMOUNT), self._mark),
            installation_point=self._optional(cells, Field.INSTALLATION_POINT, _read_point),
            invoice_number=self._optional(cells, Field.INVOICE_NUMBER, _read_invoice_number),
            due_on=self._optional(cells, Field.DUE_DATE, _read_day),
            uf=self._optional(cells, Field.UF, _read_uf),
            priority=self._optional(cells, Field.PRIORITY, _read_priority) or 0,
        )

    def _cell(self, cells: Sequence[Cell], field: Field) -> Cell:
        place = self._places.get(field)
        return cells[place] if place is not None and place < len(cells) else None

    def _optional(self, cells: Sequence[Cell], field: Field, read: Callable[[Cell], T]) -> T | None:
        cell = self._cell(cells, field)
        return read(cell) if _is_filled(cell) else None


def _is_filled(cell: Cell) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def is_empty(cells: Sequence[Cell]) -> bool:
    """Tell whether a row says nothing at all."""
    return not any(_is_filled(cell) for cell in cells)


def _as_text(cell: Cell, field: Field) -> str:
    """Give the text of a required cell."""
    if isinstance(cell, date) or not _is_filled(cell):
        raise _Refused(field, "required" if not isinstance(cell, date) else "is_a_date")
    return str(cell) if not isinstance(cell, Decimal) else _written(cell)


def _written(number: Decimal) -> str:
    """Write a number of a spreadsheet as it is seen there, without an exponent."""
    if not number.is_finite():
        return str(number)
    return f"{number.to_integral_value() if number == number.to_integral_value() else number:f}"


def _read_text(cell: Cell, field: Field, limit: int) -> str | None:
    """Give a text on one line, without what hides and without the signs that begin a formula; None when empty."""
    if cell is None:
        return None
    raw = cell.isoformat() if isinstance(cell, date) else _written(cell) if isinstance(cell, Decimal) else str(cell)
    if len(raw) > _MAX_RAW:
        raise _Refused(field, "too_long")
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
            raise _Refused(field, "formula")
    if len(text) > limit:
        raise _Refused(field, "too_long")
    return text


def _read_point(cell: Cell) -> str | None:
    return _read_text(cell, Field.INSTALLATION_POINT, _MAX_POINT)


def _read_invoice_number(cell: Cell) -> str | None:
    return _read_text(cell, Field.INVOICE_NUMBER, _MAX_INVOICE)


def read_document(cell: Cell) -> str:
    """Read a CPF or CNPJ; what a spreadsheet holds as a number gets the zeros back that it lost (compliance.md 8)."""
    text = _as_text(cell, Field.CLIENT_DOCUMENT).strip()
    plain = _plain_cpf(text)
    if plain is not None:
        return plain
    if len(text) > 40 or (text.startswith("-") and not isinstance(cell, str)):
        raise _Refused(Field.CLIENT_DOCUMENT, "document_invalid")
    try:
        return parse_document(text, pad_zeros=not isinstance(cell, str))
    except InvalidDocument:
        raise _Refused(Field.CLIENT_DOCUMENT, _document_reason(text)) from None


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
    text = _as_text(cell, Field.PHONE_NUMBER).strip()
    plain = _plain_mobile(text)
    if plain is not None:
        return plain
    if len(text) > 120:
        raise _Refused(Field.PHONE_NUMBER, "phone_invalid")
    if _EXPONENT.fullmatch(text):
        raise _Refused(Field.PHONE_NUMBER, "phone_exponent")
    found = _phones_in(text)
    for wanted in (PhoneKind.MOBILE, PhoneKind.FIXED_LINE):
        for number, kind in found:
            key = match_key(number)
            if kind is wanted and key is not None:
                return number, key
    if not found:
        raise _Refused(Field.PHONE_NUMBER, "phone_invalid")
    is_foreign = all(kind is PhoneKind.FOREIGN for _, kind in found)
    raise _Refused(Field.PHONE_NUMBER, "phone_foreign" if is_foreign else "phone_not_contactable")


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


def read_amount(cell: Cell, mark: DecimalMark) -> int:
    """Read what is owed, in cents; an amount written with the other mark than its column is refused."""
    if isinstance(cell, int | Decimal):
        cents = _cents_of_number(Decimal(cell))
    else:
        cents = _cents_of_text(_as_text(cell, Field.DEBT_AMOUNT), mark)
    if cents <= 0:
        raise _Refused(Field.DEBT_AMOUNT, "amount_not_positive")
    if cents > LARGEST_CENTS:
        raise _Refused(Field.DEBT_AMOUNT, "amount_too_large")
    return cents


def _cents_of_number(number: Decimal) -> int:
    if not number.is_finite() or number.adjusted() > 15:
        raise _Refused(Field.DEBT_AMOUNT, "amount_too_large" if number.is_finite() else "amount_invalid")
    cents = round(number * 100)
    # A spreadsheet keeps 119.9 as 119.90000000000001: dust is forgiven, a third decimal is not.
    if abs(number * 100 - cents) > Decimal("0.0001"):
        raise _Refused(Field.DEBT_AMOUNT, "amount_too_many_decimals")
    return cents


def _plain_amount(text: str) -> str:
    if text and text[0] in "0123456789" and text.isascii() and text[-1] in "0123456789" and " " not in text:
        return text
    return "".join(_MONEY_MARKS.sub("", fold(text[:60]).text).split())


def _cents_of_text(text: str, mark: DecimalMark) -> int:
    plain = _plain_amount(text)
    if len(plain) > 30:
        raise _Refused(Field.DEBT_AMOUNT, "amount_invalid")
    ours, other = (_COMMA_AMOUNT, _DOT_AMOUNT) if mark is DecimalMark.COMMA else (_DOT_AMOUNT, _COMMA_AMOUNT)
    match = ours.fullmatch(plain)
    if match is None:
        if _NEGATIVE.fullmatch(plain):
            raise _Refused(Field.DEBT_AMOUNT, "amount_not_positive")
        raise _Refused(Field.DEBT_AMOUNT, "amount_mixed" if other.fullmatch(plain) else "amount_invalid")
    decimals = match[1] or ""
    whole = plain[: match.start(1) - 1] if decimals else plain
    digits = whole.replace(".", "").replace(",", "")
    return int(digits) * 100 + int((decimals + "00")[:2])


def _read_day(cell: Cell) -> date | None:
    day = _day_of(cell)
    if day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        raise _Refused(Field.DUE_DATE, "due_date_invalid")
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


def _read_uf(cell: Cell) -> str | None:
    uf = _UF_BY_TEXT.get(" ".join(fold(cell[:60]).text.split())) if isinstance(cell, str) else None
    if uf is None:
        raise _Refused(Field.UF, "uf_invalid")
    return uf


def _read_priority(cell: Cell) -> int:
    if isinstance(cell, str):
        text = fold(cell[:40]).text.strip()
        if text in _LEVELS:
            return _LEVELS[text]
        if not re.fullmatch(r"-?[0-9]{1,4}", text):
            raise _Refused(Field.PRIORITY, "priority_invalid")
        cell = int(text)
    number = Decimal(cell) if isinstance(cell, int | Decimal) else Decimal("NaN")
    if not number.is_finite() or not -MAX_PRIORITY <= number <= MAX_PRIORITY or number != int(number):
        raise _Refused(Field.PRIORITY, "priority_invalid")
    return int(number)


REASONS: Mapping[str, frozenset[Field | None]] = {
    "required": frozenset({Field.CLIENT_NAME, Field.PHONE_NUMBER, Field.CLIENT_DOCUMENT, Field.DEBT_AMOUNT}),
    "is_a_date": frozenset({Field.PHONE_NUMBER, Field.CLIENT_DOCUMENT, Field.DEBT_AMOUNT}),
    "too_many_cells": frozenset({None}),
    "too_long": frozenset({Field.CLIENT_NAME, Field.INSTALLATION_POINT, Field.INVOICE_NUMBER}),
    "formula": frozenset({Field.CLIENT_NAME, Field.INSTALLATION_POINT, Field.INVOICE_NUMBER}),
    "name_without_letters": frozenset({Field.CLIENT_NAME}),
    "document_exponent": frozenset({Field.CLIENT_DOCUMENT}),
    "document_repeated": frozenset({Field.CLIENT_DOCUMENT}),
    "document_lost_zeros": frozenset({Field.CLIENT_DOCUMENT}),
    "document_invalid": frozenset({Field.CLIENT_DOCUMENT}),
    "phone_exponent": frozenset({Field.PHONE_NUMBER}),
    "phone_invalid": frozenset({Field.PHONE_NUMBER}),
    "phone_foreign": frozenset({Field.PHONE_NUMBER}),
    "phone_not_contactable": frozenset({Field.PHONE_NUMBER}),
    "amount_invalid": frozenset({Field.DEBT_AMOUNT}),
    "amount_mixed": frozenset({Field.DEBT_AMOUNT}),
    "amount_not_positive": frozenset({Field.DEBT_AMOUNT}),
    "amount_too_large": frozenset({Field.DEBT_AMOUNT}),
    "amount_too_many_decimals": frozenset({Field.DEBT_AMOUNT}),
    "due_date_invalid": frozenset({Field.DUE_DATE}),
    "uf_invalid": frozenset({Field.UF}),
    "priority_invalid": frozenset({Field.PRIORITY}),
    "duplicate_in_file": frozenset({Field.CLIENT_DOCUMENT}),
    "duplicate_in_campaign": frozenset({Field.CLIENT_DOCUMENT}),
    "invoice_of_another_customer": frozenset({Field.INVOICE_NUMBER}),
}
"""Every reason a line may be refused for, with the fields it is said of. The codes are stable: texts hang on them."""
