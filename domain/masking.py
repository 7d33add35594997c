"""Hide personal data and secrets in any text: documents, phones, e-mails, names, tokens (design: N6).

When in doubt it hides: a log that lost an order number is cheaper than one that tells a CPF.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from stdnum.br import cnpj as cnpj_rules
from stdnum.br import cpf as cpf_rules

HIDDEN = "***"
HIDDEN_NAME = "[nome]"

_SEP = r"[\s.\-/–]{0,2}"
# Left as they are: ids and hashes, whose digits mean nothing.
_IDS = r"(?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b(?=[0-9]*[a-f])[0-9a-f]{32,128}\b)"
_URL_PASSWORD = r"(?P<url>[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,200}:)(?P<url_password>[^\s/@]{1,500})(?=@)"  # noqa: S105
_EMAIL = re.compile(r"(?<![\w.+%*-])(?P<local>[\w.+%-]+)@(?P<domain>[\w-]{1,80}(?:\.[\w-]{1,80})+)")
_CNPJ = rf"(?P<cnpj>(?<!\d)\d{{2}}{_SEP}\d{{3}}{_SEP}\d{{3}}{_SEP}\d{{4}}{_SEP}\d{{2}}(?!\d))"
# Since July 2026 the first twelve places of a CNPJ may be letters; the mask or the check digits tell it from a word.
_CNPJ_LETTERS = r"(?P<cnpj_letters>(?<![0-9A-Za-z])[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/[0-9A-Z]{4}-?\d{2}(?!\w))"
_BARE_CNPJ_LETTERS = re.compile(r"(?<![0-9A-Za-z])[0-9A-Z]{12}\d{2}(?!\w)")
_PHONE_55 = rf"(?P<phone_55>(?<!\d)\+?55{_SEP}\(?0?[1-9]\d\)?{_SEP}9?{_SEP}\d{{4}}{_SEP}\d{{4}}(?!\d))"
_PHONE_PLUS = r"(?P<phone_plus>\+\d[\d\s().\-]{6,18}\d(?!\d))"
_PHONE_AREA = rf"(?P<phone_area>(?<!\d)\(0?[1-9]\d\){_SEP}9?{_SEP}\d{{4}}{_SEP}\d{{4}}(?!\d))"
_CPF = rf"\d{{3}}{_SEP}\d{{3}}{_SEP}\d{{3}}{_SEP}\d{{2}}"
_MOBILE = rf"0?\d{{2}}{_SEP}9{_SEP}\d{{4}}{_SEP}\d{{4}}"
_ELEVEN = rf"(?P<eleven>(?<!\d)(?:{_CPF}|{_MOBILE})(?!\d))"
_LANDLINE = rf"(?P<landline>(?<!\d)[1-9]\d{_SEP}[2-5]\d{{3}}{_SEP}\d{{4}}(?!\d))"
_LOCAL = r"(?P<local_phone>(?<![\d.,])9\d{4}-\d{4}(?!\d))"
_PERSONAL = re.compile(
    "|".join(
        [
            _IDS,
            _URL_PASSWORD,
            _PHONE_55,
            _PHONE_PLUS,
            _PHONE_AREA,
            _CNPJ,
            _CNPJ_LETTERS,
            _ELEVEN,
            _LANDLINE,
            _LOCAL,
        ]
    )
)

SECRET_KEY = re.compile(
    r"(?:api[_-]?key|access[_-]?key|secret|passw(?:or)?d|senha|token|authorization|credential|private[_-]?key|"
    r"encryption[_-]?key|x-hub-signature|x-twilio-signature|x-retell-signature|cookie)",
    re.IGNORECASE,
)
# Counting words that merely contain "token".
NOT_SECRET_KEY = re.compile(r"tokens$|token_count|_tokens_", re.IGNORECASE)
_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=:-]{4,}"), r"\1 " + HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"), HIDDEN),
    (re.compile(r"\b(sk|pk|rk|lsv2|key|whsec|ghp|xox[abp])[-_][\w-]{8,}"), r"\1-" + HIDDEN),
    (re.compile(r"\bEAA[0-9A-Za-z]{16,}"), HIDDEN),
    (
        re.compile(
            r"(?i)((?:api[_-]?key|access[_-]?token|refresh[_-]?token|auth[_-]?token|verify_token|client_secret|app_secret|"
            r"secret|passw(?:or)?d|senha|token|authorization|x-hub-signature(?:-256)?|x-twilio-signature)"
            r"[\"']?\s*(?:=>|[=:])\s*[\"']?)(?!\*\*\*|bearer|basic)([^\s\"'&,;}\)]{3,})"
        ),
        r"\1" + HIDDEN,
    ),
)


def mask_document(text: str) -> str:
    """Keep the last two digits of a CPF or CNPJ."""
    digits = re.sub(r"[^0-9A-Za-z]", "", text)
    return f"**.***.***/****-{digits[-2:]}" if len(digits) > 11 else f"***.***.***-{digits[-2:]}"


def mask_phone(text: str) -> str:
    """Keep the last four digits of a phone number."""
    return HIDDEN + re.sub(r"\D", "", text)[-4:]


def mask_text(text: str, *, names: Iterable[str] = ()) -> str:
    """Hide every document, phone, e-mail, secret and each of `names` in a text."""
    if not text:
        return text
    masked = unicodedata.normalize("NFC", text)
    for pattern, replacement in _SECRETS:
        masked = pattern.sub(replacement, masked)
    masked = _EMAIL.sub(_mask_email, masked)
    masked = _BARE_CNPJ_LETTERS.sub(lambda match: _mask_if_cnpj(match[0]), masked)
    masked = _PERSONAL.sub(_mask_match, masked)
    pattern_of_names = _names_pattern(frozenset(names))
    return pattern_of_names.sub(HIDDEN_NAME, masked) if pattern_of_names else masked


def _mask_email(match: re.Match[str]) -> str:
    local = match["local"]
    is_phone = local.isdigit() and len(local) > 7  # how WhatsApp bridges write a number
    return f"{mask_phone(local) if is_phone else HIDDEN}@{match['domain']}"


def _mask_match(match: re.Match[str]) -> str:
    kind, text = match.lastgroup or "", match[0]
    if match["id"]:
        return text
    if match["url"]:
        return match["url"] + HIDDEN
    if kind in {"cnpj", "cnpj_letters"}:
        return mask_document(text)
    if kind == "eleven":
        return _mask_eleven(text)
    return mask_phone(text)


def _mask_if_cnpj(text: str) -> str:
    return mask_document(text) if cnpj_rules.is_valid(text) else text


def _mask_eleven(text: str) -> str:
    """Eleven digits are a CPF, a mobile number, or a CPF with a typing error: hide them all."""
    digits = re.sub(r"\D", "", text)
    looks_like_mobile = len(digits) == 12 or (digits[2] == "9" and digits[0] != "0" and digits[1] != "0")
    if looks_like_mobile and not cpf_rules.is_valid(digits):
        return mask_phone(text)
    return mask_document(digits[-11:])


_ACCENTS = {"a": "aáàâãä", "c": "cç", "e": "eéèêë", "i": "iíìîï", "n": "nñ", "o": "oóòôõö", "u": "uúùûü"}
_PARTICLES = frozenset({"da", "de", "do", "das", "dos", "e"})


@lru_cache(maxsize=512)
def _names_pattern(names: frozenset[str]) -> re.Pattern[str] | None:
    """Match each name and each of its parts, whatever their case and accents."""
    parts: set[str] = set()
    for name in names:
        words = [word for word in _plain(name).split() if word]
        parts.update(word for word in words if len(word) > 2 and word not in _PARTICLES)
        if words and len("".join(words)) > 1:
            parts.add(" ".join(words))
    if not parts:
        return None
    longest_first = sorted(parts, key=lambda part: (-len(part), part))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_any_accent, longest_first))})(?!\w)", re.IGNORECASE)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _any_accent(part: str) -> str:
    return "".join(
        r"\s+" if letter == " " else f"[{_ACCENTS[letter]}]" if letter in _ACCENTS else re.escape(letter)
        for letter in part
    )
