"""A call that the customer asks for in writing: agreed with the tool, told in its words."""

import re
from typing import Final

from agents.offline.courtesy import cannot_call, wants_call
from agents.offline.phrases import HUMAN_OFFER, join
from agents.offline.reading import ToolResult, Turn
from agents.offline.signals import Signal
from domain.wording import fold

_TOOL: Final = "escalar_para_voz"
_TOLD: Final = "Te ligo"
_SHORT: Final = 40
_OFFERED_HOUR: Final = re.compile(r"\bpode(?:mos)? (?:ser|te ligar|ligar)\b|\bposso (?:te )?ligar\b")
_ASKED_HOUR: Final = re.compile(r"\b(?:dia e|a) que horas\b|\bque horas\b")
_DAY: Final = (
    r"(?:hoje|amanhã|amanha|depois de amanhã|depois de amanha|(?:na |no |nessa |próxima |proxima )?(?:segunda|terça"
    r"|terca|quarta|quinta|sexta|sábado|sabado)(?:-feira| feira)?|dia \d{1,2}(?:/\d{1,2})?)"
)
_HOUR: Final = (
    r"(?:(?:às|as|a partir das|depois das|lá pelas|la pelas|pelas)\s*\d{1,2}(?::\d\d|\s*h(?:oras?)?\s*\d{0,2}"
    r"|\s+e\s+meia)?|\d{1,2}(?::\d\d|\s*h(?:oras?)?\s*\d{0,2})"
    r"|(?:ao )?meio[- ]dia|(?:de|da|pela|à|a) (?:manhã|manha|tarde|noite))"
)
_IN_A_WHILE: Final = (
    r"(?:daqui (?:a )?|dentro de |em )(?:uns |umas )?(?:\d{1,3}|uma?|duas|dois|meia|três|tres|dez|quinze|vinte|trinta)"
    r"\s*(?:min\w*|h(?:oras?)?)\b"
)
_WHEN: Final = re.compile(
    rf"\b(?:{_IN_A_WHILE}|{_DAY}(?:,?\s*{_HOUR})?|{_HOUR}(?:\s+(?:de\s+)?{_DAY})?)", re.IGNORECASE
)
_NO_MORE: Final = re.compile(
    r"\b(?:desmarc\w+|cancel\w+|nao precisa|deixa)\b.{0,25}\b(?:ligacao|ligar|liguem|telefon\w+)\b"
)
_DECLINES: Final = re.compile(r"\b(?:deixa (?:para la|quieto)|nao precisa|esquece|nao quero mais)\b")


def asks_for_call(turn: Turn) -> bool:
    """Tell whether a call is asked for, or an hour for it is being agreed."""
    if turn.call is not None:
        return False
    if _TOOL in turn.results or wants_call(turn) or _takes_back(turn):
        return True
    past = turn.past(_TOOL)
    if past is None or not turn.recent_replies:
        return False
    if past.is_ok:
        return _is_settled(turn)
    if past.error == "fora_do_horario" and _OFFERED_HOUR.search(turn.asked):
        if _DECLINES.search(turn.said):
            return False
        return turn.is_plain_yes or _WHEN.search(turn.new_text) is not None
    return (
        past.error == "horario_invalido" and bool(_ASKED_HOUR.search(turn.asked)) and bool(_WHEN.search(turn.new_text))
    )


def _is_settled(turn: Turn) -> bool:
    """Tell whether the customer only agrees to the call just arranged."""
    return _TOLD in turn.last_reply and len(turn.said) < _SHORT and (turn.is_plain_yes or turn.says(Signal.THANKS))


def _takes_back(turn: Turn) -> bool:
    return turn.past(_TOOL) is not None and _NO_MORE.search(turn.said) is not None


def arrange_call(turn: Turn) -> str:
    """Have the call scheduled and say what the tool said of it."""
    if _TOOL not in turn.results and not wants_call(turn) and _is_settled(turn):
        return "Combinado, até já!"
    result = turn.use(_TOOL, motivo=_reason(turn), quando=_wanted(turn))
    if result.is_ok:
        if result.text("situacao") == "cancelada":
            return "Pronto, a ligação está desmarcada. Sigo por aqui com você!"
        return f"Combinado! {_TOLD} {result.text('quando')}, e já sei o que conversamos até aqui."
    return _problem(turn, result)


def _problem(turn: Turn, result: ToolResult) -> str:
    match result.error:
        case "fora_do_horario":
            return f"Agora eu não posso ligar. Pode ser {result.text('proximo_horario')}?"
        case "ja_agendada":
            return f"Já temos uma ligação combinada: te ligo {result.text('quando')}."
        case "horario_invalido":
            return "Não entendi bem o horário. Em que dia e a que horas fica bom receber a ligação?"
        case "sem_telefone":
            return join("Não tenho aqui um telefone seu para ligar.", HUMAN_OFFER)
        case "nao_permitido" | "indisponivel" | "sistema_indisponivel":
            return join("Não consigo ligar para você agora, mas sigo por aqui.", HUMAN_OFFER)
        case "nada_agendado":
            return "Não há nenhuma ligação combinada. Posso ajudar em mais alguma coisa?"
        case _:
            return cannot_call(turn)


def _wanted(turn: Turn) -> str:
    """Return when the call is wanted in the customer's words, the hour that was offered, or nothing for now."""
    if _takes_back(turn):
        return "cancelar"
    said = _WHEN.search(turn.new_text)
    if said is not None:
        return said[0]
    past = turn.past(_TOOL)
    if past is not None and past.error == "fora_do_horario" and turn.is_plain_yes:
        return past.text("proximo_horario")
    return ""


def _reason(turn: Turn) -> str:
    topic = next((text for text in reversed(turn.earlier_texts) if len(fold(text)) > 12), "")
    about = f" Antes disse: {topic[:120]}" if topic else ""
    return f"Cliente pediu ligação: {turn.new_text[:120]}.{about}".strip()
