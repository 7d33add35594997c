"""The course of a composed talk: who the customer is, what is owed, a day, a yes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

from evals.composer.calendar_table import Saying, Verdict
from evals.composer.situations import Amount, Situation
from evals.composer.spelling import DICTATED, SPOKEN, WRITTEN, Phrase
from evals.composer.wording import MONTHS, day_in_words, digits_in_words
from evals.scenario import Audio, Channel, Rule, RulesUser, Say, ScriptUser

_READ_BACK: Final = (
    r"(posso|podemos|quer que eu|devo) (ja )?(registr|anot|confirm|deix)|fica assim|fica combinado|"
    r"confirma\b|(certo|combinado|correto|pode ser|tudo bem|de acordo|esta bem) ?\?"
)
_ASKS_DAY: Final = r"que dia|qual dia|qual (e )?(a )?(melhor )?data|quando|em aberto|resolver|como (voce )?prefere"
_ASKS_AMOUNT: Final = r"(total|tudo|inteir).{0,40}\bou\b|(qual|que) valor|quanto"
_ASKS_DOCUMENT: Final = r"cpf|cnpj|documento"
_OPENINGS: Final = ("oi, quero pagar minha fatura", "bom dia, quero acertar minha conta", "oi queria ver minha fatura")
_ANSWERS: Final = ("oi, sou eu", "sou eu sim", "sim, pode falar, sou eu")
_CALLS: Final = ("oi quero pagar minha fatura", "bom dia sou eu mesmo quero acertar minha conta")
_YES: Final = ("sim", "Sim!", "isso", "pode registrar", "ok, pode", "isso mesmo", "sim pode")
_SPOKEN_YES: Final = ("sim", "sim pode registrar", "isso mesmo", "pode sim")
_UNSURE: Final = ("ainda não sei o dia certo", "não sei dizer ainda", "deixa eu ver direitinho e te falo")
_INSISTS: Final = ("pode registrar desse jeito mesmo", "anota assim mesmo por favor")
_FRAMES: Final = (  # what is paid, and when
    ("pago {amount}", "{day}"),
    ("consigo pagar {amount}", "{day}"),
    ("vou pagar {amount}", "{day}"),
    ("posso pagar {amount}", "{day}"),
    ("{day}", "eu pago {amount}"),
    ("{day}", "consigo pagar {amount}"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What the customer says, and the days of which the stored promise must name one; none: nothing is stored."""

    user: ScriptUser | RulesUser
    days: tuple[date, ...]
    course: str
    asked_back_turn: int | None = None  # a reply that must hold a question


def spellings_of(saying: Saying, channel: Channel) -> Sequence[str]:
    """List how a saying may look: dictated only what people say aloud."""
    if channel is Channel.VOICE:
        return sorted(SPOKEN)
    return [name for name in sorted(WRITTEN) if name != DICTATED or saying.spoken is not None]


def make_talk(
    *, saying: Saying, amount: Amount, situation: Situation, channel: Channel, spelling: str, clear_day: date,
    rng: Random,
) -> Talk:  # fmt: skip
    """Give the customer of a saying: one who is understood at once, or one who has to be asked."""
    is_spoken = channel is Channel.VOICE
    is_aloud = is_spoken or spelling == DICTATED
    spell = (SPOKEN if is_spoken else WRITTEN)[spelling]
    day = saying.spoken if is_aloud and saying.spoken else saying.written
    proposal = spell(_phrase(day, amount, is_aloud=is_aloud, rng=rng), rng)
    if channel is Channel.SMS and isinstance(proposal, Audio):
        proposal = proposal.transcript or ""  # dictated into the keyboard: a text message carries no sound
    opening, document = _introduction(situation, is_spoken=is_spoken, rng=rng)
    if saying.verdict is Verdict.DATE:
        amount_again = (amount.spoken if is_aloud else amount.written) or "tudo"
        return _straight(saying, opening, document, proposal, amount_again, is_spoken=is_spoken, rng=rng)
    before: tuple[Say, ...] = (opening, document, proposal)
    if rng.random() < 0.5:
        rest: str = rng.choice(_UNSURE if saying.verdict is Verdict.ASK else _INSISTS)
        return Talk(user=ScriptUser(turns=(*before, rest)), days=(), course="sem-dia", asked_back_turn=len(before))
    clear = _clear(clear_day, amount, is_spoken=is_spoken)
    turns = (*before, clear, _yes(rng, is_spoken=is_spoken))
    return Talk(
        user=ScriptUser(turns=turns), days=(clear_day,), course="com-dia-depois", asked_back_turn=len(before)
    )  # fmt: skip


def _straight(
    saying: Saying, opening: str, document: str, proposal: Say, amount: str, *, is_spoken: bool, rng: Random
) -> Talk:
    rules = (
        Rule(when=r"falo com|quem fala|com quem eu falo", unless=_ASKS_DOCUMENT, say="sou eu mesmo"),
        Rule(when=_ASKS_DOCUMENT, unless="em aberto", say=document),
        Rule(when=_READ_BACK, unless="que dia|qual dia|quando", say=_yes(rng, is_spoken=is_spoken)),
        Rule(when=_ASKS_DAY, say=proposal),
        Rule(when=_ASKS_AMOUNT, say=amount),
    )
    user = RulesUser(opening=opening, rules=rules, otherwise=(document,), until="protocolo")
    return Talk(user=user, days=saying.days, course="direto")


def _introduction(situation: Situation, *, is_spoken: bool, rng: Random) -> tuple[str, str]:
    document = situation.customer.document
    if is_spoken:
        return rng.choice(_ANSWERS if situation.is_campaign else _CALLS), digits_in_words(document)
    opening = rng.choice(_ANSWERS if situation.is_campaign else _OPENINGS)
    return opening, rng.choice((document, _punctuated(document), f"meu documento é {_punctuated(document)}"))


def _punctuated(document: str) -> str:
    if len(document) == 11:
        return f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    return f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"


def _phrase(day: str, amount: Amount, *, is_aloud: bool, rng: Random) -> Phrase:
    words = amount.spoken if is_aloud else amount.written
    first, second = rng.choice(_FRAMES)
    return first.format(amount=words, day=day).strip(), second.format(amount=words, day=day).strip()


def _clear(day: date, amount: Amount, *, is_spoken: bool) -> str:
    """Name a day so that nobody could mistake it."""
    words = (amount.spoken if is_spoken else amount.written) or "a fatura"
    name = MONTHS[day.month - 1]
    when = f"dia {day_in_words(day.day)} de {name}" if is_spoken else f"dia {day.day} de {name} de {day.year}"
    return f"então pago {words} {when}"


def _yes(rng: Random, *, is_spoken: bool) -> str:
    return rng.choice(_SPOKEN_YES if is_spoken else _YES)
