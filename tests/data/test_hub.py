"""The hub's flattened view becomes the release's rows again, whatever its layout on disk; what cannot is named."""

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
    "data.hub_id=aps/super_glue: cb is not, or not whole, in the local cache, and {reason}. "
    f"{INSTEAD}, or run once where the hub can be reached."
)


# The view, written here as the hub's loading script writes it, independently of the code under test


def flattened(folder, rows):
    """Rows of the release in the hub's view."""
    flat = {"MultiRC": flat_multirc, "ReCoRD": flat_record}.get(folder)
    if flat is not None:
        return [made for row in rows for made in flat(row)]
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
    spans = [(text[one["start"] : one["end"] + 1], one["start"], one["end"] + 1) for one in row["passage"]["entities"]]
    for query in row["qas"]:
        yield {
            "passage": text,
            "query": query["query"],
            "entities": sorted({span[0] for span in spans}),
            "entity_spans": [dict(zip(SPAN, span, strict=True)) for span in sorted(spans, key=lambda one: one[1])],
            "answers": sorted({answer["text"] for answer in query.get("answers", ())}),
            "idx": {"passage": row["idx"], "query": query["idx"]},
        }


def features_of(folder, rows):
    inferred = datasets.Dataset.from_list(rows).features
    if "label" in inferred:
        inferred["label"] = ClassLabel(names=label_names(folder))
    return Features(inferred)


def write_view(root, folder, rows, layout=LAYOUTS[0], features=None):
    """Store `rows`, by split, as Parquet files in the hub's layout, in groups of at most 1,000 rows."""
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
def quiet():
    """Writing Parquet files draws bars, which the code under test does not ask for."""
    datasets.disable_progress_bars()


# There and back


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
def test_official_rows_survive_the_view(shared_dir, name):
    rows = [row for _, row in read_rows(shared_dir / "superglue" / f"{name}.jsonl")]
    folder = name.split("/")[0]
    placed = [(f"v:{number}", row) for number, row in enumerate(flattened(folder, rows))]
    assert [row for _, row in canonical(folder, placed)] == [read(row) for row in rows]


@pytest.mark.shared
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_official_records_keep_entities_and_answers_but_not_which_mentions_were_marked(shared_dir, split):
    rows = [row for _, row in read_rows(shared_dir / "superglue" / "ReCoRD" / f"{split}.partial.jsonl")]
    found = [row for _, row in canonical("ReCoRD", [("v:1", row) for row in flattened("ReCoRD", rows)])]
    assert [row["passage"] for row in found] == [row["passage"] for row in rows]
    for one, other in zip(found, rows, strict=True):
        for query, official in zip(one["qas"], other["qas"], strict=True):
            assert (query["query"], query["idx"]) == (official["query"], official["idx"])
            texts = [{answer["text"] for answer in asked.get("answers", ())} for asked in (query, official)]
            assert texts[0] == texts[1]


def test_unlabelled_rows_have_no_label_as_in_the_release():
    for folder in FOLDERS:
        rows = unlabelled_rows(folder)
        placed = [("v:1", row) for row in flattened(folder, rows)]
        assert [row for _, row in canonical(folder, placed)] == [read(row) for row in rows]


def test_a_row_has_the_place_of_the_first_that_it_was_made_of(tmp_path):
    root = write_view(tmp_path, "MultiRC", sample_view("MultiRC"))
    answers = [len(q["answers"]) for q in sample_rows("MultiRC")["val"][0]["passage"]["questions"]]
    places = [place for place, _ in hub_source(root, "MultiRC", 2).splits["val"]]
    assert places == [f"{root}/multirc/validation:1", f"{root}/multirc/validation:{1 + sum(answers)}"]


def test_inclusive_ends_and_columns_of_spans_are_understood():
    row = sample_view("ReCoRD")["val"][0]
    inclusive = [{**span, "end": span["end"] - 1} for span in row["entity_spans"]]
    columns = {key: [span[key] for span in row["entity_spans"]] for key in SPAN}
    made = [list(canonical("ReCoRD", [("v:1", {**row, "entity_spans": spans})])) for spans in (inclusive, columns)]
    assert made == 2 * [list(canonical("ReCoRD", [("v:1", row)]))]


# The files


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_that_the_hub_has_had_is_read(layout, tmp_path):
    root = write_view(tmp_path, "CB", sample_view("CB"), layout)
    assert [row for _, row in hub_source(root, "CB", 5).splits["train"]] == sample_rows("CB")["train"][:5]


def put_into_cache(tmp_path, monkeypatch, revision):
    """Lay a view out as the hub's client keeps it: blobs, and a snapshot of links to them."""
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


def test_half_a_cached_copy_is_not_taken(tmp_path, monkeypatch):
    snapshot = put_into_cache(tmp_path, monkeypatch, "main")
    (snapshot / "validation-00000-of-00001.parquet").unlink()
    assert refusal("aps/super_glue") == NOT_HERE.format(reason="HF_HUB_OFFLINE is set")


def refusal(hub_id, folder="CB"):
    with pytest.raises(DataError) as caught:
        hub_source(str(hub_id), folder)
    return str(caught.value)


def test_without_network_or_cache_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert refusal("aps/super_glue") == NOT_HERE.format(reason="HF_HUB_OFFLINE is set")


def test_a_hub_that_cannot_be_reached_is_asked_once(tmp_path):
    code = "from rpt.data.sources import hub_source; hub_source('aps/super_glue', 'CB')"
    # Port 9 of this machine: nobody listens there.
    places = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, **places}, capture_output=True, text=True)
    reason = "the hub does not give it (ConnectError: [Errno 111] Connection refused)"
    assert run.stderr.splitlines()[-1] == "rpt.errors.DataError: " + NOT_HERE.format(reason=reason)
    assert "Retrying" not in run.stderr


def test_what_is_neither_folder_nor_id_is_named():
    assert refusal("a/b/c") == "data.hub_id=a/b/c: is no folder and no data set's id. Set data.hub_id=aps/super_glue."


@pytest.mark.parametrize(
    "missing", ["validation-00000-of-00001.parquet", "train-00000-of-00001.parquet", "train-00001-of-00002.parquet"]
)
def test_a_folder_without_all_its_files_is_named(missing, tmp_path):
    write_view(tmp_path, "CB", sample_view("CB"))
    if "00002" in missing:
        (tmp_path / "cb" / LAYOUTS[0].format(split="train")).rename(tmp_path / "cb" / "train-00000-of-00002.parquet")
    else:
        (tmp_path / "cb" / missing).unlink()
    assert refusal(tmp_path) == (
        f"data.hub_id={tmp_path}: lacks files such as cb/train-00000-of-00001.parquet and "
        "cb/validation-00000-of-00001.parquet. Complete the folder, or use data=jsonl."
    )


def test_a_damaged_file_is_named(tmp_path):
    write_view(tmp_path, "CB", sample_view("CB"))
    path = tmp_path / "cb" / LAYOUTS[0].format(split="validation")
    path.write_bytes(path.read_bytes()[:-100])
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}/cb/validation: {path} cannot be read (")
    assert message.endswith("Fetch it again.")


def test_an_empty_split_is_named(tmp_path):
    rows = sample_view("CB")
    write_view(tmp_path, "CB", {**rows, "val": []}, features=features_of("CB", rows["train"]))
    assert refusal(tmp_path) == f"{tmp_path}/cb: its val split is empty. Fetch it again, or use data=jsonl."


def test_labels_numbered_in_another_order_are_refused(tmp_path):
    rows = sample_view("CB")
    swapped = ClassLabel(names=["contradiction", "entailment", "neutral"])
    features = Features({**features_of("CB", rows["train"]), "label": swapped})
    write_view(tmp_path, "CB", rows, features=features)
    assert refusal(tmp_path) == (
        f"{tmp_path}/cb: numbers its labels as ['contradiction', 'entailment', 'neutral'], where the view has "
        f"['entailment', 'contradiction', 'neutral']. {INSTEAD}."
    )


@pytest.mark.slow
def test_a_view_of_records_own_size_streams(tmp_path):
    queries = 100_730  # of the official train split
    row = sample_view("ReCoRD")["val"][0]
    rows = [{**row, "idx": {"passage": number // 2, "query": number}} for number in range(queries)]
    write_view(tmp_path, "ReCoRD", {"train": rows, "val": rows[:2]}, features=features_of("ReCoRD", rows[:1]))
    del rows
    path = tmp_path / "record" / LAYOUTS[0].format(split="train")
    whole = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "arrow")).data.nbytes
    before, seen, most = pyarrow.total_allocated_bytes(), 0, 0
    for _, row in hub_rows(str(tmp_path), "ReCoRD")["train"]:
        seen += len(row["qas"])
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert seen == queries
    assert most < whole / 20
