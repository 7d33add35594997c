"""A tenant's own prompts: written as versions, one of them active, or none: then the product's own speaks."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from domain.errors import NotFound, PromptRefused
from services.plain_text import tidy_line
from store import prompts
from store.database import Connection, Database
from store.prompts import StoredPrompt

Check = Callable[[str, str], Sequence[str]]
"""Give a prompt's name and body, get what is wrong with it. It lives with the agents, above this layer."""


async def list_active(database: Database, tenant_id: UUID) -> list[StoredPrompt]:
    async with database.tenant(tenant_id) as connection:
        return await prompts.list_active_prompts(connection)


async def list_versions(database: Database, tenant_id: UUID, *, name: str) -> list[StoredPrompt]:
    """List every version of a name, newest first."""
    async with database.tenant(tenant_id) as connection:
        return await prompts.list_prompt_versions(connection, name=name)


async def get_version(database: Database, tenant_id: UUID, *, name: str, version: int) -> StoredPrompt:
    """Read one version. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        return await _version(connection, name, version)


async def add_version(
    database: Database, tenant_id: UUID, *, name: str, body: str, note: str, is_active: bool, check: Check,
    now: datetime,
) -> StoredPrompt:  # fmt: skip
    """Write the next version, and let it speak when `is_active`. Raises PromptRefused."""
    problems = check(name, body)
    if problems:
        raise PromptRefused(problems)
    async with database.tenant(tenant_id) as connection:
        await prompts.lock_prompt(connection, tenant_id=tenant_id, name=name)
        added = await prompts.add_prompt(
            connection, tenant_id=tenant_id, prompt_id=uuid4(), name=name, body=body,
            note=tidy_line(note, limit=200), now=now,
        )  # fmt: skip
        if not is_active:
            return added
        return await _activate(connection, name, added.version)


async def activate_version(database: Database, tenant_id: UUID, *, name: str, version: int) -> StoredPrompt:
    """Let this version speak; within 30 seconds everywhere. Raises NotFound."""
    async with database.tenant(tenant_id) as connection:
        await prompts.lock_prompt(connection, tenant_id=tenant_id, name=name)
        return await _activate(connection, name, version)


async def deactivate(database: Database, tenant_id: UUID, *, name: str) -> None:
    """Let the product's own prompt speak again; the versions stay."""
    async with database.tenant(tenant_id) as connection:
        await prompts.lock_prompt(connection, tenant_id=tenant_id, name=name)
        await prompts.deactivate_prompt(connection, name=name)


async def _activate(connection: Connection, name: str, version: int) -> StoredPrompt:
    await prompts.deactivate_prompt(connection, name=name)
    if not await prompts.activate_prompt(connection, name=name, version=version):
        raise NotFound("prompt version")
    return await _version(connection, name, version)


async def _version(connection: Connection, name: str, version: int) -> StoredPrompt:
    for stored in await prompts.list_prompt_versions(connection, name=name):
        if stored.version == version:
            return stored
    raise NotFound("prompt version")
