"""The loop that persona, cobranca and sales share: model, tool calls, results, until there is a draft to check.

In a call the words stream: sentences that may be spoken already are, and the draft is what is left (agents/speaking).
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from pydantic import ValidationError

from agents.models import Answer, EveryModelFailed, Models
from agents.prompts import Prompts, variables_of
from agents.speaking import Check, Listening, Speech, may_speak
from agents.tracing import note_name
from agents.turn_context import Heard, turn_context_message
from domain.effects import Effect
from domain.evidence import evidence_in_text
from domain.masking import mask_text
from domain.messages import Medium, Part
from domain.turns import AgentName, Agreement, Evidence, Identity, ModelUsage, TurnContext
from tools.context import ToolResult, ToolRun
from tools.registry import offered_on
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

ROUNDS = 6
_CALLS_A_ROUND = 6
_TOOL_SECONDS = 20.0
_TRACED_CHARS = 1500
_UNKNOWN_TOOL = ("ferramenta_desconhecida", "Essa ferramenta não existe. Use só as que foram oferecidas.")
_BAD_ARGUMENTS = ("argumentos_invalidos", "Os argumentos não seguem o formato da ferramenta. Confira e tente de novo.")
_BROKEN = (
    "sistema_indisponivel",
    "O sistema não respondeu. Diga que não foi possível agora e ofereça tentar depois ou uma pessoa da equipe.",
)
_TOO_MANY = ("chamadas_demais", "Foram chamadas demais de uma vez. Responda com o que já sabe.")

TraceStep = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What an agent's turn came to. Nothing of it is kept before the draft is approved."""

    agent: AgentName
    text: str  # the draft: what is still to be said
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    exchange: tuple[BaseMessage, ...] = ()  # tool calls and results, for the history
    evidence: tuple[Evidence, ...] = ()  # new in this turn
    effects: tuple[Effect, ...] = ()
    attachments: tuple[Part, ...] = ()
    usage: tuple[ModelUsage, ...] = ()
    trace: tuple[TraceStep, ...] = ()
    model: str | None = None
    prompt_version: str | None = None
    said: tuple[str, ...] = ()  # sentences that were spoken already; they come before the draft
    has_answered: bool = False  # the model came to its last word, so with nothing left in the draft all is said


@dataclass(frozen=True, kw_only=True, slots=True)
class Aloud:
    """How an agent's words reach the ear as they come."""

    say: Callable[[str], None]
    rules: Callable[[Talk], Check]  # what may not be said, by what is known when a round of the turn begins
    at_work: Callable[[bool], None]  # whether tools run, during which nothing is said


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkInput:
    """What an agent starts from."""

    messages: Sequence[BaseMessage]
    heard: Heard
    identity: Identity
    proposal: Agreement | None
    promise: Agreement | None
    evidence: Sequence[Evidence]


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """One speaking agent: its name and the tools it may call. Name and prompt go together."""

    name: AgentName
    tools: tuple[BaseTool, ...]

    def tools_for(self, medium: Medium) -> tuple[BaseTool, ...]:
        """Give the tools that make sense on a medium: hanging up in a call, asking for a call in text."""
        return offered_on(medium, self.tools)


async def talk(
    agent: Agent, given: TalkInput, *, turn: TurnContext, deps: Deps, models: Models, prompts: Prompts,
    aloud: Aloud | None = None,
) -> Talk:  # fmt: skip
    """Let the agent answer the new messages with at most six rounds of tools.

    An empty text means that it could not, unless all of the answer was said aloud already.
    """
    prompt = await prompts.get(turn.tenant.id, agent.name, medium=turn.medium)
    rendered = SystemMessage(content=prompt.render(variables_of(turn, agent=agent.name)))
    current = Talk(
        agent=agent.name, text="", identity=given.identity, proposal=given.proposal, promise=given.promise,
        prompt_version=prompt.version,
    )  # fmt: skip
    tools = agent.tools_for(turn.medium)
    by_name = {tool.name: tool for tool in tools}
    speech = Speech(aloud.say) if aloud else None
    for round_number in range(1, ROUNDS + 1):
        # What a tool changed (a confirmed identity, a noted proposal) is in the next round's context.
        context = turn_context_message(
            turn, agent=agent.name, heard=given.heard, identity=current.identity, proposal=current.proposal,
            promise=current.promise,
        )  # fmt: skip
        asked = [rendered, context, *given.messages, *current.exchange]
        listening = _listening(current, speech, aloud)
        try:
            answer = await _ask(
                asked, turn=turn, agent=agent, models=models, listening=listening,
                tools=tools if round_number < ROUNDS else (),
            )  # fmt: skip
        except EveryModelFailed as error:
            failed: TraceStep = {"step": "model", "failures": list(error.failures)}
            return replace(current, said=speech.said if speech else (), trace=(*current.trace, failed))
        current = replace(
            current, model=answer.model, usage=current.usage + answer.usage,
            trace=(*current.trace, *_failures(answer.failures)), said=speech.said if speech else (),
        )  # fmt: skip
        if not answer.message.tool_calls and not answer.message.invalid_tool_calls:
            return _answered(current, answer, listening)
        heard = listening.said if listening else ""
        if aloud is not None:
            aloud.at_work(True)
        current = await use_tools(current, answer.message, by_name, given=given, turn=turn, deps=deps, said=heard)
        if aloud is not None:
            aloud.at_work(False)
    return current


def _listening(current: Talk, speech: Speech | None, aloud: Aloud | None) -> Listening | None:
    """Hear the round that begins; attachments go out with the commit, so they are not spoken of before it either."""
    if speech is None or aloud is None:
        return None
    return speech.listen(aloud.rules(current), is_open=may_speak(current.effects) and not current.attachments)


async def _ask(
    messages: Sequence[BaseMessage], *, turn: TurnContext, agent: Agent, models: Models, tools: Sequence[BaseTool],
    listening: Listening | None,
) -> Answer:  # fmt: skip
    if listening is None:
        return await models.ask(messages, tenant_id=turn.tenant.id, agent=agent.name, feature="reply", tools=tools)
    return await models.stream(
        messages, tenant_id=turn.tenant.id, agent=agent.name, feature="reply", tools=tools, listener=listening
    )


def _answered(current: Talk, answer: Answer, listening: Listening | None) -> Talk:
    if listening is None:
        return replace(current, text=str(answer.message.text).strip(), has_answered=True)
    return replace(current, text=listening.rest, has_answered=bool(listening.said or listening.rest))


def _failures(failures: Sequence[str]) -> list[TraceStep]:
    return [{"step": "model", "failures": list(failures)}] if failures else []


async def use_tools(
    current: Talk, message: AIMessage, tools: Mapping[str, BaseTool], *, given: TalkInput, turn: TurnContext,
    deps: Deps, said: str = "",
) -> Talk:  # fmt: skip
    """Run the calls one after the other, each seeing what the earlier ones changed.

    `said` is what the customer heard before them.
    """
    malformed = [
        ToolCall(name=call["name"] or "desconhecida", args={}, id=call["id"], type="tool_call")
        for call in message.invalid_tool_calls
    ]
    calls = [_with_id(call, at, current) for at, call in enumerate([*message.tool_calls, *malformed])]
    # Other text beside tool calls was never checked nor sent: it must not look said.
    current = replace(current, exchange=(*current.exchange, AIMessage(content=said, tool_calls=calls)))
    for at, call in enumerate(calls):
        started = asyncio.get_running_loop().time()
        if at >= _CALLS_A_ROUND:
            result = _error(*_TOO_MANY)
        elif at >= len(message.tool_calls):
            result = _error(*_BAD_ARGUMENTS)
        else:
            result = await _call_tool(tools.get(call["name"]), call, _run_of(current, given, turn, deps))
        current = _merge(current, call, result, milliseconds=(asyncio.get_running_loop().time() - started) * 1000)
    return current


def _with_id(call: ToolCall, at: int, current: Talk) -> ToolCall:
    return ToolCall(
        name=call["name"], args=call["args"], id=call["id"] or f"call_{len(current.exchange)}_{at}", type="tool_call"
    )


def _run_of(current: Talk, given: TalkInput, turn: TurnContext, deps: Deps) -> ToolRun:
    return ToolRun(
        deps=deps,
        turn=turn,
        identity=current.identity,
        proposal=current.proposal,
        promise=current.promise,
        customer_texts=given.heard.customer_texts,
        new_texts=given.heard.new_texts,
        asked=given.heard.asked,
        effects=current.effects,
        evidence=(*given.evidence, *current.evidence),
    )


async def _call_tool(tool: BaseTool | None, call: ToolCall, run: ToolRun) -> ToolResult:
    if tool is None:
        return _error(*_UNKNOWN_TOOL)
    if "run" in call["args"]:  # the hidden argument is ours to give, never the model's
        return _error(*_BAD_ARGUMENTS)
    try:
        async with asyncio.timeout(_TOOL_SECONDS):
            message = await tool.ainvoke({**call, "args": {**call["args"], "run": run}})
    except (ValidationError, TypeError) as error:
        logger.warning("tool.bad_arguments", tool=tool.name, error=type(error).__name__)
        return _error(*_BAD_ARGUMENTS)
    except Exception as error:  # whatever breaks in a tool, the customer gets a sentence and the log its kind
        logger.error("tool.failed", tool=tool.name, error=type(error).__name__)
        return _error(*_BROKEN)
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return artifact if isinstance(artifact, ToolResult) else _error(*_BROKEN)


def _error(code: str, message: str) -> ToolResult:
    return ToolResult(content={"ok": False, "erro": code, "mensagem": message})


def _merge(current: Talk, call: ToolCall, result: ToolResult, *, milliseconds: float) -> Talk:
    content = json.dumps(result.content, ensure_ascii=False)
    names = _names(result.content, current.identity, result.identity)
    for name in names:
        note_name(name)
    step: TraceStep = {
        "step": "tool",
        "tool": call["name"],
        "arguments": _traced(call["args"], names),
        "result": _traced(result.content, names),
        "milliseconds": round(milliseconds, 1),
    }
    proposal = None if result.clears_proposal else (result.proposal or current.proposal)
    return replace(
        current,
        exchange=(*current.exchange, ToolMessage(content=content, tool_call_id=str(call["id"]), name=call["name"])),
        identity=result.identity or current.identity,
        proposal=proposal,
        promise=result.promise or current.promise,
        evidence=(*current.evidence, *result.evidence, *_evidence_of(call["name"], result.content, content)),
        effects=current.effects + result.effects,
        attachments=current.attachments + result.attachments,
        trace=(*current.trace, step),
    )


def _evidence_of(tool: str, content: Mapping[str, object], text: str) -> list[Evidence]:
    """Read from a result what any tool may leave unsaid in its evidence: its amounts and dates, that it looked."""
    found = evidence_in_text(text, source=tool)
    if content.get("ok") is True:
        found.append({"kind": "action", "value": "looked_up", "source": tool})
        if content.get("quantidade") == 0:
            found.append({"kind": "action", "value": "nothing_open", "source": tool})
    return found


def _names(content: Mapping[str, object], *identities: Identity | None) -> frozenset[str]:
    """Give the names of people that a result or the conversation holds."""
    known = [identity.get("customer_name") for identity in identities if identity]
    return frozenset(name for name in (content.get("nome"), content.get("cartao"), *known) if isinstance(name, str))


def _traced(value: Mapping[str, object], names: frozenset[str]) -> str:
    """Write arguments or a result for the trace: masked, and never endless."""
    written = json.dumps(value, ensure_ascii=False, default=str)[: _TRACED_CHARS * 2]
    return mask_text(written, names=names)[:_TRACED_CHARS]
