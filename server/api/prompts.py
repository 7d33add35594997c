"""Prompts: the product's own, and a tenant's versions over them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import ConfigDict, Field

from agents.prompts import PROMPT_NAMES, check_prompt, shipped_prompt
from domain.errors import NotFound
from server.api.wire import Given, Page, Sent, Text
from server.auth import ProcessDeps, ReadsPrompts, WritesPrompts
from services import prompt_admin
from store.prompts import StoredPrompt

router = APIRouter(prefix="/prompts", tags=["prompts"])


class PromptSummary(Given):
    """A prompt by name. `activeVersion` null: the one that ships with the product speaks."""

    name: str
    active_version: int | None
    shipped_version: str


class PromptVersion(Given):
    name: str
    version: int
    is_active: bool
    note: str
    created_at: datetime


class PromptText(PromptVersion):
    body: str


class ShippedPrompt(Given):
    """The prompt that ships with the product."""

    name: str
    version: str
    body: str


class NewPromptVersion(Sent):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"body": "Você é {{assistant.name}}, da {{tenant.name}} …", "note": "tom"}]}
    )

    body: Annotated[Text, Field(min_length=1, max_length=20_000)]
    note: Annotated[Text, Field(max_length=200)] = ""
    is_active: bool = Field(default=False, description="Let it speak at once")


class ActiveVersion(Sent):
    version: Annotated[int, Field(ge=1, le=2_000_000_000)]


def _known(name: Annotated[str, Path()]) -> str:
    if name not in PROMPT_NAMES:
        raise NotFound("prompt")
    return name


PromptName = Annotated[str, Depends(_known)]
VersionNumber = Annotated[int, Path(ge=1, le=2_000_000_000)]


def _page(rows: list[StoredPrompt]) -> Page[PromptVersion]:
    items = [PromptVersion.model_validate(row) for row in rows]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.get("", summary="List prompts by name")
async def list_prompts(deps: ProcessDeps, caller: ReadsPrompts) -> Page[PromptSummary]:
    active = {row.name: row.version for row in await prompt_admin.list_active(deps.database, caller.tenant_id)}
    items = [
        PromptSummary(name=name, active_version=active.get(name), shipped_version=shipped_prompt(name).version)
        for name in PROMPT_NAMES
    ]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.get("/{name}/shipped", summary="Read the prompt that ships with the product")
async def get_shipped(caller: ReadsPrompts, name: PromptName) -> ShippedPrompt:
    prompt = shipped_prompt(name)
    return ShippedPrompt(name=name, version=prompt.version, body=prompt.body)


@router.get("/{name}/versions", summary="List your versions of a prompt, newest first")
async def list_versions(deps: ProcessDeps, caller: ReadsPrompts, name: PromptName) -> Page[PromptVersion]:
    return _page(await prompt_admin.list_versions(deps.database, caller.tenant_id, name=name))


@router.get("/{name}/versions/{version}", summary="Read one version")
async def get_version(deps: ProcessDeps, caller: ReadsPrompts, name: PromptName, version: VersionNumber) -> PromptText:
    row = await prompt_admin.get_version(deps.database, caller.tenant_id, name=name, version=version)
    return PromptText.model_validate(row)


@router.post("/{name}/versions", status_code=201, summary="Write the next version")
async def add_version(deps: ProcessDeps, caller: WritesPrompts, name: PromptName, body: NewPromptVersion) -> PromptText:
    row = await prompt_admin.add_version(
        deps.database, caller.tenant_id, name=name, body=body.body, note=body.note, is_active=body.is_active,
        check=check_prompt, now=deps.clock.now(),
    )  # fmt: skip
    return PromptText.model_validate(row)


@router.put("/{name}/active", summary="Let a version speak; it holds within 30 seconds")
async def activate(deps: ProcessDeps, caller: WritesPrompts, name: PromptName, body: ActiveVersion) -> PromptText:
    row = await prompt_admin.activate_version(deps.database, caller.tenant_id, name=name, version=body.version)
    return PromptText.model_validate(row)


@router.delete("/{name}/active", status_code=204, summary="Let the product's own prompt speak again")
async def deactivate(deps: ProcessDeps, caller: WritesPrompts, name: PromptName) -> None:
    await prompt_admin.deactivate(deps.database, caller.tenant_id, name=name)
