"""One line of a debtors' file: the target it makes, or the field and the reason why it makes none (spec 3.2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from domain.target_amounts import DecimalMark, read_amount
from domain.target_cells import (
    Cell,
    CellRefused,
    is_filled,
    read_day,
    read_document,
    read_invoice_number,
    read_phone,
    read_point,
    read_priority,
    read_text,
    read_uf,
)
from domain.target_columns import Columns, Field

T = TypeVar("T")
_MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line was not taken. Never what it said: that is personal data."""

    field: Field | None
    reason: str


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


class LineReader:
    """Reads the lines of one file, whose columns and decimal mark are known. Never raises, whatever a line holds."""

    def __init__(self, columns: Columns, decimal_mark: DecimalMark) -> None:
        self._places = columns.places
        self._width = len(columns.headers)
        self._mark = decimal_mark

    def read(self, cells: Sequence[Cell]) -> NewTarget | LineProblem:
        """Give the line's target, or the first field that is wrong and why."""
        if any(is_filled(cell) for cell in cells[self._width :]):
            # A separator inside a value that nobody quoted: every column behind it has slipped.
            return LineProblem(None, "too_many_cells")
        try:
            return self._target(cells)
        except CellRefused as refused:
            return LineProblem(refused.field, refused.reason)

    def _target(self, cells: Sequence[Cell]) -> NewTarget:
        name = read_text(self._cell(cells, Field.CLIENT_NAME), Field.CLIENT_NAME, _MAX_NAME)
        if name is None:
            raise CellRefused(Field.CLIENT_NAME, "required")
        if not any(letter.isalpha() for letter in name):
            raise CellRefused(Field.CLIENT_NAME, "name_without_letters")
        phone, key = read_phone(self._cell(cells, Field.PHONE_NUMBER))
        return NewTarget(
            client_name=name,
            phone=phone,
            match_key=key,
            document=read_document(self._cell(cells, Field.CLIENT_DOCUMENT)),
            debt_cents=read_amount(self._cell(cells, Field.DEBT_AMOUNT), self._mark),
            installation_point=self._optional(cells, Field.INSTALLATION_POINT, read_point),
            invoice_number=self._optional(cells, Field.INVOICE_NUMBER, read_invoice_number),
            due_on=self._optional(cells, Field.DUE_DATE, read_day),
            uf=self._optional(cells, Field.UF, read_uf),
            priority=self._optional(cells, Field.PRIORITY, read_priority) or 0,
        )

    def _cell(self, cells: Sequence[Cell], field: Field) -> Cell:
        place = self._places.get(field)
        return cells[place] if place is not None and place < len(cells) else None

    def _optional(self, cells: Sequence[Cell], field: Field, read: Callable[[Cell], T]) -> T | None:
        cell = self._cell(cells, field)
        return read(cell) if is_filled(cell) else None


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
