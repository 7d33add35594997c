"""API keys of the tenant. The key itself is in the answer to its creation and nowhere else."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import Admin, ProcessDeps, api_keys_of
from services import api_keys
from services.api_keys import Scope

router = APIRouter(prefix="/api-keys", tags=["API keys"])


class ApiKey(Given):
    id: UUID
    name: str
    prefix: str = Field(description="The second part of the key, to tell keys apart")
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None


class NewApiKey(ApiKey):
    key: str = Field(description="Keep it now; it cannot be shown again", examples=["mia_1a2b3c4d_…"])


class ApiKeyWish(Sent):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ERP", "scopes": ["invoices:write", "contacts:read"]}]}
    )

    name: Annotated[Text, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]


@router.get("", summary="List keys, revoked ones too, newest first")
async def list_keys(deps: ProcessDeps, caller: Admin, limit: Limit = 50, offset: Offset = 0) -> Page[ApiKey]:
    rows, total = await api_keys.list_keys(deps.database, caller.tenant_id, limit=limit, offset=offset)
    return Page(items=[ApiKey.model_validate(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("", status_code=201, summary="Make a key")
async def create_key(deps: ProcessDeps, caller: Admin, body: ApiKeyWish) -> NewApiKey:
    key, row = await api_keys.create_key(deps.database, caller.tenant_id, body.name, body.scopes, deps.clock.now())
    return NewApiKey(**ApiKey.model_validate(row).model_dump(by_alias=False), key=key)


@router.delete("/{key_id}", summary="Revoke a key; it is refused everywhere within 15 seconds")
async def revoke_key(request: Request, deps: ProcessDeps, caller: Admin, key_id: UUID) -> ApiKey:
    row = await api_keys.revoke_key(deps.database, caller.tenant_id, key_id, deps.clock.now())
    api_keys_of(request).forget()
    return ApiKey.model_validate(row)
