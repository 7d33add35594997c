"""Identity before debt: who may be told what, and after how many tries nobody is (N6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.effects import ConfirmIdentity, CountIdentityTry
from domain.ports import CrmUnavailable
from domain.turns import ContactProfile, Identity
from services.identity import (
    IdentityCheck,
    IdentityProblem,
    Surroundings,
    confirm_holder,
    identity_after,
    typed_documents,
)
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
    fake: FakeCrm | None = None, new: tuple[str, ...] | None = None, now_days: int = 0, asked: tuple[str, ...] = (),
) -> IdentityCheck:  # fmt: skip
    turn = world.turn(contact=contact, now=DEFAULT_NOW + timedelta(days=now_days))
    around = Surroundings(
        turn=turn, identity=identity, customer_texts=texts, new_texts=texts[-1:] if new is None else new, asked=asked
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


@pytest.mark.parametrize("text", ["por que você precisa do meu nome?", "sou mãe", "não vou passar", "soube que devo"])
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


CONFIRMED = Identity(status="confirmada", document=MARIA, customer_name="Maria da Silva")
PADARIA = "11222333000181"
PADARIA_TYPED = "11.222.333/0001-81"


@pytest.mark.parametrize(
    "text",
    [
        f"sou a esposa, o cpf é {MARIA_TYPED}", f"o cpf dela é {MARIA_TYPED}", f"sou advogado dela, cpf {MARIA_TYPED}",
        f"tenho 11 anos, {MARIA_TYPED}", f"é minha mãe, {MARIA_TYPED}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_linked", [True, False])
async def test_somebody_else_is_told_nothing_and_counts_no_try(world: World, text: str, is_linked: bool) -> None:
    fake = crm()
    contact = linked(world, name="Maria") if is_linked else ContactProfile(id=world.contact_id, name="Maria")
    found = await check(world, MARIA_TYPED, text, contact=contact, fake=fake)
    assert found == IdentityCheck(problem=IdentityProblem.THIRD_PERSON, tries_left=3)
    assert fake.asked == []


@pytest.mark.parametrize("given", ["123", MARIA_TYPED, JOAO_TYPED, "confirmado", ""])
async def test_somebody_else_hears_the_same_whatever_is_passed(world: World, given: str) -> None:
    texts = ("aqui é o marido dela", f"{MARIA_TYPED} ou {JOAO_TYPED}")
    found = await check(world, given, *texts, contact=linked(world))
    assert found == IdentityCheck(problem=IdentityProblem.THIRD_PERSON, tries_left=3)


@pytest.mark.parametrize("text", ["agora é ela mesma", "sou eu, a Maria", "a titular sou eu"])
async def test_holder_who_takes_the_phone_is_confirmed(world: World, text: str) -> None:
    texts = ("aqui é a filha dela", f"o cpf da minha mãe é {MARIA_TYPED}", text)
    assert (await check(world, MARIA_TYPED, *texts, contact=linked(world))).problem is None


async def test_yes_to_being_the_holder_ends_the_refusal(world: World) -> None:
    texts = (f"sou o filho, cpf {MARIA_TYPED}", "sim")
    asked = ("", "Só trato com a titular. Falo agora com a titular?")
    assert (await check(world, MARIA_TYPED, *texts, contact=linked(world), asked=asked)).problem is None
    other = ("", "Posso ajudar em mais alguma coisa?")
    refused = await check(world, MARIA_TYPED, *texts, contact=linked(world), asked=other)
    assert refused.problem is IdentityProblem.THIRD_PERSON


async def test_own_name_ends_the_refusal_only_where_it_is_the_holders(world: World) -> None:
    hers = ("aqui é o filho dela", f"oi, sou a Maria, {MARIA_TYPED}")
    assert (await check(world, MARIA, *hers, contact=linked(world, name="Maria"))).problem is None
    # The phone may be saved under the name of whoever owns it.
    wife = ("sou a esposa do João", f"sou a Carla, {JOAO_TYPED}")
    found = await check(world, JOAO, *wife, contact=linked(world, document=JOAO, name="Carla"))
    assert found.problem is IdentityProblem.THIRD_PERSON


@pytest.mark.parametrize(
    "text", ["sou o pai, mas a conta é no meu nome", "sou mãe solteira", "minha mãe vai pagar", "sou advogado"]
)
async def test_holder_with_a_family_is_confirmed(world: World, text: str) -> None:
    assert (await check(world, MARIA_TYPED, f"{text}. {MARIA_TYPED}", contact=linked(world))).problem is None


@pytest.mark.parametrize(
    "text",
    ["sou funcionária da padaria", "sou a secretária dele", "sou a contadora da empresa", "não sou o dono da conta"],
)
async def test_who_works_for_a_company_is_not_refused(world: World, text: str) -> None:
    fake = FakeCrm(statement(PADARIA, "Padaria Pão Quente Ltda"))
    contact = linked(world, document=PADARIA)
    texts = (text, f"o cnpj é {PADARIA_TYPED}")
    found = await check(world, PADARIA_TYPED, *texts, contact=contact, fake=fake)
    assert found.problem is None
    assert found.identity is not None
    assert identity_after(found.identity, texts) == found.identity
    child = await check(world, PADARIA_TYPED, "tenho 9 anos", *texts[1:], contact=contact, fake=fake)
    assert child.problem is IdentityProblem.THIRD_PERSON


async def test_relative_who_takes_over_sets_the_identity_back(world: World) -> None:
    fake = crm()
    texts = (MARIA_TYPED, "aqui é o marido dela agora")
    confirmed = Identity(**CONFIRMED, tries=1, tries_on="2026-11-20")
    found = await check(world, "confirmado", *texts, identity=confirmed, contact=linked(world), fake=fake)
    assert (found.problem, found.statement, found.effects) == (IdentityProblem.THIRD_PERSON, None, ())
    assert found.identity == Identity(status="pendente", tries=1, tries_on="2026-11-20")
    assert fake.asked == []
    back = await check(world, MARIA_TYPED, *texts, "sou eu, a Maria", identity=found.identity, contact=linked(world))
    assert back.problem is None


@pytest.mark.parametrize("text", ["minha mãe paga dia 28", "e a da minha irmã?", "o cpf dele é outro", "sou a Maria"])
def test_confirmed_holder_who_speaks_of_others_stays_confirmed(text: str) -> None:
    assert identity_after(CONFIRMED, (MARIA_TYPED, text)) == CONFIRMED
    assert identity_after(PENDING, ("aqui é o marido dela",)) == PENDING
