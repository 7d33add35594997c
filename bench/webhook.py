"""P1: from a provider's webhook to our 200, against a bare route that does one INSERT."""

import json
from collections.abc import Sequence
from uuid import uuid4

import psycopg

from bench.figures import Figure, median, milliseconds, paired_ratio, per_second, quantile
from bench.ground import SECRET, Ground, make_account
from bench.http_load import flood, prepare, steady
from bench.processes import serving
from channels.signatures import hmac_sha256_hex
from domain.messages import Provider
from store.channel_accounts import AccountRow
from wiring.deps import open_deps
from wiring.ports import choose_port

CONNECTIONS = 50
_CONTACTS = 500
_RATE = 270.0
_PHONE_NUMBER_ID = "301500000000001"
_BARE_TABLE = "CREATE TABLE bare_inbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)"
_HOST = "127.0.0.1"


def meta_payload(sender: int, *, message_id: str, timestamp: int) -> bytes:
    """Write what Meta posts for one text message of a customer."""
    number, user_id = f"55119{sender:08d}", f"BR.15020000000{sender:08d}"
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "551140001234", "phone_number_id": _PHONE_NUMBER_ID},
        "contacts": [{"profile": {"name": "Maria Aparecida"}, "wa_id": number, "user_id": user_id}],
        "messages": [
            {
                "from": number, "from_user_id": user_id, "id": message_id, "timestamp": str(timestamp),
                "type": "text", "text": {"body": "Oi, recebi uma mensagem de cobrança. Qual é o valor? 🙏"},
            }
        ],
    }  # fmt: skip
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "201500000000001", "changes": [{"value": value, "field": "messages"}]}],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _bodies(count: int, *, timestamp: int) -> list[bytes]:
    """Write messages with ids of their own, from the known contacts in turn."""
    return [meta_payload(at % _CONTACTS, message_id=f"wamid.{uuid4().hex}", timestamp=timestamp) for at in range(count)]


def _ours(account: AccountRow, bodies: Sequence[bytes]) -> list[bytes]:
    path = f"/webhooks/meta/{account.webhook_key}"
    return [prepare(path, body, {"X-Hub-Signature-256": f"sha256={hmac_sha256_hex(SECRET, body)}"}) for body in bodies]


def _bare(bodies: Sequence[bytes]) -> list[bytes]:
    return [prepare("/inbox", body, {}) for body in bodies]


async def measure_webhook(ground: Ground, *, is_quick: bool) -> list[Figure]:
    """P1: floods of both servers alternate; then ours alone at the rate it must bear."""
    database_url = ground.new_database("bench_webhook")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_BARE_TABLE)
    settings = ground.settings(database_url)
    async with open_deps(settings) as deps:
        account = await make_account(deps, Provider.META, external_id=_PHONE_NUMBER_ID)
        timestamp = int(deps.clock.now().timestamp())
    first = choose_port(_HOST, 18400, variable="", is_explicit=False)
    second = choose_port(_HOST, first + 1, variable="", is_explicit=False)
    arguments = ("--database-url", database_url)
    size, rounds, seconds = (1000, 3, 3) if is_quick else (2000, 5, 8)
    async with (
        serving("webhook", settings, port=first, folder=ground.folder),
        serving("bare", settings, port=second, folder=ground.folder, arguments=arguments),
    ):
        # The first of each contact makes the contact and the conversation; statements are prepared after some uses.
        await flood(first, _ours(account, _bodies(_CONTACTS * 2, timestamp=timestamp)), connections=CONNECTIONS)
        await flood(second, _bare(_bodies(_CONTACTS * 2, timestamp=timestamp)), connections=CONNECTIONS)
        ground.analyze(database_url)
        ours, bare = [], []
        for _ in range(rounds):
            bodies = _bodies(size, timestamp=timestamp)
            bare.append(size / await flood(second, _bare(bodies), connections=CONNECTIONS))
            ours.append(size / await flood(first, _ours(account, bodies), connections=CONNECTIONS))
        bodies = _bodies(int(_RATE * seconds), timestamp=timestamp)
        bare_waits = await steady(second, _bare(bodies), per_second=_RATE, connections=CONNECTIONS)
        our_waits = await steady(first, _ours(account, bodies), per_second=_RATE, connections=CONNECTIONS)
    return [
        Figure(
            key="P1", what="webhook to 200, throughput", measured=per_second(median(ours)),
            baseline=per_second(median(bare)), judged=paired_ratio(ours, bare), unit="x", bar=0.5, goal=0.8,
            better="higher",
        ),
        Figure(
            key="P1", what=f"webhook to 200, p99 at {_RATE:.0f}/s", measured=milliseconds(quantile(our_waits, 0.99)),
            baseline=milliseconds(quantile(bare_waits, 0.99)), judged=quantile(our_waits, 0.99) * 1000, unit="ms",
            bar=50, goal=50, better="lower",
        ),
    ]  # fmt: skip
