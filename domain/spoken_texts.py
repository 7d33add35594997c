"""What a call of a campaign says (compliance 3 and 5): who speaks, for whom, and never a word of any debt."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from domain.message_templates import first_name

_NAMELESS: Final = "cliente"
_WEEKDAYS: Final = (
    "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo",
)  # fmt: skip

GOODBYE: Final = "Agradecemos a sua atenção. Até logo!"
APOLOGY: Final = "Desculpe, não consegui continuar a ligação agora. Até logo!"
NOT_A_CHOICE: Final = "Não entendi a sua escolha."
NOTHING_HEARD: Final = "Não recebi a sua resposta."
OPTED_OUT: Final = (
    "Pronto, já anotei. A partir de agora, você não recebe mais ligações nem mensagens por iniciativa nossa. "
    "Se precisar de alguma coisa, é só nos procurar. Até logo!"
)


def greeting(*, client_name: str, document: str, tenant_name: str, assistant_name: str) -> str:
    """Say who calls, for whom and why. Whoever answers may be anybody: the first name is all that is said."""
    name = first_name(client_name, document=document)
    recipient = "para você" if name == _NAMELESS else f"para {name}"
    return (
        f"Olá! Aqui quem fala é {assistant_name}, assistente virtual da {tenant_name}. "
        f"Tenho um recado {recipient}, sobre o contrato com a gente."
    )


def menu(*, has_whatsapp: bool, has_call_back: bool) -> str:
    """Name the keys; only what can really be done is offered."""
    whatsapp = "Para conversar pelo WhatsApp, tecle 1. " if has_whatsapp else ""
    call_back = "Para receber a ligação em outro horário, tecle 2. " if has_call_back else ""
    return f"{whatsapp}{call_back}Para não receber mais ligações nem mensagens nossas, tecle 9."


def voicemail(*, tenant_name: str, assistant_name: str) -> str:
    """Leave a neutral message: anybody in the house may hear it."""
    return (
        f"Olá! Aqui quem fala é {assistant_name}, assistente virtual da {tenant_name}. "
        "Quando puder, fale com a gente pelos nossos canais de atendimento. Até logo!"
    )


def will_write(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    return f"Combinado! Você recebe a nossa mensagem no WhatsApp {_when(at, now=now, zone=zone)}. Até logo!"


def will_call(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    return f"Combinado! Ligamos de novo {_when(at, now=now, zone=zone)}. Até logo!"


def _when(at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """Name the day and the full hour from which it may come."""
    local = at.astimezone(zone)
    hour = local.hour + (1 if local.minute or local.second else 0)
    days = (local.date() - now.astimezone(zone).date()).days
    if days <= 0:
        day = "hoje"
    elif days == 1:
        day = "amanhã"
    elif days < 7:
        day = f"{'no' if local.weekday() >= 5 else 'na'} {_WEEKDAYS[local.weekday()]}"
    else:
        day = f"no dia {local.day}"
    return f"{day}, a partir das {hour} horas"
