"""Recognise what a customer wants by rule alone: typos, no accents, WhatsApp spelling (spec 1.2)."""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from domain import intent_patterns as patterns
from domain.dates_ptbr import read_dates
from domain.folded_text import fold
from domain.money import find_amounts

Topic = Literal["collection", "sales", "support"]

_MENDED_FROM = 6  # shorter words have too many neighbours to be mended
_STRONG, _WEAK = 3, 1
_LONGEST_PIECE, _MOST_PIECES = 60, 8
_BARE_NO = frozenset({"nao", "n", "nn", "nop", "nunca", "negativo"})
_CLAUSE_END = re.compile(r"[.,;!?\n]+|\b(?:mas|porem|so que)\b")
_WORDS_AND_STOPS = re.compile(r"[^\w.,;!?\n]+")
# Only whether a date is there matters to is_affirmative, not which one.
_SOME_DAY = date(2000, 1, 1)


@lru_cache(maxsize=256)
def normalize(text: str) -> str:
    """Lower case, no accents, one space, drawn-out letters shortened ('simmm' -> 'sim'); digits are left alone."""
    plain = fold(text).text.replace("\n", " ")
    plain = re.sub(r"([a-z])\1{2,}", lambda m: m[1] * 2 if m[1] in "rs" and m.end() < len(plain) else m[1], plain)
    plain = re.sub(r"([aeiouzmkhy])\1\b", r"\1", plain)
    plain = re.sub(r"ss\b(?<=\w\wss)", "s", plain)
    plain = re.sub(r"([!?.,])\1+", r"\1", plain)
    return " ".join(plain.split())


def is_opt_out_keyword(text: str) -> bool:
    """Tell whether the whole message is an opt-out word (PARE, SAIR, STOP …), whatever punctuation surrounds it."""
    words = _letters_only(normalize(text))
    words = re.sub(r"\s*\b(?:por favor|pf|pfv|pls|favor|obrigad[oa]|ja|agora)\b\s*", "", words)
    return words in patterns.OPT_OUT_KEYWORDS or _mended(words) in ("descadastrar", "descadastre")


def asks_opt_out(text: str) -> bool:
    """Tell whether the customer asks not to be contacted any more; a contract or a kind of bill is not a contact."""
    if is_opt_out_keyword(text):
        return True
    return any(patterns.OPT_OUT.search(c) and not patterns.NOT_OPT_OUT.search(c) for c in _clauses(text))


def asks_opt_out_in_pieces(texts: Sequence[str]) -> bool:
    """Tell whether several bubbles make one such wish: "eu não quero", "receber mais", "mensagem".

    A refusal for good says "mais" or "nada"; a plain no before "me manda mensagem amanhã" answers something else.
    """
    pieces = [text for text in texts if len(text) <= _LONGEST_PIECE]
    if len(pieces) < 2 or len(pieces) > _MOST_PIECES:
        return False
    whole = " ".join(f"{text}." if _letters_only(normalize(text)) in _BARE_NO else text for text in pieces)
    return patterns.FOR_GOOD.search(normalize(whole)) is not None and asks_opt_out(whole)


def is_in_crisis(text: str) -> bool:
    """Tell whether somebody speaks of ending their life."""
    return any(patterns.CRISIS.search(c) for c in _clauses(text))


def asks_human(text: str) -> bool:
    """Tell whether the customer asks for a person, and does not refuse one. Who refuses the machine asks for one."""
    return any(
        patterns.REFUSES_ROBOT.search(c) or (patterns.HUMAN.search(c) and not patterns.HUMAN_REFUSED.search(c))
        for c in _clauses(text)
    )


def asks_call(text: str) -> bool:
    """Tell whether the customer asks to be telephoned."""
    return any(patterns.CALL.search(c) and not patterns.CALL_REFUSED.search(c) for c in _clauses(text))


def asks_repeat(text: str) -> bool:
    """Tell whether somebody on the phone did not catch what was said."""
    return any(patterns.REPEAT.search(c) and not patterns.NOT_REPEAT.search(c) for c in _clauses(text))


def is_busy_now(text: str) -> bool:
    """Tell whether somebody cannot talk at this moment; another time may suit."""
    return any(patterns.BUSY.search(c) for c in _clauses(text))


def is_greeting_only(text: str) -> bool:
    """Tell whether somebody only picks up or greets ("alô?", "pois não", "bom dia")."""
    clauses = _clauses(text)
    return bool(clauses) and all(
        patterns.ANSWERS_PHONE.fullmatch(clause) or _chain(clause.split(), patterns.ANSWERS_PHONE) for clause in clauses
    )


def says_paid(text: str) -> bool:
    """Tell whether the customer says the bill is paid; another bill, a part of it or a plan to pay do not count."""
    whole = " ".join(_clauses(text))
    if re.search(r"\b(?:ess[ae]|est[ae])\s+(?:ainda\s+)?nao\b", whole):
        return False
    return any(patterns.PAID.search(c) and not patterns.NOT_PAID.search(c) for c in _clauses(text))


def is_wrong_person(text: str) -> bool:
    """Tell whether somebody says that the number or the person is wrong."""
    return any(patterns.WRONG_PERSON.search(c) and not patterns.NOT_WRONG_PERSON.search(c) for c in _clauses(text))


def is_affirmative(text: str) -> bool:
    """Tell a plain yes: no new date or amount, no 'but', nothing denied."""
    if _only_emoji(text, patterns.THUMBS_UP):
        return True
    if not _is_made_of(text, patterns.AFFIRMATIVE):  # first: it settles nearly every text, and cheaply
        return False
    plain = " ".join(_clauses(text))
    if "?" in text or re.search(r"\b(?:nao|nem|nunca)\b", plain) or patterns.CONTRARY.search(_spelled(text)):
        return False
    return not find_amounts(text) and not read_dates(text, today=_SOME_DAY)


def is_negative(text: str) -> bool:
    """Tell a plain no; 'não, dia 10' is a counter-offer and no plain no."""
    if _only_emoji(text, patterns.THUMBS_DOWN):
        return True
    if not _is_made_of(text, patterns.NEGATIVE) or _is_made_of(text, patterns.AFFIRMATIVE):
        return False
    if patterns.CONTRARY.search(_spelled(text)) or find_amounts(text):
        return False
    return all(reading.reason == "refused" for reading in read_dates(text, today=_SOME_DAY))


def content_topic(text: str, *, least: int = _WEAK) -> Topic | None:
    """Name the topic of a text by its words, None when nothing tells or the best sum is below `least`.

    A specific word ('fatura', 'plano', 'roteador') counts three, a general one ('pagar', 'internet') one. The highest
    sum wins; on a tie money owed goes before a sale and a sale before support: leaving a debt by mistake costs most.
    """
    plain = " ".join(_clauses(text)).replace("2 a via", "2a via")
    scores: dict[Topic, int] = {
        "collection": _score(plain, patterns.COLLECTION),
        "sales": _score(plain, patterns.SALES),
        "support": _score(plain, patterns.SUPPORT),
    }
    best = max(scores.values())
    return next(topic for topic, score in scores.items() if score == best) if best >= max(least, _WEAK) else None


def _score(plain: str, words: tuple[re.Pattern[str], re.Pattern[str]]) -> int:
    strong, weak = (len(set(pattern.findall(plain))) for pattern in words)
    return strong * _STRONG + weak * _WEAK


@lru_cache(maxsize=256)
def _spelled(text: str) -> str:
    """Write short forms out and mend long misspelt words; keep the stops."""
    plain = _WORDS_AND_STOPS.sub(" ", normalize(text.replace("\n", " . ")))
    return re.sub(r"[a-z]+", lambda m: _mended(patterns.SHORT_FORMS.get(m[0], m[0])), plain)


@lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    if len(word) < _MENDED_FROM or " " in word:
        return word
    allowed = 1 if len(word) < 9 else 2
    best = process.extractOne(word, patterns.SPELLED, scorer=OSA.distance, score_cutoff=allowed)
    return best[0] if best else word


def _clauses(text: str) -> list[str]:
    return [clause for part in _CLAUSE_END.split(_spelled(text)) if (clause := " ".join(part.split()))]


def _letters_only(text: str) -> str:
    return " ".join(re.sub(r"[^a-z\s]+", " ", text).split())


def _only_emoji(text: str, wanted: frozenset[str]) -> bool:
    plain = patterns.POLITENESS.sub("", fold(text).text)
    # The range is the skin tones that follow a hand.
    signs = re.sub("[\\s!.,\U0001f3fb-\U0001f3ff]", "", plain)
    return bool(signs) and all(sign in wanted for sign in signs)


def _is_made_of(text: str, answer: re.Pattern[str]) -> bool:
    """Tell whether a text is a chain of such answers and politeness ('sim, pode registrar, obrigada'), one at least."""
    clauses = [_chain(clause.split(), answer) for clause in _clauses(text)]
    return all(clause is not None for clause in clauses) and any(clauses)


def _chain(words: list[str], answer: re.Pattern[str]) -> bool | None:
    """Cover all words with answers and politeness; tell whether an answer is among them, None when words are left."""
    reached: dict[int, bool] = {0: False}
    for start in range(len(words)):
        if start not in reached:
            continue
        for end in range(start + 1, len(words) + 1):
            part = " ".join(words[start:end])
            answered = bool(answer.fullmatch(part))
            if answered or patterns.POLITENESS.fullmatch(part):
                reached[end] = reached.get(end, False) or reached[start] or answered
    return reached.get(len(words))
