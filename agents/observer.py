"""Reads a draft before it is sent: hard rules in code, then, where configured, a model's critique (spec 1.6)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from agents.models import EveryModelFailed, Models
from agents.prompts import Prompts, variables_of
from agents.talk import Talk
from agents.turn_context import Heard, turn_context_message
from domain import reply_rules
from domain.documents import find_documents
from domain.effects import MoveCard, NoteFacts
from domain.evidence import CUSTOMER, Backing, Finding, find_unbacked
from domain.intents import normalize
from domain.money import find_amounts
from domain.turns import Evidence, ModelUsage, TurnContext

Verdict = Literal["approve", "revise", "hand_over"]
_CRITIQUE_HISTORY = 8
# What is no debt: prices of products and passages of the knowledge base.
_OPEN_SOURCES = frozenset({"buscar_produtos", "buscar_conhecimento", CUSTOMER})


class Critica(BaseModel):
    """O parecer sobre o rascunho."""

    veredito: Literal["aprovar", "revisar", "transferir"] = Field(description="o que fazer com o rascunho")
    motivos: list[str] = Field(default_factory=list, description="o que mudar, em poucas palavras", max_length=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What the observer says of a draft."""

    verdict: Verdict
    reasons: tuple[Finding, ...] = ()
    usage: tuple[ModelUsage, ...] = ()


def check_draft(
    draft: str, *, heard: Heard, talk: Talk, turn: TurnContext, evidence: Sequence[Evidence]
) -> tuple[Finding, ...]:
    """List everything that forbids sending a draft. `evidence` is the conversation's, without this turn's."""
    length = reply_rules.find_bad_length(draft, medium=turn.medium)
    if length:
        return tuple(length)  # what the refiner makes of a long one is checked in full
    backing = _backing(heard=heard, talk=talk, turn=turn, evidence=evidence)
    texts = backing.texts()
    findings = [
        *find_unbacked(draft, backing),
        *reply_rules.find_documents_shown(draft, documents=_documents(heard, talk, turn)),
        *reply_rules.find_forbidden(
            draft, words=turn.tenant.settings.forbidden_words, customer_texts=heard.customer_texts, known_texts=texts
        ),
        *reply_rules.find_foreign_or_internal(draft, allowed_words=(turn.tenant.name, turn.tenant.assistant_name)),
        *reply_rules.find_links(draft, allowed_hosts=turn.tenant.settings.allowed_link_hosts, known_texts=texts),
    ]
    if talk.identity["status"] != "confirmada":
        findings += reply_rules.find_debt_told(
            draft, customer_texts=heard.customer_texts, known_texts=texts, known_amounts=_open_amounts(backing)
        )
    return tuple(dict.fromkeys(findings))


def _backing(*, heard: Heard, talk: Talk, turn: TurnContext, evidence: Sequence[Evidence]) -> Backing:
    settings = turn.tenant.settings
    return Backing(
        evidence=(*evidence, *talk.evidence),
        fresh=talk.evidence,
        today=turn.today,
        promise=talk.promise,
        proposal=talk.proposal,
        known_texts=(settings.business_hours, *settings.rules),
    )


def _open_amounts(backing: Backing) -> set[int]:
    named = {
        int(item["value"]) for item in backing.evidence if item["kind"] == "amount" and item["source"] in _OPEN_SOURCES
    }
    in_texts = {amount.cents for text in backing.texts() for amount in find_amounts(text)}
    return named | in_texts


def _documents(heard: Heard, talk: Talk, turn: TurnContext) -> list[str]:
    known = [turn.contact.document, talk.identity.get("document"), talk.identity.get("pending_document")]
    typed = find_documents(heard.text) if heard.has_document else []
    return list(dict.fromkeys(document for document in (*known, *typed) if document))


async def review(
    draft: str,
    *,
    messages: Sequence[BaseMessage],
    heard: Heard,
    talk: Talk,
    turn: TurnContext,
    evidence: Sequence[Evidence],
    models: Models,
    prompts: Prompts,
) -> Review:
    """Judge a draft. Rules come first; a model is asked only about a draft that passed them."""
    findings = check_draft(draft, heard=heard, talk=talk, turn=turn, evidence=evidence)
    if findings:
        return Review(verdict="revise", reasons=findings)
    if not turn.tenant.settings.is_critique_enabled:
        return Review(verdict="approve")
    return await _critique(draft, messages=messages, heard=heard, talk=talk, turn=turn, models=models, prompts=prompts)


async def _critique(
    draft: str,
    *,
    messages: Sequence[BaseMessage],
    heard: Heard,
    talk: Talk,
    turn: TurnContext,
    models: Models,
    prompts: Prompts,
) -> Review:
    prompt = await prompts.get(turn.tenant.id, "critique")
    system = SystemMessage(content=prompt.render(variables_of(turn, agent="critique")))
    context = turn_context_message(
        turn, agent="critique", heard=heard, identity=talk.identity, proposal=talk.proposal, promise=talk.promise
    )
    history = [message for message in messages if isinstance(message, HumanMessage)][-_CRITIQUE_HISTORY:]
    asked = HumanMessage(content=json.dumps({"rascunho": draft}, ensure_ascii=False))
    try:
        answer = await models.ask(
            [system, context, *history, *talk.exchange, asked],
            tenant_id=turn.tenant.id, agent="critique", feature="critique", schema=Critica,
        )  # fmt: skip
    except EveryModelFailed:
        return Review(verdict="approve")  # the hard rules have passed it
    opinion = answer.parsed
    if not isinstance(opinion, Critica) or opinion.veredito == "aprovar":
        return Review(verdict="approve", usage=answer.usage)
    reasons = tuple(Finding(reason="critique", excerpt=text[:200]) for text in opinion.motivos)
    if opinion.veredito == "transferir":
        return Review(verdict="hand_over", reasons=reasons, usage=answer.usage)
    return Review(verdict="revise", reasons=reasons or (Finding(reason="critique"),), usage=answer.usage)


_SENTIMENTS = (
    ("irritado", re.compile(
        r"\b(?:absurdo|palhacada|ridiculo|vergonha|raiva|irritad\w+|puto|puta|pessim\w+|horrivel|lixo|porcaria|"
        r"procon|cansad[oa] de|saco cheio|enche\w* o saco|desrespeito|incompeten\w+|merda|"
        r"porra|inferno|idiota|me deixa em paz)\b")),
    ("aflito", re.compile(
        r"\b(?:desempregad\w+|doente|hospital|internad\w+|luto|faleceu|morreu|sem dinheiro|sem grana|nao tenho como|"
        r"desesper\w+|dificil|dificuldade|apertad\w+|passando necessidade|perdi (?:o|meu) emprego)\b")),
    ("satisfeito", re.compile(
        r"\b(?:obrigad\w+|valeu|agradec\w+|otimo|otima|perfeito|maravilh\w+|excelente|show|"
        r"gostei|adorei|nota (?:dez|10)|parabens)\b")),
)  # fmt: skip


def learn(heard: Heard, talk: Talk, *, known: Mapping[str, str]) -> NoteFacts | None:
    """Note what the turn taught of the contact, None when it is nothing new."""
    plain = normalize(heard.text)
    facts: dict[str, str] = {}
    sentiment = next((name for name, pattern in _SENTIMENTS if pattern.search(plain)), None)
    if sentiment is not None:
        facts["sentiment"] = sentiment
    moved = [effect for effect in talk.effects if isinstance(effect, MoveCard)]
    if moved:
        facts["lead_stage"] = moved[-1].stage
    elif talk.agent == "sales" and "lead_stage" not in known:
        facts["lead_stage"] = "interessado"
    if heard.asks_call:
        facts["prefers"] = "ligação"
    if talk.agent == "cobranca" and heard.says_paid:
        facts["says_paid"] = "sim"
    new = {key: value for key, value in facts.items() if known.get(key) != value}
    return NoteFacts(facts=new) if new else None
