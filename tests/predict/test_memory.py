"""The memory of predictions is bounded by a window of answers, and does not grow with the number of rows."""

import json
import tracemalloc

import pytest

import rpt
from rpt.backbones.encoder import EncoderBackbone
from rpt.predict.__main__ import main
from rpt.predict.answers import WINDOW, window_size
from rpt.predict.predictor import Predictor
from tests.support.samples import FOLDER_OF, sample_rows
from tests.support.trained_runs import trained_folder

SMALL_WINDOW = 128
FEW, MANY = 300, 2000
LARGEST_GROWTH = 2**19
"""Bound in bytes. The lines of 1,700 more rows would take about 3 MB if they were kept."""


def train(overrides, folder, *more):
    options = ["task=cb", "data.max_rows=24", "trainer.epochs=1", "encoder=plain", "prompt.length=3", *more]
    return trained_folder(folder, *overrides, *options, "trainer.progress=false")


@pytest.mark.slow
def test_the_peak_of_memory_does_not_grow_with_the_number_of_labelled_rows(tiny_bert, tmp_path, monkeypatch, capsys):
    folders = [train(tiny_bert, tmp_path / "runs", f"seed={seed}") for seed in (0, 1)]
    monkeypatch.setattr(EncoderBackbone, "forward", lambda self, embeds, *_: embeds)
    monkeypatch.setattr("rpt.predict.answers.WINDOW", SMALL_WINDOW)
    predictor = Predictor([rpt.load(folder) for folder in folders])
    monkeypatch.setattr("rpt.predict.predictor.load_predictor", lambda *_: predictor)
    rows = sample_rows(FOLDER_OF["cb"])["val"]

    def peak(count):
        path, output = tmp_path / f"{count}.jsonl", tmp_path / f"{count}.out"
        with path.open("w") as file:
            for number in range(count):
                row = {**rows[number % len(rows)], "idx": number, "run": folders[number % 2].name}
                file.write(json.dumps(row) + "\n")
        tracemalloc.start()
        try:
            assert main([str(tmp_path / "runs"), "--input", str(path), "--output", str(output)]) == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            assert output.read_text().count("\n") == count

    peak(100)  # imports and loads everything that is loaded only once
    few, many = peak(FEW), peak(MANY)
    assert many - few < LARGEST_GROWTH
    assert f"({MANY // 2:,} labelled rows)" in capsys.readouterr().err


def test_a_window_holds_the_validation_set_of_a_run(tiny_bert, tmp_path, monkeypatch):
    predictor = Predictor([rpt.load(train(tiny_bert, tmp_path))])
    assert window_size(predictor) == WINDOW
    monkeypatch.setattr("rpt.predict.answers.WINDOW", 5)
    assert window_size(predictor) == 24
