"""`pytest evals` as somebody at a terminal runs it."""

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from tests.evals.eval_rig import make_scenario

ROOT = Path(str(files("evals"))).parent
IMPOSSIBLE = {"state": {"promises": [{"amount_cents": 1, "due_on": "2026-11-27"}]}}
# Reaches out in one test, and swallows what becomes of it.
OUTSIDE = """
import contextlib, socket, pytest

@pytest.fixture(autouse=True)
def _reach(request):
    if "teste-fora" in request.node.nodeid:
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 443), timeout=1)
    yield
"""


def face(postgres_url: str, tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run `pytest evals`; give its code and what it printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-p", "no:cacheprovider", "-rA", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "TEST_DATABASE_URL": postgres_url, "PYTHONPATH": str(tmp_path), **environment},
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


def test_reviewed_scenarios_pass_and_a_key_alone_sends_nothing(postgres_url: str, tmp_path: Path) -> None:
    chosen = "suporte-001 or cobranca-datas-001 or voz-001"
    code, told = face(
        postgres_url, tmp_path, "-q", "-k", chosen, LANGSMITH_API_KEY="lsv2_test", LANGSMITH_TRACING="true"
    )

    assert code == 0, told
    assert "3 passed" in told


def test_what_breaks_is_told_with_its_talk_and_what_is_known_must_break(postgres_url: str, tmp_path: Path) -> None:
    known = {"known_failure": {"offline": "não sabe fazer isso ainda"}}
    scenarios = [
        make_scenario(id="teste-impossivel", expect=IMPOSSIBLE),
        make_scenario("oi", id="teste-sabido", expect=IMPOSSIBLE, **known),
        make_scenario("oi", id="teste-curado", **known),
        make_scenario("oi", id="teste-fora"),
    ]  # fmt: skip
    file = tmp_path / "meus.jsonl"
    file.write_text("".join(f"{item.model_dump_json()}\n" for item in scenarios), "utf-8")
    (tmp_path / "reaches_outside.py").write_text(OUTSIDE, "utf-8")

    code, told = face(postgres_url, tmp_path, "-p", "reaches_outside", "--eval-scenarios", str(file))

    assert code == 1, told
    assert "✗ state.promises" in told
    assert "cliente: oi, quero ver minha fatura" in told
    assert "529.982.247-25" not in told
    assert "teste-curado passes now; remove its known_failure" in told
    assert "tried to reach 192.0.2.1" in told
    assert "teste-sabido: não sabe fazer isso ainda" in told
    assert "2 failed, 2 passed, 1 error" in told


def test_file_that_holds_no_scenario_stops_the_collection(postgres_url: str, tmp_path: Path) -> None:
    file = tmp_path / "meus.yaml"
    file.write_text("suite: [", "utf-8")
    code, told = face(postgres_url, tmp_path, "--eval-scenarios", str(file))

    assert code != 0
    assert "meus.yaml" in told
    assert "INTERNALERROR" not in told
