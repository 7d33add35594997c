"""What is there of a number's way to Retell and what is missing: read once, judged without any I/O (spec 5.5)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from channels.retell_numbers import ORIGINATION_URL, BoundAgent, NumberChange, RetellAgent, RetellNumber
from channels.twilio_trunks import Credential, CredentialList, OriginationUrl, OwnedNumber, Trunk
from store.channel_accounts import AccountRow

SETTING_UP = "provisioning"
"""Why an account is stopped until its number is at Retell."""
_DOMAIN = ".pstn.twilio.com"
_NOT_IN_DOMAINS = re.compile(r"[^a-z0-9]+")
_LONGEST_LABEL = 40


class Part(StrEnum):
    """The parts of the way, in the order in which they are made."""

    NUMBER = "number"
    AGENT = "agent"
    TRUNK = "trunk"
    ORIGINATION = "origination"
    ATTACHMENT = "attachment"
    CREDENTIAL_LIST = "credential_list"
    TRUNK_LOGIN = "trunk_login"
    ACCOUNT = "account"
    RETELL = "retell"
    LEFTOVERS = "leftovers"
    ACTIVATION = "activation"


class State(StrEnum):
    """How a part stands. `blocked` is what a person must put right first."""

    READY = "ready"
    MISSING = "missing"
    DIFFERENT = "different"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a number shall be. A direction of None is taken as it is; no version lets Retell choose."""

    tenant_id: UUID
    tenant_name: str
    tenant_slug: str
    phone: str
    agent_id: str
    agent_version: str | None
    trunk_name: str | None  # None: whichever trunk the number is on
    is_inbound: bool | None
    is_outbound: bool | None
    public_base_url: str | None  # None: Retell cannot reach us, so it is not told where to ask

    @property
    def agents(self) -> tuple[BoundAgent, ...]:
        return (BoundAgent(agent_id=self.agent_id, version=self.agent_version),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the providers and our own rows say."""

    number: OwnedNumber | None
    agent: RetellAgent | None
    trunks: tuple[Trunk, ...]
    origination: OriginationUrl | None
    lists: tuple[CredentialList, ...]  # of our name
    trunk_lists: tuple[CredentialList, ...]
    credentials: tuple[Credential, ...]  # in the lists above
    retell: RetellNumber | None
    account: AccountRow | None
    is_key_current: bool

    @property
    def trunk(self) -> Trunk | None:
        return self.trunks[0] if len(self.trunks) == 1 else None

    @property
    def is_login_known(self) -> bool:
        """Tell that Retell calls out as a user the trunk takes. Each user is made with one password and keeps it."""
        on_trunk = {one.sid for one in self.trunk_lists}
        users = {credential.username for credential in self.credentials if credential.list_sid in on_trunk}
        return self.retell is not None and self.retell.username in users


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One part as a line of the plan: what is there, and what is done or has to be done."""

    part: Part
    state: State
    found: str
    action: str = ""


def plan(wanted: Wanted, found: Found) -> tuple[Step, ...]:
    """Compare what is wanted with what is there, part by part."""
    return (
        _number(wanted, found), _agent(wanted, found), _trunk(wanted, found), _origination(found),
        _attachment(found), _credential_list(wanted, found), _trunk_login(found), _account(wanted, found),
        _retell(wanted, found), _leftovers(wanted, found), _activation(found),
    )  # fmt: skip


def _number(wanted: Wanted, found: Found) -> Step:
    number = found.number
    if number is None:
        return Step(
            part=Part.NUMBER, state=State.BLOCKED, found=f"{wanted.phone} is not in the Twilio account",
            action="Buy or port the number at Twilio, or name the account that has it: --twilio-account-sid.",
        )  # fmt: skip
    if not number.can_speak:
        return Step(
            part=Part.NUMBER, state=State.BLOCKED, found=f"{wanted.phone} cannot make voice calls",
            action="Choose a number with the voice capability.",
        )  # fmt: skip
    return Step(part=Part.NUMBER, state=State.READY, found=number.sid)


def _agent(wanted: Wanted, found: Found) -> Step:
    if found.agent is None:
        version = f" in version {wanted.agent_version}" if wanted.agent_version else ""
        return Step(
            part=Part.AGENT, state=State.BLOCKED, found=f"Retell knows no agent {wanted.agent_id}{version}",
            action="Correct --agent-id and --agent-version, or check that the API key is of the agent's workspace.",
        )  # fmt: skip
    version = f" version {wanted.agent_version}" if wanted.agent_version else ""
    draft = "" if found.agent.is_published else ", a draft"
    return Step(part=Part.AGENT, state=State.READY, found=f"{found.agent.name or wanted.agent_id}{version}{draft}")


def _trunk(wanted: Wanted, found: Found) -> Step:
    if len(found.trunks) > 1:
        return Step(
            part=Part.TRUNK, state=State.BLOCKED, found=f"{len(found.trunks)} trunks are named {wanted.trunk_name!r}",
            action="Rename all but one of them at Twilio, or choose another one: --trunk-name.",
        )  # fmt: skip
    trunk = found.trunk
    if trunk is None:
        return Step(
            part=Part.TRUNK, state=State.MISSING if wanted.trunk_name else State.BLOCKED, found="no trunk",
            action=f"create the trunk {wanted.trunk_name!r}" if wanted.trunk_name else "Run: master-ia voice provision",
        )  # fmt: skip
    if wanted.trunk_name is not None and trunk.name != wanted.trunk_name:
        return Step(
            part=Part.TRUNK, state=State.BLOCKED, found=f"the number is on the trunk {trunk.name!r}",
            action=f"Use that one: --trunk-name {trunk.name!r}; or take the number from it at Twilio first.",
        )  # fmt: skip
    if trunk.domain is None:
        return Step(
            part=Part.TRUNK, state=State.BLOCKED, found=f"the trunk {trunk.name!r} has no termination domain",
            action="Give it one at Twilio: Elastic SIP Trunking, Termination, Termination SIP URI.",
        )  # fmt: skip
    return Step(part=Part.TRUNK, state=State.READY, found=f"{trunk.name} ({trunk.domain})")


def _origination(found: Found) -> Step:
    url = found.origination
    if url is None:
        return Step(part=Part.ORIGINATION, state=State.MISSING, found="none", action=f"add {ORIGINATION_URL}")
    if not url.is_enabled:
        return Step(part=Part.ORIGINATION, state=State.DIFFERENT, found=f"{url.sip_url}, disabled", action="enable it")
    return Step(part=Part.ORIGINATION, state=State.READY, found=url.sip_url)


def _attachment(found: Found) -> Step:
    number, trunk = found.number, found.trunk
    if number is not None and trunk is not None and number.trunk_sid == trunk.sid:
        return Step(part=Part.ATTACHMENT, state=State.READY, found="the number is on the trunk")
    loses = f" (it will no longer ask {number.voice_url})" if number is not None and number.voice_url else ""
    return Step(
        part=Part.ATTACHMENT, state=State.MISSING, found="the number is on no trunk",
        action=f"put the number on the trunk{loses}",
    )  # fmt: skip


def _credential_list(wanted: Wanted, found: Found) -> Step:
    name = credential_list_name(wanted)
    if found.is_login_known and not found.lists:
        return Step(part=Part.CREDENTIAL_LIST, state=State.READY, found=f"another one: {found.trunk_lists[0].name}")
    if len(found.lists) > 1:
        return Step(
            part=Part.CREDENTIAL_LIST, state=State.BLOCKED, found=f"{len(found.lists)} lists are named {name!r}",
            action="Rename all but one of them at Twilio.",
        )  # fmt: skip
    if not found.lists:
        return Step(part=Part.CREDENTIAL_LIST, state=State.MISSING, found="none", action=f"create the list {name!r}")
    return Step(part=Part.CREDENTIAL_LIST, state=State.READY, found=name)


def _trunk_login(found: Found) -> Step:
    on_trunk = {one.sid for one in found.trunk_lists}
    if found.is_login_known or any(one.sid in on_trunk for one in found.lists):
        return Step(part=Part.TRUNK_LOGIN, state=State.READY, found="the list is on the trunk")
    return Step(
        part=Part.TRUNK_LOGIN, state=State.MISSING, found="not on the trunk",
        action="put the credential list on the trunk",
    )  # fmt: skip


def _account(wanted: Wanted, found: Found) -> Step:
    row = found.account
    if row is None:
        return Step(
            part=Part.ACCOUNT, state=State.MISSING, found="no channel account",
            action=f"create the channel account retell {wanted.phone}",
        )  # fmt: skip
    different = [
        name
        for name, value in (("agent_id", wanted.agent_id), ("agent_version", wanted.agent_version))
        if row.settings.get(name) != value
    ]
    different += [] if found.is_key_current else ["api_key"]
    if different:
        names = ", ".join(different)
        return Step(part=Part.ACCOUNT, state=State.DIFFERENT, found=f"differs in {names}", action=f"set {names}")
    return Step(part=Part.ACCOUNT, state=State.READY, found=f"channel account {row.display_name}")


def _retell(wanted: Wanted, found: Found) -> Step:
    number = found.retell
    if number is None:
        return Step(
            part=Part.RETELL, state=State.MISSING, found="not imported",
            action=f"make a user of the trunk and import the number for {_named(wanted.agents)}",
        )  # fmt: skip
    if not number.is_imported:
        return Step(
            part=Part.RETELL, state=State.BLOCKED, found="a number bought at Retell",
            action="It has Retell's own trunk and needs none of ours: choose a number of your Twilio account.",
        )  # fmt: skip
    different = tuple(_differences(wanted, found, number))
    if different:
        return Step(
            part=Part.RETELL, state=State.DIFFERENT, found="; ".join(was for was, _ in different),
            action="; ".join(shall for _, shall in different),
        )  # fmt: skip
    if not number.inbound and not number.outbound:
        return Step(
            part=Part.RETELL, state=State.BLOCKED, found="bound to no agent", action="Run: master-ia voice provision"
        )
    return Step(part=Part.RETELL, state=State.READY, found=f"imported for {_named(wanted.agents)}")


def _differences(wanted: Wanted, found: Found, number: RetellNumber) -> Iterator[tuple[str, str]]:
    """Yield what is there and what shall be there instead."""
    change = change_of(wanted, found)
    if not found.is_login_known:
        yield "its user is not on the trunk", "make a new user of the trunk"
    if change.termination_uri is not None:
        yield f"calls out to {number.termination_uri}", f"call out to {change.termination_uri}"
    if change.inbound is not None:
        yield f"inbound {_named(number.inbound)}", f"inbound {_named(tuple(change.inbound))}"
    if change.outbound is not None:
        yield f"outbound {_named(number.outbound)}", f"outbound {_named(tuple(change.outbound))}"
    if change.inbound_webhook_url is not None:
        yield "asks elsewhere who rings", "ask us who rings"


def change_of(wanted: Wanted, found: Found) -> NumberChange:
    """Give what has to change at Retell; all of it for a number that is not there yet. The login comes on top."""
    number, trunk = found.retell, found.trunk
    inbound = _wanted_agents(wanted, number.inbound if number else (), is_wanted=wanted.is_inbound)
    outbound = _wanted_agents(wanted, number.outbound if number else (), is_wanted=wanted.is_outbound)
    webhook = inbound_webhook_url(wanted, found)
    has_domain = number is not None and trunk is not None and _is_domain(number.termination_uri, trunk.domain)
    return NumberChange(
        termination_uri=None if has_domain or trunk is None else trunk.domain, inbound=inbound, outbound=outbound,
        inbound_webhook_url=None if number is not None and number.inbound_webhook_url == webhook else webhook,
    )  # fmt: skip


def _wanted_agents(
    wanted: Wanted, bound: tuple[BoundAgent, ...], *, is_wanted: bool | None
) -> tuple[BoundAgent, ...] | None:
    """Give the agents to bind, or None when it is as it should be."""
    shall = bool(bound) if is_wanted is None else is_wanted
    agents = wanted.agents if shall else ()
    is_same = [agent.agent_id for agent in bound] == [agent.agent_id for agent in agents] and (
        wanted.agent_version is None or all(agent.version == wanted.agent_version for agent in bound)
    )
    return None if is_same else agents


def _is_domain(uri: str | None, domain: str | None) -> bool:
    """Tell whether calls out reach the trunk: by its name, or by a regional one (x.pstn.sao-paulo.twilio.com)."""
    if uri is None or domain is None:
        return False
    label = domain.removesuffix(_DOMAIN)
    host = uri.lower()
    return host == domain.lower() or (host.startswith(f"{label}.pstn.") and host.endswith(".twilio.com"))


def _leftovers(wanted: Wanted, found: Found) -> Step:
    count = len(leftover_credentials(wanted, found))
    if count:
        return Step(
            part=Part.LEFTOVERS, state=State.DIFFERENT, found=f"{count} user(s) of the number that nobody uses",
            action="remove them from the credential list",
        )  # fmt: skip
    return Step(part=Part.LEFTOVERS, state=State.READY, found="none")


def leftover_credentials(wanted: Wanted, found: Found) -> tuple[Credential, ...]:
    """List the users that an import which failed has left: only of this number, and never the one that Retell is."""
    ours = {one.sid for one in found.lists}
    prefix = username_prefix(wanted.phone)
    used = found.retell.username if found.retell else None
    return tuple(
        credential
        for credential in found.credentials
        if credential.list_sid in ours and credential.username.startswith(prefix) and credential.username != used
    )


def _activation(found: Found) -> Step:
    row = found.account
    if row is not None and row.status == "active":
        return Step(part=Part.ACTIVATION, state=State.READY, found="active")
    if row is None or (row.status == "stopped" and (row.stopped_reason or "").startswith(SETTING_UP)):
        return Step(part=Part.ACTIVATION, state=State.MISSING, found="not in use yet", action="start using the account")
    why = f": {row.stopped_reason}" if row.stopped_reason else " by an operator"
    return Step(
        part=Part.ACTIVATION, state=State.BLOCKED, found=f"the channel account is {row.status}{why}",
        action=f'Enable it: PATCH /api/v1/channel-accounts/{row.id} {{"isEnabled": true}}',
    )  # fmt: skip


def _named(agents: tuple[BoundAgent, ...]) -> str:
    return ", ".join(f"{one.agent_id}{f' v{one.version}' if one.version else ''}" for one in agents) or "nobody"


def credential_list_name(wanted: Wanted) -> str:
    """Name the list after the tenant: one list serves all of its numbers. Twilio takes up to 64 characters."""
    return f"Master IA {wanted.tenant_slug}"[:64]


def username_prefix(phone: str) -> str:
    """Begin the names of a number's users; with eight characters more they stay below Twilio's 32."""
    return f"retell-{phone.removeprefix('+')}-"


def inbound_webhook_url(wanted: Wanted, found: Found) -> str | None:
    """Give where Retell asks who rings, once the account is there and somebody is to answer."""
    is_inbound = bool(found.retell and found.retell.inbound) if wanted.is_inbound is None else wanted.is_inbound
    if wanted.public_base_url is None or found.account is None or not is_inbound:
        return None
    return f"{wanted.public_base_url}/api/v1/voice/retell/inbound/{found.account.webhook_key}"


def trunk_domain(wanted: Wanted, *, account_sid: str, attempt: int) -> str:
    """Make a termination domain: unique over all of Twilio, and the same each time we try."""
    label = _NOT_IN_DOMAINS.sub("-", wanted.tenant_slug.lower()).strip("-")[:_LONGEST_LABEL].strip("-") or "trunk"
    seed = f"{account_sid}/{wanted.tenant_id}/{wanted.trunk_name}/{attempt}"
    return f"{label}-{hashlib.sha256(seed.encode()).hexdigest()[:8]}{_DOMAIN}"
