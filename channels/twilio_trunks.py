"""Twilio's Elastic SIP trunks: numbers, trunks, where they lead, and who may call through them (protocols 4.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import httpx

from channels.base import ChannelAccount
from channels.reading import JsonObject, as_object, as_text, objects_in
from channels.transport import exchange, unreadable_success
from channels.twilio_account import API_URL, account_sid, credentials, raise_refusal

TRUNKING_URL = "https://trunking.twilio.com"
_NOT_FOUND = 404
_PAGE_SIZE = 100
_MOST_PAGES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnedNumber:
    """A number of the account. One that is on a trunk no longer asks its `voice_url` what to do."""

    sid: str
    phone: str
    can_speak: bool
    trunk_sid: str | None
    voice_url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trunk:
    """A trunk; calls out go to its domain."""

    sid: str
    name: str
    domain: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginationUrl:
    """Where a trunk takes calls that come in."""

    sid: str
    sip_url: str
    is_enabled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialList:
    """Who may call out through the trunks it is on."""

    sid: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One user of a list. Its password nobody can read again."""

    sid: str
    list_sid: str
    username: str


class TwilioTrunks:
    """Read and make trunks and what belongs to them. Raises only ChannelError; the URLs differ in tests only."""

    def __init__(
        self, http: httpx.AsyncClient, *, api_url: str = API_URL, trunking_url: str = TRUNKING_URL
    ) -> None:  # fmt: skip
        self._http = http
        self._api_url = api_url.rstrip("/")
        self._trunking_url = trunking_url.rstrip("/") + "/v1"

    async def number(self, account: ChannelAccount, phone: str) -> OwnedNumber | None:
        """Find a number of the account; Twilio's filter also takes parts of numbers."""
        path = self._owned(account, f"/IncomingPhoneNumbers.json?{urlencode({'PhoneNumber': phone})}")
        for row in await self._rows(account, path, "incoming_phone_numbers"):
            sid = as_text(row.get("sid"))
            if sid is not None and row.get("phone_number") == phone:
                return OwnedNumber(
                    sid=sid, phone=phone, trunk_sid=as_text(row.get("trunk_sid")),
                    voice_url=as_text(row.get("voice_url")),
                    can_speak=as_object(row.get("capabilities")).get("voice") is not False,
                )  # fmt: skip
        return None

    async def trunk(self, account: ChannelAccount, sid: str) -> Trunk | None:
        answer = await exchange(
            self._http, "GET", f"{self._trunking_url}/Trunks/{quote(sid, safe='')}", auth=credentials(account)
        )
        if answer.status == _NOT_FOUND:
            return None
        raise_refusal(answer)
        return _trunk(answer.json())

    async def trunks_named(self, account: ChannelAccount, name: str) -> list[Trunk]:
        """List the trunks with this name: Twilio lets several have the same."""
        rows = await self._rows(account, f"{self._trunking_url}/Trunks", "trunks")
        found = [_trunk(row) for row in rows]
        return [trunk for trunk in found if trunk is not None and trunk.name == name]

    async def create_trunk(self, account: ChannelAccount, *, name: str, domain: str) -> Trunk:
        """Make a trunk. The domain must be one that nobody at Twilio has."""
        made = await self._post(
            account, f"{self._trunking_url}/Trunks", {"FriendlyName": name, "DomainName": domain}
        )  # fmt: skip
        trunk = _trunk(made)
        return trunk or Trunk(sid=_sid(made), name=name, domain=domain)

    async def origination_urls(self, account: ChannelAccount, trunk_sid: str) -> list[OriginationUrl]:
        rows = await self._rows(account, self._of_trunk(trunk_sid, "/OriginationUrls"), "origination_urls")
        return [
            OriginationUrl(sid=sid, sip_url=as_text(row.get("sip_url")) or "", is_enabled=row.get("enabled") is True)
            for row in rows
            if (sid := as_text(row.get("sid"))) is not None
        ]

    async def add_origination_url(self, account: ChannelAccount, trunk_sid: str, *, name: str, sip_url: str) -> None:
        form = {"FriendlyName": name, "SipUrl": sip_url, "Weight": "10", "Priority": "10", "Enabled": "true"}
        await self._post(account, self._of_trunk(trunk_sid, "/OriginationUrls"), form)

    async def enable_origination_url(self, account: ChannelAccount, trunk_sid: str, sid: str) -> None:
        path = self._of_trunk(trunk_sid, f"/OriginationUrls/{quote(sid, safe='')}")
        await self._post(account, path, {"Enabled": "true"})

    async def attach_number(self, account: ChannelAccount, trunk_sid: str, number_sid: str) -> None:
        await self._post(account, self._of_trunk(trunk_sid, "/PhoneNumbers"), {"PhoneNumberSid": number_sid})

    async def credential_lists(self, account: ChannelAccount) -> list[CredentialList]:
        """List the credential lists of the account, whatever they are on."""
        return _lists(await self._rows(account, self._owned(account, _LISTS + ".json"), "credential_lists"))

    async def create_credential_list(self, account: ChannelAccount, *, name: str) -> CredentialList:
        made = await self._post(account, self._owned(account, _LISTS + ".json"), {"FriendlyName": name})
        return CredentialList(sid=_sid(made), name=name)

    async def credential_lists_of(self, account: ChannelAccount, trunk_sid: str) -> list[CredentialList]:
        """List the credential lists that are on a trunk."""
        return _lists(
            await self._rows(account, self._of_trunk(trunk_sid, "/CredentialLists"), "credential_lists")
        )  # fmt: skip

    async def attach_credential_list(self, account: ChannelAccount, trunk_sid: str, list_sid: str) -> None:
        await self._post(account, self._of_trunk(trunk_sid, "/CredentialLists"), {"CredentialListSid": list_sid})

    async def credentials_in(self, account: ChannelAccount, list_sid: str) -> list[Credential]:
        path = self._owned(account, f"{_LISTS}/{quote(list_sid, safe='')}/Credentials.json")
        rows = await self._rows(account, path, "credentials")
        return [
            Credential(sid=sid, list_sid=list_sid, username=username)
            for row in rows
            if (sid := as_text(row.get("sid"))) and (username := as_text(row.get("username")))
        ]

    async def add_credential(
        self, account: ChannelAccount, list_sid: str, *, username: str, password: str
    ) -> Credential:  # fmt: skip
        path = self._owned(account, f"{_LISTS}/{quote(list_sid, safe='')}/Credentials.json")
        made = await self._post(account, path, {"Username": username, "Password": password})
        return Credential(sid=_sid(made), list_sid=list_sid, username=username)

    async def remove_credential(self, account: ChannelAccount, credential: Credential) -> None:
        """Take a user from its list; one that is gone already is fine."""
        list_sid, sid = quote(credential.list_sid, safe=""), quote(credential.sid, safe="")
        path = self._owned(account, f"{_LISTS}/{list_sid}/Credentials/{sid}.json")
        answer = await exchange(self._http, "DELETE", path, auth=credentials(account))
        if answer.status != _NOT_FOUND:
            raise_refusal(answer)

    def _owned(self, account: ChannelAccount, path: str) -> str:
        return f"{self._api_url}/2010-04-01/Accounts/{quote(account_sid(account), safe='')}{path}"

    def _of_trunk(self, trunk_sid: str, path: str) -> str:
        return f"{self._trunking_url}/Trunks/{quote(trunk_sid, safe='')}{path}"

    async def _post(self, account: ChannelAccount, url: str, form: Mapping[str, str]) -> JsonObject:
        answer = await exchange(self._http, "POST", url, form=form, auth=credentials(account))
        raise_refusal(answer)
        if as_text(answer.json().get("sid")) is None:
            raise unreadable_success(answer)
        return answer.json()

    async def _rows(self, account: ChannelAccount, url: str, key: str) -> list[JsonObject]:
        """Read a list page by page; a list that was not read to its end would make us create things twice."""
        rows: list[JsonObject] = []
        page: str | None = f"{url}{'&' if '?' in url else '?'}PageSize={_PAGE_SIZE}"
        for _ in range(_MOST_PAGES):
            if page is None:
                return rows
            answer = await exchange(self._http, "GET", page, auth=credentials(account))
            raise_refusal(answer)
            body = answer.json()
            if key not in body:
                raise unreadable_success(answer)
            rows += objects_in(body[key])
            page = self._next_page(body)
        raise unreadable_success(answer)

    def _next_page(self, body: JsonObject) -> str | None:
        """Follow to the next page, on the hosts that we chose alone: the account's secret goes along."""
        relative = as_text(body.get("next_page_uri"))
        if relative is not None and relative.startswith("/"):
            return self._api_url + relative
        absolute = as_text(as_object(body.get("meta")).get("next_page_url"))
        return absolute if absolute is not None and absolute.startswith(f"{self._trunking_url}/") else None


_LISTS = "/SIP/CredentialLists"


def _sid(made: JsonObject) -> str:
    return as_text(made.get("sid")) or ""


def _trunk(row: JsonObject) -> Trunk | None:
    sid = as_text(row.get("sid"))
    if sid is None:
        return None
    return Trunk(sid=sid, name=as_text(row.get("friendly_name")) or "", domain=as_text(row.get("domain_name")))


def _lists(rows: list[JsonObject]) -> list[CredentialList]:
    return [
        CredentialList(sid=sid, name=as_text(row.get("friendly_name")) or "")
        for row in rows
        if (sid := as_text(row.get("sid"))) is not None
    ]
