"""The conversation graph: router, three agents, observer, refiner, reply. No business rules live here."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, RemoveMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START
from langgraph.runtime import Runtime

from agents import cobranca, persona, sales
from agents.models import Models
from agents.observer import learn, review, sentence_check
from agents.prompts import Prompts
from agents.refiner import MOST_REVISIONS, held_effects, holding_reply, refine
from agents.router import Route, route
from agents.speaking import Check, without_said
from agents.talk import Agent, Aloud, Talk, TalkInput, talk
from agents.turn_context import Heard, hear
from domain.effects import ConfirmIdentity, Effect, MarkWrongPerson
from domain.evidence import Finding, customer_evidence
from domain.masking import mask_text
from domain.messages import Medium, Text
from domain.turns import AgentName, Evidence, Identity, TurnContext, TurnOutcome, whole_reply
from graphs.memory import recognise
from graphs.state import ConversationGraph, ConversationState, TurnInput, TurnOutput, bounded, surplus
from wiring.deps import Deps

NO_IDENTITY: Identity = {"status": "pendente"}
Update = dict[str, object]
Step = Callable[[ConversationState, TurnContext], Awaitable[Update]]
ContextOf = Callable[[Runtime[Any], ConversationState], Awaitable[TurnContext]]


async def _run_context(runtime: Runtime[Any], _state: ConversationState) -> TurnContext:
    context: TurnContext = runtime.context
    return context


class Nodes:
    """The steps of a turn over one process's resources. Each takes the state and gives only what it changes."""

    def __init__(self, deps: Deps, models: Models, prompts: Prompts, agents: Sequence[Agent]) -> None:
        self._deps = deps
        self._models = models
        self._prompts = prompts
        self._agents: dict[AgentName, Agent] = {agent.name: agent for agent in agents}

    async def router(self, state: ConversationState, turn: TurnContext) -> Update:
        """Hear the customer and choose who answers."""
        messages: list[BaseMessage] = list(state.get("messages", ()))
        heard = hear(messages, today=turn.today, medium=turn.medium)
        known = identity_of(state, turn)
        identity = recognise(known, heard, messages)
        route_ = await route(
            messages, heard, turn=turn, current=state.get("agent"), identity=identity,
            models=self._models, prompts=self._prompts,
        )  # fmt: skip
        update: Update = {"heard": heard, "route": route_, "trace": ({"step": "route", **_traced_route(route_)},)}
        return update if identity == known else update | {"identity": identity, "recognised": True}

    def speaker(self, name: AgentName) -> Step:
        """Make the step in which one agent speaks."""

        async def speak(state: ConversationState, turn: TurnContext) -> Update:
            heard = _heard(state, turn)
            given = TalkInput(
                messages=state["messages"],
                heard=heard,
                identity=identity_of(state, turn),
                proposal=state.get("proposal"),
                promise=state.get("promise"),
                evidence=known_evidence(state, heard),
            )
            said = await talk(
                self._agents[name], given, turn=turn, deps=self._deps, models=self._models, prompts=self._prompts,
                aloud=_aloud(given, turn) if turn.medium is Medium.VOICE else None,
            )  # fmt: skip
            return {"talk": said, "draft": said.text, "heard": heard}

        return speak

    async def observer(self, state: ConversationState, turn: TurnContext) -> Update:
        """Approve the draft, send it back, or have it held."""
        heard, said = state["heard"], state["talk"]
        judged = await review(
            state["draft"], messages=state["messages"], heard=heard, talk=said, turn=turn,
            evidence=known_evidence(state, heard), models=self._models, prompts=self._prompts,
        )  # fmt: skip
        revisions = state.get("revisions", 0)
        verdict = {"approve": "refined" if revisions else "approved", "revise": "revise", "hand_over": "held"}[
            judged.verdict
        ]
        is_empty = any(finding.reason == "empty" for finding in judged.reasons)
        if verdict == "revise" and (is_empty or revisions >= MOST_REVISIONS):
            verdict = "held"  # of nothing a refiner could only make something up
        step = {"step": "observer", "verdict": verdict, "reasons": [_traced_finding(item) for item in judged.reasons]}
        return {
            "verdict": verdict,
            "reasons": judged.reasons,
            "usage": state.get("usage", ()) + judged.usage,
            "trace": (*state.get("trace", ()), *(said.trace if not revisions else ()), step),
        }

    async def refiner(self, state: ConversationState, turn: TurnContext) -> Update:
        """Rewrite the draft for the reasons given."""
        said = state["talk"].said
        answer = await refine(
            state["draft"], state["reasons"], heard=state["heard"], talk=state["talk"], turn=turn,
            models=self._models, prompts=self._prompts,
        )  # fmt: skip
        # A draft that nobody could rewrite is found wanting again. An empty one after spoken words would look complete.
        unmended = state["draft"] if said else ""
        revisions = state.get("revisions", 0) + 1
        step: dict[str, object] = {"step": "refiner", "revision": revisions, "model": answer.model if answer else None}
        return {
            "draft": without_said(str(answer.message.text), said) if answer else unmended,
            "revisions": revisions if answer else MOST_REVISIONS,
            "usage": state.get("usage", ()) + (answer.usage if answer else ()),
            "trace": (*state.get("trace", ()), step),
        }

    async def reply(self, state: ConversationState, turn: TurnContext) -> Update:
        """Turn what was decided into the outcome of the turn, and into what the conversation remembers."""
        if "talk" not in state:
            return _fixed_reply(state, turn)
        if state["verdict"] == "held":
            return _held_reply(state, turn)
        return _agent_reply(state, turn)


def _aloud(given: TalkInput, turn: TurnContext) -> Aloud:
    """Write each sentence to the run's custom stream, where the session of the call finds it; and when tools run."""
    write = get_stream_writer()

    def rules(talk: Talk) -> Check:
        return sentence_check(heard=given.heard, talk=talk, turn=turn, evidence=given.evidence)

    return Aloud(
        say=lambda sentence: write({"say": sentence}), rules=rules,
        at_work=lambda is_at_work: write({"at_work": is_at_work}),
    )  # fmt: skip


def identity_of(state: ConversationState, turn: TurnContext) -> Identity:
    known = state.get("identity")
    if known is not None:
        return known
    if turn.contact.identity_tries_on == turn.today and turn.contact.identity_tries_on is not None:
        tries = turn.contact.identity_tries
        return {"status": "pendente", "tries": tries, "tries_on": turn.contact.identity_tries_on.isoformat()}
    return NO_IDENTITY


def _heard(state: ConversationState, turn: TurnContext) -> Heard:
    return state.get("heard") or hear(state["messages"], today=turn.today, medium=turn.medium)


def known_evidence(state: ConversationState, heard: Heard) -> list[Evidence]:
    days = [day for reading in heard.dates for day in (reading.date, *reading.candidates) if day is not None]
    return [*state.get("evidence", ()), *customer_evidence(amounts=heard.amounts, days=days)]


def _traced_route(chosen: Route) -> dict[str, object]:
    return {"agent": chosen.agent, "reason": mask_text(chosen.reason)}


def _traced_finding(finding: Finding) -> dict[str, str]:
    return {"reason": finding.reason, "excerpt": mask_text(finding.excerpt)}


def _reply(text: str, turn: TurnContext) -> AIMessage:
    """Make the reply's message. By its id a call replaces the text by what was really heard of it."""
    return AIMessage(content=text, id=str(turn.reply_id))


def _history(state: ConversationState, new: list[AnyMessage]) -> list[AnyMessage | RemoveMessage]:
    return [*surplus(state["messages"], coming=len(new)), *new]


def _fixed_reply(state: ConversationState, turn: TurnContext) -> Update:
    """Answer as the router said, or say nothing when nothing was asked."""
    chosen = state["route"]
    outcome = TurnOutcome(
        parts=(Text(text=chosen.reply),) if chosen.reply else (),
        effects=chosen.effects,
        usage=chosen.usage,
        trace=state["trace"],
        agent=state.get("agent"),
        verdict="approved" if chosen.reply else "none",
        model=None,
        prompt_version=None,
    )
    update: Update = {"outcome": outcome}
    if chosen.reply:
        update["messages"] = _history(state, [_reply(chosen.reply, turn)])
    if any(isinstance(effect, MarkWrongPerson) for effect in chosen.effects):
        update |= {"identity": NO_IDENTITY, "proposal": None, "promise": None, "agent": "persona"}
    return update


def _held_reply(state: ConversationState, turn: TurnContext) -> Update:
    """Send the holding reply, after what was spoken already. What the tools planned is forgotten with the draft."""
    said = state["talk"]
    text = whole_reply(said.said, holding_reply(turn))
    outcome = TurnOutcome(
        parts=(Text(text=text),),
        effects=held_effects(said.effects, state["reasons"]),
        usage=_usage(state),
        trace=state["trace"],
        agent=said.agent,
        verdict="held",
        model=said.model,
        prompt_version=said.prompt_version,
        said=said.said,
    )
    update: Update = {"outcome": outcome, "messages": _history(state, [_reply(text, turn)])}
    if said.identity["status"] != "confirmada" and said.identity != state.get("identity"):
        update["identity"] = said.identity  # failed tries count
    if said.agent != state.get("agent"):
        update["agent"] = said.agent
    return update


def _recognition(state: ConversationState) -> tuple[Effect, ...]:
    """Plan that the contact keeps who was recognised on the phone, for the summary and whoever takes the line over."""
    identity = state.get("identity")
    if not state.get("recognised") or identity is None or "document" not in identity:
        return ()
    return (ConfirmIdentity(document=identity["document"], customer_name=identity.get("customer_name", "")),)


def _agent_reply(state: ConversationState, turn: TurnContext) -> Update:
    """Send the approved draft, after what was spoken already, and remember what the turn did."""
    said, heard = state["talk"], state["heard"]
    text = whole_reply(said.said, state["draft"])
    noted = learn(heard, said, known=state.get("facts", {}))
    outcome = TurnOutcome(
        parts=(Text(text=text), *said.attachments),
        effects=(*_recognition(state), *said.effects, *([noted] if noted else [])),
        usage=_usage(state),
        trace=state["trace"],
        agent=said.agent,
        verdict=state["verdict"],
        model=said.model,
        prompt_version=said.prompt_version,
        said=said.said,
    )
    # The words before a tool call are in the reply: one message holds all that was said.
    exchange: list[Any] = [
        item.model_copy(update={"content": ""}) if isinstance(item, AIMessage) and item.content else item
        for item in said.exchange
    ]
    update: Update = {"outcome": outcome, "messages": _history(state, [*exchange, _reply(text, turn)])}
    remembered: Update = {
        "agent": said.agent,
        "identity": said.identity,
        "proposal": said.proposal,
        "promise": said.promise,
        "evidence": bounded([*known_evidence(state, heard), *said.evidence]),
    }
    if noted:
        remembered["facts"] = {**state.get("facts", {}), **noted.facts}
    # A key that did not change is not written again: each is a row of the checkpoint.
    return update | {key: value for key, value in remembered.items() if value != state.get(key)}


def _usage(state: ConversationState) -> tuple[Any, ...]:
    return (*state["route"].usage, *state["talk"].usage, *state.get("usage", ()))


# Asynchronous because LangGraph would send a plain function to a thread.
async def _after_router(state: ConversationState) -> Literal["persona", "cobranca", "sales", "reply"]:
    return state["route"].agent or "reply"


async def _after_observer(state: ConversationState) -> Literal["refiner", "reply"]:
    return "refiner" if state["verdict"] == "revise" else "reply"


def build(
    deps: Deps,
    models: Models,
    *,
    prompts: Prompts | None = None,
    agents: Sequence[Agent] = (),
    context_schema: type[Any] = TurnContext,
    context_of: ContextOf = _run_context,
    ends_after_reply: bool = True,
) -> ConversationGraph:
    """Build the graph of a turn, to compile with a saver. Whoever wants more after `reply` adds it there."""
    speakers = agents or (persona.make_agent(), cobranca.make_agent(), sales.make_agent())
    nodes = Nodes(deps, models, prompts or Prompts(deps.database, deps.clock), speakers)
    graph = ConversationGraph(
        ConversationState, context_schema=context_schema, input_schema=TurnInput, output_schema=TurnOutput
    )

    graph.settings = deps.settings

    def add(name: str, step: Step) -> None:
        async def node(state: ConversationState, runtime: Runtime[Any]) -> Update:
            return await step(state, await context_of(runtime, state))

        graph.add_node(name, node)

    add("router", nodes.router)
    add("persona", nodes.speaker("persona"))
    add("cobranca", nodes.speaker("cobranca"))
    add("sales", nodes.speaker("sales"))
    add("observer", nodes.observer)
    add("refiner", nodes.refiner)
    add("reply", nodes.reply)

    graph.add_edge(START, "router")
    graph.add_conditional_edges("router", _after_router)
    graph.add_edge("persona", "observer")
    graph.add_edge("cobranca", "observer")
    graph.add_edge("sales", "observer")
    graph.add_conditional_edges("observer", _after_observer)
    graph.add_edge("refiner", "observer")
    if ends_after_reply:
        graph.add_edge("reply", END)
    return graph
