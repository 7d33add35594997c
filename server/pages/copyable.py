"""Find the payment code in a message: what the customer will want to copy."""

import re
from typing import Final

# A Pix BR Code starts with its format indicator and ends with the CRC field (EMV QR: 63 04 and four hex digits).
_PIX: Final = re.compile(r"000201[\x20-\x7e]{40,480}?6304[0-9A-Fa-f]{4}(?![0-9A-Za-z])")
# A boleto's line: 47 digits (bank slip) or 48 (utilities), with or without the usual dots and spaces.
_BOLETO: Final = re.compile(r"(?<![\d.])\d(?:[ .-]?\d){46,47}(?![\d.]*\d)")


def payment_code(text: str) -> str | None:
    """Give the Pix or boleto code in a text as it must be pasted, if there is one."""
    pix = _PIX.search(text)
    if pix:
        return pix[0]
    boleto = _BOLETO.search(text)
    return re.sub(r"\D", "", boleto[0]) if boleto else None
