"""Tables of what customers write, for and against each recogniser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intents import (
    asks_call,
    asks_human,
    asks_opt_out,
    asks_repeat,
    content_topic,
    is_affirmative,
    is_busy_now,
    is_greeting_only,
    is_negative,
    is_opt_out_keyword,
    is_wrong_person,
    normalize,
    says_paid,
)

KEYWORDS = """\
PARE|PARAR|SAIR|STOP|CANCELAR|REMOVER|DESCADASTRAR|descadastre|pare|Pare!|PARE.|  pare  |sair|Sair!!!|
stop 🛑|PARE 😡|cancelar|Cancelar.|remover|descadastrar|descadastar|parar!|paree|PAREEE|sair por favor|
"PARE"|*SAIR*"""
NOT_KEYWORDS = """\
pare de brincar que eu pago|vou sair agora|cancelar meu plano|quero parar de pagar juros|oi|não|
sair de casa|stopp the bus|para quando?|remover a multa|quero cancelar|parei|saiu o boleto?|parabéns|
separar|👍|1|SAIR do plano|cancelado"""

OPT_OUT = """\
não me mande mais mensagem|sair da lista|
quero cancelar o envio de mensagens|não me cobrem mais|
nao me manda mais msg|n me mande mais mensagens|para de me mandar msg|nao mim manda mais mensajem nao|
pare de me mandar mensagem|parem de me mandar mensagens|me tira dessa lista|me tirem da lista|
me remove dessa lista|quero sair da lista|não quero mais receber mensagens|
nao quero receber mais mensagem|nao quero mais receber nada|não quero receber cobrança por aqui|
chega de mensagem|chega de mensagens!|para de me encher|para de me perturbar|parem de me incomodar|
não me perturbe|nao me pertube|me deixa em paz|me deixem em paz por favor|não quero mais contato|
não autorizo mais contato|tira meu numero da lista|tirem meu número do cadastro|
remova meu contato da base de vocês|quero me descadastrar|me descadastra|me descadastre por favor|
descadastra meu numero|não me procurem mais|nao me chame mais|nao me liguem mais|
não quero que me mande mensagem|nunca mais me mande mensagem|vou te bloquear, para de mandar mensagem|
exclui meu numero do sistema|apaga meu numero da lista|nao quero mais que voces me mandem mensagem|PARE|
parem de me ligar|pode me tirar da lista?|nao manda mais nada|por favor não me envie mais mensagens|
não quero propaganda, me tira da lista|ja falei pra parar de mandar mensagem|nao me escreva mais"""
NOT_OPT_OUT = """\
não me mande mais boleto por email|cancelar meu plano|quero cancelar meu plano|quero cancelar a internet|
me manda mensagem amanhã|não recebi a mensagem|não recebi o boleto|pode mandar mensagem|manda a fatura|
para de cobrar juros|quero sair do plano atual|quero sair do vermelho|me tira essa multa|tira os juros|
por que não me mandaram o boleto?|não me manda a fatura por carta|não consigo pagar|não quero pagar|
não tenho dinheiro|parou de funcionar|a internet parou|me manda mais informação|
não precisa mandar o boleto|nao manda boleto|quero parar de dever|sair do vermelho|
quero sair dessa dívida|não me lembro|não quero mais esse plano|nao quero mais a internet|pode parar aí|
me manda mensagem mais tarde|não me mandaram nada ainda|oi|bom dia|vou pagar sexta|já paguei|
manda no meu email|quero remover a multa|lista de planos|me passa a lista dos planos|
não consigo receber o código|nao chegou mensagem|para quando fica?|não me ligaram|quero receber o boleto|
nunca recebi mensagem de vocês"""

HUMAN = """\
quero falar com atendente|atendente humano por favor|me passa pra um humano|falar com uma pessoa de verdade|
quero falar com um atendente|falar com atendente|atendente|ATENDENTE!!|humano|quero um humano|
me transfere pra um atendente|transfere para atendente|tem como falar com alguem?|
posso falar com uma pessoa?|quero falar com alguém|preciso falar com um humano|chama um atendente|
chama o gerente|quero falar com o gerente|quero falar com seu supervisor|me passa para o atendente|
me passa pro financeiro|quero atendimento humano|atendimento humano por favor|não quero falar com robô|
nao quero falar com maquina|quero falar com gente|falar com ser humano|tem algum atendente ai?|
cade o atendente|tem alguém de verdade aí?|quero atendente|kero falar com atendente|
quero fala com atendente|quero falar com atendete|quero falar com um atentende|
vc pode me passar pra um humano?|me encaminha pra um atendente|pode chamar alguém?|
gostaria de falar com um responsável|prefiro falar com uma pessoa|quero conversar com uma pessoa real|
me coloca com um atendente|falar com operador|quero ser atendido por uma pessoa|
exijo falar com o supervisor|não entendi nada, quero falar com atendente|
isso é robô? quero pessoa de verdade|quero resolver com um atendente|
não quero falar com máquina não me passa pra um atendente|tem como falar cm alguem da equipe"""
NOT_HUMAN = """\
não quero falar com atendente|gente, preciso de ajuda|nao precisa passar pra atendente|não me passa pra atendente|
não precisa de atendente|falei com o atendente ontem|ja falei com uma pessoa ai|
o atendente disse que tava pago|a atendente me falou outra coisa|quero pagar|oi|não sou essa pessoa|
pessoa errada|essa pessoa não mora aqui|quero minha fatura|sem passar por atendente|
posso pagar sem falar com atendente?|me passa o pix|me passa o boleto|me passa a chave pix|
quero falar sobre minha fatura|quero falar da internet|preciso de um prazo|quero um desconto|
quero um plano|alguém mexeu no roteador|tem gente em casa|a gente paga sexta|a gente mora longe|
horário de atendimento|qual o horario de atendimento?|não gosto de falar com atendente|me chama amanhã|
me liga|bom dia|vou pagar dia 10|chama no zap|tem como parcelar?|sou eu mesmo|sou a pessoa|
nem quero falar com gerente"""

CALL = """\
me liga|pode me ligar?|me liga por favor|liga pra mim|vc pode me ligar|podem me ligar?|me ligue|
me ligue amanhã|me liguem|quero que me liguem|prefiro uma ligação|da pra me ligar?|tem como me ligar?|
me dá uma ligada|me da uma ligadinha|quero falar por telefone|prefiro falar por telefone|
quero receber uma ligação|liga aqui|liga no meu numero|me telefona|pode ligar nesse numero|
aguardo ligação|aguardo sua ligação|liga que eu atendo|faz uma ligação pra mim|
prefiro resolver por telefone|gostaria de uma ligação|me liga agora|me liga hj a tarde|ME LIGA|me ligaaa|
me liga ai|poderia me ligar?|quero conversar por telefone|podia me ligar|pd me ligar?|
resolver isso por ligação|consegue me ligar?|fico esperando a ligação"""
NOT_CALL = """\
não me liga|não me ligue mais|para de me ligar|parem de me ligar|nao precisa ligar|
não pode me ligar agora|vocês me ligaram?|quem me ligou?|ninguem me ligou|não quero ligação|
nao quero que me liguem|chega de ligação, não me liga mais|por que vc me liga tanto?|nunca me ligue|
liga o roteador|vou ligar o modem|a luz liga e desliga|oi|já desliguei e liguei|quero pagar|
me manda mensagem|fatura|não liga|a internet não liga|modem não liga|me avisa|me passa o numero|
qual o telefone de vocês?|meu telefone mudou|liguei ontem|eu que liguei|vou te ligar|vou ligar pra vocês|
nem me liga|depois eu ligo|obrigado|ok|sim|ligo amanhã|tentei ligar|
minha neta me liga todo domingo|ele me liga sempre pelo zap"""

PAID = """\
já paguei|ja paguei|ja ta pago|já tá pago|paguei ontem|paguei|já está paga|paguei sexta|
eu ja paguei essa fatura|já paguei isso|ja foi pago|foi pago ontem|está pago|tá pago|ta paga|
ja ta tudo pago|ja quitei|quitei ontem|ja fiz o pix|fiz o pix agora|fiz o pagamento|
já fiz o pagamento hoje|pix feito|pix enviado|segue o comprovante|mandei o comprovante|
tenho o comprovante|pagamento feito|já efetuei o pagamento|realizei o pagamento|meu marido ja pagou|
minha esposa pagou|pago|já pago|quitado|acabei de pagar não, paguei ontem|paguei dia 5|jah paguei|
paguei no banco|mas eu já paguei!|essa conta ja foi paga|pagei ontem|ja transferi|debitou da minha conta|
ja depositei o valor"""
NOT_PAID = """\
vou pagar|vou pagar sexta|já paguei a outra, essa não|paguei a outra|ainda não paguei|não paguei|
nao paguei ainda|quero pagar|posso pagar dia 10?|pago dia 10|pago amanhã|paguei só metade|paguei metade|
se eu já paguei não devo|quanto eu já paguei?|não foi pago|não tá pago|nao ta pago ainda|
nunca paguei atrasado|consigo pagar sexta|como pago?|onde pago|já vou pagar|ja ja eu pago|ja ia pagar|
esqueci de pagar|não consegui pagar|nao fiz o pix|vou fazer o pix|vou fazer o pagamento|
quando pagar eu aviso|se pagar hoje libera?|oi|não tenho dinheiro|pago 50 hoje|me manda o boleto|
quero parcelar|paguei uma parte|já fiz o cadastro|já fiz uma reclamação"""

WRONG = """\
não sou essa pessoa|nao sou essa pessoa|número errado|numero errado|não conheço|nao conheço|
não conheço essa pessoa|não conheço ninguém com esse nome|não sou eu|nao sou o joao|não sou a Maria|
engano|foi engano|é engano|vc ta com o numero errado|pessoa errada|está falando com a pessoa errada|
esse numero não é dele|esse número não é mais dele|esse telefone não é da Maria|nao e dele|desconheço|
desconheço essa pessoa|não sei quem é|nao sei quem é esse|comprei esse chip agora|
peguei esse numero mês passado|esse nome não é meu|esse cpf não é meu|meu nome não é João|
não me chamo Carlos|aqui é outra pessoa|não tem ninguém com esse nome aqui|ele não mora aqui|
ele não mora mais aqui|ela faleceu|telefone errado|numero trocado|contato errado|nao sou ele|não sou ela|
vocês estão com o número errado|errou o número|nao é essa pessoa|não sou o titular"""
NOT_WRONG = """\
não sou obrigado|não sou obrigada a pagar|não sou robô|não é esse valor|não é o valor certo|valor errado|
o boleto ta errado|a fatura tá errada|data errada|não conheço esse plano|desconheço essa dívida|
desconheço essa cobrança|nao reconheço esse valor|não sei|não sei quando|não é possível|não é justo|
não é assim|sou eu|sou eu mesmo|sim sou eu|não posso|não consigo|não é o melhor dia|não é a primeira vez|
oi|quem é você?|quem ta falando?|quero trocar meu numero|mudei de numero|meu numero mudou|
número do protocolo|qual o número do boleto?|não é meu plano|nao é o boleto|não é verdade|
não conheço esse app|não é mais o mesmo preço|não sou caloteiro|não|não quero|
não é a irmã dela só um minutinho|não é o marido dela ela saiu|pois não sou eu mesma|pois não sou ela"""

YES = """\
sim|👍 obrigada|ta bom entao|ok entendi, pode registrar|
Sim|SIM!|simm|siiim|ss|isso|isso mesmo|isso aí|pode|pode sim|pode ser|pode registrar|pode confirmar|
fechado|fechou|blz|beleza|ok|okay|OK!|👍|👍🏽|👍👍|✅|👌|certinho|certo|correto|combinado|confirmo|confirmado|
claro|claro que sim|com certeza|tá bom|ta bom|tá certo|ta ok|aham|uhum|perfeito|exatamente|positivo|
sim, pode registrar|sim pode|sim por favor|pode por favor|ok obrigado|ok, obrigada!|sim senhor|sou eu|
sou eu mesmo|sim sou eu|sim, sou eu mesma|concordo|aceito|quero|quero sim|vamos|bora|tudo certo|show|top|
joia|isso, pode anotar|sim isso|blz pode ser|oi, sim|sim, tudo bem|pode registrar sim|s"""
NOT_YES = """\
sim, mas dia 12|sim mas só dia 12|sim, dia 12|pode ser dia 10|pode ser sexta|ok, mas 50 reais|
sim, 50 reais|não|nao|nao pode|pode não|acho que sim, será?|sim?|isso não|talvez|depende|
sim, se tiver desconto|ok mas quero falar com atendente|quero pagar|quero saber do plano|sim e não|
claro que não|nem|fatura|oi|bom dia|👎|obrigado|já paguei|me liga|pode ser amanhã|sim porém só metade|
pode me ligar|sim, amanhã|ok sexta|qual valor?|não sei|isso aí tá errado|tá caro|pode parcelar?|👍👎|!!!"""
NO = """\
não|nao|Não!|NÃO|n|nn|naum|nãooo|não pode|nao pode|negativo|não quero|nao posso|não consigo|não dá|
nao vou|não concordo|não obrigado|não, obrigada|nem pensar|nunca|jamais|de jeito nenhum|claro que não|👎|
❌|nada disso|não mesmo|acho que não|melhor não|ainda não|agora não|não aceito|não confirmo|tá errado|
não é isso|não tá certo|pode não|quero não|não tenho interesse|não não|nao por favor|deixa pra lá|
não tenho"""
NOT_NO = """\
sim|não, dia 10|não, só sexta|nao, pago 50 reais|ok|pode|não mas dia 5 consigo|não sei|não entendi|
não recebi o boleto|oi|👍|fechado|não tem problema, pode|não paguei ainda|não sou essa pessoa|não conheço|
não quero falar com atendente|nao me manda mais msg|não, mas quero pagar|quero|se não der?|quando?|
não lembro meu cpf|bom dia|não funciona a internet"""


def _cases(table: str) -> list[str]:
    return [case for case in table.replace("\n", "").split("|") if case]


@pytest.mark.parametrize("text", _cases(KEYWORDS))
def test_opt_out_keyword_is_the_whole_message(text: str) -> None:
    assert is_opt_out_keyword(text)
    assert asks_opt_out(text)


@pytest.mark.parametrize("text", _cases(NOT_KEYWORDS))
def test_opt_out_keyword_inside_other_words_does_not_count(text: str) -> None:
    assert not is_opt_out_keyword(text)


@pytest.mark.parametrize("text", _cases(OPT_OUT))
def test_opt_out_is_recognised(text: str) -> None:
    assert asks_opt_out(text)


@pytest.mark.parametrize("text", _cases(NOT_OPT_OUT))
def test_opt_out_is_not_imagined(text: str) -> None:
    assert not asks_opt_out(text)


@pytest.mark.parametrize("text", _cases(HUMAN))
def test_wish_for_a_human_is_recognised(text: str) -> None:
    assert asks_human(text)


@pytest.mark.parametrize("text", _cases(NOT_HUMAN))
def test_wish_for_a_human_is_not_imagined(text: str) -> None:
    assert not asks_human(text)


@pytest.mark.parametrize("text", _cases(CALL))
def test_wish_for_a_call_is_recognised(text: str) -> None:
    assert asks_call(text)


@pytest.mark.parametrize("text", _cases(NOT_CALL))
def test_wish_for_a_call_is_not_imagined(text: str) -> None:
    assert not asks_call(text)


@pytest.mark.parametrize("text", _cases(PAID))
def test_payment_notice_is_recognised(text: str) -> None:
    assert says_paid(text)


@pytest.mark.parametrize("text", _cases(NOT_PAID))
def test_payment_notice_is_not_imagined(text: str) -> None:
    assert not says_paid(text)


@pytest.mark.parametrize("text", _cases(WRONG))
def test_wrong_person_is_recognised(text: str) -> None:
    assert is_wrong_person(text)


@pytest.mark.parametrize("text", _cases(NOT_WRONG))
def test_wrong_person_is_not_imagined(text: str) -> None:
    assert not is_wrong_person(text)


@pytest.mark.parametrize("text", _cases(YES))
def test_plain_yes_is_affirmative(text: str) -> None:
    assert is_affirmative(text)
    assert not is_negative(text)


@pytest.mark.parametrize("text", _cases(NOT_YES))
def test_conditional_or_other_answer_is_not_affirmative(text: str) -> None:
    assert not is_affirmative(text)


@pytest.mark.parametrize("text", _cases(NO))
def test_plain_no_is_negative(text: str) -> None:
    assert is_negative(text)
    assert not is_affirmative(text)


@pytest.mark.parametrize("text", _cases(NOT_NO))
def test_counter_offer_or_other_answer_is_not_negative(text: str) -> None:
    assert not is_negative(text)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("quero ver minha fatura", "collection"),
        ("internet caiu pq n paguei?", "support"),
        ("quero o plano de 600 mega e pagar no pix", "sales"),
        ("qual o valor da instalação", "sales"),
        ("me manda o boleto", "collection"),
        ("2ª via", "collection"),
        ("quero a segunda via", "collection"),
        ("me passa o pix", "collection"),
        ("quero pagar", "collection"),
        ("tô devendo quanto?", "collection"),
        ("recebi uma cobrança", "collection"),
        ("quero negociar minha divida", "collection"),
        ("vou pagar sexta", "collection"),
        ("ja paguei", "collection"),
        ("minha internet foi cortada por falta de pagamento", "collection"),
        ("quanto eu devo?", "collection"),
        ("dá pra parcelar?", "collection"),
        ("meu nome ta no serasa", "collection"),
        ("quanto custa o plano de 600 mega", "sales"),
        ("quero contratar internet", "sales"),
        ("quais os planos?", "sales"),
        ("tem promoção?", "sales"),
        ("qual o preço de 1 giga", "sales"),
        ("quero fazer upgrade", "sales"),
        ("quero aumentar minha velocidade", "sales"),
        ("tem cobertura no meu bairro?", "sales"),
        ("vcs atendem na minha rua? quero instalar", "sales"),
        ("600 mega", "sales"),
        ("instalação nova", "sales"),
        ("quero mudar de plano", "sales"),
        ("internet caiu", "support"),
        ("minha net ta lenta", "support"),
        ("tô sem internet", "support"),
        ("wifi não funciona", "support"),
        ("qual o horário de atendimento?", "support"),
        ("qual o endereço da loja?", "support"),
        ("luz vermelha no roteador", "support"),
        ("esqueci a senha do wi-fi", "support"),
        ("que horas vocês abrem?", "support"),
        ("preciso de um tecnico", "support"),
        ("vou mudar de endereço", "support"),
        ("a internet fica oscilando", "support"),
        ("roteadr com problema", "support"),
        ("QUAL A INTERNET MAIS RÁPIDA DE VOCÊS?", "sales"),
        ("qual o mais baratinho que ocês tem de internet", "sales"),
        ("preciso de uma internet boa pra minha casa", "sales"),
        ("quanto é o de 600?", "sales"),
        ("Preciso de um IP fixo para as câmeras da loja. Vocês oferecem?", "sales"),
        ("minha vó quer um telefone fixo, vcs vendem?", "sales"),
        ("quanto custa o roteador extra pro wi-fi chegar no quarto?", "sales"),
        ("vcs atende no domingo? qual o horario", "support"),
        ("qual o prazo pro técnico vir quando a fibra rompe?", "support"),
        ("internet lenta, quero mais rápida", "support"),
        ("oi", None),
        ("bom dia", None),
        ("kkkkk", None),
        ("sim", None),
    ],
)
def test_topic_follows_the_words(text: str, topic: str | None) -> None:
    assert content_topic(text) == topic


def test_topic_of_a_tie_is_the_debt() -> None:
    assert content_topic("quero ver a fatura e os planos") == "collection"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("NÃOOO", "nao"),
        ("simmmm", "sim"),
        ("  Olá,   tudo\nbem?? ", "ola, tudo bem?"),
        ("isso", "isso"),
        ("carro", "carro"),
        ("pessoaaa", "pessoa"),
        ("CPF 111.222", "cpf 111.222"),
        ("kkkkkk", "k"),
        ("blzzz", "blz"),
        ("issssso", "isso"),
    ],
)
def test_normalize_makes_one_spelling(text: str, plain: str) -> None:
    assert normalize(text) == plain


@given(st.text(max_size=80))
def test_no_text_is_both_yes_and_no(text: str) -> None:
    assert not (is_affirmative(text) and is_negative(text))


@given(st.text(max_size=80))
def test_normalize_settles(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@pytest.mark.parametrize("text", ["não reconheço", "nao reconheco esse valor"])
def test_charge_not_recognised_is_no_wrong_person(text: str) -> None:
    assert not is_wrong_person(text)


def test_least_sum_keeps_weak_words_from_naming_a_topic() -> None:
    assert content_topic("essa internet") == "support"
    assert content_topic("essa internet", least=2) is None


@pytest.mark.parametrize(
    "text",
    ["podi mi liga", "vc pode me ligarr", "mi liga", "me ligui", "prefiro por telefone", "melhor por ligação",
     "melhor vcs me ligarem", "pelo telefone fica melhor", "dá uma ligadinha", "me ligaaa", "urgente", "é urgente!",
     "caso urgente", "preciso falar com urgência"],
)  # fmt: skip
def test_wish_for_a_call_is_recognised_however_it_is_spelled(text: str) -> None:
    assert asks_call(text)


@pytest.mark.parametrize(
    "text",
    ["a internet não liga", "vou ligar o modem", "liga e desliga o roteador", "me ligaram ontem", "não precisa ligar",
     "quero pagar com urgência mas não tenho", "qual o telefone de vocês"],
)  # fmt: skip
def test_other_talk_of_telephones_is_no_wish_for_a_call(text: str) -> None:
    assert not asks_call(text)


@pytest.mark.parametrize(
    "text",
    ["não ouvi", "repete por favor", "pode repetir?", "como?", "hein?", "o quê?", "fala de novo", "cortou",
     "tá cortando",
     "não entendi", "fala mais alto", "a ligação tá ruim", "não tô ouvindo", "oi? não escutei"],
)  # fmt: skip
def test_what_was_not_heard_is_asked_for_again(text: str) -> None:
    assert asks_repeat(text)


@pytest.mark.parametrize(
    "text", ["sim", "não entendi por que tá caro", "dia cinco", "como faço pra pagar", "não precisa repetir", "alô"]
)
def test_an_answer_asks_for_no_repetition(text: str) -> None:
    assert not asks_repeat(text)


@pytest.mark.parametrize(
    "text",
    ["agora não posso falar", "não posso falar agora", "tô dirigindo", "tô no trabalho", "estou ocupada",
     "me liga mais tarde", "liga depois", "agora não dá", "tô em reunião", "outra hora", "não posso atender"],
)  # fmt: skip
def test_bad_moment_is_recognised(text: str) -> None:
    assert is_busy_now(text)


@pytest.mark.parametrize(
    "text",
    ["não posso pagar agora tudo", "sim", "não consigo pagar", "posso falar", "pode falar", "depois de amanhã eu pago",
     "não posso falar com robô"],
)  # fmt: skip
def test_other_refusals_are_no_bad_moment(text: str) -> None:
    assert not is_busy_now(text)


@pytest.mark.parametrize(
    "text",
    [
        "alô", "alô?", "Alô, bom dia", "oi", "pois não", "boa tarde, tudo bem?", "alô alô", "alô tá me ouvindo",
        "tem alguém aí?",
    ],
)  # fmt: skip
def test_picking_up_is_recognised(text: str) -> None:
    assert is_greeting_only(text)


@pytest.mark.parametrize("text", ["alô quem fala", "oi quero pagar", "não", "é engano", "", "(ruído)"])
def test_more_than_picking_up_is_recognised(text: str) -> None:
    assert not is_greeting_only(text)


@pytest.mark.parametrize("text", ["sim, pode falar", "é ela mesma", "ela falando", "sou eu quem fala", "sim senhora"])
def test_saying_to_be_the_one_asked_for_is_a_yes(text: str) -> None:
    assert is_affirmative(text)
