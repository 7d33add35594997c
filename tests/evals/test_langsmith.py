import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from langsmith import utils
from urllib3.util import Retry

from evals.langsmith_upload import Uploaded, UploadFailed, UploadRefused, dataset_id, example_id, upload
from evals.results import Cause, CheckKind, Run
from tests.evals.result_factory import DRAFT, OFFLINE, a_check, a_result, a_run, repeats


@dataclass
class Ledger:
    """What the service was sent, and what it answers. It refuses an experiment's second coming, as a project's."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)  # statuses to answer first

    @property
    def experiments(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, path, _, body in self.requests if path == "/datasets/upload-experiment"]

    def status_of(self, name: object) -> int:
        if self.failures:
            return self.failures.pop(0)
        return 409 if [each["experiment_name"] for each in self.experiments].count(name) > 1 else 200


@pytest.fixture
def service() -> Iterator[Ledger]:
    ledger = Ledger()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            ledger.requests.append(("POST", self.path, dict(self.headers), body))
            answer = b'{"dataset": {}, "experiment": {}}'
            self.send_response(ledger.status_of(json.loads(body).get("experiment_name")))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            ledger.requests.append(("GET", self.path, dict(self.headers), b""))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    ledger.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield ledger
    server.shutdown()
    thread.join()
    server.server_close()


def sent(service: Ledger, *runs: Run, **fields: object) -> list[dict[str, Any]]:
    upload(a_result(runs, **fields), api_key="lsv2_key", names=(), api_url=service.url)
    return service.experiments


def test_each_suite_of_each_cell_is_an_experiment_of_the_suites_dataset(service: Ledger) -> None:
    result = a_result([a_run("a"), a_run("v", suite="vendas"), a_run("a", cell=DRAFT)])
    done = upload(result, api_key="lsv2_key", names=(), api_url=service.url)
    at = "2026-11-20T13:00:00+00:00"
    assert done == (
        Uploaded(
            dataset="master-ia/cobranca-datas",
            experiment=f"cobranca-datas · current · offline · offline · {at}",
            rows=1,
            is_new=True,
        ),
        Uploaded(
            dataset="master-ia/cobranca-datas",
            experiment=f"cobranca-datas · draft · offline · offline · {at}",
            rows=1,
            is_new=True,
        ),
        Uploaded(
            dataset="master-ia/vendas", experiment=f"vendas · current · offline · offline · {at}", rows=1, is_new=True
        ),
    )
    assert [each["dataset_id"] for each in service.experiments] == [
        str(dataset_id(suite)) for suite in ("cobranca-datas", "cobranca-datas", "vendas")
    ]
    assert {request[2]["x-api-key"] for request in service.requests} == {"lsv2_key"}
    assert {request[1] for request in service.requests} == {"/datasets/upload-experiment"}


def test_ids_are_the_same_on_every_machine() -> None:
    assert dataset_id("vendas") == UUID("9497d55b-6c67-5e9c-a8fa-ccd52cd47b02")
    assert example_id("vendas", "v-001", 1) == UUID("6fbea45c-42c5-50b2-a4bc-4f36a80468b6")
    assert len({example_id("vendas", "v-001", 1), example_id("vendas", "v-001", 2), example_id("voz", "v-001", 1)}) == 3


def test_a_row_sums_up_the_repeats_with_check_ids_as_feedback_keys(service: Ledger) -> None:
    broken = [
        a_check(),
        a_check("policy.hours", kind=CheckKind.POLICY, detail=""),
        a_check("policy.hours", kind=CheckKind.POLICY, turn=5),
    ]
    fine = [a_check(has_passed=True), a_check("policy.hours", kind=CheckKind.POLICY, has_passed=True)]
    (experiment,) = sent(
        service,
        a_run(repeat=0, checks=fine),
        a_run(repeat=1, has_passed=False, checks=broken),
        a_run(repeat=2, has_passed=False, cause=Cause.INFRASTRUCTURE, checks=[a_check("spoilt")]),
        a_run(repeat=3, checks=fine),
        titles={"cobranca-datas-001": "Promete o dia 10"},
    )
    (row,) = experiment["results"]
    assert row["row_id"] == str(example_id("cobranca-datas", "cobranca-datas-001", 1))
    assert row["inputs"]["title"] == "Promete o dia 10"
    assert row["actual_outputs"]["passed"] == 2
    assert row["actual_outputs"]["counted"] == 3
    assert row["actual_outputs"]["causes"] == {"agent": 1, "user": 0, "infrastructure": 1, "scenario": 0}
    assert {score["key"]: round(score["score"], 3) for score in row["evaluation_scores"]} == {
        "pass_rate": 0.667, "policy.hours": 0.667, "state.promises": 0.667,
    }  # fmt: skip
    comments = {score["key"]: score.get("comment") for score in row["evaluation_scores"]}
    assert comments["state.promises"] == "esperada uma promessa de R$ 119,90; nenhuma foi registrada"
    assert comments["policy.hours"] is not None
    assert [score["key"] for score in experiment["summary_experiment_scores"]] == ["pass^1", "pass^2", "pass^3"]


def test_rows_lie_within_the_time_of_their_experiment(service: Ledger) -> None:
    (experiment,) = sent(service, *repeats("a", [True] * 3), *repeats("b", [True]))
    rows: list[dict[str, str]] = experiment["results"]
    assert all(str(experiment["experiment_start_time"]) <= row["start_time"] <= row["end_time"] for row in rows)
    assert all(row["end_time"] <= str(experiment["experiment_end_time"]) for row in rows)


def test_a_scenario_without_a_counted_repeat_has_no_rate(service: Ledger) -> None:
    (experiment,) = sent(service, a_run(has_passed=False, cause=Cause.INFRASTRUCTURE))
    (row,) = experiment["results"]
    assert row["evaluation_scores"] == []
    assert experiment["summary_experiment_scores"] == []


def test_no_document_phone_name_or_talk_goes_out(service: Ledger) -> None:
    secret = "Maria da Silva, CPF 529.982.247-25 / 52998224725, +5511999990001, maria@exemplo.com.br, e a sra. Márcia"
    run = a_run(
        has_passed=False, checks=[a_check(f"words.{secret}", detail=secret)], error=secret, known_failure=secret
    )
    result = a_result([run], titles={"cobranca-datas-001": secret}, notes=(secret,))
    upload(result, api_key="lsv2_key", names={"Maria da Silva", "Marcia"}, api_url=service.url)
    out = "".join(body.decode() for *_, body in service.requests)
    assert "state" in out or "words." in out
    for private in ("Maria", "Silva", "Márcia", "529", "98224725", "9999", "maria@"):
        assert private not in out
    assert "[nome]" in out


def test_sending_twice_adds_nothing(service: Ledger) -> None:
    result = a_result([a_run("a"), a_run("v", suite="vendas")])
    upload(result, api_key="lsv2_key", names=(), api_url=service.url)
    again = upload(result, api_key="lsv2_key", names=(), api_url=service.url)
    assert [each.is_new for each in again] == [False, False]


def test_a_failing_service_is_tried_again_and_then_an_error(service: Ledger) -> None:
    retries = Retry(total=2, backoff_factor=0, status_forcelist=[500], allowed_methods=None, raise_on_status=False)

    def send() -> None:
        upload(a_result([a_run()]), api_key="lsv2_key", names=(), api_url=service.url, retries=retries)

    service.failures = [500]
    send()
    assert len(service.requests) == 2
    service.failures = [500] * 3
    with pytest.raises(UploadFailed, match="500"):
        send()
    service.failures = [401]
    with pytest.raises(UploadFailed, match="401"):
        send()
    assert len(service.requests) == 6


def test_the_address_may_come_from_the_environment(service: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_ENDPOINT", service.url)
    cached: Any = utils.get_env_var
    cached.cache_clear()
    try:
        upload(a_result([a_run()]), api_key="lsv2_key", names=())
    finally:
        monkeypatch.undo()
        cached.cache_clear()
    assert len(service.experiments) == 1


def test_nothing_is_sent_without_a_key_or_of_an_unfinished_run(service: Ledger) -> None:
    with pytest.raises(UploadRefused, match="key"):
        upload(a_result([a_run()]), api_key=" ", names=(), api_url=service.url)
    with pytest.raises(UploadRefused, match="incomplete"):
        upload(a_result([a_run()], is_complete=False), api_key="k", names=(), api_url=service.url)
    assert service.requests == []


def test_a_large_result_goes_out_whole(service: Ledger) -> None:
    checks = [a_check(f"policy.p-{number}", has_passed=True) for number in range(25)]
    runs = [a_run(f"s-{place:03}", repeat=repeat, checks=checks) for place in range(400) for repeat in range(4)]
    (experiment,) = sent(service, *runs, cells=[OFFLINE])
    assert len(experiment["results"]) == 400
