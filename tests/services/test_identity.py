"""Identity before debt: who may be told what, and after how many tries nobody is (N6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.effects import ConfirmIdentity, CountIdentityTry
from domain.ports import CrmUnavailable
from domain.turns import ContactProfile, Identity
from services.identity import IdentityCheck, IdentityProblem, Surroundings, confirm_holder, typed_documents
from services.typed_names import has_typed_another_name, has_typed_name
from tests.business_world import (
    JOAO,
    JOAO_TYPED,
    MARIA,
    MARIA_TYPED,
    STRANGER,
    TODAY,
    FakeCrm,
    World,
    add_debtor,
    statement,
)
from tests.fakes_clock import DEFAULT_NOW

PENDING = Identity(status="pendente")


def crm() -> FakeCrm:
    return FakeCrm(statement(), statement(JOAO, "João Pereira dos Santos"))


async def check(
    world: World, given: str, *texts: str, identity: Identity = PENDING, contact: ContactProfile | None = None,
    fake: FakeCrm | None = None, new: tuple[str, ...] | None = None, now_days: int = 0,
) -> IdentityCheck:  # fmt: skip
    turn = world.turn(contact=contact, now=DEFAULT_NOW + timedelta(days=now_days))
    around = Surroundings(
        turn=turn, identity=identity, customer_texts=texts, new_texts=texts[-1:] if new is None else new
    )
    return await confirm_holder(world.database, fake or crm(), around, given_document=given)


def linked(world: World, **changes: object) -> ContactProfile:
    return replace(ContactProfile(id=world.contact_id, document=MARIA), **changes)  # type: ignore[arg-type]


async def test_contact_known_by_its_document_is_confirmed(world: World) -> None:
    found = await check(world, MARIA_TYPED, f"meu cpf é {MARIA_TYPED}", contact=linked(world))
    assert found.problem is None
    assert found.identity == Identity(status="confirmada", document=MARIA, customer_name="Maria da Silva")
    assert found.effects == (ConfirmIdentity(document=MARIA, customer_name="Maria da Silva"),)
    assert found.statement is not None
    assert found.statement.total_cents == 23980


async def test_contact_known_by_its_phone_in_the_ledger_is_confirmed(world: World) -> None:
    await add_debtor(world, phone="+55 11 99999-0001")
    contact = ContactProfile(id=world.contact_id, phone_match_keys=("1199990001",))
    assert (await check(world, MARIA_TYPED, MARIA_TYPED, contact=contact)).problem is None
    other = await check(world, JOAO_TYPED, JOAO_TYPED, contact=contact)
    assert (other.problem, other.tries_left) == (IdentityProblem.MISMATCH, 2)


@pytest.mark.parametrize(
    "given", ["529.982.247-26", "111.111.111-11", "abc", "", "9" * 1_000_000, "'; DROP TABLE x; --"]
)
async def test_invalid_document_counts_no_try_and_asks_nobody(world: World, given: str) -> None:
    fake = crm()
    found = await check(world, given, given[:1000], fake=fake)
    assert found.problem is IdentityProblem.INVALID_DOCUMENT
    assert (found.effects, found.identity, fake.asked) == ((), None, [])


async def test_document_that_the_customer_did_not_type_is_not_looked_up(world: World) -> None:
    fake = crm()
    found = await check(world, MARIA, "quero ver minha fatura", contact=linked(world), fake=fake)
    assert found.problem is IdentityProblem.NOT_TYPED
    assert (found.effects, fake.asked) == ((), [])


async def test_document_broken_over_two_messages_counts_as_typed() -> None:
    assert MARIA in typed_documents(["529.982", "247-25"])


async def test_linked_contact_with_another_document_is_not_looked_up(world: World) -> None:
    fake = crm()
    found = await check(world, JOAO, JOAO_TYPED, contact=linked(world), fake=fake)
    assert (found.problem, found.tries_left) == (IdentityProblem.MISMATCH, 2)
    assert found.effects == (CountIdentityTry(on=TODAY),)
    assert found.identity == Identity(status="pendente", tries=1, tries_on="2026-11-20")
    assert fake.asked == []


async def test_unlinked_contact_needs_the_holders_name(world: World) -> None:
    found = await check(world, MARIA, MARIA_TYPED)
    assert (found.problem, found.effects) == (IdentityProblem.NAME_NEEDED, ())
    assert found.identity is not None
    assert found.identity.get("pending_document") == MARIA
    assert found.statement is None
    named = await check(world, MARIA, MARIA_TYPED, "maria silva", identity=found.identity)
    assert named.problem is None
    assert named.identity is not None
    assert named.identity["status"] == "confirmada"


async def test_name_in_the_same_message_as_the_document_is_enough(world: World) -> None:
    assert (await check(world, MARIA, f"sou a Maria da Silva, cpf {MARIA_TYPED}")).problem is None


async def test_wrong_name_counts_a_try_and_may_be_corrected(world: World) -> None:
    asked = Identity(status="pendente", pending_document=MARIA)
    wrong = await check(world, MARIA, MARIA_TYPED, "Joana Pereira", identity=asked)
    assert (wrong.problem, wrong.tries_left) == (IdentityProblem.MISMATCH, 2)
    assert wrong.identity is not None
    assert wrong.identity.get("pending_document") == MARIA
    right = await check(world, MARIA, MARIA_TYPED, "Joana Pereira", "Maria Silva", identity=wrong.identity)
    assert right.problem is None


@pytest.mark.parametrize(
    "text", ["por que você precisa do meu nome?", "sou a mãe dela", "não vou passar", "soube que devo"]
)
async def test_talk_instead_of_a_name_counts_no_try(world: World, text: str) -> None:
    asked = Identity(status="pendente", pending_document=MARIA)
    found = await check(world, MARIA, MARIA_TYPED, text, identity=asked)
    assert (found.problem, found.effects) == (IdentityProblem.NAME_NEEDED, ())


async def test_unknown_document_counts_a_try(world: World) -> None:
    found = await check(world, STRANGER, "123.456.789-09")
    assert (found.problem, found.tries_left) == (IdentityProblem.UNKNOWN_CUSTOMER, 2)
    assert found.effects == (CountIdentityTry(on=TODAY),)


async def test_three_failed_tries_block_the_conversation_for_the_day(world: World) -> None:
    identity = PENDING
    seen = []
    for _ in range(3):
        found = await check(world, JOAO, JOAO_TYPED, contact=linked(world), identity=identity)
        seen.append(found.problem)
        assert found.identity is not None
        identity = found.identity
    assert seen == [IdentityProblem.MISMATCH, IdentityProblem.MISMATCH, IdentityProblem.EXHAUSTED]
    assert identity["status"] == "bloqueada"
    fake = crm()
    right = await check(world, MARIA, MARIA_TYPED, contact=linked(world), identity=identity, fake=fake)
    assert (right.problem, right.statement, right.effects, fake.asked) == (IdentityProblem.EXHAUSTED, None, (), [])
    tomorrow = await check(world, MARIA, MARIA_TYPED, contact=linked(world), identity=identity, now_days=1)
    assert tomorrow.problem is None


async def test_tries_of_another_conversation_count_too(world: World) -> None:
    contact = linked(world, identity_tries=3, identity_tries_on=TODAY)
    found = await check(world, MARIA, MARIA_TYPED, contact=contact)
    assert found.problem is IdentityProblem.EXHAUSTED
    assert found.identity is not None
    assert found.identity["status"] == "bloqueada"
    yesterday = linked(world, identity_tries=3, identity_tries_on=TODAY - timedelta(days=1))
    assert (await check(world, MARIA, MARIA_TYPED, contact=yesterday)).problem is None


async def test_crm_that_is_down_counts_no_try(world: World) -> None:
    fake = crm()
    fake.is_down = True
    with pytest.raises(CrmUnavailable):
        await check(world, MARIA, MARIA_TYPED, contact=linked(world), fake=fake)


async def test_confirmed_holder_stays_confirmed_whatever_is_passed(world: World) -> None:
    confirmed = Identity(status="confirmada", document=MARIA, customer_name="Maria da Silva")
    again = await check(world, "confirmado", "e agora?", identity=confirmed)
    assert again.statement is not None
    assert again.statement.document == MARIA
    assert (again.identity, again.effects) == (None, ())
    fake = crm()
    other = await check(world, JOAO, f"e o do meu marido, {JOAO_TYPED}?", identity=confirmed, fake=fake)
    assert other.problem is IdentityProblem.MISMATCH
    assert other.identity is not None
    assert (other.identity["status"], other.identity.get("document")) == ("confirmada", MARIA)
    assert fake.asked == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Maria da Silva", "maria da silva"),
        ("Maria da Silva", "MARIA SILVA"),
        ("João Pereira dos Santos", "joao dos santos"),
        ("João Pereira dos Santos", "sou o joão perera"),
        ("Antônio Ferreira", "meu nome é Antonio Ferreira, obrigado"),
        ("Rita de Cássia Nunes", "aqui é a Rita Cassia"),
        ("Maria da Silva", "Maria Aparecida Silva"),
        ("Padaria Pão Quente Ltda", "padaria pao quente"),
        ("Maria", "sou a Maria"),
    ],
)
def test_name_is_recognised(name: str, text: str) -> None:
    assert has_typed_name(name, [text])
    assert not has_typed_another_name(name, [text])


@pytest.mark.parametrize(
    "text",
    [
        "maria", "silva", "sou a mãe dela", "joana da silva", "maria souza",
        "ana maria jose joao silva souza pereira santos", "maria jose joao ana pedro silva", "", "oi bom dia",
    ],
)  # fmt: skip
def test_other_texts_are_not_the_name(text: str) -> None:
    assert not has_typed_name("Maria da Silva", [text])


def test_list_of_names_is_no_way_to_guess() -> None:
    texts = ["Maria da Silva", *(f"Fulano Beltrano{n}o" for n in "abcdefgh")]
    assert not has_typed_name("Maria da Silva", texts)
