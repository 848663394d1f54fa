"""A report replaces an earlier report and no file of anybody else's."""

import subprocess
import sys

import pytest

from rpt.report.page import folder as module
from rpt.report.page.folder import publish, refuse_other_folder
from rpt.report.read.run import StudyError

FIRST = {"index.html": b"one", "figures/forest.svg": b"<svg/>", "tables/runs.csv": b"a,b\n"}
SECOND = {"index.html": b"two", "tables/runs.csv": b"a,b\n1,2\n"}

DIES = """
import os, pathlib, sys
from rpt.report.page import folder

def die(*arguments):
    os._exit(9)

setattr(*{"write": (folder, "_put"), "swap": (folder, "_remove")}[sys.argv[2]], die)
folder.publish(pathlib.Path(sys.argv[1]), {"index.html": b"killed", "figures/a.svg": b"-"})
"""


def content(place):
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def reports(place):
    """Return the files of a report's folder, without its manifest."""
    return {name: found for name, found in content(place).items() if name != module.MANIFEST}


@pytest.fixture
def out(tmp_path):
    """A report's folder, below a folder of somebody else's."""
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / ".report.notes").write_text("theirs")
    return tmp_path / "paper" / "report"


def test_a_report_replaces_an_earlier_one_and_leaves_nothing_beside_it(out):
    publish(out, FIRST)
    assert reports(out) == FIRST
    publish(out, SECOND)
    assert reports(out) == SECOND
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "manifest.json", "tables"]
    assert sorted(path.name for path in out.parent.iterdir()) == [".report.notes", "report"]


@pytest.mark.parametrize("name", ["figures/mine.pdf", "index.html", "tables/deep/er.csv", "notes.txt", ".gitignore"])
def test_a_folder_with_a_file_that_no_manifest_lists_is_left_as_it_is(name, out):
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("theirs")
    message = rf"report: is no report of rpt, it holds {name}, and a report replaces its folder\. Name another folder"
    for act in (refuse_other_folder, lambda place: publish(place, FIRST)):
        with pytest.raises(StudyError, match=message):
            act(out)
    assert content(out) == {name: b"theirs"}


def test_a_file_that_was_added_or_changed_is_not_lost(out):
    publish(out, FIRST)
    (out / "figures" / "mine.svg").write_text("theirs")
    with pytest.raises(StudyError, match=r"it holds figures/mine\.svg, and a report replaces its folder"):
        publish(out, SECOND)
    (out / "figures" / "mine.svg").unlink()
    (out / "index.html").write_text("with my notes")
    with pytest.raises(StudyError, match=r"index\.html: was changed since the report was written"):
        publish(out, SECOND)
    assert (out / "index.html").read_text() == "with my notes"


@pytest.mark.parametrize(
    "manifest", [b"{", b"[]", b'{"made_by": "rpt.report"}', b'{"made_by": 1, "files": {}}', b"[" * 99999]
)
def test_a_damaged_or_foreign_manifest_makes_no_file_ours(manifest, out):
    publish(out, FIRST)
    (out / module.MANIFEST).write_bytes(manifest)
    with pytest.raises(StudyError, match=r"is no report of rpt, it holds figures/forest\.svg"):
        publish(out, SECOND)
    assert reports(out) == FIRST


def test_links_are_not_ours(out, tmp_path):
    (tmp_path / "theirs").mkdir()
    publish(out, FIRST)
    (out / "index.html").unlink()
    (out / "index.html").symlink_to(tmp_path / "theirs")
    with pytest.raises(StudyError, match="was changed since"):
        publish(out, SECOND)
    link = out.with_name("link")
    link.symlink_to(tmp_path / "theirs")
    with pytest.raises(StudyError, match="link: is no folder"):
        publish(link, SECOND)


@pytest.mark.parametrize("moment", ["write", "swap"])
def test_the_drafts_of_a_killed_report_go_with_the_next_one(moment, out):
    publish(out, FIRST)
    done = subprocess.run([sys.executable, "-c", DIES, str(out), moment], check=False)
    assert done.returncode == 9
    left = [path for path in out.parent.iterdir() if path.name.endswith(".rpt-draft")]
    assert len(left) == 1
    (left[0] / "theirs").write_text("put here by somebody")
    theirs = out.with_name(".report.mine.rpt-draft")
    theirs.mkdir()
    publish(out, SECOND)
    assert reports(out) == SECOND
    assert content(left[0]) == {"theirs": b"put here by somebody"}
    assert theirs.is_dir()


def test_two_processes_do_not_write_one_report(out, monkeypatch):
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.1)
    with module._locked(out), pytest.raises(StudyError, match="another process writes this report"):
        publish(out, FIRST)
    publish(out, FIRST)
    assert reports(out) == FIRST
