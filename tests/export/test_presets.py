"""Presets: data files whose options stand below everything that was said more strongly."""

from __future__ import annotations

import json
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest

from reelpress import flags
from reelpress.cli.app import run
from reelpress.cli.export import settings_for
from reelpress.errors import SettingsError
from reelpress.export.presets import NOT_IN_PRESETS, OF_ONE_FORMAT, checked, options, refuse_unapplied, with_preset
from reelpress.export.settings import OPTION_NAMES, ExportSettings
from reelpress.flags import Setting
from reelpress.project.preset_files import SHIPPED, AppliedPreset, available, find, read

NAMES = ("archive", "github-readme", "keynote-overlay", "slack", "youtube")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's config folder, empty; no setting from outside."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setattr("platformdirs.user_config_path", lambda *a, **k: folder)
    for name in OPTION_NAMES:
        monkeypatch.delenv(f"REELPRESS_{name.upper()}", raising=False)
    return folder


def mine(home: Path, name: str, text: str) -> Path:
    (home / "presets").mkdir(exist_ok=True)
    file = home / "presets" / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


# What comes with Reelpress


def test_the_five_are_there_as_data() -> None:
    assert tuple(sorted(file.stem for file in SHIPPED.glob("*.toml"))) == NAMES
    for name in NAMES:
        data = tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))
        assert data["about"].endswith(".")
        assert data["options"]["format"] in ("mp4", "gif", "mov")


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_used(name: str) -> None:
    wanted = tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))["options"]
    settings = ExportSettings.with_preset(name)
    for key, value in wanted.items():
        found = getattr(settings, key.replace("-", "_"))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        assert found in (value, Fraction(str(value)) if number else value) or (
            key == "max-size" and found == 10_000_000
        ), key


def test_values_are_read_as_anywhere() -> None:
    settings = ExportSettings.with_preset("github-readme")
    assert (settings.format, settings.resolution, settings.fps) == ("gif", "800w", 15)
    assert (settings.gif_quality, settings.max_size, settings.loop) == (85, 10_000_000, 0)


# Who wins


def test_an_option_given_beside_it_wins() -> None:
    settings = settings_for(None, {"preset": "slack", "fps": "24", "quality": "social"})
    assert (settings.fps, settings.quality, settings.resolution) == (24, "social", "720p")


def test_on_the_command_line_it_is_stronger_than_environment_and_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "reelpress.toml").write_text('quality = "potato"\ngop = 7\n')
    monkeypatch.setenv("REELPRESS_FPS", "50")
    monkeypatch.setenv("REELPRESS_CRF", "33")
    settings = settings_for(None, {"preset": "slack"})
    assert (settings.fps, settings.quality) == (30, "web")  # the preset's
    assert (settings.crf, settings.gop) == (33, 7)  # what it says nothing about


def test_named_by_a_file_it_is_below_that_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "reelpress.toml").write_text('preset = "slack"\nquality = "potato"\n')
    assert settings_for(None, {}).quality == "potato"
    assert settings_for(None, {}).fps == 30
    monkeypatch.setenv("REELPRESS_FPS", "50")
    assert settings_for(None, {}).fps == 50


def test_the_file_beside_the_source_is_stronger_than_a_preset_of_the_users(home: Path, tmp_path: Path) -> None:
    beside = tmp_path / "films"
    beside.mkdir()
    (home / "reelpress.toml").write_text('preset = "slack"\n')
    (beside / "reelpress.toml").write_text("fps = 12\n")
    settings = settings_for(beside / "a.mp4", {})
    assert (settings.fps, settings.resolution) == (12, "720p")
    # and a preset named beside the source is stronger than the user's file
    (home / "reelpress.toml").write_text("fps = 48\n")
    (beside / "reelpress.toml").write_text('preset = "slack"\n')
    assert settings_for(beside / "a.mp4", {}).fps == 30


def test_another_format_leaves_out_what_was_chosen_for_the_presets_own() -> None:
    for asked, output in (({"format": "mp4"}, None), ({}, Path("x.mp4"))):
        settings = settings_for(None, {"preset": "github-readme", **asked}, output)
        assert settings.format in (None, "mp4")
        assert (settings.gif_quality, settings.loop, settings.max_size) == (None, None, None)
        assert (settings.resolution, settings.fps) == ("800w", 15)
    same = settings_for(None, {"preset": "github-readme"}, Path("x.gif"))
    assert (same.format, same.gif_quality) == ("gif", 85)
    given = settings_for(None, {"preset": "github-readme", "gif_quality": "12"}, Path("x.gif"))
    assert given.gif_quality == 12


def test_options_of_one_format_are_options() -> None:
    assert OF_ONE_FORMAT - {"cursor_only"} <= set(OPTION_NAMES)
    assert set(NOT_IN_PRESETS) - {"title"} <= set(OPTION_NAMES)


# The user's own


def test_the_users_are_found_and_win_over_those_of_that_name(home: Path) -> None:
    file = mine(home, "slack", "[options]\nfps = 11\n")
    mine(home, "wiki", 'about = "x."\n[options]\ngop = 4\noptimize-size = true\n')
    assert available()["slack"] == file
    assert ExportSettings.with_preset("slack").fps == 11
    assert ExportSettings.with_preset("slack").resolution == ExportSettings().resolution
    wiki = ExportSettings.with_preset("wiki")
    assert (wiki.gop, wiki.optimize_size) == (4, True)
    # a switch can be taken back, though off is the default
    assert settings_for(None, {"preset": "wiki", "optimize_size": False}).optimize_size is False


def test_a_file_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text("[options]\nresolution = '480p'\n")
    assert ExportSettings.with_preset(file).resolution == "480p"
    assert settings_for(None, {"preset": str(file)}).resolution == "480p"


def test_looks_are_presets_too(tmp_path: Path) -> None:
    assert find("card").options == {} and "background" in find("card").look
    file = tmp_path / "look.json"
    file.write_text('{"screenMotionBlur": 0}')
    assert find(str(file)).look == {"screenMotionBlur": 0}
    named = tmp_path / "a.toml"
    named.write_text('look = "card"\n')
    assert find(str(named)).look == find("card").look
    own = tmp_path / "b.toml"
    own.write_text("[look]\nscreenMotionBlur = 1\n")
    assert find(str(own)).look == {"screenMotionBlur": 1}


def test_the_look_is_laid_over_the_project(tmp_path: Path, tiny_cap: Path) -> None:
    from reelpress.project.load import load_project
    from reelpress.recording.load import load

    file = tmp_path / "look.toml"
    file.write_text("[options]\nfps = 30\n[look.background]\npadding = 21\n")
    with load(tiny_cap) as recording:
        assert load_project(recording, look=str(file)).project.background.padding == 21
        assert load_project(recording, look="slack").project == load_project(recording).project


def test_a_broken_look_is_the_presets_mistake_not_the_projects(tmp_path: Path, tiny_cap: Path) -> None:
    from reelpress.errors import SettingsError
    from reelpress.project.load import load_project
    from reelpress.recording.load import load

    file = tmp_path / "look.toml"
    file.write_text("[look]\nbackground = 3\n")
    with load(tiny_cap) as recording, pytest.raises(SettingsError) as caught:
        load_project(recording, look=str(file))
    said = str(caught.value)
    assert said == f"The look of the preset {file}, key 'background': expected an object, given 3."


# What is refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[options]\nfsp = 30\n", "sets 'fsp', which is no option. Did you mean fps?"),
        ("[options]\nzzzz = 30\n", "sets 'zzzz', which is no option. Allowed are: "),
        ("[options]\nstart = 3\n", "sets start, which no preset can: it belongs to one recording."),
        ("[options]\noverwrite = true\n", "sets overwrite, which no preset can: a preset must not replace files."),
        ("[options]\npreset = 'slack'\n", "sets preset, which no preset can: a preset cannot use another one."),
        ("[options]\nfps = [30]\n", "sets fps to [30]. It is one value"),
        ("[options.fps]\nx = 1\n", "sets fps to {'x': 1}. It is one value"),
        ("fps = 30\n", "has 'fps', which is not known. Allowed are about, options, look"),
        ("options = 3\n", "options is a table"),
        ("look = 3\n", "look is a table"),
        ("look = 'nice'\n", "takes the look 'nice', which there is not."),
        ("about = 3\n", "about is a sentence in quotes."),
        ("fps = \n", "is not valid TOML: "),
        ("\xff", None),
        ("[options]\nfps = 1000\n", "--fps is 1000. Allowed is 1 to 240. (From preset bad.)"),
        ("[options]\nquality = 'best'\n", "Allowed are: maximum, social, web, potato. (From preset bad.)"),
        ("[options]\nformat = 'mov'\ncursor-only = true\nnew-thing = 1\n", None),
    ],
)
def test_what_a_file_may_not_say(home: Path, capsys: pytest.CaptureFixture[str], text: str, says: str | None) -> None:
    file = mine(home, "bad", "")
    file.write_bytes(text.encode("latin-1"))
    assert run(["config", "--preset", "bad"]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("reelpress: ") and error.endswith((".", ".)", "?")) and "\n" not in error
    assert says is None or says in error


def test_a_name_that_there_is_not(home: Path) -> None:
    mine(home, "wiki", "")
    with pytest.raises(SettingsError) as caught:
        find("utube")
    text = str(caught.value)
    for name in (*NAMES, "wiki", "card", "plain"):
        assert name in text
    assert str(home / "presets") in text
    with pytest.raises(SettingsError, match=r"cannot be read: No such file"):
        find("nowhere.toml")
    (home / "reelpress.toml").write_text('preset = "utube"\n')
    with pytest.raises(SettingsError, match=r"\(From file .*reelpress\.toml\.\)$"):
        settings_for(None, {})


def test_no_preset_is_huge(tmp_path: Path) -> None:
    file = tmp_path / "huge.toml"
    file.write_text("#" * ((1 << 20) + 1))
    with pytest.raises(SettingsError, match="larger than a preset can be"):
        read("huge", file)


# In Python and in what the commands print


def test_a_name_alone_in_python_is_refused_where_it_would_leave_out_options(tiny_cap: Path) -> None:
    from reelpress.export.prepare import prepare

    with pytest.raises(SettingsError, match=r"ExportSettings\.with_preset\('slack', \.\.\.\)"):
        prepare(tiny_cap, None, ExportSettings(preset="slack"))
    refuse_unapplied(ExportSettings(preset="card"))
    refuse_unapplied(ExportSettings.with_preset("slack"))
    assert isinstance(ExportSettings.with_preset("slack", fps=20).preset, AppliedPreset)
    assert ExportSettings.with_preset("slack", fps=20).fps == 20


def test_config_says_that_it_came_from_the_preset(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine(home, "wiki", "")
    assert run(["config", "--preset", "slack", "--fps", "25", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    rows = data["options"]
    assert rows["fps"] == {"value": "25", "from": "command line"}
    assert rows["quality"] == {"value": "web", "from": "preset slack"}
    assert rows["preset"] == {"value": "slack", "from": "command line"}
    assert rows["crf"]["from"] == "default"
    assert set(data["presets"]) == {*NAMES, "wiki"}
    assert run(["config", "--preset", "slack"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["quality", "web", "preset", "slack"] for line in lines)
    assert any(str(home / "presets") in line for line in lines)


def test_the_plan_is_the_presets(tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", str(tiny_cap), "--preset", "github-readme", "--fps", "10", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["output"].endswith(".gif") and plan["fps"] == "10"
    assert plan["width"] <= 800


def test_checked_is_what_stands_in_the_file() -> None:
    assert checked(find("slack")) == {
        "format": "mp4", "codec": "h264", "resolution": "720p", "fps": 30, "quality": "web",
    }  # fmt: skip


def test_without_a_preset_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {"fps": Setting("30", "command line")}
    assert with_preset(layers) == layers
    monkeypatch.setattr(flags, "config_files", lambda folder: [])
    assert options(None, {"fps": "30"})["fps"] == Setting("30", "command line")
