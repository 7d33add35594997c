"""What every agent answers alike before its own talk: complaints, third persons, tricks, other people's data."""

import re
from typing import Final

from agents.offline.courtesy import from_knowledge, hand_over, hello
from agents.offline.media_talk import without_words
from agents.offline.phrases import HER_OFFER, HUMAN_OFFER, NEUTRAL_DOCUMENT_REQUEST, day_of, holder_name, join
from agents.offline.reading import Turn
from agents.offline.signals import Signal, says
from domain.documents import find_documents
from domain.wording import fold

# What is more than a complaint and must be taken up: a payment made, a day, an amount, a code asked for.
_SUBSTANCE: Final = (Signal.PAID, Signal.DIGITS, Signal.CODE, Signal.PROBLEM, Signal.HARDSHIP, Signal.DISPUTE)
_SAD: Final = re.compile(r"[😢😭😞😔🥺😥]")


def within_bounds(turn: Turn) -> str | None:
    """Answer what no agent's own talk should take up; None when there is nothing of it."""
    if turn.media and not turn.said:
        return join(hello(turn), without_words(turn))
    if turn.says(Signal.CRISIS):
        return _crisis(turn)
    answer = _trick(turn) or _third_person(turn) or _complaint(turn) or _contract(turn) or _signs(turn)
    return join(hello(turn), answer) if answer else None


def _crisis(turn: Turn) -> str:
    """Life before everything: the free national line against suicide, and a person at once."""
    words = (
        "Sinto muito que você esteja passando por isso. Você não está só: o CVV atende de graça, a qualquer hora, "
        "pelo telefone 188."
    )
    return hand_over(turn, "Cliente em sofrimento grave: atender já, com cuidado", opening=words)


def _trick(turn: Turn) -> str | None:
    if turn.says(Signal.INJECTION):
        return join("Isso eu não posso fazer por aqui.", _back_to(turn))
    if turn.says(Signal.OWN_DOCUMENT):
        return join("Por segurança, eu não informo números de documento por aqui.", HUMAN_OFFER)
    if turn.says(Signal.OTHERS_DATA) and not find_documents(turn.new_text):
        return join("Dados de outra pessoa eu não posso passar, por segurança.", _back_to(turn))
    if turn.says(Signal.ENGLISH) and not turn.says(Signal.PRODUCT):
        return join(
            "Por aqui eu converso só em português.",
            "Posso ajudar em português, ou prefere que eu te passe para uma pessoa da equipe?",
        )
    return None


def _back_to(turn: Turn) -> str:
    proposal = turn.context.proposal
    if proposal is not None:
        return f"Ficou pendente o combinado de {proposal.amount} para {day_of(proposal)}. Posso registrar?"
    return "Posso ajudar com o seu cadastro?" if turn.context.agent == "cobranca" else "Em que mais posso ajudar?"


def is_third_person(turn: Turn) -> bool:
    """Tell whether whoever writes said to be somebody else than the holder, and has not taken it back."""
    if turn.context.identity == "confirmada":
        return False
    for said in (turn.said, *map(fold, reversed(turn.earlier_texts))):
        if says(said, Signal.HOLDER):
            return False
        if says(said, Signal.THIRD_PERSON):
            return True
    return False


def _third_person(turn: Turn) -> str | None:
    """Keep the holder's affairs from relatives, also from those who know the document."""
    if turn.says(Signal.HOLDER) and turn.said_before(Signal.THIRD_PERSON) and turn.context.identity == "pendente":
        return None if find_documents(turn.new_text) else join("Que bom!", NEUTRAL_DOCUMENT_REQUEST)
    if not is_third_person(turn):
        return None
    if turn.says(Signal.THIRD_PERSON) and not turn.said_before(Signal.THIRD_PERSON):
        return (
            "Agradeço por avisar! Por segurança, do cadastro eu só trato com o titular. Pode pedir para ele ou ela me "
            "escrever por aqui, ou prefere que eu te passe para uma pessoa da equipe?"
        )
    is_about_record = (
        Signal.THIRD_PERSON,
        Signal.BILLING,
        Signal.DEBT_QUESTION,
        Signal.CODE,
        Signal.PAY_INTENT,
        Signal.PAID,
        Signal.DIGITS,
    )
    if any(turn.says(signal) for signal in is_about_record):
        return join("Entendo, e agradeço a ajuda! Mesmo assim, por segurança, eu só sigo com o titular.", HUMAN_OFFER)
    return None


def _complaint(turn: Turn) -> str | None:
    """Answer being written to too often: an apology and the two ways out, no pressing."""
    if not turn.says(Signal.PESTERED) or turn.context.dates or turn.context.amounts:
        return None
    if any(turn.says(signal) for signal in _SUBSTANCE):
        return None
    return (
        "Você tem razão em reclamar, e peço desculpas pelo incômodo. Se não quiser mais receber nossas mensagens, é só "
        "responder PARE. Ou prefere que eu te passe para uma pessoa da equipe?"
    )


def _contract(turn: Turn) -> str | None:
    """Say what is known of appointments and cancelling; both are done by a person."""
    if turn.says(Signal.CANCEL) and not turn.says(Signal.DISPUTE):
        known = from_knowledge(turn, "cancelamento do plano, cancelar contrato, multa de fidelidade")
        return (
            join(known, HUMAN_OFFER) if known else join("Quem cuida do cancelamento é uma pessoa da equipe.", HER_OFFER)
        )
    if turn.says(Signal.BOOKING):
        known = from_knowledge(turn, turn.new_text) if turn.says(Signal.PROBLEM) else None
        return join(known, "Quem marca visitas e instalações é uma pessoa da equipe.", HER_OFFER)
    return None


def _signs(turn: Turn) -> str | None:
    """Answer emoji alone."""
    if not turn.said or any(map(str.isalnum, turn.said)) or not re.search(r"[^\s?!.,]", turn.said):
        return None
    if turn.is_yes or turn.is_no or turn.says(Signal.ANGER):
        return None
    if _SAD.search(turn.said):
        return "Aconteceu alguma coisa? Me conta, que eu vejo como ajudar."
    name = holder_name(turn)
    return f"Estou por aqui{', ' + name if name else ''}! Posso ajudar em mais alguma coisa?"
