"""Read the dates in customers' Portuguese, deterministically; in doubt say 'ask' (compliance.md 9, design.md 8)."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from domain.date_grammar import RULES
from domain.date_rules import Kind, Moment, Outcome, Status, day_alone
from domain.date_vocabulary import NOT_DATES
from domain.folded_text import fold
from domain.number_words import DAY_WORDS, read_number_words

_WEEKDAY_NAMES = (
    "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo",
)  # fmt: skip

_SENTENCE_END = re.compile(r"[.;!?\n]|,|\b(?:mas|vou|pago|quero|consigo|posso)\b")
_PAST = re.compile(
    r"\b(?:paguei|pagou|pagamos|foi\s+pag[oa]|ta\s+pag[oa]|fiz|fez|venceu|venceram|vencid[oa]s?|vencimento\s+era|transferi|"
    r"depositei|quitei|desde|recebi|recebeu|enviei|chegou|caiu|cortaram|cortou|prometi|"
    r"(?:falei|liguei|ligaram|mandei)(?!\s+q(?:ue)?\b))\b(?!.*\b(?:ate|pra|para)\b)"
    # 'a fatura do dia 10' names a bill by its day; 'a fatura no dia 10' says when it will be paid.
    r"|\b(?:a|as|aquela|(?:fatura|boleto|conta|mensalidade)s?(?:\s+vencid[oa])?)\s+d[eo]\s*$"
)
_HEDGES = (
    (re.compile(r"\b(?:depois|dps|apos|a\s+partir|passando|antes)\s+(?:d[oae]s?\s+)?(?:dia\s+)?$"), "open_ended"),
    (
        re.compile(
            r"\b(?:la\s+(?:pr[oa]|pel[oa]|para\s+[oa]|por)|por\s+volta|mais\s+ou\s+menos|perto|talvez|quem\s+sabe|"
            r"provavelmente|uns?)\s+(?:d[oae]\s+|n[oa]\s+|pr[oa]\s+)?$"
        ),
        "approximate",
    ),
)
_HEDGE_AFTER = re.compile(r"^\s*(?:mais\s+ou\s+menos|por\s+ai|talvez|ou\s+(?:antes|depois))\b")
_NOT_AFTER = re.compile(
    r"^(?:[\s-]*feira)?\s*,?\s*(?:eu\s+)?(?:nao|n|nem)\b(?:\s*$|\s*[,.;!\n]|\s+(?:da|consigo|posso|vai|rola|tenho|vou|serve|pode|"
    r"tem\s+como|quero|to|estou|estarei)\b)"
)
_NOT_BEFORE = re.compile(
    r"\b(?:nao|n|nem|sem\s+ser)\s+(?!sei\b|(?:e|tem)\s+problema|esque)(?:\w+\s+)?"
    r"(?:(?!(?:so|somente|apenas|mas|porem|entao|vou|pago|posso|consigo|quero|prefiro|pagarei|recebo|pode)\b)\w+\s+){0,6}$"
    r"|\b(?:em\s+vez|ao\s+inves|inves|no\s+lugar)\s+d[eoa]\s+(?:dia\s+)?$"
)
_TOGETHER = re.compile(r"[\s,(\-]*(?:(?:no|na|num|numa|que\s+e|q\s+e|ou\s+seja|dia)\s*)?[\s(]*")
_EITHER = re.compile(
    r"\s*,?\s*(?:ou|ou\s+ate|ou\s+entao|a|ate|ao|/|-|pra)\s*(?:n[oa]|o|a|ate|no\s+maximo|so|la)?\s*(?:dia\s*)?"
)
_BETWEEN = re.compile(r"\bentre\s+(?:o\s+|a\s+)?$")
_AND = re.compile(r"\s+e\s+(?:o\s+|a\s+)?")
_NEAR = 30
_BARE_DAY = re.compile(
    rf"\s*(?:(?:pode\s+ser|seria|vai\s+ser|melhor|no|pro|para\s+o|ate|ate\s+o|la\s+pro|o|e|eh|dia)\s+)*"
    rf"(?P<day>\d{{1,2}}|{DAY_WORDS})\s*(?:pode\s+ser|ta\s+bom|por\s+favor|entao|ok|blz|da|consigo)?\s*[.!?]*\s*"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DateReading:
    """One date expression: its place in the text and what it means.

    `certain` has a date; `ask` has none, an English reason code and, where there are some, candidates to offer;
    `invalid` is a day the calendar does not have. A certain date may lie in the past ('paguei sexta', 'ontem').
    """

    span: str
    start: int
    end: int
    date: dt.date | None
    status: Status
    reason: str | None
    candidates: tuple[dt.date, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    start: int
    end: int
    outcome: Outcome


def read_dates(text: str, *, today: date, expects_day: bool = False) -> list[DateReading]:
    """List the dates a customer wrote, in order, as seen from `today`.

    `expects_day` says that the customer was just asked for a day: a lone number ('15', 'pode ser 15') is then one.
    """
    folded = fold(text)
    drafts = _apply_rules(folded.text, today)
    if expects_day and not drafts and (bare := _BARE_DAY.fullmatch(folded.text)):
        day = bare["day"]
        number = int(day) if day.isdigit() else read_number_words(" ".join(day.split()))
        outcome = day_alone(number, Moment(today=today, in_past=False))
        drafts = [_Draft(start=bare.start("day"), end=bare.end("day"), outcome=outcome)]
    drafts = [_hedged(folded.text, draft) for draft in drafts]
    drafts = _merge_neighbours(folded.text, drafts)
    drafts = _drop_overruled(folded.text, drafts)
    drafts = _settle_refused(folded.text, drafts)
    readings = []
    for draft in drafts:
        start, end = folded.source_span(draft.start, draft.end)
        found = draft.outcome
        readings.append(
            DateReading(
                span=text[start:end], start=start, end=end, date=found.day, status=found.status, reason=found.reason,
                candidates=found.candidates or ((found.day,) if found.day else ()),
            )
        )  # fmt: skip
    return readings


def weekday_name(day: date) -> str:
    """Name the weekday: 'sexta-feira'."""
    return _WEEKDAY_NAMES[day.weekday()]


def format_date(day: date) -> str:
    """Write a date: '27/11/2026'."""
    return f"{day:%d/%m/%Y}"


def format_date_long(day: date) -> str:
    """Write a date as it is read back: 'sexta-feira, 27/11'."""
    return f"{weekday_name(day)}, {day:%d/%m}"


def _apply_rules(text: str, today: date) -> list[_Draft]:
    masked = text
    for pattern in NOT_DATES:
        masked = pattern.sub(lambda match: "\0" * len(match[0]), masked)
    drafts = []
    for pattern, resolve in RULES:
        for match in pattern.finditer(masked):
            outcome = resolve(match, Moment(today=today, in_past=_speaks_of_past(text, match.start())))
            if outcome is not None:
                start, end = _trim(text, *match.span())
                drafts.append(_Draft(start=start, end=end, outcome=outcome))
                masked = masked[: match.start()] + "\0" * len(match[0]) + masked[match.end() :]
    return sorted(drafts, key=lambda draft: draft.start)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while end > start + 1 and text[end - 1] in " ,\n":
        end -= 1
    while start < end - 1 and text[start] in " ,\n":
        start += 1
    return start, end


def _speaks_of_past(text: str, start: int) -> bool:
    clause = _SENTENCE_END.split(text[max(0, start - 40) : start])[-1]
    return bool(_PAST.search(clause))


def _hedged(text: str, draft: _Draft) -> _Draft:
    """Turn 'depois do dia 10' and 'lá pelo dia 10' into a question."""
    if draft.outcome.status != "certain" or draft.outcome.day is None:
        return draft
    before = text[max(0, draft.start - 30) : draft.start]
    for pattern, reason in _HEDGES:
        if pattern.search(before):
            return _asked(draft, reason)
    if _HEDGE_AFTER.search(text[draft.end :]):
        return _asked(draft, "approximate")
    return draft


def _asked(draft: _Draft, reason: str, candidates: tuple[date, ...] | None = None) -> _Draft:
    known = (draft.outcome.day,) if draft.outcome.day else draft.outcome.candidates
    outcome = replace(
        draft.outcome, status="ask", day=None, reason=reason, candidates=known if candidates is None else candidates
    )
    return replace(draft, outcome=outcome)


def _merge_neighbours(text: str, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Join 'sexta, dia 27' into one date and 'sexta ou sábado' into one question."""
    merged: list[_Draft] = []
    for draft in drafts:
        joined = _join(text, merged[-1], draft) if merged else None
        if joined is None:
            merged.append(draft)
        else:
            merged[-1] = joined
    return merged


def _join(text: str, left: _Draft, right: _Draft) -> _Draft | None:
    between = text[left.end : right.start]
    known = _known(left) + _known(right)
    span = replace(left, end=right.end)
    in_range = _AND.fullmatch(between) and _BETWEEN.search(text[max(0, left.start - 15) : left.start])
    if known and (_EITHER.fullmatch(between) or in_range):
        return _asked(span, "ambiguous_range", tuple(dict.fromkeys(known)))
    kinds: set[Kind] = {left.outcome.kind, right.outcome.kind}
    if "weekday" not in kinds or not kinds & {"day", "relative"} or not _TOGETHER.fullmatch(between):
        return None
    weekday, day = (left, right) if left.outcome.kind == "weekday" else (right, left)
    if day.outcome.day is None or not _known(weekday):
        return replace(span, outcome=day.outcome)
    if day.outcome.day.weekday() == _known(weekday)[0].weekday():
        return replace(span, outcome=day.outcome)
    return _asked(span, "weekday_mismatch", (day.outcome.day, *_known(weekday)))


def _known(draft: _Draft) -> tuple[date, ...]:
    return draft.outcome.candidates or ((draft.outcome.day,) if draft.outcome.day else ())


def _drop_overruled(text: str, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Forget 'quando cair o salário' and 'semana que vem' beside the exact day that explains them."""

    def is_explained(vague: _Draft) -> bool:
        if vague.outcome.kind not in ("vague", "income"):
            return False
        for other in drafts:
            gap = text[min(vague.end, other.end) : max(vague.start, other.start)]
            near = len(gap) <= _NEAR and not re.search(r"[.;?!]|\bou\b", gap)
            if other.outcome.status == "certain" and other is not vague and near:
                return True
        return False

    return [draft for draft in drafts if not is_explained(draft)]


def _settle_refused(text: str, drafts: Sequence[_Draft]) -> list[_Draft]:
    """Drop a day the customer refuses when another stands ('hoje não, amanhã'); alone it becomes a question."""
    refused = {draft for draft in drafts if _is_refused(text, draft)}
    if len(refused) < len(drafts):
        return [draft for draft in drafts if draft not in refused]
    return [_asked(draft, "refused") for draft in drafts]


def _is_refused(text: str, draft: _Draft) -> bool:
    if _NOT_AFTER.search(text[draft.end : draft.end + 30]):
        return True
    before = text[max(0, draft.start - 60) : draft.start]
    return bool(_NOT_BEFORE.search(before))
