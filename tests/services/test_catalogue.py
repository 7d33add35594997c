"""Products are found as customers ask for them."""

import pytest

from services.catalogue import rank_products, search_products
from services.demo_content import PRODUCTS
from store import products
from tests.business_world import World


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("quanto custa o plano de 600 mega", "FIBRA-600"),
        ("600 mega", "FIBRA-600"),
        ("600MB", "FIBRA-600"),
        ("fibra 600", "FIBRA-600"),
        ("internet de 400", "FIBRA-400"),
        ("plano de 1 giga", "FIBRA-1000"),
        ("um giga", "FIBRA-1000"),
        ("internet 1gb", "FIBRA-1000"),
        ("tem televisao?", "TV-BASICO"),
        ("tv", "TV-BASICO"),
        ("telefone fixo", "FONE-FIXO"),
        ("roteador mesh", "MESH"),
        ("rotedor mech", "MESH"),
        ("ip fixo", "IP-FIXO"),
        ("plano mais barato de fibra", "FIBRA-300"),
        ("qual a fibra mais rapida", "FIBRA-1000"),
        ("FIBRA-300", "FIBRA-300"),
        ("fibbra 300 megaa", "FIBRA-300"),
        ("internet pra jogar online e fazer live", "FIBRA-1000"),
        ("plano pra home office", "FIBRA-1000"),
        ("plano de internet pra minha casa, somos em 5 pessoas", "FIBRA-600"),
        ("plano de internet pra família", "FIBRA-600"),
        ("algo pras câmeras da minha loja", "IP-FIXO"),
        ("levar o sinal do wi-fi ate o quarto dos fundos", "MESH"),
        ("tv que passa o jogo do sport", "TV-BASICO"),
    ],
)
def test_best_match_comes_first(query: str, first: str) -> None:
    assert [product.sku for product in rank_products(PRODUCTS, query)][:1] == [first]


@pytest.mark.parametrize("query", ["geladeira", "carro usado", "xyzzy", "9999", "'; DROP TABLE products; --"])
def test_what_is_not_sold_is_not_found(query: str) -> None:
    assert rank_products(PRODUCTS, query) == []


@pytest.mark.parametrize("query", ["quais os planos?", "", "o que vocês tem?"])
def test_open_question_lists_what_there_is(query: str) -> None:
    assert len(rank_products(PRODUCTS, query)) >= 4


def test_enormous_query_is_cut() -> None:
    assert rank_products(PRODUCTS, "fibra 600 " * 1_000_000)[0].sku == "FIBRA-600"


async def test_only_active_products_of_the_tenant_are_found(world: World) -> None:
    old = products.ProductRow(sku="VELHO", name="Fibra 601", description="", price_cents=1, period="", is_active=False)
    async with world.database.tenant(world.tenant.id) as connection:
        for product in PRODUCTS:
            await products.upsert(connection, world.tenant.id, product)
        await products.upsert(connection, world.tenant.id, old)
    found = await search_products(world.database, world.tenant.id, "fibra")
    assert "VELHO" not in [product.sku for product in found]
    assert len(found) <= 5
