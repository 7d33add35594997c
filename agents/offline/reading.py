"""What the offline model reads: the turn's context, the words of the customer, the results of its tools."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from zlib import crc32

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

from agents.offline.signals import Signal, says
from agents.turn_context import questions_before
from domain.wording import fold

Json: TypeAlias = Mapping[str, object]
CONTEXT_MARK: Final = "Contexto do turno"
# An answer needs the recent past only; a fixed window keeps the thousandth turn as cheap as the tenth.
_WINDOW: Final = 80
_LONGEST_PLAIN_YES: Final = 60
_MORE_THAN_YES: Final = (
    Signal.RESERVE,
    Signal.CODE,
    Signal.PAY_INTENT,
    Signal.PAID,
    Signal.DEBT_QUESTION,
    Signal.HARDSHIP,
    Signal.ANGER,
    Signal.DIGITS,
)
_WITHOUT_WORDS: Final = re.compile(r"\[O cliente enviou ([^\]\n]{1,120})\]")
_REPLIES_REMEMBERED: Final = 3
_EARLIER_TEXTS: Final = 12
_DECODER: Final = json.JSONDecoder()


def as_text(value: object) -> str:
    """Return a JSON value as text; anything that is no text or number is empty."""
    if isinstance(value, bool) or value is None:
        return ""
    return str(value).replace("\u00a0", " ").strip() if isinstance(value, str | int | float) else ""


def as_rows(value: object) -> tuple[Json, ...]:
    """Return the objects of a JSON list, leaving out whatever is none."""
    return tuple(row for row in value if isinstance(row, Mapping)) if isinstance(value, list) else ()


def as_texts(value: object) -> tuple[str, ...]:
    """Return the non-empty texts of a JSON list."""
    return tuple(text for item in value if (text := as_text(item))) if isinstance(value, list) else ()


def first_json(text: str) -> Json | None:
    """Return the first JSON object standing in text (fenced or bare), or None."""
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except ValueError:
            start = text.find("{", start + 1)
            continue
        return value if isinstance(value, dict) else None
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """An amount and a day, proposed or stored."""

    amount: str
    date: str
    weekday: str

    @classmethod
    def of(cls, value: object) -> "Agreement | None":
        """Read an agreement from the context or a tool result."""
        if not isinstance(value, Mapping) or not as_text(value.get("data")):
            return None
        return cls(
            amount=as_text(value.get("valor")),
            date=as_text(value.get("data")),
            weekday=as_text(value.get("dia_semana")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidDate:
    """A day as the date grammar read it in the new messages."""

    excerpt: str
    date: str
    weekday: str
    certainty: str
    reason: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The call that the turn is spoken in."""

    is_ours: bool = False
    purpose: str = "recebida"
    can_transfer: bool = False
    has_text: bool = False
    digits_said: int = 0
    heard_document: str = ""
    is_not_understood: bool = False

    @classmethod
    def of(cls, block: Json) -> "Call | None":
        """Read the keys that only a call has; None in a conversation by text."""
        if as_text(block.get("canal")) != "voice":
            return None
        told = block.get("ligacao")
        call: Json = told if isinstance(told, Mapping) else {}
        digits = block.get("digitos_ditos")
        return cls(
            is_ours=as_text(call.get("direcao")) == "feita",
            purpose=as_text(call.get("motivo")) or "recebida",
            can_transfer=call.get("pode_transferir") is True,
            has_text=call.get("tem_mensagem") is True,
            digits_said=digits if isinstance(digits, int) else 0,
            heard_document=as_text(block.get("documento_ouvido")),
            is_not_understood=block.get("nao_entendi") is True,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnContext:
    """The `Contexto do turno` block of docs/tools.md."""

    agent: str = ""
    assistant: str = "assistente"
    company: str = "nossa equipe"
    date: str = ""
    hours: str = ""
    contact_name: str = ""
    is_first_reply: bool = False
    source: str = "cliente"
    identity: str = "pendente"
    first_name: str = ""
    has_document: bool = False
    has_wrong_document: bool = False
    proposal: Agreement | None = None
    promise: Agreement | None = None
    dates: tuple[SaidDate, ...] = ()
    amounts: tuple[str, ...] = ()
    wants_human: bool = False
    wants_call: bool = False
    says_paid: bool = False
    is_wrong_person: bool = False
    is_yes: bool = False
    is_no: bool = False
    fields: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    call: Call | None = None

    @classmethod
    def of(cls, block: Json) -> "TurnContext":
        """Read the block; a missing key has the value of a conversation in which nothing is known."""
        contact = block.get("contato")
        name = contact.get("nome") if isinstance(contact, Mapping) else block.get("contato.nome")
        return cls(
            agent=as_text(block.get("agente")),
            assistant=as_text(block.get("assistente")) or "assistente",
            company=as_text(block.get("empresa")) or "nossa equipe",
            date=as_text(block.get("data")),
            hours=as_text(block.get("horario_atendimento")),
            contact_name=as_text(name),
            is_first_reply=block.get("primeira_resposta") is True,
            source=as_text(block.get("origem")) or "cliente",
            identity=as_text(block.get("identidade")) or "pendente",
            first_name=as_text(block.get("primeiro_nome")),
            has_document=block.get("documento_informado") is True,
            has_wrong_document=block.get("documento_com_erro") is True,
            proposal=Agreement.of(block.get("proposta")),
            promise=Agreement.of(block.get("promessa")),
            dates=tuple(
                SaidDate(
                    excerpt=as_text(row.get("trecho")),
                    date=as_text(row.get("data")),
                    weekday=as_text(row.get("dia_semana")),
                    certainty=as_text(row.get("situacao")),
                    reason=as_text(row.get("motivo")),
                    options=as_texts(row.get("opcoes")),
                )
                for row in as_rows(block.get("datas"))
            ),
            amounts=as_texts(block.get("valores")),
            wants_human=block.get("pediu_humano") is True,
            wants_call=block.get("pediu_ligacao") is True,
            says_paid=block.get("diz_que_pagou") is True,
            is_wrong_person=block.get("diz_que_nao_e_a_pessoa") is True,
            is_yes=block.get("afirmativo") is True,
            is_no=block.get("negativo") is True,
            fields=as_texts(block.get("campos")),
            columns=as_texts(block.get("colunas")),
            call=Call.of(block),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResult:
    """What a tool answered; anything but a JSON object counts as the system being away."""

    name: str
    data: Json
    arguments: Json = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Tell whether the tool did what was asked."""
        return self.data.get("ok") is True

    @property
    def error(self) -> str:
        """Return the error code, empty when the tool worked."""
        return "" if self.is_ok else as_text(self.data.get("erro")) or "sistema_indisponivel"

    def text(self, key: str) -> str:
        """Return one field as text."""
        return as_text(self.data.get(key))


class CallNeeded(Exception):
    """Raised while an answer is being composed: a tool must run before the rest can be said."""

    def __init__(self, name: str, args: Mapping[str, object]) -> None:
        super().__init__(name)
        self.name = name
        self.arguments = dict(args)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Everything the model may know when it answers, taken from its messages and tools alone."""

    context: TurnContext
    new_texts: tuple[str, ...]
    earlier_texts: tuple[str, ...]
    last_reply: str
    results: Mapping[str, ToolResult]
    past_results: tuple[ToolResult, ...]
    tools: frozenset[str]
    seed: int
    said: str = field(default="")
    asked: str = field(default="")
    recent_replies: tuple[str, ...] = ()
    earlier_asked: tuple[str, ...] = ()  # what was asked before each of the earlier texts

    @property
    def call(self) -> Call | None:
        """Return the call that the turn is spoken in, None in text."""
        return self.context.call

    def says(self, signal: Signal) -> bool:
        """Tell whether the new messages carry the signal."""
        return says(self.said, signal)

    def said_before(self, signal: Signal, *, bursts: int = 6) -> bool:
        """Tell whether one of the last earlier messages carries the signal."""
        return any(says(fold(text), signal) for text in self.earlier_texts[-bursts:])

    @property
    def new_text(self) -> str:
        """Return the customer's new words as one text."""
        return "\n".join(text for text in self.new_texts if not _WITHOUT_WORDS.fullmatch(text.strip()))

    @property
    def media(self) -> tuple[str, ...]:
        """Return what came without words, as the runner describes it: "um áudio, que você não consegue ouvir"."""
        found = (_WITHOUT_WORDS.fullmatch(text.strip()) for text in self.new_texts)
        return tuple(match[1] for match in found if match)

    @property
    def is_yes(self) -> bool:
        """Tell whether the customer agrees."""
        return (self.context.is_yes or self.says(Signal.YES)) and not self.is_no

    @property
    def is_plain_yes(self) -> bool:
        """Tell whether the customer agrees and says nothing that could mean another thing."""
        if not self.is_yes or "?" in self.new_text or len(self.said) > _LONGEST_PLAIN_YES:
            return False
        return not any(self.says(signal) for signal in _MORE_THAN_YES)

    @property
    def is_no(self) -> bool:
        """Tell whether the customer refuses."""
        return self.context.is_no or self.says(Signal.NO)

    def use(self, tool: str, **args: object) -> ToolResult:
        """Return this turn's result of the tool, asking for the call when there is none yet.

        A tool runs once in a turn, so an answer can never loop.
        """
        if tool in self.results:
            return self.results[tool]
        if tool not in self.tools:
            return ToolResult(name=tool, data={"ok": False, "erro": "ferramenta_ausente"})
        raise CallNeeded(tool, args)

    def past(self, tool: str) -> ToolResult | None:
        """Return the last result of the tool in earlier turns."""
        return next((result for result in reversed(self.past_results) if result.name == tool), None)

    def pick(self, *options: str) -> str:
        """Return one of the wordings, the same one for the same conversation."""
        return options[self.seed % len(options)]


def _context_of(messages: Sequence[BaseMessage]) -> TurnContext:
    for message in reversed(messages):
        if isinstance(message, SystemMessage):
            text = str(message.text)
            mark = text.rfind(CONTEXT_MARK)
            block = first_json(text[mark:]) if mark >= 0 else None
            if block is not None:
                return TurnContext.of(block)
    return TurnContext()


def _results_of(messages: Sequence[BaseMessage], calls: Mapping[str, ToolCall]) -> Iterator[ToolResult]:
    for message in messages:
        if isinstance(message, ToolMessage):
            data = first_json(str(message.text)) or {"ok": False, "erro": "sistema_indisponivel"}
            call = calls.get(message.tool_call_id)
            name = message.name or (call["name"] if call else "")
            yield ToolResult(name=name, data=data, arguments=call["args"] if call else {})


def _calls_by_id(messages: Sequence[BaseMessage]) -> dict[str, ToolCall]:
    return {
        str(call["id"]): call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls
    }


def last_question(reply: str) -> str:
    """Return the last question of a reply, folded; empty when it asked nothing."""
    folded = fold(reply)
    end = folded.rfind("?")
    if end < 0:
        return ""
    start = max(folded.rfind(mark, 0, end) for mark in (".", "!", "\n", "?"))
    return folded[start + 1 : end + 1].strip()


def _recent_replies(before: Sequence[BaseMessage]) -> tuple[str, ...]:
    """Return the last replies, one per turn, oldest first."""
    replies = [str(message.text) for message in before if isinstance(message, AIMessage) and message.text]
    return tuple(replies[-_REPLIES_REMEMBERED:])


def read_turn(messages: Sequence[BaseMessage], tools: frozenset[str]) -> Turn:
    """Split a conversation into context, new messages, the reply before them and the tool results."""
    context = _context_of(messages)
    talk = [message for message in messages[-_WINDOW:] if not isinstance(message, SystemMessage)]
    last_human = max((at for at, message in enumerate(talk) if isinstance(message, HumanMessage)), default=-1)
    first_new = last_human
    while first_new > 0 and isinstance(talk[first_new - 1], HumanMessage):
        first_new -= 1
    before = talk[: max(first_new, 0)]
    # Nobody wrote: the turn is a follow-up, and what stands there is all past.
    now = talk[last_human + 1 :] if last_human >= 0 else [message for message in talk if not message.text]
    new_texts = tuple(str(message.text) for message in talk[first_new : last_human + 1]) if last_human >= 0 else ()
    replies: list[str] = []
    for message in reversed(before if last_human >= 0 else talk):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, AIMessage) and message.text:
            replies.append(str(message.text))
    calls = _calls_by_id(talk)
    last_reply = "\n".join(reversed(replies))
    return Turn(
        context=context,
        new_texts=new_texts,
        earlier_texts=tuple(str(message.text) for message in before if isinstance(message, HumanMessage))[
            -_EARLIER_TEXTS:
        ],
        last_reply=last_reply,
        results={result.name: result for result in _results_of(now, calls)},
        past_results=tuple(_results_of(before, calls)),
        tools=tools,
        seed=crc32("\n".join((*new_texts, last_reply)).encode()),
        said=fold("\n".join(text for text in new_texts if not _WITHOUT_WORDS.fullmatch(text.strip()))),
        asked=last_question(last_reply),
        recent_replies=_recent_replies(before),
        earlier_asked=questions_before(before)[-_EARLIER_TEXTS:],
    )
