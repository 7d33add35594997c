"""Pix BR Code (EMV-MPM): build static codes, parse any (protocols.md 9.1). Code below the CRC is never edited."""

import re
import unicodedata
from dataclasses import dataclass

from domain.errors import DomainError

_GUI = "br.gov.bcb.pix"
_NAME_MAX, _CITY_MAX, _TXID_MAX, _CODE_MAX, _FIELD_MAX = 25, 15, 25, 512, 99
_NO_TXID = "***"
_AMOUNT_MAX_CENTS = 9_999_999_999_99


class InvalidPix(DomainError):
    """Say why a Pix code cannot be read or built."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"invalid Pix code: {reason}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class PixCode:
    """What a BR Code says; `key` of a static code, `url` of a dynamic one."""

    key: str | None
    url: str | None
    amount_cents: int | None
    txid: str
    merchant_name: str
    merchant_city: str
    description: str | None

    @property
    def is_dynamic(self) -> bool:
        """Tell a code that points at a charge from one that holds the key itself."""
        return self.url is not None


def build_pix(
    *,
    key: str,
    merchant_name: str,
    merchant_city: str,
    amount_cents: int | None = None,
    txid: str = _NO_TXID,
    description: str | None = None,
) -> str:
    """Build a static BR Code with its CRC; names become upper-case ASCII and are cut to the standard's lengths."""
    if not key or not key.isascii():
        raise InvalidPix("key")
    if txid != _NO_TXID and not re.fullmatch(rf"[A-Za-z0-9]{{1,{_TXID_MAX}}}", txid):
        raise InvalidPix("txid")
    if amount_cents is not None and not 0 < amount_cents <= _AMOUNT_MAX_CENTS:
        raise InvalidPix("amount")
    name, city = _ascii_upper(merchant_name, _NAME_MAX), _ascii_upper(merchant_city, _CITY_MAX)
    if not name or not city:
        raise InvalidPix("merchant")
    account = _field("00", _GUI) + _field("01", key)
    room = _FIELD_MAX - len(account) - 4
    if description and room > 0:
        account += _field("02", _ascii(description)[:room].rstrip())
    amount = "" if amount_cents is None else _field("54", f"{amount_cents // 100}.{amount_cents % 100:02d}")
    body = (
        _field("00", "01") + _field("26", account) + _field("52", "0000") + _field("53", "986") + amount
        + _field("58", "BR") + _field("59", name) + _field("60", city) + _field("62", _field("05", txid)) + "6304"
    )  # fmt: skip
    return body + _crc(body)


def parse_pix(code: str) -> PixCode:
    """Read a static or dynamic BR Code; raise InvalidPix when its CRC or its form is wrong."""
    code = code.strip()
    if len(code) > _CODE_MAX or not re.fullmatch(r".+6304[0-9A-Fa-f]{4}", code):
        raise InvalidPix("form")
    if _crc(code[:-4]) != code[-4:].upper():
        raise InvalidPix("crc")
    fields = _fields(code)
    accounts = [_fields(value) for tag, value in fields.items() if "26" <= tag <= "51"]
    account = next((a for a in accounts if a.get("00", "").lower() == _GUI), None)
    if account is None or fields.get("00") != "01" or fields.get("53") != "986":
        raise InvalidPix("not a Pix in reais")
    if ("01" in account) == ("25" in account):
        raise InvalidPix("key")
    return PixCode(
        key=account.get("01"),
        url=account.get("25"),
        amount_cents=_amount(fields.get("54")),
        txid=_fields(fields.get("62", "")).get("05", _NO_TXID),
        merchant_name=fields.get("59", ""),
        merchant_city=fields.get("60", ""),
        description=account.get("02"),
    )


def _field(tag: str, value: str) -> str:
    if not 0 < len(value) <= _FIELD_MAX:
        raise InvalidPix("length")
    return f"{tag}{len(value):02d}{value}"


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    position = 0
    while position < len(text):
        tag, size = text[position : position + 2], text[position + 2 : position + 4]
        if not (tag.isdigit() and size.isascii() and size.isdigit()):
            raise InvalidPix("form")
        value = text[position + 4 : position + 4 + int(size)]
        if len(value) != int(size) or tag in fields:
            raise InvalidPix("form")
        fields[tag] = value
        position += 4 + int(size)
    return fields


def _amount(value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,10})(?:\.(\d{1,2}))?", value, re.ASCII)
    if match is None:
        raise InvalidPix("amount")
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"\s+", " ", re.sub(r"[^\x20-\x7e]", " ", plain)).strip()


def _ascii_upper(text: str, size: int) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[^A-Z0-9 .\-&/]", " ", _ascii(text).upper())).strip()[:size].rstrip()


def _crc(text: str) -> str:
    """Compute CRC16-CCITT-FALSE (polynomial 0x1021, start 0xFFFF) over the text's UTF-8 bytes."""
    register = 0xFFFF
    for byte in text.encode():
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
            register &= 0xFFFF
    return f"{register:04X}"
