"""A user's task file that is not YAML is refused with its name and line, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from rpt.config.broken_files import odd_files_refused
from rpt.config.hydra_errors import USER_ERRORS, explain
from tests.support.composed import compose

ROOT = Path(__file__).parents[2]
ADVICE = "Correct the file. Text that contains a character such as : or { needs quotes."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"name: own\nfields: [x",
            f":2: is not YAML (expected ',' or ']', but got '<stream end>', column 11). {ADVICE}",
        ),
        (
            b"name: own\n\tversion: 1",
            f":2: is not YAML (found character '\\t' that cannot start any token, column 1). {ADVICE}",
        ),
        (b"name: own\nname: own", f":2: is not YAML (found duplicate key name, column 1). {ADVICE}"),
        (b"name: \xff", ": is not UTF-8 text (invalid start byte, byte 6). Save the file as UTF-8."),
    ],
)
def test_the_error_of_a_file_that_is_no_yaml_has_its_line(content, reason, tmp_path):
    file = tmp_path / "task" / "own.yaml"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(USER_ERRORS) as caught:
        compose([f"hydra.searchpath=[file://{tmp_path}]", "task=own"])
    assert explain(caught.value) == f"{file}{reason}"


def test_a_value_that_cannot_be_read_is_refused_with_a_message(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "own.yaml").write_text("folder: ${oc.env:HOME")
    with pytest.raises(USER_ERRORS) as caught:
        compose([f"hydra.searchpath=[file://{tmp_path}]", "task=own"])
    assert explain(caught.value) == "a value of the configuration cannot be read: missing BRACE_CLOSE at '<EOF>'."


@pytest.mark.parametrize("content", ["[" * 1000 + "]" * 1000, "name: own\nfields: " + "{a: " * 2000, "- " * 3000])
def test_the_error_of_a_file_that_is_nested_too_deeply_has_its_line(content, tmp_path):
    file = tmp_path / "task" / "own.yaml"
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(USER_ERRORS) as caught:
        compose([f"hydra.searchpath=[file://{tmp_path}]", "task=own"])
    line = content.count("\n") + 1
    assert (
        explain(caught.value)
        == f"{file}:{line}: is nested too deeply. Correct the file: a configuration needs only a few levels."
    )


def test_the_command_refuses_a_file_that_is_nested_too_deeply(tmp_path):
    file = tmp_path / "task" / "own.yaml"
    file.parent.mkdir()
    file.write_text("[" * 1000)
    command = [sys.executable, ROOT / "run.py", "--config-dir", str(tmp_path), "task=own"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (
        ended.stderr == f"{file}:1: is nested too deeply. Correct the file: a configuration needs only a few levels.\n"
    )


def test_a_name_that_is_too_long_for_the_file_system_is_refused():
    with pytest.raises(USER_ERRORS) as caught, odd_files_refused():
        Path("x" * 300).is_dir()
    advice = "Use names of at most 255 bytes, also in the defaults of a configuration file."
    assert explain(caught.value) == f"{'x' * 40}... (300 characters): the name of a file is too long. {advice}"


def test_another_error_of_the_file_system_is_not_caught():
    with pytest.raises(FileNotFoundError), odd_files_refused():
        Path("/nowhere").stat()
