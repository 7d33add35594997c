"""Numbers on their way to Retell: looked at first, made once, gone on with after any failure, at any step."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from channels.base import ChannelAccount, Secrets
from channels.retell_numbers import RetellNumbers
from channels.twilio_trunks import TwilioTrunks
from domain.messages import Provider
from services.account_admin import AccountAdmin, AccountPatch
from services.accounts import AccountDirectory
from services.number_plan import Part, State, Step, Wanted, trunk_domain, username_prefix
from services.number_provisioning import Access, NumberProvisioning, ProvisioningFailed
from store import channel_accounts
from store.channel_accounts import AccountRow
from store.cipher import Cipher
from store.database import Database
from tests.factories import TEST_KEY, make_tenant, open_database
from tests.fakes.providers import TWILIO_SID, TWILIO_TOKEN
from tests.fakes.trunks import AGENT, NUMBER, RETELL_KEY, Telephony, When, run_fake_telephony

BASE = "https://ia.exemplo.com.br"
ACCESS = Access(
    twilio=ChannelAccount(
        provider=Provider.TWILIO_VOICE, external_id=NUMBER, settings={},
        secrets=Secrets({"account_sid": TWILIO_SID, "auth_token": TWILIO_TOKEN}),
    ),
    retell_key=RETELL_KEY,
)  # fmt: skip
WRITES = 7
"""Trunk, origination, number, list, list on trunk, user, import: and nothing at our own side is a request."""


@dataclass(kw_only=True)
class Rig:
    """A tenant, and both providers with one number and one agent."""

    fake: Telephony
    work: NumberProvisioning
    admin: AccountAdmin
    accounts: AccountDirectory
    database: Database
    tenant_id: UUID
    notes: list[str] = field(default_factory=list)

    def wanted(self, **changes: Any) -> Wanted:
        return replace(
            Wanted(
                tenant_id=self.tenant_id, tenant_name="TR Telecom", tenant_slug="tr-telecom", phone=NUMBER,
                agent_id=AGENT, agent_version="1", trunk_name="Retell TR Telecom", is_inbound=True, is_outbound=True,
                public_base_url=BASE,
            ),
            **changes,
        )  # fmt: skip

    async def provision(self, **changes: Any) -> dict[Part, Step]:
        return {step.part: step for step in await self.work.provision(ACCESS, self.wanted(**changes))}

    async def look(self, **changes: Any) -> dict[Part, Step]:
        return {step.part: step for step in await self.work.look(ACCESS, self.wanted(**changes))}

    async def row(self) -> AccountRow | None:
        async with self.database.tenant(self.tenant_id) as connection:
            return await channel_accounts.by_external_id(connection, Provider.RETELL, NUMBER)


@pytest.fixture
def fake() -> Iterator[Telephony]:
    with run_fake_telephony() as running:
        running.own(phone=NUMBER + "5")  # the filter finds it too
        running.own()
        running.own(phone="+5511400099999")
        running.employ(versions=4)
        yield running


@pytest.fixture
async def rig(fake: Telephony, database_url: str) -> AsyncIterator[Rig]:
    async with open_database(database_url) as database, httpx.AsyncClient(verify=False) as http:
        cipher = Cipher(TEST_KEY)
        accounts = AccountDirectory(database, cipher, public_base_url=BASE)
        admin = AccountAdmin(database=database, cipher=cipher, accounts=accounts)
        notes: list[str] = []
        work = NumberProvisioning(
            database=database, accounts=accounts, admin=admin, note=notes.append,
            trunks=TwilioTrunks(http, api_url=fake.url, trunking_url=fake.url),
            numbers=RetellNumbers(http, base_url=fake.url),
        )  # fmt: skip
        tenant_id = await make_tenant(database)
        yield Rig(
            fake=fake, work=work, admin=admin, accounts=accounts, database=database, tenant_id=tenant_id, notes=notes
        )


def are_ready(steps: dict[Part, Step]) -> bool:
    return list(steps) == list(Part) and all(step.state is State.READY for step in steps.values())


def assert_sound(rig: Rig, *, phone: str = NUMBER) -> None:
    """Check the state at both providers: one of everything, and both sides with the same password."""
    fake = rig.fake
    (trunk,) = fake.trunks.values()
    assert trunk["friendly_name"] == "Retell TR Telecom"
    (url,) = fake.origination[trunk["sid"]]
    assert (url["sip_url"], url["enabled"]) == ("sip:sip.retellai.com;transport=tcp", True)
    (number,) = [row for row in fake.numbers.values() if row["phone_number"] == phone]
    assert number["trunk_sid"] == trunk["sid"]
    assert len(fake.lists) == 1
    assert list(fake.lists) == fake.on_trunk[trunk["sid"]]
    imported = fake.retell[phone]
    assert imported["termination_uri"] == trunk["domain_name"]
    mine = {name: password for name, password in fake.users.items() if name.startswith(username_prefix(phone))}
    assert mine == {imported["auth_username"]: imported["auth_password"]}


# --- From nothing --------------------------------------------------------------------------------------------------


async def test_number_is_brought_to_retell_from_nothing(rig: Rig) -> None:
    assert are_ready(await rig.provision())
    assert_sound(rig)
    row = await rig.row()
    assert row is not None
    (body,) = rig.fake.bodies
    agent = {"agent_id": AGENT, "weight": 1.0, "agent_version": 1}
    assert (body["inbound_agents"], body["outbound_agents"]) == ([agent], [agent])
    assert body["inbound_webhook_url"] == f"{BASE}/api/v1/voice/retell/inbound/{row.webhook_key}"
    assert (row.status, row.stopped_reason) == ("active", None)
    assert row.settings == {"agent_id": AGENT, "agent_version": "1"}
    assert rig.accounts.open(row).secrets == {"api_key": RETELL_KEY}
    assert [row["trunk_sid"] for row in rig.fake.numbers.values() if row["phone_number"] != NUMBER] == [None, None]


async def test_same_command_again_does_nothing(rig: Rig) -> None:
    await rig.provision()
    row = await rig.row()
    rig.fake.ledger.clear()
    assert are_ready(await rig.provision())
    assert rig.fake.writes == []
    assert await rig.row() == row


async def test_plan_reads_only_and_names_each_thing_to_do(rig: Rig) -> None:
    steps = await rig.look()
    assert {method for method, _ in rig.fake.ledger} == {"GET"}
    assert await rig.row() is None
    assert [part for part, step in steps.items() if step.state is State.MISSING] == [
        Part.TRUNK, Part.ORIGINATION, Part.ATTACHMENT, Part.CREDENTIAL_LIST, Part.TRUNK_LOGIN, Part.ACCOUNT,
        Part.RETELL, Part.ACTIVATION,
    ]  # fmt: skip
    assert all(step.action for step in steps.values() if step.state is not State.READY)
    planned = [step.action for step in steps.values() if step.state is State.MISSING]
    await rig.provision()
    assert rig.notes == planned


async def test_second_number_shares_trunk_and_list_and_has_a_user_of_its_own(rig: Rig) -> None:
    other = "+5511400099999"
    await rig.provision()
    assert are_ready(await rig.provision(phone=other))
    assert_sound(rig)
    assert_sound(rig, phone=other)
    assert len(rig.fake.users) == 2
    assert are_ready(await rig.look())


@pytest.mark.parametrize(
    ("is_inbound", "is_outbound", "bound"), [(True, False, {"inbound_agents"}), (False, True, {"outbound_agents"})]
)
async def test_one_direction_binds_one_list(rig: Rig, is_inbound: bool, is_outbound: bool, bound: set[str]) -> None:
    assert are_ready(await rig.provision(is_inbound=is_inbound, is_outbound=is_outbound))
    (body,) = rig.fake.bodies
    assert {name for name in ("inbound_agents", "outbound_agents") if name in body} == bound
    assert ("inbound_webhook_url" in body) is is_inbound
    assert are_ready(await rig.provision())
    await rig.provision(is_inbound=is_inbound, is_outbound=is_outbound)
    number = rig.fake.retell[NUMBER]
    assert {name for name in ("inbound_agents", "outbound_agents") if number[name]} == bound


async def test_without_a_public_address_retell_is_not_told_where_to_ask(rig: Rig) -> None:
    assert are_ready(await rig.provision(public_base_url=None))
    assert "inbound_webhook_url" not in rig.fake.bodies[0]


async def test_domain_that_somebody_has_gives_way_to_another(rig: Rig) -> None:
    for attempt in range(2):
        rig.fake.taken_domains.add(trunk_domain(rig.wanted(), account_sid=TWILIO_SID, attempt=attempt))
    assert are_ready(await rig.provision())
    assert_sound(rig)


# --- Failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("n", range(1, WRITES + 1))
async def test_failure_at_any_change_is_gone_on_from(rig: Rig, n: int, when: When) -> None:
    rig.fake.fail(n, when)
    with pytest.raises(ProvisioningFailed, match="run the same command again"):
        await rig.provision()
    row = await rig.row()
    assert row is None or row.status == "stopped"
    assert are_ready(await rig.provision())
    assert_sound(rig)
    async with rig.database.tenant(rig.tenant_id) as connection:
        assert len(await channel_accounts.list_all(connection)) == 1


@pytest.mark.parametrize("first", range(1, WRITES + 1))
async def test_failure_after_failure_is_gone_on_from(rig: Rig, first: int) -> None:
    for n, when in ((first, "after"), (1, "before"), (1, "after"), (2, "after"), (1, "after")):
        rig.fake.fail(n, when)  # type: ignore[arg-type]
        try:
            await rig.provision()
        except ProvisioningFailed:
            continue
    rig.fake.fail(0, "before")
    assert are_ready(await rig.provision())
    assert_sound(rig)


async def test_all_changes_were_failed_once(rig: Rig) -> None:
    await rig.provision()
    assert len(rig.fake.writes) == WRITES


async def test_failure_while_looking_changes_nothing(rig: Rig) -> None:
    count = len((await rig.look(), rig.fake.ledger.copy())[1])
    for n in range(1, count + 1):
        rig.fake.ledger.clear()
        rig.fake.fail(n, "before", counts_reads=True)
        with pytest.raises(ProvisioningFailed):
            await rig.provision()
        assert rig.fake.writes == []


async def test_import_that_lands_late_is_gone_on_from(rig: Rig) -> None:
    """An import whose answer was lost may be carried out between our look and our own import."""
    rig.fake.fail(WRITES, "after")
    with pytest.raises(ProvisioningFailed):
        await rig.provision()
    assert NUMBER in rig.fake.retell
    rig.fake.blind = 1
    assert are_ready(await rig.provision())
    assert_sound(rig)


async def test_crash_around_our_own_row_is_gone_on_from(rig: Rig) -> None:
    await rig.provision()
    row = await rig.row()
    assert row is not None
    async with rig.database.tenant(rig.tenant_id) as connection:
        await channel_accounts.stop(connection, row.id, reason="provisioning: the number is not at Retell yet")
    assert (await rig.look())[Part.ACTIVATION].state is State.MISSING
    assert are_ready(await rig.provision())
    # The row was made, and the process died before it was set aside and before the import.
    del rig.fake.retell[NUMBER]
    assert are_ready(await rig.provision())
    assert_sound(rig)


@pytest.mark.parametrize(
    ("access", "says"),
    [
        (replace(ACCESS, retell_key="falsa"), "401"),
        (
            replace(
                ACCESS, twilio=replace(ACCESS.twilio, secrets=Secrets({"account_sid": TWILIO_SID, "auth_token": "x"}))
            ),
            "20003",
        ),
    ],
)
async def test_wrong_credentials_say_so_and_are_not_shown(rig: Rig, access: Access, says: str) -> None:
    with pytest.raises(ProvisioningFailed, match=says) as caught:
        await rig.work.provision(access, rig.wanted())
    assert "Check the credentials" in str(caught.value)
    assert rig.fake.writes == []
    assert "falsa" not in repr(access)


# --- What differs --------------------------------------------------------------------------------------------------


async def test_other_agent_or_version_is_changed_in_place(rig: Rig) -> None:
    await rig.provision()
    rig.fake.employ("agent_outra", versions=3)
    rig.fake.ledger.clear()
    rig.fake.bodies.clear()
    steps = await rig.look(agent_id="agent_outra", agent_version="2")
    assert steps[Part.RETELL].state is State.DIFFERENT
    assert f"inbound {AGENT} v1" in steps[Part.RETELL].found
    assert are_ready(await rig.provision(agent_id="agent_outra", agent_version="2"))
    agents = [{"agent_id": "agent_outra", "weight": 1.0, "agent_version": 2}]
    assert rig.fake.bodies == [{"inbound_agents": agents, "outbound_agents": agents}]
    assert [method for method, _ in rig.fake.writes] == ["PATCH"]
    row = await rig.row()
    assert row is not None
    assert row.settings == {"agent_id": "agent_outra", "agent_version": "2"}
    assert are_ready(await rig.provision(agent_id="agent_outra", agent_version=None))
    row = await rig.row()
    assert row is not None
    assert row.settings == {"agent_id": "agent_outra"}


async def test_version_may_be_a_tag(rig: Rig) -> None:
    rig.fake.agents[AGENT].append({"agent_id": AGENT, "version": "producao", "is_published": True})
    assert are_ready(await rig.provision(agent_version="producao"))
    assert rig.fake.bodies[0]["inbound_agents"][0]["agent_version"] == "producao"


async def test_what_was_changed_by_hand_is_put_right(rig: Rig) -> None:
    await rig.provision()
    (trunk,) = rig.fake.trunks
    rig.fake.origination[trunk][0]["enabled"] = False
    rig.fake.retell[NUMBER] |= {"termination_uri": "outro.pstn.twilio.com", "inbound_webhook_url": "https://x.invalid"}
    (listed,) = rig.fake.lists
    rig.fake.credentials[listed].clear()
    steps = await rig.look()
    assert {part for part, step in steps.items() if step.state is State.DIFFERENT} == {Part.ORIGINATION, Part.RETELL}
    assert "its user is not on the trunk" in steps[Part.RETELL].found
    assert are_ready(await rig.provision())
    assert_sound(rig)


async def test_regional_termination_is_as_good(rig: Rig) -> None:
    await rig.provision()
    (trunk,) = rig.fake.trunks.values()
    label = trunk["domain_name"].removesuffix(".pstn.twilio.com")
    rig.fake.retell[NUMBER]["termination_uri"] = f"{label}.pstn.sao-paulo.twilio.com"
    assert are_ready(await rig.look())
    rig.fake.retell[NUMBER]["termination_uri"] = f"{label}x.pstn.sao-paulo.twilio.com"
    assert (await rig.look())[Part.RETELL].state is State.DIFFERENT


async def test_trunk_made_by_hand_with_its_own_login_is_taken_over(rig: Rig) -> None:
    await rig.provision()
    (listed,) = rig.fake.lists.values()
    listed["friendly_name"] = "feita à mão"
    (user,) = rig.fake.credentials[listed["sid"]].values()
    user["username"] = rig.fake.retell[NUMBER]["auth_username"] = "retell-da-casa"
    rig.fake.ledger.clear()
    assert are_ready(await rig.provision())
    assert rig.fake.writes == []


async def test_users_of_other_numbers_and_systems_stay(rig: Rig) -> None:
    await rig.provision()
    (listed,) = rig.fake.lists
    held = rig.fake.credentials[listed]
    held["CR1"] = {"username": "retell-5511400099999-aaaaaaaa", "password": "x"}
    held["CR2"] = {"username": "outro-sistema", "password": "x"}
    held["CR3"] = {"username": f"{username_prefix(NUMBER)}00000000", "password": "sobra"}
    steps = await rig.look()
    assert steps[Part.LEFTOVERS].state is State.DIFFERENT
    assert are_ready(await rig.provision())
    assert {"CR1", "CR2"} <= set(held)
    assert "CR3" not in held


async def test_new_key_is_kept(rig: Rig) -> None:
    await rig.provision()
    row = await rig.row()
    assert row is not None
    await rig.admin.patch(rig.tenant_id, row.id, AccountPatch(secrets={"api_key": "antiga"}))
    assert (await rig.look())[Part.ACCOUNT].found == "differs in api_key"
    assert are_ready(await rig.provision())
    changed = await rig.row()
    assert changed is not None
    assert rig.accounts.open(changed).secrets == {"api_key": RETELL_KEY}


async def test_account_that_somebody_disabled_stays_so_and_is_told(rig: Rig) -> None:
    await rig.provision()
    row = await rig.row()
    assert row is not None
    await rig.admin.patch(rig.tenant_id, row.id, AccountPatch(is_enabled=False))
    steps = await rig.provision()
    assert steps[Part.ACTIVATION].state is State.BLOCKED
    assert str(row.id) in steps[Part.ACTIVATION].action
    kept = await rig.row()
    assert kept is not None
    assert kept.status == "disabled"


# --- What a person must put right ----------------------------------------------------------------------------------


async def _blocked(rig: Rig, says: str, **changes: Any) -> None:
    steps = await rig.look(**changes)
    assert State.BLOCKED in {step.state for step in steps.values()}
    before = list(rig.fake.writes)
    with pytest.raises(ProvisioningFailed, match=re.escape(says)):
        await rig.provision(**changes)
    assert rig.fake.writes == before
    assert await rig.row() is None


async def test_number_of_others_is_not_touched(rig: Rig) -> None:
    await _blocked(rig, "+5511400011111 is not in the Twilio account", phone="+5511400011111")


async def test_number_without_voice_is_told(rig: Rig) -> None:
    rig.fake.own("+5511400022222", capabilities={"voice": False, "sms": True})
    await _blocked(rig, "cannot make voice calls", phone="+5511400022222")


@pytest.mark.parametrize("changes", [{"agent_id": "agent_x"}, {"agent_version": "9"}])
async def test_unknown_agent_is_told_before_anything_is_made(rig: Rig, changes: dict[str, str]) -> None:
    await _blocked(rig, "Retell knows no agent", **changes)


async def test_number_on_another_trunk_is_not_moved(rig: Rig) -> None:
    rig.fake.trunks["TKx"] = {"sid": "TKx", "friendly_name": "PABX", "domain_name": "pabx.pstn.twilio.com"}
    rig.fake.origination["TKx"], rig.fake.on_trunk["TKx"] = [], []
    (number,) = [row for row in rig.fake.numbers.values() if row["phone_number"] == NUMBER]
    number["trunk_sid"] = "TKx"
    await _blocked(rig, "--trunk-name 'PABX'")
    assert are_ready(await rig.provision(trunk_name="PABX"))


async def test_two_trunks_of_one_name_are_told(rig: Rig) -> None:
    for sid in ("TKx", "TKy"):
        rig.fake.trunks[sid] = {"sid": sid, "friendly_name": "Retell TR Telecom", "domain_name": f"{sid}.x"}
        rig.fake.origination[sid], rig.fake.on_trunk[sid] = [], []
    await _blocked(rig, "2 trunks are named 'Retell TR Telecom'")


async def test_trunk_without_domain_is_told(rig: Rig) -> None:
    rig.fake.trunks["TKx"] = {"sid": "TKx", "friendly_name": "Retell TR Telecom", "domain_name": None}
    rig.fake.origination["TKx"], rig.fake.on_trunk["TKx"] = [], []
    await _blocked(rig, "has no termination domain")


async def test_number_bought_at_retell_is_told(rig: Rig) -> None:
    rig.fake.retell[NUMBER] = {"phone_number": NUMBER, "phone_number_type": "retell-twilio"}
    await _blocked(rig, "a number bought at Retell")


async def test_number_that_loses_its_address_is_told_so(rig: Rig) -> None:
    (number,) = [row for row in rig.fake.numbers.values() if row["phone_number"] == NUMBER]
    number["voice_url"] = "https://antigo.invalid/voz"
    assert "https://antigo.invalid/voz" in (await rig.look())[Part.ATTACHMENT].action


# --- Checking without knowing what was asked for -------------------------------------------------------------------

AS_IT_IS: dict[str, Any] = {"trunk_name": None, "is_inbound": None, "is_outbound": None}


@pytest.mark.parametrize(("is_inbound", "is_outbound"), [(True, True), (True, False), (False, True)])
async def test_what_was_made_is_found_in_order(rig: Rig, is_inbound: bool, is_outbound: bool) -> None:
    await rig.provision(is_inbound=is_inbound, is_outbound=is_outbound)
    assert are_ready(await rig.look(**AS_IT_IS))


async def test_everything_that_goes_wrong_later_is_found(rig: Rig) -> None:
    await rig.provision()
    fake = rig.fake
    (number,) = [row for row in fake.numbers.values() if row["phone_number"] == NUMBER]
    trunk = number["trunk_sid"]
    (listed,) = fake.lists

    async def wrong() -> set[Part]:
        return {part for part, step in (await rig.look(**AS_IT_IS)).items() if step.state is not State.READY}

    assert await wrong() == set()
    url = fake.origination[trunk].pop()
    assert await wrong() == {Part.ORIGINATION}
    fake.origination[trunk].append(url)
    fake.on_trunk[trunk].clear()
    assert await wrong() == {Part.TRUNK_LOGIN, Part.RETELL}
    fake.on_trunk[trunk].append(listed)
    number["trunk_sid"] = None
    assert {Part.TRUNK, Part.ATTACHMENT, Part.RETELL} <= await wrong()
    number["trunk_sid"] = trunk
    kept = fake.retell[NUMBER]
    fake.retell[NUMBER] = kept | {"inbound_agents": None, "outbound_agents": None}
    assert await wrong() == {Part.RETELL}
    del fake.retell[NUMBER]
    assert Part.RETELL in await wrong()
    fake.retell[NUMBER] = kept
    del fake.agents[AGENT]
    assert await wrong() == {Part.AGENT}
    fake.employ(versions=4)
    del fake.numbers[number["sid"]]
    assert Part.NUMBER in await wrong()
