"""Which chat models answer for which agent."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from agents.models import Models
from server.api.wire import Given, Page, Sent, Text
from server.auth import ProcessDeps, ReadsModels, WritesModels
from services import model_admin
from services.api_keys import Caller
from services.model_admin import MODEL_AGENTS
from wiring.deps import Deps

router = APIRouter(prefix="/models", tags=["models"])


class AgentModels(Given):
    """The models in the order in which they are tried; the built-in offline model is always the last."""

    agent: str = Field(description="`*` stands for every agent without a chain of its own")
    chain: list[str] = Field(examples=[["openai:gpt-5-mini", "offline"]])
    temperature: float | None
    source: Literal["tenant", "default"]


class AgentModelsChange(Sent):
    model_config = ConfigDict(json_schema_extra={"examples": [{"chain": ["openai:gpt-5-mini"], "temperature": 0.2}]})

    chain: Annotated[list[Annotated[Text, Field(max_length=130)]], Field(min_length=1, max_length=6)]
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None


async def _effective(deps: Deps, caller: Caller) -> list[AgentModels]:
    # A reader of its own, without the running turns' memory of 30 seconds: what was just set is shown.
    models = Models(deps.settings, deps.database, deps.clock)
    own = {row.agent for row in await model_admin.list_chains(deps.database, caller.tenant_id)}
    found = []
    for agent in MODEL_AGENTS:
        chain = await models.chain(caller.tenant_id, agent)
        found.append(
            AgentModels(
                agent=agent, chain=list(chain.names), temperature=chain.temperature,
                source="tenant" if agent in own or "*" in own else "default",
            )
        )  # fmt: skip
    return found


@router.get("", summary="Show the effective chain of each agent")
async def list_models(deps: ProcessDeps, caller: ReadsModels) -> Page[AgentModels]:
    found = await _effective(deps, caller)
    return Page(items=found, total=len(found), limit=len(found), offset=0)


@router.put("/{agent}", summary="Set an agent's chain; it holds within 30 seconds")
async def put_models(deps: ProcessDeps, caller: WritesModels, agent: str, body: AgentModelsChange) -> AgentModels:
    await model_admin.put_chain(
        deps.database, caller.tenant_id, agent=agent, chain=body.chain, temperature=body.temperature,
        now=deps.clock.now(),
    )  # fmt: skip
    return next(item for item in await _effective(deps, caller) if item.agent == agent)


@router.delete("/{agent}", status_code=204, summary="Let the default hold again for an agent")
async def delete_models(deps: ProcessDeps, caller: WritesModels, agent: str) -> None:
    await model_admin.delete_chain(deps.database, caller.tenant_id, agent=agent)
