"""The application gives the answers of `rpt.predict`, whatever other requests arrive at the same time."""

import asyncio
import json
import re
from threading import Event
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient

from rpt.serve.app import create_app
from rpt.serve.batches import Batcher
from rpt.serve.limits import Limits
from tests.support.samples import unlabelled_rows

ROUNDING = 1e-5
"""Largest difference of scores, as docs/using-a-prompt.md says: the head of a run multiplies all its rows of a forward
pass at once, and their number changes last bits."""


def without_row(answer):
    return {key: value for key, value in answer.items() if key != "row"}


def assert_equal(answer, expected):
    """Check that all values are equal, and that scores differ only by rounding."""
    numbers = ("scores", "log_probabilities")
    assert {key: value for key, value in answer.items() if key not in (*numbers, "row", "idx")} == {
        key: value for key, value in expected.items() if key not in (*numbers, "idx")
    }
    assert answer["idx"] == json.loads(json.dumps(expected["idx"]))
    for key in numbers:
        assert answer[key] == pytest.approx(expected[key], rel=0, abs=ROUNDING)


def test_one_run_gives_the_answers_of_predict_bit_for_bit(client, runs, rows):
    run = runs[0]
    response = client.post("/predict", json={"run": run.record.name, "rows": rows[:24]})
    assert response.status_code == 200
    answers = response.json()["answers"]
    assert [without_row(answer) for answer in answers] == run.predict(rows[:24])
    assert [answer["row"] for answer in answers] == list(range(1, 25))


def test_several_runs_answer_each_row_in_the_order_of_the_request(client, runs, names, rows):
    chosen = [names[5], names[0], names[3]]
    answers = client.post("/predict", json={"runs": chosen, "rows": rows[:5]}).json()["answers"]
    assert [(answer["row"], answer["run"]) for answer in answers] == [(n, name) for n in range(1, 6) for name in chosen]
    by_name = {run.record.name: run for run in runs}
    expected = {name: by_name[name].predict(rows[:5]) for name in chosen}
    for answer in answers:
        assert_equal(answer, expected[answer["run"]][answer["row"] - 1])
    assert len({tuple(answer["scores"]) for answer in answers}) == len(answers)  # the prompts differ


def test_a_row_may_bring_its_idx_and_label(client, runs, rows):
    row = {**rows[0], "idx": "mine", "label": "neutral"}
    [answer] = client.post("/predict", json={"run": runs[0].record.name, "rows": [row]}).json()["answers"]
    [expected] = runs[0].predict([row])
    assert without_row(answer) == expected
    assert (answer["idx"], answer["target"]) == ("mine", "neutral")


@pytest.mark.parametrize("task", ["multirc", "wsc"])
def test_tasks_of_nested_rows_are_answered(task, client, runs):
    [run] = [run for run in runs if run.config.task.name == task]
    rows = unlabelled_rows({"multirc": "MultiRC", "wsc": "WSC"}[task])[:3]
    answers = client.post("/predict", json={"run": run.record.name, "rows": rows}).json()["answers"]
    expected = json.loads(json.dumps(run.predict(rows)))
    assert len(answers) == len(expected) >= 3
    for answer, own in zip(answers, expected, strict=True):
        assert_equal(answer, own)
    assert {answer["row"] for answer in answers} == {1, 2, 3}


def test_two_hundred_requests_at_fifty_at_a_time_over_eight_prompts_get_their_own_answers(predictor, runs, names, rows):
    by_name = {run.record.name: run for run in runs}
    expected = {name: by_name[name].predict(rows[:25]) for name in names}
    app = create_app(predictor)

    async def ask(client, limit, number):
        async with limit:
            name, row = names[number % 8], rows[number // 8]
            response = await client.post("/predict", json={"run": name, "rows": [row]})
            return name, number // 8, response.json()["answers"]

    async def ask_all():
        limit = asyncio.Semaphore(50)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            return await asyncio.gather(*(ask(client, limit, number) for number in range(200)))

    try:
        for name, row, [answer] in asyncio.run(ask_all()):
            assert answer["run"] == name
            assert_equal({**answer, "idx": row + 1}, expected[name][row])
        assert app.state.batcher.num_batches < 100  # several requests shared a batch
    finally:
        app.state.batcher.close()


def test_a_broken_row_of_another_client_does_not_change_an_answer(predictor, runs, names, rows):
    # Both requests are in one batch: the first of them waits for the second.
    batcher = Batcher(predictor, Limits(), gather_seconds=0.5)
    try:
        good = batcher.submit(rows[:2], names[:2])
        broken = batcher.submit([{"premise": "A dog runs."}], names[:1])
        [run] = [run for run in runs if run.record.name == names[0]]
        assert_equal(good.result(60)[0], run.predict(rows[:1])[0])
        assert "lacks the field 'hypothesis'" in broken.exception(60).message
        assert batcher.num_batches == 1
    finally:
        batcher.close()


def test_a_row_that_fails_in_the_shared_forward_pass_is_found(predictor, names, rows, monkeypatch):
    group = next(group for group in predictor.groups if names[0] in group.names)
    encode = type(group).encode

    def failing(self, examples):
        if any("unlucky" in example.fields["premise"] for example in examples):
            raise MemoryError("no memory")
        return encode(self, examples)

    monkeypatch.setattr(type(group), "encode", failing)
    batcher = Batcher(predictor, Limits(), gather_seconds=0.5)
    try:
        good = batcher.submit(rows[:1], names[:1])
        unlucky = batcher.submit([{**rows[1], "premise": "unlucky"}], names[:1])
        assert good.result(60)[0]["run"] == names[0]
        assert isinstance(unlucky.exception(60), MemoryError)
    finally:
        batcher.close()


def test_a_full_queue_is_refused_and_accepts_again_later(predictor, names, rows, monkeypatch):
    started, goes_on = Event(), Event()
    score = Batcher._score

    def waiting(self, read):
        started.set()
        assert goes_on.wait(60)
        score(self, read)

    monkeypatch.setattr(Batcher, "_score", waiting)
    app = create_app(predictor, Limits(waiting=3))
    with TestClient(app) as client:
        first = app.state.batcher.submit(rows[:2], names[:1])
        assert started.wait(60)
        response = client.post("/predict", json={"run": names[0], "rows": rows[:2]})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"].startswith("2 answers are waiting for the model, and 3 may wait.")
        goes_on.set()
        assert len(first.result(60)) == 2
        assert client.post("/predict", json={"run": names[0], "rows": rows[:2]}).status_code == 200


def test_a_closed_batcher_answers_what_waits_and_refuses_the_rest(predictor, names, rows):
    batcher = Batcher(predictor, Limits(), gather_seconds=0.2)
    waiting = [batcher.submit(rows[:1], names[:1]) for _ in range(3)]
    batcher.close()
    assert [len(future.result(0)) for future in waiting] == [1, 1, 1]
    with pytest.raises(Exception, match="the server is stopping"):
        batcher.submit(rows[:1], names[:1])


def test_a_bug_gives_json_and_no_traceback(predictor, names, rows, monkeypatch):
    def failing(self, read):
        for job in read:
            job.job.future.set_exception(ZeroDivisionError("secret"))

    monkeypatch.setattr(Batcher, "_score", failing)
    with TestClient(create_app(predictor), raise_server_exceptions=False) as client:
        response = client.post("/predict", json={"run": names[0], "rows": rows[:1]})
    assert response.status_code == 500
    assert response.json() == {"error": "the server has a bug; its stderr holds the traceback."}


def test_the_list_of_runs_has_what_a_client_needs_for_a_request(client, runs):
    body = client.get("/runs").json()
    assert body["backbone"] == "tiny"
    by_name = {run["name"]: run for run in body["runs"]}
    assert list(by_name) == [run.record.name for run in runs]
    for run in runs:
        facts = by_name[run.record.name]
        assert (facts["task"], facts["encoder"]) == (run.config.task.name, "plain")
        assert facts["score"] == run.record.scores["score"]
        response = client.post("/predict", json={"run": facts["name"], "rows": [facts["example"]]})
        assert response.status_code == 200
        [*_, answer] = response.json()["answers"]
        assert list(answer["log_probabilities"]) == facts["choices"]
    cb = next(facts for facts in by_name.values() if facts["task"] == "cb")
    assert (cb["fields"], cb["has_text_fields_only"]) == (["premise", "hypothesis"], True)
    assert not any(facts["has_text_fields_only"] for facts in by_name.values() if facts["task"] != "cb")


def test_the_interface_is_described(client, names, rows):
    schema = client.get("/openapi.json").json()
    predict = schema["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"run", "runs", "rows"}
    assert set(predict["responses"]) == {"200", "400", "404", "408", "413", "415", "422", "503"}
    assert client.get("/docs").status_code == 200
    [answer] = client.post("/predict", json={"run": names[0], "rows": rows[:1]}).json()["answers"]
    described = schema["components"]["schemas"]["Answer"]["properties"]
    assert set(answer) == set(described)


def test_the_description_of_the_interface_is_a_page_of_its_own(client):
    page = client.get("/docs").text
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert f"<h2>{method.upper()} {path}</h2>" in page
            assert set(re.findall(r"<li>(\d+): ", page)) >= set(operation["responses"])
    names = set(schema["components"]["schemas"])
    assert set(re.findall(r'<h3 id="(\w+)">', page)) == names
    assert set(re.findall(r'href="#(\w+)"', page)) <= names
    assert "<script" not in page
    assert client.get("/redoc").status_code == 404


@pytest.mark.parametrize("address", ["/", "/docs"])
def test_no_page_loads_anything_from_elsewhere(address, client):
    response = client.get(address)
    assert response.headers["content-type"].startswith("text/html")
    for link in re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", response.text):
        assert not urlsplit(link).netloc
        assert urlsplit(link).scheme in ("", "data")
    assert "http://" not in response.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
