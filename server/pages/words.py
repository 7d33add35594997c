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
    call: str
    call_unavailable: str
    call_calling: str
    call_on: str
    call_thinking: str
    call_lost: str
    call_transferred: str
    call_over: str
    call_failed: str
    call_failed_text: str
    call_box: str
    call_say: str
    call_timeline: str
    call_connected: str
    call_again: str
    call_dropped: str
    call_silence: str
    call_cut: str
    call_unsaid: str
    call_tool: str
    call_to_person: str
    call_hang_up: str
    call_hang_up_sure: str
    call_stay: str
    call_mute: str
    call_mute_short: str
    call_drop: str
    call_pace: str
    call_at_once: str
    call_back_to_chat: str
    call_once_more: str
    call_summary: str
    call_summary_coming: str
    call_summary_late: str
    call_summary_none: str
    call_first_hang_up: str
    call_ended_user: str
    call_ended_agent: str
    call_ended_transfer: str
    call_ended_silence: str
    call_ended_lost: str
    call_ended_other: str
    ring_title: str
    ring_for: str
    ring_answer: str
    ring_decline: str
    ring_agreed: str
    ring_now: str
    ring_now_refused: str


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
    call="Ligar",
    call_unavailable="O telefone do simulador não está configurado. Rode “make demo”.",
    call_calling="chamando…",
    call_on="em ligação",
    call_thinking="pensando…",
    call_lost="conexão perdida, religando…",
    call_transferred="transferida",
    call_over="ligação encerrada",
    call_failed="não completou",
    call_failed_text="O serviço não atendeu. Veja se a API está no ar e tente de novo.",
    call_box="Fale como {name}…",
    call_say="Falar",
    call_timeline="O que se fala na ligação",
    call_connected="Ligação atendida",
    call_again="Conexão de volta",
    call_dropped="Conexão perdida",
    call_silence="Silêncio: o serviço é lembrado",
    call_cut="interrompida aqui",
    call_unsaid="não chegou a ser dito",
    call_tool="Ferramenta",
    call_to_person="Transferida para {number}",
    call_hang_up="Desligar",
    call_hang_up_sure="Desligar a ligação?",
    call_stay="Continuar",
    call_mute="Silêncio sem cobrança",
    call_mute_short="Sem cobrar silêncio",
    call_drop="Perder a conexão",
    call_pace="Velocidade da voz",
    call_at_once="na hora",
    call_back_to_chat="Voltar à conversa",
    call_once_more="Ligar de novo",
    call_summary="Resumo",
    call_summary_coming="O resumo chega em instantes…",
    call_summary_late="O resumo ainda não chegou. Ele depende do worker do “make run” e aparece na conversa.",
    call_summary_none="Conversa curta demais para um resumo.",
    call_first_hang_up="Desligue antes de trocar de contato.",
    call_ended_user="Você desligou",
    call_ended_agent="A assistente encerrou",
    call_ended_transfer="A ligação passou para uma pessoa",
    call_ended_silence="Encerrada por silêncio",
    call_ended_lost="A conexão não voltou",
    call_ended_other="A ligação caiu",
    ring_title="{assistant} está ligando…",
    ring_for="para {name}",
    ring_answer="Atender",
    ring_decline="Recusar",
    ring_agreed="Ligação combinada para {time}",
    ring_now="Ligar agora",
    ring_now_refused="Agora não: está fora do horário de ligações.",
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
    call="Call",
    call_unavailable="The simulator's phone is not set up. Run “make demo”.",
    call_calling="calling…",
    call_on="in a call",
    call_thinking="thinking…",
    call_lost="connection lost, reconnecting…",
    call_transferred="transferred",
    call_over="call ended",
    call_failed="did not connect",
    call_failed_text="The service did not answer. See whether the API is up and try again.",
    call_box="Speak as {name}…",
    call_say="Say it",
    call_timeline="What is said in the call",
    call_connected="Call answered",
    call_again="Connected again",
    call_dropped="Connection lost",
    call_silence="Silence: the service is reminded",
    call_cut="interrupted here",
    call_unsaid="never said",
    call_tool="Tool",
    call_to_person="Transferred to {number}",
    call_hang_up="Hang up",
    call_hang_up_sure="Hang up the call?",
    call_stay="Stay",
    call_mute="Never mind silence",
    call_mute_short="Ignore silence",
    call_drop="Lose the connection",
    call_pace="Speed of the voice",
    call_at_once="at once",
    call_back_to_chat="Back to the chat",
    call_once_more="Call again",
    call_summary="Summary",
    call_summary_coming="The summary is on its way…",
    call_summary_late="The summary has not come yet. It needs the worker of “make run” and will show in the chat.",
    call_summary_none="Too short a talk for a summary.",
    call_first_hang_up="Hang up before you change the contact.",
    call_ended_user="You hung up",
    call_ended_agent="The assistant ended it",
    call_ended_transfer="The call went to a person",
    call_ended_silence="Ended after silence",
    call_ended_lost="The connection did not come back",
    call_ended_other="The call broke off",
    ring_title="{assistant} is calling…",
    ring_for="for {name}",
    ring_answer="Answer",
    ring_decline="Decline",
    ring_agreed="Call agreed for {time}",
    ring_now="Ring now",
    ring_now_refused="Not now: outside the hours for calls.",
)

WORDS: Final[dict[Language, Words]] = {"pt": PORTUGUESE, "en": ENGLISH}
# What the customer would type: Portuguese in every language of the page, because the assistant answers Brazilians.
SUGGESTIONS: Final = ("oi, quero ver minha fatura", "já paguei", "quanto custa o plano de 600 mega?")
# What the customer would say on the phone, besides the document.
SPOKEN_SUGGESTIONS: Final = (
    "sim, sou eu",
    "quero ver minha fatura",
    "posso pagar sexta que vem",
    "sim",
    "só isso, tchau",
)


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
