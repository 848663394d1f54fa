"""The identity of a run covers exactly the settings that can change its score."""

import importlib
import shutil

import pytest

from rpt.backbones.files import files_sha256
from rpt.config.check import check
from rpt.errors import ConfigError
from rpt.tracking import identity as identities
from rpt.tracking.identity import SCORERS, digest, folder_name, identify, identity
from rpt.tracking.source import source_hash
from tests.support.composed import compose


def hash_of(*overrides, data="checksum", weights="sha256"):
    return digest(identity(check(compose(list(overrides))), data, weights))


SAME = hash_of()


@pytest.mark.parametrize(
    "override",
    [
        "output_dir=elsewhere",
        "logger=none",
        "trainer.device=cpu",
        "trainer.progress=false",
        "group=study",
        "rerun=true",
        "trainer.tune_lr=0.5",
        "backbone.revision=abc",
        "backbone.text_cache_dir=cache",
        "backbone.text_cache_memory=1MiB",
        "backbone.text_cache_disk=1TiB",
    ],
)
def test_a_setting_that_cannot_change_the_score_is_not_part_of_the_identity(override):
    assert hash_of(override) == SAME


@pytest.mark.parametrize(
    "override",
    [
        "lr=0.02",
        "seed=1",
        "encoder=plain",
        "encoder.dropout=0.1",
        "backbone.dropout=true",
        "backbone.prompt_layer=3",
        "init=uniform",
        "trainer.epochs=3",
        "optim.eps=1e-7",
    ],
)
def test_a_setting_that_can_change_the_score_is_part_of_the_identity(override):
    assert hash_of(override) != SAME


def test_the_default_of_dropout_is_not_in_the_identity_so_that_older_runs_keep_their_identity():
    assert "dropout" not in identity(check(compose([])), "data", "weights")["backbone"]


def test_layer_0_of_the_prompt_is_not_in_the_identity_so_that_older_runs_keep_their_identity():
    for overrides in ([], ["backbone.prompt_layer=0"], ["encoder=none", "backbone.prompt_layer=3"]):
        assert "prompt_layer" not in identity(check(compose(overrides)), "data", "weights")["backbone"]
    assert identity(check(compose(["backbone.prompt_layer=3"])), "data", "weights")["backbone"]["prompt_layer"] == 3


def test_other_rows_and_other_weights_give_another_identity():
    assert hash_of(data="other") != SAME
    assert hash_of(weights="other") != SAME


def test_the_name_of_a_folder_has_the_options_and_the_hash():
    plain = check(compose(["encoder=plain", "lr=1e-5", "prompt.length=20", "seed=3"]))
    assert folder_name(plain, "0123456789abcdef") == "cb-sample-minilm-plain-n20-lr1e-05-s3-0123456789"
    deeper = check(compose(["encoder=plain", "lr=1e-5", "prompt.length=20", "seed=3", "backbone.prompt_layer=4"]))
    assert folder_name(deeper, "0123456789abcdef") == "cb-sample-minilm-plain-n20-layer4-lr1e-05-s3-0123456789"
    bare = check(compose(["encoder=none", "head_lr=0.001"]))
    assert folder_name(bare, "0123456789abcdef") == "cb-sample-minilm-none-lr0.001-s0-0123456789"


def test_without_a_prompt_settings_of_the_prompt_do_not_change_the_identity():
    bare = [check(compose(["encoder=none", *more])) for more in ([], ["lr=0.3", "prompt.length=5", "init=normal"])]
    assert identity(bare[0], "data", "w") == identity(bare[1], "data", "w")
    other_head = check(compose(["encoder=none", "head_lr=0.5"]))
    assert identity(other_head, "data", "w") != identity(bare[0], "data", "w")


def test_the_identity_depends_on_the_content_of_a_prompt_file_and_not_on_its_path(tmp_path):
    def identity_of(name: str, content: bytes) -> object:
        path = tmp_path / name
        path.write_bytes(content)
        return identity(check(compose(["init=file", f"init.path={path}"])), "data", "weights")

    first = identity_of("one.npy", b"1")
    assert identity_of("two.npy", b"1") == first
    assert identity_of("one.npy", b"2") != first


@pytest.mark.parametrize(("first", "second"), [("encoder.dropout=0", "encoder.dropout=0.0"), ("lr=1", "lr=1.0")])
def test_two_notations_of_a_number_give_one_identity(first, second):
    assert hash_of(first) == hash_of(second)


def test_settings_of_training_do_not_change_the_identity_of_a_zero_shot_run():
    zero = [
        check(compose(["backbone=smollm2", "encoder=none", *more]))
        for more in ([], ["seed=3", "head_lr=0.5", "trainer.epochs=3", "lr=0.3", "init=normal"])
    ]
    assert not zero[0].is_trained
    assert identity(zero[0], "data", "files") == identity(zero[1], "data", "files")
    names = {folder_name(config, "0123456789abcdef") for config in zero}
    assert names == {"cb-sample-smollm2-none-zeroshot-0123456789"}
    assert check(compose(["backbone=smollm2", "encoder=none", "trainer.tune=all"])).is_trained


def test_the_hash_of_a_backbone_covers_its_configuration_and_tokenizer(tiny_bert, tmp_path):
    folder = tmp_path / "bert"
    shutil.copytree(tiny_bert[2].removeprefix("backbone.path="), folder)
    before = files_sha256(folder, "weights")
    assert files_sha256(folder, "others") != before
    for name in ("config.json", "tokenizer.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert files_sha256(folder, "weights") != before
        (folder / name).write_bytes(content)
    assert files_sha256(folder, "weights") == before


# Tests of code as a part of the identity


ENCODER = """
import torch

class Mine(torch.nn.Module):
    def __init__(self, *, length: int, hidden: int) -> None:
        super().__init__()

    def forward(self, prompt):
        return FACTOR * prompt

FACTOR = 2.0
"""


def test_another_formula_of_the_encoder_gives_another_identity(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    chosen = ["encoder=plain", "encoder._target_=encoder_of_mine.Mine"]

    def identity_of(text):
        (tmp_path / "encoder_of_mine.py").write_text(text)
        source_hash.cache_clear()
        return identify(check(compose(chosen)), "data", "weights")

    first = identity_of(ENCODER)
    assert identity_of(ENCODER.replace("2.0", "2.0  # twice")) == first
    other = identity_of(ENCODER.replace("2.0", "3.0"))
    assert other.hash != first.hash
    assert other.setting_hash == first.setting_hash
    source_hash.cache_clear()


def test_another_training_version_gives_another_identity(monkeypatch):
    monkeypatch.setattr(identities, "TRAINING_VERSION", identities.TRAINING_VERSION + 1)
    assert hash_of() != SAME


def test_the_code_of_every_chosen_component_is_part_of_the_identity():
    code = identify(check(compose([])), "data", "weights").code
    assert [*code] == ["training", "task.reader", "scorer", "optim", "encoder", "init"]
    assert len(set(code.values())) == len(code)
    bare = identify(check(compose(["encoder=none"])), "data", "weights").code
    assert [*bare] == ["training", "task.reader", "scorer", "optim"]
    zero = identify(check(compose(["backbone=smollm2", "encoder=none"])), "data", "weights").code
    assert [*zero] == ["training", "task.reader", "scorer"]


def test_the_class_of_every_scorer_exists():
    for target in SCORERS.values():
        module, _, name = target.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_a_reader_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"^task\.reader = nowhere\.Reader: there is no module 'nowhere'"):
        identify(check(compose(["task.reader=nowhere.Reader"])), "data", "weights")


def test_the_name_of_a_folder_has_no_slash_of_an_option():
    config = check(compose([])).model_copy(update={"chosen": {"encoder": "../mine/special"}})
    assert folder_name(config, "0123456789abcdef") == "cb-sample-minilm-...mine.special-n10-lr0.3-s0-0123456789"
