"""What a call says and what its keys do. A promise made on the phone is one that the gate will keep."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from domain import spoken_texts
from domain.calls import CallChoice, CallReport, caps_free_at, is_machine, read_choice
from domain.campaigns import CampaignStatus, Method, TargetOutcome, TargetState, media_of
from domain.contact_hours import ContactWindow, Place, next_opening, place_of
from domain.errors import NotFound
from domain.phones import is_mobile
from domain.ports import Clock
from domain.tenants import Tenant
from services.calls import receive_report
from services.contact_targets import undeliverable_of
from services.opt_out import EVERYTHING, record_opt_out
from services.tenant_directory import TenantDirectory
from store import calls, campaigns, contact_decisions, contact_facts, holidays, targets
from store.calls import CallRow
from store.campaigns import CampaignRow
from store.database import RETRYABLE, Connection, Database
from store.locks import lock_debtor
from store.targets import TargetRow

logger = structlog.get_logger(__name__)

_CALL_BACK_AFTER = timedelta(hours=2)
_CAP_REACH = timedelta(days=8)
_TRIES = 3
_LAST_ROUND = 2  # the menu is said at most twice
_LEAVES_MESSAGES = "leave_message"
_AFTER_THE_TONE = frozenset({"machine_end_beep", "machine_end_silence", "machine_end_other"})
_BROKE_OFF = "Desculpe, a nossa conversa foi interrompida."
_METHODS = {CallChoice.WHATSAPP: Method.WHATSAPP, CallChoice.CALL_BACK: Method.VOICE}
_OUTCOMES = {
    CallChoice.WHATSAPP: TargetOutcome.ANSWERED,
    CallChoice.CALL_BACK: TargetOutcome.CALLBACK_REQUESTED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """What the call does next. With a `next_round` a key is waited for; without texts it just ends."""

    texts: tuple[str, ...] = ()
    next_round: int | None = None
    is_voicemail: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """A call with whom it is about."""

    tenant: Tenant
    call: CallRow
    target: TargetRow
    campaign: CampaignRow


class CallMenu:
    """The spoken notice with its keys: WhatsApp, another hour, never again."""

    def __init__(self, *, database: Database, tenants: TenantDirectory, clock: Clock) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock

    async def arrive(
        self, tenant_id: UUID, call_id: UUID, target_id: UUID | None, *, report: CallReport | None
    ) -> Speech | None:
        """Take in who or what answered: what a machine gets, or None, for a person. Raises NotFound."""
        async with self._database.tenant(tenant_id) as connection:
            return await self._arrive(connection, tenant_id, call_id, target_id, report)

    async def open(self, tenant_id: UUID, call_id: UUID, target_id: UUID, *, report: CallReport | None) -> Speech:
        """Begin: the notice for a person, a neutral message or nothing for a machine. Raises NotFound."""
        async with self._database.tenant(tenant_id) as connection:
            speech = await self._arrive(connection, tenant_id, call_id, target_id, report)
            if speech is not None:
                return speech
            scene = await self._scene(connection, tenant_id, call_id, target_id)
            menu = await self._menu(connection, scene, self._clock.now())
        greeting = spoken_texts.greeting(
            client_name=scene.target.client_name, document=scene.target.document, tenant_name=scene.tenant.name,
            assistant_name=scene.tenant.assistant_name,
        )  # fmt: skip
        return Speech(texts=(greeting, menu), next_round=1)

    async def resume(self, tenant_id: UUID, call_id: UUID) -> tuple[Speech, UUID | None]:
        """Go on after a talk that broke off: the keys of the call's target where it has one, else a goodbye; machines
        hear nothing. Raises NotFound."""
        async with self._database.tenant(tenant_id) as connection:
            call = await calls.by_id(connection, call_id)
            if call is None or is_machine(call.answered_by):
                return Speech(), None
            if call.target_id is None:
                return Speech(texts=(spoken_texts.APOLOGY,)), None
            scene = await self._scene(connection, tenant_id, call_id, call.target_id)
            menu = await self._menu(connection, scene, self._clock.now())
        return Speech(texts=(_BROKE_OFF, menu), next_round=1), call.target_id

    async def to_nobody(self, tenant_id: UUID) -> Speech:
        """Say who was called and goodbye, where no agent takes calls."""
        tenant = (await self._tenants.profile(tenant_id)).tenant
        return Speech(texts=(_voicemail(tenant),))

    async def _arrive(
        self, connection: Connection, tenant_id: UUID, call_id: UUID, target_id: UUID | None, report: CallReport | None
    ) -> Speech | None:
        if report is not None and not await receive_report(connection, call_id, report, now=self._clock.now()):
            raise NotFound("call")
        call = await calls.by_id(connection, call_id)
        if call is None or (target_id is not None and call.target_id != target_id):
            raise NotFound("call")
        answered_by = (report.answered_by if report else None) or call.answered_by
        if is_machine(answered_by):
            return await self._to_machine(connection, tenant_id, call, answered_by)
        return None

    async def answer(
        self, tenant_id: UUID, call_id: UUID, target_id: UUID, *, digits: str, spoken_round: int
    ) -> Speech:
        """Do what was chosen, and say so once it is done. Raises NotFound."""
        for _ in range(_TRIES - 1):
            try:
                return await self._answer(tenant_id, call_id, target_id, digits, spoken_round)
            except RETRYABLE:
                logger.info("call_menu.deadlock_retried", call_id=str(call_id))
        return await self._answer(tenant_id, call_id, target_id, digits, spoken_round)

    async def _answer(self, tenant_id: UUID, call_id: UUID, target_id: UUID, digits: str, spoken_round: int) -> Speech:
        choice = read_choice(digits)
        async with self._database.tenant(tenant_id) as connection:
            scene = await self._scene(connection, tenant_id, call_id, target_id)
            if choice is CallChoice.OPT_OUT:
                return await self._opt_out(connection, scene)
            if isinstance(choice, CallChoice):
                speech = await self._arrange(connection, scene, choice)
                if speech is not None:
                    return speech
            if spoken_round >= _LAST_ROUND:
                return Speech(texts=(spoken_texts.GOODBYE,))
            excuse = spoken_texts.NOTHING_HEARD if choice is None else spoken_texts.NOT_A_CHOICE
            menu = await self._menu(connection, scene, self._clock.now())
            return Speech(texts=(excuse, menu), next_round=spoken_round + 1)

    async def _scene(self, connection: Connection, tenant_id: UUID, call_id: UUID, target_id: UUID) -> _Scene:
        tenant = (await self._tenants.profile(tenant_id)).tenant
        call = await calls.by_id(connection, call_id)
        target = await targets.by_id(connection, target_id)
        campaign = await campaigns.by_id(connection, target.campaign_id) if target else None
        if call is None or target is None or campaign is None or call.target_id != target_id:
            raise NotFound("call")
        return _Scene(tenant=tenant, call=call, target=target, campaign=campaign)

    async def _to_machine(
        self, connection: Connection, tenant_id: UUID, call: CallRow, answered_by: str | None
    ) -> Speech:
        """Leave a neutral message where the campaign wants one, or, in a call that was asked for, after the tone."""
        if call.target_id is not None:
            scene = await self._scene(connection, tenant_id, call.id, call.target_id)
            leaves_message = scene.campaign.voicemail_policy == _LEAVES_MESSAGES and answered_by != "fax"
        else:
            leaves_message = answered_by in _AFTER_THE_TONE
        if not leaves_message:
            return Speech()
        tenant = (await self._tenants.profile(tenant_id)).tenant
        return Speech(texts=(_voicemail(tenant),), is_voicemail=True)

    async def _menu(self, connection: Connection, scene: _Scene, now: datetime) -> str:
        return spoken_texts.menu(
            has_whatsapp=await self._slot(connection, scene, CallChoice.WHATSAPP, now) is not None,
            has_call_back=await self._slot(connection, scene, CallChoice.CALL_BACK, now) is not None,
        )

    async def _slot(self, connection: Connection, scene: _Scene, choice: CallChoice, now: datetime) -> datetime | None:
        """Give when the contact that the person asks for can be made; None when it cannot."""
        method, target = _METHODS[choice], scene.target
        place = place_of(target.phone, uf=target.uf)
        if place is None or not await _is_possible(connection, scene, method):
            return None
        made_at = await calls.contacts_since(
            connection, document=target.document, match_key=target.match_key, since=now - _CAP_REACH
        )
        settings = scene.tenant.settings
        free_at = caps_free_at(
            now, made_at=made_at, place=place, per_day=settings.contact_cap_per_day,
            per_week=settings.contact_cap_per_week,
        )  # fmt: skip
        earliest = now + _CALL_BACK_AFTER if choice is CallChoice.CALL_BACK else now
        return await _opening(connection, scene.campaign, place, method, max(free_at, earliest))

    async def _opt_out(self, connection: Connection, scene: _Scene) -> Speech:
        """Record the refusal for every channel before it is confirmed (spec 3.10)."""
        if scene.call.contact_id is None:
            raise NotFound("contact")
        await record_opt_out(
            connection, tenant_id=scene.tenant.id, contact_id=scene.call.contact_id, scope=EVERYTHING,
            reason="keypad of a call", now=self._clock.now(),
        )  # fmt: skip
        await calls.lock(connection, scene.call.id)
        await calls.choose(connection, scene.call.id, CallChoice.OPT_OUT)
        return Speech(texts=(spoken_texts.OPTED_OUT,))

    async def _arrange(self, connection: Connection, scene: _Scene, choice: CallChoice) -> Speech | None:
        """Give the target the slot that was asked for, once; None when it cannot be had."""
        now = self._clock.now()
        await lock_debtor(connection, scene.tenant.id, scene.target.document)
        held = await targets.lock(connection, [scene.target.id])
        call = await calls.lock(connection, scene.call.id)
        decision = await contact_decisions.of_call(connection, scene.call.id)
        if not held or call is None or decision is None:
            return None
        target = held[0]
        if call.choice is not None:  # the same request again, or a second thought after the call
            return _arranged(scene, call.choice, target, now)
        if target.last_attempt_at != decision.decided_at or not _may_choose(target):
            return Speech(texts=(spoken_texts.GOODBYE,))
        slot = await self._slot(connection, scene, choice, now)
        if slot is None:
            return None
        await targets.change(
            connection, target, state=TargetState.SCHEDULED, outcome=_OUTCOMES[choice], method=_METHODS[choice],
            details={**target.outcome_details, "callChoice": choice}, due_at=slot, now=now, is_new_round=True,
        )  # fmt: skip
        await calls.choose(connection, call.id, choice)
        return Speech(texts=(_confirmation(choice, slot, place_of(target.phone, uf=target.uf), now),))


def _voicemail(tenant: Tenant) -> str:
    return spoken_texts.voicemail(tenant_name=tenant.name, assistant_name=tenant.assistant_name)


async def _is_possible(connection: Connection, scene: _Scene, method: Method) -> bool:
    """Tell whether the campaign may contact this phone in this way, and has a number that works for it."""
    campaign, target = scene.campaign, scene.target
    if campaign.status is not CampaignStatus.ACTIVE or method not in campaign.allowed_methods:
        return False
    if method in undeliverable_of(target) or (method is not Method.VOICE and not is_mobile(target.phone)):
        return False
    accounts = await contact_facts.accounts_of_campaigns(connection, scene.tenant.id, [campaign.id])
    return any(account.medium in media_of(method) and account.status == "active" for account in accounts)


async def _opening(
    connection: Connection, campaign: CampaignRow, place: Place, method: Method, earliest: datetime
) -> datetime | None:
    window = ContactWindow(
        start=campaign.schedule_start, end=campaign.schedule_end, weekdays=frozenset(campaign.weekdays),
        avoids_optional_holidays=campaign.avoids_optional_holidays,
    )  # fmt: skip
    own = await holidays.since(connection, earliest.date() - timedelta(days=1))
    return next_opening(earliest, place=place, window=window, method=method, tenant_holidays=own)


def _may_choose(target: TargetRow) -> bool:
    """Tell a target that nothing but this call has moved."""
    if target.state is TargetState.CALLING:
        return True
    return target.state is TargetState.CONTACTED and target.outcome in (TargetOutcome.UNKNOWN, TargetOutcome.ANSWERED)


def _arranged(scene: _Scene, choice: CallChoice, target: TargetRow, now: datetime) -> Speech:
    """Say again what was arranged."""
    if choice is CallChoice.OPT_OUT:
        return Speech(texts=(spoken_texts.OPTED_OUT,))
    is_still_so = target.state is TargetState.SCHEDULED and target.due_at is not None
    if not is_still_so or target.due_at is None:
        return Speech(texts=(spoken_texts.GOODBYE,))
    place = place_of(scene.target.phone, uf=scene.target.uf)
    return Speech(texts=(_confirmation(choice, target.due_at, place, now),))


def _confirmation(choice: CallChoice, at: datetime, place: Place | None, now: datetime) -> str:
    if place is None:
        return spoken_texts.GOODBYE
    say = spoken_texts.will_write if choice is CallChoice.WHATSAPP else spoken_texts.will_call
    return say(at, now=now, zone=place.zones[0])
