"""Messages as the product knows them, whatever provider carried them: addresses, parts, states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal


class Provider(StrEnum):
    META = "meta"
    EVOLUTION = "evolution"
    TWILIO_WHATSAPP = "twilio_whatsapp"
    TWILIO_SMS = "twilio_sms"
    TWILIO_VOICE = "twilio_voice"  # this and the next two: calls only, no message is ever sent through them
    RETELL = "retell"
    VAPI = "vapi"
    SIMULATOR = "simulator"


class Medium(StrEnum):
    """What the customer holds in the hand; opt-out and texts depend on it, not on the provider."""

    WHATSAPP = "whatsapp"
    SMS = "sms"
    VOICE = "voice"
    SIMULATOR = "simulator"


class AddressKind(StrEnum):
    PHONE = "phone"  # E.164 with plus sign
    WA_ID = "wa_id"  # digits as WhatsApp delivered them, with or without the ninth digit
    BSUID = "bsuid"  # Meta's business-scoped user id
    LID = "lid"  # WhatsApp's hidden id, "…@lid"
    SIMULATED = "simulated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a person is reached, exactly as the provider gave it."""

    kind: AddressKind
    value: str


class MessageKind(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    STICKER = "sticker"
    DOCUMENT = "document"
    LOCATION = "location"
    CONTACTS = "contacts"
    CHOICE = "choice"  # a button, list row or flow answer
    REACTION = "reaction"
    ORDER = "order"
    EDIT = "edit"
    REVOKE = "revoke"
    SYSTEM = "system"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaReference:
    """Where a received file can be fetched: by provider id or by URL. Nothing is downloaded while parsing."""

    media_id: str | None = None
    url: str | None = None
    mime_type: str | None = None
    filename: str | None = None
    sha256: str | None = None
    caption: str | None = None
    is_voice_note: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMessage:
    """One message that a webhook brought, parsed. `addresses[0]` is where the reply goes."""

    provider_message_id: str
    account_external_id: str
    addresses: tuple[Address, ...]
    sent_at: datetime
    kind: MessageKind
    text: str | None = None
    profile_name: str | None = None
    media: tuple[MediaReference, ...] = ()
    choice_id: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    reply_to: str | None = None
    is_echo: bool = False  # written by the business itself, from the phone or another client
    provider_opt_out: Literal["stop", "start", "help"] | None = None


class DeliveryStatus(StrEnum):
    """Life of an outbound message. A later state never becomes an earlier one; `failed` and `read` are final."""

    QUEUED = "queued"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    CANCELED = "canceled"


_RANK = {
    DeliveryStatus.QUEUED: 0,
    DeliveryStatus.SENDING: 1,
    DeliveryStatus.UNKNOWN: 2,
    DeliveryStatus.SENT: 3,
    DeliveryStatus.DELIVERED: 4,
    DeliveryStatus.READ: 5,
}


def can_become(current: DeliveryStatus, new: DeliveryStatus) -> bool:
    """Say whether a provider's status may replace ours (protocols: failed may follow anything before delivered)."""
    if current in (DeliveryStatus.FAILED, DeliveryStatus.READ, DeliveryStatus.CANCELED):
        return False
    if new is DeliveryStatus.FAILED:
        return current is not DeliveryStatus.DELIVERED
    return new in _RANK and _RANK[new] > _RANK[current]


class ErrorClass(StrEnum):
    """What to do about a provider's error; the adapters map codes to these, nobody reads texts."""

    RETRY = "retry"  # transient: back off, give up after five attempts
    PAIR = "pair"  # too fast to this recipient: hold it six seconds, others go on
    WINDOW = "window"  # 24-hour window closed: template or other channel
    OPTOUT = "optout"  # the person refused
    ADDRESS = "address"  # wrong or unreachable address: mark it
    CONTENT = "content"  # our request is wrong: alert developers
    CAP = "cap"  # marketing cap: not before 24 h
    STOP = "stop"  # token, account, policy: stop the whole sender


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderError:
    error_class: ErrorClass
    code: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusUpdate:
    """What a provider says became of a message of ours. `reference` is our message id when it comes back."""

    account_external_id: str
    provider_message_id: str
    status: DeliveryStatus
    occurred_at: datetime
    reference: str | None = None
    error: ProviderError | None = None
    addresses: tuple[Address, ...] = ()  # of the recipient, where the provider repeats them: a pair worth keeping


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderEvent:
    """Anything else a webhook brought: stored, logged, answered 200. `key` de-duplicates it."""

    account_external_id: str | None
    kind: str
    key: str
    data: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedWebhook:
    messages: Sequence[InboundMessage] = ()
    statuses: Sequence[StatusUpdate] = ()
    events: Sequence[ProviderEvent] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """An image, document, audio or video of the tenant's, by public URL."""

    kind: Literal["image", "document", "audio", "video"]
    url: str
    mime_type: str
    caption: str | None = None
    filename: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Buttons:
    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Menu:
    """A list to pick from; `button` opens it."""

    text: str
    button: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A message approved by the provider, the only thing allowed when the 24-hour window is closed."""

    name: str
    language: str = "pt_BR"
    parameters: tuple[str, ...] = ()
    content_sid: str | None = None  # Twilio names templates by sid


Part = Text | Media | Location | Buttons | Menu | Template


@dataclass(frozen=True, kw_only=True, slots=True)
class SendRequest:
    """One provider message. `reference` is our message id and goes where the provider gives it back."""

    to: Address
    part: Part
    reference: str
    reply_to: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SendReceipt:
    """The provider accepted it. `aliases` are addresses of the same person that the answer taught us."""

    provider_message_id: str
    aliases: tuple[Address, ...] = field(default=())
