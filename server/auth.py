"""Who calls the API: a key of one tenant, with scopes."""

from typing import Annotated, cast

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from domain.errors import ScopeMissing, Unauthenticated
from services.api_keys import ApiKeyDirectory, Caller, Scope
from wiring.deps import Deps

_bearer = HTTPBearer(
    auto_error=False, bearerFormat="mia_<prefix>_<secret>", description="An API key of the tenant, with scopes."
)


def deps_of(request: Request) -> Deps:
    """Give the process's dependencies to an endpoint."""
    return cast(Deps, request.app.state.deps)


def api_keys_of(request: Request) -> ApiKeyDirectory:
    return cast(ApiKeyDirectory, request.app.state.api_keys)


class RequiresScope:
    """A dependency that gives the caller, or answers 401 or 403. A test finds it on every route of the API."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        if credentials is None:
            raise Unauthenticated
        deps = deps_of(request)
        caller = await api_keys_of(request).caller(credentials.credentials, now=deps.clock.now())
        if caller is None:
            raise Unauthenticated
        structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id), api_key_id=str(caller.key_id))
        if not caller.may(self.scope):
            raise ScopeMissing(self.scope)
        return caller


ProcessDeps = Annotated[Deps, Depends(deps_of)]
ReadsConversations = Annotated[Caller, Depends(RequiresScope(Scope.CONVERSATIONS_READ))]
WritesConversations = Annotated[Caller, Depends(RequiresScope(Scope.CONVERSATIONS_WRITE))]
ReadsContacts = Annotated[Caller, Depends(RequiresScope(Scope.CONTACTS_READ))]
WritesContacts = Annotated[Caller, Depends(RequiresScope(Scope.CONTACTS_WRITE))]
ReadsChannels = Annotated[Caller, Depends(RequiresScope(Scope.CHANNELS_READ))]
WritesChannels = Annotated[Caller, Depends(RequiresScope(Scope.CHANNELS_WRITE))]
ReadsModels = Annotated[Caller, Depends(RequiresScope(Scope.MODELS_READ))]
WritesModels = Annotated[Caller, Depends(RequiresScope(Scope.MODELS_WRITE))]
ReadsPrompts = Annotated[Caller, Depends(RequiresScope(Scope.PROMPTS_READ))]
WritesPrompts = Annotated[Caller, Depends(RequiresScope(Scope.PROMPTS_WRITE))]
WritesInvoices = Annotated[Caller, Depends(RequiresScope(Scope.INVOICES_WRITE))]
ReadsCampaigns = Annotated[Caller, Depends(RequiresScope(Scope.CAMPAIGNS_READ))]
WritesCampaigns = Annotated[Caller, Depends(RequiresScope(Scope.CAMPAIGNS_WRITE))]
Admin = Annotated[Caller, Depends(RequiresScope(Scope.ADMIN))]
