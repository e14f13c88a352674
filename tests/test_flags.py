"""Where options come from, and which origin wins."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from reelpress import flags
from reelpress.errors import SettingsError
from reelpress.export.settings import OPTION_NAMES, ExportSettings

NAMES = ("crf", "quality", "gpu_format_conversion", "stall_timeout")


@pytest.fixture(autouse=True)
def no_user_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda *a, **k: tmp_path / "home" / "reelpress")


def test_order_of_origins(tmp_path: Path) -> None:
    user = tmp_path / "home" / "reelpress"
    user.mkdir(parents=True)
    (user / "reelpress.toml").write_text('crf = 1\nquality = "web"\nstall-timeout = 9\n')
    beside = tmp_path / "videos"
    beside.mkdir()
    (beside / "reelpress.toml").write_text('crf = 2\nquality = "potato"\n')
    merged = flags.layered(
        NAMES, command_line={"crf": "4", "quality": None}, source_folder=beside, environ={"REELPRESS_CRF": "3"}
    )
    assert {name: setting.value for name, setting in merged.items()} == {
        "crf": "4",
        "quality": "potato",
        "stall_timeout": 9,
    }
    assert merged["crf"].origin == "command line"
    assert merged["quality"].origin.endswith("reelpress.toml")
    without = flags.layered(NAMES, command_line={}, source_folder=beside, environ={"REELPRESS_CRF": "3"})
    assert without["crf"].value == "3"
    assert without["crf"].origin == "environment REELPRESS_CRF"


def test_cap_alias_is_read_but_our_own_name_wins() -> None:
    alias = {"CAP_GPU_FORMAT_CONVERSION": "false"}
    assert flags.from_environment(NAMES, alias)["gpu_format_conversion"].value == "false"
    both = alias | {"REELPRESS_GPU_FORMAT_CONVERSION": "1"}
    assert flags.from_environment(NAMES, both)["gpu_format_conversion"].value == "1"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"crf = ", "not valid TOML"), (b"crff = 3", "no option"), (b"\xff\xfe", "not valid TOML")],
)
def test_bad_config_file_is_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "reelpress.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        flags.from_file(file, NAMES)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("FALSE", False)])
def test_words_for_switches(text: str, value: bool) -> None:
    assert flags.parse_bool(text, "--strict") is value


def test_other_words_are_refused() -> None:
    with pytest.raises(SettingsError, match="maybe"):
        flags.parse_bool("maybe", "--strict")


REPO = Path(__file__).parents[1]
SWITCHED = {
    "gpu_format_conversion": ("off", False),
    "converter": ("encoder", "encoder"),
    "renderer": ("gpu", "gpu"),
    "encoder": ("libx265", "libx265"),
    "decoder": ("software", "software"),
    "unchanged": ("vfr", "vfr"),
    "strict": ("yes", True),
}
"""Of each switch a value as the environment has it, which is not its default, and what that means."""


def test_every_switch_comes_from_the_environment_into_the_flags() -> None:
    assert set(SWITCHED) == {each.name for each in fields(flags.FeatureFlags)}
    for name, (text, value) in SWITCHED.items():
        found = flags.from_environment(OPTION_NAMES, {f"REELPRESS_{name.upper()}": text})
        made = ExportSettings.from_mapping(found).flags
        assert getattr(made, name) == value
        assert [
            each.name for each in fields(made) if getattr(made, each.name) != getattr(flags.FeatureFlags(), each.name)
        ] == [name]
    assert ExportSettings().flags == flags.FeatureFlags()


def test_every_switch_is_read_where_a_way_is_chosen() -> None:
    """As ``….flags.NAME`` or ``flags.NAME``, in code outside of the settings."""
    read: set[str] = set()
    for path in (REPO / "src" / "reelpress" / "export").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == "flags":
                read.add(node.attr)
    assert {each.name for each in fields(flags.FeatureFlags)} <= read


def test_all_variables_stand_in_one_table_of_the_docs() -> None:
    page = (REPO / "docs" / "encoders.md").read_text(encoding="utf-8")
    table = page.split("<!-- table:variables -->")[1].split("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = [re.findall(r"`([A-Z_]+)`", line.split("|")[1]) for line in rows]
    assert sorted(first for first, *_ in named) == sorted(flags.variable_of(name) for name in OPTION_NAMES)
    assert {other: first for first, *others in named for other in others} == {
        other: flags.variable_of(name) for other, name in flags.SECOND_NAMES.items()
    }
    bold = {first for (first, *_), line in zip(named, rows, strict=True) if "**" in line}
    assert bold == {flags.variable_of(each.name) for each in fields(flags.FeatureFlags)}
