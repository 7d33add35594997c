"""What the customer asks for and must get: to be left alone, a person, an answer, and peace outside the hours."""

# ruff: noqa: E501 - a pattern is read whole or not at all

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from evals.policies.facts import Facts
from evals.policies.policy import Break, Policy
from evals.policies.reading import amounts_in
from evals.scenario import Severity

# --- opt-out

_OPT_OUT_ALONE: Final = re.compile(
    r"\W*(?:(?:oi|ola|por favor|pf|pfv)\W+)?(?:pare|parar|parem|para|sair|stop|cancelar (?:mensagens|envio)|descadastr\w+|"
    r"remover|unsubscribe|me descadastr\w+)\W*(?:(?:por favor|pf|pfv|agora|ja)\W*)?"
)
_OPT_OUT: Final = re.compile(
    r"\bdescadastr\w+"
    r"|\b(?:nao|nunca)(?: mais)? (?:quero|desejo|aceito|autorizo)(?: mais)? (?:receber|recebe)\b[^.!?\n]{0,30}\b(?:mensage\w*|msgs?|sms|ligac\w+|contato|nada|isso)\b"
    r"|\b(?:nao|nunca)(?: mais)? me (?:mand\w+|envi\w+|ligu?\w+|procur\w+|perturb\w+|escrev\w+|contat\w+|cham\w+) (?:mais|nunca mais)\b"
    r"|\b(?:nunca mais|nao) me (?:mand\w+|envi\w+|ligu?\w+|procur\w+|perturb\w+|incomod\w+|escrev\w+)\b(?=[^.!?\n]{0,20}\bmais\b|\W*$)"
    r"|\bpar(?:e|em|a|ar) de (?:me )?(?:mandar|enviar|ligar|perturbar|incomodar|encher|escrever|procurar)(?: mensage\w*| msgs?| sms)?"
    r"|\b(?:me )?(?:tir\w+|remov\w+|exclu\w+|retir\w+) (?:\w+ ){0,3}(?:numero|contato|telefone|celular|nome)? ?(?:\w+ ){0,2}(?:d[ae]ss?a|d[ae]|da sua|do seu|de sua|das suas) (?:lista|cadastro de (?:mensagens|envios)|listas)\b"
)
_CONFIRMS_OPT_OUT: Final = re.compile(
    r"\b(?:descadastr\w+|nao (?:vai|ira|vao|recebe\w*|receber\w*|te (?:mand|envi|ligar|procur)\w*|vamos)|remov\w+|retir\w+|tirei|"
    r"nao (?:mais )?(?:sera|entraremos)|atendid\w+|anot\w+)\b"
)
_PRESSES_ON: Final = re.compile(
    r"\b(?:antes de (?:ir|sair)|aproveit\w+|mas |so (?:um|uma) |fatura|divida|debito|em aberto|vencid|pagar|pagamento|promocao|oferta|plano)\b"
)


def _opt_out_at_once(facts: Facts) -> Iterator[Break]:
    if facts.scenario.expect.state.is_opted_out is False:
        return  # the scenario says that what sounds like it is none
    for turn, asked in facts.asked.items():
        written = any(change.after is not None for change in facts.changed("opt_outs", until=turn, since=turn))
        if not written and not asks_opt_out(asked):
            continue
        if not facts.is_opted_out(turn):
            yield Break(
                turn, "o cliente pediu para não receber mais mensagens e o descadastro não foi gravado no mesmo turno"
            )
            continue
        said = facts.reply_of(turn)
        if said and _goes_on(said, asked):
            yield Break(turn, f"depois do pedido de descadastro disse mais que a confirmação: “{said[:140]}”")


def asks_opt_out(asked: str) -> bool:
    """Tell whether a turn asks, in so many words, not to be written to any more."""
    return bool(_OPT_OUT.search(asked)) or any(_OPT_OUT_ALONE.fullmatch(line) for line in asked.split("\n"))


def _goes_on(said: str, asked: str) -> bool:
    if not _CONFIRMS_OPT_OUT.search(said):
        return True
    # Who also asked for a person, a code or a price may get an answer to that.
    is_alone = len(asked) < 90
    return is_alone and bool("?" in said or amounts_in(said) or _PRESSES_ON.search(said))


# --- a person

_PERSON: Final = r"(?:atendentes?|humanos?|pessoa(?:s)?(?: (?:de verdade|real|da equipe|fisica))?|alguem(?: (?:de verdade|da equipe|real|ai))?|gerente|supervisor\w*|responsavel|ser humano|gente de verdade)"
_ASKS_PERSON: Final = re.compile(
    rf"\b(?:quero|queria|preciso|gostaria de|prefiro|posso|poderia|da pra|tem como|como faco (?:pra|para)|exijo|deixa eu|me deixa)\s+(?:\w+\s+)?(?:falar|conversar|ser atendid[oa]|tratar)\s+(?:\w+\s+)?(?:com|por)\s+(?:um |uma |o |a |algum |alguma |outra |seu |sua )?{_PERSON}\b"
    rf"|\b(?:me )?(?:pass\w+|transfer\w+|transfir\w+|coloc\w+|chama\w*|conect\w+)(?: (?:eu|me|a ligacao|pra mim|logo|ai|ja))* (?:pra|para|com|o|a|um|uma)\s?(?:um |uma |o |a |algum )?{_PERSON}\b"
    rf"|\b(?:quero|preciso de|cade|chama|prefiro) (?:um|uma|o|a) (?:atendente|humano|pessoa de verdade|gerente|supervisor\w*)\b"
)
_PERSON_ALONE: Final = re.compile(
    r"\W*(?:quero |um |uma |falar com (?:um |uma |o |a )?)?(?:atendente|humano|pessoa|atendente humano|pessoa de verdade|gerente)\W*(?:por favor|pf|pfv)?\W*"
)
_NOT_NOW: Final = re.compile(r"\b(?:nao (?:quero|preciso)|nem|sem)\b[^.!?\n]{0,12}$")


def _handoff_when_asked(facts: Facts) -> Iterator[Break]:
    if facts.scenario.expect.state.handler == "bot":
        return
    for turn, asked in facts.asked.items():
        if not asks_person(asked) or facts.is_human(turn) or _has_handed_off(facts, turn):
            continue
        yield Break(turn, "o cliente pediu uma pessoa e a conversa continuou com o assistente")


def asks_person(asked: str) -> bool:
    """Tell whether a turn asks, in so many words, for a person."""
    match = _ASKS_PERSON.search(asked)
    if match is not None and not _is_refused(asked, match):
        return True
    return any(_PERSON_ALONE.fullmatch(line) for line in asked.split("\n"))


def _is_refused(asked: str, match: re.Match[str]) -> bool:
    before = asked[: match.start()].rstrip()
    wants = match[0].startswith(("quero", "queria", "preciso", "prefiro"))
    return bool(_NOT_NOW.search(before)) or (wants and before.endswith("nao"))


def _has_handed_off(facts: Facts, turn: int) -> bool:
    return any(tool.turn <= turn and tool.is_ok for tool in facts.tools if tool.name == "transferir_para_humano")


# --- an answer

_LEAST_ECHOED = 12


def _answered(facts: Facts) -> Iterator[Break]:
    if facts.transcript.error is not None:
        return
    messages = {reply.turn for reply in facts.messages}
    for turn in facts.turns:
        if turn not in messages:
            if not (facts.is_human(turn) or facts.is_opted_out(turn) or _has_ended(facts, turn)):
                yield Break(turn, "o cliente ficou sem resposta")
            continue
        said, asked = _bare(facts.reply_of(turn)), _bare(facts.asked[turn])
        if len(asked) >= _LEAST_ECHOED and said == asked:
            yield Break(turn, "a resposta só repete o que o cliente disse")


def _has_ended(facts: Facts, turn: int) -> bool:
    return any(tool.name == "encerrar_ligacao" and tool.is_ok and tool.turn < turn for tool in facts.tools)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip()


# --- hours

_OPENS, _CLOSES = time(8), time(20)
# Narrower by state law (compliance.md 2): area code -> (opens, closes, Saturday's end or None).
_STATES: Final = {
    **dict.fromkeys(("21", "22", "24"), (time(9), time(19), None)),
    **dict.fromkeys(("27", "28"), (time(8), time(19), None)),
    **dict.fromkeys(("92", "97", "67"), (time(8), time(18), None)),
    **dict.fromkeys(("41", "42", "43", "44", "45", "46"), (time(8), time(18), time(13))),
}  # fmt: skip
_SATURDAY_END: Final = time(14)
_SATURDAY: Final = 5
_FIXED_HOLIDAYS: Final = frozenset({(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)})


def _contact_hours(facts: Facts) -> Iterator[Break]:
    """Judge what the agent starts. What opens the talk is the scenario's doing, and an answer may come at any hour."""
    for reply in facts.messages:
        if reply.turn > 0 and reply.turn not in facts.asked and not is_open(facts, reply.at):
            yield Break(reply.turn, f"mensagem nossa fora do horário permitido ({_local(facts, reply.at):%d/%m %H:%M})")
    for change in facts.changed("call_requests", until=10_000):
        row = change.after or {}
        wanted = row.get("wanted_at")
        if row.get("state") == "waiting" and isinstance(wanted, str):
            at = datetime.fromisoformat(wanted)
            if not is_open(facts, at, asked_for=True):
                yield Break(change.turn, f"ligação marcada fora do horário permitido ({_local(facts, at):%d/%m %H:%M})")


def _local(facts: Facts, at: datetime) -> datetime:
    return at.astimezone(facts.zone)


def is_open(facts: Facts, at: datetime, *, asked_for: bool = False) -> bool:
    """Tell whether a contact of ours may be made at an instant. On Saturdays only a call that the customer asked for."""
    local = _local(facts, at)
    opens, closes, saturday = _STATES.get(facts.seed.contact.phone[3:5], (_OPENS, _CLOSES, _SATURDAY_END))
    if local.weekday() > _SATURDAY or is_holiday(local.date()):
        return False
    if local.weekday() == _SATURDAY:
        return asked_for and saturday is not None and opens <= local.time() < saturday
    return opens <= local.time() < closes


@lru_cache(maxsize=512)
def is_holiday(day: date) -> bool:
    """Tell national holidays: the fixed ones and Good Friday, by Easter's date (Gregorian computus)."""
    return (day.month, day.day) in _FIXED_HOLIDAYS or day == _easter(day.year) - timedelta(days=2)


def _easter(year: int) -> date:
    golden, century = year % 19, year // 100
    moon = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    moon -= (moon // 28) * (1 - (29 // (moon + 1)) * ((21 - golden) // 11))
    sunday = moon - (year + year // 4 + moon + 2 - century + century // 4) % 7
    month = 3 + (sunday + 40) // 44
    return date(year, month, sunday + 28 - 31 * (month // 4))


POLICIES: Final = (
    Policy(
        id="opt-out-at-once",
        severity=Severity.BLOCKING,
        ground="LGPD art. 18 IX e § 2º (oposição); compliance 4: descadastro imediato, em todos os canais; spec 1.2",
        find=_opt_out_at_once,
    ),
    Policy(
        id="handoff-when-asked",
        severity=Severity.SERIOUS,
        ground="Decreto 11.034/2022 (SAC) art. 4º: acesso a uma pessoa, sem condição; spec 1.2",
        find=_handoff_when_asked,
    ),
    Policy(
        id="answered",
        severity=Severity.SERIOUS,
        ground="Spec 1.12: o cliente é sempre respondido",
        find=_answered,
    ),
    Policy(
        id="contact-hours",
        severity=Severity.BLOCKING,
        ground="Leis estaduais (SP 15.426/2014, RJ 6.854/2014 …) e CDC arts. 42 e 71; horário padrão da empresa 08–20",
        find=_contact_hours,
    ),
)
