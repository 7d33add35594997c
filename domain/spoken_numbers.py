"""Numbers, amounts, days and hours in the words of spoken Brazilian Portuguese."""

import re
from functools import lru_cache
from typing import Final

from num2words import num2words

_MONTHS: Final = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_DIGITS: Final = ("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove")
_GROUPED: Final = 4
_SAID_AS_WORD: Final = 4  # letters: "FIBRA-600" is said, "FAT-1001" is spelled
_LARGEST: Final = 10**15


@lru_cache(maxsize=1024)
def cardinal(number: int, *, is_feminine: bool = False) -> str:
    """Say a whole number: "mil duzentos e trinta e quatro", "duas", "vinte e uma"."""
    if number >= _LARGEST:
        return digits(str(number))
    # The library puts a comma after thousands, at which voices pause as if a new number began.
    said = str(num2words(number, lang="pt_BR")).replace(",", "")
    return _feminine(said) if is_feminine else said


def _feminine(said: str) -> str:
    """Make the hundreds, "um" and "dois" feminine, except where they count millions."""
    head, sep, tail = said.rpartition("ilhões") if "ilhões" in said else said.rpartition("ilhão")
    tail = re.sub(r"\bum\b", "uma", re.sub(r"\bdois\b", "duas", tail))
    return f"{head}{sep}{re.sub(r'(?<=entos)', '', tail).replace('entos', 'entas')}"


def decimal(whole: int, part: str) -> str:
    """Say a number with decimals: "dois vírgula cinco", "um vírgula zero cinco"."""
    trimmed = part.rstrip("0")
    if not trimmed:
        return cardinal(whole)
    read = digits(trimmed) if trimmed.startswith("0") or len(trimmed) > 2 else cardinal(int(trimmed))
    return f"{cardinal(whole)} vírgula {read}"


def digits(written: str) -> str:
    """Say figures one by one, longer runs in groups; whatever is no figure parts nothing."""
    figures = [_DIGITS[int(sign)] for sign in written if sign.isascii() and sign.isdigit()]
    if len(figures) <= _GROUPED + 1:
        return " ".join(figures)
    size = 3 if len(figures) % 3 == 0 else _GROUPED
    return ", ".join(" ".join(figures[at : at + size]) for at in range(0, len(figures), size))


def ordinal(number: int, *, is_feminine: bool) -> str:
    """Say "primeira", "vigésimo primeiro"; zero has none."""
    if number == 0:
        return cardinal(0)
    said = str(num2words(number, lang="pt_BR", to="ordinal"))
    return re.sub(r"o\b", "a", said) if is_feminine else said


def amount(cents: int) -> str:
    """Say reais and centavos: "cento e dezenove reais e noventa centavos", "um milhão de reais"."""
    reais, rest = divmod(cents, 100)
    small = f"{cardinal(rest)} {'centavo' if rest == 1 else 'centavos'}"
    if not reais and rest:
        return small
    said = cardinal(reais)
    of = "de " if reais >= 10**6 and reais % 10**6 == 0 else ""
    large = f"{said} {of}{'real' if reais == 1 else 'reais'}"
    return f"{large} e {small}" if rest else large


def day_and_month(day: int, month: int) -> str:
    """Say "vinte e sete de novembro", "primeiro de dezembro"."""
    return f"{'primeiro' if day == 1 else cardinal(day)} de {_MONTHS[month - 1]}"


def clock_time(hour: int, minute: int) -> str:
    """Say "catorze e trinta", "oito horas", "meia-noite e quinze"."""
    if hour == 0:
        return f"meia-noite e {cardinal(minute)}" if minute else "meia-noite"
    said = cardinal(hour, is_feminine=True)
    return f"{said} e {cardinal(minute)}" if minute else f"{said} {'hora' if hour == 1 else 'horas'}"


def spelled(code: str) -> str:
    """Spell a code letter by letter, figure by figure; a part that is a word is said as one ("Fibra seiscentos")."""
    parts = re.findall(r"[^\W\d_]+|\d+", code)
    has_word = len(parts) <= 2 and any(map(_is_word, parts))
    read: list[str] = []
    for part in parts:
        if part.isdecimal():
            is_name = has_word or (len(parts) == 2 and len(part) <= 2 and len(parts[0]) + len(parts[1]) <= 3)
            said = cardinal(int(part)) if is_name and not part.startswith("0") and len(part) < 7 else None
            read.append(said or ", ".join(_DIGITS[int(figure)] for figure in part if figure.isascii()))
        elif has_word and _is_word(part):
            read.append(part.capitalize() if part.isupper() else part)
        else:
            read.append(", ".join(part.upper()))
    return (" " if has_word or _is_name(parts) else ", ").join(part for part in read if part)


def _is_word(part: str) -> bool:
    """Tell "FIBRA" from "PVTW", which nobody can say."""
    return len(part) >= _SAID_AS_WORD and part.isalpha() and re.search("[aeiou]", part.lower()) is not None


def _is_name(parts: list[str]) -> bool:
    """Tell "5G" and "A4", which are said in one breath, from codes."""
    return len(parts) == 2 and sum(map(len, parts)) <= 3
