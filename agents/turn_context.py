"""What a turn's new messages say by rule, and the `Contexto do turno` message that tells the models (docs/tools.md)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agents.prompts import safe_name
from domain import intents
from domain.dates_ptbr import DateReading, format_date, read_dates, weekday_name
from domain.documents import find_document_attempts, find_documents
from domain.messages import Medium
from domain.money import find_amounts, format_brl
from domain.spoken_digits import SpokenDocument, hear_document
from domain.spoken_hearing import is_unintelligible, plainly_said
from domain.turns import Agreement, CallContext, Identity, TurnContext
from domain.wording import called_name

MARK = "Contexto do turno"
# The rules' patterns take time that grows faster than the text: a flood must not stop every conversation of a process.
_HEAD_CHARS, _TAIL_CHARS = 800, 400
_BURST_CHARS = 3000
_SHORT_CHARS = 200
CARRIED = "carried"
"""Marks a customer's message that was said in another conversation (graphs/memory.py)."""
_MOST_WISHES = 20
_MOST_OPTIONS = 4
_CPF_LENGTH = 11
_REPLIES_BACK = 3
# What the runner writes for a message without words: "[O cliente enviou um áudio, que você não consegue ouvir]".
WITHOUT_WORDS = re.compile(r"\[O cliente enviou [^\]\n]{1,120}\]")
_ASKS_DOCUMENT = re.compile(r"\b(?:cpf|cnpj)\b|\b(?:n[uú]meros|d[ií]gitos)\b", re.IGNORECASE)
_ASKS_AMOUNT = re.compile(r"\b(?:quanto|valor|total|mais antiga)\b", re.IGNORECASE)
_PURPOSES = {"campaign": "campanha", "requested": "pedida", "received": "recebida"}
_STATUS = {"certain": "certa", "ask": "perguntar", "invalid": "invalida"}
_REASONS = {
    "open_ended": "a data ficou em aberto",
    "approximate": "a data é aproximada",
    "ambiguous_range": "há mais de um dia possível",
    "ambiguous_week": "pode ser desta semana ou da próxima",
    "ambiguous_weekday": "pode ser hoje ou daqui a uma semana",
    "weekday_mismatch": "o dia da semana não bate com a data",
    "vague_period": "é um período, não um dia",
    "unclear_start": "não está claro a partir de quando contar",
    "depends_on_income": "depende de quando o dinheiro entrar",
    "no_such_date": "esse dia não existe no calendário",
    "past_date": "esse dia já passou",
    "refused": "o cliente disse que nesse dia não pode",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What rules alone recognise in what the customer wrote."""

    new_texts: tuple[str, ...]
    customer_texts: tuple[str, ...]
    dates: tuple[DateReading, ...]
    amounts: tuple[int, ...]
    has_document: bool
    has_new_document: bool
    has_wrong_document: bool
    asks_human: bool
    asks_opt_out: bool
    asks_call: bool
    says_paid: bool
    is_wrong_person: bool
    is_yes: bool
    is_no: bool
    asked: tuple[str, ...] = ()  # what was asked before each of `customer_texts`
    # In a call only:
    spoken_documents: tuple[str, ...] = ()  # said in full, group by group; they stand in `customer_texts` too
    document_digits: int = 0  # figures of a document that is not complete yet
    is_unintelligible: bool = False  # nothing of the new utterances was understood

    @property
    def text(self) -> str:
        """Give the new messages as one text, the newest of them when there are very many."""
        return "\n".join(_newest(self.new_texts))

    @property
    def words(self) -> str:
        """Give what the customer wrote, without what stands for audios, images and the like."""
        return "\n".join(text for text in _newest(self.new_texts) if not WITHOUT_WORDS.fullmatch(text.strip()))


def hear(messages: Sequence[BaseMessage], *, today: date, medium: Medium = Medium.WHATSAPP) -> Heard:
    """Read the messages since the last reply; what was said in another conversation is not heard here.

    `today` is the customer's day (TurnContext.today).
    """
    messages = [message for message in messages if not _is_carried(message)]
    customer = tuple(_text(message) for message in messages if isinstance(message, HumanMessage))
    new = _new_texts(messages)
    if medium is Medium.VOICE:
        heard = _heard_in_call(messages, customer, new, today=today)
    else:
        heard = _read(messages, customer, new, wording=new, today=today)
    return replace(heard, asked=questions_before(messages))


def questions_before(messages: Sequence[BaseMessage]) -> tuple[str, ...]:
    """Give, for each of the customer's messages, the last reply before it."""
    asked, questions = "", []
    for message in messages:
        if isinstance(message, AIMessage) and message.text:
            asked = str(message.text)
        elif isinstance(message, HumanMessage):
            questions.append(asked)
    return tuple(questions)


def _is_carried(message: BaseMessage) -> bool:
    return isinstance(message, HumanMessage) and CARRIED in message.additional_kwargs


def _read(
    messages: Sequence[BaseMessage], customer: tuple[str, ...], new: tuple[str, ...], *, wording: tuple[str, ...],
    today: date,
) -> Heard:  # fmt: skip
    """Apply the rules to the wording of the new messages."""
    joined = "\n".join(_newest(wording))
    wishes = [text for text in wording if len(text) <= _SHORT_CHARS or text in joined][-_MOST_WISHES:]
    in_new, attempts = find_documents(joined), find_document_attempts(joined)
    return Heard(
        new_texts=new,
        customer_texts=customer,
        dates=tuple(read_dates(joined, today=today, expects_day=_expects_day(messages))),
        amounts=tuple(amount.cents for amount in find_amounts(joined)),
        has_document=bool(in_new) or _has_document(customer[: len(customer) - len(new)]),
        has_new_document=bool(in_new),
        has_wrong_document=bool(attempts) and not in_new,
        asks_human=any(map(intents.asks_human, wishes)),
        asks_opt_out=any(map(_opts_out, wishes)) or intents.asks_opt_out_in_pieces(wishes),
        asks_call=any(map(intents.asks_call, wishes)),
        says_paid=any(map(intents.says_paid, wishes)),
        is_wrong_person=any(map(intents.is_wrong_person, wishes)),
        is_yes=intents.is_affirmative(joined),
        is_no=intents.is_negative(joined),
    )


def _heard_in_call(
    messages: Sequence[BaseMessage], customer: tuple[str, ...], new: tuple[str, ...], *, today: date
) -> Heard:
    """Read utterances: as people speak, and with a document that was said group by group put together.

    The document joins `customer_texts`, by which the tools know what the customer gave.
    """
    asked = _last_reply(messages)
    expects_amount = _ASKS_AMOUNT.search(_question(asked)) is not None
    wording = tuple(plainly_said(text, expects_amount=expects_amount) for text in new)
    heard = _read(messages, customer, new, wording=wording, today=today)
    said = _said_document(messages)
    before = _said_document(messages[: len(messages) - len(new)])
    documents = tuple(_punctuated(document) for document in said.documents)
    is_new = bool(set(said.documents) - set(before.documents))
    expects_document = _is_document_awaited(messages) or any(map(_ASKS_DOCUMENT.search, new))
    return replace(
        heard,
        new_texts=wording,
        customer_texts=customer + documents,
        has_document=heard.has_document or bool(documents),
        has_new_document=heard.has_new_document or is_new,
        has_wrong_document=expects_document and said.has_wrong_digits and said != before and not is_new,
        # What is left over after a whole document is of something else.
        document_digits=said.digit_count if expects_document and not is_new else 0,
        spoken_documents=documents,
        is_unintelligible=bool(new) and all(map(is_unintelligible, new)),
    )


def _said_document(messages: Sequence[BaseMessage]) -> SpokenDocument:
    """Put together what was said since a document was first asked for; where that gives none, all that was said."""
    asked_at = next((at for at, message in enumerate(messages) if _asks_document(message)), 0)
    said = tuple(_text(message) for message in messages[asked_at:] if isinstance(message, HumanMessage))
    since = _put_together(said)
    if since.documents or not asked_at:
        return since
    everything = _put_together(tuple(_text(message) for message in messages if isinstance(message, HumanMessage)))
    return everything if everything.documents else since


# What was said before is asked for again in the next turn of the call.
_put_together = lru_cache(maxsize=1024)(hear_document)


def _is_document_awaited(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether one of the last replies asked for it: "sem pressa, pode falar" does not end the asking."""
    replies = [message for message in messages if isinstance(message, AIMessage) and message.text]
    return any(map(_asks_document, replies[-_REPLIES_BACK:]))


def _asks_document(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and _ASKS_DOCUMENT.search(str(message.text)) is not None


def _punctuated(document: str) -> str:
    """Write a document the way people type it, so that every rule that reads texts knows it."""
    if len(document) == _CPF_LENGTH:
        return f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    return f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"


def _has_document(texts: Sequence[str]) -> bool:
    return any(bool(find_documents(text)) for text in texts if sum(map(str.isdigit, text)) > 1)


def _opts_out(text: str) -> bool:
    return intents.is_opt_out_keyword(text) or intents.asks_opt_out(text)


def _text(message: BaseMessage) -> str:
    text = str(message.text)
    if len(text) <= _HEAD_CHARS + _TAIL_CHARS:
        return text
    return f"{text[:_HEAD_CHARS]}\n{text[-_TAIL_CHARS:]}"


def _newest(texts: Sequence[str]) -> list[str]:
    """Keep the newest messages that the rules have time for."""
    kept: list[str] = []
    for text in reversed(texts):
        if kept and sum(map(len, kept)) + len(text) > _BURST_CHARS:
            break
        kept.append(text)
    return kept[::-1]


def _new_texts(messages: Sequence[BaseMessage]) -> tuple[str, ...]:
    new: list[str] = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        new.append(_text(message))
    return tuple(reversed(new))


def _expects_day(messages: Sequence[BaseMessage]) -> bool:
    """Tell whether the last reply asked for a day or read one back, so that a bare "15" is one."""
    question = _question(_last_reply(messages))
    return "?" in question and any(word in question for word in (" dia", "data", "quando", "registrar"))


def _last_reply(messages: Sequence[BaseMessage]) -> str:
    last = next((message for message in reversed(messages) if isinstance(message, AIMessage) and message.text), None)
    return str(last.text) if last is not None else ""


def _question(reply: str) -> str:
    """Give the end of a reply, where its question stands."""
    return reply.rsplit(".", 1)[-1].lower()


def turn_context_message(
    turn: TurnContext,
    *,
    agent: str,
    heard: Heard,
    identity: Identity,
    proposal: Agreement | None,
    promise: Agreement | None,
) -> SystemMessage:
    """Build the system message that every agent gets after its prompt."""
    block = context_block(turn, agent=agent, heard=heard, identity=identity, proposal=proposal, promise=promise)
    return SystemMessage(content=f"{MARK}\n```json\n{json.dumps(block, ensure_ascii=False)}\n```")


def context_block(
    turn: TurnContext,
    *,
    agent: str,
    heard: Heard,
    identity: Identity,
    proposal: Agreement | None,
    promise: Agreement | None,
) -> dict[str, object]:
    """Give the block of docs/tools.md."""
    local = turn.now.astimezone(turn.zone)
    block: dict[str, object] = {
        "agente": agent,
        "assistente": turn.tenant.assistant_name,
        "empresa": turn.tenant.name,
        "agora": local.isoformat(timespec="minutes"),
        "data": format_date(local.date()),
        "dia_semana": weekday_name(local.date()),
        "canal": turn.medium.value,
        "horario_atendimento": turn.tenant.settings.business_hours,
        "contato.nome": safe_name(turn.contact.name),
        "primeira_resposta": turn.is_first_reply,
        "origem": "campanha" if turn.source == "campaign" else "cliente",
        "identidade": identity["status"],
        "primeiro_nome": _first_name(identity),
        "documento_informado": heard.has_document,
        "documento_com_erro": heard.has_wrong_document,
        "proposta": _agreement(proposal),
        "promessa": _agreement(promise),
        "datas": [_date(reading) for reading in heard.dates],
        "valores": [format_brl(cents) for cents in heard.amounts],
        "pediu_humano": heard.asks_human,
        "pediu_ligacao": heard.asks_call,
        "diz_que_pagou": heard.says_paid,
        "diz_que_nao_e_a_pessoa": heard.is_wrong_person,
        "afirmativo": heard.is_yes,
        "negativo": heard.is_no,
        "campos": list(turn.custom_fields),
        "colunas": list(turn.stages),
    }
    return block | _call_block(turn, heard, identity) if turn.medium is Medium.VOICE else block


def _call_block(turn: TurnContext, heard: Heard, identity: Identity) -> dict[str, object]:
    """Give the keys that only a call has. A confirmed holder's document is not told again."""
    call = turn.call or CallContext(direction="in", purpose="received")
    document = heard.spoken_documents[-1] if heard.spoken_documents and identity["status"] != "confirmada" else None
    return {
        "documento_ouvido": document,
        "digitos_ditos": heard.document_digits,
        "nao_entendi": heard.is_unintelligible,
        "ligacao": {
            "direcao": "recebida" if call.direction == "in" else "feita",
            "motivo": _PURPOSES[call.purpose],
            "pode_transferir": call.can_transfer,
            "tem_mensagem": call.has_text_thread,
        },
    }


def _first_name(identity: Identity) -> str | None:
    name = identity.get("customer_name", "") if identity["status"] == "confirmada" else ""
    return called_name(name, document=identity.get("document", "")) or None


def _agreement(agreement: Agreement | None) -> Mapping[str, str] | None:
    if agreement is None:
        return None
    day = date.fromisoformat(agreement["due_on"])
    written = {
        "valor": format_brl(agreement["amount_cents"]),
        "data": format_date(day),
        "dia_semana": weekday_name(day),
    }
    return written | ({"protocolo": agreement["protocol"]} if "protocol" in agreement else {})


def _date(reading: DateReading) -> Mapping[str, object]:
    options = [f"{weekday_name(day)}, {format_date(day)}" for day in reading.candidates[:_MOST_OPTIONS]]
    read = {
        "trecho": reading.span,
        "data": format_date(reading.date) if reading.date else None,
        "dia_semana": weekday_name(reading.date) if reading.date else None,
        "situacao": _STATUS[reading.status],
        "motivo": _REASONS.get(reading.reason, "a data não está clara") if reading.reason else None,
    }
    return read | ({"opcoes": options} if len(options) > 1 else {})
