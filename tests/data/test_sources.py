"""Rows are read with their positions from files and sample rows. A damaged line is refused with file and number."""

import gzip
import json
from dataclasses import replace

import pytest

from rpt.config.check import check
from rpt.data.jsonl import SPLITS, read_rows
from rpt.data.sources import SAMPLES, jsonl_source, sample_source, sample_versions
from rpt.errors import DataError
from tests.support.composed import compose

ROW = {"premise": "It rained.", "hypothesis": "It was wet.", "idx": 0, "label": "neutral"}
AGAIN = "Download the file again, or correct the line."


def write_release(root, train=(ROW,), val=(ROW,)):
    (root / "CB").mkdir(parents=True)
    for split, rows in (("train", train), ("val", val)):
        (root / "CB" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(root)


# Tests of files


def test_rows_are_read_with_their_file_and_line(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": 0}\n\n{"idx": 1}\n')
    assert list(read_rows(path)) == [(f"{path}:1", {"idx": 0}), (f"{path}:3", {"idx": 1})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"idx": 1', f"is not JSON (Expecting ',' delimiter, column 1). {AGAIN}"),
        ("idx", f"is not JSON (Expecting value, column 1). {AGAIN}"),
        ("[1, 2]", f"holds a JSON array, where one object per line is expected. {AGAIN}"),
        ("null", f"holds a JSON null, where one object per line is expected. {AGAIN}"),
        ("1.5", f"holds a JSON number, where one object per line is expected. {AGAIN}"),
        (
            '{"premise": "\\ud800"}',
            "cannot be read ('utf-8' codec can't encode character '\\ud800' in position 13: surrogates not "
            f"allowed). {AGAIN}",
        ),
    ],
)
def test_a_line_that_is_no_json_object_is_refused(line, reason, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": 0}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value) == f"{path}:2: {reason}"


def test_a_number_with_too_many_digits_is_refused(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"idx": ' + "9" * 5000 + "}\n")
    with pytest.raises(DataError, match=r"train\.jsonl:1: cannot be read \(Exceeds the limit"):
        list(read_rows(path))


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes('{"premise": "é"}'.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value) == f"{path}: is not UTF-8 text (invalid continuation byte). Download the file again."


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError) as caught:
        list(read_rows(tmp_path / "train.jsonl"))
    assert str(caught.value) == f"{tmp_path / 'train.jsonl'}: cannot be read (No such file or directory)."


@pytest.fixture
def gzipped_release(tmp_path):
    """Root of a release whose train file exists only in compressed form."""
    root = write_release(tmp_path, train=[{**ROW, "idx": number} for number in range(3)])
    plain = tmp_path / "CB" / "train.jsonl"
    plain.with_name("train.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return root


def test_a_gzipped_file_is_read_if_the_plain_file_is_missing(gzipped_release, tmp_path):
    read = jsonl_source(gzipped_release, "CB")
    assert [row["idx"] for _, row in read.splits["train"]] == [0, 1, 2]
    assert read.splits["train"][1][0] == f"{gzipped_release}/CB/train.jsonl.gz:2"
    rows = [{**ROW, "idx": number} for number in range(3)]
    assert read.checksum == jsonl_source(write_release(tmp_path / "plain", train=rows), "CB").checksum
    assert check(compose(["task=cb", "data=jsonl", f"data.root={gzipped_release}"])).data.root == gzipped_release


def test_the_plain_file_takes_precedence_over_the_gzipped_file(gzipped_release, tmp_path):
    (tmp_path / "CB" / "train.jsonl").write_text(json.dumps(ROW) + "\n")
    assert len(jsonl_source(gzipped_release, "CB").splits["train"]) == 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda compressed: compressed[:-12], "Compressed file ended before the end-of-stream marker was reached"),
        (lambda compressed: b'{"idx": 0}', "Not a gzipped file"),
        (lambda compressed: compressed[:-8] + bytes(8), "CRC check failed"),
    ],
)
def test_a_damaged_gzipped_file_is_refused(gzipped_release, damage, reason, tmp_path):
    path = tmp_path / "CB" / "train.jsonl.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        DataError, match=rf"train\.jsonl\.gz: cannot be unpacked \({reason}.*\)\. Download the file again"
    ):
        jsonl_source(gzipped_release, "CB")


# Tests of sources


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_refused(split, tmp_path):
    root = write_release(tmp_path / "data", **{split: ()})
    with pytest.raises(DataError) as caught:
        jsonl_source(root, "CB")
    path = tmp_path / "data" / "CB" / f"{split}.jsonl"
    assert str(caught.value) == f"{path}: is empty. Write one JSON object a line, or download the file again."


def test_the_checksum_depends_on_the_rows_and_not_on_the_order_of_keys(tmp_path):
    source = jsonl_source(write_release(tmp_path / "one"), "CB")
    reordered = jsonl_source(write_release(tmp_path / "two", train=[dict(reversed(ROW.items()))]), "CB")
    changed = jsonl_source(write_release(tmp_path / "three", train=[{**ROW, "premise": "It snowed."}]), "CB")
    longer = jsonl_source(write_release(tmp_path / "four", train=[ROW, ROW], val=[ROW]), "CB")
    assert source.checksum == reordered.checksum
    assert len({source.checksum, changed.checksum, longer.checksum}) == 3


def test_keys_that_no_task_reads_do_not_change_the_checksum(tmp_path):
    plain = jsonl_source(write_release(tmp_path / "plain"), "CB")
    more = jsonl_source(write_release(tmp_path / "more", train=[{**ROW, "version": 1.1, "source": "CNN"}]), "CB")
    assert plain.checksum == more.checksum


def test_with_a_limit_only_the_first_rows_of_each_split_are_kept(tmp_path):
    root = write_release(tmp_path, train=[{**ROW, "idx": number} for number in range(3)])
    few = jsonl_source(root, "CB", 2)
    assert [row["idx"] for _, row in few.splits["train"]] == [0, 1]
    assert [len(few.splits[split]) for split in SPLITS] == [2, 1]
    assert few.checksum != jsonl_source(root, "CB").checksum
    assert jsonl_source(root, "CB", 3) == jsonl_source(root, "CB", None)


def test_rows_beyond_the_limit_are_not_read(tmp_path):
    root = write_release(tmp_path)
    with (tmp_path / "CB" / "train.jsonl").open("a") as lines:
        lines.write("idx\n")
    assert jsonl_source(root, "CB", 1).splits["train"] == [(f"{root}/CB/train.jsonl:1", ROW)]


def test_a_partial_file_does_not_replace_the_file(tmp_path):
    root = write_release(tmp_path)
    (tmp_path / "CB" / "train.jsonl").rename(tmp_path / "CB" / "train.partial.jsonl")
    with pytest.raises(DataError) as caught:
        jsonl_source(root, "CB")
    assert str(caught.value) == f"{root}/CB/train.jsonl: cannot be read (No such file or directory)."


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["BoolQ", "ReCoRD"])
def test_an_official_folder_with_partial_files_is_refused(shared_dir, folder):
    with pytest.raises(DataError, match=rf"{folder}/train\.jsonl: cannot be read"):
        jsonl_source(str(shared_dir / "superglue"), folder)


@pytest.mark.parametrize("folder", sample_versions())
def test_sample_rows_are_read_like_the_official_release(folder):
    source = sample_source(folder, 2)
    assert (source.name, source.version) == ("sample", sample_versions()[folder])
    assert replace(source, name="jsonl", version=None) == jsonl_source(str(SAMPLES), folder, 2)
