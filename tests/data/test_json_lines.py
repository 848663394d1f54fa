"""JSON lines are written and read without loss, also with unusual line separators in their texts."""

import json

import pytest

from rpt.data.jsonl import read_rows
from rpt.errors import DataError
from rpt.system import writing as files

SEPARATORS = [chr(code) for code in range(0x3000) if len(f"a{chr(code)}b".splitlines()) > 1]


@pytest.mark.parametrize("separator", [*SEPARATORS, "\r\n", "\ud800"], ids=ascii)
def test_a_text_with_a_line_separator_is_written_in_one_line(separator, tmp_path):
    assert {"\n", "\x85", "\u2028", "\u2029"} <= set(SEPARATORS)
    values = [{"predicted": f"a{separator}b"}, {"predicted": "second"}]
    files.write_json_lines(tmp_path / "a", values)
    assert files.read_json_lines(tmp_path / "a") == values
    assert [json.loads(line) for line in (tmp_path / "a").read_text(encoding="utf-8").splitlines()] == values
    files.write_json(tmp_path / "b", values)
    assert json.loads((tmp_path / "b").read_text(encoding="utf-8")) == values


def test_json_lines_with_bare_separators_are_read(tmp_path):
    (tmp_path / "a").write_text('{"predicted": "a\u2028b\x85c"}\n{"predicted": "d"}\n', encoding="utf-8")
    assert [line["predicted"] for line in files.read_json_lines(tmp_path / "a")] == ["a\u2028b\x85c", "d"]


@pytest.mark.shared
def test_the_official_rte_test_row_with_a_line_separator_is_written_and_read(shared_dir, tmp_path):
    rows = [row for _, row in read_rows(shared_dir / "superglue" / "RTE" / "test.jsonl")]
    odd = [row for row in rows if len(row["premise"].splitlines()) > 1]
    assert len(odd) == 1
    files.write_json_lines(tmp_path / "a", rows)
    assert files.read_json_lines(tmp_path / "a") == rows


def test_a_pointer_of_git_lfs_in_place_of_rows_is_refused_with_advice(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=r"train\.jsonl: is a pointer of git-lfs, .*Run git lfs pull in its folder\."):
        list(read_rows(path))
