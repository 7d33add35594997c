"""Portuguese cardinal numbers in words, up to 999 999, on folded text (no accents, lower case)."""

import re

_UNITS = {
    "um": 1, "uma": 1, "dois": 2, "duas": 2, "tres": 3, "quatro": 4, "cinco": 5,
    "seis": 6, "sete": 7, "oito": 8, "nove": 9,
}  # fmt: skip
_TEENS = {
    "dez": 10, "onze": 11, "doze": 12, "treze": 13, "quatorze": 14, "catorze": 14, "quinze": 15,
    "dezesseis": 16, "dezeseis": 16, "dezessete": 17, "dezesete": 17, "dezoito": 18, "dezenove": 19,
}  # fmt: skip
_TENS = {
    "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50, "cincoenta": 50,
    "sessenta": 60, "setenta": 70, "oitenta": 80, "noventa": 90,
}  # fmt: skip
_HUNDREDS = {
    "cem": 100, "cento": 100, "duzentos": 200, "trezentos": 300, "quatrocentos": 400, "quinhentos": 500,
    "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900,
}  # fmt: skip
_VALUES = _UNITS | _TEENS | _TENS | _HUNDREDS


def _any_of(words: dict[str, int]) -> str:
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_SMALL = rf"(?:{_any_of(_TENS)}(?:\s+e\s+{_any_of(_UNITS)})?|{_any_of(_TEENS)}|{_any_of(_UNITS)})"
_BELOW_THOUSAND = rf"(?:{_any_of(_HUNDREDS)}(?:\s+e\s+{_SMALL})?|{_SMALL})"

NUMBER_WORDS = rf"\b(?:(?:{_BELOW_THOUSAND}\s+)?mil(?:\s+(?:e\s+)?{_BELOW_THOUSAND})?|{_BELOW_THOUSAND})\b"
"""Pattern (no groups) of one number in words; 'dez e doze' is two numbers, 'vinte e dois' is one."""

DAY_WORDS = rf"\b(?>{_SMALL})\b"
"""Pattern (no groups) of a number below one hundred, for days of the month; it never
gives back half of 'vinte e cinco'."""

_WHOLE = re.compile(NUMBER_WORDS)


def read_number_words(text: str) -> int:
    """Give the value of a text that matches NUMBER_WORDS; raise ValueError on any other."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("not a number in words")
    total = current = 0
    for word in text.split():
        if word == "mil":
            total, current = max(current, 1) * 1000, 0
        elif word != "e":
            current += _VALUES[word]
    return total + current
