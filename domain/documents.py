"""CPF and CNPJ: normalise, find in messy text, mask (compliance.md 8: alphanumeric CNPJ, repeated digits)."""

import re
import unicodedata
from dataclasses import dataclass
from typing import NewType

from stdnum.br import cnpj, cpf

from domain.errors import DomainError
from domain.text_cache import cached_by_text

Document = NewType("Document", str)

_SEPARATORS = re.compile(r"[\s.\-–—/_,]+")
_GROUP = re.compile(r"\d+")
_JOINT = re.compile(r"[\s.\-–—/_,]{1,3}")
_CNPJ_WITH_LETTERS = re.compile(
    r"(?<![0-9A-Z])[0-9A-Z]{2}[. ]?[0-9A-Z]{3}[. ]?[0-9A-Z]{3}[/ -]?[0-9A-Z]{4}[- ]?\d{2}(?![0-9A-Z])"
)
_PAYMENT_CODES = re.compile(
    r"000201\S*(?: \S+)*?6304[0-9A-Fa-f]{4}"  # Pix copia e cola: its key may be a document, its CRC ends it
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # random Pix key
)
_NAMED = re.compile(r"(?:cpf|cnpj|c\.p\.f|documento|doc)\W*(?:\w+\W+){0,3}$", re.IGNORECASE)
_CPF_SHAPES = ([11], [9, 2], [3, 3, 3, 2], [3, 3, 5], [6, 3, 2], [3, 6, 2])
_CNPJ_SHAPES = ([14], [12, 2], [8, 4, 2], [8, 6], [2, 3, 3, 4, 2], [2, 3, 3, 6])
_PHONE_SHAPES = ([2, 5, 4], [2, 9], [2, 1, 4, 4], [2, 1, 8], [2, 4, 5])
_BOLETO_DIGITS = 44
_ATTEMPT_MIN_DIGITS = 6


class InvalidDocument(DomainError):
    """Say that a text is neither a CPF nor a CNPJ; never carries the text itself (it is personal data)."""

    def __init__(self) -> None:
        super().__init__("not a valid CPF or CNPJ")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    digits: str
    start: int
    end: int


def parse_document(text: str, *, pad_zeros: bool = False) -> Document:
    """Normalise one CPF or CNPJ; `pad_zeros` restores zeros that a numeric spreadsheet cell lost."""
    compact = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
    if pad_zeros and compact.isascii() and compact.isdigit():
        if 8 <= len(compact) < 11:
            compact = compact.zfill(11)
        elif 12 <= len(compact) < 14:
            compact = compact.zfill(14)
    if not _is_valid(compact):
        raise InvalidDocument
    return Document(compact)


def find_documents(text: str) -> list[Document]:
    """List the valid documents written in a text, in order, without repetition."""
    found = {match.document: None for match in _scan(text).valid}
    return list(found)


def find_document_attempts(text: str) -> list[str]:
    """List what was written as a CPF or CNPJ but has wrong digits, as typed."""
    return list(_scan(text).attempts)


def contains_full_document(text: str) -> bool:
    """Tell whether a text shows a whole CPF or CNPJ (design.md N6)."""
    return bool(_scan(text).valid)


def make_cpf(number: int) -> Document:
    """Make the CPF whose first nine digits are this number, of nobody in particular. For made-up people."""
    digits = f"{number:09d}"
    for highest in (10, 11):
        weighed = sum(weight * int(digit) for weight, digit in zip(range(highest, 1, -1), digits, strict=True))
        digits += str(weighed * 10 % 11 % 10)
    return Document(digits)


def mask_document(document: str) -> str:
    """Hide all but the last two digits."""
    tail = _SEPARATORS.sub("", document)[-2:]
    return f"**.***.***/****-{tail}" if len(_SEPARATORS.sub("", document)) > 11 else f"***.***.***-{tail}"


def is_cnpj(document: Document) -> bool:
    """Tell a CNPJ from a CPF by its length."""
    return len(document) == 14


def _is_valid(compact: str) -> bool:
    # stdnum refuses only the all-zero CPF; every repeated digit passes its checksum (compliance.md 8).
    if not compact.isascii() or len(set(compact)) <= 1:
        return False
    if len(compact) == 11:
        return compact.isdigit() and cpf.is_valid(compact)
    return len(compact) == 14 and cnpj.is_valid(compact)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Match:
    document: Document
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scan:
    valid: tuple[_Match, ...]
    attempts: tuple[str, ...]


@cached_by_text(texts=256)
def _scan(text: str) -> _Scan:
    plain = unicodedata.normalize("NFKC", text)
    plain = _PAYMENT_CODES.sub(lambda code: " " * 4 + "\0" * max(len(code[0]) - 4, 0), plain)
    valid = _with_letters(plain)
    attempts: list[tuple[int, str]] = []
    for run in _runs(plain):
        inside = [m for m in valid if m.start < run[-1].end and run[0].start < m.end]
        if inside or _is_code_or_phone(plain, run):
            continue
        matches = _valid_windows(plain, run)
        valid.extend(matches)
        if not matches:
            attempts.extend(_attempts(plain, run))
    valid.sort(key=lambda match: match.start)
    return _Scan(valid=tuple(valid), attempts=tuple(typed for _, typed in sorted(attempts)))


def _with_letters(plain: str) -> list[_Match]:
    """Find CNPJs that hold letters: with their mask, with three digits or more, or announced."""
    found = []
    for match in _CNPJ_WITH_LETTERS.finditer(plain.upper()):
        compact = _SEPARATORS.sub("", match[0])
        if compact.isdigit() or not _is_valid(compact):
            continue
        digits = sum(character.isdigit() for character in compact[:12])
        if "/" in match[0] or (digits >= 3 and " " not in match[0]) or _is_named(plain, match.start()):
            found.append(_Match(document=Document(compact), start=match.start(), end=match.end()))
    return found


def _runs(plain: str) -> list[list[_Group]]:
    """Gather groups of digits that only separators part."""
    runs: list[list[_Group]] = []
    for match in _GROUP.finditer(plain):
        group = _Group(digits=match[0], start=match.start(), end=match.end())
        if runs and _JOINT.fullmatch(plain[runs[-1][-1].end : group.start]):
            runs[-1].append(group)
        else:
            runs.append([group])
    return runs


def _is_code_or_phone(plain: str, run: list[_Group]) -> bool:
    total = sum(len(group.digits) for group in run)
    international = plain[: run[0].start].rstrip().endswith("+") and total <= 15
    payment_line = total >= _BOLETO_DIGITS and [len(group.digits) for group in run][:2] != [3, 3]
    return international or payment_line


def _valid_windows(plain: str, run: list[_Group]) -> list[_Match]:
    windows = _windows(run)
    # The written shape decides first, so a date beside a CPF does not lend it digits.
    windows.sort(key=lambda window: not _has_shape(window))
    taken: list[_Match] = []
    for window in windows:
        start, end = window[0].start, window[-1].end
        compact = "".join(group.digits for group in window)
        if not _is_valid(compact) or any(m.start < end and start < m.end for m in taken):
            continue
        named = _is_named(plain, start)
        shape = [len(group.digits) for group in window]
        if shape in _PHONE_SHAPES and compact[2] == "9" and not named:
            continue
        if _has_shape(window) or len(window) == len(run) or named:
            taken.append(_Match(document=Document(compact), start=start, end=end))
    return taken


def _windows(run: list[_Group]) -> list[list[_Group]]:
    windows = []
    for first in range(len(run)):
        size = 0
        for last in range(first, len(run)):
            size += len(run[last].digits)
            if size > 14:
                break
            if size in (11, 14):
                windows.append(run[first : last + 1])
    return windows


def _has_shape(window: list[_Group]) -> bool:
    shape = [len(group.digits) for group in window]
    return shape in _CPF_SHAPES or shape in _CNPJ_SHAPES


def _attempts(plain: str, run: list[_Group]) -> list[tuple[int, str]]:
    shaped = [window for window in _windows(run) if _has_shape(window)]
    shaped = [window for window in shaped if _is_named(plain, window[0].start) or not _may_be_phone(window)]
    if shaped:
        return [(shaped[0][0].start, plain[shaped[0][0].start : shaped[0][-1].end])]
    total = sum(len(group.digits) for group in run)
    if _ATTEMPT_MIN_DIGITS <= total <= 18 and _is_named(plain, run[0].start):
        return [(run[0].start, plain[run[0].start : run[-1].end])]
    return []


def _may_be_phone(window: list[_Group]) -> bool:
    compact = "".join(group.digits for group in window)
    return len(window) == 1 and len(compact) == 11 and compact[2] == "9" and "0" not in compact[:2]


def _is_named(plain: str, start: int) -> bool:
    return bool(_NAMED.search(plain[max(0, start - 40) : start]))
