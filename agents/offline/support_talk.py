"""The persona's talk: questions answered from the tenant's knowledge, an honest "I do not know" otherwise."""

import re
from typing import Final

from agents.offline.boundaries import within_bounds
from agents.offline.call_request import arrange_call, asks_for_call
from agents.offline.courtesy import (
    asked_to_leave,
    closes,
    distrust,
    farewell,
    from_knowledge,
    greets_only,
    hello,
    is_wrong_person,
    offered_human,
    unknown_answer,
    wrong_person,
)
from agents.offline.phrases import (
    HER_OFFER,
    HUMAN_OFFER,
    NEUTRAL_DOCUMENT_REQUEST,
    contact_first_name,
    introduction,
    join,
)
from agents.offline.reading import Turn
from agents.offline.signals import Signal

_LONG_LAMENT: Final = 120
# A yes, or who says on the phone to be the one that was asked for.
_IS_HERE: Final = re.compile(
    r"(?:(?:oi|ola|alo|sim|ok|certo|isso|beleza|pode ser|pode falar|sou eu|eu|el[ea]|e el[ea]|mesm[ao])\b[\s,.!]*)+"
)
_TRIED: Final = re.compile(
    r"\bja (?:eu )?(?:tirei|reiniciei|desliguei|fiz (?:isso|tudo|o teste|esse)|testei|troquei|tentei)\b"
)
_HOW_ARE_YOU: Final = re.compile(r"\b(tudo bem|tudo bom|como vai)\b")


def support_reply(turn: Turn) -> str:
    """Answer as the tenant's persona; raises CallNeeded when a tool must run first."""
    leaving = asked_to_leave(turn)
    if leaving is not None:
        return leaving
    if is_wrong_person(turn):
        return wrong_person(turn)
    return within_bounds(turn) or join(hello(turn), _answer(turn))


def _answer(turn: Turn) -> str:
    if asks_for_call(turn):
        return arrange_call(turn)
    if not turn.said or greets_only(turn):
        return _greet(turn)
    if turn.says(Signal.CONFUSED) and turn.said_before(Signal.CONFUSED, bursts=3):
        return join("Sem problema, vamos com calma.", HUMAN_OFFER)
    if turn.says(Signal.CONFUSED) and len(turn.said) < 40:
        return "Sem problema! Me conta com suas palavras: como posso ajudar?"
    feeling = _empathy(turn)
    if turn.says(Signal.DISTRUST):
        return distrust(turn)
    if turn.says(Signal.ABOUT):
        return join("Posso ver isso com você!", NEUTRAL_DOCUMENT_REQUEST)
    if feeling is not None and not _has_matter(turn):
        return join(feeling, _listen(turn))
    if turn.says(Signal.WHO) and len(turn.said) < 60:
        return join(None if turn.context.is_first_reply else introduction(turn), "Como posso ajudar?")
    if closes(turn):
        return farewell(turn)
    if _leaves_it(turn):
        return "Tudo bem! Se precisar, é só me chamar por aqui."
    if _IS_HERE.fullmatch(turn.said):
        return join("Certo!", "Me conta: como posso ajudar?")
    return join(feeling, _informed(turn, is_angry=turn.says(Signal.ANGER)))


def _has_matter(turn: Turn) -> bool:
    """Tell whether a feeling comes with something to answer."""
    matters = (Signal.PROBLEM, Signal.BILLING, Signal.CODE, Signal.HOURS, Signal.PAID, Signal.CONSEQUENCE)
    return "?" in turn.new_text or any(turn.says(signal) for signal in matters)


def _listen(turn: Turn) -> str:
    if turn.says(Signal.HARDSHIP):
        return join("Não precisa resolver nada agora.", HUMAN_OFFER)
    return "Me conta o que aconteceu, ou prefere que eu te passe para uma pessoa da equipe?"


def _greet(turn: Turn) -> str:
    name = contact_first_name(turn)
    start = None if turn.context.is_first_reply else f"Oi{', ' + name if name else ''}!"
    return join(start, "Tudo bem por aqui!" if _HOW_ARE_YOU.search(turn.said) else None, "Como posso ajudar?")


def _empathy(turn: Turn) -> str | None:
    if turn.says(Signal.ANGER):
        return "Entendo sua irritação e peço desculpas pelo incômodo."
    if turn.says(Signal.HARDSHIP):
        return "Sinto muito por esse momento."
    return "Sei como é ruim ficar sem internet boa." if turn.says(Signal.PROBLEM) else None


def _leaves_it(turn: Turn) -> bool:
    if turn.says(Signal.NOT_NOW) and len(turn.said) < 40:
        return True
    return turn.is_no and (offered_human(turn) or len(turn.said) < 15)


def _question(turn: Turn) -> str:
    """Return what to look up: a long lament is looked up by its problem."""
    if not turn.says(Signal.PROBLEM) or len(turn.said) < _LONG_LAMENT:
        return turn.new_text
    is_down = re.search(r"\b(?:sem (?:internet|sinal|conexao)|caiu|caindo|luz vermelha)\b", turn.said)
    return "internet caiu, sem conexão, luz vermelha" if is_down else "internet lenta, teste de velocidade"


def _informed(turn: Turn, *, is_angry: bool) -> str:
    if turn.says(Signal.PROBLEM) and turn.earlier_texts and _TRIED.search(turn.said):
        return join("Agradeço por já ter tentado! O melhor agora é uma pessoa da equipe olhar sua conexão.", HER_OFFER)
    if turn.says(Signal.CONSEQUENCE) and not turn.says(Signal.FEES):
        return join("Entendo a preocupação.", from_knowledge(turn, turn.new_text) or unknown_answer(turn))
    found = from_knowledge(turn, _question(turn))
    if found is not None:
        return join(found, HUMAN_OFFER if is_angry else None)
    if turn.says(Signal.HOURS) and turn.context.hours:
        return f"Nosso horário de atendimento é {turn.context.hours}."
    if turn.says(Signal.BILLING) or turn.says(Signal.CODE) or turn.says(Signal.PAID):
        return join("Sobre pagamentos, eu preciso de alguém que possa ver seu cadastro com segurança.", HUMAN_OFFER)
    if turn.says(Signal.PROBLEM):
        return join("Daqui eu não consigo ver a sua conexão.", HUMAN_OFFER)
    return unknown_answer(turn)
