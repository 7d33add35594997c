"""A Retell account without Retell: the demo's number, whose calls are taken by the simulated telephone."""

from channels.base import ChannelAccount
from channels.retell import RetellVoice
from channels.retell_calls import RetellCall
from channels.voice import CallReceipt, DialRequest
from domain.calls import CallReport, CallStatus

_SIMULATED = "is_simulated"


def is_simulated(account: ChannelAccount) -> bool:
    """Tell whether the account's calls ring on the simulated telephone and nowhere else."""
    return account.settings.get(_SIMULATED) == "true"


class RetellOrSimulated(RetellVoice):
    """Retell for every account but a simulated one: what that dials rings on the page of the simulator."""

    async def dial(self, account: ChannelAccount, request: DialRequest) -> CallReceipt:
        """Take the call without asking anybody; the simulated telephone finds it in the database."""
        if is_simulated(account):
            return CallReceipt(provider_call_id=f"call_{request.call_id.hex}")
        return await super().dial(account, request)

    async def describe(self, account: ChannelAccount, provider_call_id: str) -> RetellCall | None:
        if is_simulated(account):
            return None
        return await super().describe(account, provider_call_id)

    async def fetch(self, account: ChannelAccount, provider_call_id: str) -> CallReport | None:
        """A simulated call that nobody speaks of any more was not answered: a page that was closed says nothing."""
        if is_simulated(account):
            return CallReport(provider_call_id=provider_call_id, account_sid="", status=CallStatus.NO_ANSWER)
        return await super().fetch(account, provider_call_id)

    async def hang_up(self, account: ChannelAccount, provider_call_id: str) -> None:
        if not is_simulated(account):
            await super().hang_up(account, provider_call_id)

    async def check(self, account: ChannelAccount) -> str | None:
        return None if is_simulated(account) else await super().check(account)
