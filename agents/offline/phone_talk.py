"""What only a call brings up, before an agent's own talk: a bad line, who is there, a document in groups, goodbye."""

import re
from typing import Final

from agents.offline.courtesy import end_call, farewell, introduction_of_call, offered_human
from agents.offline.identity_talk import next_figures
from agents.offline.phrases import HUMAN_OFFER, contact_first_name, holder_name, join
from agents.offline.reading import Call, Turn
from agents.offline.signals import Signal
from domain import intents
from domain.claims import find_claims
from domain.sentences import split_sentences
from domain.spoken_digits import figures_said
from domain.spoken_hearing import only_hesitates
from domain.wording import fold

_NOT_HEARD: Final = (
    "Desculpe, não ouvi bem. Pode repetir, por favor?",
    "A ligação está falhando um pouco. Pode falar mais uma vez?",
)
_LONGEST_BARE_NO: Final = 20
_LEAST_REPEATED: Final = len("Certo, entendi.")  # shorter ones are only courtesy
_WAITING: Final = "eu aguardo"
_ASKED_WHO: Final = re.compile(r"\b(?:falo com|com quem eu falo|consigo falar com|posso falar com)\b")
_ASKED_HOLDER: Final = re.compile(r"\b(?:falo com|consigo falar com|posso falar com) \w+")
_ABSENT: Final = re.compile(
    r"\b(?:nao (?:esta|se encontra|mora mais|pode (?:falar|atender)|chegou)|saiu|viajou|foi (?:trabalhar|viajar)"
    r"|esta (?:trabalhando|dormindo|viajando|no banho|no trabalho))\b"
    r"(?!\s+(?:bom|certo|funcionando|pegando|dando|com|sem|entend\w+|conseguindo|ouvindo))"
)
_MESSAGE: Final = re.compile(r"\b(?:recado|avis[ao]|aviso (?:el[ea]|para)|quer que eu (?:diga|fale|avise))\b")
_FETCHES: Final = re.compile(
    r"\b(?:vou (?:chamar|passar|ver se)|vou la chamar|passo para (?:el[ea])|vou passar para|chamando|so um (?:minut\w+"
    r"|moment\w+|instant\w+|segund\w+)|espera|aguarda|perai|pera ai|um (?:minut\w+|moment\w+|instant\w+))\b"
)
_WHO: Final = re.compile(
    r"\b(?:(?<!\beu )(?<!\bel[ea] )quem (?:e|esta falando|fala|quer falar|gostaria|seria|e voce)"
    r"|de onde (?:e|fala|falam|voce)|com quem|que empresa)\b|^\W*quem\W*$"
)
_SOUNDS_OUT: Final = re.compile(r"\W*(?:(?:alo|(?:voce )?esta me (?:ouvindo|escutando)|tem alguem ai|esta ai)\W*)+")
_VOICEMAIL: Final = re.compile(
    r"\bcaixa (?:postal|de mensagens?)\b|\bapos o (?:sinal|bip|tom)\b|\bsua chamada (?:esta|sera)\b"
    r"|\b(?:deixe|grave) (?:o |a )?(?:seu|sua)? ?(?:recado|mensagem)\b"
    r"|\b(?:numero|telefone|celular) (?:chamado|que voce (?:ligou|chamou))\b|\bdesligado ou fora da area\b"
)
_GOES_ON: Final = re.compile(r"\b(?:pode falar|pode dizer|fala|diga|estou ouvindo|pode sim|pode)\b\W*$")
_CLOSING_QUESTION: Final = re.compile(r"mais alguma coisa|codigo pix|por mensagem|conferir? antes|alguem confira")
_BYE: Final = re.compile(
    r"\b(?:tchau|ate (?:logo|mais|breve|amanha)|bom dia para (?:voce|voces)|era (?:so )?isso|so isso(?: mesmo)?"
    r"|pode desligar|vou desligar|nada mais|mais nada|ja resolvi)\b"
)


def on_the_phone(turn: Turn) -> str | None:
    """Answer what belongs to the call itself; None when the agent's own talk should."""
    call = turn.call
    if call is None or _comes_first(turn):
        return None
    return (
        _bad_line(turn, call)
        or _voicemail(turn, call)
        or _who_is_there(turn, call)
        or _wait_or_repeat(turn)
        or _document_so_far(turn, call)
        or _closing(turn, call)
    )


def _comes_first(turn: Turn) -> bool:
    """Tell what an agent answers whatever the line is like: a life at risk, a refusal, a person wanted."""
    return (
        turn.says(Signal.CRISIS)
        or turn.says(Signal.OPT_OUT)
        or intents.asks_opt_out(turn.new_text)
        or turn.context.wants_human
        or turn.says(Signal.HUMAN)
        or "transferir_para_humano" in turn.results
        or "registrar_opt_out" in turn.results
    )


def _has_matter_of_agent(turn: Turn) -> bool:
    return bool(set(turn.results) - {"encerrar_ligacao"})


# --- the line


def _bad_line(turn: Turn, call: Call) -> str | None:
    if not call.is_not_understood and (turn.said or not turn.new_texts):
        return None
    before = [fold(reply) for reply in turn.recent_replies[-2:]]
    failed = sum(any(fold(said) in reply for said in _NOT_HEARD) for reply in before)
    if failed < len(_NOT_HEARD):
        return _NOT_HEARD[failed]
    return join("Não estou conseguindo te ouvir bem.", HUMAN_OFFER)


def _voicemail(turn: Turn, call: Call) -> str | None:
    """Leave a neutral message with a machine that picks up: whoever plays it back may be anybody (compliance.md 3)."""
    if not call.is_ours or turn.context.identity == "confirmada" or _VOICEMAIL.search(turn.said) is None:
        return None
    end_call(turn, "caixa postal: deixado recado neutro")
    name = contact_first_name(turn)
    message = f"O recado é para {name}." if name else None
    return join(introduction_of_call(turn), message, "Quando puder, fale com a gente. Até logo!")


def _wait_or_repeat(turn: Turn) -> str | None:
    if turn.said and only_hesitates(turn.new_text):
        return "Sem pressa, pode falar."
    if intents.asks_repeat(turn.new_text) and turn.last_reply and not _has_matter_of_agent(turn):
        return join("Claro, repito.", _again(turn.last_reply))
    if intents.is_greeting_only(turn.new_text) and turn.last_reply and turn.earlier_texts and not _is_answer(turn):
        digits = turn.call.digits_said if turn.call else 0
        return join("Oi, estou aqui.", next_figures(digits) if digits else _last_question(turn.last_reply))
    return None


def _is_answer(turn: Turn) -> bool:
    """Tell a "sim" or "pode falar" that answers from an "alô" that only sounds the line out."""
    if _SOUNDS_OUT.fullmatch(turn.said):
        return False
    return turn.is_yes or _GOES_ON.search(turn.said) is not None or not turn.asked


def _again(reply: str) -> str:
    """Say the end of a reply once more. A deed is not claimed twice: the tool that did it answered an earlier turn."""
    kept = [
        sentence for sentence in split_sentences(reply) if not _is_deed(sentence) and len(sentence) > _LEAST_REPEATED
    ]
    return " ".join(kept[-2:]) or "Posso ajudar em mais alguma coisa?"


def _is_deed(sentence: str) -> bool:
    return any(claim.kind not in ("promise", "lookup") for claim in find_claims(sentence))


def _last_question(reply: str) -> str:
    return next((sentence for sentence in reversed(split_sentences(reply)) if sentence.endswith("?")), "Pode falar.")


# --- who is there


def _who_is_there(turn: Turn, call: Call) -> str | None:
    if _has_matter_of_agent(turn):
        return None
    if turn.context.identity != "confirmada":
        third = _somebody_else(turn)
        if third is not None:
            return third
        if _is_bare_no(turn):
            return _ask_for_holder(turn)
        if turn.says(Signal.WRONG_PERSON) or turn.context.is_wrong_person:
            end_call(turn, "engano: não é a pessoa procurada")
            return "Peço desculpas pelo engano. Tenha um ótimo dia, até logo!"
    if _WAITING in turn.last_reply and not _FETCHES.search(turn.said) and turn.context.identity != "confirmada":
        return join(introduction_of_call(turn, greets=True), _opening_question(turn))
    if intents.is_busy_now(turn.new_text):
        return _leave_for_later(turn, call)
    if _WHO.search(turn.said) and not turn.context.dates and not turn.context.amounts:
        return join(introduction_of_call(turn), _opening_question(turn))
    if not turn.earlier_texts and intents.is_greeting_only(turn.new_text) and not _answers_who(turn):
        return join(None if turn.last_reply else introduction_of_call(turn, greets=True), _opening_question(turn))
    return None


def _answers_who(turn: Turn) -> bool:
    return _ASKED_WHO.search(turn.asked) is not None and turn.is_yes


def _is_bare_no(turn: Turn) -> bool:
    if _ASKED_HOLDER.search(turn.asked) is None or turn.says(Signal.WRONG_PERSON) or turn.context.is_wrong_person:
        return False
    return turn.is_no and len(turn.said) < _LONGEST_BARE_NO


def _ask_for_holder(turn: Turn) -> str:
    """Ask once whether the person can come to the phone; a second no is an error of ours."""
    name = contact_first_name(turn)
    if "consigo falar com" in turn.asked or not name:
        end_call(turn, "não é a pessoa procurada")
        return "Entendi, desculpe o incômodo. Tenha um ótimo dia, até logo!"
    return f"Entendi. Consigo falar com {name} neste número?"


def _opening_question(turn: Turn) -> str:
    """Ask what the talk stands at: who is there, how to help, or what was asked last."""
    name = contact_first_name(turn)
    if _ASKED_WHO.search(turn.asked):
        return _last_question(turn.last_reply)
    if turn.earlier_texts and turn.asked and _WAITING not in turn.last_reply:
        return _last_question(turn.last_reply)
    is_ours = turn.call is not None and turn.call.is_ours
    asks_who = bool(name) and turn.context.identity != "confirmada" and (is_ours or _WAITING in turn.last_reply)
    return f"Falo com {name}?" if asks_who else "Como posso ajudar?"


def _somebody_else(turn: Turn) -> str | None:
    """Leave a message that says nothing of the matter, or wait while the holder is fetched."""
    if turn.says(Signal.HOLDER):
        return None
    is_asked = _ASKED_WHO.search(turn.asked) is not None
    if _FETCHES.search(turn.said) and (is_asked or turn.says(Signal.THIRD_PERSON)):
        return f"Obrigada, {_WAITING}."
    is_absent = _ABSENT.search(turn.said) is not None and (is_asked or re.search(r"\bel[ea]\b", turn.said) is not None)
    if not (is_absent or _MESSAGE.search(turn.said) or turn.says(Signal.THIRD_PERSON)):
        return None
    end_call(turn, "o titular não está; deixado recado neutro")
    if _MESSAGE.search(turn.said):
        start = "Sim, por favor."
    else:
        start = "Entendi, obrigada por avisar." if is_absent else "Obrigada, mas por segurança só trato com o titular."
    return join(start, f"Peço só que fale com a {turn.context.company} quando puder.", "Tenha um ótimo dia, até logo!")


def _leave_for_later(turn: Turn, call: Call) -> str:
    """Let go of somebody who cannot talk; nothing is promised that no tool schedules."""
    end_call(turn, "a pessoa não pode falar agora")
    how = "é só ligar ou responder a nossa mensagem" if call.has_text else "é só ligar para a gente"
    name = holder_name(turn)
    return f"Sem problema{', ' + name if name else ''}! Quando for uma boa hora, {how}. Até logo!"


# --- the document


def _document_so_far(turn: Turn, call: Call) -> str | None:
    """Ask for the next group of figures; None when there is none under way."""
    if turn.context.identity != "pendente" or not call.digits_said or _has_matter_of_agent(turn):
        return None
    if not figures_said(turn.new_text):
        return None  # something else was said meanwhile
    return next_figures(call.digits_said)


# --- the end


def _closing(turn: Turn, call: Call) -> str | None:
    """Say goodbye and hang up when the customer is done."""
    if turn.context.proposal is not None or (offered_human(turn) and turn.is_plain_yes):
        return None
    settled = _CLOSING_QUESTION.search(turn.asked) is not None and (turn.is_no or _says_thanks(turn))
    if not (settled or _BYE.search(turn.said) or (_says_thanks(turn) and not turn.asked)):
        return None
    if _has_open_matter(turn):
        return None
    if turn.context.promise is None and turn.context.identity != "confirmada" and call.is_ours and not settled:
        end_call(turn, "a pessoa encerrou antes da confirmação")
        return "Tudo bem. Quando puder, fale com a gente. Tenha um ótimo dia, até logo!"
    return farewell(turn)


def _says_thanks(turn: Turn) -> bool:
    return turn.says(Signal.THANKS) and len(turn.said) < 40 and "?" not in turn.new_text


def _has_open_matter(turn: Turn) -> bool:
    """Tell whether a goodbye comes with something to answer first."""
    matters = (Signal.PAID, Signal.CODE, Signal.PROBLEM, Signal.DEBT_QUESTION, Signal.PRODUCT)
    asks = any(turn.says(signal) for signal in matters) and not turn.is_no
    return asks or "?" in turn.new_text or bool(turn.context.dates or turn.context.amounts)
