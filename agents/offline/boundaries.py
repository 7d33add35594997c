"""What every agent answers alike before its own talk: danger, third persons, tricks, complaints, hardship."""

import re
from typing import Final

from agents.offline.courtesy import from_knowledge, hand_over, hello
from agents.offline.identity_talk import is_third_person
from agents.offline.media_talk import without_words
from agents.offline.phrases import HER_OFFER, HUMAN_OFFER, NEUTRAL_DOCUMENT_REQUEST, day_of, holder_name, join
from agents.offline.reading import Turn
from agents.offline.signals import Signal
from domain.documents import find_documents

# What is more than a complaint and must be taken up: a payment made, a day, an amount, a code asked for.
_SUBSTANCE: Final = (Signal.PAID, Signal.DIGITS, Signal.CODE, Signal.PROBLEM, Signal.HARDSHIP, Signal.DISPUTE)
_SAD: Final = re.compile(r"[😢😭😞😔🥺😥]")
_CARD: Final = re.compile(r"(?<!\d)(?:\d[ .-]?){12,18}\d(?!\d)")
_ASKS_DIGITS: Final = re.compile(
    r"\b(?:\d|dois|tres|quatro|seis) (?:primeiros|ultimos)(?: (?:numeros|digitos))?\W*$"
    r"|\b(?:primeiros|ultimos) (?:\d |dois |tres |quatro )?(?:numeros|digitos)\b"
    r"|\b(?:comeca|termina|final)(?: (?:com|em))? \d{2,}\b.*\b(?:ne|certo|isso)\b"
)
_IN_PORTUGUESE: Final = re.compile(r"\b(?:quero|queria|voces?|para|meu|minha|nao|qual|quanto|preciso|por favor|tem)\b")
# A day that belongs to what happened ("morreu ontem", "parei de trabalhar em agosto") is no day of paying.
_PROPOSES: Final = re.compile(r"\b(?:dia \d|pode ser|consigo|da para|fica|vai dar|recebo|cai|entra|final do mes)\b")


def within_bounds(turn: Turn) -> str | None:
    """Answer what no agent's own talk should take up; None when there is nothing of it."""
    if turn.media and not turn.said:
        return join(hello(turn), without_words(turn))
    if turn.says(Signal.CRISIS) or turn.says(Signal.VIOLENCE):
        return _crisis(turn)
    answer = _emergency(turn) or _trick(turn) or _third_person(turn) or _complaint(turn) or _suffering(turn)
    answer = answer or _contract(turn) or _signs(turn)
    return join(hello(turn), answer) if answer else None


def _crisis(turn: Turn) -> str:
    """Life before everything: the free national line for it, and a person at once."""
    line = (
        "o Ligue 180 atende de graça, a qualquer hora, e em perigo imediato ligue 190."
        if turn.says(Signal.VIOLENCE)
        else "o CVV atende de graça, a qualquer hora, pelo telefone 188."
    )
    words = f"Sinto muito que você esteja passando por isso. Você não está só: {line}"
    return hand_over(turn, "Cliente em sofrimento grave: atender já, com cuidado", opening=words)


def _emergency(turn: Turn) -> str | None:
    """Send who may be in danger of life to the ambulance, with no advice of ours."""
    if not turn.says(Signal.EMERGENCY):
        return None
    return (
        "Isso pode ser uma emergência, e eu não posso orientar sobre saúde. Ligue agora para o SAMU, 192, que atende "
        "de graça, ou procure o pronto-socorro mais próximo."
    )


def _suffering(turn: Turn) -> str | None:
    """Stop pressing where a hardship is told with the day it happened, or a lawsuit with the day it is planned for."""
    if turn.context.identity != "confirmada" or not turn.context.dates or turn.context.amounts:
        return None
    if turn.says(Signal.PAY_INTENT) or turn.says(Signal.PAID) or turn.says(Signal.CODE):
        return None
    if turn.says(Signal.LAWSUIT):
        return join("Entendo sua irritação e peço desculpas pelo incômodo. Reclamar é um direito seu.", HUMAN_OFFER)
    if not turn.says(Signal.HARDSHIP) or _PROPOSES.search(turn.said) or "?" in turn.new_text:
        return None
    loss = "pela sua perda" if turn.says(Signal.DEATH) else "por esse momento"
    return join(f"Sinto muito {loss}. Não precisa resolver nada agora, fique em paz.", HUMAN_OFFER)


def _trick(turn: Turn) -> str | None:
    if turn.says(Signal.INJECTION):
        return join("Isso eu não posso fazer por aqui.", _back_to(turn))
    if turn.says(Signal.OWN_DOCUMENT):
        return join("Por segurança, eu não informo números de documento por aqui.", HUMAN_OFFER)
    if turn.call is None and turn.context.identity != "confirmada" and _ASKS_DIGITS.search(turn.said):
        return join("Por segurança, eu não informo nem confirmo números por aqui.", HUMAN_OFFER)
    if turn.call is None and _shows_card(turn.new_text):
        return join(
            "Por segurança, não mande dados de cartão: nesta conversa eu não faço cobrança em cartão.", HUMAN_OFFER
        )
    if turn.says(Signal.OTHERS_DATA) and not find_documents(turn.new_text):
        return join("Dados de outra pessoa eu não posso passar, por segurança.", _back_to(turn))
    if turn.says(Signal.ENGLISH) and not (turn.says(Signal.PRODUCT) and _IN_PORTUGUESE.search(turn.said)):
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


def _shows_card(text: str) -> bool:
    """Tell whether the number of a payment card stands in a text (its last digit is a Luhn check)."""
    for match in _CARD.finditer(text):
        digits = [int(character) for character in match[0] if character.isdigit()]
        doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits[::-1])]
        if sum(doubled) % 10 == 0 and len(set(digits)) > 1 and not find_documents(match[0]):
            return True
    return False


def _third_person(turn: Turn) -> str | None:
    """Keep the holder's affairs from relatives, also from those who know the document."""
    if turn.says(Signal.HOLDER) and turn.said_before(Signal.THIRD_PERSON) and turn.context.identity == "pendente":
        is_taken_up = turn.call is not None or bool(find_documents(turn.new_text))  # a call asks in groups of figures
        return None if is_taken_up else join("Que bom!", NEUTRAL_DOCUMENT_REQUEST)
    if not is_third_person(turn):
        return None
    if turn.says(Signal.DEATH):
        return join("Sinto muito pela sua perda.", "Quem pode cuidar disso com você é uma pessoa da equipe.", HER_OFFER)
    if turn.says(Signal.THIRD_PERSON) and not turn.said_before(Signal.THIRD_PERSON):
        return (
            "Agradeço por avisar! Por segurança, do cadastro eu só trato com o titular. Pode pedir para ele ou ela me "
            "escrever por aqui, ou prefere que eu te passe para uma pessoa da equipe?"
        )
    if turn.context.identity == "confirmada":
        return join("Por segurança, eu só sigo com o titular.", HUMAN_OFFER)
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
