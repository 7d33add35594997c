"""The bot switch of the whole tenant."""

from fastapi import APIRouter

from server.api.wire import Given, Sent
from server.auth import ProcessDeps, ReadsConversations, WritesConversations
from services import account_admin

router = APIRouter(prefix="/bot", tags=["bot"])


class BotSwitch(Given):
    is_enabled: bool


class BotChange(Sent):
    is_enabled: bool


@router.get("", summary="Say whether the bot answers")
async def get_bot(deps: ProcessDeps, caller: ReadsConversations) -> BotSwitch:
    return BotSwitch(is_enabled=await account_admin.is_bot_enabled(deps.database, caller.tenant_id))


@router.put("", summary="Switch the bot on or off for everybody; it holds within 15 seconds")
async def put_bot(deps: ProcessDeps, caller: WritesConversations, body: BotChange) -> BotSwitch:
    await account_admin.set_bot_enabled(deps.database, caller.tenant_id, is_enabled=body.is_enabled)
    return BotSwitch(is_enabled=body.is_enabled)
