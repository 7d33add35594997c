"""The graphs for LangGraph Studio and the SDK: the conversation, and each agent alone (spec 1.15).

The server brings its own saver. Nothing that a turn plans is written to the tenant's tables here.
"""

import asyncio
import weakref
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Literal, TypedDict
from uuid import UUID, uuid4

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agents import cobranca, persona, sales
from agents.models import Models
from agents.observer import check_draft
from agents.prompts import Prompts
from agents.talk import Talk
from agents.turn_context import hear
from domain.effects import HandOff
from domain.masking import mask_text
from domain.messages import AddressKind, Medium
from domain.turns import AgentName, ContactProfile, TurnContext
from graphs.conversation import NO_IDENTITY, Nodes, Update, build
from graphs.state import ConversationState, TurnInput, bounded
from store import contact_search, contacts, tenants
from wiring.deps import Deps, open_deps
from wiring.instance import running_instance
from wiring.settings import Settings, SettingsError, load_settings

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class StudioContext:
    """Who speaks in Studio. Everything may be left out: then it is somebody of the demo tenant, on WhatsApp."""

    tenant: str = "tr-telecom"
    phone: str | None = None
    source: str = "customer"
    assigned_agent: AgentName | None = None


class NobodyThere(LookupError):
    """The tenant or the phone of the Studio context is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What the graphs of one event loop share; opened by the first run, lives as long as the process."""

    deps: Deps
    models: Models
    prompts: Prompts
    nodes: Nodes
    graphs: dict[str, Graph]
    resources: AsyncExitStack  # held, or collecting it would close the pools

    async def context_of(self, runtime: Runtime[Any], state: ConversationState) -> TurnContext:
        """Look up who speaks, as the runner would."""
        wanted = runtime.context if isinstance(runtime.context, StudioContext) else StudioContext()
        async with self.deps.database.platform() as connection:
            tenant = await tenants.by_slug(connection, wanted.tenant)
        if tenant is None:
            raise NobodyThere(f"no tenant {wanted.tenant!r}: load the demo with `make demo`")
        profile = await self.deps.tenants.profile(tenant.id)
        messages = state.get("messages", [])
        return TurnContext(
            tenant=tenant,
            contact=await self._contact(tenant.id, wanted.phone),
            conversation_id=uuid4(),
            turn_seq=len(messages),
            medium=Medium.WHATSAPP,
            now=self.deps.clock.now(),
            source=wanted.source,
            assigned_agent=wanted.assigned_agent,
            is_first_reply=not any(isinstance(message, AIMessage) for message in messages),
            custom_fields=profile.custom_fields,
            stages=profile.stages,
        )

    async def _contact(self, tenant_id: UUID, phone: str | None) -> ContactProfile:
        async with self.deps.database.tenant(tenant_id) as connection:
            if phone is None:
                page, _ = await contact_search.search(connection, text=None, tag=None, limit=1, offset=0)
                row = page[0] if page else None
            else:
                page, _ = await contact_search.search(
                    connection, text=phone.removeprefix("+"), tag=None, limit=1, offset=0
                )
                if not page:
                    raise NobodyThere("no contact with this phone")
                row = page[0]
            addresses = await contacts.addresses_of(connection, row.id) if row else []
        if row is None:
            return ContactProfile(id=uuid4())
        return ContactProfile(
            id=row.id,
            name=row.name,
            document=row.document,
            custom_fields=row.custom_fields,
            has_opted_out=row.opted_out_at is not None,
            identity_tries=row.identity_tries,
            identity_tries_on=row.identity_tries_on,
            phone_match_keys=tuple(
                item.match_key for item in addresses if item.match_key and item.kind is not AddressKind.LID
            ),
        )


_workshops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Workshop]]" = weakref.WeakKeyDictionary()


def studio_settings() -> Settings:
    """Read the settings; without DATABASE_URL use the database of the service that runs on the data folder."""
    settings = load_settings()
    if settings.database_url is not None:
        return settings
    info = running_instance(settings.data_dir)
    if info is None or info.database_url is None:
        raise SettingsError({"DATABASE_URL": "is not set and no service runs here; start one with `make run`"})
    return settings.with_local_secrets().with_services(database_url=info.database_url, redis_url=info.redis_url)


async def _open_workshop() -> Workshop:
    settings = await asyncio.to_thread(studio_settings)
    # Never closed: Studio gives no moment for it, and the process ends with its connections.
    resources = AsyncExitStack()
    deps = await resources.enter_async_context(open_deps(settings))
    models = Models(settings, deps.database, deps.clock)
    prompts = Prompts(deps.database, deps.clock)
    agents = (persona.make_agent(), cobranca.make_agent(), sales.make_agent())
    return Workshop(
        deps=deps, models=models, prompts=prompts, nodes=Nodes(deps, models, prompts, agents), graphs={},
        resources=resources,
    )  # fmt: skip


async def _workshop() -> Workshop:
    """Give this loop's workshop; the factories below run once for every run, so it is opened only once."""
    loop = asyncio.get_running_loop()
    opening = _workshops.get(loop)
    if opening is None or (opening.done() and opening.exception() is not None):
        opening = loop.create_task(_open_workshop())
        _workshops[loop] = opening
    return await asyncio.shield(opening)


async def make_graph() -> Graph:
    """Give the conversation with a person at its end: a handoff interrupts, the operator's words resume it."""
    shop = await _workshop()
    if "conversation" not in shop.graphs:
        graph = build(
            shop.deps, shop.models, prompts=shop.prompts, context_schema=StudioContext, context_of=shop.context_of,
            ends_after_reply=False,
        )  # fmt: skip
        graph.add_node("humano", humano)
        graph.add_conditional_edges("reply", _after_reply)
        graph.add_edge("humano", END)
        shop.graphs["conversation"] = graph.compile(name="conversation")
    return shop.graphs["conversation"]


async def _after_reply(state: ConversationState) -> Literal["humano", "__end__"]:
    return "humano" if any(isinstance(effect, HandOff) for effect in state["outcome"].effects) else "__end__"


async def humano(state: ConversationState) -> Update:
    """Wait for the operator; what they write becomes part of the history (spec 1.9)."""
    last = [mask_text(str(message.text)) for message in state["messages"][-4:]]
    answer = interrupt({"pergunta": "Uma pessoa da equipe continua daqui. O que ela escreveu?", "conversa": last})
    text = answer.get("texto", "") if isinstance(answer, dict) else str(answer)
    return {"messages": [AIMessage(content=text, name="operador")]} if text.strip() else {}


async def _alone(name: AgentName) -> Graph:
    shop = await _workshop()
    if name in shop.graphs:
        return shop.graphs[name]
    step = shop.nodes.speaker(name)

    async def speak(state: ConversationState, runtime: Runtime[StudioContext]) -> Update:
        said = (await step(state, await shop.context_of(runtime, state)))["talk"]
        if not isinstance(said, Talk):
            raise TypeError("an agent's step gives a Talk")
        exchange: list[BaseMessage] = [*said.exchange, AIMessage(content=said.text, name=name)]
        evidence = bounded([*state.get("evidence", ()), *said.evidence])
        return {
            "messages": exchange, "agent": name, "identity": said.identity, "proposal": said.proposal,
            "promise": said.promise, "evidence": evidence,
        }  # fmt: skip

    graph = StateGraph(ConversationState, context_schema=StudioContext, input_schema=TurnInput)
    graph.add_node(name, speak)
    graph.add_edge(START, name)
    graph.add_edge(name, END)
    shop.graphs[name] = graph.compile(name=name)
    return shop.graphs[name]


async def make_persona() -> Graph:
    """Give the agent that answers questions, alone."""
    return await _alone("persona")


async def make_cobranca() -> Graph:
    """Give the agent that collects, alone."""
    return await _alone("cobranca")


async def make_sales() -> Graph:
    """Give the agent that sells, alone."""
    return await _alone("sales")


class DraftToCheck(TypedDict, total=False):
    """A draft and the conversation before it; `motivos` is what the observer answers."""

    messages: list[AnyMessage]
    rascunho: str
    veredito: str
    motivos: list[dict[str, str]]


async def make_observer() -> Graph:
    """Give the observer's hard rules alone: put a draft in `rascunho`."""
    shop = await _workshop()
    if "observer" in shop.graphs:
        return shop.graphs["observer"]

    async def observer(state: DraftToCheck, runtime: Runtime[StudioContext]) -> DraftToCheck:
        messages = state.get("messages", [])
        turn = await shop.context_of(runtime, {"messages": messages})
        heard = hear(messages, today=turn.today, medium=turn.medium)
        talk = Talk(agent="persona", text=state.get("rascunho", ""), identity=NO_IDENTITY, proposal=None, promise=None)
        found = check_draft(talk.text, heard=heard, talk=talk, turn=turn, evidence=())
        reasons = [{"motivo": item.reason, "trecho": mask_text(item.excerpt)} for item in found]
        return {"veredito": "revisar" if found else "aprovar", "motivos": reasons}

    graph = StateGraph(DraftToCheck, context_schema=StudioContext)
    graph.add_node("observer", observer)
    graph.add_edge(START, "observer")
    graph.add_edge("observer", END)
    shop.graphs["observer"] = graph.compile(name="observer")
    return shop.graphs["observer"]
