"""Deeds that a draft speaks of."""

import pytest

from domain.claims import find_claims


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Pronto, registrei sua promessa de R$ 119,90 para sexta-feira, 27/11/2026.", ["promise"]),
        ("Sua promessa está registrada!", ["promise"]),
        ("Anotei seu pagamento, obrigada.", ["payment"]),
        ("Anotei seu pagamento para o dia 27/11.", ["promise"]),
        ("Dei baixa na sua fatura.", ["written_off"]),
        ("Seu pagamento foi confirmado.", ["written_off"]),
        ("Transferi você para um atendente.", ["handoff"]),
        ("Vou te transferir agora mesmo.", ["handoff"]),
        ("Já vou te passar para uma pessoa da equipe.", ["handoff"]),
        ("Uma atendente vai falar com você em breve.", ["handoff"]),
        ("Te ligo em 5 minutos.", ["call"]),
        ("Vou ligar para você às 15h.", ["call"]),
        ("Nossa equipe vai te ligar amanhã.", ["call"]),
        ("Cancelei seu plano.", ["cancel"]),
        ("Enviei o boleto para você.", ["code_sent"]),
        ("Segue o código Pix logo abaixo.", ["code_sent"]),
        ("Desbloqueei sua internet.", ["unblock"]),
        ("Agendei a visita do técnico.", ["booking"]),
        ("Abri um chamado para o seu caso.", ["booking"]),
        ("Descadastrei seu número.", ["opt_out"]),
        ("Você não vai mais receber nossas mensagens.", ["opt_out"]),
        ("Não vamos mais te incomodar.", ["opt_out"]),
        ("Salvei seu e-mail.", ["field"]),
        ("Apliquei um desconto de 20%.", ["refund"]),
        ("Dou cinquenta por cento de desconto.", ["discount"]),
        ("Para fechar hoje, consigo fazer um desconto de 20% para você.", ["discount"]),
        ("Posso te dar 10% de desconto.", ["discount"]),
        ("Consultei aqui no sistema.", ["lookup"]),
        ("Você não tem nenhuma fatura em aberto.", ["no_debt"]),
        ("Entraremos em contato.", ["contact"]),
        ("Tudo certo, ficou anotado!", ["registered"]),
        # offers, questions, denials
        ("Quer que eu te passe para uma pessoa da equipe?", []),
        ("Posso registrar sua promessa?", []),
        ("Se quiser, vou te transferir para uma pessoa.", []),
        ("Ainda não registrei sua promessa.", []),
        ("Não consegui te transferir agora.", []),
        ("Por aqui eu não consigo ligar, só converso por mensagem.", []),
        ("Assim que você confirmar, vou registrar.", []),
        ("Você pode ligar o roteador de novo?", []),
        ("Vou ligar o roteador junto com você.", []),
        ("Qual dia fica bom para você pagar?", []),
        ("Para consultar, preciso do seu CPF.", []),
        ("Por aqui eu não consigo dar desconto.", []),
        ("Não tenho autorização para dar desconto nem parcelar.", []),
        ("Quer que eu veja com a equipe se há desconto?", []),
    ],
)  # fmt: skip
def test_claims_are_told_from_offers(text: str, kinds: list[str]) -> None:
    assert [claim.kind for claim in find_claims(text)] == kinds
