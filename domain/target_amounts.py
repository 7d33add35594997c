"""What is owed, as a debtors' file writes it: reais and cents behind a comma or a dot (compliance.md 10)."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from domain.folded_text import fold
from domain.target_cells import Cell, CellRefused, required_text
from domain.target_columns import Field

LARGEST_CENTS = 9_999_999_999  # what a boleto can hold
_MONEY_MARKS = re.compile(r"r\$|brl|reais")
_COMMA_AMOUNT = re.compile(r"(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]{1,2}|[0-9]{2}00))?")
_DOT_AMOUNT = re.compile(r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]{1,2}|[0-9]{2}00))?")
_NEGATIVE = re.compile(r"[-−(].*[0-9].*|.*[0-9]-")


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


def read_amount(cell: Cell, mark: DecimalMark) -> int:
    """Read what is owed, in cents; an amount written with the other mark than its column is refused."""
    if isinstance(cell, int | Decimal):
        cents = _cents_of_number(Decimal(cell))
    else:
        cents = _cents_of_text(required_text(cell, Field.DEBT_AMOUNT), mark)
    if cents <= 0:
        raise CellRefused(Field.DEBT_AMOUNT, "amount_not_positive")
    if cents > LARGEST_CENTS:
        raise CellRefused(Field.DEBT_AMOUNT, "amount_too_large")
    return cents


def _cents_of_number(number: Decimal) -> int:
    if not number.is_finite() or number.adjusted() > 15:
        raise CellRefused(Field.DEBT_AMOUNT, "amount_too_large" if number.is_finite() else "amount_invalid")
    cents = round(number * 100)
    # A spreadsheet keeps 119.9 as 119.90000000000001: dust is forgiven, a third decimal is not.
    if abs(number * 100 - cents) > Decimal("0.0001"):
        raise CellRefused(Field.DEBT_AMOUNT, "amount_too_many_decimals")
    return cents


def _plain_amount(text: str) -> str:
    if text and text[0] in "0123456789" and text.isascii() and text[-1] in "0123456789" and " " not in text:
        return text
    return "".join(_MONEY_MARKS.sub("", fold(text[:60]).text).split())


def _cents_of_text(text: str, mark: DecimalMark) -> int:
    plain = _plain_amount(text)
    if len(plain) > 30:
        raise CellRefused(Field.DEBT_AMOUNT, "amount_invalid")
    ours, other = (_COMMA_AMOUNT, _DOT_AMOUNT) if mark is DecimalMark.COMMA else (_DOT_AMOUNT, _COMMA_AMOUNT)
    match = ours.fullmatch(plain)
    if match is None:
        if _NEGATIVE.fullmatch(plain):
            raise CellRefused(Field.DEBT_AMOUNT, "amount_not_positive")
        raise CellRefused(Field.DEBT_AMOUNT, "amount_mixed" if other.fullmatch(plain) else "amount_invalid")
    decimals = match[1] or ""
    whole = plain[: match.start(1) - 1] if decimals else plain
    digits = whole.replace(".", "").replace(",", "")
    return int(digits) * 100 + int((decimals + "00")[:2])
