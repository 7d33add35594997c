"""The API's errors in Portuguese. In English they speak for themselves; a test finds every sentence that lacks here."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from domain.documents import InvalidDocument
from domain.errors import (
    AccountExists,
    AlreadyHandedOff,
    CampaignBudgetExhausted,
    CampaignCannotBecome,
    CampaignHasContacts,
    CampaignNotEditable,
    CampaignWithoutAccount,
    CampaignWithoutTargets,
    CampaignWithoutTemplate,
    ContactMerged,
    ConversationClosed,
    DomainError,
    InvalidInput,
    LastAdminKey,
    MessageIdTaken,
    NotFound,
    NotHandedOff,
    PromptRefused,
    ScopeMissing,
    TargetNotEditable,
    Unauthenticated,
    UnknownNames,
)
from domain.phones import InvalidPhone
from domain.promises import PromiseSettled
from services.call_admin import CallNotHungUp, CallNotLive
from services.call_requests import (
    CallAlreadyAsked,
    CallNotAllowed,
    ContactWithoutConversation,
    NoPhone,
    NoVoiceAccount,
    OutsideCallHours,
    RequestEnded,
)
from services.imports import ImportEnded
from services.ledger import InvoiceRefused
from services.message_templates import TemplateExists, TemplateInUse
from store.cipher import SecretUnreadable

# `{error.x}` is an attribute of the error; names and states stay as the API writes them.
SENTENCES: Final[Mapping[type[DomainError], str]] = {
    Unauthenticated: "Envie uma chave de API válida assim: Authorization: Bearer <chave>",
    ScopeMissing: "Esta chave de API não tem o escopo {error.scope}",
    InvalidDocument: "Este não é um CPF ou CNPJ válido",
    InvalidPhone: "Este não é um número de telefone válido",
    SecretUnreadable: "As credenciais guardadas não podem ser lidas",
    ConversationClosed: "A conversa está encerrada",
    AlreadyHandedOff: "Uma pessoa já está cuidando desta conversa",
    NotHandedOff: "O robô já está cuidando desta conversa",
    MessageIdTaken: "Outra mensagem já tem este id",
    ContactMerged: "Este contato foi unido ao contato {error.into}",
    AccountExists: "Já existe uma conta com este provider e este externalId",
    LastAdminKey: "Esta é a última chave de API com o escopo admin; crie outra antes",
    CampaignNotEditable: "A campanha foi concluída e não pode mais ser alterada",
    CampaignCannotBecome: "Uma campanha com status {error.current} não pode passar a {error.new}",
    CampaignHasContacts: (
        "A campanha já contatou pessoas e fica guardada como prova; conclua a campanha em vez de apagar"
    ),
    CampaignWithoutTargets: "A campanha não tem nenhum alvo; importe um arquivo antes",
    CampaignWithoutAccount: "A campanha não tem nenhuma conta de canal ativa para {error.method}",
    CampaignWithoutTemplate: "A campanha precisa de um modelo de mensagem aprovado para {error.provider}",
    CampaignBudgetExhausted: (
        "A campanha já gastou {error.spent_cents} de {error.budget_cents} centavos; aumente o orçamento antes"
    ),
    ImportEnded: "A importação já está com status {error.status}",
    TemplateExists: "A conta de canal já tem um modelo de mensagem com este nome e idioma",
    TemplateInUse: "Uma campanha usa este modelo de mensagem",
    TargetNotEditable: "Um alvo com estado {error.state} não pode ser alterado desta forma",
    NoPhone: "Não há um telefone deste contato para ligar",
    CallNotAllowed: "Este contato não pode receber ligações",
    NoVoiceAccount: "Não há nenhuma conta de canal ativa que faça ligações",
    CallAlreadyAsked: "Já há uma ligação combinada com este contato",
    OutsideCallHours: "Nesse horário não se pode ligar; o próximo horário é {error.next_at:%d/%m/%Y %H:%M} UTC",
    ContactWithoutConversation: "O contato não tem conversa por mensagem, para onde iria o resumo",
    RequestEnded: "O pedido de ligação já está com o estado {error.state}",
    CallNotLive: "Uma ligação com status {error.status} não pode ser encerrada",
    CallNotHungUp: "{error.provider} não encerrou a ligação; tente de novo",
    PromiseSettled: "A promessa está com status {error.status} e não pode mais ser alterada",
}

THINGS: Final[Mapping[str, str]] = {
    "API key": "esta chave de API",
    "agent": "este agente",
    "call": "esta ligação",
    "call request": "este pedido de ligação",
    "campaign": "esta campanha",
    "chain of this agent": "uma sequência de modelos deste agente",
    "channel account": "esta conta de canal",
    "contact": "este contato",
    "conversation": "esta conversa",
    "holiday": "este feriado",
    "import": "esta importação",
    "promise": "esta promessa",
    "prompt": "este prompt",
    "prompt version": "esta versão do prompt",
    "target": "este alvo",
    "template": "este modelo de mensagem",
    "tenant": "esta empresa",
}

# Why a value was not taken. `{}` is what varies, in the same order in both languages.
REASONS: Final[Mapping[str, str]] = {
    "is wrong": "não é um valor aceito",
    "must not be empty": "não pode ficar vazio",
    "must not be null": "não pode ser null",
    "must not be past": "não pode estar no passado",
    "must be above zero": "precisa ser maior que zero",
    "must be {} to {}": "precisa ficar entre {} e {}",
    "must have 1 to {} characters": "precisa ter de 1 a {} caracteres",
    "must be one of: {}": "precisa ser um destes: {}",
    "may be at most {}": "pode ser no máximo {}",
    "may be at most {} days ahead": "pode ser no máximo {} dias à frente",
    "cannot be read as a day and an hour": "não dá para entender como dia e hora",
    "may have at most {} characters": "pode ter no máximo {} caracteres",
    "may only be filled from: {}": "só pode ser preenchido com: {}",
    "may only name: {}": "só aceita estes nomes: {}",
    "may only name the variables: {}": "só aceita as variáveis: {}",
    "may only name allowed methods": "só pode citar métodos permitidos",
    "refused: {}": "recusado: {}",
    "cannot be used: {}": "não pode ser usado: {}",
    "must be 1 to {} printable characters on one line": "precisa ter de 1 a {} caracteres visíveis em uma linha",
    "must be a URL": "precisa ser uma URL",
    "must be an http(s) URL without user and password": "precisa ser uma URL http(s) sem usuário e senha",
    "must be an https URL": "precisa ser uma URL https",
    "must name a language, such as pt-BR or multi": "precisa nomear um idioma, como pt-BR ou multi",
    "must not name a link-local, multicast or unspecified address": (
        "não pode indicar um endereço link-local, multicast ou não especificado"
    ),
    "must not be after to, and at most {} days before it": ("não pode ser depois de to, nem mais de {} dias antes"),
    "must name 1 to {} models": "precisa indicar de 1 a {} modelos",
    'takes "offline" and names like "openai:gpt-5-mini"': 'aceita "offline" e nomes como "openai:gpt-5-mini"',
    "must contain the method that the campaign begins with": "precisa incluir o método com que a campanha começa",
    "must be a time of day without a zone": "precisa ser um horário sem fuso",
    "must be at least 30 minutes after scheduleStart": "precisa ser pelo menos 30 minutos depois de scheduleStart",
    "must be one or more of 1 (Monday) to 7 (Sunday)": "precisa ter um ou mais dias, de 1 (segunda) a 7 (domingo)",
    "names an account that does not exist": "cita uma conta que não existe",
    "names an account that none of the allowed methods can use": (
        "cita uma conta que nenhum dos métodos permitidos pode usar"
    ),
    "names a template that does not exist": "cita um modelo de mensagem que não existe",
    "belongs to a channel account that the campaign does not use": ("é de uma conta de canal que a campanha não usa"),
    "has braces that are no variable": "tem chaves que não são uma variável",
    "must use {{1}} to the number of its variables": "precisa usar de {{1}} até o número das suas variáveis",
    "must be neutral: a first message names no debt and no amount": (
        "precisa ser neutro: a primeira mensagem não fala de dívida nem de valor"
    ),
    "cannot be changed together with dueOn or amountCents": "não pode mudar junto com dueOn ou amountCents",
    "cannot be promised: nothing is open": "não pode ser prometido: não há nada em aberto",
    "must not be above the open debt of {} cents": "não pode passar da dívida em aberto de {} centavos",
    "must not contain NUL characters": "não pode conter caracteres NUL",
    "must be well-formed Unicode": "precisa ser Unicode bem formado",
    "is needed by Twilio": "é necessário para a Twilio",
    "is no year of the calendar": "não é um ano do calendário",
    "may only become pending or completed": "só pode passar a pending ou completed",
    "must be a Brazilian mobile or fixed line": "precisa ser um celular ou telefone fixo do Brasil",
    "must be a Brazilian state, or be left out for everywhere": (
        "precisa ser um estado do Brasil, ou ficar de fora para valer em todos"
    ),
    "must be a WhatsApp account": "precisa ser uma conta de WhatsApp",
    "must be a language code, such as pt_BR": "precisa ser um código de idioma, como pt_BR",
    "must be a phone number": "precisa ser um número de telefone",
    "must be above zero and at most 1.000.000.000,00": "precisa ser maior que zero e no máximo 1.000.000.000,00",
    "must be between {} and {}": "precisa ficar entre {} e {}",
    "must be one of the 27 states": "precisa ser um dos 27 estados",
    "must not be before firstYear": "não pode ser antes de firstYear",
    "needs the state completed": "só vale junto com o estado completed",
    # of invoices
    "amount": "valor",
    "number": "número",
    "belongs to another customer": "pertence a outro cliente",
    # of prompts
    "the body is empty": "o texto está vazio",
    "the body is longer than 20,000 characters": "o texto passa de 20.000 caracteres",
    "unknown prompt name {}": "nome de prompt desconhecido: {}",
    "unknown variable {}": "variável desconhecida: {}",
    "stray template braces": "há chaves de variável soltas",
}

# By pydantic's error type; `{x}` is from the error's context.
PROBLEMS: Final[Mapping[str, str]] = {
    "missing": "campo obrigatório",
    "extra_forbidden": "este campo não existe aqui",
    "json_invalid": "o corpo não é um JSON válido",
    "json_type": "o corpo precisa ser JSON",
    "recursion_loop": "o corpo tem níveis demais",
    "recursion_depth_exceeded": "o corpo tem níveis demais",
    "model_type": "precisa ser um objeto",
    "model_attributes_type": "precisa ser um objeto",
    "dict_type": "precisa ser um objeto",
    "invalid_key": "os nomes precisam ser textos",
    "list_type": "precisa ser uma lista",
    "set_type": "precisa ser uma lista",
    "tuple_type": "precisa ser uma lista",
    "too_short": "tem itens de menos (mínimo: {min_length})",
    "too_long": "tem itens demais (máximo: {max_length})",
    "string_type": "precisa ser um texto",
    "string_unicode": "precisa ser Unicode bem formado",
    "string_too_short": "tem caracteres de menos (mínimo: {min_length})",
    "string_too_long": "tem caracteres demais (máximo: {max_length})",
    "string_pattern_mismatch": "não tem o formato esperado",
    "string_not_ascii": "só aceita caracteres ASCII",
    "enum": "precisa ser um destes: {expected}",
    "literal_error": "precisa ser um destes: {expected}",
    "bool_type": "precisa ser true ou false",
    "bool_parsing": "precisa ser true ou false",
    "int_type": "precisa ser um número inteiro",
    "int_parsing": "precisa ser um número inteiro",
    "int_parsing_size": "é um número grande demais",
    "int_from_float": "precisa ser um número inteiro",
    "float_type": "precisa ser um número",
    "float_parsing": "precisa ser um número",
    "finite_number": "precisa ser um número finito",
    "decimal_type": "precisa ser um número",
    "decimal_parsing": "precisa ser um número",
    "decimal_max_digits": "pode ter no máximo {max_digits} algarismos",
    "decimal_max_places": "pode ter no máximo {decimal_places} casas decimais",
    "greater_than": "precisa ser maior que {gt}",
    "greater_than_equal": "precisa ser no mínimo {ge}",
    "less_than": "precisa ser menor que {lt}",
    "less_than_equal": "pode ser no máximo {le}",
    "multiple_of": "precisa ser múltiplo de {multiple_of}",
    "date_type": "precisa ser uma data (AAAA-MM-DD)",
    "date_parsing": "precisa ser uma data (AAAA-MM-DD)",
    "date_from_datetime_parsing": "precisa ser uma data (AAAA-MM-DD)",
    "date_from_datetime_inexact": "precisa ser uma data sem horário",
    "date_past": "precisa estar no passado",
    "date_future": "precisa estar no futuro",
    "time_type": "precisa ser um horário (HH:MM)",
    "time_parsing": "precisa ser um horário (HH:MM)",
    "datetime_type": "precisa ser um instante em ISO 8601",
    "datetime_parsing": "precisa ser um instante em ISO 8601",
    "datetime_object_invalid": "precisa ser um instante em ISO 8601",
    "datetime_from_date_parsing": "precisa ser um instante em ISO 8601",
    "datetime_past": "precisa estar no passado",
    "datetime_future": "precisa estar no futuro",
    "timezone_naive": "não pode ter fuso",
    "timezone_aware": "precisa dizer o fuso",
    "timezone_offset": "tem um fuso que não é aceito",
    "uuid_type": "precisa ser um UUID",
    "uuid_parsing": "precisa ser um UUID",
    "uuid_version": "precisa ser um UUID da versão {expected_version}",
    "url_type": "precisa ser uma URL",
    "url_parsing": "precisa ser uma URL",
    "url_syntax_violation": "precisa ser uma URL",
    "url_too_long": "pode ter no máximo {max_length} caracteres",
    "url_scheme": "precisa começar com {expected_schemes}",
}

HTTP_MESSAGES: Final[Mapping[int, str]] = {
    400: "Não foi possível ler a requisição",
    401: "Envie uma chave de API válida",
    403: "Isto não é permitido",
    404: "Não há nada aqui",
    405: "Este método não é permitido aqui",
    413: "A requisição é grande demais",
    415: "Este tipo de conteúdo não é aceito",
    422: "A requisição não pode ser aceita",
    503: "O serviço não alcança o banco de dados; tente de novo em instantes",
}
INTERNAL: Final = "Algo deu errado; o id da requisição permite encontrar o erro nos registros"
UNFIT: Final = "A requisição não serve; veja os detalhes"
_ELSE: Final = "A requisição não pode ser atendida"
_UNSAID: Final = "não é um valor aceito"


def sentence_for(error: DomainError) -> str:
    """Say an error that the API answers with."""
    match error:
        case NotFound():
            return f"Não encontramos {THINGS.get(error.what, 'o que foi pedido')}"
        case InvalidInput():
            return f"{error.field}: {reason_for(error)}"
        case InvoiceRefused():
            return f"A fatura {error.number!r} foi recusada: {reason(error.reason)}"
    for kind, text in SENTENCES.items():
        if isinstance(error, kind):
            return text.format(error=error)
    return _ELSE


def reason_for(error: InvalidInput) -> str:
    """Say why a value was not taken, without its field."""
    match error:
        case UnknownNames():
            return f"só aceita estes nomes: {', '.join(error.known) or '(nada foi definido)'}"
        case PromptRefused():
            return f"não pode ser usado: {'; '.join(reason(problem) for problem in error.problems)}"
    return reason(error.reason)


def reason(english: str) -> str:
    """Translate one reason; one that nobody has translated says only that the value is not taken."""
    if english in REASONS:
        return REASONS[english]
    for pattern, portuguese in _patterns():
        match = pattern.fullmatch(english)
        if match:
            return _fill(portuguese, match.groups())
    return _UNSAID


def problem(kind: str, context: Mapping[str, object], english: str) -> str:
    """Translate what pydantic says of one field."""
    if kind in ("value_error", "assertion_error"):
        return reason(english.partition(", ")[2])
    words = {name: str(value).replace(" or ", " ou ") for name, value in context.items()}
    try:
        return PROBLEMS[kind].format(**words)
    except (KeyError, IndexError):
        return _UNSAID


def message_of_status(status: int) -> str:
    """Say an HTTP error that is none of ours."""
    return HTTP_MESSAGES.get(status, _ELSE)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Give the reasons with a varying part, those that say most first."""
    varying = [(english, portuguese) for english, portuguese in REASONS.items() if _PLACE.search(english)]
    varying.sort(key=lambda pair: -len(_PLACE.sub("", pair[0])))
    return tuple(
        (re.compile("(.{1,2000})".join(map(re.escape, _PLACE.split(english)))), portuguese)
        for english, portuguese in varying
    )


_PLACE = re.compile(r"(?<!\{)\{\}(?!\})")


def _fill(portuguese: str, parts: tuple[str, ...]) -> str:
    given = iter(parts)
    return _PLACE.sub(lambda _: next(given), portuguese)
