"""Channel accounts: the numbers and instances a tenant talks through. Secrets go in and never come out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from domain.messages import Provider
from server.api.wire import Given, Limit, Offset, Page, Sent, Text
from server.auth import ProcessDeps, ReadsChannels, WritesChannels
from services.account_admin import AccountAdmin, AccountPatch, NewAccount
from services.channel_health import Checker, check_account
from store.channel_accounts import AccountRow
from wiring.deps import Deps

router = APIRouter(prefix="/channel-accounts", tags=["channel accounts"])

Name = Annotated[Text, Field(min_length=1, max_length=120)]
Value = Annotated[Text, Field(max_length=4096)]
Rate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Burst = Annotated[int, Field(ge=1, le=10_000)]


class ChannelAccount(Given):
    """One number or instance. `secretNames` says which secrets are set; null: they cannot be decrypted any more."""

    id: UUID
    provider: Provider
    medium: str
    external_id: str
    display_name: str
    webhook_url: str = Field(description="Enter this address at the provider")
    secret_names: list[str] | None
    settings: dict[str, str]
    is_bot_enabled: bool
    status: str = Field(description="active, disabled (by you) or stopped (by an error of the provider's)")
    stopped_reason: str | None
    sends_per_second: float
    burst: int


class NewChannelAccount(Sent):
    """`externalId`: Meta's phone_number_id, Evolution's instance, Twilio's `+55…` or `whatsapp:+55…` sender."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "provider": "meta",
                    "externalId": "106540352242922",
                    "displayName": "WhatsApp principal",
                    "secrets": {"access_token": "…", "app_secret": "…", "verify_token": "…"},
                }
            ]
        }
    )

    provider: Provider
    external_id: Name
    display_name: Name
    secrets: Annotated[dict[str, Value], Field(max_length=20, default_factory=dict)]
    settings: Annotated[dict[str, Value], Field(max_length=20, default_factory=dict)]
    sends_per_second: Rate = 10
    burst: Burst = 20


class ChannelAccountChanges(Sent):
    """What to change; a field left out stays. Secrets and settings are merged by name; null removes one."""

    display_name: Name | None = None
    secrets: Annotated[dict[str, Value | None], Field(max_length=20)] | None = None
    settings: Annotated[dict[str, Value | None], Field(max_length=20)] | None = None
    is_bot_enabled: bool | None = None
    sends_per_second: Rate | None = None
    burst: Burst | None = None


class Health(Given):
    is_ok: bool
    problem: str | None


def _admin(deps: Deps) -> AccountAdmin:
    return AccountAdmin(database=deps.database, cipher=deps.cipher, accounts=deps.accounts)


def _given(row: AccountRow, admin: AccountAdmin) -> ChannelAccount:
    return ChannelAccount(
        id=row.id, provider=row.provider, medium=row.medium, external_id=row.external_id,
        display_name=row.display_name, webhook_url=admin.webhook_url(row), secret_names=admin.secret_names(row),
        settings=dict(row.settings), is_bot_enabled=row.is_bot_enabled, status=row.status,
        stopped_reason=row.stopped_reason, sends_per_second=row.sends_per_second, burst=row.burst,
    )  # fmt: skip


@router.get("", summary="List channel accounts")
async def list_accounts(
    deps: ProcessDeps, caller: ReadsChannels, limit: Limit = 50, offset: Offset = 0
) -> Page[ChannelAccount]:
    admin = _admin(deps)
    rows = await admin.list_accounts(caller.tenant_id)
    shown = [_given(row, admin) for row in rows[offset : offset + limit]]
    return Page(items=shown, total=len(rows), limit=limit, offset=offset)


@router.post("", status_code=201, summary="Connect a number or instance")
async def create_account(deps: ProcessDeps, caller: WritesChannels, body: NewChannelAccount) -> ChannelAccount:
    admin = _admin(deps)
    new = NewAccount(
        provider=body.provider, external_id=body.external_id, display_name=body.display_name, secrets=body.secrets,
        settings=body.settings, sends_per_second=body.sends_per_second, burst=body.burst,
    )  # fmt: skip
    return _given(await admin.create(caller.tenant_id, new), admin)


@router.get("/{account_id}", summary="Read one account")
async def get_account(deps: ProcessDeps, caller: ReadsChannels, account_id: UUID) -> ChannelAccount:
    admin = _admin(deps)
    return _given(await admin.get(caller.tenant_id, account_id), admin)


@router.patch("/{account_id}", summary="Change an account")
async def patch_account(
    deps: ProcessDeps, caller: WritesChannels, account_id: UUID, body: ChannelAccountChanges
) -> ChannelAccount:
    admin = _admin(deps)
    patch = AccountPatch(
        display_name=body.display_name, secrets=body.secrets, settings=body.settings,
        is_bot_enabled=body.is_bot_enabled, sends_per_second=body.sends_per_second, burst=body.burst,
    )  # fmt: skip
    return _given(await admin.patch(caller.tenant_id, account_id, patch), admin)


@router.post("/{account_id}/enable", summary="Let it send again, also after an error of the provider's stopped it")
async def enable_account(deps: ProcessDeps, caller: WritesChannels, account_id: UUID) -> ChannelAccount:
    admin = _admin(deps)
    return _given(await admin.patch(caller.tenant_id, account_id, AccountPatch(is_enabled=True)), admin)


@router.post("/{account_id}/disable", summary="Stop sending and answering; what comes in is still stored")
async def disable_account(deps: ProcessDeps, caller: WritesChannels, account_id: UUID) -> ChannelAccount:
    admin = _admin(deps)
    return _given(await admin.patch(caller.tenant_id, account_id, AccountPatch(is_enabled=False)), admin)


@router.post("/{account_id}/check", summary="Ask the provider whether the account works")
async def check(deps: ProcessDeps, caller: WritesChannels, account_id: UUID) -> Health:
    row = await _admin(deps).get(caller.tenant_id, account_id)
    checkers: dict[Provider, Checker] = {**deps.channels, **deps.voice_lines}
    health = await check_account(row, channels=checkers, accounts=deps.accounts)
    return Health(is_ok=health.problem is None, problem=health.problem)
