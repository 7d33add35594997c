"""Which chat models answer for which agent: a tenant's own chains."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.errors import InvalidInput, NotFound
from store import model_settings
from store.database import Database
from store.model_settings import ModelSetting

DEFAULT_AGENT = "*"
# Who asks a model: the three agents that speak, and the three that work behind them.
MODEL_AGENTS = ("persona", "cobranca", "sales", "router", "critique", "refiner", "summary", DEFAULT_AGENT)
_MODEL_NAME = re.compile(r"offline|[a-z][a-z0-9_-]{0,30}:[A-Za-z0-9][A-Za-z0-9._:/@-]{0,98}")
_MOST_MODELS = 6


async def list_chains(database: Database, tenant_id: UUID) -> list[ModelSetting]:
    """List the chains that the tenant has set itself."""
    async with database.tenant(tenant_id) as connection:
        return await model_settings.list_model_settings(connection)


async def put_chain(
    database: Database, tenant_id: UUID, *, agent: str, chain: Sequence[str], temperature: float | None, now: datetime
) -> None:
    """Set one agent's chain; it holds within 30 seconds. Raises NotFound or InvalidInput."""
    _check_agent(agent)
    names = list(dict.fromkeys(chain))
    if not 1 <= len(names) <= _MOST_MODELS:
        raise InvalidInput("chain", f"must name 1 to {_MOST_MODELS} models")
    if any(_MODEL_NAME.fullmatch(name) is None for name in names):
        raise InvalidInput("chain", 'takes "offline" and names like "openai:gpt-5-mini"')
    async with database.tenant(tenant_id) as connection:
        await model_settings.put_model_setting(
            connection, tenant_id=tenant_id, agent=agent, chain=names, temperature=temperature, now=now
        )


async def delete_chain(database: Database, tenant_id: UUID, *, agent: str) -> None:
    """Forget one agent's own chain. Raises NotFound."""
    _check_agent(agent)
    async with database.tenant(tenant_id) as connection:
        if not await model_settings.delete_model_setting(connection, agent=agent):
            raise NotFound("chain of this agent")


def _check_agent(agent: str) -> None:
    if agent not in MODEL_AGENTS:
        raise NotFound("agent")
