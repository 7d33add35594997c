"""What all of Twilio's products share: the account, its signature, its answers (protocols 4.1)."""

from urllib.parse import quote

import httpx

from channels.base import ChannelAccount, ChannelError, WebhookRequest
from channels.reading import as_text
from channels.signatures import (
    twilio_scheme,
    verify_twilio_form,
    verify_twilio_json,
    verify_twilio_shared_key,
    verify_twilio_url,
)
from channels.transport import Answer, class_of_status, exchange, refusal
from channels.twilio_errors import RATE_LIMITS, class_of_code

API_URL = "https://api.twilio.com"


def verify_twilio(request: WebhookRequest, account: ChannelAccount) -> bool:
    """Check X-Twilio-Signature: with the shared key when its header is there, else with the auth token."""
    header = request.headers.get("x-twilio-signature")
    token = account.secrets.get("auth_token", "")
    body = request.body if request.method.upper() == "POST" else b""
    shared_key = request.headers.get("x-twilio-webhooks-signature-settings")
    if shared_key is not None:
        return verify_twilio_shared_key(
            request.url,
            body,
            key_id=account.secrets.get("shared_key_id", ""),
            secret=account.secrets.get("shared_key", ""),
            header=header,
            settings_header=shared_key,
        )
    match twilio_scheme(request.headers.get("content-type", ""), body):
        case "json":
            return verify_twilio_json(request.url, body, auth_token=token, header=header)
        case "form":
            return verify_twilio_form(request.url, body, auth_token=token, header=header)
        case _:
            return verify_twilio_url(request.url, auth_token=token, header=header)


def account_sid(account: ChannelAccount) -> str:
    """Give the account's name at Twilio."""
    return account.secrets.get("account_sid") or account.settings.get("account_sid", "")


def credentials(account: ChannelAccount) -> tuple[str, str]:
    """Give user and password: the API key where there is one."""
    key, secret = account.secrets.get("api_key_sid"), account.secrets.get("api_key_secret")
    if key and secret:
        return key, secret
    return account_sid(account), account.secrets.get("auth_token", "")


def resource_url(base_url: str, account: ChannelAccount, path: str) -> str:
    """Give the address of something of this account."""
    return f"{base_url}/2010-04-01/Accounts/{quote(account_sid(account), safe='')}{path}"


def raise_refusal(answer: Answer) -> None:
    """Raise what an answer that is no success means."""
    if answer.is_success:
        return
    body = answer.json()
    code = (as_text(body.get("code")) or str(answer.status))[:32]
    raise refusal(
        answer,
        error_class=class_of_code(code) or class_of_status(answer.status),
        code=code,
        detail=as_text(body.get("message")) or "",
        is_rate_limit=code in RATE_LIMITS,
    )


async def check_twilio(http: httpx.AsyncClient, base_url: str, account: ChannelAccount) -> str | None:
    """Read the account's own record and ask whether it is active."""
    try:
        answer = await exchange(http, "GET", resource_url(base_url, account, ".json"), auth=credentials(account))
        raise_refusal(answer)
    except ChannelError as error:
        return f"Twilio refused the account of {account.external_id}: {error.code} {error.detail}".strip()
    status = as_text(answer.json().get("status"))
    return None if status == "active" else f"The Twilio account is {status or 'in an unknown state'}"
