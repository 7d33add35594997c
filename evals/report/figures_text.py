"""Numbers and times as the report writes them, and foreign text made harmless to look at."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from domain.masking import mask_text
from evals.report.words import Language

BRASILIA: Final = ZoneInfo("America/Sao_Paulo")
_LOCALES: Final = {"pt": "pt_BR", "en": "en_US"}
_DATES: Final = {"pt": "dd/MM/yyyy HH:mm", "en": "d MMM yyyy, HH:mm"}
# Controls, halves of characters, and what reorders or hides text: a reader must see that it is there.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


def number(value: float, language: Language, pattern: str = "#,##0") -> str:
    return str(format_decimal(value, format=pattern, locale=_LOCALES[language]))


def share(value: float, language: Language, *, digits: int = 1) -> str:
    """Write a share as percent. Only what is whole is written as 100."""
    percent = value * 100
    shown = round(percent, digits)
    if shown == 100 and value < 1 - 1e-12:
        digits += 1
        shown = min(round(percent, digits), 100 - 10**-digits)
    pattern = "0" if shown == int(shown) else "0." + "0" * digits
    return number(shown, language, pattern) + ("%" if language == "en" else "\u00a0%")


def points(difference: float, language: Language) -> str:
    rounded = round(difference * 100, 1)
    return number(rounded, language, "+0.0;−0.0") if rounded else number(0, language, "0.0")


def money(value: float, language: Language) -> str:
    digits = "#,##0.00" if value >= 0.01 or value == 0 else "0.0000"
    return f"R$\u00a0{number(value, language, digits)}"


def moment(at: datetime, language: Language) -> str:
    return str(format_datetime(at.astimezone(BRASILIA), _DATES[language], tzinfo=BRASILIA, locale=_LOCALES[language]))


@lru_cache(maxsize=100_000)
def shown(text: str) -> str:
    """Give a text as it may be shown: personal data hidden, and no character that cannot be seen."""
    return _UNSEEN.sub(_named, mask_text(text.encode("utf-8", "replace").decode()))


def _named(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return f"⟦U+{code:04X}⟧"
