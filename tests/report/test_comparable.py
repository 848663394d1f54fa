"""Runs whose code differs are refused, however late their hashes differ."""

import json

import pytest

from rpt.report.read.collect import collect
from rpt.report.read.run import StudyError
from tests.support.report_fixture import write_run


def set_encoder_hash(folder, value):
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record["code"]["encoder"] = value
    path.write_text(json.dumps(record))


def test_code_hashes_that_differ_late_are_refused_and_shown_whole(tmp_path):
    first, second = write_run(tmp_path, "seed=0"), write_run(tmp_path, "seed=1")
    set_encoder_hash(first, "a" * 63 + "0")
    set_encoder_hash(second, "a" * 63 + "1")
    with pytest.raises(StudyError, match=f"source of the encoder differs, {'a' * 63}0 and {'a' * 63}1"):
        collect(tmp_path)


def test_code_hashes_that_differ_early_are_shown_short(tmp_path):
    first, second = write_run(tmp_path, "seed=0"), write_run(tmp_path, "seed=1")
    set_encoder_hash(first, "0" * 64)
    set_encoder_hash(second, "1" * 64)
    with pytest.raises(StudyError, match=f"source of the encoder differs, {'0' * 28} and {'1' * 28}\\. "):
        collect(tmp_path)
