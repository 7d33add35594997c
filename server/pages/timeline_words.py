"""What a contact's timeline says, in each language. A sentence missing in one of them is a type error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from server.pages.words import Language


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineWords:
    title: str
    subtitle: str
    open_timeline: str
    back: str
    unnamed: str
    opted_out: str
    entries_one: str
    entries_many: str
    empty_title: str
    empty_text: str
    missing_title: str
    missing_text: str
    older: str
    today: str
    yesterday: str
    customer: str
    assistant: str
    operator: str
    campaign: str
    without_words: str
    not_delivered: str
    phone: str
    simulator: str
    call_in: str
    call_out: str
    call_out_requested: str
    call_out_campaign: str
    call_request: str
    wanted_at: str
    promise: str
    due_on: str
    protocol: str
    summary: str
    transcript: str
    nothing_said: str
    interrupted: str
    recording: str
    transferred: str
    outcomes: Mapping[str, str]
    running: str
    requests: Mapping[str, str]
    promises: Mapping[str, str]


PORTUGUESE: Final = TimelineWords(
    title="Histórico",
    subtitle="Mensagens, ligações, pedidos e promessas de um contato, na ordem em que aconteceram.",
    open_timeline="Histórico do contato",
    back="Voltar ao simulador",
    unnamed="Sem nome",
    opted_out="descadastrado",
    entries_one="1 registro",
    entries_many="{count} registros",
    empty_title="Nada aconteceu ainda",
    empty_text="Mensagens, ligações, pedidos de ligação e promessas aparecem aqui, o mais novo em cima.",
    missing_title="Contato não encontrado",
    missing_text="O endereço não é de nenhum contato desta empresa.",
    older="Mostrar mais antigos",
    today="Hoje",
    yesterday="Ontem",
    customer="Cliente",
    assistant="Assistente",
    operator="Equipe",
    campaign="Campanha",
    without_words="(sem texto)",
    not_delivered="não foi entregue",
    phone="Telefone",
    simulator="Simulador",
    call_in="Ligação recebida",
    call_out="Ligação feita",
    call_out_requested="Ligação pedida pelo cliente",
    call_out_campaign="Ligação de campanha",
    call_request="Pedido de ligação",
    wanted_at="para {time}",
    promise="Promessa de pagamento",
    due_on="para {time}",
    protocol="Protocolo",
    summary="Resumo",
    transcript="O que foi dito",
    nothing_said="Ninguém falou nesta ligação.",
    interrupted="interrompida",
    recording="Ouvir a gravação",
    transferred="passada para {number}",
    outcomes={
        "answered": "atendida", "voicemail": "caixa postal", "no_answer": "não atendeu", "busy": "ocupado",
        "failed": "não completou", "canceled": "cancelada", "unknown": "incerta",
    },
    running="em andamento",
    requests={"waiting": "aguardando", "calling": "ligando", "done": "feita", "canceled": "cancelada"},
    promises={
        "pending": "ativa", "fulfilled": "cumprida", "broken": "não cumprida", "renegotiated": "renegociada",
        "canceled": "cancelada",
    },
)  # fmt: skip

ENGLISH: Final = TimelineWords(
    title="Timeline",
    subtitle="A contact's messages, calls, call requests and promises, in the order they happened.",
    open_timeline="Contact timeline",
    back="Back to the simulator",
    unnamed="No name",
    opted_out="opted out",
    entries_one="1 entry",
    entries_many="{count} entries",
    empty_title="Nothing has happened yet",
    empty_text="Messages, calls, call requests and promises appear here, newest first.",
    missing_title="Contact not found",
    missing_text="This address belongs to no contact of this company.",
    older="Show older",
    today="Today",
    yesterday="Yesterday",
    customer="Customer",
    assistant="Assistant",
    operator="Team",
    campaign="Campaign",
    without_words="(no text)",
    not_delivered="not delivered",
    phone="Phone",
    simulator="Simulator",
    call_in="Incoming call",
    call_out="Outgoing call",
    call_out_requested="Call the customer asked for",
    call_out_campaign="Campaign call",
    call_request="Call request",
    wanted_at="for {time}",
    promise="Promise to pay",
    due_on="for {time}",
    protocol="Protocol",
    summary="Summary",
    transcript="What was said",
    nothing_said="Nobody spoke in this call.",
    interrupted="interrupted",
    recording="Listen to the recording",
    transferred="handed to {number}",
    outcomes={
        "answered": "answered", "voicemail": "voicemail", "no_answer": "no answer", "busy": "busy",
        "failed": "failed", "canceled": "canceled", "unknown": "uncertain",
    },
    running="in progress",
    requests={"waiting": "waiting", "calling": "calling", "done": "done", "canceled": "canceled"},
    promises={
        "pending": "active", "fulfilled": "kept", "broken": "broken", "renegotiated": "renegotiated",
        "canceled": "canceled",
    },
)  # fmt: skip

TIMELINE_WORDS: Final[Mapping[Language, TimelineWords]] = {"pt": PORTUGUESE, "en": ENGLISH}
