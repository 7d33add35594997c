"""Who speaks: whether somebody has said to be, or not to be, the person that was asked for."""

import pytest

from domain.speaker import has_denied_name, is_another_speaking

ASKED = "Oi! Aqui é a Lia, assistente virtual da TR Telecom 😊 Falo com Maria?"


@pytest.mark.parametrize("answer", ["não", "nao", "Não!", "n", "não senhora", "nao, obrigado", "não é", "aqui não"])
def test_bare_no_denies_the_name(answer: str) -> None:
    assert has_denied_name(ASKED, answer)


@pytest.mark.parametrize(
    "answer", ["sim", "não posso falar agora", "não entendi", "não é um bom momento", "nao quero pagar hoje", ""]
)
def test_other_answers_deny_nothing(answer: str) -> None:
    assert not has_denied_name(ASKED, answer)


def test_no_to_another_question_denies_no_name() -> None:
    assert not has_denied_name("Posso registrar?", "não")


RELATIVES = [
    "sou a esposa",
    "Sou a esposa dele, pode falar comigo",
    "oi aqui é a esposa dele, pode falar comigo mesmo",
    "sou esposa do João",
    "sou esposa",
    "eh o marido dela",
    "aqui eh o marido dela",
    "não aqui é o marido dela ela saiu",
    "não é a irmã dela só um minutinho que eu vou chamar",
    "sou o filho",
    "sou filha dela e cuido de tudo",
    "Minha mãe tem 84 anos e não mexe com celular, sou filha dela",
    "sou a mãe dele",
    "sou o pai",
    "quem fala é a filha",
    "quem ta falando é o neto dela",
    "aqui quem fala é a nora da dona Maria",
    "sou Carla, esposa dele",
    "me chamo Carla, sou a mulher dele",
    "sou a Carla, esposa do titular",
    "sou ex marido da maria, a gente ta em processo de separação",
    "sou ex-mulher dele",
    "sou um amigo dela",
    "sou vizinha da dona Maria",
    "aqui é a vizinha dela, ela me deixou com o celular. quer deixar recado?",
    "sou a sogra, pode me passar o valor",
    "sou sobrinho dele",
    "sou a esposa do titular da conta",
    "é minha mãe",
    "não, é minha mãe",
    "é a minha mãe que é a titular",
    "sou eu, a filha",
    "sou eu mesma, a filha dela",
    "sou ela não, sou a irmã",
    "oi minha mae ta no banho, eu tenho 11 anos",
    "eu tenho sete anos",
    "tenho só 9 aninhos",
    "sou menor de idade",
    "peguei o celular dela",
    "tô com o celular da minha mãe",
    "minha mãe deixou o celular comigo, sou filho",
    "minha mãe pediu pra eu ver a fatura",
    "agora é o marido dela falando",
    "aqui é o marido dela agora",
    "colega dela do trabalho, na verdade sou amiga dela",
    "SOU A ESPOSA DELE!!!",
    "aki eh a esposa",
    "boa tarde sou genro da dona cida ela pediu pra ver a internet",
    "é o marido dela q ta falando",
    "ele ta no hospital eu sou a mulher dele",
    "minha mãe saiu",
]
SPOKESMEN = [
    "sou advogado dele",
    "Prezados, sou o Dr. Renato Prado, advogado da Sra. Maria da Silva, OAB/SP 000.000.",
    "CPF da minha cliente: 529.982.247-25. A recusa será levada ao juízo.",
    "sou procuradora da Maria",
    "tenho procuração dela",
    "sou cuidadora da dona Maria",
    "sou a contadora dele",
    "não sou o titular",
    "não sou a titular mas eu que pago",
    "a titular não sou eu",
    "a titular é minha mãe",
    "minha mãe é a titular",
    "a conta é da minha mãe",
    "a internet tá no nome dele",
    "a conta não está no meu nome",
    "tá no nome da minha esposa",
    "o cpf dele é 111.444.777-35",
    "tenho o cpf dela ó 52998224725",
    "documento da minha mãe: 529.982.247-25",
    "A Maria era minha mãe. Ela faleceu tem 3 semanas.",
    "meu pai morreu em outubro e a internet tava no nome dele, osvaldo teixeira",
    "o titular faleceu",
    "estou falando pela minha mãe",
    "respondendo em nome dela",
    "ela não está",
    "a titular não pode falar agora",
    "ele não se encontra",
    "aqui é da delegacia",
    "cuido das contas dela",
    "n sou o dono",
    "falo pelo meu pai",
    "quero pagar a conta da minha mãe",
    "vou pagar pra minha mãe, cpf dela 529.982.247-25",
    "quem paga sou eu mas ta no nome do meu marido",
    "represento o sr. joão",
    "sou a empregada dela",
]


@pytest.mark.parametrize("text", RELATIVES)
def test_relative_or_child_is_another_person(text: str) -> None:
    assert is_another_speaking([text])
    assert is_another_speaking([text], is_company=True)


@pytest.mark.parametrize("text", SPOKESMEN)
def test_who_speaks_for_a_person_is_another_person_but_may_work_for_a_company(text: str) -> None:
    assert is_another_speaking([text])
    assert not is_another_speaking([text], is_company=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "oi",
        "sou a Maria da Silva, cpf 529.982.247-25",
        "sou o pai, mas a conta é no meu nome",
        "a conta está no meu nome, sou o pai",
        "sou a mãe dele, mas a titular sou eu",
        "sou a esposa e a titular da conta",
        "sou titular",
        "sim, sou o titular",
        "sou mãe solteira e estou sem renda",
        "sou mãe de dois filhos",
        "sou a mãe de 3 crianças, preciso da internet",
        "sou pai de família",
        "sou mulher e mereço respeito",
        "sou casada",
        "sou advogado e conheço meus direitos",
        "sou enfermeira do hospital municipal e não recebi",
        "sou secretária da escola, recebo dia 5",
        "sou advogado da prefeitura",
        "sou cliente há 10 anos",
        "tenho 10 anos de casa com vocês",
        "tenho 12 anos pagando em dia",
        "tenho 45 anos",
        "minha mãe vai pagar pra mim dia 28, a mais antiga",
        "quem paga é minha mãe",
        "minha mãe morreu ontem, nem sei que dia é hj",
        "meu marido está doente",
        "meu marido me bate",
        "estou grávida de 8 meses, o pai sumiu e to sem renda nenhuma",
        "tenho que ver com meu marido antes",
        "vou falar com minha esposa e te aviso",
        "eu e minha esposa vamos pagar",
        "eu e o pai dela vamos pagar",
        "paguei ontem, e o pai dela sabe disso",
        "manda o pix pro meu marido pagar",
        "minha filha precisou estudar e a net não deixava",
        "viajei pra casa da minha irmã em minas",
        "meu filho saiu de casa",
        "a internet, ela não está funcionando",
        "meu vizinho tá usando meu wifi",
        "meu cliente não me pagou esse mês",
        "quero ver a minha fatura e a da minha irmã",
        "sou eu que pago",
        "sou eu mesmo",
        "não sou caloteiro",
        "não sou obrigada",
        "é a fatura de outubro",
        "e a internet volta quando?",
        "agora é a melhor hora",
        "ela saiu errada, a fatura",
        "aqui é a casa da Maria",
        "a fatura dela venceu? a de outubro",
        "529.982.247-25",
        "kkkk desculpa era meu filho no celular. qto custa a tv?",
    ],
)
def test_near_misses_are_nobody_else(text: str) -> None:
    assert not is_another_speaking([text])


@pytest.mark.parametrize(
    "text",
    [
        "agora é ela mesma",
        "sou eu, a Maria",
        "oi, sou eu mesma",
        "sou eu",
        "é ela",
        "alô, é ela mesma",
        "agora sou eu falando",
        "sim agora é a maria",
        "sou ela",
        "sou a titular",
        "aqui é a titular",
        "a titular sou eu mesma",
        "aqui é a própria",
        "quem fala agora é o titular",
        "na verdade a conta está no meu nome",
        "agora é a dona Maria que tá falando",
    ],
)
def test_holder_who_speaks_ends_it(text: str) -> None:
    assert not is_another_speaking(["aqui é a filha dela", "cpf 529.982.247-25", text])
    assert is_another_speaking(["aqui é a filha dela", text, "voltei, aqui é a filha dela de novo"])


@pytest.mark.parametrize(
    "text",
    [
        "529.982.247-25", "me fala o valor", "sim", "pode falar comigo", "ela é a titular", "e ela saiu",
        "sou eu que pago tudo aqui", "não sou a titular", "minha mãe é a titular", "é ela que cuida disso",
        "agora é o marido", "sou a Carla", "meu cpf é 529.982.247-25", "já passei pra ela", "o nome dela é Maria",
    ],
)  # fmt: skip
def test_nothing_less_ends_it(text: str) -> None:
    assert is_another_speaking(["sou a filha dela", text])


@pytest.mark.parametrize(
    ("asked", "answer", "is_another"),
    [
        ("Entendi. Falo agora com o titular?", "sim", False),
        ("Você é a titular?", "isso", False),
        ("Falo com a Maria?", "sim", False),
        ("Falo com a Maria?", "sou a Maria", False),
        ("Falo com a Maria?", "não", True),
        ("Posso falar com o titular?", "sim, vou chamar", True),
        ("Falo com a esposa do titular?", "sim", True),
        ("Falo com a Carla?", "sim", True),
        ("Posso ajudar em mais alguma coisa?", "sim", True),
        ("O titular é o João?", "sim", True),
    ],
)
def test_yes_counts_by_what_was_asked(asked: str, answer: str, is_another: bool) -> None:
    texts = ["sou a irmã dela", answer]
    assert is_another_speaking(texts, asked=["Falo com Maria?", asked], name="Maria da Silva") is is_another
    assert is_another_speaking(texts)


def test_one_sentence_in_two_bubbles_is_read() -> None:
    assert is_another_speaking(["oi, eu sou a", "esposa dele", "529.982.247-25"])


@pytest.mark.parametrize(
    "text",
    [
        "oi aqui é o filho dela, ela saiu. qual é o valor total mesmo?",
        "aqui é o marido dela agora",
        "sou a esposa dele",
        "sou o marido da Maria",
        "agora quem fala é a filha",
        "aqui é o marido",
        "peguei o celular dela",
        "não sou ela",
        "sou advogada dela",
        "estou falando por ela",
        "sou Carla, filha dela",
    ],
)
def test_relative_takes_over_from_the_confirmed_holder(text: str) -> None:
    assert is_another_speaking(["529.982.247-25", text], name="Maria da Silva", is_confirmed=True)
    assert not is_another_speaking([text, "voltei, agora sou eu"], name="Maria da Silva", is_confirmed=True)


@pytest.mark.parametrize(
    "text",
    [
        "minha mãe vai pagar pra mim", "sou a mãe da Ana", "sou mãe", "o cpf dele é 111.444.777-35",
        "agora vê a da minha irmã, 610.274.859-01", "a conta da minha mãe também está atrasada",
        "ela não está funcionando", "meu marido saiu", "sou advogada", "é minha mãe que paga",
        "sou o pai, a conta é minha", "ele não pode falar agora", "tá no nome dele o outro contrato", "sou a Maria",
    ],
)  # fmt: skip
def test_confirmed_holder_may_speak_of_a_family(text: str) -> None:
    assert not is_another_speaking(["529.982.247-25", text], name="Maria da Silva", is_confirmed=True)


@pytest.mark.parametrize(
    "text",
    [
        "sou funcionária da padaria", "trabalho na padaria pao quente, o dono viajou", "sou do financeiro",
        "sou filho do dono e trabalho na empresa", "sou secretária dele", "sou a contadora da empresa",
        "não sou o titular, sou gerente", "sou sócio",
    ],
)  # fmt: skip
def test_who_works_for_a_company_speaks_for_it(text: str) -> None:
    assert not is_another_speaking([text], is_company=True)


@pytest.mark.parametrize("piece", ["sou a ", "e a minha ", "\n", "! ", "oi ", "sou eu ", "ela ", ". e a "])
def test_flood_of_words_is_nobody_else(piece: str) -> None:
    assert not is_another_speaking([piece * 20_000] * 3, asked=["Falo com o titular?"] * 3, name="Maria")
