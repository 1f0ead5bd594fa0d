import pytest

from workbench.errors import WorkbenchError
from workbench.views.errors import plain
from workbench.views.root import below_root, name_below_root, root_folder


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


def test_markdown_and_html_are_escaped():
    assert plain("[a](javascript:x) **b** <i> `c`") == ("\\[a\\]\\(javascript\\:x\\) \\*\\*b\\*\\* \\<i\\> \\`c\\`")
