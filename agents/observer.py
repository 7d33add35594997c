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
from agents.speaking import Check
from agents.talk import Talk
from agents.turn_context import Heard, turn_context_message
from domain import reply_rules
from domain.documents import find_documents
from domain.effects import MoveCard, NoteFacts
from domain.evidence import CUSTOMER, Backing, Finding, amounts_in, find_unbacked
from domain.intents import normalize
from domain.messages import Medium
from domain.spoken_hearing import plainly_said
from domain.turns import Evidence, ModelUsage, TurnContext, whole_reply

Verdict = Literal["approve", "revise", "hand_over"]
_CRITIQUE_HISTORY = 8
_LAST_WORDS = 160  # characters that a spoken reply may always add to come to its end
_ENDS = (".", "!", "?", "…")
_CLOSERS = "\"'”’»)]*_"
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


class DraftRules:
    """The hard rules over one turn: what backs a reply is gathered once, however many sentences are held against it."""

    def __init__(self, *, heard: Heard, talk: Talk, turn: TurnContext, evidence: Sequence[Evidence]) -> None:
        self._customer_texts = heard.customer_texts
        self._backing = _backing(heard=heard, talk=talk, turn=turn, evidence=evidence)
        self._texts = self._backing.texts()
        self._open_amounts = _open_amounts(self._backing)
        self._documents = _documents(heard, talk, turn)
        self._is_confirmed = talk.identity["status"] == "confirmada"
        self._medium = turn.medium
        self._settings = turn.tenant.settings
        self._own_names = (turn.tenant.name, turn.tenant.assistant_name)

    def find(self, draft: str, said: Sequence[str] = ()) -> tuple[Finding, ...]:
        """List everything that forbids sending a draft, or going on with it after what was said already."""
        length = reply_rules.find_bad_length(draft, medium=self._medium)
        if length or len(draft) > room_left(said, medium=self._medium):
            return tuple(length) or (Finding(reason="too_long"),)  # what the refiner makes of it is checked in full
        findings = self._find_in_words(draft, after=_unfinished(said))
        # The digits of a document can be spread over several sentences.
        findings += reply_rules.find_documents_shown(whole_reply(said, draft), documents=self._documents)
        return tuple(dict.fromkeys(findings))

    def find_in_sentence(self, sentence: str, said: Sequence[str]) -> tuple[Finding, ...]:
        """List what forbids speaking one more sentence of a reply."""
        whole = whole_reply(said, sentence)
        if len(whole) > reply_rules.length_limit(self._medium):
            return (Finding(reason="too_long"),)
        findings = self._find_in_words(sentence, after=_unfinished(said))
        findings += reply_rules.find_documents_shown(whole, documents=self._documents)
        return tuple(dict.fromkeys(findings))

    def _find_in_words(self, text: str, *, after: Sequence[str]) -> list[Finding]:
        """Look at a text alone, and with the pieces of a sentence that it ends: neither may excuse the other."""
        alone = self._find_in_whole(text)
        return alone + self._find_in_whole(whole_reply(after, text)) if after else alone

    def _find_in_whole(self, text: str) -> list[Finding]:
        return [
            *self._find_untrue(text),
            *reply_rules.find_forbidden(
                text, words=self._settings.forbidden_words, customer_texts=self._customer_texts, known_texts=self._texts
            ),
            *reply_rules.find_foreign_or_internal(text, allowed_words=self._own_names),
            *reply_rules.find_links(text, allowed_hosts=self._settings.allowed_link_hosts, known_texts=self._texts),
        ]

    def _find_untrue(self, text: str) -> list[Finding]:
        """List what nothing backs or nobody may know. A voice names days and amounts as people say them."""
        findings: list[Finding] = []
        for wording in dict.fromkeys((text, plainly_said(text)) if self._medium is Medium.VOICE else (text,)):
            findings += find_unbacked(wording, self._backing)
            if not self._is_confirmed:
                findings += reply_rules.find_debt_told(
                    wording, customer_texts=self._customer_texts, known_texts=self._texts,
                    known_amounts=self._open_amounts,
                )  # fmt: skip
        return findings


def room_left(said: Sequence[str], *, medium: Medium) -> int:
    """Give how long a draft may be after what was said: a reply that is nearly too long may still come to its end."""
    limit = reply_rules.length_limit(medium)
    return max(limit - len(whole_reply(said)), _LAST_WORDS) if said else limit


def _unfinished(said: Sequence[str]) -> Sequence[str]:
    """Give the pieces of the sentence under way: a rule must see the whole of it."""
    whole = next((at for at in range(len(said), 0, -1) if said[at - 1].rstrip(_CLOSERS).endswith(_ENDS)), 0)
    return said[whole:]


def check_draft(
    draft: str, *, heard: Heard, talk: Talk, turn: TurnContext, evidence: Sequence[Evidence]
) -> tuple[Finding, ...]:
    """List everything that forbids sending a draft. `evidence` is the conversation's, without this turn's."""
    return DraftRules(heard=heard, talk=talk, turn=turn, evidence=evidence).find(draft, talk.said)


def sentence_check(*, heard: Heard, talk: Talk, turn: TurnContext, evidence: Sequence[Evidence]) -> Check:
    """Give the check that a sentence passes before it is spoken: the same rules, by what is known by now."""
    return DraftRules(heard=heard, talk=talk, turn=turn, evidence=evidence).find_in_sentence


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
    return named.union(*map(amounts_in, backing.texts()))


def _documents(heard: Heard, talk: Talk, turn: TurnContext) -> list[str]:
    known = [turn.contact.document, talk.identity.get("document"), talk.identity.get("pending_document")]
    typed = find_documents("\n".join((heard.text, *heard.spoken_documents))) if heard.has_document else []
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
    """Judge a draft. Rules come first; a model is asked only about a draft that passed them.

    In a call no model is asked: its answer would take longer than a caller waits, and most was spoken by then.
    """
    if talk.said and talk.has_answered and not draft:
        return Review(verdict="approve")  # sentence by sentence, before it was spoken
    findings = check_draft(draft, heard=heard, talk=talk, turn=turn, evidence=evidence)
    if findings:
        return Review(verdict="revise", reasons=findings)
    if turn.medium is Medium.VOICE or not turn.tenant.settings.is_critique_enabled:
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
