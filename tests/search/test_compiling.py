"""Compiled code that is kept notices a change in any file of the search, not in its own alone."""

import subprocess
import sys
from pathlib import Path

import pytest

import workbench.search.compiling as compiling
from workbench.search import replay, tree, waves


def test_what_is_kept_goes_by_all_files():
    for function in (tree.back_up, tree.choose_edge, waves.advance, waves.copy_out, replay.back_up_simulations):
        assert function._cache._cache_file._source_stamp == compiling.STAMP
    assert {"tree.py", "settings.py", "waves.py"} <= {name for name, _, _ in compiling.STAMP}


def test_the_core_counts_no_holders():
    """Where numba has lost the option the search is right all the same, and takes twice as long."""
    assert compiling._UNCOUNTED == {"_nrt": False}
    assert tree.choose_edge.targetoptions["_nrt"] is False


@pytest.mark.torture
def test_a_change_in_another_file_is_seen(tmp_path):
    """The same two files twice, the second time with another constant in the file that is called."""
    package = tmp_path / "small"
    package.mkdir()
    source = Path(compiling.__file__).read_text()
    (package / "__init__.py").write_text("")
    (package / "compiling.py").write_text(source)
    (package / "inner.py").write_text(
        "from small.compiling import compiled\n\n@compiled\ndef number():\n    return 1\n"
    )
    (package / "outer.py").write_text(
        "from small.compiling import compiled\nfrom small.inner import number\n\n@compiled\ndef twice():\n"
        "    return 2 * number()\n"
    )
    ask = [sys.executable, "-c", "import small.outer; print(small.outer.twice())"]

    def answer() -> str:
        return subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert answer() == "2"
    (package / "inner.py").write_text(
        "from small.compiling import compiled\n\n@compiled\ndef number():\n    return 2000\n"
    )
    assert answer() == "4000"
