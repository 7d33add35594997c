"""What the pages say, in each language. A sentence missing in one of them is a type error."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Language = Literal["pt", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    html_language: str
    title: str
    subtitle: str
    language: str
    to_dark: str
    to_light: str
    tab_people: str
    tab_chat: str
    tab_trace: str
    people_hint: str
    online: str
    typing: str
    with_person: str
    look: str
    new_conversation: str
    empty_chat_title: str
    empty_chat_text: str
    pick_title: str
    pick_text: str
    message: str
    send: str
    suggestions: str
    copy: str
    copied: str
    handed_off: str
    hand_back: str
    handed_back: str
    ended: str
    opened_file: str
    place: str
    by_person: str
    sending: str
    stored: str
    seen: str
    queued: str
    sent: str
    delivered: str
    read: str
    failed: str
    unknown: str
    trace_title: str
    trace_empty_title: str
    trace_empty_text: str
    turn: str
    route: str
    no_agent: str
    arguments: str
    result: str
    observer: str
    refiner: str
    model_step: str
    other_step: str
    verdict_approved: str
    verdict_refined: str
    verdict_revise: str
    verdict_held: str
    verdict_none: str
    reasons_none: str
    prompt: str
    model: str
    tokens: str
    duration: str
    reruns: str
    no_model: str
    api_down: str
    database_down: str
    retrying: str
    no_demo: str
    overdue_one: str
    overdue_many: str
    promise: str
    claim: str
    opted_out: str
    settled: str


PORTUGUESE: Final = Words(
    html_language="pt-BR",
    title="Simulador",
    subtitle="Converse como cliente e veja, ao lado, o que o grafo fez.",
    language="Idioma",
    to_dark="Usar tema escuro",
    to_light="Usar tema claro",
    tab_people="Contatos",
    tab_chat="Conversa",
    tab_trace="Bastidores",
    people_hint="Quem está falando?",
    online="online",
    typing="digitando…",
    with_person="com uma pessoa",
    look="Aparência do canal",
    new_conversation="Nova conversa",
    empty_chat_title="Comece a conversa",
    empty_chat_text="Escreva como {name} escreveria. A mensagem segue pelo mesmo caminho de um provedor de verdade.",
    pick_title="Escolha um contato",
    pick_text="Cada um tem uma situação diferente: faturas vencidas, promessa ativa, tudo em dia.",
    message="Mensagem",
    send="Enviar",
    suggestions="Sugestões",
    copy="Copiar código",
    copied="Copiado",
    handed_off="Conversa transferida para uma pessoa",
    hand_back="Devolver ao bot",
    handed_back="A conversa voltou para o bot",
    ended="Conversa encerrada. A próxima mensagem abre uma nova.",
    opened_file="Abrir arquivo",
    place="Localização",
    by_person="Equipe",
    sending="Enviando",
    stored="Recebida pelo serviço",
    seen="Lida pela assistente",
    queued="Na fila",
    sent="Enviada",
    delivered="Entregue",
    read="Lida",
    failed="Não foi entregue",
    unknown="Entrega incerta",
    trace_title="O que o grafo fez",
    trace_empty_title="Nada por aqui ainda",
    trace_empty_text="A cada resposta aparecem aqui a rota, as ferramentas, o veredito do observador e os números.",
    turn="Turno",
    route="Rota",
    no_agent="resposta direta, sem agente",
    arguments="Argumentos",
    result="Resultado",
    observer="Observador",
    refiner="Refinamento",
    model_step="Modelo",
    other_step="Passo",
    verdict_approved="aprovado",
    verdict_refined="refinado",
    verdict_revise="revisar",
    verdict_held="retido",
    verdict_none="sem resposta",
    reasons_none="Sem ressalvas.",
    prompt="Prompt",
    model="Modelo",
    tokens="Tokens",
    duration="Tempo",
    reruns="Repetições",
    no_model="nenhum (regra)",
    api_down="A API não está respondendo.",
    database_down="O banco de dados não está respondendo.",
    retrying="Tentando de novo…",
    no_demo="A demonstração não está carregada. Rode “make demo” e esta página continua sozinha.",
    overdue_one="1 fatura vencida",
    overdue_many="{count} faturas vencidas",
    promise="promessa ativa",
    claim="pagamento informado",
    opted_out="descadastrado",
    settled="em dia",
)

ENGLISH: Final = Words(
    html_language="en",
    title="Simulator",
    subtitle="Talk as a customer and see, beside it, what the graph did.",
    language="Language",
    to_dark="Use the dark theme",
    to_light="Use the light theme",
    tab_people="Contacts",
    tab_chat="Chat",
    tab_trace="Trace",
    people_hint="Who is talking?",
    online="online",
    typing="typing…",
    with_person="with a person",
    look="Look of the channel",
    new_conversation="New conversation",
    empty_chat_title="Start the conversation",
    empty_chat_text="Write as {name} would, in Portuguese. The message takes the same path as a real provider's.",
    pick_title="Choose a contact",
    pick_text="Each has a different situation: overdue invoices, a live promise, nothing to pay.",
    message="Message",
    send="Send",
    suggestions="Suggestions",
    copy="Copy code",
    copied="Copied",
    handed_off="Conversation handed over to a person",
    hand_back="Give back to the bot",
    handed_back="The conversation is back with the bot",
    ended="Conversation closed. The next message opens a new one.",
    opened_file="Open file",
    place="Location",
    by_person="Team",
    sending="Sending",
    stored="Received by the service",
    seen="Read by the assistant",
    queued="Queued",
    sent="Sent",
    delivered="Delivered",
    read="Read",
    failed="Not delivered",
    unknown="Delivery uncertain",
    trace_title="What the graph did",
    trace_empty_title="Nothing here yet",
    trace_empty_text="With each reply you see the route, the tools, the observer's verdict and the figures here.",
    turn="Turn",
    route="Route",
    no_agent="direct reply, no agent",
    arguments="Arguments",
    result="Result",
    observer="Observer",
    refiner="Refinement",
    model_step="Model",
    other_step="Step",
    verdict_approved="approved",
    verdict_refined="refined",
    verdict_revise="revise",
    verdict_held="held",
    verdict_none="no reply",
    reasons_none="No objections.",
    prompt="Prompt",
    model="Model",
    tokens="Tokens",
    duration="Time",
    reruns="Reruns",
    no_model="none (rule)",
    api_down="The API is not answering.",
    database_down="The database is not answering.",
    retrying="Trying again…",
    no_demo="The demo is not loaded. Run “make demo” and this page goes on by itself.",
    overdue_one="1 overdue invoice",
    overdue_many="{count} overdue invoices",
    promise="live promise",
    claim="payment reported",
    opted_out="opted out",
    settled="nothing to pay",
)

WORDS: Final[dict[Language, Words]] = {"pt": PORTUGUESE, "en": ENGLISH}
# What the customer would type: Portuguese in every language of the page, because the assistant answers Brazilians.
SUGGESTIONS: Final = ("oi, quero ver minha fatura", "já paguei", "quanto custa o plano de 600 mega?")


def choose_language(chosen: str | None, accepted: str) -> Language:
    """Take the language somebody chose, else the browser's first one that we speak, else Portuguese."""
    by_name: dict[str | None, Language] = {language: language for language in LANGUAGES}
    if chosen in by_name:
        return by_name[chosen]
    for item in sorted(accepted.split(","), key=_weight, reverse=True):
        name = item.split(";")[0].strip().lower().split("-")[0]
        if name in by_name:
            return by_name[name]
    return "pt"


def _weight(item: str) -> float:
    """Read the q of one item of Accept-Language; nonsense counts as unwanted."""
    _, _, quality = item.partition("q=")
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
