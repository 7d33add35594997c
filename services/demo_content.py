"""What the demo tenant knows and sells. Fictional, like everybody in it."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from store.custom_fields import CustomFieldRow
from store.products import ProductRow

Situation = Literal["overdue", "paid", "promised", "opted_out"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoInvoice:
    number: str
    amount_cents: int
    days_late: int
    is_paid: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoContact:
    """Somebody to talk as in the simulator: the phone is also the simulator's address."""

    name: str
    phone: str
    document: str
    situation: Situation
    description: str
    invoices: tuple[DemoInvoice, ...]


def _contact(
    name: str, phone_end: str, document: str, situation: Situation, description: str, *invoices: DemoInvoice
) -> DemoContact:
    return DemoContact(
        name=name, phone=f"+55119999900{phone_end}", document=document, situation=situation, description=description,
        invoices=invoices,
    )  # fmt: skip


def _invoice(number: int, amount_cents: int, days_late: int, *, is_paid: bool = False) -> DemoInvoice:
    return DemoInvoice(number=f"FAT-{number}", amount_cents=amount_cents, days_late=days_late, is_paid=is_paid)


DEMO_CONTACTS: Final[tuple[DemoContact, ...]] = (
    _contact("Maria da Silva", "01", "52998224725", "overdue", "2 faturas vencidas",
             _invoice(1001, 11990, 41), _invoice(1002, 11990, 11)),
    _contact("João Pereira dos Santos", "02", "11144477735", "overdue", "1 fatura vencida", _invoice(1003, 9990, 15)),
    _contact("Ana Beatriz Oliveira", "03", "24681357928", "overdue", "3 faturas vencidas",
             _invoice(1004, 12990, 75), _invoice(1005, 12990, 45), _invoice(1006, 12990, 15)),
    _contact("Carlos Eduardo Souza", "04", "13579246828", "overdue", "1 fatura vencida há muito tempo",
             _invoice(1007, 19990, 120)),
    _contact("Francisca Lima", "05", "31415926590", "overdue", "2 faturas vencidas, valores diferentes",
             _invoice(1008, 8990, 33), _invoice(1009, 10490, 3)),
    _contact("Antônio Ferreira", "06", "27182818205", "promised", "1 fatura vencida e uma promessa em dia",
             _invoice(1010, 11990, 22)),
    _contact("Juliana Rocha Almeida", "07", "16180339805", "paid", "em dia: pagou as duas últimas",
             _invoice(1011, 12990, 40, is_paid=True), _invoice(1012, 12990, 10, is_paid=True)),
    _contact("Pedro Henrique Costa", "08", "14142135651", "paid", "em dia", _invoice(1013, 29990, 12, is_paid=True)),
    _contact("Luiza Martins", "09", "17320508052", "opted_out", "1 fatura vencida, pediu para não ser procurada",
             _invoice(1014, 9990, 28)),
    _contact("Marcos Vinícius Barbosa", "10", "22360679767", "overdue", "uma paga e uma vencida",
             _invoice(1015, 11990, 38, is_paid=True), _invoice(1016, 11990, 8)),
    _contact("Rita de Cássia Nunes", "11", "26457513182", "overdue", "2 faturas vencidas",
             _invoice(1017, 14990, 62), _invoice(1018, 14990, 32)),
    _contact("Padaria Pão Quente Ltda", "12", "11222333000181", "overdue", "empresa com 1 fatura vencida",
             _invoice(1019, 34990, 18)),
)  # fmt: skip

BOARD: Final = "Vendas"
STAGES: Final = ("Novo", "Em conversa", "Proposta enviada", "Fechado", "Perdido")
CUSTOM_FIELDS: Final = (
    CustomFieldRow(name="email", label="E-mail", kind="email"),
    CustomFieldRow(name="endereco", label="Endereço"),
    CustomFieldRow(name="data_instalacao", label="Data de instalação", kind="date"),
)
SETTINGS: Final[dict[str, object]] = {
    "business_hours": "segunda a sexta, das 8h às 20h, e sábado, das 8h às 14h",
    "tone": "próxima, educada e objetiva",
    "rules": [
        "Nunca prometa desconto, isenção de juros ou parcelamento: isso só a equipe pode combinar.",
        "Nunca ameace negativar, protestar ou cortar o serviço.",
    ],
    "forbidden_words": ["caloteiro", "calote", "inadimplente", "devedor"],
    "promise_horizon_days": 30,
    "payment_claim_hold_days": 3,
    "pix": {"key": "financeiro@trtelecom.example", "name": "TR TELECOM", "city": "SAO PAULO"},
    "boleto": {"bank": "341", "agreement": "1090000123"},
}


def _plan(sku: str, name: str, description: str, price_cents: int) -> ProductRow:
    return ProductRow(sku=sku, name=name, description=description, price_cents=price_cents, period="por mês")


PRODUCTS: Final = (
    _plan("FIBRA-300", "Fibra 300 Mega", "Plano de internet, 300 Mega, Wi-Fi incluso. Para até 4 aparelhos.", 8990),
    _plan("FIBRA-400", "Fibra 400 Mega", "Plano de internet, 400 Mega, Wi-Fi incluso. Para até 6 aparelhos.", 9990),
    _plan("FIBRA-600", "Fibra 600 Mega", "Plano de internet, 600 Mega, Wi-Fi 6 incluso. Para a casa toda.", 12990),
    _plan("FIBRA-1000", "Fibra 1 Giga", "Plano de internet, 1 Giga, Wi-Fi 6 incluso. Para jogos e trabalho.", 19990),
    _plan(
        "TV-BASICO",
        "TV Essencial",
        "Televisão com 80 canais, no aplicativo e na sua TV. Para clientes da internet.",
        4990,
    ),
    _plan("FONE-FIXO", "Telefone Fixo Ilimitado", "Linha fixa com ligações ilimitadas para fixo e celular.", 2990),
    _plan("MESH", "Roteador Mesh", "Roteador extra, alugado, que leva o sinal de Wi-Fi aos cômodos distantes.", 1990),
    _plan("IP-FIXO", "IP Fixo", "Endereço IP fixo para câmeras, servidores e acesso remoto.", 3990),
)

_DOCUMENTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("Horário de atendimento", "horarios.md", """\
Nosso atendimento por pessoas funciona de segunda a sexta, das 8h às 20h, e aos sábados, das 8h às 14h. Aos domingos e
feriados não há atendimento por pessoas.

A assistente virtual responde todos os dias, a qualquer hora."""),
    ("Formas de pagamento", "formas-de-pagamento.md", """\
Você pode pagar a fatura por Pix, boleto bancário, cartão de crédito no aplicativo ou débito automático.

O Pix é compensado na hora. O boleto leva até 3 dias úteis para aparecer como pago no sistema. O débito automático é
ativado no aplicativo e vale a partir da fatura seguinte."""),
    ("Segunda via da fatura", "segunda-via.md", """\
A segunda via da fatura sai por aqui mesmo, na conversa, em Pix copia e cola ou boleto, depois de confirmar o CPF ou
CNPJ do titular. Também está no aplicativo TR Telecom, em Faturas, e no site, na Central do Assinante.

A segunda via tem o mesmo valor da fatura em aberto."""),
    ("Internet lenta", "internet-lenta.md", """\
Se a internet está lenta, tire o roteador da tomada, espere 30 segundos e ligue de novo. Aguarde 3 minutos até as luzes
ficarem estáveis.

Faça um teste de velocidade com o aparelho perto do roteador, de preferência por cabo. Longe do roteador ou com muitas
paredes a velocidade do Wi-Fi cai. Se continuar lenta mesmo por cabo, fale com a nossa equipe, que abre um
chamado."""),
    ("Sem conexão", "sem-conexao.md", """\
Se a internet caiu ou fica caindo, olhe a luz vermelha (LOS) do modem da fibra. Luz vermelha acesa indica rompimento ou
cabo solto: confira se o cabo fino da fibra está bem encaixado e sem dobras.

Se a luz vermelha continuar acesa, é preciso uma visita técnica. Quem agenda a visita é a equipe, para até 24 horas
úteis, e ela não tem custo quando o problema é da rede."""),
    ("Senha e nome do Wi-Fi", "wifi.md", """\
Para trocar a senha ou o nome do Wi-Fi, abra o aplicativo TR Telecom, toque em Meu Wi-Fi e depois em Alterar senha. A
senha precisa ter pelo menos 8 caracteres.

A rede de 5 GHz é mais rápida e alcança menos; a de 2,4 GHz alcança mais longe. Para casas grandes, o roteador mesh
melhora o sinal nos cômodos distantes."""),
    ("Mudança de endereço", "mudanca-de-endereco.md", """\
A mudança de endereço é pedida com pelo menos 5 dias úteis de antecedência. A equipe confere se há cobertura no novo
endereço e agenda a instalação.

A primeira mudança a cada 12 meses é gratuita. As demais custam R$ 99,90, cobrados na fatura seguinte."""),
    ("Cancelamento do plano", "cancelamento.md", """\
O cancelamento pode ser pedido a qualquer momento, com uma pessoa da nossa equipe. O titular precisa confirmar os dados.

Quem está no período de fidelidade de 12 meses paga multa proporcional aos meses que faltam. Os equipamentos são
devolvidos em até 30 dias depois do cancelamento, sem custo de retirada."""),
    ("Religação do serviço", "religacao.md", """\
Se o serviço foi suspenso por falta de pagamento, ele volta depois que o pagamento é compensado: em até 2 horas no Pix e
em até 3 dias úteis no boleto. Não há taxa de religação.

O desbloqueio de confiança libera a internet por 72 horas, uma vez a cada 90 dias, pelo aplicativo."""),
    ("Planos e instalação", "planos.md", """\
Todos os planos são de fibra óptica, sem limite de dados, com roteador Wi-Fi incluso em comodato.

Não se paga instalação na fidelidade de 12 meses, e ela acontece em até 3 dias úteis. Sem fidelidade, a instalação custa
R$ 199,90. Para trocar de plano basta pedir: o upgrade é gratuito e vale em até 24 horas."""),
    ("Vencimento e juros", "vencimento-e-juros.md", """\
Você escolhe o vencimento da fatura entre os dias 5, 10, 15, 20 e 25. A troca da data de vencimento pode ser feita uma
vez a cada 6 meses, pelo aplicativo.

Depois do vencimento são cobrados multa de 2% e juros de 1% ao mês, que aparecem na fatura seguinte."""),
    ("Privacidade e dados pessoais", "privacidade.md", """\
Pedimos o CPF ou CNPJ só para confirmar a identidade do titular antes de falar da conta. Nunca pedimos senha, código de
verificação ou número de cartão.

Para saber quais dados guardamos, corrigir ou apagar, escreva para privacidade@trtelecom.example. Para não receber mais
mensagens nossas, responda SAIR a qualquer momento."""),
)  # fmt: skip
# (title, source, text), the lines of a paragraph joined as customers read them
KNOWLEDGE: Final = tuple(
    (title, source, re.sub(r"(?<!\n)\n(?!\n)", " ", text).strip()) for title, source, text in _DOCUMENTS
)
