"""Untrusted run folders: no file is unpickled, no link out of the folder is followed, and no code in it is run."""

import contextlib
import json
import os
import pickle
import shutil

import pytest
import torch

import rpt
from rpt.errors import RptError
from rpt.export.__main__ import main as export
from rpt.inspect.__main__ import main as inspect
from rpt.predict.__main__ import main as predict
from tests.support.composed import checked

FEW = ["task=rte", "data.max_rows=8", "trainer.epochs=1", "encoder=plain", "prompt.length=3", "trainer.progress=false"]
ROW = {"premise": "A dog runs.", "hypothesis": "An animal runs."}


class Evil:
    """Object that creates a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def run(tiny_bert, tmp_path):
    config = checked([*tiny_bert, *FEW, "backbone.prompt_at=front", f"output_dir={tmp_path / 'runs'}"])
    [outcome] = rpt.train([config])
    return outcome.check().folder


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    return path


def pickled(kind, path):
    """Return the bytes of a pickle that creates the folder `path` when it is loaded."""
    pickle.loads(pickle.dumps(Evil(path)))
    path.rmdir()  # the pickle creates the folder, so that a test could fail
    if kind == "pickle":
        return pickle.dumps(Evil(path))
    torch.save(Evil(path), path.with_name("saved"))
    return path.with_name("saved").read_bytes()


@pytest.mark.parametrize("kind", ["pickle", "torch.save"])
@pytest.mark.parametrize("name", ["prompt.safetensors", "head.safetensors"])
def test_a_pickle_in_the_place_of_a_file_of_a_run_is_not_unpickled(kind, name, run, rows, tmp_path, capsys):
    (run / name).write_bytes(pickled(kind, tmp_path / "ran"))
    assert predict([str(run), "--input", str(rows)]) == 2
    error = capsys.readouterr().err
    assert "damaged" in error
    assert "Traceback" not in error
    if name == "prompt.safetensors":
        assert inspect([str(run)]) == 2
        assert export([str(run), "--format", "npy", "--output", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["pickle", "torch.save"])
@pytest.mark.parametrize("name", ["prompt.npy", "prompt.safetensors"])
def test_a_pickle_as_a_start_is_not_unpickled(kind, name, tiny_bert, tmp_path):
    (tmp_path / name).write_bytes(pickled(kind, tmp_path / "ran"))
    config = checked([*tiny_bert, *FEW, "init=file", f"init.path={tmp_path / name}", f"output_dir={tmp_path}"])
    with pytest.raises(RptError, match="cannot be read"):
        rpt.train([config])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["prompt.safetensors", "head.safetensors"])
def test_a_link_out_of_the_folder_of_a_run_is_refused(name, run, rows, tmp_path, capsys):
    (run / name).rename(tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    assert predict([str(run), "--input", str(rows)]) == 2
    assert "is a link that leaves the folder" in capsys.readouterr().err
    (run / name).unlink()
    (run / name).symlink_to(run / name)
    assert predict([str(run), "--input", str(rows)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_code_beside_a_models_weights_is_not_run(tiny_bert, tmp_path):
    """A model with `auto_map` runs its own code only with `trust_remote_code`, which rpt never sets."""
    path = next(value.partition("=")[2] for value in tiny_bert if value.startswith("backbone.path="))
    model = shutil.copytree(path, tmp_path / "model")
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (model / "evil.py").write_text(code)
    for name, keys in {
        "config.json": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"},
        "tokenizer_config.json": {"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]},
    }.items():
        values = json.loads((model / name).read_text())
        (model / name).write_text(json.dumps({**values, "auto_map": keys}))
    overrides = [value for value in tiny_bert if not value.startswith("backbone.path=")]
    config = checked([*overrides, *FEW, f"backbone.path={model}", f"output_dir={tmp_path / 'runs'}"])
    with contextlib.suppress(RptError):  # the model may also be refused
        rpt.train([config])
    assert not (tmp_path / "ran").exists()


def test_trust_remote_code_is_no_setting(tiny_bert):
    with pytest.raises(RptError, match="trust_remote_code"):
        checked([*tiny_bert, *FEW, "+backbone.trust_remote_code=true"])


def test_an_adapter_that_names_code_is_read_without_it(run, tiny_bert, tmp_path):
    settings = run / "adapter" / "adapter_config.json"
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    values = json.loads(settings.read_text())
    mapping = {"base_model_class": "Model", "parent_library": str(tmp_path / "evil")}
    settings.write_text(json.dumps({**values, "auto_mapping": mapping, "trust_remote_code": True}))
    config = checked([*tiny_bert, *FEW, "init=file", f"init.path={run / 'adapter'}", f"output_dir={tmp_path}"])
    [outcome] = rpt.train([config])
    outcome.check()
    assert not (tmp_path / "ran").exists()
