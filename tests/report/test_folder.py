"""A report replaces an earlier report, and no file that rpt has not written."""

import subprocess
import sys

import pytest

from rpt.report.__main__ import main
from rpt.report.page import folder as module
from rpt.report.page import write
from rpt.report.page.folder import publish, refuse_other_folder
from rpt.report.read.run import StudyError

FIRST = {"index.html": b"one", "figures/forest.svg": b"<svg/>", "tables/runs.csv": b"a,b\n"}
SECOND = {"index.html": b"two", "tables/runs.csv": b"a,b\n1,2\n"}

PUBLISH_AND_EXIT = """
import os, pathlib, sys
from rpt.report.page import folder

def die(*arguments):
    os._exit(9)

setattr(*{"write": (folder, "_put"), "swap": (folder, "_remove")}[sys.argv[2]], die)
folder.publish(pathlib.Path(sys.argv[1]), {"index.html": b"killed", "figures/a.svg": b"-"})
"""


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report_files(folder):
    """Return the files of a report's folder without its manifest."""
    return {name: data for name, data in content(folder).items() if name != module.MANIFEST}


@pytest.fixture
def out(tmp_path):
    """Path of a report in a folder that has a file of the user."""
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / ".report.notes").write_text("theirs")
    return tmp_path / "paper" / "report"


def test_a_folder_that_cannot_be_written_is_refused_before_the_runs_are_read(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(write, "collect", None)  # reading the runs would raise a TypeError
    assert main([str(tmp_path), "--out", str(tmp_path / "file" / "report")]) == 2
    reason = "file: cannot be written (Not a directory)"
    advice = "Free some space or name another folder with --out, then run the same command again."
    assert capsys.readouterr().err.endswith(f"{reason}. {advice}\n")


def test_a_report_replaces_an_earlier_report_and_leaves_no_temporary_files(out):
    publish(out, FIRST)
    assert report_files(out) == FIRST
    publish(out, SECOND)
    assert report_files(out) == SECOND
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "manifest.json", "tables"]
    assert sorted(path.name for path in out.parent.iterdir()) == [".report.notes", "report"]


@pytest.mark.parametrize("name", ["figures/mine.pdf", "index.html", "tables/deep/er.csv", "notes.txt", ".gitignore"])
def test_a_folder_with_a_file_that_no_manifest_lists_is_refused_and_not_changed(name, out):
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("theirs")
    message = (
        rf"report: is not a report of rpt, because it holds {name}\. A report replaces its folder\. Name another folder"
    )
    for act in (refuse_other_folder, lambda folder: publish(folder, FIRST)):
        with pytest.raises(StudyError, match=message):
            act(out)
    assert content(out) == {name: b"theirs"}


def test_a_report_with_an_added_or_changed_file_is_not_replaced(out):
    publish(out, FIRST)
    (out / "figures" / "mine.svg").write_text("theirs")
    with pytest.raises(StudyError, match=r"it holds figures/mine\.svg\. A report replaces its folder"):
        publish(out, SECOND)
    (out / "figures" / "mine.svg").unlink()
    (out / "index.html").write_text("with my notes")
    with pytest.raises(StudyError, match=r"index\.html: was changed since the report was written"):
        publish(out, SECOND)
    assert (out / "index.html").read_text() == "with my notes"


@pytest.mark.parametrize(
    "manifest", [b"{", b"[]", b'{"made_by": "rpt.report"}', b'{"made_by": 1, "files": {}}', b"[" * 99999]
)
def test_a_report_with_a_damaged_or_foreign_manifest_is_not_replaced(manifest, out):
    publish(out, FIRST)
    (out / module.MANIFEST).write_bytes(manifest)
    with pytest.raises(StudyError, match=r"is not a report of rpt, because it holds figures/forest\.svg"):
        publish(out, SECOND)
    assert report_files(out) == FIRST


def test_links_are_not_replaced(out, tmp_path):
    (tmp_path / "theirs").mkdir()
    publish(out, FIRST)
    (out / "index.html").unlink()
    (out / "index.html").symlink_to(tmp_path / "theirs")
    with pytest.raises(StudyError, match="was changed since"):
        publish(out, SECOND)
    link = out.with_name("link")
    link.symlink_to(tmp_path / "theirs")
    with pytest.raises(StudyError, match="link: is not a folder"):
        publish(link, SECOND)


@pytest.mark.parametrize("moment", ["write", "swap"])
def test_the_next_report_removes_the_temporary_files_of_a_killed_report(moment, out):
    publish(out, FIRST)
    done = subprocess.run([sys.executable, "-c", PUBLISH_AND_EXIT, str(out), moment], check=False)
    assert done.returncode == 9
    drafts = [path for path in out.parent.iterdir() if path.name.endswith(".rpt-draft")]
    assert len(drafts) == 1
    (drafts[0] / "theirs").write_text("put here by somebody")
    foreign_draft = out.with_name(".report.mine.rpt-draft")
    foreign_draft.mkdir()
    publish(out, SECOND)
    assert report_files(out) == SECOND
    assert content(drafts[0]) == {"theirs": b"put here by somebody"}
    assert foreign_draft.is_dir()


def test_two_processes_cannot_write_one_report_at_once(out, monkeypatch):
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    with module._locked(out), pytest.raises(StudyError, match="another process writes this report"):
        publish(out, FIRST)
    publish(out, FIRST)
    assert report_files(out) == FIRST
