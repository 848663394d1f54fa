"""A wrong or malicious request gets a status of 4xx with a message, and the server continues."""

import asyncio
import json

import httpx2
import pytest
from fastapi.testclient import TestClient

from rpt.predict.predictor import Predictor
from rpt.serve.app import create_app
from rpt.serve.body import is_deeper, parse
from rpt.serve.limits import Limits
from rpt.serve.refusal import LONGEST_MESSAGE, Refusal

JSON = {"content-type": "application/json"}
ROW = {"premise": "A dog runs.", "hypothesis": "An animal runs."}


def nested(depth):
    return "[" * depth + "]" * depth


def body(**changes):
    """Make a request whose row has changed fields."""
    return json.dumps({"rows": [{**ROW, **changes}]})


BODIES = {
    "empty": (b"", 400, "the body is not JSON"),
    "text": (b"hello", 400, "line 1, column 1"),
    "half": (b'{"rows": [', 400, "the body is not JSON"),
    "trailing": (b'{"rows": []} x', 400, "the body is not JSON"),
    "not_utf8": (b'{"rows": ["\xff"]}', 400, "is not UTF-8"),
    "utf16": ('{"rows": []}'.encode("utf-16"), 400, "the body is not"),
    "byte_order_mark": (b"\xef\xbb\xbf{}", 400, "the body is not JSON"),
    "nan": (b'{"rows": [NaN]}', 400, "NaN, which JSON does not allow"),
    "infinity": (b'{"rows": [-Infinity]}', 400, "-Infinity"),
    "surrogate": (b'{"rows": [{"premise": "\\ud800"}]}', 400, "half of a surrogate pair"),
    "long_number": (b'{"rows": [' + b"1" * 10_000 + b"]}", 400, "cannot be read"),
    "deep": (nested(100_000).encode(), 400, "too deeply"),
    "rather_deep": (body(premise=json.loads(nested(500))).encode(), 400, "allowed are 16 levels"),
    "deep_objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "too deeply"),
    "null": (b"null", 422, "the body: Input should be"),
    "list": (b"[]", 422, "the body: Input should be"),
    "no_rows": (b"{}", 422, "rows: Field required"),
    "zero_rows": (b'{"rows": []}', 422, "rows: List should have at least 1 item"),
    "rows_of_texts": (b'{"rows": ["a"]}', 422, "rows[0]: Input should be a valid dictionary"),
    "rows_as_object": (b'{"rows": {}}', 422, "rows: Input should be a valid list"),
    "unknown_key": (json.dumps({"rows": [ROW], "row": 1}).encode(), 422, "Allowed are the keys rows, run and runs"),
    "many_rows": (json.dumps({"rows": [ROW] * 257}).encode(), 422, "257 rows; allowed are 256"),
    "run_of_another_type": (json.dumps({"rows": [ROW], "run": 3}).encode(), 422, "run: Input should be a valid string"),
    "run_and_runs": (json.dumps({"rows": [ROW], "run": "a", "runs": ["a"]}).encode(), 422, "exclude each other"),
    "no_runs": (json.dumps({"rows": [ROW], "runs": []}).encode(), 422, "runs: List should have at least 1 item"),
    "unknown_run": (json.dumps({"rows": [ROW], "run": "other"}).encode(), 404, "run 'other' is unknown; the runs are"),
    "path_as_run": (json.dumps({"rows": [ROW], "runs": ["../.."]}).encode(), 404, "is unknown"),
    "empty_run": (json.dumps({"rows": [ROW], "run": ""}).encode(), 404, "is unknown"),
    "run_in_row": (body(run="x").encode(), 422, "row 1: the field 'run' is not allowed"),
    "missing_field": (
        json.dumps({"rows": [ROW, {"premise": "a"}]}).encode(),
        422,
        "row 2: lacks the field 'hypothesis'",
    ),
    "number_as_text": (body(premise=3).encode(), 422, "row 1: premise = 3 is not a text"),
    "huge_number": (body(premise=10**4000).encode(), 422, "is not a text"),
    "infinite_number": (b'{"rows": [{"premise": "a", "hypothesis": 1e999}]}', 422, "row 1: hypothesis = inf"),
    "blank": (body(hypothesis="  ").encode(), 422, "is not a text"),
    "list_as_text": (body(premise=["a"] * 1000).encode(), 422, "is not a text"),
    "unknown_label": (body(label="maybe").encode(), 422, "allowed are 'entailment', 'contradiction', 'neutral'"),
    "wrong_idx": (body(idx=[1]).encode(), 422, "idx = [1] is neither"),
    "huge_text": (body(premise="word " * 30_000).encode(), 422, "premise has 150,000 characters; allowed are 100,000"),
    "huge_nested_text": (body(more=[{"a": "x" * 200_000}]).encode(), 422, "more[0].a has 200,000 characters"),
    "large": (body(premise="x" * 1024**2).encode(), 413, "allowed are 1,048,576 bytes"),
}


@pytest.fixture(scope="module")
def cb_client(runs):
    """Client of an application with the runs of CB, all of which answer a request that names no run."""
    predictor = Predictor([run for run in runs if run.config.task.name == "cb"])
    with TestClient(create_app(predictor)) as client:
        yield client


@pytest.mark.parametrize("name", BODIES)
def test_a_wrong_body_is_refused_with_its_reason(name, cb_client, names):
    content, status, message = BODIES[name]
    response = cb_client.post("/predict", content=content, headers=JSON)
    assert (response.status_code, list(response.json())) == (status, ["error"]), response.text[:300]
    assert message in response.json()["error"]
    assert len(response.json()["error"]) <= LONGEST_MESSAGE
    assert "Traceback" not in response.text
    assert cb_client.post("/predict", json={"run": names[0], "rows": [ROW]}).status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_refused(content_type, client):
    headers = {} if content_type is None else {"content-type": content_type}
    response = client.post("/predict", content=body().encode(), headers=headers)
    assert response.status_code == 415
    assert "allowed is application/json" in response.json()["error"]


def test_a_content_type_may_name_the_encoding(client, names):
    content = json.dumps({"run": names[0], "rows": [ROW]}).encode()
    response = client.post("/predict", content=content, headers={"content-type": "Application/JSON; charset=utf-8"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/predict", 405), ("GET", "/x" * 2000, 404), ("POST", "/", 405)]
)
def test_an_unknown_address_names_the_known_ones(method, path, status, client):
    response = client.request(method, path)
    assert response.status_code == status
    assert "POST /predict" in response.json()["error"]
    assert len(response.json()["error"]) <= LONGEST_MESSAGE


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(predictor):
    sent = 0

    async def parts():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 100_000

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/predict", content=parts(), headers=JSON)

    app = create_app(predictor, Limits(body_bytes=1_000_000, discarded_bytes=2_000_000))
    try:
        assert asyncio.run(ask()).status_code == 413
        assert sent == 31  # the first part beyond both limits is the last that is read
    finally:
        app.state.batcher.close()


def test_a_slow_body_is_refused(predictor):
    async def parts():
        yield b"{"
        await asyncio.sleep(60)

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/predict", content=parts(), headers=JSON)

    app = create_app(predictor, Limits(body_seconds=0.1))
    try:
        response = asyncio.run(ask())
        assert response.status_code == 408
        assert response.json()["error"] == "the body did not arrive within 0.1 seconds."
    finally:
        app.state.batcher.close()


def test_a_request_for_too_many_answers_is_refused(predictor, runs):
    [run] = [run for run in runs if run.config.task.name == "multirc"]
    answers = [{"text": "a", "idx": number} for number in range(60)]
    questions = [{"question": "Who?", "idx": 0, "answers": answers}]
    row = {"idx": 0, "passage": {"text": "A passage.", "questions": questions}}
    with TestClient(create_app(predictor, Limits(answers=50))) as client:
        response = client.post("/predict", json={"run": run.record.name, "rows": [row]})
    assert response.status_code == 422
    assert "the request asks for 60 answers (examples times runs); allowed are 50" in response.json()["error"]


def test_an_example_with_too_many_choices_is_refused(predictor, names):
    with TestClient(create_app(predictor, Limits(choices=2))) as client:
        response = client.post("/predict", json={"run": names[0], "rows": [ROW]})
    assert response.status_code == 422
    assert "row 1: an example has 3 choices; allowed are 2" in response.json()["error"]


def test_depth_is_counted_by_lists_and_objects():
    assert not is_deeper("text", 1)
    assert not is_deeper(json.loads(nested(5)), 5)
    assert is_deeper(json.loads(nested(6)), 5)
    with pytest.raises(Refusal):
        parse(b'{"a": Infinity}')


def test_a_run_that_is_named_twice_is_refused(client, names):
    response = client.post("/predict", json={"runs": [names[0], names[0]], "rows": [ROW]})
    assert response.status_code == 422
    assert response.json()["error"] == f"runs: {names[0]!r} is named twice. Name each run once."
