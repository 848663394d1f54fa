"""The files of a run hold everything that its score depends on, and the score can be computed from them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score

from rpt.prompt.encoders import Plain
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.runs import train
from rpt.training.trainable import Trainable

REQUIRED = {
    "": """adapter answer_hash backbone best chosen code config data environment evaluation finished halving
        identity_hash loss majority name off_label_share pack parameters peak_memory_bytes prompt protocol resumed_step
        schema scores seconds setting_hash started status steps task tokens tokens_per_second warnings""",
    "code": "training task.reader scorer optim encoder init",
    "task": "name version metrics",
    "protocol": "name select_on held_out_share task_prefix habits",
    "data": "source release folder version checksum rows cut tied",
    "data.rows": "train held_out reported",
    "backbone": """name weights_sha256 fingerprint_checkpoint fingerprint_before fingerprint_after parameters dtype
        attention family""",
    "prompt": """unit scale vocabulary_rms start_norm_ratio start_update_ratio first_step end_norm_ratio
    end_update_ratio not_folded every_layer""",
    "parameters": "paper held kept head body",
    "evaluation": "token_budget one_row_per_forward fixed_shapes max_new_tokens",
    "environment": "python packages git platform bits",
    "environment.bits": "device devices threads torch transformers forwards",
    "pack": "size members exact",
    "scores": "score accuracy f1_macro",
    "majority": "score accuracy f1_macro",
    "best": "epoch step held_out",
    "best.held_out": "score accuracy f1_macro loss",
}

# The prompt has 10 x 32 numbers. The residual encoder with a bottleneck of 16 has 2 * 16 * 32 weights, 16 + 32 biases
# and a LayerNorm of 2 * 32. The head has 32 * 3 + 3.
PARAMETERS = {
    "plain": {"paper": 320, "held": 320, "kept": 320, "head": 99, "body": 0},
    "residual": {"paper": 320 + 1024 + 64, "held": 320 + 1024 + 64 + 48, "kept": 320, "head": 99, "body": 0},
    "none": {"paper": 0, "held": 0, "kept": 0, "head": 99, "body": 0},
}


@pytest.fixture(scope="module")
def trained(tiny_bert, tiny_cb, tmp_path_factory):
    """Configurations and outcomes of runs with a plain, a residual and no prompt, by the name of the encoder."""
    from rpt.config.check import check
    from rpt.config.compose import compose

    root = tmp_path_factory.mktemp("runs")
    shared = [*tiny_bert, *tiny_cb, f"output_dir={root}", "trainer.epochs=2"]
    own = {"plain": [], "residual": ["encoder.bottleneck_dim=16", "encoder.dropout=0.2"], "none": []}
    configs = {name: check(compose([*shared, f"encoder={name}", *options])) for name, options in own.items()}
    return {name: (config, train([config])[0]) for name, config in configs.items()}


def lines(outcome):
    return [json.loads(line) for line in (outcome.folder / "predictions.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("section", REQUIRED)
def test_the_record_has_every_key(section, trained):
    record = json.loads((trained["residual"][1].folder / "run.json").read_text())
    for key in section.split(".") if section else ():
        record = record[key]
    assert set(REQUIRED[section].split()) == set(record)


def test_the_record_has_status_data_backbone_and_costs(trained, assemble):
    config, outcome = trained["residual"]
    record = outcome.record
    assert record.status == "finished"
    assert record.config["backbone"] == config.backbone.model_dump()
    assert record.values()["data"]["rows"] == {"train": 32, "held_out": 8, "reported": 20}
    assert record.data.source == "jsonl"
    backbone = record.backbone
    assert backbone.fingerprint_before == backbone.fingerprint_after == backbone.fingerprint_checkpoint
    assert backbone.weights_sha256 == config.backbone.sha256
    assert record.name == outcome.folder.name
    assert record.identity_hash[:10] in outcome.folder.name
    assert record.steps == 8
    lengths = assemble(config)[1].train.lengths
    assert record.tokens == 2 * sum(10 + length for length in lengths)  # two epochs; each row has prompt and text


@pytest.mark.parametrize("encoder", PARAMETERS)
def test_the_record_counts_the_parameters(encoder, trained):
    assert trained[encoder][1].record.parameters.model_dump() == PARAMETERS[encoder]


@pytest.mark.parametrize("encoder", PARAMETERS)
def test_every_validation_row_is_predicted_once_and_in_order(encoder, trained):
    config, outcome = trained[encoder]
    rows = [json.loads(line) for line in Path(config.data.root, "CB", "val.jsonl").read_text().splitlines()]
    found = lines(outcome)
    assert [(line["idx"], line["target"]) for line in found] == [(row["idx"], row["label"]) for row in rows]
    choices = config.task.formats.encoder.choices
    for line in found:
        assert set(line) == {"idx", "predicted", "target", "choice", "target_choice", "right", "scores"}
        assert line["predicted"] == choices[torch.tensor(line["scores"]).argmax()]
        assert line["right"] == (line["predicted"] == line["target"])


@pytest.mark.parametrize("encoder", PARAMETERS)
def test_the_score_of_the_record_can_be_computed_from_the_predictions(encoder, trained):
    record, found = trained[encoder][1].record, lines(trained[encoder][1])
    target, predicted = ([line[key] for line in found] for key in ("target", "predicted"))
    accuracy, f1 = accuracy_score(target, predicted), f1_score(target, predicted, average="macro", zero_division=0)
    assert record.scores == pytest.approx(
        {"accuracy": accuracy, "f1_macro": f1, "score": (accuracy + f1) / 2}, rel=1e-12
    )
    scores = torch.tensor([line["scores"] for line in found])
    right = torch.tensor([["entailment", "contradiction", "neutral"].index(label) for label in target])
    assert record.loss == pytest.approx(float(torch.nn.functional.cross_entropy(scores, right)), rel=1e-6)


@pytest.mark.parametrize("encoder", PARAMETERS)
def test_the_files_of_prompt_and_head_give_the_predictions_bit_for_bit(encoder, trained, assemble):
    config, outcome = trained[encoder]
    tuner, data = assemble(config)
    head = tuner.runs[0].trainable.head
    prompt = None
    if encoder == "none":
        assert not (outcome.folder / "prompt.safetensors").exists()
    else:
        matrix = load_file(outcome.folder / "prompt.safetensors")["prompt"]
        assert matrix.dtype == torch.float32
        prompt = SoftPrompt(matrix, Plain(length=10, hidden=32))
    tuner.runs[0].trainable = Trainable(prompt, head, None, 32)
    head.load_state_dict(load_file(outcome.folder / "head.safetensors"))
    found = {}
    for rows in data.evaluation(data.reported, lambda: [True]):
        with torch.no_grad():
            scores = tuner.score(rows, [tuner.runs[0].trainable.fold()]).scores
        found |= dict(zip(rows.row.tolist(), scores.tolist(), strict=True))
    assert [found[row] for row in range(20)] == [line["scores"] for line in lines(outcome)]


@pytest.mark.slow
def test_the_prompt_file_has_the_folded_prompt_of_the_best_state(configure, tiny_cb, assemble):
    config = configure(*tiny_cb, "trainer.epochs=5", "lr=0.1", "head_lr=0.3")
    outcome = train([config])[0]
    state = torch.load(outcome.folder / "last.ckpt", weights_only=True)["run"]
    tuner, _ = assemble(config)
    tuner.runs[0].restore(state)
    last = tuner.runs[0].trainable.fold()
    tuner.runs[0].restore_best()
    best = tuner.runs[0].trainable.fold()
    assert torch.equal(load_file(outcome.folder / "prompt.safetensors")["prompt"], best)
    assert state["best"]["epoch"] < 5  # the best state must differ from the last state
    assert not torch.equal(best, last)


def test_a_run_with_the_score_of_the_majority_baseline_has_a_warning(trained):
    for _, outcome in trained.values():
        is_low = outcome.score <= outcome.record.majority["score"]
        assert is_low == any(text.startswith("at or below majority") for text in outcome.record.warnings)
        is_constant = len({line["predicted"] for line in lines(outcome)}) == 1
        assert is_constant == any(text.startswith("constant prediction") for text in outcome.record.warnings)
