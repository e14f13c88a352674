"""Where options come from, and which origin wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelpress import flags
from reelpress.errors import SettingsError

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
