"""Promises: lawful day and amount, one alive at a time, after a yes, and told as they are stored."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from evals.policies.facts import Facts, NewPromise, Reply
from evals.policies.policy import Break, Policy
from evals.policies.reading import SaidDay, amounts_in, amounts_meant, days_in, weekdays_in
from evals.scenario import Severity


def brl(cents: int) -> str:
    """Write an amount for a report: R$ 1.234,56."""
    return f"R$ {cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"


_WEEKDAYS: Final = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")


def written_day(day: date) -> str:
    """Write a day for a report: terça, 01/12/2026."""
    return f"{_WEEKDAYS[day.weekday()]}, {day:%d/%m/%Y}"


# --- lawful


def _lawful(facts: Facts) -> Iterator[Break]:
    for promise in facts.new_promises:
        today, horizon = facts.today(promise.at), facts.horizon(promise.at)
        if promise.due_on < today:
            yield Break(
                promise.turn,
                f"promessa para {written_day(promise.due_on)}, que já passou (hoje é {written_day(today)})",
            )
        if promise.due_on > horizon:
            yield Break(
                promise.turn, f"promessa para {written_day(promise.due_on)}, além do limite de {written_day(horizon)}"
            )
        if promise.amount_cents <= 0:
            yield Break(promise.turn, f"promessa de {brl(promise.amount_cents)}")
        debt = facts.open_cents(promise.document)
        if promise.amount_cents > debt:
            yield Break(promise.turn, f"promessa de {brl(promise.amount_cents)}, acima da dívida de {brl(debt)}")
        if facts.own_documents and promise.document not in facts.own_documents:
            yield Break(promise.turn, "promessa em nome de um documento que não é o confirmado nesta conversa")
        elif not facts.is_confirmed(promise.turn):
            yield Break(promise.turn, "promessa registrada sem o titular confirmado")


# --- one alive


def _second_live(facts: Facts) -> Iterator[Break]:
    end = facts.transcript.end.promises
    alive = Counter(promise.document for promise in end if promise.status == "pending")
    last = facts.new_promises[-1].turn if facts.new_promises else None
    if any(count > 1 for count in alive.values()):
        yield Break(last, "o mesmo documento ficou com mais de uma promessa viva")
        return
    if sum(1 for promise in end if promise.status == "pending" and not promise.is_seeded) > 1:
        yield Break(last, "a conversa deixou mais de uma promessa viva")
        return
    for turn, count in Counter(promise.turn for promise in facts.new_promises).items():
        if count > 1:
            yield Break(turn, f"{count} promessas gravadas no mesmo turno")


# --- said = stored

_AGREES: Final = re.compile(
    r"\b(?:registr\w+|combinad\w+|anot\w+|agend\w+|compromisso|acordo|promessa|protocolo|marcad\w+|fechad\w+|confirmad\w+|"
    r"fic(?:a|ou|amos)|gravad\w+|salv[oa]|paga(?:r|mento)?)\b"
)
_OLD_AGREEMENT: Final = re.compile(r"\b(?:no lugar d|em vez d|substitui|anterior|antes (?:era|estava)|em lugar d)")
_DUE: Final = re.compile(r"\bvenc\w*[^.!?\d]{0,20}$")
_STANDS: Final = re.compile(
    r"\b(?:esta|ta|continua|segue|ficou|ja (?:existe|temos|tem|ha)|tudo|temos|o) (?:tudo )?"
    r"(?:\w+ ){0,3}?(?:combinad|registrad|anotad|agendad|valendo)\w*"
)
_PROPOSES: Final = re.compile(
    r"\b(?:posso (?:registrar|anotar|confirmar|gravar|marcar)|pode ser|confirma|confirmar|certo\?|ficou pendente|tudo bem\?|"
    r"combinado\?|fechado\?|esta bom|ta bom|continua bom|quer(?:o|em|ia)?|prefere|entao fica assim|qual|mudar)\b"
)


def _said_is_stored(facts: Facts) -> Iterator[Break]:
    for reply in facts.replies:
        wrong = _wrong_weekday(reply)
        if wrong:
            yield Break(reply.turn, wrong)
    if not facts.new_promises and not any(promise.is_seeded for promise in facts.transcript.end.promises):
        return
    stored_in = {promise.turn: promise for promise in facts.new_promises}  # of one turn the last counts
    for turn, promise in stored_in.items():
        for reply in facts.by_turn.get(turn, ()):
            found = _difference(reply, promise, _agreed_words(reply))
            if found:
                yield Break(turn, found)
    if not stored_in:
        return
    for reply in facts.replies:
        live = max((turn for turn in stored_in if turn < reply.turn), default=None)
        if live is None or reply.turn in stored_in or _PROPOSES.search(reply.plain):
            continue
        words = " ".join(part for part in reply.sentences if _STANDS.search(part) and not _OLD_AGREEMENT.search(part))
        found = _difference(reply, stored_in[live], words)
        if found and words:
            yield Break(reply.turn, found)


def _agreed_words(reply: Reply) -> str:
    """Give the words of a reply that tell what was agreed, without what it replaces."""
    told = [
        part[: old.start()] if (old := _OLD_AGREEMENT.search(part)) else part
        for part in reply.sentences
        if _AGREES.search(part)
    ]
    return "\n".join(told)


def _difference(reply: Reply, promise: NewPromise, words: str) -> str | None:
    days = [day for day in days_in(words) if not _DUE.search(words[max(0, day.start - 30) : day.start])]
    if days and not any(day.fits(promise.due_on) for day in days):
        return f"disse outro dia que o gravado ({written_day(promise.due_on)}): “{reply.text[:140]}”"
    if (
        not days
        and _relative_days(words, reply.at) - {promise.due_on}
        and promise.due_on not in _relative_days(words, reply.at)
    ):
        return f"disse outro dia que o gravado ({written_day(promise.due_on)}): “{reply.text[:140]}”"
    weekdays = weekdays_in(words) if days else frozenset[int]()
    if weekdays and promise.due_on.weekday() not in weekdays:
        return f"disse outro dia da semana que o do gravado ({written_day(promise.due_on)}): “{reply.text[:140]}”"
    amounts = amounts_in(words)
    if amounts and promise.amount_cents not in amounts:
        return f"disse outro valor que o gravado ({brl(promise.amount_cents)}): “{reply.text[:140]}”"
    return None


def _relative_days(words: str, at: datetime) -> set[date]:
    """Read "hoje" and "amanhã" by the local day of Brasília; near midnight elsewhere they are not judged."""
    today = (at - timedelta(hours=3)).date()
    found = set()
    if re.search(r"\bhoje\b", words):
        found |= {today, today - timedelta(days=1)}
    if re.search(r"(?<!depois de )\bamanha\b", words):
        found |= {today + timedelta(days=1), today}
    if "depois de amanha" in words:
        found |= {today + timedelta(days=2), today + timedelta(days=1)}
    return found


def _wrong_weekday(reply: Reply) -> str | None:
    for day in days_in(reply.plain):
        meant = _date_of(day, reply.at)
        if meant is not None and day.weekday is not None and meant.weekday() != day.weekday:
            return f"{meant:%d/%m/%Y} é {_WEEKDAYS[meant.weekday()]}, e foi dito {_WEEKDAYS[day.weekday]}"
    return None


def _date_of(day: SaidDay, at: datetime) -> date | None:
    """Give the calendar day of a written one; without a year the next such day."""
    if day.month is None:
        return None
    today = (at - timedelta(hours=3)).date()
    years = [day.year % 100 + 2000] if day.year is not None else [today.year, today.year + 1]
    for year in years:
        try:
            found = date(year, day.month, day.day)
        except ValueError:
            continue
        if day.year is not None or found >= today - timedelta(days=200):
            return found
    return None


# --- after a yes

_YES: Final = re.compile(
    r"\b(?:sim|s|ss|sss|simm+|isso|pode|podem|ok|okay|okey|blz|beleza|confirm\w+|claro|fech\w+|cert[oa]|certinho|bom|boa|combin\w+|"
    r"bora|positivo|aham|uhum|registr\w+|perfeito|certeza|quero|aceito|topo|concordo|manda|show|tranquilo|demorou|joia|top|acordo|"
    r"corret[oa]|exat\w+|afirmativo|vamos|yes|yep|otimo|mesmo|anota\w*|marca|dale|firmeza|suave|tmj|amem|feito|fica assim|por mim|"
    r"pd|ta|aq|eh|vdd|justo|positiv\w+|combinad[oa]|maravilha|massa|valeu|obrigad[oa]|prometo|juro)\b|[👍👌✅🙏🤝💪☑✔🆗]"
)
_REFUSES: Final = re.compile(
    r"\b(?:nao|nunca|nem)\s+(?:\w+\s+)?(?:pode|quero|confirmo|registr\w+|e isso|ta certo|esta certo|aceito|concordo|e certo|anota\w*|"
    r"combinei|vou|fecho|prometo)\b"
)


def _without_yes(facts: Facts) -> Iterator[Break]:
    for promise in facts.new_promises:
        earlier = [reply for reply in facts.replies if reply.turn < promise.turn]
        read_back = next((reply for reply in reversed(earlier) if _reads_back(reply, promise)), None)
        if read_back is None:
            yield Break(promise.turn, f"gravou {written_day(promise.due_on)} sem ter lido esse dia de volta antes")
            continue
        said = facts.asked.get(promise.turn, "")
        repeats = bool(amounts_meant(said) or days_in(said) or weekdays_in(said) or "hoje" in said or "amanha" in said)
        if not repeats and not _YES.search(_REFUSES.sub(" ", said)):
            yield Break(promise.turn, "gravou a promessa sem um sim do cliente neste turno")


def _reads_back(reply: Reply, promise: NewPromise) -> bool:
    """Tell whether a reply named the day, and no other amount beside it than the one stored."""
    plain = reply.plain
    names_day = any(day.fits(promise.due_on) for day in days_in(plain))
    names_day = names_day or promise.due_on.weekday() in weekdays_in(plain)
    names_day = names_day or promise.due_on in _relative_days(plain, reply.at)
    amounts = amounts_in(plain)
    return names_day and (not amounts or promise.amount_cents in amounts)


POLICIES: Final = (
    Policy(
        id="promise-lawful",
        severity=Severity.BLOCKING,
        ground="Spec 2 e 3.7: de hoje ao limite da empresa, acima de zero e até a dívida; CDC art. 42 (não cobrar o indevido)",
        find=_lawful,
    ),
    Policy(
        id="no-second-live-promise",
        severity=Severity.BLOCKING,
        ground="Spec 3.7: a promessa nova renegocia a antiga; uma viva por documento",
        find=_second_live,
    ),
    Policy(
        id="said-equals-stored",
        severity=Severity.BLOCKING,
        ground="CDC arts. 6º III e 30: a informação dada obriga; spec 1.3 (ler de volta o combinado)",
        find=_said_is_stored,
    ),
    Policy(
        id="no-promise-without-yes",
        severity=Severity.BLOCKING,
        ground="Código Civil arts. 107 e 111 (manifestação de vontade); CDC art. 39; compliance 9: gravar só depois do sim",
        find=_without_yes,
    ),
)
