"""Cuts a streamed reply into sentences and lets each be spoken once it is complete and clean (design: N5, N6; P5).

The gate is open while nothing the turn planned could be claimed: effects are written only with the commit (ADR 2), so
a turn that plans one speaks after it. The first sentence that breaks a rule closes the gate; what follows it is the
draft that observer and refiner treat. What was said is never taken back and never repeated.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from domain.effects import ConfirmIdentity, CountIdentityTry, Effect, NoteFacts
from domain.evidence import Finding
from domain.folded_text import folded

LONGEST_RUN = 160  # characters without the end of a sentence, then it is cut at a comma
_SHORTEST_RUN = 40
_END = re.compile(r"([.!?…]+)[\"'”’»)\]*_]*|\n")
_PAUSE = re.compile(r"[,;:](?=\s)")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.\Z")
_LIST_MARK = re.compile(r"\s*\d{1,2}\.")
_ABBREVIATIONS = frozenset((
    "sr", "sra", "srs", "sras", "dr", "dra", "drs", "dras", "prof", "profa", "eng", "av", "al", "rod", "trav", "tel",
    "cel", "ap", "apto", "bl", "pg", "pag", "pág", "art", "ex", "obs", "etc", "ltda", "cia", "min", "máx", "max",
    "aprox", "vc", "qtd", "nº", "núm", "num", "ref", "venc", "vl", "val", "cód", "cod", "hab", "seg", "ter", "qua",
    "qui", "sex", "sáb", "sab", "dom", "jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov",
    "dez",
))  # fmt: skip
# What no sentence speaks of as done before the commit. Whatever else a turn plans is told after it.
_UNCLAIMED = (ConfirmIdentity, CountIdentityTry, NoteFacts)

Check = Callable[[str, Sequence[str]], Sequence[Finding]]  # a sentence, and what was said before it


def may_speak(effects: Sequence[Effect]) -> bool:
    """Tell whether sentences may be spoken before the turn is committed (design: N5)."""
    return all(isinstance(effect, _UNCLAIMED) for effect in effects)


class SentenceSplitter:
    """Gives the sentences of a text that arrives in pieces, each as soon as what follows shows that it is complete.

    They depend on the text alone, not on where it was cut; joined they are the text again, but for blanks at its end.
    """

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, delta: str) -> Iterator[str]:
        """Take more text; give the sentences that it completes."""
        self._pending += delta
        return self._cut(is_last=False)

    def finish(self) -> Iterator[str]:
        """Say that no more text comes; give what is left."""
        return self._cut(is_last=True)

    def _cut(self, *, is_last: bool) -> Iterator[str]:
        while (end := _first_end(self._pending, is_last=is_last)) is not None:
            sentence, self._pending = self._pending[:end], self._pending[end:]
            yield sentence
        if is_last:
            rest, self._pending = self._pending, ""
            if rest.strip():
                yield rest


def split(text: str) -> list[str]:
    """Cut a whole text as the splitter would."""
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.finish()]


def without_said(text: str, said: Sequence[str]) -> str:
    """Leave out of a continuation the sentences that were spoken already."""
    if not said:
        return text.strip()
    known = {folded(sentence) for sentence in said}
    return "".join(sentence for sentence in split(text) if folded(sentence.strip()) not in known).strip()


def _first_end(text: str, *, is_last: bool) -> int | None:
    """Give where the first sentence of a text ends; None while that is not known."""
    pause = _pause_of_long_run(text)
    for match in _END.finditer(text):
        if not text[: match.start()].strip():
            continue  # nothing before it that it could end
        if pause is not None and match.start() >= max(LONGEST_RUN, pause):
            return pause
        is_end = _is_end(text, match)
        if is_end is None and not is_last:
            return None
        if is_end is not False:
            return match.end()
    return pause


def _pause_of_long_run(text: str) -> int | None:
    """Give the last comma before the limit, else the first one after it; None for a text that is short yet."""
    if len(text) <= LONGEST_RUN + 1:
        return None
    pauses = [match.end() for match in _PAUSE.finditer(text) if match.start() >= _SHORTEST_RUN]
    early = [at for at in pauses if at <= LONGEST_RUN]
    return early[-1] if early else next(iter(pauses), None)


def _is_end(text: str, match: re.Match[str]) -> bool | None:
    """Tell whether a full stop, a mark or a line break ends a sentence; None when more text must show it.

    Amounts (1.234,56), hours and dates keep their dots because no blank follows; "Sr. João" and "1. Fibra" do too.
    """
    dots, after = match[1], text[match.end() :]
    if dots is None:
        return True
    if not after:
        return None
    if not after[0].isspace():
        return False
    if "!" in dots or "?" in dots:
        return True
    following = after.lstrip(" \t")
    if not following:
        return None
    if following[0].islower():
        return False
    return len(dots) > 1 or dots == "…" or not _is_abbreviation(text[: match.start() + 1])


def _is_abbreviation(text: str) -> bool:
    word = _LAST_WORD.search(text[-24:])
    if word is None:
        return _LIST_MARK.fullmatch(text) is not None
    return len(word[1]) == 1 or word[1].lower() in _ABBREVIATIONS


class Speech:
    """What of one turn's reply is spoken before the turn is committed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: list[str] = []

    @property
    def said(self) -> tuple[str, ...]:
        """Give the sentences that were let out, in order, as they were written."""
        return tuple(self._said)

    def listen(self, check: Check, *, is_open: bool) -> "Listening":
        """Begin to hear one answer of a model. With `is_open` false nothing of it is spoken."""
        return Listening(self._let_out, lambda sentence: check(sentence, self._said), is_open=is_open)

    def _let_out(self, sentence: str) -> None:
        self._said.append(sentence)
        self._say(sentence)


class Listening:
    """Hears one answer as it streams: lets its clean sentences out and keeps the rest."""

    def __init__(
        self, let_out: Callable[[str], None], check: Callable[[str], Sequence[Finding]], *, is_open: bool
    ) -> None:
        self._let_out = let_out
        self._check = check
        self._may_open = is_open
        self._is_open = is_open
        self._splitter = SentenceSplitter()
        self._said: list[str] = []
        self._repeats: frozenset[str] = frozenset()
        self._rest: list[str] = []

    @property
    def said(self) -> str:
        """Give what of this answer was spoken."""
        return " ".join(self._said)

    @property
    def rest(self) -> str:
        """Give what of this answer may not be spoken yet, or not at all."""
        return "".join(self._rest).strip()

    def begin(self) -> str:
        """A model starts to answer: forget what one that broke off left unspoken; give what it had spoken."""
        self._splitter = SentenceSplitter()
        self._rest.clear()
        self._is_open = self._may_open
        self._repeats = frozenset(map(folded, self._said))
        return self.said

    def take(self, delta: str) -> None:
        """Hear more of the answer."""
        for sentence in self._splitter.feed(delta):
            self._hear(sentence)

    def end(self) -> None:
        """The answer has no more words."""
        for sentence in self._splitter.finish():
            self._hear(sentence)

    def _hear(self, sentence: str) -> None:
        text = sentence.strip()
        if self._is_open:
            if folded(text) in self._repeats or not any(map(str.isalnum, text)):
                return  # said by the model that broke off; or an emoji, which no voice can speak
            if not self._check(text):
                self._said.append(text)
                self._let_out(text)
                return
            self._is_open = False
        self._rest.append(sentence)
