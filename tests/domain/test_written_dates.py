"""Days as texts name them."""

import pytest

from domain.written_dates import find_written_dates


def test_written_dates_are_found_in_their_forms() -> None:
    found = find_written_dates("27/11/2026, 27/11, dia 5, 1º de dezembro, 2026-11-27, 600 mega, 12.345,67, 08h às 20h")
    assert [(item.day, item.month, item.year) for item in found] == [
        (27, 11, 2026), (27, 11, None), (5, None, None), (1, 12, None), (27, 11, 2026),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Vence em vinte e sete de novembro.", [(27, 11, None)]),
        ("Fica para sexta, vinte e sete de novembro de dois mil e vinte e seis.", [(27, 11, 2026)]),
        ("No primeiro de dezembro de dois mil e vinte e sete.", [(1, 12, 2027)]),
        ("Pode ser no dia cinco?", [(5, None, None)]),
        ("Até o dia um de dezembro.", [(1, 12, None)]),
        ("Uma de outubro e duas de novembro.", []),
        ("Em um dia e meio.", []),
    ],
)
def test_days_in_words_are_read(text: str, days: list[tuple[int, int | None, int | None]]) -> None:
    assert [(written.day, written.month, written.year) for written in find_written_dates(text)] == days
