"""Words for days, months and numbers, as they are written and as they are said aloud."""

from typing import Final

MONTHS: Final = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
WEEKDAYS: Final = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")
_UNITS: Final = (
    "zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez", "onze", "doze", "treze",
    "quatorze", "quinze", "dezesseis", "dezessete", "dezoito", "dezenove",
)  # fmt: skip
_TENS: Final = ("", "", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa")
_DIGIT_WORDS: Final = _UNITS[:10]


def in_words(number: int) -> str:
    """Say a number below one hundred."""
    if number < len(_UNITS):
        return _UNITS[number]
    tens, unit = divmod(number, 10)
    return f"{_TENS[tens]} e {_UNITS[unit]}" if unit else _TENS[tens]


def day_in_words(day: int) -> str:
    """Say a day of the month: the first is `primeiro`."""
    return "primeiro" if day == 1 else in_words(day)


def digits_in_words(digits: str) -> str:
    """Say a document digit by digit."""
    return " ".join(_DIGIT_WORDS[int(digit)] for digit in digits)


def on_weekday(weekday: int) -> str:
    """Give `na sexta`, `no sábado`."""
    return f"{'no' if weekday > 4 else 'na'} {WEEKDAYS[weekday]}"
