"""The signals the offline model listens for: a table of words on folded Portuguese."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum, auto
from typing import Final

from domain import speaker
from domain.intent_patterns import CRISIS_WORDS


class Signal(StrEnum):
    """One thing a message may tell."""

    HUMAN = auto()
    OPT_OUT = auto()
    THIRD_PERSON = auto()
    HOLDER = auto()
    PESTERED = auto()
    INJECTION = auto()
    OWN_DOCUMENT = auto()
    OTHERS_DATA = auto()
    ENGLISH = auto()
    BOOKING = auto()
    CANCEL = auto()
    CRISIS = auto()
    VIOLENCE = auto()
    EMERGENCY = auto()
    DEATH = auto()
    LAWSUIT = auto()
    OTHER_VOICE = auto()
    FEES = auto()
    REFUSES_PAY = auto()
    DUE_DATE = auto()
    SURPRISE = auto()
    PAID = auto()
    WRONG_PERSON = auto()
    HARDSHIP = auto()
    PART_ONLY = auto()
    ANGER = auto()
    DISPUTE = auto()
    DISCOUNT = auto()
    CODE = auto()
    BOLETO = auto()
    REQUEST = auto()
    PAY_INTENT = auto()
    DEBT_QUESTION = auto()
    BILLING = auto()
    CONSEQUENCE = auto()
    DISTRUST = auto()
    ABOUT = auto()
    WHO = auto()
    THANKS = auto()
    BYE = auto()
    YES = auto()
    NO = auto()
    RESERVE = auto()
    CORRECTION = auto()
    ALTERNATIVE = auto()
    DIGITS = auto()
    PRODUCT = auto()
    CHEAPER = auto()
    FASTER = auto()
    BUY = auto()
    NOT_NOW = auto()
    PROBLEM = auto()
    HOURS = auto()
    CONFUSED = auto()


_KIN: Final = (
    r"(?:espos[ao]|marido|mulher|companheir[ao]|namorad[ao]|filh[ao]|mae|pai|irma|irmao|tia|tio|sobrinh[ao]|net[ao]"
    r"|avo|sogr[ao]|nora|genro|cunhad[ao]|vizinh[ao]|amig[ao])"
)
_NO_PLAN: Final = r"(?!.{0,25}\b(?:plano|mega|fibra|internet|instala)\w*)"
_MY_BILLS: Final = r"(?:minhas?|meus?) (?:faturas?|contas?|boletos?|debitos?|dividas?|valor\w*|pendenci\w+)"

# Each tuple is one alternation between word boundaries. A leading ^ stands for the beginning of the message.
_WORDS: Final[Mapping[Signal, tuple[str, ...]]] = {
    Signal.HUMAN: (
        # Who only tells of one ("a atendente de ontem", "aqui é o supervisor") asks for none.
        r"(?:quero|queria|preciso|exijo|chama\w*|passa\w*|transfer\w+|cade|falar|conversar)\b.{0,12}"
        r"\b(?:atendente|supervisora?|gerente)",
        r"^\W*(?:(?:um|uma|o|a|com|por favor) )*(?:atendente|supervisora?|gerente)(?: por favor)?\W*$",
        r"(?:ser )?humano", r"pessoa (?:de verdade|real)", r"alguem de verdade",
        r"(?:falar?|conversar?|passar?|transfer\w+|chamar?)\b.{0,25}\b(?:pessoa|alguem|equipe)",
    ),
    Signal.OPT_OUT: (
        r"^\W*(?:pare|parar|sair|stop|descadastrar|cancelar mensagens)\W*$",
        r"(?:nao|parem?|parar|pare|para de)\b.{0,18}\b(?:mand\w+|envi\w+|receber)\b.{0,20}"
        r"\b(?:mensage\w*|msgs?|isso|nada|whats\w*|sms)",
        r"(?:me )?descadastr\w+", r"tir[ae]\w* (?:o )?(?:meu|esse) numero", r"me tir[ae] d(?:a|essa) lista",
    ),
    Signal.PAID: (
        r"ja (?:eu )?(?:quitei|acertei|foi pag\w+|esta pag[oa]|pago isso|transferi o)", r"(?<!nao )(?<!nao te )paguei",
        r"acabei de pagar", r"pagamento (?:ja )?(?:foi )?(?:feito|efetuado)", r"segue o comprovante",
        r"fiz (?:o|um) pix",
        r"(?:esta|estava) (?:tudo )?pag[oa]", r"ja fiz o (?:pix|pagamento)",
    ),
    Signal.WRONG_PERSON: (
        r"(?<!pois )nao sou (?:ess[ae]|[ao]|el[ae]|eu)", r"nao sou (?:d\w+ )?titular",
        r"nao conheco (?:ess\w+|nenhum\w*|[ao])",
        r"(?:numero|pessoa) errad[oa]", r"(?:foi|e|por|so) engano", r"^\W*engano", r"esse numero (?:nao|agora) e",
        r"aqui nao e (?:d?[ao] )?\w+", r"nao e el[ae]", r"mudou de numero",
    ),
    Signal.PESTERED: (
        r"(?:fica\w*|vive[m]?|toda hora|o dia (?:todo|inteiro)|direto|sem parar|nao para\w* de|todo dia|todos os dias)"
        r"\b.{0,30}\b(?:lig(?:ando|am|a|ar)|mand(?:ando|am|a|ar)|cobrando|cobrar|mensage\w*|perturb\w+|ench\w+"
        r"|incomod\w+)",
        r"(?:me )?(?:ligam|ligando|cobram|cobrando|mandando (?:\w+ )?mensage\w*|tantas? mensage\w*)\b.{0,20}"
        r"\b(?:toda hora|todo dia|todos os dias|direto|sem parar|o dia (?:todo|inteiro)|demais)",
        r"ja (?:e|sao) a? ?(?:\w+|\d+)a? ?vez(?:es)? que (?:voces )?(?:me )?\w+",
    ),
    Signal.INJECTION: (
        r"(?:ignor\w+|esquec\w+|desconsider\w+|burl\w+|desobede\w+)\b.{0,25}"
        r"\b(?:instruc\w+|regras?|prompts?|ordens|comandos?|limit\w+)",
        r"(?:seu|o|esse|teu) prompts?", r"instrucoes (?:do|de) sistema", r"^\W*system\b",
        r"voce agora e", r"(?:aja|finja|finge|age) (?:como|que)", r"modo (?:desenvolvedor|dev|admin|livre|deus)",
        r"jailbreak",
        r"(?:registr\w+|anot\w+|marc\w+|coloc\w+)\b.{0,25}\b(?:divida|fatura|conta)\b.{0,15}\b(?:perdoad\w+"
        r"|zerad\w+|pag[ao])",
        r"(?:perdo\w+|zer[ae]\w*|apag[ae]\w*) (?:a |o )?(?:minha |meu )?(?:divida|debito|fatura)",
    ),
    Signal.OWN_DOCUMENT: (
        r"(?:qual|fala|diz|diga|me (?:da|passa|manda|lembra))\b.{0,12}\b(?:meu|o meu) (?:cpf|cnpj|documento)",
        r"(?:cpf|documento) (?:que )?(?:esta |voces tem )?cadastrado",
        r"nao (?:sei|lembro) (?:o )?meu (?:cpf|documento)",
    ),
    Signal.OTHERS_DATA: (
        r"(?:cpf|cnpj|divida|dados|endereco|telefone) d[aeo]s? (?!titular|meu|minha|cadastro|empresa|plano|internet"
        r"|instala|fibra|voce|loja|sede|suporte|atendimento|gerente|casa)\w+",
        rf"(?:fatura|boleto|conta|divida)s? d[aeo] (?:minha |meu )?{_KIN}", r"d[aeo] outra pessoa",
        r"(?:lista|relacao|nomes?) d[aeo]s? (?:outr[ao]s )?(?:clientes|devedores|assinantes|vizinhos|moradores)",
        r"(?:clientes|pessoas|vizinhos|moradores|quem) (?:que )?(?:esta\w*|tao|ta) devendo",
    ),
    Signal.ENGLISH: (
        r"(?:hello|hi|hey)\b.{0,40}\b(?:you|i|my|need|want|please)", r"do you",
        r"i (?:want|need|would|have|am|cannot|can)",
        r"speak english", r"my (?:bill|internet|account|plan)", r"how much", r"thank you", r"no portuguese",
        r"in english", r"hola", r"quiero", r"cuanto (?:debo|cuesta|es)", r"mi factura", r"muchas gracias", r"necesito",
    ),
    Signal.BOOKING: (
        r"(?:re)?(?:agendar?|agendem|agendamento|marcar?|remarcar?)\b.{0,30}\b(?:instala\w+|visita\w*|tecnico\w*)",
        r"(?:instala\w+|visita\w*|tecnico)\b.{0,30}\b(?:re)?(?:agendad\w+|agendar|marcad\w+|marcar|que dia"
        r"|quando vem|nao veio)",
        r"(?:manda\w*|envia\w*|quero|preciso de) um tecnico", r"quando (?:o tecnico )?vem (?:instalar|o tecnico)",
    ),
    Signal.CANCEL: (
        r"(?:cancelar?|cancele|cancelem|cancelamento|encerrar?|encerramento|rescindir|rescisao)\b.{0,25}"
        r"\b(?:planos?|contratos?|internet|assinatura|servicos?|linha|tudo)",
        r"(?:quero|queria|vou|preciso|desejo|gostaria de|como (?:faco para )?) ?(?:cancelar|encerrar|rescindir)"
        r"(?!.{0,20}\b(?:mensage|promessa|acordo|combinado|pagamento|boleto|data|dia))",
    ),
    Signal.CRISIS: CRISIS_WORDS,
    Signal.VIOLENCE: (
        r"me (?:bate|bateu|espanc\w+|agred\w+)(?! (?:um|uma|o|a|aquel[ea]) )", r"violencia domestica",
        r"apanh(?:o|ei|ando) (?:d(?:el[ea]|[eo])|em casa|tod[oa])", r"me ameac\w+ de morte",
    ),
    Signal.EMERGENCY: (
        r"dor (?:\w+ ){0,2}no peito", r"nao (?:consigo|estou conseguindo) respirar", r"falta de ar",
        r"(?:estou|esta) (?:infartando|desmaiando|sangrando)", r"braco (?:esquerdo )?formigando",
    ),
    Signal.DEATH: (r"(?<!internet )morreu", r"falec(?:eu|eram|id[oa]|imento)", r"obito"),
    Signal.LAWSUIT: (
        r"procon", r"processar (?:voces?|essa|a empresa)", r"processo voces", r"vou (?:te )?processar", r"advogad[oa]",
        r"juizado", r"justica", r"reclame aqui",
    ),
    Signal.SURPRISE: (
        r"tudo isso", r"de onde (?:veio|saiu|vem|surgiu)\b.{0,20}\b(?:valor|divida|fatura|conta|isso)",
        r"que valor e esse", r"por ?que (?:\w+ ){0,2}(?:tao )?(?:caro|alto|muito)",
    ),
    Signal.DUE_DATE: (
        r"(?:mud\w+|troc\w+|alter\w+)\b.{0,25}\bvencimento", r"vencimento\b.{0,15}\b(?:para|pro) (?:o )?dia",
    ),
    Signal.FEES: (
        r"juros", r"multa", r"(?:mud\w+|troc\w+|alter\w+)\b.{0,20}\bvencimento", r"onde (?:eu )?(?:posso )?pag\w+",
        r"como (?:eu )?(?:faco (?:para|pra) )?pag\w+", r"formas? de pag\w+",
        r"compensa\w*", r"(?:demora|leva|quantos dias|quanto tempo)\b.{0,25}\b(?:cair|baixar|constar|aparecer)",
        r"(?:aceita\w*|pode ser|da para pagar|pag\w+ (?:com|no|em|por))\b.{0,12}"
        r"\b(?:cartao|credito|debito|dinheiro)", r"relig\w+", r"volta quando", r"quando (?:\w+ )?volta",
        r"desbloque\w+",
    ),
    Signal.HARDSHIP: (
        r"nao (?:tenho|estou com|tem|vou ter)\b.{0,25}\b(?:como pagar|dinheiro|grana|condic\w+|um real)",
        r"nao (?:consigo|posso|da|vou conseguir)\b.{0,15}\bpagar",
        r"sem (?:grana|dinheiro|condic\w+|emprego|trabalho|salario)",
        r"desempregad\w+", r"desemprego", r"perdi (?:o|meu) emprego", r"fui (?:demitid|mandad)\w+", r"doente",
        r"doenca", r"sem (?:nenhuma )?renda", r"nao (?:tenho|tem) (?:nem )?o que comer", r"com fome",
        r"(?:perdi|levou) tudo", r"enchente", r"alag(?:ou|ad[oa]|amento)", r"parei de trabalhar",
        r"leite d[aeo]s? (?:crianca|bebe|filh)\w*",
        r"internad\w+", r"hospital", r"cirurgia", r"cancer", r"faleceu", r"falecimento", r"(?:de|em) luto", r"morreu",
        r"passando (?:necessidade|fome|dificuldade\w*)", r"situacao (?:esta )?(?:dificil|complicada|apertada|feia)",
        r"(?:estou|esta) (?:muito )?(?:apertad\w+|dificil|quebrad\w+|lis[oa]|dur[oa]|complicado|foda)",
        r"nao sobra nada",
    ),
    Signal.PART_ONLY: (
        r"nao (?:consigo|posso|da|tenho como|tem como|vou conseguir|tenho)\b.{0,25}"
        r"\b(?:tudo|total|todas|todos|as (?:duas|tres)|inteir[ao]|de uma vez|esse valor)",
        r"so (?:consigo|posso|tenho|da para) (?:pagar )?(?:uma parte|um pouco|parte)",
        r"(?:se|posso|pode|da para|consigo|quero|queria) (?:eu )?(?:pagar|dar) (?:so )?"
        r"(?:um pouco menos|menos|uma parte|parte)",
    ),
    Signal.ANGER: (
        r"absurdo", r"palhacad\w+", r"(?:que|uma|pouca|falta de) vergonha", r"sem vergonha", r"ridicul\w+",
        r"porcaria", r"merda", r"porra", r"caralho", r"inferno",
        r"pqp",
        r"lixo", r"incompetent\w+", r"desrespeito", r"safad\w+", r"ladr\w+", r"roubo", r"roubando", r"procon",
        r"reclame aqui",
        r"processar", r"processo voces", r"advogado", r"saco cheio", r"(?:que|de) saco", r"bando de", r"raiva",
        r"odeio",
        r"cansad[oa] (?:disso|de voces|dessa)", r"ench\w+ o saco", r"me deixa em paz", r"idiota", r"burr[oa]s?",
        r"puta", r"fdp",
        r"vai se f\w+", r"vsf", r"tnc", r"vtnc", r"no cu", r"cuzao", r"arrombad\w+", r"otari\w+", r"babac\w+",
        r"quebr(?:o|ar) (?:tudo|a loja|essa loja)", r"no meu limite",
        r"trouxa", r"desgrac\w+", r"pessim[oa]", r"^\W*[😡🤬😠]",
    ),
    Signal.DISPUTE: (
        r"nao (?:devo|reconheco|contratei|concordo)", r"nao e minha essa", r"valor(?:es)? (?:esta |estao )?errad\w+",
        r"errad[oa]s?\b.{0,12}\b(?:valor|conta|fatura|cobranca)\w*", r"nao e (?:ess[ea]|iss[eo]) (?:o (?:meu )?)?valor",
        r"(?:cobr\w+|veio|vindo) (?:\w+ )?a mais", r"cobr\w+ (?:\w+ ){0,2}(?:duas vezes|dobrado|duplicad\w+|em dobro)",
        r"cobranca (?:esta |e )?(?:indevida|errada)", r"cobrando errado", r"(?:ja|eu) cancelei", r"cancelei [oa]",
        r"nao uso mais", r"em dobro", r"cobr\w+\b.{0,20}\b(?:duas|2) vezes", r"estorn\w+", r"reembols\w+",
    ),
    Signal.DISCOUNT: (
        r"desconto", r"abat\w+", r"tirar? (?:os |o |a )?(?:juros|multa)", r"sem (?:os )?juros", r"parcel\w+",
        r"dividi\w+",
        r"em \d+ ?x", r"em (?:duas|tres|quatro|cinco|seis) vezes", r"acordo", r"(?:re)?negociar",
        r"(?:a?baixar) o valor", r"descontinho",
        r"(?:da|deu|dar|dao|dou|faz|fez|tir\w+|promet\w+|consig\w+|liber\w+) (?:\w+ ){0,2}\d{1,3} ?(?:%|por cento)",
        r"(?:faz|faca|fecha|deixa|aceita|quita)\w* por (?:r\$ ?)?\d{2,}",
    ),
    Signal.CODE: (
        r"pix", r"boleto", r"segunda via", r"2a? ?via", r"linha digitavel", r"codigo de barras?", r"qr ?code", r"chave",
        r"copia e cola", r"codigo para pagar", r"link (?:de|para) pag\w+",
        r"(?:mand|envi|pass|ger)\w+ (?:me )?o codigo(?! de (?:verific|seguranca))",
        r"codigo\b.{0,15}\b(?:erro|invalido|expir\w+|nao (?:funciona|foi|vai|deu|passa|abre))",
    ),
    Signal.BOLETO: (r"boleto", r"linha digitavel", r"codigo de barras?", r"segunda via", r"2a? ?via"),
    Signal.REQUEST: (
        r"mand\w+", r"envi\w+", r"ger[ae]\w*", r"pass[ae]\w*", r"quero", r"queria", r"preciso", r"qual",
        r"me (?:da|ve|arruma)",
        r"tem como", r"cade", r"podem?", r"poderia",
    ),
    Signal.PAY_INTENT: (
        r"(?:quero|vou|posso|consigo|queria|gostaria de|pretendo|preciso|da para)\b.{0,20}"
        r"\b(?:pagar|acertar|quitar|resolver|regularizar|depositar)",
        r"(?:se|posso|so) (?:eu )?pagar", r"pago", r"acerto", r"quito",
    ),
    Signal.REFUSES_PAY: (
        r"nao (?:vou|quero|pretendo|penso em|irei)\b(?: \w+){0,2} (?:pagar|quitar|acertar)", r"nao pago",
    ),
    Signal.DEBT_QUESTION: (
        r"quanto (?:e que )?(?:eu )?(?:devo|estou devendo)", r"quanto (?:vai )?fica(?:r|ria)?\W*$",
        rf"quanto (?:esta|ficou|deu|e|da)\b{_NO_PLAN}",
        rf"qual (?:e )?(?:o )?(?:valor|total|vencimento)\b{_NO_PLAN}", r"qua(?:l|is) (?:sao )?(?:as? )?faturas?",
        r"quantas faturas", r"o que (?:eu )?devo",
        r"(?:quantos dias|quanto tempo|desde quando|quando)\b.{0,15}\b(?:venceu|venceram|estao? (?:vencid|atrasad)\w+)",
        r"que (?:divida|debito|fatura)s? (?:e|sao|tenho)", r"valor total",
        rf"(?:ver|consultar|saber|olhar|conferir) (?:d?[ao]s? )?{_MY_BILLS}", r"quando vence", r"que conta e essa",
        r"estou devendo", rf"^\W*{_MY_BILLS}",
        r"(?:tenho|tem|existe|ha|ficou|falta)\b.{0,20}\b(?:em aberto|pendente|atrasad\w+|vencid\w+|debitos?"
        r"|pendenci\w+)",
        r"(?:estou|esta tudo|ta tudo|tudo) (?:em dia|certo|quitado)(?: entao)?(?: mesmo)?\?",
        r"alguma (?:conta|fatura|divida|pendencia)\b.{0,12}\bmeu (?:nome|cpf)",
        r"o que (?:eu )?tenho (?:para|que) pagar", r"quando (?:e que )?(?:eu )?(?:tenho que|preciso|devo|e para) pagar",
    ),
    Signal.BILLING: (
        r"faturas?", r"boletos?", r"conta atrasada", r"contas? (?:em )?atras\w+", r"debitos?", r"dividas?", r"devendo",
        r"vencid\w+", r"atrasad\w+", r"cobranca", r"segunda via", r"2a? ?via", r"pagamento", r"pagar", r"paguei",
        r"negociar",
        r"mensalidades?",
    ),
    Signal.CONSEQUENCE: (
        r"cort(?:ar|a|am|ad[ao]|e|ou|aram)", r"bloque\w+", r"suspen\w+", r"serasa", r"spc", r"nome sujo", r"sujar",
        r"negativ(?:ar|ad[oa]|acao|em)", r"protest(?:ar|o)", r"religa\w*", r"desblo\w+", r"juros", r"multa",
    ),
    Signal.DISTRUST: (
        r"golpe", r"fraude", r"golpista", r"nao vou (?:passar|dar|informar|mandar|falar)", r"nao (?:passo|informo|dou)",
        r"(?:por|para) que (?:precisa|quer|pede|voce quer|voce precisa|tenho que|serve|o cpf|meu cpf)", r"e seguro",
        r"nao confio", r"como sei que", r"desconfi\w+", r"e verdade isso", r"virus",
        r"nao quero (?:passar|dar|informar)",
        r"tenho medo",
    ),
    Signal.ABOUT: (
        r"do que se trata", r"qual (?:e )?o assunto", r"sobre o que", r"que assunto", r"o que (?:voces? )?quer(?:em)?",
        r"(?:o|para) que seria", r"qual o motivo",
    ),
    Signal.WHO: (
        r"(?<!\beu )(?<!\bel[ea] )quem (?:e|esta falando|fala|seria|e voce)",
        r"de onde (?:voces? )?(?:e|sao|falam?)", r"(?:qual|que) empresa",
        r"(?:e|sou|voce e) (?:um |uma )?(?:robo|bot|maquina|pessoa|gente|humana?|ia)", r"robo",
        r"com (?:um |uma )?(?:bot|maquina|pessoa|gente|humano|ia)\b.{0,20}\bou (?:com )?(?:um |uma )?(?:bot"
        r"|maquina|pessoa|gente|humano|ia|gravacao)",
    ),
    Signal.THANKS: (
        r"obrigado", r"valeu", r"agradec\w+", r"muito bom", r"perfeito", r"show", r"maravilha", r"otimo", r"excelente",
        r"top",
    ),
    Signal.BYE: (
        r"tchau", r"ate (?:mais|logo|amanha|breve)$", r"falou$", r"^fui\W*$", r"abracos?", r"era so isso",
        r"^so isso(?: mesmo)?",
        r"nada mais",
    ),
    Signal.YES: (
        r"^\W*(?:sim|s|isso|claro|pode|ok|okay|okey|certo|certeza|com certeza|beleza|fechado|combinado|confirm[oa]"
        r"|confirmado|quero|aceito|uhum|aham|sou|positivo|bora|por favor|manda|exato|correto"
        r"|(?:esta|tudo) (?:bom|certo|bem)|fechou|perfeito|e el[ea]|fala|registra|prefiro|eu sim|joia)",
        r"^\W*👍",
    ),
    # "não entendi" and "não paguei ainda" begin with a no and refuse nothing.
    Signal.NO: (
        r"^\W*(?:nao|nop|negativo|nunca|de jeito nenhum|jamais|nem|nada disso|deixa|agora nao)(?:\W*$|[,.!;])",
        r"^\W*nao (?:obrigado|quero|precis[ao]|agora|posso|consigo|serve|pode|por favor|senhora?|vou|nao)",
    ),
    Signal.CONFUSED: (
        r"nao entendi", r"nao (?:estou )?entend(?:o|endo)", r"nao sei mexer", r"como assim", r"entendi nada",
        r"(?:me )?explica", r"que isso", r"^[?!. ]+$",
        r"nao compreendi", r"hein",
    ),
    Signal.RESERVE: (
        r"mas", r"outr[oa]s?", r"menos", r"mud\w+", r"troc\w+", r"so que", r"depois", r"antes", r"sera", r"talvez",
        r"nao", r"nem",
        r"cancel\w+", r"espera", r"pera", r"calma", r"desconto", r"parcel\w+", r"caro", r"corrig\w+", r"alias",
        r"na verdade",
        r"ou", r"se",
    ),
    Signal.CORRECTION: (
        r"na verdade", r"alias", r"ou melhor", r"quer dizer", r"melhor", r"corrig\w+", r"desculpa", r"digo", r"errei",
        r"mudei",
        r"mud[ae]r?", r"trocar?", r"pensando bem", r"em vez", r"ao inves", r"espera", r"pera", r"^\W*nao",
    ),
    Signal.ALTERNATIVE: (
        r"(?:prefiro|melhor|quero)\b.{0,12}\bpessoa", r"^\W*(?:com |uma |a )*pessoa\W*$", r"segunda opcao",
    ),
    Signal.DIGITS: (r"\d{5,}", r"\d{3}[. -]\d{3}"),
    Signal.PRODUCT: (
        r"planos?", r"mega", r"giga", r"internet", r"velocidade", r"combo", r"tv", r"fibra", r"roteador", r"mesh",
        r"wifi",
        r"pacotes?", r"precos?", r"quanto custa\w*", r"ofertas?", r"promoc\w+", r"produto\w*", r"contratar", r"assinar",
        r"upgrade", r"migrar", r"telefonia", r"chip", r"cameras?", r"streaming", r"canais", r"televisao",
        r"repetidor\w*", r"ip fixo", r"telefone fixo", r"linha fixa",
    ),
    Signal.CHEAPER: (
        r"mais em conta", r"barat\w+", r"caro", r"carinho", r"diminuir", r"reduzir", r"menor preco", r"economi\w+",
        r"baixar (?:o |meu )?plano", r"mais simples",
    ),
    Signal.FASTER: (
        r"aumentar", r"mais (?:rapid\w+|velocidade|mega|forte)", r"melhor plano", r"upgrade",
        r"melhorar (?:a |minha )*(?:internet|velocidade)", r"(?:mudar|trocar|subir) (?:de |o |meu )*plano",
    ),
    Signal.BUY: (
        r"quero (?:ess[ea]|est[ea]|contratar|assinar|fechar|o (?:plano|de)|[ao] fibra)", r"vou querer",
        r"pode (?:contratar|fechar|instalar|agendar)", r"fechado", r"fechou", r"vamos fechar",
        r"como (?:faco para )?contrat\w+",
        r"bora fechar", r"quero instalar", r"aceito", r"gostei (?:vou|quero|dess[ea])", r"pode ser ess[ea]",
    ),
    Signal.NOT_NOW: (
        r"vou pensar", r"depois (?:eu )?(?:te )?(?:vejo|falo|decido|retorno|aviso|mando)",
        r"vou (?:ver|verificar|olhar|me organizar)\b.{0,20}\b(?:falo|aviso|retorno|digo|chamo)",
        r"(?:te|lhe) (?:aviso|retorno|chamo)(?: depois| mais tarde)?\W*$", r"nao sei(?: ainda)?\W*$",
        r"agora nao",
        r"nao (?:tenho|estou com) interesse",
        r"nao (?:quero|precisa)(?: mais)?(?: obrigado)?", r"nao preciso(?: de)?(?: mais)? nada",
        r"deixa (?:para|quieto)", r"deixa\W*$", r"sem interesse",
        r"mais tarde", r"outr[ao] (?:dia|hora)",
        r"^\W*(?:(?:so )?um (?:minut\w+|instante|momento|segundo)|espera(?: ai| (?:so )?um \w+)?|perai|ja volto)\W*$",
    ),
    Signal.PROBLEM: (
        r"sem internet", r"internet\b.{0,15}\b(?:horrivel|pessima|uma bosta|uma porcaria)",
        r"internet\b.{0,15}\b(?:caiu|lent[ao]|parou|ruim|caindo|oscilando)", r"caiu (?:a )?internet",
        r"nao (?:funciona|conecta|pega|esta funcionando|abre)", r"lent[oa]", r"luz vermelha", r"sem (?:sinal|conexao)",
        r"travando",
        r"oscil\w+", r"wifi (?:fraco|ruim|caindo|nao)",
    ),
    Signal.HOURS: (
        r"horarios?", r"que horas", r"atendem(?! (?:n[ao]|em|minha|meu)\b)", r"funciona (?:no|aos|hoje|ate)",
        r"abrem?", r"fecham?", r"(?<!em )aberto",
        r"expediente",
    ),
}  # fmt: skip
# Who speaks is a rule of the service, which the tools keep too.
_RULES: Final[Mapping[Signal, Callable[[str], bool]]] = {
    Signal.THIRD_PERSON: speaker.says_another,
    Signal.OTHER_VOICE: speaker.says_taken_over,
    Signal.HOLDER: speaker.says_holder,
}
_COMPILED: Final = {
    signal: re.compile(
        "|".join(rf"(?:{word})(?!\w)" if word.startswith("^") else rf"\b(?:{word})(?!\w)" for word in words),
        re.MULTILINE,
    )
    for signal, words in _WORDS.items()
}


def says(folded: str, signal: Signal) -> bool:
    """Tell whether folded text carries the signal."""
    rule = _RULES.get(signal)
    return rule(folded) if rule is not None else _COMPILED[signal].search(folded) is not None
