"""Hide who people are before a talk leaves the machine: documents, phones, e-mails and the names of the scenario."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeGuard

from domain.masking import HIDDEN, mask_document, mask_text
from evals.events import AgentSaid, Changed, CustomerSaid, EndState, Event, Observed, Routed, ToolCalled, Transcript
from evals.policies.reading import digits_in, fold
from evals.scenario import Scenario

_DOCUMENT_KEYS: Final = frozenset({"document", "cpf", "cnpj", "cpf_cnpj", "identity_document", "linked_document"})
_TELLING_DIGITS: Final = 6  # of a document, said in a row, that give it away


def masked(transcript: Transcript, scenario: Scenario) -> Transcript:
    """Give the same talk with nobody recognisable in it. What is compared and counted (amounts, days) stays."""
    hide = Hider(scenario)
    spread = hide.spread_over(transcript.events)
    events = (hide.event(event) for event in transcript.events)
    return transcript.model_copy(
        update={
            "events": tuple(_bare(event) if at in spread else event for at, event in enumerate(events)),
            "end": _masked_end(transcript.end, hide),
            "error": hide.text(transcript.error) if transcript.error else None,
        }
    )


def _masked_end(end: EndState, hide: "Hider") -> EndState:
    promises = (item.model_copy(update={"document": mask_document(item.document)}) for item in end.promises)
    return end.model_copy(
        update={
            "promises": tuple(promises),
            "identity_document": mask_document(end.identity_document) if end.identity_document else None,
            "linked_document": mask_document(end.linked_document) if end.linked_document else None,
            "fields": {key: hide.text(value) for key, value in end.fields.items()},
        }
    )


def _bare(event: Event) -> Event:
    return event.model_copy(update={"text": _without_digits(event.text)}) if _is_said(event) else event


def _is_said(event: Event) -> TypeGuard[CustomerSaid | AgentSaid]:
    return isinstance(event, CustomerSaid | AgentSaid)


class Hider:
    """What hides the people of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        seed = scenario.seed
        names = [customer.name for customer in seed.customers]
        self._names = tuple(dict.fromkeys(name for name in (*names, seed.contact.name) if name))
        known = {customer.document for customer in seed.customers} | {item.document for item in seed.promises}
        known |= {seed.contact.document} if seed.contact.document else set()
        phones = {seed.contact.phone, *(customer.phone for customer in seed.customers if customer.phone)}
        self._known = frozenset(known)
        self._pieces = frozenset(_pieces([document.lower() for document in known]))
        self._phone_pieces = frozenset(_pieces([phone[-9:] for phone in phones]))

    def text(self, text: str) -> str:
        """Hide everybody in a text. Digits of a known document said in pieces take all figures with them."""
        shown = mask_text(text, names=self._names)
        for document in self._known:
            shown = shown.replace(document, mask_document(document))
        digits = digits_in(fold(shown)).replace(" ", "")
        if _holds(digits, self._pieces) or _holds(digits, self._phone_pieces):
            return _without_digits(shown)
        return shown

    def spread_over(self, events: Sequence[Event]) -> frozenset[int]:
        """Give the places of what is said in pieces over several messages: "529", then "982", then "247"."""
        found = set[int]()
        for kind in (CustomerSaid, AgentSaid):
            figures = [
                (digit, at)
                for at, event in enumerate(events)
                if isinstance(event, kind)
                for digit in digits_in(fold(event.text)).replace(" ", "")
            ]
            for start in range(len(figures) - _TELLING_DIGITS + 1):
                window = figures[start : start + _TELLING_DIGITS]
                if "".join(digit for digit, _ in window) in self._pieces:
                    found.update(at for _, at in window)
        return frozenset(found)

    def event(self, event: Event) -> Event:
        match event:
            case CustomerSaid() | AgentSaid():
                return event.model_copy(update={"text": self.text(event.text)})
            case Routed():
                return event.model_copy(update={"reason": self.text(event.reason)})
            case ToolCalled():
                arguments = {key: self._value(key, value) for key, value in event.arguments.items()}
                return event.model_copy(update={"arguments": arguments, "result": self.text(event.result)})
            case Observed():
                reasons = tuple(self.text(reason) for reason in event.reasons)
                return event.model_copy(update={"draft": self.text(event.draft), "reasons": reasons})
            case Changed():
                return event.model_copy(update={"before": self._row(event.before), "after": self._row(event.after)})

    def _row(self, row: dict[str, object] | None) -> dict[str, object] | None:
        return None if row is None else {key: self._value(key, value) for key, value in row.items()}

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, str):
            return mask_document(value) if key in _DOCUMENT_KEYS and value else self.text(value)
        if isinstance(value, dict):
            return {str(name): self._value(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(key, item) for item in value]
        return value


def _pieces(texts: Iterable[str]) -> set[str]:
    return {
        text[at : at + _TELLING_DIGITS]
        for text in texts
        for at in range(len(text) - _TELLING_DIGITS + 1)
        if text[at : at + _TELLING_DIGITS].isdigit()
    }


def _holds(digits: str, pieces: frozenset[str]) -> bool:
    return any(digits[at : at + _TELLING_DIGITS] in pieces for at in range(len(digits) - _TELLING_DIGITS + 1))


_NUMBER_WORDS: Final = (
    "zero um uma dois duas tres três quatro cinco seis meia sete oito nove dez onze doze treze quatorze catorze quinze "
    "dezesseis dezessete dezoito dezenove vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem cento "
    "duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos mil"
)


def _without_digits(text: str) -> str:
    """Hide every figure of a text, written or spelled out."""
    words = frozenset(_NUMBER_WORDS.split())
    pieces = []
    for word in text.split(" "):
        bare = word.strip(".,;:!?-()\n").lower()
        is_figure = any(character.isdigit() for character in word) or bare in words
        pieces.append(HIDDEN if is_figure else word)
    return " ".join(pieces)
