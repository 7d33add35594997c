"""The first words of a call, and those said by rule. Whoever picks up may be anybody: no word of any debt."""

from typing import Literal

STILL_THERE = "Oi, você ainda está na linha?"
NOBODY_THERE = "Acho que a ligação caiu. Quando puder, fale com a gente. Até logo!"
TIME_IS_UP = "Preciso encerrar a ligação agora, mas podemos continuar por mensagem. Obrigada, até logo!"
TROUBLE = "Desculpe, tive um problema aqui. Você pode repetir, por favor?"
HOLDING = (
    "Só um instante, estou consultando aqui.",
    "Só mais um momento, por favor.",
    "Já estou vendo isso para você, só um instantinho.",
)
"""Said while a tool takes long, one after the other in a call, so that none is heard twice in a row."""
PERSON_WILL_WRITE = "Uma pessoa da nossa equipe vai falar com você. Obrigada pela paciência, até logo!"
_RECORDED = " Esta ligação é gravada."


def greeting(
    *, assistant: str, tenant: str, first_name: str | None, purpose: Literal["campaign", "requested", "received"],
    is_recorded: bool = False,
) -> str:  # fmt: skip
    """Say who speaks and for whom, that it is a virtual assistant, and ask for the person (spec 1.3, 3.10)."""
    opening = f"Olá! Aqui é {assistant}, assistente virtual da {tenant}.{_RECORDED if is_recorded else ''}"
    if purpose == "requested":
        opening += " Estou ligando porque você pediu."
    if first_name:
        return f"{opening} Falo com {first_name}?"
    return f"{opening} {'Como posso ajudar?' if purpose == 'received' else 'Com quem eu falo, por favor?'}"
