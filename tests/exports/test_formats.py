import builtins
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.exports import FORMATS, export
from workbench.exports.output import writing


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_writes_its_output_and_leaves_nothing_else(
    name: str, recordings: SimpleNamespace, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"layer": "0"} if "layer" in FORMATS[name].required else {}
    written = export(recordings.grid, name, tmp_path / f"out-v0{FORMATS[name].suffix}", **options)
    assert written.exists()
    assert [path.name for path in tmp_path.iterdir()] == [written.name]


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_replaced_unless_asked(name: str, recordings: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / f"out-v0{FORMATS[name].suffix}"
    options: dict[str, Any] = {"layer": "0"} if "layer" in FORMATS[name].required else {}
    out.write_text("precious")
    with pytest.raises(WorkbenchError, match="exists already"):
        export(recordings.grid, name, out, **options)
    assert out.read_text() == "precious"
    export(recordings.grid, name, out, overwrite=True, **options)
    export(recordings.grid, name, out, overwrite=True, **options)
    assert out.is_dir() == FORMATS[name].folder
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_suffix_is_added_and_a_wrong_one_refused(recordings: SimpleNamespace, tmp_path: Path) -> None:
    assert export(recordings.grid, "csv", tmp_path / "run.1").name == "run.1.csv"
    with pytest.raises(WorkbenchError, match=r"ending in \.csv"):
        export(recordings.grid, "csv", tmp_path / "run.mp4")


def test_wrong_requests_say_what_there_is(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"no export format 'avi'.*html"):
        export(recordings.grid, "avi", tmp_path / "x")
    with pytest.raises(WorkbenchError, match="does not take layer; it takes: episode"):
        export(recordings.grid, "csv", tmp_path / "x", layer="0")
    with pytest.raises(WorkbenchError, match=r"needs a layer.*0, 1, 2"):
        export(recordings.grid, "npz", tmp_path / "x")
    with pytest.raises(WorkbenchError, match=r"no layer 'conv'.*0, 1, 2"):
        export(recordings.grid, "npz", tmp_path / "x", layer="conv")
    with pytest.raises(WorkbenchError, match="no episode 9"):
        export(recordings.grid, "csv", tmp_path / "x", episode=9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "package"), [("mp4", "imageio_ffmpeg"), ("minari", "minari"), ("minari", "h5py")])
def test_a_missing_package_gives_the_install_line(
    name: str, package: str, recordings: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = builtins.__import__

    def absent(module: str, *arguments: Any, **options: Any) -> Any:
        if module.split(".")[0] == package:
            raise ImportError(module)
        return genuine(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match=r"pip install \"rl-workbench\[" + str(FORMATS[name].extra)):
        export(recordings.grid, name, tmp_path / "out-v0")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_neither_the_output_nor_a_temporary(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")

    def fail() -> None:
        with writing(out, overwrite=True) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert out.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [out]


def test_an_output_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WorkbenchError, match="could not be written"),
        writing(tmp_path / "file" / "out.csv", overwrite=False),
    ):
        pass


def test_progress_is_told_and_closed(recordings: SimpleNamespace, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    closed: list[bool] = []

    class Listener:
        def update(self, done: int, total: int, message: str = "") -> None:
            seen.append((done, total))

        def close(self) -> None:
            closed.append(True)

    export(recordings.grid, "npz", tmp_path / "x", layer="*", progress=Listener())
    assert seen[-1][0] == seen[-1][1] > 0
    assert closed == [True]


def test_the_table_is_cheap_to_import() -> None:
    code = "import workbench.exports, sys; print(sorted({'torch', 'zarr', 'streamlit', 'minari'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
