"""One entry of a contact's timeline as a page shows it: a message, a call with its talk, a request, a promise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.masking import mask_document, mask_phone, mask_text
from domain.messages import DeliveryStatus, Provider
from domain.money import format_brl
from domain.promises import PromiseStatus
from server.api.voice.calls import transcript_of
from server.pages.call_view import minutes
from server.pages.markup import tag
from server.pages.timeline_words import TimelineWords
from server.pages.words import Language
from services.call_admin import CallDetails, outcome_of_call
from services.contact_timeline import TimelineItem
from store.call_requests import CallRequestRow
from store.calls import CallRow
from store.messages import MessageRow
from store.promises import PromiseRow

_WHATSAPP: Final = frozenset({Provider.META, Provider.EVOLUTION, Provider.TWILIO_WHATSAPP})
_GOOD: Final = frozenset({"answered", PromiseStatus.FULFILLED, "done"})
_BAD: Final = frozenset({"failed", PromiseStatus.BROKEN})


class _Chip(NamedTuple):
    """A word in a corner, and the colour that goes with it."""

    text: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryView:
    """Draws entries in one language and one zone; knows neither database nor api."""

    words: TimelineWords
    language: Language
    zone: ZoneInfo
    channels: Mapping[UUID, Provider] = field(default_factory=dict)

    def draw(self, item: TimelineItem) -> None:
        """Draw an entry into the element that is open."""
        if item.call is not None:
            self._call(item.call)
        elif item.request is not None:
            self._request(item.request)
        elif item.promise is not None:
            self._promise(item.promise)
        elif item.message is not None:
            self._message(item.message)

    def day(self, at: datetime, *, now: datetime) -> str:
        """Name the day of an instant."""
        day, today = at.astimezone(self.zone).date(), now.astimezone(self.zone).date()
        days = (today - day).days
        if days in (0, 1):
            return (self.words.today, self.words.yesterday)[days]
        return f"{day:%d/%m/%Y}" if self.language == "pt" else f"{day:%Y-%m-%d}"

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%H:%M}"

    def _moment(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local:%d/%m, %H:%M}" if self.language == "pt" else f"{local:%m-%d, %H:%M}"

    def _head(self, icon: str, title: str, at: datetime, *, chip: _Chip | None = None, note: str = "") -> None:
        with tag("header", "entry-head"):
            tag("span", "entry-icon", text="", icon=icon)
            tag("span", "entry-title", text=title)
            if note:
                tag("span", "entry-note", text=note)
            tag("span", "grow")
            if chip is not None:
                tag("span", f"chip {chip.kind}", text=chip.text)
            tag("time", "entry-time", text=self._clock(at), attributes={"datetime": at.isoformat()})

    def _message(self, row: MessageRow) -> None:
        words = self.words
        side = "is-customer" if row.direction == "in" else "is-ours"
        with tag("article", f"event {side}", attributes={"data-testid": "entry-message"}):
            chip = _Chip(words.not_delivered, "is-due") if _has_failed(row) else None
            channel = self._channel(row.channel_account_id)
            self._head("chat", self._author(row), row.created_at, chip=chip, note=channel)
            tag("div", "entry-text text", text=mask_text(row.text or "") or words.without_words)

    def _author(self, row: MessageRow) -> str:
        words = self.words
        if row.direction == "in":
            return words.customer
        return {"operator": words.operator, "campaign": words.campaign}.get(row.author, words.assistant)

    def _channel(self, account_id: UUID) -> str:
        provider = self.channels.get(account_id)
        if provider is None:
            return ""
        if provider in _WHATSAPP:
            return "WhatsApp"
        names = {Provider.SIMULATOR: self.words.simulator, Provider.TWILIO_SMS: "SMS"}
        return names.get(provider, self.words.phone)

    def _call(self, details: CallDetails) -> None:
        words, call = self.words, details.call
        with tag("article", "event is-call", attributes={"data-testid": "entry-call"}):
            outcome = outcome_of_call(call)
            chip = _chip(words.running if outcome is None else words.outcomes.get(outcome, outcome), outcome)
            lasted = "" if call.duration_seconds is None else minutes(call.duration_seconds)
            self._head("phone", self._call_title(call), call.created_at, chip=chip, note=lasted)
            if call.transferred_to:
                number = mask_phone(call.transferred_to)
                tag("div", "entry-text", text=words.transferred.format(number=number))
            if call.summary:
                with tag("div", "entry-summary", attributes={"data-testid": "entry-summary"}):
                    tag("div", "entry-label", text=words.summary)
                    tag("div", "entry-text text", text=mask_text(call.summary))
            self._talk(details)
            if call.recording_url and urlsplit(call.recording_url).scheme in ("https", "http"):
                hooks = {"href": call.recording_url, "target": "_blank", "rel": "noopener noreferrer",
                         "data-testid": "entry-recording"}  # fmt: skip
                tag("a", "entry-link", text=words.recording, icon="file", attributes=hooks)

    def _call_title(self, call: CallRow) -> str:
        words = self.words
        if call.direction == "in":
            return words.call_in
        titles = {"requested": words.call_out_requested, "campaign": words.call_out_campaign}
        return titles.get(call.purpose, words.call_out)

    def _talk(self, details: CallDetails) -> None:
        words = self.words
        said = transcript_of(details)
        if not said:
            tag("div", "entry-text is-quiet", text=words.nothing_said)
            return
        speakers = {"customer": words.customer, "operator": words.operator, "agent": words.assistant}
        with tag("details", "entry-talk", attributes={"data-testid": "entry-talk"}):
            tag("summary", text=f"{words.transcript} ({len(said)})")
            with tag("ol", "entry-lines"):
                for line in said:
                    with tag("li", f"entry-line is-{line.speaker}"):
                        seconds = "" if line.start_seconds is None else minutes(line.start_seconds)
                        tag("span", "entry-time", text=seconds)
                        tag("span", "entry-speaker", text=speakers[line.speaker])
                        with tag("span", "entry-words"):
                            tag("span", text=mask_text(line.text))
                            if line.is_interrupted:
                                tag("span", "cut-mark", text=words.interrupted)

    def _request(self, row: CallRequestRow) -> None:
        words = self.words
        with tag("article", "event is-request", attributes={"data-testid": "entry-request"}):
            chip = _chip(words.requests[row.state], row.state)
            wanted = words.wanted_at.format(time=self._moment(row.wanted_at))
            self._head("clock", words.call_request, row.created_at, chip=chip, note=wanted)
            tag("div", "entry-text text", text=mask_text(row.reason))

    def _promise(self, row: PromiseRow) -> None:
        words = self.words
        with tag("article", "event is-promise", attributes={"data-testid": "entry-promise"}):
            chip = _chip(words.promises[row.status], row.status)
            self._head("tick", words.promise, row.created_at, chip=chip)
            due = f"{row.due_on:%d/%m/%Y}" if self.language == "pt" else f"{row.due_on:%Y-%m-%d}"
            with tag("div", "entry-text"):
                tag("strong", text=format_brl(row.amount_cents))
                tag("span", text=words.due_on.format(time=due))
            facts = f"{words.protocol} {row.protocol} · {mask_document(row.document)}"
            tag("div", "entry-text is-quiet", text=facts)


def _has_failed(row: MessageRow) -> bool:
    return row.direction == "out" and row.status == DeliveryStatus.FAILED


def _chip(text: str, state: str | None) -> _Chip:
    return _Chip(text, "is-fine" if state in _GOOD else "is-due" if state in _BAD else "is-promise")
