"""Who answers: rules first, a model only when they cannot tell and nobody has the conversation yet (spec 1.2)."""

import re
from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from agents.models import EveryModelFailed, Models
from agents.prompts import Prompts, variables_of
from agents.turn_context import Heard, turn_context_message
from domain.effects import Effect, HandOff, MarkWrongPerson, OptOut
from domain.intents import content_topic, is_in_crisis, normalize
from domain.messages import Medium
from domain.speaker import has_denied_name
from domain.turns import AgentName, Identity, ModelUsage, TurnContext

_BY_TOPIC: dict[str, AgentName] = {"collection": "cobranca", "sales": "sales", "support": "persona"}
_AREA = r"(?:falar|conversar|passa\w*|transfer\w+|me (?:leva|manda)|ir|quero|preciso|gostaria)\b[^.!?]{0,30}\b"
_EXPLICIT: tuple[tuple[AgentName, re.Pattern[str]], ...] = (
    ("cobranca", re.compile(rf"{_AREA}(?:financeiro|cobranca|setor de (?:pagamentos?|boletos?|faturas?))\b")),
    # "Pode registrar" answers a promise that was read back, also when a plan was asked about in between.
    ("cobranca", re.compile(r"\b(?:pode|podem|quero|vamos) (?:sim,? )?registrar\b|\bregistra (?:ai|sim|isso)\b")),
    ("sales", re.compile(rf"{_AREA}(?:vendas|vendedor\w*|comercial|setor de vendas)\b")),
    ("sales", re.compile(r"\b(?:quero|queria|gostaria de|preciso) (?:contratar|assinar|comprar)\b")),
    ("persona", re.compile(rf"{_AREA}(?:suporte|tecnico|atendimento tecnico|setor tecnico|assistencia)\b")),
)
# Ending a contract is told by the knowledge base and done by a person; "plano" in it sells nothing.
_ENDS_CONTRACT = re.compile(
    r"\b(?:cancel(?:ar|a|e|amento)|encerr(?:ar|a|e|amento)|rescindir|rescisao)\b.{0,25}"
    r"\b(?:planos?|contratos?|internet|assinatura|servicos?|linha|tudo)\b"
    r"|\b(?:quero|queria|vou|preciso|desejo|gostaria de) (?:cancelar|encerrar|rescindir)\b"
    r"(?!.{0,20}\b(?:mensage|promessa|acordo|combinado|pagamento|boleto|data|dia))"
)
_INTERRUPTS = 2
_DOCUMENT_ALONE = re.compile(r"[\W\d]*(?:(?:meu|o|e|cpf|cnpj|numero|titular|do)\b[\W\d]*)*")
_NAMES_BILL = re.compile(r"\b(?:fatura|boleto|segunda via|2a? ?via|divida|debito|paguei|pagar)\w*")
_GREETING = re.compile(
    r"(?:(?:oi+e?|ola|opa|e ?ai|bom dia|boa (?:tarde|noite)|alo|hey|tudo (?:bem|bom|certo)|como vai|lia|por favor)\W*)+"
)
_HISTORY_FOR_ROUTE = 6
_LIFELINE = (
    "Sinto muito que você esteja passando por isso. Você não está só: o CVV atende de graça, a qualquer hora, pelo "
    "telefone 188."
)
_WRONG_NUMBER = (
    "Desculpe o engano! Anotei que este número não é de quem procurávamos, e não vamos mais incomodar você com isso. "
    "Tenha um ótimo dia!"
)
_GRIEF = (
    "Sinto muito pela sua perda. Anotei aqui, e não vamos mais procurar você por esse assunto. Se precisar de algo, é "
    "só escrever por aqui."
)
_DIED = re.compile(r"\b(?:morreu|falec(?:eu|id[oa]|imento)|obito)\b")
# An address or e-mail given while a plan is talked about is no question about moving house.
_GIVES_CONTACT = re.compile(
    r"^(?!.*\?).*?(?:\b(?:meu|o|esse|segue o)\s+(?:endereco|e-?mail)\b.{0,20}\b(?:e|eh|fica|segue)\b"
    r"|\b(?:endereco|e-?mail)\s*:|^\W*(?:na |fica na )?(?:rua|avenida|av|travessa|alameda|estrada)\b|\b[\w.+-]+@\w)"
)


class Rota(BaseModel):
    """Qual agente responde."""

    agente: Literal["persona", "cobranca", "sales"] = Field(description="o agente que deve responder")
    motivo: str = Field(description="o motivo, em poucas palavras", max_length=300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """The router's decision: an agent to speak, or a fixed reply with its effects; `reason` goes to the trace."""

    reason: str
    agent: AgentName | None = None
    reply: str | None = None
    effects: tuple[Effect, ...] = ()
    usage: tuple[ModelUsage, ...] = ()


def decide_by_rule(
    heard: Heard, turn: TurnContext, *, current: AgentName | None, is_confirmed: bool = False, last_reply: str = ""
) -> Route | None:
    """Decide by rule alone, None when only reading could tell. Opt-out and a person come before everything."""
    if not heard.new_texts:
        return Route(reason="nothing new to answer")
    fixed = _fixed(heard, turn, current=current, is_confirmed=is_confirmed, last_reply=last_reply)
    if fixed is not None:
        return fixed
    plain = normalize(heard.words)
    if not plain:
        return Route(agent=current or _first_agent(turn), reason="a message without words")
    explicit = next((agent for agent, pattern in _EXPLICIT if pattern.search(plain)), None)
    if explicit is None and _ENDS_CONTRACT.search(plain):
        explicit = "persona"
    if turn.assigned_agent is not None:
        if explicit is not None and explicit != turn.assigned_agent:
            return Route(agent=explicit, reason=f"explicit request, away from assigned {turn.assigned_agent}")
        if current is None or current == turn.assigned_agent:
            return Route(agent=turn.assigned_agent, reason="assigned agent")
    if explicit is not None:
        return Route(agent=explicit, reason="explicit request")
    if current == "sales" and _GIVES_CONTACT.search(plain):
        return Route(agent=current, reason="what was asked for in the sales talk")
    if current == "cobranca" and (heard.dates or heard.amounts or heard.is_yes or heard.says_paid):
        return Route(agent=current, reason="answer inside the negotiation")
    return _by_content(heard, plain, turn, current=current)


def _by_content(heard: Heard, plain: str, turn: TurnContext, *, current: AgentName | None) -> Route | None:
    is_document = heard.has_new_document or (heard.has_wrong_document and _DOCUMENT_ALONE.fullmatch(plain))
    if is_document and current != "sales":
        return Route(agent="cobranca", reason="a document was typed")
    if _takes_up_collection(heard):
        return Route(agent="cobranca", reason="a document, after talk of bills")
    # A single general word ("internet", "conta") opens a talk and interrupts none.
    topic = content_topic(heard.words, least=_INTERRUPTS if current in ("cobranca", "sales") else 1)
    if topic is not None:
        return Route(agent=_BY_TOPIC[topic], reason=f"content: {topic}")
    if heard.says_paid:
        return Route(agent="cobranca", reason="content: says it is paid")
    if current is not None:
        return Route(agent=current, reason="stays with the current agent")
    if turn.source == "campaign":
        return Route(agent="cobranca", reason="answers a campaign")
    if _GREETING.fullmatch(plain):
        return Route(agent="persona", reason="greeting only")
    return None


def _takes_up_collection(heard: Heard) -> bool:
    """Tell whether a document answers what was said of bills while another agent had the conversation."""
    if not heard.has_new_document:
        return False
    return any(content_topic(text) == "collection" or _NAMES_BILL.search(normalize(text)) for text in _recent(heard))


def _recent(heard: Heard) -> tuple[str, ...]:
    return heard.customer_texts[-_HISTORY_FOR_ROUTE:]


def _first_agent(turn: TurnContext) -> AgentName:
    """Name who answers when words tell nothing and nobody has the conversation yet."""
    return turn.assigned_agent or ("cobranca" if turn.source == "campaign" else "persona")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """What is said by rule, as it is true where the customer is."""

    opted_out: str
    goodbye: str
    person: str
    person_too: str


def _words(turn: TurnContext) -> _Words:
    hours = f"Atendemos {turn.tenant.settings.business_hours}."
    if turn.call is None:
        return _Words(
            opted_out="Pronto, você não vai mais receber nossas mensagens nem ligações. Desculpe o incômodo!",
            goodbye="Se precisar de algo, é só escrever por aqui.",
            person=f"Claro! Já chamei uma pessoa da nossa equipe, que continua com você por aqui mesmo. {hours}",
            person_too=f"E já chamei uma pessoa da equipe, que continua com você por aqui. {hours}",
        )
    opted_out = "Pronto, você não vai mais receber nossas ligações nem mensagens. Desculpe o incômodo!"
    if turn.call.can_transfer:
        passing = "vou te passar para uma pessoa da nossa equipe. Só um instante."
        return _Words(
            opted_out=opted_out, goodbye="Tenha um ótimo dia, até logo!", person=f"Claro, {passing}",
            person_too=f"E {passing}",
        )  # fmt: skip
    where = "continua com você por mensagem" if turn.call.has_text_thread else "vai falar com você"
    return _Words(
        opted_out=opted_out, goodbye="Tenha um ótimo dia, até logo!",
        person=f"Claro! Já avisei a nossa equipe, e uma pessoa {where}. {hours}",
        person_too=f"E já avisei a nossa equipe: uma pessoa {where}. {hours}",
    )  # fmt: skip


def _fixed(
    heard: Heard, turn: TurnContext, *, current: AgentName | None, is_confirmed: bool, last_reply: str
) -> Route | None:  # fmt: skip
    """Answer without any model what must never depend on one."""
    words = _words(turn)
    if heard.asks_opt_out:
        opt_out = OptOut(scope="all", reason="pedido na conversa")
        if is_in_crisis(heard.words):
            return Route(
                reason="opt-out in danger of life",
                reply=f"{_LIFELINE} {words.opted_out} {words.person_too}",
                effects=(opt_out, HandOff(reason="risco à vida: atender já, com cuidado")),
            )
        if heard.asks_human:
            return Route(
                reason="opt-out and request for a person",
                reply=f"{words.opted_out} {words.person_too}",
                effects=(opt_out, HandOff(reason="pediu uma pessoa")),
            )
        return Route(reason="opt-out", reply=f"{words.opted_out} {words.goodbye}", effects=(opt_out,))
    if heard.asks_human:
        return Route(
            reason="request for a person",
            reply=f"{_LIFELINE} {words.person_too}" if is_in_crisis(heard.words) else words.person,
            effects=(HandOff(reason="pediu uma pessoa"),),
        )
    is_collection = current == "cobranca" or turn.source == "campaign" or turn.assigned_agent == "cobranca"
    # Who proved to be the holder is no wrong number, whatever else they do not recognise.
    denies_name = turn.call is None and has_denied_name(last_reply, heard.words)
    if (
        (heard.is_wrong_person or denies_name)
        and not is_confirmed
        and (is_collection or (current is None and content_topic(heard.words) is None))
    ):
        return Route(
            reason="wrong person",
            reply=_GRIEF if _DIED.search(normalize(heard.words)) else _WRONG_NUMBER,
            effects=(MarkWrongPerson(reason="disse que não é a pessoa"),),
        )
    return None


def _last_reply(messages: list[BaseMessage]) -> str:
    last = next((message for message in reversed(messages) if isinstance(message, AIMessage) and message.text), None)
    return str(last.text) if last is not None else ""


async def route(
    messages: list[BaseMessage],
    heard: Heard,
    *,
    turn: TurnContext,
    current: AgentName | None,
    identity: Identity,
    models: Models,
    prompts: Prompts,
) -> Route:
    """Decide who answers; the model is asked at most once in a conversation's life."""
    decided = decide_by_rule(
        heard, turn, current=current, is_confirmed=identity["status"] == "confirmada", last_reply=_last_reply(messages)
    )
    if decided is not None:
        return decided
    prompt = await prompts.get(turn.tenant.id, "router")
    context = turn_context_message(turn, agent="router", heard=heard, identity=identity, proposal=None, promise=None)
    said = [message for message in messages if isinstance(message, HumanMessage)][-_HISTORY_FOR_ROUTE:]
    system = SystemMessage(content=prompt.render(variables_of(turn, agent="router")))
    try:
        answer = await models.ask(
            [system, context, *said], tenant_id=turn.tenant.id, agent="router", feature="route", schema=Rota,
            is_on_phone=turn.medium is Medium.VOICE,
        )  # fmt: skip
    except EveryModelFailed:
        return Route(agent="persona", reason="no model could tell")
    chosen = answer.parsed
    if not isinstance(chosen, Rota):
        return Route(agent="persona", reason="no model could tell", usage=answer.usage)
    return Route(agent=chosen.agente, reason=f"model {answer.model}: {chosen.motivo[:200]}", usage=answer.usage)
