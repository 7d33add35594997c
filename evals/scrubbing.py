"""Other people's names, documents and phones in place of the real ones, the same one everywhere it stood."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from stdnum.br import cnpj, cpf

from domain.documents import find_documents
from domain.folded_text import fold
from domain.masking import mask_text

_NAMES: Final = (
    "Marina Duarte Prado", "Heitor Campos Leal", "Beatriz Nogueira Lins", "Otávio Ramos Pinto", "Larissa Moura Dias",
    "Caio Teixeira Luz", "Vera Azevedo Rios", "Nelson Barros Maia",
)  # fmt: skip
_COMPANIES: Final = ("Mercearia Boa Vista Ltda", "Oficina Bandeira Ltda", "Papelaria Horizonte Ltda")
_DIGITS: Final = re.compile(r"\d(?:[\s.\-/()+]*\d)*")
_LEAST_PIECE: Final = 3  # digits of a document said piece by piece
_LEAST_NAME: Final = 3  # letters of a name worth replacing
_PARTICLES: Final = frozenset({"das", "dos", "ltda", "eireli"})
# Private characters stand for what was replaced while the rest is masked: no mask takes them for a number or a word.
_MARK: Final = 0xF0000
_MARKED: Final = re.compile(f"[{chr(_MARK)}-{chr(_MARK + 0xFFFD)}]")
_ACCENTED: Final = {"a": "[aáàâã]", "e": "[eéê]", "i": "[ií]", "o": "[oóôõ]", "u": "[uúü]", "c": "[cç]"}


class Scrubber:
    """Remembers who became whom. What it does not know and looks personal is masked, not kept."""

    def __init__(self) -> None:
        self._documents: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def document(self, real: str) -> str:
        """Give a made-up document of the same kind, its check digits valid."""
        if real not in self._documents:
            self._documents[real] = _made_up_document(len(self._documents) + 1, is_company=len(real) > 11)
        return self._documents[real]

    def phone(self, real: str) -> str:
        """Give a made-up phone with the same area code: zone and holidays follow from it."""
        if real not in self._phones:
            area = real[3:5] if real.startswith("+55") and len(real) >= 12 else "11"
            self._phones[real] = f"+55{area}999990{len(self._phones) + 1:03d}"
        return self._phones[real]

    def name(self, real: str, *, is_company: bool = False) -> str:
        """Give a made-up name."""
        key = fold(real).text.strip()
        if key not in self._names:
            pool = _COMPANIES if is_company else _NAMES
            self._names[key] = pool[len(self._names) % len(pool)]
        return self._names[key]

    def text(self, real: str) -> str:
        """Replace in free text whoever is known, and whatever document stands there; mask the rest.

        Names go word by word and without regard to accents, documents and phones in any writing, also in pieces.
        """
        for document in find_documents(real):
            self.document(document)
        made_up: list[str] = []

        def mark(new: str) -> str:
            made_up.append(new)
            return chr(_MARK + len(made_up) - 1)

        marked = _DIGITS.sub(lambda match: self._digits(match[0], mark), _MARKED.sub("", real))
        for known, new in self._words():
            marked = _whole_word(known).sub(partial(_renamed, new=new, mark=mark), marked)
        return _MARKED.sub(lambda match: made_up[ord(match[0]) - _MARK], mask_text(marked))

    def _digits(self, written: str, mark: Callable[[str], str]) -> str:
        digits = re.sub(r"\D", "", written)
        for known, new in self._numbers():
            if known in digits:
                return mark(_in_the_form_of(written, digits.replace(known, new)))
            place = known.find(digits) if len(digits) >= _LEAST_PIECE else -1
            if place >= 0:
                return mark(_in_the_form_of(written, new[place : place + len(digits)]))
        return written

    def _numbers(self) -> list[tuple[str, str]]:
        pairs = list(self._documents.items())
        for real, new in self._phones.items():
            plain, other = real.lstrip("+"), new.lstrip("+")
            pairs += [(plain, other), (plain[2:], other[2:])]
            if len(plain) == 13:  # as some still write it, without the ninth digit
                pairs.append((plain[2:4] + plain[5:], other[2:4] + other[5:]))
        return pairs

    def _words(self) -> list[tuple[str, str]]:
        pairs = []
        for known, new in self._names.items():
            others = new.split()
            for number, piece in enumerate(known.split()):
                if len(piece) >= _LEAST_NAME and piece not in _PARTICLES:
                    pairs.append((piece, others[min(number, len(others) - 1)]))
        return pairs


def _made_up_document(number: int, *, is_company: bool) -> str:
    base = f"77{number:03d}5550001" if is_company else f"88{number:03d}3141"
    is_valid = cnpj.is_valid if is_company else cpf.is_valid
    return next(f"{base}{digits:02d}" for digits in range(100) if is_valid(f"{base}{digits:02d}"))


def _whole_word(folded_word: str) -> re.Pattern[str]:
    letters = "".join(_ACCENTED.get(letter, re.escape(letter)) for letter in folded_word)
    return re.compile(rf"\b{letters}\b", re.IGNORECASE)


def _renamed(match: re.Match[str], *, new: str, mark: Callable[[str], str]) -> str:
    return mark(_like(match[0], new))


def _like(written: str, new: str) -> str:
    """Write a name in the case of the one it stands for."""
    return new.upper() if written.isupper() else new.lower() if written.islower() else new


def _in_the_form_of(written: str, digits: str) -> str:
    """Write digits with the separators of what they replace."""
    left = iter(digits)
    return "".join(next(left, "") if character.isdigit() else character for character in written)
