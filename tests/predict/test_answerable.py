"""A finished run answers rows where rows, optimizer and training code are missing, and never with another backbone."""

import json
import shutil
import sys

import pytest

import rpt
from rpt.errors import ConfigError, DataError
from rpt.predict.__main__ import main
from rpt.replay import replay
from rpt.system.writing import read_json_lines
from rpt.tracking import identity
from tests.support.composed import checked
from tests.support.samples import sample_rows

SHORT = ["task=rte", "trainer.epochs=1", "encoder=plain", "lr=0.3", "head_lr=0.3", "prompt.length=3"]
ROWS = sample_rows("RTE")["val"][:8]


@pytest.fixture
def train(tmp_path):
    """Train a run on a folder of rows and a copy of a tiny backbone, which a test may change."""
    source = tmp_path / "data" / "RTE"
    source.mkdir(parents=True)
    for name, rows in (("train", sample_rows("RTE")["train"][:32]), ("val", ROWS)):
        (source / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def train(tiny, *overrides):
        [path] = [value.partition("=")[2] for value in tiny if value.startswith("backbone.path=")]
        shutil.copytree(path, tmp_path / "backbone", dirs_exist_ok=True)
        folders = [f"backbone.path={tmp_path / 'backbone'}", f"data.root={tmp_path / 'data'}"]
        quiet = ["trainer.progress=false", f"output_dir={tmp_path / 'runs'}", "data=jsonl"]
        [outcome] = rpt.train([checked([*tiny, *SHORT, *quiet, *folders, *overrides])])
        return outcome.check().folder

    return train


def own_answers(folder):
    return read_json_lines(folder / "predictions.jsonl")


def answers(folder, config_dirs=()):
    """Return the answers of a loaded run, with the keys of `predictions.jsonl`."""
    lines = json.loads(json.dumps(rpt.load(folder, config_dirs).predict(ROWS)))
    keys = own_answers(folder)[0]
    return [{key: line[key] for key in keys} for line in lines]


def edit(folder, change):
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


def change_sources(monkeypatch, *targets):
    """Let the sources of components have other hashes than at the training."""
    hash_of = identity.source_hash
    monkeypatch.setattr(identity, "source_hash", lambda target: "other" if target in targets else hash_of(target))


@pytest.mark.parametrize(
    ("backbone", "overrides"),
    [
        ("tiny_bert", []),
        ("tiny_bert", ["encoder=residual", "prompt.unit=vocab", "prompt.freeze=table"]),
        ("tiny_bert", ["encoder=prefix"]),
        ("tiny_bert", ["encoder=smop"]),
        ("tiny_llama", ["scorer=generate"]),
    ],
    ids=lambda value: "-".join(value).replace("=", "_") if isinstance(value, list) else value,
)
def test_a_run_answers_rows_after_its_data_folder_is_deleted(backbone, overrides, train, request, tmp_path):
    folder = train(request.getfixturevalue(backbone), *overrides)
    shutil.rmtree(tmp_path / "data")
    assert answers(folder) == own_answers(folder)
    run = rpt.load(folder)
    assert run.module.runs[0].trainable.prompt is not None
    with pytest.raises(DataError, match=r"train\.jsonl"):
        run.data  # noqa: B018
    with pytest.raises(ConfigError, match=r"data\.root"):
        replay(folder)


def test_a_run_answers_rows_with_its_backbone_in_another_folder(train, tiny_bert, tmp_path, capsys):
    folder = train(tiny_bert)
    elsewhere = shutil.move(tmp_path / "backbone", tmp_path / "elsewhere")
    lines = json.loads(json.dumps(rpt.load(folder, backbone=elsewhere).predict(ROWS)))
    keys = own_answers(folder)[0]
    assert [{key: line[key] for key in keys} for line in lines] == own_answers(folder)
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    files = ["--input", str(tmp_path / "rows.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    assert main([str(folder), *files, "--backbone", str(elsewhere)]) == 0
    assert len(read_json_lines(tmp_path / "out.jsonl")) == len(ROWS)
    config = json.loads((elsewhere / "config.json").read_text())
    (elsewhere / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 0.1}))
    with pytest.raises(ConfigError, match="cannot answer rows as it did"):
        rpt.load(folder, backbone=elsewhere)


def test_a_run_answers_rows_under_another_training_version_and_optimizer(train, tiny_bert, monkeypatch):
    folder = train(tiny_bert, "encoder=residual")
    monkeypatch.setattr(identity, "TRAINING_VERSION", identity.TRAINING_VERSION + 1)
    trained_by = ("rpt.training.optimizers.adamw", "rpt.prompt.init.vocab", "rpt.prompt.residuals.Residual")
    change_sources(monkeypatch, *trained_by)
    assert answers(folder) == own_answers(folder)
    with pytest.raises(ConfigError, match=r"cannot be repeated as it was: .*rpt's training version was"):
        replay(folder)


def test_a_run_answers_rows_without_the_files_of_its_training(train, tiny_bert, tmp_path):
    start = train(tiny_bert)
    folder = train(tiny_bert, "init=file", f"init.path={start}", "seed=1")
    shutil.rmtree(start)
    expected = own_answers(folder)
    for name in ("metrics.csv", "predictions.jsonl", "diagnostics.json", "last.ckpt"):
        (folder / name).unlink(missing_ok=True)
    edit(folder, lambda record: record["config"].update(output_dir="/proc/no/such/folder"))
    edit(folder, lambda record: record["config"]["trainer"].update(device="cuda", devices=64))
    found = json.loads(json.dumps(rpt.load(folder).predict(ROWS)))
    assert [line["scores"] for line in found] == [line["scores"] for line in expected]


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "model.safetensors"])
def test_a_changed_file_of_the_backbone_is_refused(name, train, tiny_bert, tmp_path):
    folder = train(tiny_bert)
    path = tmp_path / "backbone" / name
    if path.suffix == ".json":
        path.write_text(json.dumps({**json.loads(path.read_text()), "note": 1}))
        change = "its configuration, or the backbone's config or tokenizer, is different"
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
        change = "the weights of the backbone are different"
    with pytest.raises(ConfigError, match=f"cannot answer rows as it did: {change}"):
        rpt.load(folder)


@pytest.mark.parametrize(
    ("key", "encoder", "target"),
    [
        ("task.reader", "plain", None),
        ("scorer", "plain", "rpt.scoring.head.HeadScorer"),
        ("encoder", "smop", None),
    ],
)
def test_changed_code_of_an_answer_is_refused(key, encoder, target, train, tiny_bert, monkeypatch):
    folder = train(tiny_bert, f"encoder={encoder}")
    config = rpt.Record.read(folder).config
    own = {"task.reader": config["task"]["reader"], "encoder": config["encoder"]["_target_"]}
    change_sources(monkeypatch, target or own[key])
    with pytest.raises(ConfigError, match=f"cannot answer rows as it did: the source of {key} has changed"):
        rpt.load(folder)


CHANGES = {
    "text limit": lambda record: record["config"]["backbone"].update(text_limit=9),
    "order of the labels": lambda record: record["config"]["task"]["labels"].reverse(),
    "place of the prompt": lambda record: record["config"]["backbone"].update(prompt_at="front"),
    "length of an answer": lambda record: record["evaluation"].update(max_new_tokens=1),
    "length of the prompt": lambda record: record["config"]["prompt"].update(length=2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_with_another_setting_of_an_answer_is_refused(change, train, tiny_bert):
    folder = train(tiny_bert)
    edit(folder, CHANGES[change])
    with pytest.raises(ConfigError, match="cannot answer rows as it did: its configuration, or"):
        rpt.load(folder)


def test_changed_rows_are_refused_only_where_they_are_read(train, tiny_bert, tmp_path):
    folder = train(tiny_bert)
    path = tmp_path / "data" / "RTE" / "train.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert answers(folder) == own_answers(folder)
    with pytest.raises(ConfigError, match="has read other rows than this source has now"):
        rpt.load(folder).data  # noqa: B018


def test_a_record_of_an_earlier_version_is_compared_as_a_whole(train, tiny_llama, tmp_path, monkeypatch):
    folder = train(tiny_llama, "scorer=generate")
    edit(folder, lambda record: (record.pop("answer_hash"), record["evaluation"].pop("max_new_tokens")))
    assert answers(folder) == own_answers(folder)
    monkeypatch.setattr(identity, "TRAINING_VERSION", identity.TRAINING_VERSION + 1)
    with pytest.raises(ConfigError, match="cannot be repeated as it was"):
        rpt.load(folder)


@pytest.mark.parametrize("group", ["encoder", "init", "optim"])
def test_code_of_the_training_that_a_record_names_is_not_imported(group, train, tiny_bert, tmp_path, monkeypatch):
    folder = train(tiny_bert)
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    edit(folder, lambda record: record["config"].update({group: {"_target_": "trap.Part", "_partial_": True}}))
    edit(folder, lambda record: record["config"].update(callbacks={"mine": {"_target_": "trap.Part"}}))
    edit(folder, lambda record: record["chosen"].update({group: "mine"}))
    assert answers(folder) == own_answers(folder)
    assert not (tmp_path / "ran").exists()
    assert "trap" not in sys.modules


@pytest.mark.parametrize(("group", "key"), [("task", "reader"), ("backbone", "package"), ("scorer", "_target_")])
def test_code_of_an_answer_that_a_record_names_is_refused(group, key, train, tiny_bert, tmp_path, monkeypatch):
    folder = train(tiny_bert)
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    edit(folder, lambda record: record["config"][group].update({key: "trap.Part"}))
    with pytest.raises(ConfigError):
        rpt.load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_hub_repository_that_a_record_names_is_refused_before_it_is_read(train, tiny_bert):
    folder = train(tiny_bert)
    edit(folder, lambda record: record["config"]["data"].update(source="hub", hub_id="stranger/rows"))
    assert answers(folder) == own_answers(folder)
    with pytest.raises(ConfigError, match=r"data\.hub_id = stranger/rows: is null in the option file"):
        rpt.load(folder).data  # noqa: B018
