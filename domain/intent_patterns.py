"""Patterns behind domain/intents.py, over text that has been plainly spelled (no accents, short forms written out)."""

import re

OPT_OUT_KEYWORDS = frozenset(
    {
        "pare", "parar", "para", "sair", "saia", "stop", "cancelar", "cancela", "cancele", "remover", "remova",
        "remove", "descadastrar", "descadastre", "descadastro", "descadastra", "unsubscribe", "optout", "opt out",
        "pare de enviar",
    }
)  # fmt: skip

SHORT_FORMS = {
    "n": "nao", "nn": "nao", "naum": "nao", "num": "nao", "q": "que", "k": "que", "qe": "que", "vc": "voce",
    "vcs": "voces", "ce": "voce", "oce": "voce", "ces": "voces", "c": "voce", "cs": "voces", "pra": "para",
    "pro": "para o", "p": "para", "pras": "para as", "pros": "para os", "prum": "para um", "pruma": "para uma",
    "msg": "mensagem", "msgs": "mensagens", "mensage": "mensagem", "msm": "mesmo", "tb": "tambem", "tbm": "tambem",
    "pf": "por favor", "pfv": "por favor", "pfvr": "por favor", "pls": "por favor", "plis": "por favor",
    "hj": "hoje", "cm": "com", "td": "tudo", "mt": "muito", "mto": "muito", "cmg": "comigo", "ctg": "contigo",
    "dps": "depois",
    "ta": "esta", "to": "estou", "tou": "estou", "tava": "estava", "tao": "estao", "tá": "esta", "eh": "e",
    "vo": "vou", "pq": "porque", "oq": "o que", "qm": "quem", "qt": "quanto", "qto": "quanto", "qnto": "quanto",
    "nd": "nada", "ngm": "ninguem", "alg": "alguem", "zap": "whatsapp", "zapzap": "whatsapp", "wpp": "whatsapp",
    "wp": "whatsapp", "whats": "whatsapp", "tel": "telefone", "fone": "telefone", "cel": "celular",
    "net": "internet", "atend": "atendente", "jah": "ja", "paguey": "paguei", "fala": "falar", "fla": "falar",
    "liga": "ligar", "manda": "mandar", "mande": "mandar", "mandem": "mandar", "mandando": "mandar",
    "mandarem": "mandar", "enviem": "enviar", "envia": "enviar", "envie": "enviar", "enviando": "enviar",
    "enviarem": "enviar",
}  # fmt: skip

# Long words whose misspellings are mended; each is far from every other word customers use.
SPELLED = (
    "atendente", "atendimento", "atendentes", "humano", "mensagem", "mensagens", "cobranca", "cobrancas",
    "descadastrar", "descadastre", "cancelar", "conheco", "reconheco", "numero", "errado", "engano", "contratar",
    "instalacao",
    "roteador", "internet", "pessoa", "telefone", "whatsapp", "telefonema", "ligacao", "supervisor", "gerente",
    "comprovante", "pagamento", "velocidade", "mensalidade", "negociar", "parcelar", "endereco", "horario",
    "promocao", "contato", "perturbar", "incomodar", "obrigado", "obrigada", "desconheco", "atendendo", "fatura",
    "faturas", "boleto", "boletos",
)  # fmt: skip

# Danger to one's own life, said in earnest or not.
CRISIS_WORDS = (
    r"me matar", r"suicid\w+", r"tirar (?:a )?minha (?:propria )?vida", r"nao quero mais viver", r"quero morrer",
    r"acabar com (?:a minha vida|tudo isso de vez)", r"dar fim (?:n|em )?a? ?minha vida",
    r"sumir d(?:o|esse|este) mundo", r"nao quero mais (?:estar )?(?:viv[oa]|acordar)",
)  # fmt: skip
CRISIS = re.compile(rf"\b(?:{'|'.join(CRISIS_WORDS)})\b")

_MESSAGES = (
    r"(?:mensagens|mensagem|cobrancas?|notificacoes|notificacao|propagandas?|promocoes|ofertas?|avisos?|textos?|"
    r"whatsapp|sms|nada|isso|contato)"
)
_SEND = (
    r"(?:mandar|enviar|receber|ser\s+contatad[oa]|ligar|contatar|perturbar|incomodar|encher|chamar|escrever|"
    r"importunar|contactar|procurar|falar\s+comigo)"
)
OPT_OUT = re.compile(
    rf"\b(?:nao|nunca)\b(?:\s+(?:quero|quer|queria|gostaria|desejo|mais|de|e|para|precisa|vou|aceito|autorizo|me|que|"
    rf"voces?|por\s+favor)){{0,6}}"
    rf"\s+(?:mais\s+)?(?:m[ei]m?\s+)?(?:mais\s+)?{_SEND}(?:\s+(?:mais|me|nenhuma|nem|essas?|estas?|suas?|de|tantas?|"
    rf"esse\s+tipo\s+de|uma|as|sequer|para|mim|comigo|aqui|no|por|pelo|tipo)){{0,5}}"
    rf"(?:\s+{_MESSAGES}|\s*$)"
    rf"|\b(?:parar?|pare|parem|parou|chega|chega\s+de|deixa|deixem?|"
    rf"basta)\s+(?:ja\s+)?(?:com\s+)?(?:de\s+)?(?:tanta\s+|tantas\s+|essas?\s+|as\s+|tudo\s+)*"
    rf"(?:me\s+)?(?:ficar\s+)?(?:me\s+)?(?:mandar|enviar|ligar|mandando|perturbar|incomodar|encher|importunar|cobrar|"
    rf"chamar|{_MESSAGES})"
    r"(?!\s+(?:boleto|fatura|carta|email|e\s?mail|para\s+o\s+(?:email|endereco)))"
    r"|\b(?:me\s+)?(?:tir[ae]r?|tirem|remov[ae]r?|remover|removam|exclu[ai]r?|excluam|apag[ae]r?|apaguem|retir[ae]r?|"
    r"retirem|delet[ae]r?)\s+"
    r"(?:por\s+favor\s+)?(?:o\s+|esse\s+|este\s+|meu\s+|me\s+|os\s+)*(?:numero|contato|telefone|whatsapp|celular|"
    r"cadastro|dados|eu)?\s*"
    r"(?:d[aeo]ss?[ae]s?|d[aeo]st[ae]s?|d[ao]s?|de)\s+(?:sua\s+|suas\s+|voces\s+)*(?:lista|listas|lista\s+de\s+\w+|"
    r"cadastro|sistema|base|banco\s+de\s+dados|grupo|contatos|disparos?|mailing)"
    r"|\b(?:quero|queria|desejo|gostaria\s+de|pode(?:m)?|favor|solicito|peco)\s+(?:me\s+)?(?:sair|descadastrar|"
    r"ser\s+removid[oa]|o?\s*descadastr\w+)\b"
    r"(?:\s+(?:d[aeo]ss?[ae]|d[ao]|de)\s+(?:lista|grupo|cadastro|mensagens|"
    r"mensagem))?(?:\s+por\s+favor)?(?!\s+(?:d[aeo]\s+)?(?:plano|casa|divida|contrato|debito|vermelho|internet))"
    r"|\bme\s+descadastr\w+|\bdescadastr\w+\s+(?:meu|o|esse|este)\s+(?:meu\s+)?(?:numero|contato|telefone)"
    r"|\bme\s+(?:deixa(?:m)?|deixem?)\s+em\s+paz\b|\bbloque(?:iar|ar|ia)\s+(?:as\s+)?mensagens"
    r"|\bnao\s+(?:me\s+)?(?:perturbe|pertube|pertubem|perturbem|incomodem?|amole|encha|encham|amolem|contatem|"
    r"procurem|chamem?|escrevam?|lig(?:ar|ue|uem)\s+mais)\b"
    r"|\bnao\s+(?:quero|queria|autorizo|aceito|desejo)\s+(?:mais\s+)?(?:receber\s+)?(?:nenhum\s+|esse\s+tipo\s+de\s+|"
    r"o\s+|mais\s+|seu\s+|o\s+seu\s+|nem\s+)*(?:contato|mensagens?|cobrancas\s+por\s+aqui|sms)\b"
    r"|\bchega\s+de\s+mensagens?"
    r"|\b(?:sair|sai|saio)\s+d(?:a|ess[ae]|est[ae])\s+lista\b|\bnao\s+me\s+cobr(?:em?|ar)\s+mais\b"
    r"|\b(?:cancelar|parar|bloquear)\s+(?:o\s+envio\s+d[ae]s?|o\s+recebimento\s+d[ae]s?|de\s+receber|as|essas|estas)\s+"
    r"(?:suas\s+|essas\s+|as\s+)?mensagens\b"
)
FOR_GOOD = re.compile(r"\bmais\b(?!\s+(?:tarde|cedo|para|pra|um))|\bnada\b|\bnenhuma?\b")
NOT_OPT_OUT = re.compile(
    r"\b(?:boletos?|faturas?|contas?|carta|cartas|papel|correio|e\s?mail|emails?|comprovante|foto|audio|audios|link)\b"
    r"|\bcobrar\s+(?:juros|multa|taxa|a\s+mais|errado|duas)\b"
    r"|\b(?:cancelar|sair|tirar|remover)\b.{0,20}\b(?:plano|contrato|internet|servico|assinatura|multa|juros|divida|"
    r"visita|pedido)\b"
    r"|\b(?:por|de)\s+que\s+(?:voces?\s+)?nao\b|\bporque\s+(?:voces?\s+)?nao\b|\bnao\s+(?:recebi|chegou|"
    r"esta\s+chegando|estou\s+recebendo|consigo)\b"
)

_PERSON = (
    r"(?:atendentes?|humanos?|ser\s+humano|pessoa|alguem|gente|gerente|supervisora?|operadora?|funcionari[oa]|"
    r"vendedora?|consultora?|"
    r"responsavel|advogad[oa]|moca|moco|rapaz|setor|departamento|cobranca|atendimento(?:\s+humano)?|suporte\s+humano|financeiro|ouvidoria|"
    r"representante|colaboradora?|tecnico|dono)"
)
_REAL = r"(?:\s+(?:de\s+verdade|real|humana?|mesmo|de\s+carne\s+e\s+osso))?"
HUMAN = re.compile(
    rf"\b(?:falar|conversar|tratar|resolver|ser\s+atendid[oa]|atendid[oa]|negociar)\s+(?:direto\s+|diretamente\s+|"
    rf"so\s+|agora\s+|logo\s+|ai\s+|e\s+)*"
    rf"(?:com|por|c|para)\s+(?:o\s+|a\s+|um\s+|uma\s+|outra\s+|outro\s+|algum\s+|alguma\s+|algu?m\s+|"
    rf"seu\s+)*{_PERSON}{_REAL}\b"
    rf"|\b(?:me\s+)?(?:passa|passar|passe|transfere|transferir|transfira|encaminha|encaminhar|encaminhe|chama|chamar|"
    rf"chame|coloca|colocar|bota|direciona|conecta)\s+"
    rf"(?:ai\s+)?(?:por\s+favor\s+)?(?:me\s+|eu\s+|a\s+ligacao\s+)*(?:para|com|pro|na)?\s*(?:o\s+|a\s+|um\s+|uma\s+|"
    rf"outra\s+|outro\s+|algum\s+|alguma\s+|seu\s+)*{_PERSON}{_REAL}\b"
    rf"|\b(?:quero|queria|preciso|gostaria|cade|tem|existe|ha|exijo|prefiro|solicito)\s+(?:de\s+|do\s+|da\s+|"
    rf"falar\s+)*(?:o\s+|a\s+|um\s+|uma\s+|algum\s+|alguma\s+|com\s+)*"
    rf"(?:atendentes?|humanos?|ser\s+humano|pessoa{_REAL}|atendimento\s+humano|gerente|supervisora?|"
    rf"ouvidoria)\b(?!\s+(?:que|foi|disse|falou))"
    r"|\b(?:nao\s+)?(?:quero|vou)\s+(?:nao\s+)?(?:falar|conversar)\s+com\s+(?:esse\s+|este\s+|uma?\s+|o\s+|"
    r"a\s+)?(?:robo|maquina|bot|ia|inteligencia\s+artificial)\b"
    r"|^\s*(?:atendente|humano|atendente\s+humano|atendimento(?:\s+humano)?|falar\s+com\s+(?:atendente|humano)|pessoa|operador|"
    r"suporte\s+humano)(?:\s+(?:por\s+favor|agora|ja))?\s*$"
    r"|\bnao\s+(?:quero|converso|falo)\s+(?:com\s+)?(?:falar\s+com\s+)?(?:robo|maquina|bot|ia)\b"
    r"|\b(?:alguem|pessoa|atendente|humano)\s+(?:de\s+verdade|real)\b"
)
REFUSES_ROBOT = re.compile(
    r"\bnao\s+(?:quero|vou|converso|falo)\s+(?:nao\s+)?(?:com\s+)?(?:(?:falar|conversar)\s+com\s+)?"
    r"(?:esse\s+|este\s+|uma?\s+|o\s+|a\s+)?(?:robo|maquina|bot|ia|inteligencia\s+artificial)\b"
)
HUMAN_REFUSED = re.compile(
    rf"\b(?:nao|nem)\s+(?:quero|queria|preciso|precisa|vou|gostaria|desejo|adianta|consegui|consigo|me|"
    rf"tem\s+necessidade|gosto|precisava|ha\s+necessidade)\b"
    rf"(?:\s+(?:de|do|me|que|mais|nem|passa|passe|transfere|transfira|transferir|chamar|chama|chame|encaminha|passar|"
    rf"falar|conversar|com|para|o|a|um|uma|por|favor)){{0,6}}\s+{_PERSON}\b"
    rf"|\bnao\s+(?:me\s+)?(?:passa|passe|transfere|transfira|transferir|chama|chame|chamar|encaminha|encaminhe|"
    rf"passar|falar)\s+(?:para\s+|com\s+|o\s+|a\s+|um\s+|uma\s+)*{_PERSON}\b"
    rf"|\bsem\s+(?:falar\s+com|passar\s+por|precisar\s+de)\s+(?:o\s+|a\s+|um\s+|uma\s+)?{_PERSON}\b"
    r"|\b(?:ja\s+)?falei\s+com\b|\b(?:a|o)\s+atendente\s+(?:disse|falou|me|ja)\b"
)

CALL = re.compile(
    r"\bme\s+ligar?\b|\bme\s+ligue\b|\bme\s+liguem\b|\bliguem?\s+(?:para\s+mim|aqui|no\s+meu)|"
    r"\bligar?\s+(?:para\s+mim|para\s+eu|aqui|no\s+meu|nesse\s+numero|neste\s+numero)\b"
    r"|\b(?:pode|podem|poderia|podia|consegue|da\s+para|quer|tem\s+como)\s+(?:me\s+)?(?:ligar|telefonar|"
    r"dar\s+uma\s+ligada)\b"
    r"|\bme\s+(?:da|de|dar)\s+uma\s+(?:ligada|ligadinha|chamada|ligacao)\b|\bme\s+(?:telefona|telefone|telefonar|"
    r"chama\s+no\s+telefone)\b"
    r"|\b(?:quero|queria|prefiro|preciso|gostaria\s+de)\s+(?:de\s+)?(?:uma\s+|que\s+)?(?:me\s+)?(?:ligacao|liguem|"
    r"ligue|falar\s+(?:por|pelo|no)\s+(?:telefone|ligacao|voz|telefonema)|conversar\s+(?:por|pelo)\s+(?:telefone|"
    r"ligacao|voz)|receber\s+uma\s+ligacao)\b"
    r"|\b(?:falar|conversar|resolver|tratar|negociar)\s+(?:isso\s+)?(?:por|pelo|no|via)\s+(?:telefone|ligacao|voz|"
    r"telefonema|chamada)\b"
    r"|\b(?:aguardo|espero|esperando|aguardando)\s+(?:a\s+|sua\s+|uma\s+)*ligacao\b|\bfaz\s+uma\s+(?:ligacao|"
    r"chamada)\b|\bfaz(?:er)?\s+(?:uma\s+)?ligacao\s+para\s+mim\b"
    r"|\bretorna(?:r)?\s+(?:a\s+|minha\s+)?ligacao\b|\bligar\s+que\s+eu\s+atendo\b|^\s*ligar(?:\s+(?:ai|para\s+ca|"
    r"agora|por\s+favor))?\s*$"
    r"|\b(?:me|mi)\s+lig(?:a|ar+|ue|ui|uem|am|a\s+(?:ai|por\s+favor))\b|\bpod[ei]\s+(?:me|mi)\s+lig\w+"
    r"|\b(?:prefiro|melhor|queria|quero|pode\s+ser|so|gostaria)\s+(?:\w+\s+){0,3}(?:por|pelo|no|via|com)\s+(?:uma\s+)?"
    r"(?:telefone|ligacao|telefonema|voz|chamada)\b"
    r"|\b(?:por|pelo)\s+(?:telefone|ligacao|voz)\s+(?:e|seria|fica|fica(?:ria)?)\s+(?:melhor|mais\s+facil|mais\s+rapido)\b"
    r"|\bmelhor\s+(?:voces?\s+)?(?:me\s+)?lig(?:ar+|arem|uem|ue)\b|\bda(?:r)?\s+uma\s+(?:ligada|ligadinha)\b"
    # "urgente" alone asks for the quickest way there is (spec 5.1).
    r"|^\s*(?:(?:isso|isto|aqui|meu\s+caso)\s+)?(?:e\s+|esta\s+)?(?:muito\s+|super\s+|bem\s+|caso\s+|uma\s+|um\s+caso\s+)*"
    r"(?:de\s+)?urgen(?:te|cia)(?:\s+(?:demais|mesmo|por\s+favor))?\s*$"
    r"|\bpreciso\s+(?:\w+\s+){0,2}(?:falar|resolver)\s+(?:isso\s+|com\s+voces?\s+)?(?:com\s+)?urgen(?:te|cia|temente)\b"
)

# In a call: the line was bad, the moment is, or somebody just picks up.
REPEAT = re.compile(
    r"\b(?:repet(?:e|ir|a|i|indo)|repita)\b|\b(?:nao|nem)\s+(?:\w+\s+){0,2}(?:ouvi\w*|ouco|escut\w+|entendi|ouvindo|peguei)\b"
    r"|\b(?:falar|diz|diga|dizer)\s+(?:\w+\s+)?(?:de\s+novo|novamente|outra\s+vez|mais\s+(?:alto|devagar))\b"
    r"|\b(?:mais\s+(?:alto|devagar)|mais\s+uma\s+vez)\b|\b(?:cortou|picotou|picotando|cortando|chiando|sumiu)\b"
    r"|\b(?:ligacao|linha|sinal|audio)\s+(?:esta\s+)?(?:\w+\s+)?(?:ruim|pessim[ao]|cortad[ao]|falhando|caindo|baix[ao])\b"
    r"|^\s*(?:como|hein|ahn?|hã|o\s+que|que|oi\s+como|perdao|como\s+e(?:\s+que\s+e)?|como\s+assim)\s*$"
)
NOT_REPEAT = re.compile(
    r"\bnao\s+(?:precisa|quero|e)\s+(?:\w+\s+)?repet\w+\b|\bnao\s+entendi\s+(?:por\s?que|como|o|a|esse|essa)\b"
)
BUSY = re.compile(
    r"\b(?:agora|hoje|nesse\s+momento|no\s+momento)\s+(?:eu\s+)?nao\s+(?:posso|consigo|da|vou\s+poder|tenho\s+tempo|e\s+uma\s+boa)\b"
    r"|\bnao\s+(?:posso|consigo|da|vou\s+poder|tenho\s+como|e\s+(?:um\s+)?bom)\s+(?:(?:para|eu)\s+)*(?:falar\s+|atender\s+|conversar\s+|momento\s*)?"
    r"(?:agora|nesse\s+momento|no\s+momento|neste\s+momento)\b"
    r"|\bnao\s+(?:posso|consigo|da\s+para)\s+(?:falar|atender|conversar)\b(?!\s+com)"
    r"|\bestou\s+(?:\w+\s+)?(?:trabalhando|dirigindo|ocupad[oa]|(?:n[oa]|em|num[a]?)\s+(?:trabalho|servico|transito|reuniao|"
    r"consulta|aula|hospital|onibus|volante|meio\s+de|rua|banco))\b|\bem\s+reuniao\b|\bno\s+meio\s+de\s+um[a]?\b"
    r"|\b(?:me\s+)?(?:ligar|ligue|liguem|retorna|retorne)\s+(?:\w+\s+){0,2}(?:mais\s+tarde|depois|outra\s+hora|outro\s+(?:dia|horario)|"
    r"amanha|a\s+noite|de\s+tarde|a\s+tarde)\b"
    r"|\b(?:pode\s+ser|falamos|conversamos|falar)\s+(?:mais\s+tarde|depois|outra\s+hora|outro\s+dia)\b|^\s*(?:agora\s+nao|"
    r"depois|outra\s+hora|mais\s+tarde)\s*$"
)
ANSWERS_PHONE = re.compile(
    r"(?:alo|oi|ola|pois\s+nao|pronto|sim|diga|pode\s+falar|falar|bom\s+dia|boa\s+tarde|boa\s+noite|opa|tudo\s+bem|e\s+ai|"
    r"quem\s+e|hum|tudo\s+bom|salve|(?:voce\s+)?esta\s+me\s+(?:ouvindo|escutando)|tem\s+alguem\s+ai|esta\s+ai)"
)
CALL_REFUSED = re.compile(
    r"\b(?:nao|nunca|nem|(?:parem?|parar?|pare)\s+(?:de|com))\s+(?:\w+\s+){0,4}(?:ligar?|ligue|liguem|ligando|"
    r"telefona|telefonem?|telefone|ligacao|ligacoes|ligada)\b"
    r"|\b(?:quem|ninguem|voces?|alguem|ela|ele)\s+(?:\w+\s+){0,2}me\s+(?:ligou|ligaram)\b|"
    r"\bme\s+ligar?\s+(?:tod[oa]s?|sempre|direto|a\s+cada|de\s+vez\s+em)\b|"
    r"\bpor\s?que\s+(?:voces?\s+)?(?:\w+\s+){0,2}me\s+ligar?\b"
)

_OTHERS = r"(?:outr[ao]s?|ess[ae]\s+nao|est[ae]\s+nao|metade|parte|so\s+um[ao]?|nao\s+tod[ao]s?)"
PAID = re.compile(
    r"\b(?:ja\s+)?(?:paguei|paguey|pagei|pagui|pagamos|quitei|quitamos|acertei)\b"
    r"|\b(?:ja\s+)?(?:esta|estao|foi|foram|ficou|estava)\s+(?:tudo\s+|tudo\s+ja\s+|ja\s+)?(?:pag[oa]s?|quitad[oa]s?|"
    r"acertad[oa]s?|liquidad[oa]s?)\b"
    r"|\bja\s+(?:foi\s+|esta\s+|ta\s+)?(?:pag[oa]s?|quitad[oa]s?)\b|\bja\s+(?:fiz|efetuei|realizei|mandei|enviei|"
    r"transferi|depositei)\b(?!.*\b(?:pedido|reclamacao|cadastro|teste|mensagem|documento)\b)"
    r"|\b(?:fiz|efetuei|realizei|mandei)\s+(?:agora\s+|hoje\s+|ontem\s+|ja\s+)?(?:o|um|esse|meu)\s+(?:pix|pagamento|"
    r"deposito)\b"
    r"|\bpix\s+(?:ja\s+)?(?:feito|enviado|realizado|pago)\b|\bpagamento\s+(?:ja\s+)?(?:feito|realizado|efetuado|ok)\b"
    r"|\b(?:segue|ta\s+ai|esta\s+ai|mandei|enviei|tenho|aqui\s+esta)\s+(?:o\s+|ai\s+|um\s+)*comprovante\b|\b(?:minha|"
    r"meu)\s+(?:esposa|marido|mae|pai|filh[oa]|irma|irmao)\s+(?:ja\s+)?pagou\b"
    r"|\bdebitou\s+(?:da|na)\s+(?:minha\s+)?conta\b|^\s*(?:pago|paga|quitado|ja\s+pago)\s*$"
)
NOT_PAID = re.compile(
    r"\b(?:nao|nunca|ainda\s+nao|nem)\s+(?:\w+\s+){0,2}(?:paguei|pagamos|quitei|esta\s+pag[oa]|foi\s+pag[oa]|fiz|"
    r"consegui)\b"
    r"|\bse\s+(?:eu\s+)?(?:ja\s+)?(?:paguei|pagasse|esta\s+pag[oa]|foi\s+pag[oa]|pagar|ja\s+foi)\b|\b(?:quando|"
    r"assim\s+que|depois\s+que)\s+(?:eu\s+)?(?:estiver|for)\s+pag[oa]\b"
    rf"|\bpaguei\s+(?:a|o|as|os|so|somente|apenas)?\s*{_OTHERS}|\b(?:paguei|pago)\s+(?:so\s+)?(?:metade|parte|"
    rf"uma\s+parte)\b"
    r"|\b(?:quanto|que|qual|quais|quando|onde|o\s+que)\s+(?:\w+\s+){0,2}(?:eu\s+)?(?:ja\s+)?paguei\b|"
    r"\bja\s+paguei\s+(?:muito|caro|demais|mico)\b"
    r"|\b(?:vou|irei|pretendo|quero|posso|consigo)\s+(?:\w+\s+){0,2}(?:pagar|quitar|fazer)\b.*\bja\s+fiz\s+(?:isso|"
    r"antes)\b"
)

WRONG_PERSON = re.compile(
    r"\bnao\s+(?:sou|e|era|seria)\s+(?:eu|mais\s+ele|mais\s+ela|ess[ae]\s+pessoa|est[ae]\s+pessoa|el[ea]|"
    r"o\s+(?:titular|dono)|a\s+(?:titular|dona)|a\s+pessoa|o\s+(?:senhor\s+)?\w+|a\s+(?:senhora\s+)?\w+|d[ao]qui|"
    r"quem\s+voce|ess[ae]|est[ae]|nenhum\w*|mais\s+ess[ae]|mais\s+d\w+)\b"
    r"|\b(?:numero|contato|telefone|pessoa|whatsapp|celular)\s+(?:esta\s+)?(?:errad[oa]|trocad[oa]|equivocad[oa])\b|"
    r"\b(?:e|foi|ligou|ligaram|mandou|deve\s+ser|deu)\s+(?:por\s+)?engano\b|^\s*(?:e\s+)?engano\b"
    r"|\bnao\s+(?:conheco|conhecemos|sei\s+quem\s+e|tem\s+ninguem|existe\s+ninguem|mora|e\s+conhecid[oa])\b|"
    r"\bdesconheco\b"
    r"|\b(?:ess[ae]|est[ae]|o|meu)\s+(?:numero|telefone|whatsapp|celular|contato)\s+(?:ja\s+)?nao\s+(?:e|pertence|eh)\b"
    r"|\bvoces?\s+(?:esta|estao)\s+(?:\w+\s+){0,2}(?:com\s+)?(?:o\s+)?(?:a\s+)?(?:numero|pessoa|"
    r"contato)\s+errad[oa]\b|\b(?:falando|falar|confundiu|confundindo|"
    r"confundiram)\s+com\s+(?:a\s+)?(?:pessoa\s+errada|outra\s+pessoa)\b"
    r"|\b(?:peguei|comprei|adquiri|troquei)\s+(?:ess[ae]|est[ae]|o|um)\s+(?:numero|chip)\b|\bess[ae]\s+(?:nome|cpf|"
    r"divida|conta)\s+nao\s+e\s+(?:meu|minha|mim)\b"
    r"|\bnao\s+(?:me\s+chamo|chamo)\b|\bmeu\s+nome\s+nao\s+e\b|\b(?:aqui\s+)?(?:e\s+)?outra\s+pessoa\b|"
    r"\bnao\s+tem\s+(?:nenhum|nenhuma|ninguem)\b.{0,20}\b(?:aqui|nome)\b|\b(?:ele|ela)\s+(?:ja\s+)?(?:morreu|faleceu|"
    r"nao\s+mora)\b"
    r"|\bpessoa\s+errada\b|\bnao\s+e\s+(?:d[eo]le|dela)\b|\besta\s+errado\s+(?:o|esse|este)\s+numero\b|"
    r"\berrou\s+(?:o\s+|de\s+)?numero\b"
)
NOT_WRONG_PERSON = re.compile(
    r"\bnao\s+(?:e|era|seria)\s+(?:o|a|ess[ae]|est[ae]|um|uma|isso)\s+(?:valor|boleto|fatura|conta|plano|problema|"
    r"data|dia|melhor|momento|vez|ideia|certo|mesm[oa]|ultim[oa]|primeir[oa]|caso|que|preco|pix|questao|hora|"
    r"senhor\s+que|forma|unica|unico|internet|meu|minha)\b"
    r"|\bnao\s+(?:e|era)\s+(?:ess[ae]|est[ae]|nenhum\w*|o|a)\s*(?:$|nao\b|que\b)|\bnao\s+(?:conheco|"
    r"sei)\s+(?:ess[ae]|est[ae]|o|a|os|as|nenhum|bem)?\s*(?:plano|planos|promocao|valor|divida|taxa|fatura|cobranca|"
    r"boleto|regra|pix|app|aplicativo|site|empresa|servico|multa)\b|\bdesconheco\s+(?:ess[ae]|est[ae]|a|"
    r"o)\s+(?:divida|cobranca|valor|fatura|debito|taxa|multa)\b"
    r"|\bnao\s+sou\s+(?:obrigad[oa]|rob[oo]|burr[oa]|trouxa|palhac[oa]|eu\s+que\s+(?:estou|devo)|rica?o?|a\s+favor|"
    r"contra|cliente\s+novo|de\s+ferro|mais\s+cliente|caloteir[oa])\b|\bnao\s+(?:e|era)\s+(?:mais\s+)?(?:facil|"
    r"possivel|justo|verdade|assim|isso|bem|tao|muito|so)\b"
    r"|\bnao\s+mora\s+(?:longe|perto)\b|\bnao\s+(?:e|era)\s+(?:o|a)\s+(?:boleto|internet|tecnico|roteador|wifi)\b"
    # Speech comes without commas: "não, é a irmã dela", "pois não, sou eu mesma".
    r"|\bnao\s+(?:aqui\s+)?e\s+(?:o|a)\s+(?:marido|espos[ao]|mulher|companheir[ao]|filh[ao]|mae|pai|irma|irmao|ti[ao]|sobrinh[ao]|"
    r"net[ao]|avo|sogr[ao]|nora|genro|cunhad[ao]|vizinh[ao]|namorad[ao])\b"
    r"|\bpois\s+nao\s+(?:sou|e)\s+(?:eu|el[ae])\b"
)

POLITENESS = re.compile(
    r"\b(?:por\s+favor|obrigad[oa]|obg|brigad[oa]|valeu|vlw|grat[oa]|agradeco|entao|ai|ne|viu|moc[oa]|querid[oa]|"
    r"amig[oa]|lia|senhora?|tudo\s+bem|"
    r"bom\s+dia|boa\s+tarde|boa\s+noite|oi|ola|claro|mesmo|agora|ja|ah|ha|eh|hum|uhum|esta\s+bem|"
    r"esta)\b"
)
AFFIRMATIVE = re.compile(
    r"(?:sim|ss|s|si|pode\s+falar|falando|sou\s+eu\s+quem\s+falar?|e\s+el[ea]\s+(?:mesm[oa]|quem\s+falar?|falando)|el[ea]\s+falando|"
    r"(?:sou\s+)?eu\s+mesm[oa]\s+(?:falando|quem\s+falar?)|sim\s+senhora?|ok\s+entendi|entendi\s+sim|isso|isso\s+(?:mesmo|ai)|iso|pode|pode\s+(?:sim|ser|registrar|confirmar|anotar|marcar|mandar|"
    r"fazer|fechar|deixar|agendar|gerar|enviar|por|colocar|continuar|prosseguir|seguir)|podemos|fechado|fechou|feito|"
    r"blz|beleza|belezinha|ok|okay|oki|okey|okk|certo|certinho|certissimo|certeza|com\s+certeza|correto|exato|"
    r"exatamente|perfeito|combinado|confirmo|confirmado|confirma|confirmar|concordo|"
    r"aceito|claro|claro\s+que\s+sim|positivo|afirmativo|aham|uhum|arram|aha|ahan|anham|sou|sou\s+(?:eu|sim|ele|ela|"
    r"eu\s+mesm[oa])|eu\s+mesm[oa]|e\s+ela|e\s+ele|ele\s+mesmo|ela\s+mesma|eu|"
    r"quero|quero\s+sim|vamos|bora|top|joia|tranquilo|show|legal|massa|esta\s+(?:bom|certo|otimo|ok|bem|tudo\s+certo|"
    r"correto|combinado|joia|fechado)|tudo\s+certo|tudo\s+bem|de\s+acordo|pd|"
    r"fica\s+assim|assim\s+esta\s+bom|registrar|registra|pode\s+sim|esse\s+mesmo|essa\s+mesma|e\s+isso(?:\s+(?:ai|"
    r"mesmo))?|e\s+esse(?:\s+mesmo)?|e\s+sim|e\s+verdade|verdade|uai\s+sim|opa|por\s+mim\s+(?:tudo\s+bem|ok|pode)|"
    r"sem\s+problema|sem\s+problemas|otimo|maravilha|boa|yes|dale|demorou|demoro|suave|firmeza|partiu|pode\s+crer|"
    r"tmj|concordo\s+sim|certeza\s+sim|vou\s+querer|isto|isso\s+sim|serve|da\s+certo|da\s+sim|consigo|consigo\s+sim|"
    r"conforme|positivo\s+e\s+operante|tem\s+sim|tenho\s+sim|tenho|posso\s+sim|posso|vou\s+sim)"
)
NEGATIVE = re.compile(
    r"(?:nao|nao\s+(?:pode|quero|posso|consigo|da|vou|concordo|aceito|confirmo|obrigad[oa]|mesmo|nao|senhora?|"
    r"precisa|e\s+isso|e|esta\s+certo|esta|rola|tem\s+como|tenho|serve|vai\s+dar|gostei|registra|registrar|"
    r"pode\s+ser|autorizo|desejo|e\s+verdade|e\s+nao|sou|era|interessa|vai|tenho\s+interesse|da\s+nao|quero\s+nao|"
    r"posso\s+nao|estou\s+de\s+acordo|de\s+jeito\s+nenhum)|"
    r"negativo|nem|nem\s+pensar|nunca|jamais|de\s+jeito\s+nenhum|de\s+forma\s+alguma|de\s+modo\s+algum|nada|"
    r"nada\s+disso|nope|no|neg|nem\s+a\s+pau|nem\s+morta?|errado|esta\s+errado|incorreto|discordo|"
    r"recuso|dispenso|deixa|deixa\s+(?:para\s+la|quieto)|melhor\s+nao|acho\s+que\s+nao|claro\s+que\s+nao|ainda\s+nao|"
    r"agora\s+nao|hoje\s+nao|por\s+enquanto\s+nao|quero\s+nao|posso\s+nao|pode\s+nao|da\s+nao|isso\s+nao|sei\s+nao|"
    r"cancela|capaz)"
)
CONTRARY = re.compile(r"\b(?:mas|porem|so\s+que|menos|exceto|apesar|entretanto|contudo|depende|talvez|sera|se)\b")
THUMBS_UP = frozenset("👍👌✅🆗☑✔🤝🙏👏")
THUMBS_DOWN = frozenset("👎❌🚫⛔🙅✖")

_STRONG_COLLECTION = (
    r"faturas?|boletos?|boleto|dividas?|debitos?|segunda\s+via|2\s?a\s+via|vias?\s+d[ao]|cobrancas?|cobrando|cobrar|"
    r"cobraram|atras(?:o|ad[oa]s?|ei|ou|ar)|vencid[oa]s?|venceu|"
    r"vencimento|venceram|vence|codigo\s+de\s+barras?|linha\s+digitavel|negociar|negociacao|renegociar|acordo|"
    r"parcelar|parcelamento|parcelas?|"
    r"paguei|quitar|quitei|inadimplen\w+|juros|multa|serasa|spc|negativ(?:ad[oa]|ar|em)|nome\s+sujo|sujar\s+(?:o\s+)?meu\s+nome|protestar|comprovante|mensalidades?|"
    r"devendo|devo|deve|promessa|desbloque\w+|religar|religacao|cortad[oa]|cortaram|suspens[oa]|bloquead[oa]|"
    r"bloquearam|extrato"
)
# "Conta uma piada" tells a story, it is no bill.
_WEAK_COLLECTION = (
    r"pix|pagar|pagamentos?|pago|conta(?!\s+(?:uma|um|mais|comigo|essa|essas|para|como|o\s+que))|contas|pagando|"
    r"valores?|valor|desconto|dinheiro|salario|acertar|regularizar"
)
_STRONG_SALES = (
    r"planos?|megas?|giga|gigas|contratar|contrato\s+novo|contratacao|upgrade|assinar|assinatura\s+nova|promocao|"
    r"promocoes|promo|"
    r"quanto\s+(?:custa|fica|sai|e\s+o\s+plano|esta\s+o\s+plano|ta)|precos?|(?:valor|custo|taxa)\s+d[aeo]\s+(?:instalacao|plano|internet|mega)|instalacao\s+nova|nova\s+instalacao|"
    r"instalar|aumentar\s+(?:a\s+|minha\s+)*(?:velocidade|internet|plano)|"
    r"mais\s+velocidade|mudar\s+(?:de\s+|o\s+|meu\s+)*plano|trocar\s+(?:de\s+|o\s+|meu\s+)*plano|fibra|ofertas?|"
    r"cobertura|atendem?\s+(?:n[ao](?!\s+(?:domingo|sabado|feriado|segunda|terca|quarta|quinta|sexta|fim))|minha|meu)|combo|vendedor|vendas?|comprar|orcamento|tv\s+box|streaming|"
    r"quero\s+internet|colocar\s+internet|por\s+internet|(?:quero|queria|preciso\s+de|procuro|procurando|busco)\s+uma\s+(?:boa\s+)?internet|"
    r"quanto\s+(?:e|esta|fica|sai)\s+o\s+de\s+(?:[1-9]00|1000)(?!\s+reais)|roteador\s+(?:extra|mesh|adicional|a\s+mais)|mesh|repetidor|"
    r"ip\s+fixo|vendem?|oferecem"
)
_WEAK_SALES = (
    r"instalacao|taxa|fidelidade|viabilidade|bairro|chip|novidades|barat\w+|em\s+conta|(?:mais|maior)\s+(?:rapid\w+|velocidade)|"
    r"telefone\s+fixo|linha\s+fixa|tv|televisao|canais"
)
_STRONG_SUPPORT = (
    r"caiu|caindo|lenta|lento|lentidao|sem\s+(?:internet|sinal|conexao|rede|acesso)|nao\s+(?:funciona|conecta|"
    r"carrega|abre|esta\s+funcionando|pega|liga|navega)|wi\s?fi|wireless|roteador(?!\s+(?:extra|mesh|adicional|a\s+mais))|"
    r"modem|onu|senha|oscila\w*|oscilando|travando|trava|luz\s+vermelha|luzes?|los|tecnico|visita\s+tecnica|"
    r"horarios?|enderecos?|funcionamento|que\s+horas?|abre|abrem|fecha|fecham|onde\s+fica|localizacao|"
    r"loja|mudanca|mudei\s+de\s+(?:casa|endereco)|mudar\s+de\s+(?:casa|endereco)|cabo|romp(?:e|eu|id[oa]|imento)|ping|velocidade\s+(?:baixa|ruim)|"
    r"parou\s+de\s+funcionar|problema|problemas|suporte|defeito|reparo|manutencao|instavel|instabilidade|app|"
    r"aplicativo|ruim"
)
_WEAK_SUPPORT = r"internet|ajuda|duvida|conexao|velocidade|rede|sinal|atendimento|informacao"
COLLECTION = (re.compile(rf"\b(?:{_STRONG_COLLECTION})\b"), re.compile(rf"\b(?:{_WEAK_COLLECTION})\b"))
SALES = (
    re.compile(rf"\b(?:{_STRONG_SALES})\b|\b\d+\s*(?:megas?|mb|mbps|giga)\b"),
    re.compile(rf"\b(?:{_WEAK_SALES})\b"),
)
SUPPORT = (re.compile(rf"\b(?:{_STRONG_SUPPORT})\b"), re.compile(rf"\b(?:{_WEAK_SUPPORT})\b"))
