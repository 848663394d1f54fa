"""Packed training, resuming and evaluation with every prompt encoder that has a YAML file in `conf/encoder/`."""

import copy
import io
from pathlib import Path

import pytest
import torch

from rpt.prompt.text_prompt import TextPrompt
from tests.support.packs import configs_of

FILES = sorted((Path(__file__).parents[2] / "conf" / "encoder").glob("*.yaml"))
ENCODERS = [path.stem for path in FILES if path.stem != "none"]
FREEZES = {f"residual, frozen {part}": ["encoder=residual", f"prompt.freeze={part}"] for part in ("table", "encoder")}
OPTIONS = {**{name: [f"encoder={name}"] for name in ENCODERS}, **FREEZES}
RUNS = {name: [*options, f"seed={seed}"] for seed, (name, options) in enumerate(OPTIONS.items())}


@pytest.fixture(scope="module")
def packed(tiny_bert, tiny_cb, assemble, loop, tmp_path_factory):
    """A float64 pack with a run for each encoder after 12 steps, with its configurations, data and states at step 6."""
    folder = tmp_path_factory.mktemp("runs")
    small = [*tiny_bert, *tiny_cb, "trainer=debug", "trainer.epochs=3", "prompt.length=6", "prompt.unit=vocab"]
    shared = ["lr=0.01", "schedule=linear", "backbone.dtype=float64", f"output_dir={folder}"]
    configs = configs_of(*small, *shared, runs=RUNS)
    tuner, data = assemble(*configs)
    states = steps(loop(tuner), data, 12)
    return configs, tuner, data, states[6]


def steps(tuner, data, count):
    """Take `count` training steps, and return the states of all runs before the first and after each step."""
    states = []
    while True:
        for rows in data.train_dataloader():
            states.append([as_saved(run.state()) for run in tuner.runs])
            if len(states) > count:
                return states
            tuner.training_step(rows.to(tuner.backbone.device), 0)


def as_saved(state):
    """Return a state after it was saved to a checkpoint and loaded again."""
    file = io.BytesIO()
    torch.save(copy.deepcopy(state), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def kept(run):
    """Return the tensors that a run keeps of its prompt, by name."""
    folded = run.trainable.fold()
    return folded.state if isinstance(folded, TextPrompt) else {"prompt": folded}


def same_bits(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


each = pytest.mark.parametrize("index", range(len(RUNS)), ids=list(RUNS))


@each
def test_a_run_of_the_pack_ends_as_it_does_alone(index, packed, assemble, loop):
    configs, tuner, _, _ = packed
    alone, data_alone = assemble(configs[index])
    before = {name: value.clone() for name, value in kept(alone.runs[0]).items()}
    steps(loop(alone), data_alone, 12)
    run, single = tuner.runs[index], alone.runs[0]
    assert (run.error, run.steps) == (None, 12)
    assert any(not torch.equal(value, before[name]) for name, value in kept(run).items())
    for name, value in single.trainable.state_dict().items():
        torch.testing.assert_close(run.trainable.state_dict()[name], value, rtol=0, atol=1e-8, msg=name)
    for name, value in kept(single).items():
        torch.testing.assert_close(kept(run)[name], value, rtol=0, atol=1e-8)


def test_a_resumed_pack_ends_with_the_same_bits(packed, assemble, loop):
    configs, tuner, _, halfway = packed
    resumed, data = assemble(*configs)
    for run, state in zip(resumed.runs, halfway, strict=True):
        run.restore(state)
    steps(loop(resumed), data, 6)
    for name, run, whole in zip(RUNS, resumed.runs, tuner.runs, strict=True):
        assert same_bits(run.trainable.state_dict(), whole.trainable.state_dict()), name
        assert same_bits(kept(run), kept(whole)), name


@each
def test_an_evaluation_repeats_and_does_not_depend_on_the_order_of_the_rows(index, packed):
    _, tuner, data, _ = packed
    [batch, *_] = data.val_dataloader()
    rows = batch.of_run(index)
    prompts = [run.trainable.fold() for run in tuner.runs]
    first, again = (tuner.score(rows, prompts).scores for _ in range(2))
    assert torch.equal(first, again)
    order = list(reversed(range(len(rows))))
    assert len(order) > 1
    assert torch.equal(tuner.score(rows.pick(order), prompts).scores, first[order])


def test_factorised_prompts_differ_from_the_plain_prompt(packed):
    """The runs have different seeds and thus different initial tables, so that the encoders' prompts must differ."""
    _, tuner, _, _ = packed
    prompts = [torch.cat([value.flatten() for value in kept(run).values()]) for run in tuner.runs]
    assert all(not torch.equal(one, other) for i, one in enumerate(prompts) for other in prompts[:i])
