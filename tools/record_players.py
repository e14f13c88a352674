"""Play spliced files in everything that is here and note it: ``python tools/record_players.py [--nvdec RESULT.json]``.

Writes ``docs/splice-players.json`` and the tables of ``docs/splice.md`` between their marks. Takes what
``tests/splice_proof`` uses. ``--only NAME`` (repeatable) plays some files and keeps what is noted of the others;
``--tables`` only writes the tables again.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTED = ROOT / "docs" / "splice-players.json"
DOCS = ROOT / "docs" / "splice.md"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "splice_proof")]


def tools_of(path: Path, made: Any, witness: Any) -> dict[str, str]:
    """What the tests of ``test_proof_tools.py`` say of a file."""
    import test_proof_tools as tools

    found = {}
    about = tools.Made(path, witness, made.size, 60, True)
    for name, check in {
        "trace_headers": lambda: tools.check_headers(about, path),
        "MP4Box.js": lambda: tools.check_boxes(path, len(witness.places)),
        "mediainfo": lambda: tools.check_facts(path, len(witness.places)),
    }.items():
        try:
            check()
            found[name] = "nothing wrong"
        except AssertionError as fault:
            found[name] = str(fault)[:300]
        except BaseException as fault:  # pytest's skip is one
            if type(fault).__name__ != "Skipped":
                raise
    return found


def one(name: str, made: Any, folder: Path) -> dict[str, Any]:
    from proof_splice_players import players

    path = folder / f"{name}.mp4"
    witness = made.make(path)
    wanted = list(witness.expected())
    row: dict[str, Any] = {
        "title": made.title,
        "pictures": len(wanted),
        "kinds": dict(witness.kinds),
        "bytes": path.stat().st_size,
        "wrong_decisions": witness.faults[:3],
        "players": {},
    }
    for player in players(reordered=witness.reordered):
        got = player.play(path, made.size)
        differ = sum(a != b for a, b in zip(got.pictures, wanted, strict=False)) + abs(len(got.pictures) - len(wanted))
        row["players"][player.name] = {"differ": differ, "said": got.said[:300]}
        print(f"{name} {player.name}: {differ} differ, said {got.said[:200]!r}", flush=True)
    row["tools"] = tools_of(path, made, witness)
    print(f"{name} {row['tools']}", flush=True)
    path.unlink()
    return row


def browser(folder: Path) -> dict[str, Any]:
    import test_proof_browser as proof
    from proof_splice_page import VideoBrowser

    from headless_browser import PROGRAMS

    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        return {}
    found: dict[str, Any] = {"cases": {}}
    with VideoBrowser(program, folder / "profile") as page:
        found["version"] = page.version
        for name, case in proof.CASES.items():
            place = folder / name.replace(" ", "-").replace(",", "")
            place.mkdir()
            proof.opened(page, case, place)
            try:
                shown = proof.check(page, case, 50)
                found["cases"][name] = f"50 seeks right; {shown} of {case.frames} pictures seen in play, all right"
            except AssertionError as fault:
                found["cases"][name] = f"wrong: {fault}"[:300]
            found["decoder"] = page.player.get("kVideoDecoderName", "?").strip('"')
            print("browser", name, found["cases"][name], flush=True)
    return found


def versions() -> dict[str, str]:
    from proof_splice_players import players

    found = {player.name: player.version for player in players()}
    for name in ("mediainfo", "mediaconch"):
        if shutil.which(name):
            done = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=60, check=False)
            numbers = re.findall(r"\d+\.\d+(?:\.\d+)?", done.stdout + done.stderr)
            found[name] = numbers[-1] if numbers else "?"
    try:
        import test_proof_tools as tools

        package = Path(tools.mp4box_js()).parents[1] / "package.json"
        found["MP4Box.js"] = json.loads(package.read_text())["version"]
    except BaseException as fault:  # pytest's skip is one
        if type(fault).__name__ != "Skipped":
            raise
    return found


def table(header: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def tables(data: dict[str, Any]) -> dict[str, str]:
    """Markdown by the name of its mark."""
    names = [name for name in data["versions"] if any(name in f["players"] for f in data["files"].values())]
    nvdec = data.get("nvdec", {})
    body = []
    for key, file in data["files"].items():
        kinds = file["kinds"]
        own = sum(kinds.get(k, 0) for k in ("key", "real"))
        row = [file["title"], f"{file['pictures']}", f"{file['pictures'] - own}"]
        for name in names:
            played = file["players"].get(name)
            quiet = "" if played and not played["said"] else ", with messages"
            row.append(
                "–" if played is None else ("equal" if not played["differ"] else f"{played['differ']} differ") + quiet
            )
        seen = nvdec.get("files", {}).get(f"{key}.mp4")
        row.append("–" if seen is None else "equal" if seen["cuda"]["equal"] and seen["cuvid"]["equal"] else "differs")
        body.append(row)
    players = table(["file", "pictures", "inserted", *names, "NVDEC"], body)
    told = [[name, version] for name, version in data["versions"].items()]
    if data.get("browser"):
        told.append([data["browser"]["version"].split("/")[0], data["browser"]["version"].split("/")[-1]])
    if nvdec:
        told.append(["NVDEC", f"{nvdec['device']}; PyAV {nvdec['av']}"])
    seeks = [[name, said] for name, said in data.get("browser", {}).get("cases", {}).items()]
    return {
        "players": players,
        "versions": table(["program", "version"], told) + f"\n\n{data['system']}, {data['date']}.",
        "browser": table(["the number changes", "seen"], seeks),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Note which players show spliced files right.")
    parser.add_argument("--only", action="append", default=[], help="play these files alone")
    parser.add_argument("--nvdec", type=Path, help="result of check_nvdec.sh to take in")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--tables", action="store_true", help="write the tables from what is noted")
    options = parser.parse_args()
    data: dict[str, Any] = json.loads(NOTED.read_text()) if NOTED.exists() else {"files": {}}
    if options.nvdec:
        data["nvdec"] = json.loads(options.nvdec.read_text())
    elif not options.tables:
        from proof_splice_files import FILES

        data["date"] = datetime.date.today().isoformat()
        data["system"] = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        data["versions"] = versions()
        with tempfile.TemporaryDirectory(prefix="reelpress-players-") as folder:
            for name, made in FILES.items():
                if not options.only or name in options.only:
                    data["files"][name] = one(name, made, Path(folder))
                    NOTED.write_text(json.dumps(data, indent=1) + "\n")
            if not options.no_browser:
                data["browser"] = browser(Path(folder))
        data["files"] = {name: data["files"][name] for name in FILES if name in data["files"]}
    NOTED.write_text(json.dumps(data, indent=1) + "\n")
    text = DOCS.read_text(encoding="utf-8")
    for name, made_table in tables(data).items():
        text = re.sub(
            rf"(<!-- table:splice-{name} -->\n).*?(<!-- end -->)",
            lambda m, t=made_table: f"{m[1]}{t}\n{m[2]}",
            text,
            flags=re.S,
        )
    DOCS.write_text(text, encoding="utf-8")
    wrong = [
        n
        for n, f in data["files"].items()
        if f["wrong_decisions"] or any(p["differ"] or p["said"] for p in f["players"].values())
    ]
    print("wrong:", wrong or "nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
