"""Rows of the hub's flattened view are converted to rows of the release, from every layout of files.

A file or row that cannot be converted gives an error.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import huggingface_hub.constants
import pyarrow
import pytest
from datasets import ClassLabel, Features, Value

from rpt.data.hub import VIEW_SPLITS, hub_rows
from rpt.data.hub_rows import canonical, label_names
from rpt.data.jsonl import SPLITS, read_rows
from rpt.data.sources import UNREAD, hub_source, jsonl_source
from rpt.errors import DataError
from tests.support.samples import FOLDERS, sample_rows, unlabelled_rows

LAYOUTS = ("{split}-00000-of-00001.parquet", "{split}/0000.parquet", "super_glue-{split}.parquet")
SPAN = {"text": Value("string"), "start": Value("int32"), "end": Value("int32")}
INSTEAD = "Use data=jsonl with the official release instead"
NOT_HERE = (
    "data.hub_id=aps/super_glue: cb is missing or incomplete in the local cache, and {reason}. "
    f"{INSTEAD}, or run once where the hub can be reached."
)


# Functions that flatten rows as the loading script of the hub does, independently of the tested code


def flattened(folder, rows):
    """Convert rows of the release to rows of the hub's view."""
    flat = {"MultiRC": flat_multirc, "ReCoRD": flat_record}.get(folder)
    if flat is not None:
        return [flat_row for row in rows for flat_row in flat(row)]
    return [{**unnested(row), "label": label_number(folder, row)} for row in rows]


def unnested(row):
    return {**{key: value for key, value in row.items() if key != "target"}, **row.get("target", {})}


def label_number(folder, row):
    if "label" not in row:
        return -1
    label = row["label"]
    return label_names(folder).index(label) if isinstance(label, str) else int(label)


def flat_multirc(row):
    for question in row["passage"]["questions"]:
        for answer in question["answers"]:
            yield {
                "paragraph": row["passage"]["text"],
                "question": question["question"],
                "answer": answer["text"],
                "idx": {"paragraph": row["idx"], "question": question["idx"], "answer": answer["idx"]},
                "label": label_number("MultiRC", answer),
            }


def flat_record(row):
    text = row["passage"]["text"]
    entities = row["passage"]["entities"]
    spans = [(text[span["start"] : span["end"] + 1], span["start"], span["end"] + 1) for span in entities]
    for query in row["qas"]:
        yield {
            "passage": text,
            "query": query["query"],
            "entities": sorted({span[0] for span in spans}),
            "entity_spans": [dict(zip(SPAN, span, strict=True)) for span in sorted(spans, key=lambda span: span[1])],
            "answers": sorted({answer["text"] for answer in query.get("answers", ())}),
            "idx": {"passage": row["idx"], "query": query["idx"]},
        }


def features_of(folder, rows):
    inferred = datasets.Dataset.from_list(rows).features
    if "label" in inferred:
        inferred["label"] = ClassLabel(names=label_names(folder))
    return Features(inferred)


def write_view(root, folder, rows, layout=LAYOUTS[0], features=None):
    """Write rows by split to Parquet files in a layout of the hub, in row groups of at most 1,000 rows."""
    for split, of_split in rows.items():
        path = root / folder.lower() / layout.format(split=VIEW_SPLITS[split])
        path.parent.mkdir(parents=True, exist_ok=True)
        features = features or features_of(folder, of_split)
        columns = {name: [row[name] for row in of_split] for name in features}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(path, batch_size=1000)
    return str(root)


def sample_view(folder):
    return {split: flattened(folder, rows) for split, rows in sample_rows(folder).items()}


def read(row):
    return {key: value for key, value in row.items() if key not in UNREAD}


@pytest.fixture(autouse=True)
def no_progress_bars():
    """Switch off the progress bars of `datasets`, which are shown when Parquet files are written."""
    datasets.disable_progress_bars()


# Tests of the conversion


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_view_becomes_the_rows_of_the_release(folder, tmp_path):
    rows = sample_rows(folder)
    source = hub_source(write_view(tmp_path / "hub", folder, sample_view(folder)), folder)
    for split in SPLITS:
        assert [row for _, row in source.splits[split]] == [read(row) for row in rows[split]]
    (tmp_path / "release" / folder).mkdir(parents=True)
    for split in SPLITS:
        (tmp_path / "release" / folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows[split])))
    assert source.checksum == jsonl_source(str(tmp_path / "release"), folder).checksum
    assert (source.name, source.version) == ("hub", None)


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [f"{folder}/{split}" for folder in ("CB", "COPA", "MultiRC", "RTE", "WSC") for split in ("train", "val", "test")]
    + ["BoolQ/val", "BoolQ/test"],
)
def test_official_rows_that_are_flattened_are_converted_back(shared_dir, name):
    rows = [row for _, row in read_rows(shared_dir / "superglue" / f"{name}.jsonl")]
    folder = name.split("/")[0]
    numbered = [(f"v:{number}", row) for number, row in enumerate(flattened(folder, rows))]
    assert [row for _, row in canonical(folder, numbered)] == [read(row) for row in rows]


@pytest.mark.shared
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_official_rows_of_record_keep_queries_and_the_texts_of_answers(shared_dir, split):
    rows = [row for _, row in read_rows(shared_dir / "superglue" / "ReCoRD" / f"{split}.partial.jsonl")]
    found = [row for _, row in canonical("ReCoRD", [("v:1", row) for row in flattened("ReCoRD", rows)])]
    assert [row["passage"] for row in found] == [row["passage"] for row in rows]
    for row, official_row in zip(found, rows, strict=True):
        for query, official in zip(row["qas"], official_row["qas"], strict=True):
            assert (query["query"], query["idx"]) == (official["query"], official["idx"])
            texts = [{answer["text"] for answer in asked.get("answers", ())} for asked in (query, official)]
            assert texts[0] == texts[1]


def test_unlabelled_rows_are_converted_to_rows_without_a_label():
    for folder in FOLDERS:
        rows = unlabelled_rows(folder)
        numbered = [("v:1", row) for row in flattened(folder, rows)]
        assert [row for _, row in canonical(folder, numbered)] == [read(row) for row in rows]


def test_a_converted_row_has_the_position_of_its_first_row_in_the_view(tmp_path):
    root = write_view(tmp_path, "MultiRC", sample_view("MultiRC"))
    answers = [len(q["answers"]) for q in sample_rows("MultiRC")["val"][0]["passage"]["questions"]]
    positions = [position for position, _ in hub_source(root, "MultiRC", 2).splits["val"]]
    assert positions == [f"{root}/multirc/validation:1", f"{root}/multirc/validation:{1 + sum(answers)}"]


def test_spans_with_inclusive_ends_and_spans_as_columns_are_read():
    row = sample_view("ReCoRD")["val"][0]
    inclusive = [{**span, "end": span["end"] - 1} for span in row["entity_spans"]]
    columns = {key: [span[key] for span in row["entity_spans"]] for key in SPAN}
    converted = [list(canonical("ReCoRD", [("v:1", {**row, "entity_spans": spans})])) for spans in (inclusive, columns)]
    assert converted == 2 * [list(canonical("ReCoRD", [("v:1", row)]))]


# Tests of the files


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_in_every_layout_of_the_hub_are_read(layout, tmp_path):
    root = write_view(tmp_path, "CB", sample_view("CB"), layout)
    assert [row for _, row in hub_source(root, "CB", 5).splits["train"]] == sample_rows("CB")["train"][:5]


def put_into_cache(tmp_path, monkeypatch, revision):
    """Write a view in the layout of the hub's cache, with blobs and a snapshot of links, and return the snapshot."""
    repository = tmp_path / "cache" / "datasets--aps--super_glue"
    snapshot = repository / "snapshots" / ("0" * 40) / "cb"
    snapshot.mkdir(parents=True)
    blobs = Path(write_view(repository / "blobs", "CB", sample_view("CB")), "cb")
    for number, path in enumerate(sorted(blobs.iterdir())):
        blob = path.rename(repository / "blobs" / f"{number:064}")
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    (repository / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / revision).write_text("0" * 40)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return snapshot


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet"])
def test_a_cached_copy_is_read_without_a_network(revision, tmp_path, monkeypatch):
    put_into_cache(tmp_path, monkeypatch, revision)
    source = hub_source("aps/super_glue", "CB", 5)
    assert [row for _, row in source.splits["val"]] == sample_rows("CB")["val"][:5]
    assert source.splits["val"][0][0] == "aps/super_glue/cb/validation:1"


def test_an_incomplete_cached_copy_is_refused(tmp_path, monkeypatch):
    snapshot = put_into_cache(tmp_path, monkeypatch, "main")
    (snapshot / "validation-00000-of-00001.parquet").unlink()
    assert refusal("aps/super_glue") == NOT_HERE.format(reason="HF_HUB_OFFLINE is set")


def refusal(hub_id, folder="CB"):
    with pytest.raises(DataError) as caught:
        hub_source(str(hub_id), folder)
    return str(caught.value)


def test_without_network_and_cache_the_error_has_advice(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert refusal("aps/super_glue") == NOT_HERE.format(reason="HF_HUB_OFFLINE is set")


def test_there_is_one_request_to_a_hub_that_cannot_be_reached(tmp_path):
    code = "from rpt.data.sources import hub_source; hub_source('aps/super_glue', 'CB')"
    # No program listens at port 9 of this machine.
    hub = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, **hub}, capture_output=True, text=True)
    reason = "it cannot be fetched from the hub (ConnectError: [Errno 111] Connection refused)"
    assert run.stderr.splitlines()[-1] == "rpt.errors.DataError: " + NOT_HERE.format(reason=reason)
    assert "Retrying" not in run.stderr


def test_a_hub_id_that_is_neither_a_folder_nor_an_id_is_refused():
    assert refusal("a/b/c") == "data.hub_id=a/b/c: is neither a folder nor a data set. Set data.hub_id=aps/super_glue."


@pytest.mark.parametrize(
    "missing", ["validation-00000-of-00001.parquet", "train-00000-of-00001.parquet", "train-00001-of-00002.parquet"]
)
def test_a_folder_that_lacks_a_file_is_refused(missing, tmp_path):
    write_view(tmp_path, "CB", sample_view("CB"))
    if "00002" in missing:
        (tmp_path / "cb" / LAYOUTS[0].format(split="train")).rename(tmp_path / "cb" / "train-00000-of-00002.parquet")
    else:
        (tmp_path / "cb" / missing).unlink()
    assert refusal(tmp_path) == (
        f"data.hub_id={tmp_path}: lacks files such as cb/train-00000-of-00001.parquet and "
        "cb/validation-00000-of-00001.parquet. Complete the folder, or use data=jsonl."
    )


def test_a_damaged_file_is_refused(tmp_path):
    write_view(tmp_path, "CB", sample_view("CB"))
    path = tmp_path / "cb" / LAYOUTS[0].format(split="validation")
    path.write_bytes(path.read_bytes()[:-100])
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}/cb/validation: {path} cannot be read (")
    assert message.endswith("Fetch it again.")


def test_an_empty_split_is_refused(tmp_path):
    rows = sample_view("CB")
    write_view(tmp_path, "CB", {**rows, "val": []}, features=features_of("CB", rows["train"]))
    assert refusal(tmp_path) == f"{tmp_path}/cb: its val split is empty. Fetch it again, or use data=jsonl."


def test_labels_numbered_in_another_order_are_refused(tmp_path):
    rows = sample_view("CB")
    swapped = ClassLabel(names=["contradiction", "entailment", "neutral"])
    features = Features({**features_of("CB", rows["train"]), "label": swapped})
    write_view(tmp_path, "CB", rows, features=features)
    assert refusal(tmp_path) == (
        f"{tmp_path}/cb: numbers its labels as ['contradiction', 'entailment', 'neutral'], but rpt expects "
        f"['entailment', 'contradiction', 'neutral']. {INSTEAD}."
    )


@pytest.mark.slow
def test_a_view_with_the_size_of_record_is_read_in_a_small_part_of_its_memory(tmp_path):
    queries = 100_730  # number of queries in the official train split
    row = sample_view("ReCoRD")["val"][0]
    rows = [{**row, "idx": {"passage": number // 2, "query": number}} for number in range(queries)]
    write_view(tmp_path, "ReCoRD", {"train": rows, "val": rows[:2]}, features=features_of("ReCoRD", rows[:1]))
    del rows
    path = tmp_path / "record" / LAYOUTS[0].format(split="train")
    whole = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "arrow")).data.nbytes
    before, num_queries, peak = pyarrow.total_allocated_bytes(), 0, 0
    for _, row in hub_rows(str(tmp_path), "ReCoRD")["train"]:
        num_queries += len(row["qas"])
        peak = max(peak, pyarrow.total_allocated_bytes() - before)
    assert num_queries == queries
    assert peak < whole / 20
