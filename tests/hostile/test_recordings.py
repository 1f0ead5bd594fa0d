"""Hostile recordings: nothing is run, imported or followed, none grows beyond a gigabyte, each is read or refused."""

import shutil
from pathlib import Path

import pytest

from tests.hostile.arena import Arena, Verdict
from tests.hostile.pickles import attacks
from tests.hostile.recordings import ARRAYS, CHUNKS, COUNTS, HARMLESS, LINKS, METADATA_LINKS, ROOTS
from tests.hostile.tables import TABLES
from tests.hostile.tampering import Change, agent_file, attributes, both, edit, unconsolidate, within

pytestmark = pytest.mark.sampled(3)

NAMES = {"array": ARRAYS, "root": ROOTS, "count": COUNTS, "chunk": CHUNKS, "link": LINKS, "metadata": METADATA_LINKS}
CASES = [(kind, what) for kind, cases in NAMES.items() for what in cases]


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound recording."""
    return Path(shutil.copytree(sound, tmp_path / "x.zarr"))


def read(arena: Arena, recording: Path) -> Verdict:
    """Read a recording in the arena in every way there is, and check what holds of every recording."""
    folder = recording.parent / "exports"
    folder.mkdir()
    for verdict in (
        arena.run("export_recording", recording, folder, writes=folder),
        arena.run("list_folder", recording.parent),
        verdict_of_reading := arena.run("read_recording", recording),
    ):
        assert verdict.clean, verdict
        assert "\n" not in verdict.message
        assert len(verdict.message) < 1500
    assert not (recording.parent / "executed").exists()
    return verdict_of_reading


def refusals(verdict: Verdict) -> list[str]:
    """What it said no to."""
    if verdict.outcome == "refused":
        return [verdict.message]
    return [said for part, said in verdict.value.items() if said != "done" and part != "observations image"]


def test_the_sound_one_is_read(copy: Path, arena: Arena) -> None:
    assert refusals(read(arena, copy)) == []


@pytest.mark.parametrize(("kind", "what"), CASES)
def test_a_hostile_recording(kind: str, what: str, copy: Path, arena: Arena) -> None:
    NAMES[kind][what](copy)
    verdict = read(arena, copy)
    assert bool(refusals(verdict)) == (what not in HARMLESS), verdict
    assert not any("root:" in said for said in refusals(verdict)), "it tells of /etc/passwd"


@pytest.mark.parametrize("what", ARRAYS)
def test_a_hostile_array_without_the_roots_repetition(what: str, copy: Path, arena: Arena) -> None:
    both(ARRAYS[what], unconsolidate)(copy)
    assert bool(refusals(read(arena, copy))) == (what not in HARMLESS)


@pytest.mark.parametrize("what", TABLES)
def test_tables_that_do_not_fit(what: str, copy: Path, arena: Arena) -> None:
    TABLES[what](copy)
    read(arena, copy)


def test_a_link_to_the_recording_itself_is_followed(sound: Path, arena: Arena, tmp_path: Path) -> None:
    """Who names a link means what it leads to; only what lies inside of it may not lead out."""
    (tmp_path / "link.zarr").symlink_to(sound)
    assert refusals(arena.run("read_recording", tmp_path / "link.zarr")) == []


def test_a_link_within_the_recording_is_followed(copy: Path, arena: Arena) -> None:
    shutil.move(copy / "steps" / "value", copy / "kept")
    (copy / "steps" / "value").symlink_to(copy / "kept")
    assert refusals(read(arena, copy)) == []


@pytest.mark.parametrize("what", ["environment", "environment that is installed", "agent", "file in an option"])
def test_what_a_recording_names_is_not_imported(what: str, copy: Path, arena: Arena, tmp_path: Path) -> None:
    """Reading, listing and exporting import nothing of it; replaying and rebuilding say what to do first."""
    (tmp_path / "stranger_module.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w').close()\n")
    changes: dict[str, Change] = {
        "environment": within("environment", id="stranger_module:Env-v0"),
        "environment that is installed": within("environment", id="antigravity:Env-v0"),
        "agent": both(
            within("policy", spec="stranger_module:make"), lambda folder: shutil.rmtree(folder / "agent" / "file")
        ),
        "file in an option": within("environment", kwargs={"xml_file": "../stranger.xml"}),
    }
    changes[what](copy)
    if what == "agent":
        edit(copy, lambda document: document["consolidated_metadata"]["metadata"].pop("agent/file"))
    verdict = read(arena, copy)
    rebuilt = arena.run("rebuild_agent", copy, writes=Path("/tmp"))
    assert rebuilt.clean, rebuilt
    assert rebuilt.outcome == "refused"
    if what != "agent":
        assert "not " in verdict.value["replay"]
        assert verdict.value["replay"].startswith("refused")
    said = rebuilt.message + verdict.value["replay"]
    assert ("import it yourself first" in said) == (what != "file in an option")


@pytest.mark.parametrize("way", sorted(attacks(Path("x"))))
def test_an_agent_inside_a_recording_executes_nothing(way: str, copy: Path, arena: Arena, tmp_path: Path) -> None:
    agent_file(copy, attacks(tmp_path / "executed")[way])
    check_agent(copy, arena)


@pytest.mark.parametrize(
    "kind", ["os", "module:factory", "stranger_module", "../ppo", 5, None, ["ppo"], "recurrent_ppo"]
)
def test_an_agent_of_another_kind(kind: object, copy: Path, arena: Arena) -> None:
    agent_file(copy, (copy.parent / "x.zarr" / "zarr.json").read_bytes(), kind=kind)
    check_agent(copy, arena)


def check_agent(copy: Path, arena: Arena) -> None:
    verdict = arena.run("rebuild_agent", copy, writes=Path("/tmp"))
    assert verdict.clean, verdict
    assert verdict.outcome == "refused"
    assert not (copy.parent / "executed").exists()
    read(arena, copy)


def test_a_normalisation_that_makes_no_sense(copy: Path, arena: Arena) -> None:
    """An array among the agent's that a policy would be built with."""
    source = copy / "steps" / "value"
    shutil.copytree(source, copy / "agent" / "normalisation" / "mean")
    unconsolidate(copy)
    (copy / "agent" / "normalisation" / "zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    )
    verdict = arena.run("rebuild_agent", copy, writes=Path("/tmp"))
    assert verdict.clean, verdict
    assert "normalisation statistics need the arrays" in verdict.message


HTML = '<script>window.harmed=1</script><img src=x onerror="window.harmed=1">\'&amp;</pre></table>'


def texts(text: str) -> Change:
    """Put a text wherever a recording keeps one."""

    def change(folder: Path) -> None:
        def everywhere(document: dict) -> None:
            known = document["attributes"]
            known["policy"] |= {"name": text, "spec": text, "fingerprint": text}
            known["environment"] |= {"id": text, "action_names": [text] * 2, "observation_names": [text] * 4}
            known["environment"] |= {"wrappers": [text], "kwargs": {text: text}}
            known |= {"ended": text, "created": text, "complete": False, "versions": {text: text}}
            known["layers"] = {name: facts | {"module": text} for name, facts in known["layers"].items()}
            known |= {"skipped_layers": {text: text}, "non_finite": {f"activations/{text}": 3}}
            repeated = document["consolidated_metadata"]["metadata"]
            layer = next(path for path in repeated if path.startswith("activations/"))
            for group in ("activations", "steps/truth"):
                repeated[f"{group}/{text.replace('/', '∕')}"] = dict(repeated[layer])

        edit(folder, everywhere)
        layer = next(path for path in (folder / "activations").iterdir() if path.is_dir())
        for group in ("activations", "steps/truth"):
            (folder / group).mkdir(exist_ok=True)
            shutil.copytree(layer, folder / group / text.replace("/", "∕"))

    return change


def test_texts_stay_texts_in_html(copy: Path, arena: Arena, tmp_path: Path) -> None:
    texts(HTML)(copy)
    verdict = read(arena, copy)
    assert (
        refusals(verdict) == [said for said in refusals(verdict) if "replay" in verdict.value and "refused" in said][:1]
    )
    shown = arena.run("show_recording", copy).value
    page = (tmp_path / "exports" / "html.html").read_text()
    for html in (shown["html"], page):
        assert "harmed" in html, "the texts are not there"
        assert "<script>window" not in html
        assert "<img src=x" not in html


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;harmed\x07", "a\nb\rc", "\u202eharmed\u2066", "\x9b31m", "\ud800", "a" * 50_000]
)
def test_texts_stay_texts_on_a_terminal(text: str, copy: Path, arena: Arena) -> None:
    texts_in_attributes = both(
        within("policy", name=text, spec=text), within("environment", id=text), attributes(ended=text, complete=False)
    )
    texts_in_attributes(copy)
    for words in (["info", str(copy)], ["list", str(copy.parent)], ["info", str(copy), "--json"]):
        verdict = arena.run("command_line", words)
        assert verdict.clean, verdict
        status, printed, complained = verdict.value
        assert (status, complained) == (0, "")
        assert all(sign == "\n" or sign.isprintable() for sign in printed), words
