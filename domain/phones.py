"""Brazilian phones: one written form, one identity, place and time zone (compliance.md 7 and 8, protocols.md 9.4)."""

import re
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from domain.errors import DomainError

_AREA_CODES_BY_UF = {
    "AC": "68", "AL": "82", "AM": "92 97", "AP": "96", "BA": "71 73 74 75 77", "CE": "85 88", "DF": "61",
    "ES": "27 28", "GO": "62 64", "MA": "98 99", "MG": "31 32 33 34 35 37 38", "MS": "67", "MT": "65 66",
    "PA": "91 93 94", "PB": "83", "PE": "81 87", "PI": "86 89", "PR": "41 42 43 44 45 46", "RJ": "21 22 24",
    "RN": "84", "RO": "69", "RR": "95", "RS": "51 53 54 55", "SC": "47 48 49", "SE": "79",
    "SP": "11 12 13 14 15 16 17 18 19", "TO": "63",
}  # fmt: skip
_UF_BY_AREA_CODE = {code: uf for uf, codes in _AREA_CODES_BY_UF.items() for code in codes.split()}
AREA_CODES: tuple[str, ...] = tuple(sorted(_UF_BY_AREA_CODE))

# Our own table: phonenumbers puts DDD 81 (Recife) in Noronha and DDD 97 wholly in Manaus (compliance.md 7).
_ZONE_BY_UF = {
    "AC": "Rio_Branco", "AL": "Maceio", "AM": "Manaus", "AP": "Belem", "BA": "Bahia", "CE": "Fortaleza",
    "MA": "Fortaleza", "MS": "Campo_Grande", "MT": "Cuiaba", "PA": "Belem", "PB": "Fortaleza", "PE": "Recife",
    "PI": "Fortaleza", "RN": "Fortaleza", "RO": "Porto_Velho", "RR": "Boa_Vista", "SE": "Maceio", "TO": "Araguaina",
}  # fmt: skip
_ZONES_BY_AREA_CODE = {"93": ("America/Santarem",), "97": ("America/Manaus", "America/Rio_Branco")}

_JID_SUFFIX = re.compile(r"(?::\d+)?@(?:s\.whatsapp\.net|c\.us)$")
_LOOSE = re.compile(r"[\s().\-/]+")
_MOBILE_FIRST_DIGITS = frozenset("6789")
_REPAIRED_FIRST_DIGITS = frozenset("689")  # 8 digits starting with 7 may be trunking: left as they are


class InvalidPhone(DomainError):
    """Say that a text is no phone number; never carries the text itself (it is personal data)."""

    def __init__(self) -> None:
        super().__init__("not a valid phone number")


class PhoneKind(StrEnum):
    """What a number is, as far as it decides who may be contacted there."""

    MOBILE = "mobile"
    FIXED_LINE = "fixed_line"
    TOLL_FREE = "toll_free"
    SHARED_COST = "shared_cost"
    FOREIGN = "foreign"
    OTHER = "other"


def parse_phone(text: str) -> str:
    """Give the E.164 form of a phone typed by a person or sent by a provider, ninth digit repaired."""
    cleaned = text.strip().removeprefix("whatsapp:")
    cleaned = _JID_SUFFIX.sub("", cleaned)
    digits = _LOOSE.sub("", cleaned)
    if digits.isdigit() and digits.startswith("55") and len(digits) in (12, 13):
        cleaned = "+" + digits
    try:
        number = phonenumbers.parse(cleaned, "BR")
    except phonenumbers.NumberParseException:
        raise InvalidPhone from None
    if number.country_code == 55:
        number = _with_ninth_digit(number)
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _with_ninth_digit(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    national = str(number.national_number)
    lacks_nine = len(national) == 10 and national[:2] in _UF_BY_AREA_CODE and national[2] in _REPAIRED_FIRST_DIGITS
    if not lacks_nine or phonenumbers.is_valid_number(number):
        return number
    return phonenumbers.PhoneNumber(country_code=55, national_number=int(f"{national[:2]}9{national[2:]}"))


def match_key(address: str) -> str | None:
    """Give the identity of a phone written as E.164, wa_id or JID; None when it is no phone (LID, group, BSUID).

    Brazilian mobiles give area code + last 8 digits, so the ninth digit does not matter. A mobile whose digits after
    the nine start with 0-5 keeps the nine: without it the number would be somebody's fixed line. Other countries give
    the whole number.
    """
    cleaned = _JID_SUFFIX.sub("", address.strip().removeprefix("whatsapp:"))
    digits = _LOOSE.sub("", cleaned.removeprefix("+"))
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15):
        return None
    national = digits[2:]
    if not digits.startswith("55") or national[:2] not in _UF_BY_AREA_CODE:
        return digits
    if len(national) == 11 and national[2] == "9":
        return national[:2] + national[3:] if national[3] in _MOBILE_FIRST_DIGITS else national
    return national if len(national) == 10 else digits


@lru_cache(maxsize=4096)
def phone_kind(e164: str) -> PhoneKind:
    """Classify an E.164 number; only MOBILE and FIXED_LINE may enter a campaign (compliance.md 8)."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return PhoneKind.OTHER
    if number.country_code != 55:
        return PhoneKind.FOREIGN
    kinds = {
        PhoneNumberType.MOBILE: PhoneKind.MOBILE,
        PhoneNumberType.FIXED_LINE: PhoneKind.FIXED_LINE,
        PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
        PhoneNumberType.SHARED_COST: PhoneKind.SHARED_COST,
    }
    return kinds.get(phonenumbers.number_type(number), PhoneKind.OTHER)


def is_mobile(e164: str) -> bool:
    """Tell whether an E.164 number is a Brazilian mobile."""
    return phone_kind(e164) is PhoneKind.MOBILE


def area_code(e164: str) -> str | None:
    """Give the DDD of a Brazilian E.164 number; None for other countries and numbers without one (0800)."""
    national = e164.removeprefix("+55")
    if national == e164 or len(national) not in (10, 11) or national[:2] not in _UF_BY_AREA_CODE:
        return None
    return None if phone_kind(e164) in (PhoneKind.TOLL_FREE, PhoneKind.SHARED_COST) else national[:2]


def uf_of_area_code(ddd: str) -> str | None:
    """Give the state of a DDD; 61 counts as DF though it reaches into GO."""
    return _UF_BY_AREA_CODE.get(ddd)


def time_zones_of_area_code(ddd: str) -> tuple[str, ...]:
    """Give every zone a DDD may lie in; a contact must fit all of them. Empty when the DDD does not exist."""
    uf = _UF_BY_AREA_CODE.get(ddd)
    if uf is None:
        return ()
    return _ZONES_BY_AREA_CODE.get(ddd, (f"America/{_ZONE_BY_UF.get(uf, 'Sao_Paulo')}",))


def mask_phone(e164: str) -> str:
    """Hide a phone but for country, area code and the last four digits."""
    ddd = area_code(e164)
    if ddd is None:
        return f"****{e164[-4:]}" if len(e164) > 8 else "****"
    return f"+55 {ddd} *****-{e164[-4:]}"
