import shutil
import time

import pytest

from workbench.errors import WorkbenchError
from workbench.views.errors import plain
from workbench.views.root import below_root, file_name, name_below_root, refuse_links_out, root_folder


def test_names_below_the_root_are_paths_in_it(root):
    (root / "deep").mkdir()
    assert below_root("deep") == root_folder() / "deep"
    assert name_below_root(root_folder() / "deep") == "deep"


@pytest.mark.parametrize("name", ["..", "/", "/etc", "deep/../../x", ".", "", "a\0b", "~/x/../../.."])
def test_nothing_else_is(root, name):
    with pytest.raises(WorkbenchError):
        below_root(name)


def test_a_link_is_resolved(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(WorkbenchError, match="not below"):
        below_root("link")


def test_the_root_itself_where_it_is_a_recording(recorded, root, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ROOT", str(recorded / "cartpole.zarr"))
    assert below_root(".") == recorded / "cartpole.zarr"
    assert name_below_root(below_root(".")) == "."
    assert file_name(below_root(".")) == "cartpole"
    with pytest.raises(WorkbenchError, match="not below"):
        below_root("..")


@pytest.mark.parametrize("place", ["zarr.json", "steps/value", "activations", "c"])
def test_a_recording_with_a_link_out_is_refused(full_root, tmp_path, place):
    shutil.copytree(full_root / "cartpole.zarr", tmp_path / "outside")
    link = full_root / "cartpole.zarr" / place
    (full_root / "cartpole.zarr" / "steps" / "loop").symlink_to("..")
    target = tmp_path / "outside" if place == "c" else tmp_path / "outside" / place
    if link.is_dir():
        shutil.rmtree(link)
    else:
        link.unlink(missing_ok=True)
    link.symlink_to(target)
    with pytest.raises(WorkbenchError, match=r"is a link that leads out of the folder .* Put a copy"):
        refuse_links_out(full_root / "cartpole.zarr")


def test_links_that_stay_within_the_root_are_followed_once(full_root, tmp_path):
    (full_root / "cartpole.zarr" / "loop").symlink_to("..")
    (full_root / "kept").mkdir()
    (full_root / "cartpole.zarr" / "kept").symlink_to(full_root / "kept")
    refuse_links_out(full_root / "cartpole.zarr")
    (full_root / "kept" / "out").symlink_to(tmp_path)
    with pytest.raises(WorkbenchError, match="'out' is a link that leads out"):
        refuse_links_out(full_root / "cartpole.zarr")


def test_ten_thousand_files_are_looked_at_at_once(root):
    for folder in range(10):
        (root / "x.zarr" / str(folder)).mkdir(parents=True)
        for file in range(1000):
            (root / "x.zarr" / str(folder) / str(file)).touch()
    began = time.perf_counter()
    refuse_links_out(root / "x.zarr")
    assert time.perf_counter() - began < 1


def test_markdown_and_html_are_escaped():
    assert plain("[a](javascript:x) **b** <i> `c`") == ("\\[a\\]\\(javascript\\:x\\) \\*\\*b\\*\\* \\<i\\> \\`c\\`")
