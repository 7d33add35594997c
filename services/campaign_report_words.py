"""What the report of a campaign says in Portuguese: names of states, outcomes, methods, reasons."""

from collections.abc import Mapping
from typing import Final

STATES: Final[Mapping[str, str]] = {
    "pending": "aguardando",
    "scheduled": "agendado",
    "calling": "em ligação",
    "contacted": "contatado",
    "completed": "concluído",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "sent": "mensagem enviada",
    "answered": "respondeu",
    "no_answer": "sem resposta",
    "busy": "ocupado",
    "failed": "falhou",
    "canceled": "cancelado",
    "voicemail": "caixa postal",
    "unknown": "envio incerto",
    "promise_made": "prometeu pagar",
    "promise_broken": "promessa não cumprida",
    "payment_claimed": "diz que pagou",
    "callback_requested": "pediu retorno",
    "paid": "pago",
    "opted_out": "pediu para não receber",
    "wrong_person": "pessoa errada",
    "unknown_customer": "cliente desconhecido",
}
METHODS: Final[Mapping[str, str]] = {"whatsapp": "WhatsApp", "voice": "Ligação", "sms": "SMS"}
CONTACT_METHODS: Final[Mapping[str, str]] = {
    "voice": "Ligação",
    "whatsapp_primary": "WhatsApp",
    "whatsapp_fallback": "Ligação, depois WhatsApp",
}
STATUSES: Final[Mapping[str, str]] = {
    "draft": "rascunho",
    "active": "ativa",
    "paused": "pausada",
    "completed": "concluída",
}
PROMISES: Final[Mapping[str, str]] = {
    "pending": "em aberto",
    "fulfilled": "cumprida",
    "broken": "não cumprida",
    "renegotiated": "renegociada",
    "canceled": "cancelada",
}
REASONS: Final[Mapping[str, str]] = {
    "already_paid": "já estava pago",
    "active_promise": "promessa em aberto",
    "opted_out": "pediu para não receber",
    "wrong_person": "número de outra pessoa",
    "unknown_customer": "cliente desconhecido no CRM",
    "target_not_due": "alterado enquanto esperava",
    "campaign_not_active": "campanha fora do ar",
    "no_usable_method": "nenhum canal possível",
    "attempts_exhausted": "tentativas esgotadas",
    "number_not_contactable": "número não pode ser contatado",
    "outside_hours": "fora do horário permitido",
    "holiday": "feriado",
    "frequency_cap": "limite de contatos",
    "live_conversation": "conversa em andamento",
    "human_handling": "com um atendente",
    "payment_claimed": "diz que pagou, em conferência",
    "crm_unavailable": "CRM fora do ar",
    "not_overdue": "nada vencido",
    "account_stopped": "conta de canal parada",
    "template_not_approved": "modelo de mensagem sem aprovação",
    "budget_exhausted": "orçamento esgotado",
    "rate_limited": "ritmo máximo do canal",
    "place_unknown": "região desconhecida",
    "bot_disabled": "robô desligado",
    "internal": "falha interna",
}
WEEKDAYS: Final = ("seg", "ter", "qua", "qui", "sex", "sáb", "dom")
COLUMNS: Final = (
    "Nome", "Documento", "Telefone", "Fatura", "Valor da dívida (R$)", "Estado", "Resultado", "Último canal",
    "Contatos feitos", "Primeiro contato", "Última tentativa", "Promessa feita em", "Promessa para",
    "Valor prometido (R$)", "Situação da promessa", "Pago em",
)  # fmt: skip
