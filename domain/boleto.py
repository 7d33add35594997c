"""Payment lines: bank boleto (47 digits) and utility bills of telecoms (48 digits), protocols.md 9.2."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from domain.errors import DomainError

BoletoFault = Literal["length", "field_1", "field_2", "field_3", "field_4", "general", "form", "due_on", "amount"]

_FIRST_BASE, _FIRST_DAY = date(1997, 10, 7), date(2000, 7, 3)  # factor 1000 was first used on 2000-07-03
_RESTART = date(2025, 2, 22)  # factor 9999 fell on 2025-02-21; the count restarts at 1000
_CYCLE = 9000
_LARGEST_AMOUNT = 9_999_999_999


class InvalidBoleto(DomainError):
    """Say which part of a payment line is wrong."""

    def __init__(self, fault: BoletoFault) -> None:
        super().__init__(f"invalid payment line: {fault}")
        self.fault = fault


@dataclass(frozen=True, kw_only=True, slots=True)
class BankBoleto:
    """A bank boleto; no amount means an open one, no date one payable at sight."""

    bank: str
    free_field: str
    due_on: date | None
    amount_cents: int | None
    payment_line: str
    barcode: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UtilityBill:
    """A bill of the 'arrecadação' form; segment 4 is telecommunications."""

    segment: str
    value_kind: str
    amount_cents: int | None
    payment_line: str
    barcode: str


def build_boleto(*, bank: str, free_field: str, due_on: date | None, amount_cents: int | None) -> BankBoleto:
    """Build a bank boleto with all its check digits from the bank's code and the bank's free field."""
    if not _digits(bank, 3) or not _digits(free_field, 25):
        raise InvalidBoleto("form")
    if amount_cents is not None and not 0 < amount_cents <= _LARGEST_AMOUNT:
        raise InvalidBoleto("amount")
    tail = f"{_due_factor(due_on):04d}{amount_cents or 0:010d}"
    general = _mod11(f"{bank}9{tail}{free_field}")
    fields = (f"{bank}9{free_field[:5]}", free_field[5:15], free_field[15:])
    return BankBoleto(
        bank=bank,
        free_field=free_field,
        due_on=due_on,
        amount_cents=amount_cents,
        payment_line="".join(field + str(_mod10(field)) for field in fields) + str(general) + tail,
        barcode=f"{bank}9{general}{tail}{free_field}",
    )


def parse_payment_line(text: str, *, today: date) -> BankBoleto | UtilityBill:
    """Read and check a payment line of either form; dots, spaces and dashes do not matter."""
    digits = re.sub(r"[\s.\-]", "", text)
    if _digits(digits, 47):
        return _parse_bank_boleto(digits, today)
    if _digits(digits, 48):
        return _parse_utility_bill(digits)
    raise InvalidBoleto("length")


def format_payment_line(line: str) -> str:
    """Write a payment line in the groups that people read."""
    if len(line) == 48:
        return " ".join(f"{line[i : i + 11]}-{line[i + 11]}" for i in range(0, 48, 12))
    return (
        f"{line[:5]}.{line[5:10]} {line[10:15]}.{line[15:21]} {line[21:26]}.{line[26:32]} {line[32]} {line[33:]}"
    )  # fmt: skip


def _parse_bank_boleto(line: str, today: date) -> BankBoleto:
    fields = (line[:10], line[10:21], line[21:32])
    faults: tuple[BoletoFault, ...] = ("field_1", "field_2", "field_3")
    for field, fault in zip(fields, faults, strict=True):
        if _mod10(field[:-1]) != int(field[-1]):
            raise InvalidBoleto(fault)
    free_field = fields[0][4:9] + fields[1][:10] + fields[2][:10]
    bank, general, tail = line[:3], line[32], line[33:]
    if _mod11(f"{line[:4]}{tail}{free_field}") != int(general):
        raise InvalidBoleto("general")
    return BankBoleto(
        bank=bank,
        free_field=free_field,
        due_on=_due_date(int(tail[:4]), today),
        amount_cents=int(tail[4:]) or None,
        payment_line=line,
        barcode=f"{line[:4]}{general}{tail}{free_field}",
    )


def _parse_utility_bill(line: str) -> UtilityBill:
    if line[0] != "8" or line[2] not in "6789":
        raise InvalidBoleto("form")
    check = _mod10 if line[2] in "67" else _mod11_utility
    faults: tuple[BoletoFault, ...] = ("field_1", "field_2", "field_3", "field_4")
    blocks = [line[i : i + 12] for i in range(0, 48, 12)]
    for block, fault in zip(blocks, faults, strict=True):
        if check(block[:11]) != int(block[11]):
            raise InvalidBoleto(fault)
    barcode = "".join(block[:11] for block in blocks)
    if check(barcode[:3] + barcode[4:]) != int(barcode[3]):
        raise InvalidBoleto("general")
    in_reais = line[2] in "68"
    return UtilityBill(
        segment=line[1],
        value_kind=line[2],
        amount_cents=(int(barcode[4:15]) or None) if in_reais else None,
        payment_line=line,
        barcode=barcode,
    )


def _due_factor(due_on: date | None) -> int:
    if due_on is None:
        return 0
    if due_on >= _RESTART:
        factor = (due_on - _RESTART).days + 1000
    elif due_on >= _FIRST_DAY:
        factor = (due_on - _FIRST_BASE).days
    else:
        raise InvalidBoleto("due_on")
    if factor > 9999:
        raise InvalidBoleto("due_on")
    return factor


def _due_date(factor: int, today: date) -> date | None:
    """Choose, of the dates that share a factor, the one nearest to today."""
    if factor < 1000:
        return None
    first = _FIRST_BASE + timedelta(days=factor)
    candidates = [first + timedelta(days=_CYCLE * turn) for turn in range(3)]
    return min(candidates, key=lambda day: abs((day - today).days))


def _mod10(digits: str) -> int:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        product = int(digit) * (2 if position % 2 == 0 else 1)
        total += product // 10 + product % 10
    return -total % 10


def _mod11_rest(digits: str) -> int:
    return sum(int(digit) * (2 + position % 8) for position, digit in enumerate(reversed(digits))) % 11


def _mod11(digits: str) -> int:
    """Compute a bank boleto's general check digit: 0, 10 and 11 become 1."""
    check = 11 - _mod11_rest(digits)
    return 1 if check in (0, 10, 11) else check


def _mod11_utility(digits: str) -> int:
    """Compute a utility bill's check digit: rests 0 and 1 give 0."""
    rest = _mod11_rest(digits)
    return 0 if rest < 2 else 11 - rest


def _digits(text: str, size: int) -> bool:
    return len(text) == size and text.isascii() and text.isdigit()
