"""A conversation held with the offline model: contract tools over a small world, and what must hold of every reply."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agents.offline import respond
from agents.turn_context import Heard, hear
from domain.dates_ptbr import format_date, weekday_name
from domain.documents import find_documents
from domain.evidence import Backing, customer_evidence, evidence_in_text, find_unbacked
from domain.messages import Medium
from domain.money import format_brl, parse_brl
from domain.reply_rules import (
    find_debt_told,
    find_documents_shown,
    find_forbidden,
    find_foreign_or_internal,
    find_links,
)
from domain.sentences import split_sentences
from domain.spoken_digits import figures_said
from domain.spoken_style import to_spoken
from domain.turns import Agreement, CallContext, Evidence

TODAY = date(2026, 11, 20)  # a Friday
MARIA = "529.982.247-25"
JOAO = "111.444.777-35"
_CERTAINTY = {"certain": "certa", "ask": "perguntar", "invalid": "invalida"}
TOOLS = {
    "cobranca": (
        "consultar_faturas_cpf", "registrar_promessa_pagamento", "atualizar_status_cobranca", "gerar_segunda_via",
        "transferir_para_humano", "registrar_opt_out", "buscar_conhecimento", "mover_kanban", "salvar_dado_contato",
        "escalar_para_voz", "encerrar_ligacao",
    ),
    "sales": (
        "buscar_produtos", "mover_kanban", "transferir_para_humano", "registrar_opt_out", "buscar_conhecimento",
        "salvar_dado_contato", "escalar_para_voz", "encerrar_ligacao",
    ),
    "persona": (
        "transferir_para_humano", "registrar_opt_out", "buscar_conhecimento", "salvar_dado_contato", "escalar_para_voz",
        "encerrar_ligacao",
    ),
}  # fmt: skip
ARGUMENTS = {
    "consultar_faturas_cpf": ("cpf_cnpj",),
    "registrar_promessa_pagamento": (
        "cpf_cnpj", "data_prevista_pagamento", "valor_prometido", "metodo_pagamento", "observacoes",
    ),
    "atualizar_status_cobranca": ("cpf_cnpj", "novo_status", "observacoes"),
    "gerar_segunda_via": ("cpf_cnpj", "numero_fatura", "forma"),
    "transferir_para_humano": ("motivo",),
    "registrar_opt_out": ("canal",),
    "buscar_conhecimento": ("pergunta",),
    "buscar_produtos": ("consulta",),
    "mover_kanban": ("coluna", "motivo"),
    "salvar_dado_contato": ("campo", "valor"),
    "escalar_para_voz": ("motivo", "quando"),
    "encerrar_ligacao": ("motivo",),
}  # fmt: skip
INVOICES = (
    ("FAT-1001", "R$ 119,90", "10/10/2026", 41),
    ("FAT-1002", "R$ 119,90", "10/11/2026", 10),
)
KNOWLEDGE = (
    ("Horário de atendimento", "Atendemos de segunda a sexta, das 8h às 18h, e aos sábados das 8h às 12h."),
    ("Internet lenta", "Se a internet está lenta, desligue o roteador da tomada por 30 segundos e ligue de novo."),
    ("Desbloqueio", "Depois do pagamento, a conexão cortada é religada em até 24 horas úteis."),
    ("Mudança de endereço", "A mudança de endereço é gratuita e leva até 5 dias úteis, conforme a cobertura."),
    ("Troca da senha do Wi-Fi", "A senha do Wi-Fi pode ser trocada no aplicativo, em Minha Rede."),
)
PRODUCTS = (
    ("FIBRA-300", "Fibra 300 Mega", "Wi-Fi 5 incluso", "R$ 89,90"),
    ("FIBRA-600", "Fibra 600 Mega", "Wi-Fi 6 incluso", "R$ 129,90"),
    ("FIBRA-1000", "Fibra 1000 Mega", "Wi-Fi 6 e ponto extra", "R$ 179,90"),
)
COLUMNS = ["Novo", "Em atendimento", "Proposta enviada", "Fechamento", "Ganho", "Perdido"]
Result = dict[str, object]


def schema(name: str) -> dict[str, object]:
    """Return the OpenAI schema of a contract tool."""
    properties = {argument: {"type": "string"} for argument in ARGUMENTS[name]}
    parameters = {"type": "object", "properties": properties, "required": [ARGUMENTS[name][0]]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


def _problem(code: str, **more: object) -> Result:
    return {"ok": False, "erro": code, "mensagem": "…", **more}


@dataclass(kw_only=True)
class Talk:
    """One conversation of one customer; `say` gives the reply after the tools ran."""

    agent: str = "cobranca"
    name: str = "Maria"
    source: str = "cliente"
    invoices: Sequence[tuple[str, str, str, int]] = INVOICES
    is_paid: bool = False
    needs_name: bool = False
    fields: Sequence[str] = ("email",)
    failing: Mapping[str, Result] = field(default_factory=dict)
    model: Callable[..., AIMessage] = respond
    identity: str = "pendente"
    proposal: dict[str, str] | None = None
    proposal_is_fresh: bool = False
    promise: dict[str, str] | None = None
    messages: list[BaseMessage] = field(default_factory=list)
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    turn_calls: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    fresh: list[Evidence] = field(default_factory=list)
    call: CallContext | None = None
    call_answer: Mapping[str, object] = field(
        default_factory=lambda: {"situacao": "agendada", "quando": "em 2 minutos"}
    )

    @property
    def medium(self) -> Medium:
        return Medium.WHATSAPP if self.call is None else Medium.VOICE

    @property
    def offered(self) -> list[str]:
        """The tools of the agent that its medium leaves."""
        unfit = "encerrar_ligacao" if self.call is None else "escalar_para_voz"
        return [name for name in TOOLS[self.agent] if name != unfit]

    # --- the world behind the tools

    @property
    def total(self) -> str:
        return format_brl(sum(parse_brl(invoice[1]) for invoice in self.invoices))

    def run(self, name: str, args: Mapping[str, object]) -> Result:
        assert name in self.offered, name
        if name in self.failing:
            return self.failing[name]
        tool: Callable[[Mapping[str, object]], Result] = getattr(self, f"_{name}")
        return tool(args)

    def _consultar_faturas_cpf(self, args: Mapping[str, object]) -> Result:
        typed = find_documents(str(args["cpf_cnpj"]))
        heard = hear(self.messages, today=TODAY, medium=self.medium)
        if typed and self.identity != "confirmada":  # as the real tool has it: only what the customer gave
            assert any(typed[0] in find_documents(text.replace("\n", "")) for text in (
                *heard.customer_texts, "\n".join(heard.customer_texts)))  # fmt: skip
        if not typed and self.identity != "confirmada":
            return _problem("documento_nao_informado")
        if typed and typed[0] != re.sub(r"\D", "", MARIA):
            return _problem("cliente_nao_encontrado", tentativas_restantes=2)
        said = " ".join(str(message.text) for message in self.messages if isinstance(message, HumanMessage))
        if self.needs_name and "silva" not in said.lower():
            return _problem("nome_necessario")
        self.identity = "confirmada"
        rows = [dict(zip(("numero", "valor", "vencimento", "dias_atraso"), row, strict=True)) for row in self.invoices]
        total = "R$ 0,00" if self.is_paid else self.total
        return {
            "ok": True, "nome": "Maria da Silva", "primeiro_nome": "Maria", "total": total,
            "quantidade": 0 if self.is_paid else len(rows), "faturas": [] if self.is_paid else rows,
            "promessa_ativa": self.promise,
        }  # fmt: skip

    def _registrar_promessa_pagamento(self, args: Mapping[str, object]) -> Result:
        if self.identity != "confirmada":
            return _problem("identidade_nao_confirmada")
        day = date(*reversed([int(part) for part in str(args["data_prevista_pagamento"]).split("/")]))
        if day < TODAY:
            return _problem("data_passada")
        if (day - TODAY).days > 31:
            return _problem("data_alem_do_limite", limite="21/12/2026")
        if parse_brl(str(args["valor_prometido"])) > parse_brl(self.total):
            return _problem("valor_acima_da_divida", total=self.total)
        wanted = {
            "valor": str(args["valor_prometido"]), "data": format_date(day), "dia_semana": weekday_name(day),
        }  # fmt: skip
        if wanted == self.proposal and not self.proposal_is_fresh:
            replaces, self.promise, self.proposal = self.promise is not None, wanted, None
            return {
                "ok": True, "situacao": "registrada", "protocolo": "P7F3K2", "substitui_anterior": replaces, **wanted,
            }  # fmt: skip
        self.proposal, self.proposal_is_fresh = wanted, True
        return {"ok": True, "situacao": "aguardando_confirmacao", **wanted}

    def _atualizar_status_cobranca(self, args: Mapping[str, object]) -> Result:
        assert args["novo_status"] in {"paid", "payment_confirmed"}
        if self.is_paid:
            return {"ok": True, "situacao": "pago"}
        return {
            "ok": True, "situacao": "pagamento_informado", "aguardar_ate": "24/11/2026", "total_em_aberto": self.total,
        }  # fmt: skip

    def _gerar_segunda_via(self, args: Mapping[str, object]) -> Result:
        row = next((row for row in self.invoices if row[0] == args["numero_fatura"]), None)
        if row is None:
            return _problem("fatura_nao_encontrada", faturas=[row[0] for row in self.invoices])
        return {
            "ok": True, "forma": args["forma"], "numero": row[0], "valor": row[1], "vencimento": row[2],
            "codigo": "(enviado em mensagem separada)",
        }  # fmt: skip

    def _transferir_para_humano(self, args: Mapping[str, object]) -> Result:
        assert args["motivo"]
        return {"ok": True, "situacao": "transferido"}

    def _registrar_opt_out(self, _args: Mapping[str, object]) -> Result:
        return {"ok": True, "situacao": "descadastrado", "canal": "todos"}

    def _buscar_conhecimento(self, args: Mapping[str, object]) -> Result:
        assert args["pergunta"]
        # A nearest-neighbour search answers everything it has, near or far.
        return {
            "ok": True,
            "trechos": [{"texto": text, "titulo": title, "fonte": "faq.md"} for title, text in KNOWLEDGE],
        }

    def _buscar_produtos(self, args: Mapping[str, object]) -> Result:
        query = str(args["consulta"]).lower()
        found = [dict(zip(("codigo", "nome", "descricao", "preco"), row, strict=True)) for row in PRODUCTS]
        best = sorted(found, key=lambda row: not set(re.findall(r"\d+", query)) & set(row["nome"].split()))
        return {"ok": True, "produtos": [{**row, "periodo": "por mês"} for row in best]}

    def _mover_kanban(self, args: Mapping[str, object]) -> Result:
        if args["coluna"] not in COLUMNS:
            return _problem("coluna_desconhecida", colunas=COLUMNS)
        return {"ok": True, "cartao": "Maria", "coluna": args["coluna"], "coluna_anterior": "Novo"}

    def _salvar_dado_contato(self, args: Mapping[str, object]) -> Result:
        if args["campo"] not in self.fields:
            return _problem("campo_nao_definido", campos=list(self.fields))
        return {"ok": True, "campo": args["campo"], "valor": args["valor"]}

    def _escalar_para_voz(self, args: Mapping[str, object]) -> Result:
        assert args["motivo"]
        return {"ok": "erro" not in self.call_answer, **self.call_answer}

    def _encerrar_ligacao(self, args: Mapping[str, object]) -> Result:
        assert args["motivo"]
        return {"ok": True, "situacao": "encerrando"}

    # --- the turn

    def context(self, texts: Sequence[str]) -> dict[str, object]:
        """Build the context block of docs/tools.md from what the project's own rules hear."""
        talk = [message for message in self.messages if not isinstance(message, SystemMessage)]
        last_human = max(at for at, message in enumerate(talk) if isinstance(message, HumanMessage))
        heard = hear(talk[: last_human + 1], today=TODAY, medium=self.medium)
        assert self.call is not None or heard.new_texts == tuple(texts)
        return self._call_keys(heard) | {
            "agente": self.agent, "assistente": "Lia", "empresa": "TR Telecom", "agora": "2026-11-20T10:00-03:00",
            "data": "20/11/2026", "dia_semana": "sexta-feira", "canal": self.medium.value, "horario_atendimento": None,
            "contato.nome": self.name,
            "primeira_resposta": not any(isinstance(message, AIMessage) and message.text for message in self.messages),
            "origem": self.source, "identidade": self.identity,
            "primeiro_nome": "Maria" if self.identity == "confirmada" else None,
            "documento_informado": heard.has_document, "documento_com_erro": heard.has_wrong_document,
            "proposta": self.proposal, "promessa": self.promise,
            "datas": [
                {
                    "trecho": reading.span, "data": format_date(reading.date) if reading.date else None,
                    "dia_semana": weekday_name(reading.date) if reading.date else None,
                    "situacao": _CERTAINTY[reading.status], "motivo": reading.reason,
                }
                for reading in heard.dates
            ],
            "valores": [format_brl(cents) for cents in heard.amounts],
            "pediu_humano": heard.asks_human, "pediu_ligacao": heard.asks_call, "diz_que_pagou": heard.says_paid,
            "diz_que_nao_e_a_pessoa": heard.is_wrong_person, "afirmativo": heard.is_yes, "negativo": heard.is_no,
            "campos": list(self.fields), "colunas": COLUMNS if self.agent != "persona" else None,
        }  # fmt: skip

    def _call_keys(self, heard: Heard) -> dict[str, object]:
        if self.call is None:
            return {}
        is_open = self.identity != "confirmada" and bool(heard.spoken_documents)
        return {
            "documento_ouvido": heard.spoken_documents[-1] if is_open else None,
            "digitos_ditos": heard.document_digits,
            "nao_entendi": heard.is_unintelligible,
            "ligacao": {
                "direcao": "feita" if self.call.direction == "out" else "recebida",
                "motivo": {"campaign": "campanha", "requested": "pedida", "received": "recebida"}[self.call.purpose],
                "pode_transferir": self.call.can_transfer, "tem_mensagem": self.call.has_text_thread,
            },
        }  # fmt: skip

    def head(self, texts: Sequence[str], changes: Mapping[str, object]) -> list[BaseMessage]:
        """Return the system messages, the context written anew as it is before each call of the model."""
        block = json.dumps({**self.context(texts), **changes}, ensure_ascii=False)
        return [SystemMessage("Você é a Lia."), SystemMessage(f"Contexto do turno\n```json\n{block}\n```")]

    def say(self, *texts: str, **changes: object) -> str:
        """Send the customer's bubbles and return the reply, checked against what must always hold."""
        self.messages += [HumanMessage(text) for text in texts]
        self.proposal_is_fresh, self.turn_calls, self.fresh = False, [], []
        heard = hear(self.messages, today=TODAY, medium=self.medium)
        self.evidence += customer_evidence(amounts=heard.amounts, days=[read.date for read in heard.dates if read.date])
        tools = [schema(name) for name in self.offered]
        for _ in range(6):
            given = [*self.head(texts, changes), *self.messages]
            reply = self.model(given, tools)
            assert respond(given, tools).content == reply.content
            self.messages.append(reply)
            if not reply.tool_calls:
                self.check(str(reply.text))
                return str(reply.text)
            for call in reply.tool_calls:
                self.answer(call["name"], call["args"], str(call["id"]))
        raise AssertionError("the model never came to a reply")

    def answer(self, name: str, args: Mapping[str, object], call_id: str) -> None:
        """Run one call and keep what it proves."""
        self.calls.append((name, dict(args)))
        self.turn_calls.append(name)
        result = self.run(name, args)
        written = json.dumps(result, ensure_ascii=False)
        self.fresh += evidence_in_text(written, source=name)
        self.fresh += [{"kind": "action", "value": action, "source": name} for action in _proved(name, result)]
        if result.get("protocolo"):
            self.fresh.append({"kind": "code", "value": str(result["protocolo"]), "source": name})
        if name == "buscar_conhecimento":
            self.fresh += [{"kind": "text", "value": text, "source": name} for _, text in KNOWLEDGE]
        self.messages.append(ToolMessage(written, tool_call_id=call_id, name=name))

    # --- what must hold

    def check(self, reply: str) -> None:
        """Hold the observer's own rules over a reply, and the form of a WhatsApp message."""
        self.evidence += self.fresh
        said = [str(message.text) for message in self.messages if isinstance(message, HumanMessage)]
        known = [text for _, text in KNOWLEDGE]
        backing = Backing(
            evidence=self.evidence, fresh=self.fresh, today=TODAY, promise=_agreed(self.promise),
            proposal=_agreed(self.proposal), known_texts=tuple(known),
        )  # fmt: skip
        findings = [
            *find_unbacked(reply, backing),
            *find_forbidden(reply, words=("caloteiro",), customer_texts=said, known_texts=known),
            *find_documents_shown(reply, documents=[str(document) for document in find_documents(MARIA)]),
            *find_foreign_or_internal(reply),
            *find_links(reply, allowed_hosts=(), known_texts=known),
        ]
        if self.identity != "confirmada":
            prices = {parse_brl(row[3]) for row in PRODUCTS}
            findings += find_debt_told(reply, customer_texts=said, known_texts=known, known_amounts=prices)
            if self.agent == "cobranca":
                assert not re.search(r"fatura|dívida|débito|em aberto|R\$", reply, re.IGNORECASE), reply
        assert findings == [], reply
        if self.call is not None:
            self.check_spoken(reply)
        assert 0 < len(reply) <= 700
        assert reply.count("?") <= 1, reply
        assert len(re.findall(r"[\U0001F300-\U0001FAFF]", reply)) <= 1, reply

    def check_spoken(self, reply: str) -> None:
        """Hold what only a call demands of a reply: short, plain, no word that belongs to a message."""
        assert not re.search(r"[\n•*_#(\[]|Fonte:|https?:|[\U0001F300-\U0001FAFF\u2600-\u27BF]", reply), reply
        assert len(split_sentences(reply)) <= 4, reply
        assert not re.search(r"digit(?:e|ado|ar)\b|PARE\b|copiar e colar|me manda|me escrev", reply), reply
        spoken = to_spoken(reply, today=TODAY)
        assert not re.search(r"\d", spoken), spoken
        assert not contains_six_digits(spoken), spoken
        if "encerrar_ligacao" in self.turn_calls:
            assert not reply.endswith("?"), reply

    def args_of(self, tool: str) -> dict[str, object]:
        """Return the arguments of the last call of a tool."""
        return next(args for name, args in reversed(self.calls) if name == tool)


def contains_six_digits(spoken: str) -> bool:
    """Tell whether a reply gives a document away, in words or not."""
    digits = re.sub(r"\D", "", MARIA)
    said = figures_said(spoken)
    return any(digits[at : at + 6] in said for at in range(len(digits) - 5))


def _agreed(agreement: Mapping[str, str] | None) -> Agreement | None:
    if agreement is None:
        return None
    day, month, year = agreement["data"].split("/")
    agreed: Agreement = {"amount_cents": parse_brl(agreement["valor"]), "due_on": f"{year}-{month}-{day}"}
    return agreed


def _proved(name: str, result: Result) -> list[str]:
    """Return the deeds that a tool's result proves, as the observer names them."""
    if result.get("ok") is not True:
        return []
    match name, result.get("situacao"):
        case "consultar_faturas_cpf", _:
            return ["looked_up", *(["nothing_open"] if result["quantidade"] == 0 else [])]
        case "registrar_promessa_pagamento", "registrada":
            return ["promise_registered"]
        case "registrar_promessa_pagamento", _:
            return ["promise_proposed"]
        case "atualizar_status_cobranca", "pago":
            return ["payment_confirmed", "nothing_open"]
        case "atualizar_status_cobranca", _:
            return ["payment_claimed"]
        case "gerar_segunda_via", _:
            return ["second_copy_sent"]
        case "transferir_para_humano", _:
            return ["handed_off"]
        case "registrar_opt_out", _:
            return ["opted_out"]
        case "escalar_para_voz", "agendada":
            return ["call_scheduled"]
        case "salvar_dado_contato", _:
            return ["field_saved"]
        case _:
            return []
