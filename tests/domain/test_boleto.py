"""Payment lines: check digits, due factor and its restart, utility bills."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.boleto import BankBoleto, InvalidBoleto, UtilityBill, build_boleto, format_payment_line, parse_payment_line

SAMPLES = Path(__file__).parents[1] / "payloads" / "brazil"
TODAY = date(2026, 11, 20)


def sample(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLES / name).read_text("utf-8"))
    return content


@pytest.mark.parametrize("name", ["boleto_2024_old_factor.json", "boleto_2026.json", "boleto_no_value.json"])
def test_bank_samples_are_read_and_rebuilt(name: str) -> None:
    content = sample(name)
    expected = content["expected"]
    boleto = parse_payment_line(content["linha_digitavel"], today=TODAY)
    assert isinstance(boleto, BankBoleto)
    amount = None if expected["valor"] is None else int(expected["valor"].replace(".", ""))
    assert (boleto.bank, boleto.amount_cents, str(boleto.due_on)) == (expected["banco"], amount, expected["vencimento"])
    assert boleto.barcode == content["codigo_barras"]
    assert (
        build_boleto(bank=boleto.bank, free_field=boleto.free_field, due_on=boleto.due_on, amount_cents=amount)
        == boleto
    )


@pytest.mark.parametrize("name", ["boleto_2024_old_factor.json", "boleto_2026.json"])
def test_line_is_written_in_groups_and_read_from_them(name: str) -> None:
    content = sample(name)
    assert format_payment_line(content["linha_digitavel"]) == content["linha_formatada"]
    assert parse_payment_line(content["linha_formatada"], today=TODAY).payment_line == content["linha_digitavel"]


def test_utility_sample_is_read() -> None:
    content = sample("arrecadacao_telecom.json")
    bill = parse_payment_line(content["linha_digitavel"], today=TODAY)
    assert isinstance(bill, UtilityBill)
    assert (bill.segment, bill.value_kind, bill.amount_cents) == ("4", "6", 11990)
    assert bill.barcode == content["codigo_barras"]
    assert parse_payment_line(format_payment_line(bill.payment_line), today=TODAY) == bill


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (sample("boleto_bad_field_dv.json")["linha_digitavel"], "field_1"),
        ("123", "length"),
        ("", "length"),
        ("a" * 47, "length"),
        ("9" + sample("arrecadacao_telecom.json")["linha_digitavel"][1:], "form"),
        (
            sample("boleto_2026.json")["linha_digitavel"][:32]
            + "1"
            + sample("boleto_2026.json")["linha_digitavel"][33:],
            "general",
        ),
    ],
)
def test_wrong_lines_say_what_is_wrong(line: str, fault: str) -> None:
    with pytest.raises(InvalidBoleto) as refusal:
        parse_payment_line(line, today=TODAY)
    assert refusal.value.fault == fault


@pytest.mark.parametrize("name", ["boleto_2026.json", "arrecadacao_telecom.json"])
def test_every_single_wrong_digit_is_noticed(name: str) -> None:
    line = sample(name)["linha_digitavel"]
    missed = []
    for index, digit in enumerate(line):
        for other in set("0123456789") - {digit}:
            try:
                parse_payment_line(line[:index] + other + line[index + 1 :], today=TODAY)
            except InvalidBoleto:
                continue
            missed.append((index, digit, other))
    # The general digit maps three rests to 1, so a few changes after the fields may collide; none inside them.
    assert all(index >= 33 for index, _, _ in missed)
    assert len(missed) <= 6


@pytest.mark.parametrize(
    ("due_on", "factor"),
    [
        (date(2000, 7, 3), "1000"),
        (date(2025, 2, 21), "9999"),
        (date(2025, 2, 22), "1000"),
        (date(2025, 2, 23), "1001"),
        (date(2026, 11, 10), "1626"),
        (date(2049, 10, 13), "9999"),
        (None, "0000"),
    ],
)
def test_due_factor_restarts_in_2025(due_on: date | None, factor: str) -> None:
    boleto = build_boleto(bank="001", free_field="0" * 25, due_on=due_on, amount_cents=100)
    assert boleto.payment_line[33:37] == factor
    assert parse_payment_line(boleto.payment_line, today=due_on or TODAY) == boleto


def test_shared_factor_is_the_date_nearest_to_today() -> None:
    line = build_boleto(bank="001", free_field="0" * 25, due_on=date(2025, 2, 22), amount_cents=1).payment_line
    near, far = parse_payment_line(line, today=date(2025, 3, 1)), parse_payment_line(line, today=date(2001, 1, 1))
    assert isinstance(near, BankBoleto)
    assert isinstance(far, BankBoleto)
    assert (near.due_on, far.due_on) == (date(2025, 2, 22), date(2000, 7, 3))


@pytest.mark.parametrize(
    ("bank", "free_field", "due_on", "cents"),
    [
        ("1", "0" * 25, TODAY, 100),
        ("001", "0" * 24, TODAY, 100),
        ("001", "x" * 25, TODAY, 100),
        ("001", "0" * 25, TODAY, 0),
        ("001", "0" * 25, TODAY, 10**10),
        ("001", "0" * 25, date(1999, 1, 1), 100),
        ("001", "0" * 25, date(2049, 10, 14), 100),
    ],
)
def test_impossible_boleto_is_not_built(bank: str, free_field: str, due_on: date, cents: int) -> None:
    with pytest.raises(InvalidBoleto):
        build_boleto(bank=bank, free_field=free_field, due_on=due_on, amount_cents=cents)


@given(
    bank=st.from_regex(r"[0-9]{3}", fullmatch=True),
    free_field=st.from_regex(r"[0-9]{25}", fullmatch=True),
    days=st.integers(min_value=0, max_value=3000),
    cents=st.none() | st.integers(min_value=1, max_value=9_999_999_999),
)
def test_what_is_built_is_read_back(bank: str, free_field: str, days: int, cents: int | None) -> None:
    due_on = TODAY + timedelta(days=days)
    boleto = build_boleto(bank=bank, free_field=free_field, due_on=due_on, amount_cents=cents)
    assert (len(boleto.payment_line), len(boleto.barcode)) == (47, 44)
    assert parse_payment_line(format_payment_line(boleto.payment_line), today=TODAY) == boleto
