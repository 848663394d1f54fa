"""Runs are grouped into packs by their configuration and by memory."""

from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.sweep import memory
from rpt.sweep.checksums import Provenance
from rpt.sweep.executors import executor_of
from rpt.sweep.memory import COPIES, bytes_of_run
from rpt.sweep.pack_key import pack_key
from rpt.sweep.plan import Limits, plan
from rpt.sweep.point import Point
from rpt.sweep.prepare import Prepared, prepare
from rpt.sweep.settings import Settings
from rpt.tracking.run_state import RunState
from rpt.training.trainable import parameter_groups
from tests.support.composed import compose
from tests.support.models import make_model, save_as_published

NO_MEMORY_LIMIT = (None, lambda config: 0)


@pytest.fixture
def runs(configure):
    """Make runs from overrides without reading or writing files. A run is named by its number."""

    def make(*points):
        configs = [configure(*point.split()) for point in points]
        return [Prepared(Point(n, {}, str(n)), config, f"id{n}", Path(str(n))) for n, config in enumerate(configs)]

    return make


def numbers(packs):
    return [[run.point.number for run in pack] for pack in packs]


def missing(prepared):
    return {run.identity_hash: RunState("missing") for run in prepared}


@pytest.mark.parametrize(
    "other",
    [
        "encoder=lstm", "encoder=none", "init=normal", "prompt.length=3", "lr=1", "seed=5", "data.order_seed=5",
        "optim=adafactor", "weight_decay=0", "schedule=linear", "clip_norm=1", "trainer.patience=2", "group=x",
        "logger=[]",
    ],
)  # fmt: skip
def test_runs_that_differ_in_a_key_of_a_run_may_share_a_pack(other, configure):
    assert pack_key(configure(other)) == pack_key(configure())


@pytest.mark.parametrize(
    "other",
    [
        "trainer.batch_size=4", "trainer.epochs=3", "trainer.device=auto",
        "trainer.token_budget=9", "trainer.checkpoint_steps=3", "task=rte", "data.split_seed=5", "data.max_rows=9",
        "protocol=paper",
        "backbone.pooling=cls", "backbone.text_limit=9", "data.max_cut_share=0.5", "packing.exact=true",
    ],
)  # fmt: skip
def test_runs_that_differ_in_a_key_of_the_whole_pack_do_not_share_a_pack(other, configure):
    assert pack_key(configure(other)) != pack_key(configure())


def test_runs_are_grouped_by_pack_key_in_their_order(runs):
    prepared = runs("lr=1", "trainer.batch_size=4", "lr=2", "lr=3 trainer.batch_size=4", "lr=4")
    packs = plan(prepared, missing(prepared), Limits(64, *NO_MEMORY_LIMIT))
    assert numbers(packs) == [[0, 2, 4], [1, 3]]


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(6, 64, [6]), (7, 3, [2, 2, 3]), (8, 4, [4, 4]), (3, 1, [1, 1, 1]), (5, 4, [2, 3])]
)
def test_packs_are_as_few_as_possible_and_of_nearly_equal_size(count, most, sizes, runs):
    prepared = runs(*(f"seed={seed}" for seed in range(count)))
    packs = plan(prepared, missing(prepared), Limits(most, *NO_MEMORY_LIMIT))
    assert [len(pack) for pack in packs] == sizes
    assert [number for pack in numbers(packs) for number in pack] == list(range(count))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(100, [[0, 1, 2, 3]]), (26, [[0, 1], [2, 3]]), (14, [[0], [1], [2], [3]]), (1, [[0], [1], [2], [3]])],
)
def test_a_pack_that_does_not_fit_memory_is_split_and_a_run_that_is_too_large_is_alone(budget, expected, runs, capsys):
    prepared = runs("prompt.length=10", "prompt.length=2", "prompt.length=10", "prompt.length=5")
    packs = plan(prepared, missing(prepared), Limits(64, budget * 2**20, lambda config: config.prompt.length * 2**20))
    assert numbers(packs) == expected
    message = (
        f"4 runs in {len(packs)} packs instead of 1, to fit memory: their trainable states take 27.0 MiB, "
        f"and a pack may take {budget}.0 MiB, half of the free memory\n"
    )
    assert capsys.readouterr().out == ("" if len(packs) == 1 else message)


@pytest.mark.parametrize(
    ("workers", "expected"), [(1, [5, 3]), (2, [5, 3]), (3, [2, 3, 1, 2]), (8, [1, 1, 1, 2, 1, 1, 1]), (99, [1] * 8)]
)
def test_every_worker_has_a_pack_if_there_are_enough_runs(workers, expected, runs):
    prepared = runs(*(f"seed={seed}" for seed in range(5)), *(f"trainer.batch_size=4 seed={seed}" for seed in range(3)))
    packs = plan(prepared, missing(prepared), Limits(64, *NO_MEMORY_LIMIT, workers=workers))
    assert [len(pack) for pack in packs] == expected
    assert [number for pack in numbers(packs) for number in pack] == list(range(8))


def test_a_run_that_trains_the_backbone_has_a_pack_of_its_own(runs):
    prepared = runs("trainer.tune=all encoder=none", "trainer.tune=all encoder=none seed=1", "seed=2", "seed=3")
    packs = plan(prepared, missing(prepared), Limits(64, *NO_MEMORY_LIMIT))
    assert numbers(packs) == [[0], [1], [2, 3]]


def test_an_interrupted_pack_is_resumed_as_a_whole_whatever_its_size(runs):
    prepared = runs(*(f"seed={seed}" for seed in range(6)))
    members = ("id1", "id3", "id4", "gone")
    begun = RunState("interrupted", members=members)
    states = missing(prepared) | {"id1": begun, "id4": begun}  # id3 was killed before it had written a file
    packs = plan(prepared, states, Limits(2, *NO_MEMORY_LIMIT))
    assert numbers(packs) == [[1, 3, 4], [0], [2, 5]]


def test_an_interrupted_run_without_a_checkpoint_is_put_into_a_new_pack(runs):
    prepared = runs("seed=0", "seed=1")
    states = missing(prepared) | {"id0": RunState("interrupted")}
    assert numbers(plan(prepared, states, Limits(64, *NO_MEMORY_LIMIT))) == [[0, 1]]


@pytest.mark.parametrize(
    "encoder",
    ["plain", "none", "lstm", "residual encoder.shared=false", "superpos", "low_rank", "lopt", "ulpt", "accept"],
)
def test_the_memory_of_a_run_is_five_times_that_of_its_trained_parameters(encoder, configure, tiny_cb, assemble):
    config = configure(*tiny_cb, "prompt.length=7", *f"encoder={encoder}".split())
    tuner, _ = assemble(config)
    groups = parameter_groups(tuner.runs[0].trainable, dict.fromkeys(("table", "encoder", "head", "body"), 1.0), {
        "table": 0.0, "encoder": 0.0, "head": 0.0, "body": 0.0})  # fmt: skip
    trained = sum(parameter.numel() for group in groups for parameter in group["params"])
    biases = 3  # the estimate leaves out the biases of the head
    assert bytes_of_run(config) == (trained - biases) * 4 * COPIES


@pytest.mark.parametrize("options", ["", "encoder.mlp_width=6", "encoder.mlp_width=6 encoder.start=source"])
@pytest.mark.parametrize("backbone", ["minilm", "tiny_t5", "tiny_llama"])
def test_the_memory_of_a_prefix_is_that_of_its_keys_and_values(backbone, options, request, tiny_cb, assemble):
    tiny = [] if backbone == "minilm" else request.getfixturevalue(backbone)
    own = ["encoder=prefix", "prompt.length=7", *options.split()]
    config = check(compose([*tiny, *tiny_cb, "trainer.device=cpu", *own]))
    trainable = assemble(config)[0].runs[0].trainable
    trained = sum(parameter.numel() for parameter in trainable.prompt.parameters())
    head = 0 if trainable.head is None else 3 * 384
    if not options:
        hidden = {"minilm": 6 * 2 * 384, "tiny_t5": 2 * 2 * 32, "tiny_llama": 2 * 2 * 16}[backbone]
        assert trained == 7 * hidden
    assert bytes_of_run(config) == (trained + head) * 4 * COPIES


def test_the_memory_of_an_encoder_that_cannot_be_counted_is_estimated_as_large(configure, tmp_path, monkeypatch):
    source = "import torch\n\nclass Mine(torch.nn.Module):\n"
    source += "    def __init__(self, *, length: int, hidden: int, vocabulary):\n"
    source += "        super().__init__()\n        float(vocabulary.embedding.sum())\n"
    (tmp_path / "uncountable_encoder.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = configure("encoder=plain", "prompt.length=7")
    own = config.encoder.model_copy(update={"target": "uncountable_encoder.Mine"})
    expected = 7 * 32 + 8 * 32 * 32 + 3 * 32
    assert bytes_of_run(config.model_copy(update={"encoder": own})) == expected * 4 * COPIES


def test_the_memory_budget_is_half_of_the_free_memory_or_of_the_limit_of_a_container(configure, tmp_path, monkeypatch):
    config = configure("trainer.device=cpu")
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 400 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.budget_bytes(config) == 200 * 1024
    (tmp_path / "memory.current").write_text("1024\n")
    for limit, budget in (("max", 200 * 1024), (str(101 * 1024), 50 * 1024)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        assert memory.budget_bytes(config) == budget
    (tmp_path / "memory.max").unlink()
    (tmp_path / "meminfo").unlink()
    assert memory.budget_bytes(config) is None
    assert memory.budget_bytes(config, 600) == 300


@pytest.mark.parametrize(
    ("limit", "used", "cached"),
    [
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ],
    ids=["version 2", "version 1"],
)
def test_the_inactive_file_cache_of_a_container_counts_as_free(limit, used, cached, configure, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / limit).write_text("5000\n")
    (tmp_path / used).write_text("4000\n")
    assert memory.budget_bytes(configure("trainer.device=cpu")) == 500
    (tmp_path / limit).with_name("memory.stat").write_text(f"anon 900\nactive_file 200\n{cached} 3000\n{cached}s 1\n")
    assert memory.budget_bytes(configure("trainer.device=cpu")) == 2000


@pytest.mark.parametrize(
    ("executor", "options", "device", "expected"),
    [
        ("submitit", {"mem": 2}, "auto", 2**30),
        ("submitit", {"mem": 0.5, "gpus": 1}, "cpu", 2**28),
        ("submitit", {"mem": 2, "gpus": 1}, "auto", None),
        ("submitit", {}, "cpu", None),
        ("ray", {}, "cpu", None),
    ],
)
def test_the_memory_budget_of_a_worker_without_a_gpu_is_half_of_the_memory_in_its_options(
    executor, options, device, expected, configure, tmp_path, monkeypatch
):
    monkeypatch.setattr("rpt.sweep.executors.submitit.visible_gpus", lambda: ["0"])
    settings = Settings(executor=executor, **{executor: options} if options else {})
    assert executor_of(settings, tmp_path).budget_bytes(configure(f"trainer.device={device}")) == expected


def test_rows_and_weights_are_read_once_for_a_whole_sweep(configure, tmp_path, tiny_cb):
    source = Path(tiny_cb[1].removeprefix("data.root="))
    copy = tmp_path / "copy" / "CB"
    copy.mkdir(parents=True)
    for split in ("train", "val"):
        (copy / f"{split}.jsonl").write_bytes((source / "CB" / f"{split}.jsonl").read_bytes())
    config, provenance = configure("data=jsonl", f"data.root={copy.parent}"), Provenance()
    first = provenance.data_checksum(config), provenance.backbone_sha256(config)
    (copy / "train.jsonl").unlink()
    assert (provenance.data_checksum(config), provenance.backbone_sha256(config)) == first


def test_preparing_separates_runs_from_refused_and_failed_points_and_repeated_runs(tiny_bert, tiny_cb, tmp_path):
    (tmp_path / "CB").mkdir()
    for split in ("train", "val"):
        (tmp_path / "CB" / f"{split}.jsonl").write_text("{\n")
    overrides = ["lr=1", "lr=0", f"data.root={tmp_path}", "lr=1 logger=[]", "lr=2"]
    points = [Point(number, compose([*tiny_bert, *tiny_cb, *own.split()]), own) for number, own in enumerate(overrides)]
    prepared = prepare(points)
    assert [run.point.number for run in prepared.runs] == [0, 4]
    assert [(result.number, result.status) for result in prepared.results] == [(1, "refused"), (2, "failed")]
    assert prepared.results[0].error.startswith("lr = 0: must be greater than 0")
    assert prepared.results[1].error.startswith(f"{tmp_path}/CB/train.jsonl:1: is not JSON (")
    assert [(point.name, first) for point, first in prepared.twins] == [("lr=1 logger=[]", 0)]


def test_the_memory_of_a_head_follows_from_the_hidden_size_and_not_from_a_smaller_embedding(tiny_cb, tmp_path):
    save_as_published("electra small", make_model("electra small"), tmp_path)
    named = ["backbone=local", "backbone.name=narrow", f"backbone.path={tmp_path}", "encoder=plain", "prompt.length=7"]
    config = check(compose([*tiny_cb, *named]))
    assert bytes_of_run(config) == (7 * 16 + 3 * 32) * 4 * COPIES
