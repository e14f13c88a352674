"""The borders of design 1 and 2, checked on the source text: who may import whom, and who may touch what.

Every import counts, wherever it stands: in functions and under ``TYPE_CHECKING`` too, since a type is a dependency as
well. Each rule is first shown to fail on a small tree that breaks it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import reelpress

PACKAGE = Path(reelpress.__file__).parent

LAYERS = (
    "_version errors color clock flags events media recording project timeline scene text "
    "compose convert encode pipeline export quality bench cli"
).split()
"""Design 1, left to right: each may import itself and what stands before it."""

MAX_LINES = 600
"""Design 2 asks to split near 500; beyond this it is no longer a matter of taste."""

THREAD_STARTERS = {
    "threading.Thread",
    "threading.Timer",
    "_thread.start_new_thread",
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor",
    "multiprocessing.pool.ThreadPool",
    "asyncio.to_thread",
}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"}

REFERENCE = "reelpress.compose.reference"
REFERENCE_MAY_USE = {
    "reelpress.scene.plan",
    "reelpress.color",
    "reelpress.errors",
    "reelpress.media.planes",
    "reelpress.compose.base",
    # Input art, like a PNG: rasterised once for all compositors, placed and blended by each for itself.
    "reelpress.compose.pointers.raster",
    "reelpress.text.raster",
}
"""Design 4: it shares only the plan's types, the constants of ``color`` (and what the protocol is made of), and art."""


SEEN_BY_COMPOSITORS = tuple(
    f"reelpress.scene.{name}" for name in "plan text_run damage damage_reach pointer_shapes".split()
)
"""ADR 3: the plan is all that a backend sees; what is damaged is arithmetic on plans, the shapes are names of art."""
SEEN_BY_PLANS = ("reelpress.scene.plan", "reelpress.scene.text_run", "reelpress.scene.damage")


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    """Dotted: ``reelpress.media.planes``; a package has its own name."""
    path: Path
    tree: ast.Module
    lines: int

    @property
    def layer(self) -> str:
        """First part under the package: ``media``; empty for the package itself and ``__main__``."""
        parts = self.name.split(".")
        return "" if len(parts) < 2 or parts[1] == "__main__" else parts[1]

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every module or name that is imported, dotted and absolute, with its line."""
        base = self.name.split(".")
        if self.path.name != "__init__.py":
            base = base[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                start = base[: len(base) - node.level + 1] if node.level else []
                origin = ".".join([*start, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield f"{origin}.{alias.name}", node.lineno

    def uses(self, names: set[str]) -> Iterator[tuple[str, int]]:
        """Where one of the dotted ``names`` is mentioned, under whatever alias it was imported."""
        known: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    known[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                    if f"{node.module}.{alias.name}" in names:
                        yield f"{node.module}.{alias.name}", node.lineno
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                parts = [node.attr]
                value: ast.expr = node.value
                while isinstance(value, ast.Attribute):
                    parts.append(value.attr)
                    value = value.value
                if isinstance(value, ast.Name) and value.id in known:
                    dotted = ".".join([known[value.id], *reversed(parts)])
                    if dotted in names:
                        yield dotted, node.lineno


def modules(package: Path) -> list[Module]:
    """All source files of a package folder."""
    found = []
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        text = path.read_text(encoding="utf-8")
        found.append(Module(".".join(parts), path, ast.parse(text), text.count("\n")))
    return found


# --- the rules: each yields one sentence per offence ------------------------------------------------------------------


def back_edges(module: Module) -> Iterator[str]:
    """Imports of a layer that stands after the module's own."""
    if not module.layer:
        return  # the package itself and __main__ are the doors: they may reach everything
    if module.layer not in LAYERS:
        yield f"{module.name} is in no layer of design 1"
        return
    for target, line in module.imports():
        parts = target.split(".")
        if parts[0] != "reelpress":
            continue
        layer = parts[1] if len(parts) > 1 else ""
        if layer in ("__version__", "*", ""):
            continue
        if layer not in LAYERS:
            yield f"{module.name}:{line} imports {target}, which is in no layer of design 1"
        elif LAYERS.index(layer) > LAYERS.index(module.layer):
            yield f"{module.name}:{line} imports {target}: {layer} stands after {module.layer}"


def pyav_outside_media(module: Module) -> Iterator[str]:
    if module.layer != "media":
        for target, line in module.imports():
            if target.split(".")[0] == "av":
                yield f"{module.name}:{line} imports PyAV; only media does"


def wgpu_outside_the_gpu_modules(module: Module) -> Iterator[str]:
    parts = module.name.split(".")
    if parts[1:3] == ["compose", "gpu"] or (parts[1:2] == ["convert"] and parts[-1].startswith("gpu")):
        return
    for target, line in module.imports():
        if target.split(".")[0] == "wgpu":
            yield f"{module.name}:{line} imports wgpu; only compose.gpu and convert.gpu do"


def threads_outside_pipeline(module: Module) -> Iterator[str]:
    if module.layer != "pipeline":
        for name, line in module.uses(THREAD_STARTERS):
            yield f"{module.name}:{line} uses {name}; only pipeline starts threads"


def environment_outside_flags(module: Module) -> Iterator[str]:
    if module.name != "reelpress.flags":
        for name, line in module.uses(ENVIRONMENT):
            yield f"{module.name}:{line} uses {name}; only flags reads the environment"


def pictures_in_scene(module: Module) -> Iterator[str]:
    if module.layer == "scene":
        for target, line in module.imports():
            if target.split(".")[0] in ("numpy", "PIL", "io", "subprocess", "socket"):
                yield f"{module.name}:{line} imports {target}; scene is pure"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield f"{module.name}:{node.lineno} opens a file; scene is pure"


def long_modules(module: Module) -> Iterator[str]:
    if module.lines > MAX_LINES:
        yield f"{module.name} has {module.lines} lines; split it (at most {MAX_LINES})"


def planning_stays_behind_the_plan(module: Module) -> Iterator[str]:
    """Compositors see plans and not how they come about, and plans know neither."""
    if module.layer == "compose":
        allowed, borders = SEEN_BY_COMPOSITORS, "reelpress.scene."
    elif module.name.startswith("reelpress.scene.plan"):
        allowed, borders = SEEN_BY_PLANS, "reelpress."
    else:
        return
    for target, line in module.imports():
        if target.startswith(borders) and not any(target == name or target.startswith(f"{name}.") for name in allowed):
            yield f"{module.name}:{line} imports {target}: the plan is all that a compositor sees"


def reference_is_independent(module: Module) -> Iterator[str]:
    """Neither borrows the reference from other compositors, nor they from it."""
    is_reference = module.name.startswith(REFERENCE)
    for target, line in module.imports():
        to_reference = target.startswith(REFERENCE)
        if is_reference and target.startswith("reelpress.") and not to_reference:
            if not any(target == name or target.startswith(f"{name}.") for name in REFERENCE_MAY_USE):
                yield f"{module.name}:{line} imports {target}; the reference shares nothing with the others"
        elif to_reference and not is_reference and module.layer in ("compose", "convert", "encode"):
            yield f"{module.name}:{line} imports {target}; nobody computes with the reference's code"


RULES: list[Callable[[Module], Iterator[str]]] = [
    back_edges,
    pyav_outside_media,
    wgpu_outside_the_gpu_modules,
    threads_outside_pipeline,
    environment_outside_flags,
    pictures_in_scene,
    long_modules,
    planning_stays_behind_the_plan,
    reference_is_independent,
]


@pytest.fixture(scope="module")
def source() -> list[Module]:
    return modules(PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(source, rule):
    offences = [offence for module in source for offence in rule(module)]
    assert not offences, "\n".join(offences)


def test_all_modules_are_seen(source):
    names = {module.name for module in source}
    assert {"reelpress", "reelpress.errors", "reelpress.scene.plan", "reelpress.compose.reference"} <= names
    assert {module.layer for module in source} >= {"media", "scene", "compose", "pipeline", "cli"}


# --- the rules can fail -----------------------------------------------------------------------------------------------

BROKEN = [
    (back_edges, "media/a.py", "from reelpress.compose import base"),
    (back_edges, "media/a.py", "import reelpress.pipeline.run"),
    (back_edges, "media/a.py", "from reelpress import cli"),
    (back_edges, "media/a.py", "from ..timeline import timeline"),
    (back_edges, "media/deep/a.py", "from ...project import model"),
    (back_edges, "media/__init__.py", "from ..scene.plan.rect import Rect"),
    (back_edges, "errors.py", "from reelpress.events import Event"),
    (back_edges, "scene/a.py", "def f():\n    from reelpress.compose.base import Compositor"),
    (
        back_edges,
        "scene/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from reelpress.export.plan import ExportPlan",
    ),
    (back_edges, "helpers/a.py", "import math"),
    (back_edges, "cli/a.py", "from reelpress.helpers import a"),
    (pyav_outside_media, "encode/a.py", "import av"),
    (pyav_outside_media, "encode/a.py", "import av.video.frame as frame"),
    (pyav_outside_media, "compose/a.py", "def f():\n    from av import VideoFrame"),
    (wgpu_outside_the_gpu_modules, "compose/planar_gpu.py", "import wgpu"),
    (wgpu_outside_the_gpu_modules, "convert/select.py", "def f():\n    from wgpu.utils import get_default_device"),
    (threads_outside_pipeline, "media/a.py", "import threading\nthreading.Thread(target=print).start()"),
    (threads_outside_pipeline, "media/a.py", "import threading as t\nt.Timer(1, print)"),
    (threads_outside_pipeline, "media/a.py", "from threading import Thread as T\nT()"),
    (threads_outside_pipeline, "export/a.py", "from concurrent.futures import ThreadPoolExecutor"),
    (threads_outside_pipeline, "export/a.py", "import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor(2)"),
    (threads_outside_pipeline, "export/a.py", "from concurrent import futures\nfutures.ThreadPoolExecutor(2)"),
    (environment_outside_flags, "cli/a.py", "import os\nx = os.environ.get('HOME')"),
    (environment_outside_flags, "cli/a.py", "import os as o\nx = o.getenv('HOME')"),
    (environment_outside_flags, "cli/a.py", "from os import environ"),
    (pictures_in_scene, "scene/a.py", "import numpy as np"),
    (pictures_in_scene, "scene/a.py", "def f():\n    from PIL import Image"),
    (pictures_in_scene, "scene/a.py", "open('x')"),
    (long_modules, "scene/a.py", "x = 1\n" * (MAX_LINES + 1)),
    (planning_stays_behind_the_plan, "compose/a.py", "from reelpress.scene.zoom import ZoomState"),
    (planning_stays_behind_the_plan, "compose/gpu/a.py", "from ...scene.director import Director"),
    (planning_stays_behind_the_plan, "scene/plan/a.py", "from reelpress.project.model import Project"),
    (planning_stays_behind_the_plan, "scene/plan/a.py", "from reelpress.scene.geometry import Size"),
    (reference_is_independent, "compose/reference.py", "from reelpress.compose.coverage import coverage"),
    (reference_is_independent, "compose/reference_more.py", "from reelpress.media.scale import Scaler"),
    (reference_is_independent, "compose/reference.py", "from .planar import PlanarCompositor"),
    (reference_is_independent, "compose/planar.py", "from reelpress.compose.reference_sampling import cubic"),
    (reference_is_independent, "compose/planar.py", "from reelpress.compose import reference"),
]

ALLOWED = [
    (back_edges, "compose/a.py", "from reelpress.media.planes import Planes\nfrom . import base\nimport av"),
    (back_edges, "scene/plan/frame.py", "def f():\n    from reelpress.scene.damage import damage"),
    (back_edges, "media/a.py", "from reelpress import __version__"),
    (back_edges, "__init__.py", "from reelpress.export.api import export"),
    (back_edges, "__main__.py", "from reelpress.cli import main"),
    (pyav_outside_media, "media/a.py", "import av"),
    (pyav_outside_media, "encode/a.py", "import avalanche"),
    (wgpu_outside_the_gpu_modules, "compose/gpu/device.py", "def f():\n    import wgpu"),
    (wgpu_outside_the_gpu_modules, "convert/gpu_more.py", "import wgpu"),
    (wgpu_outside_the_gpu_modules, "convert/a.py", "from reelpress.convert.gpu import GpuConverter"),
    (threads_outside_pipeline, "pipeline/a.py", "import threading\nthreading.Thread(target=print)"),
    (threads_outside_pipeline, "media/a.py", "import threading\nlock = threading.Lock()"),
    (threads_outside_pipeline, "media/a.py", "from concurrent.futures import Executor, Future"),
    (environment_outside_flags, "flags.py", "import os\nos.environ"),
    (environment_outside_flags, "cli/a.py", "import os\nos.getpid()"),
    (pictures_in_scene, "compose/a.py", "import numpy, PIL"),
    (long_modules, "scene/a.py", "x = 1\n" * MAX_LINES),
    (planning_stays_behind_the_plan, "compose/a.py", "from reelpress.scene.plan.rect import Rect"),
    (planning_stays_behind_the_plan, "scene/plan/a.py", "from reelpress.scene.text_run import TextRun\nimport math"),
    (planning_stays_behind_the_plan, "scene/a.py", "from reelpress.scene.geometry import Size"),
    (reference_is_independent, "compose/reference.py", "from ..scene.plan.rect import Rect\nfrom ..color import KR_KB"),
    (reference_is_independent, "compose/reference.py", "from reelpress.compose import reference_shading as shading"),
    (reference_is_independent, "quality/a.py", "from reelpress.compose.reference import ReferenceCompositor"),
]  # fmt: skip


def offences_of(rule, folder: Path, name: str, text: str) -> list[str]:
    path = folder / "reelpress" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return [offence for module in modules(folder / "reelpress") for offence in rule(module)]


@pytest.mark.parametrize(("rule", "name", "text"), BROKEN)
def test_rule_finds_what_breaks_it(rule, name, text, tmp_path):
    found = offences_of(rule, tmp_path, name, text)
    assert len(found) == 1, found
    assert name.split("/")[0].removesuffix(".py") in found[0]


@pytest.mark.parametrize(("rule", "name", "text"), ALLOWED)
def test_rule_lets_the_rest_pass(rule, name, text, tmp_path):
    assert offences_of(rule, tmp_path, name, text) == []


# --- what a start loads -----------------------------------------------------------------------------------------------

HEAVY = {"av", "numpy", "PIL", "wgpu"}


def loaded_by(*arguments: str) -> set[str]:
    """Top-level modules that a fresh interpreter imports."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("REELPRESS", "PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return {m[1].split(".")[0] for m in re.finditer(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE)}


def test_loaded_modules_are_seen():
    assert "numpy" in loaded_by("-c", "import numpy")


def test_importing_the_package_is_light():
    loaded = loaded_by("-c", "import reelpress; reelpress.__version__")
    assert "reelpress" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["export", "--help"]], ids=" ".join)
def test_help_is_light(arguments):
    loaded = loaded_by("-m", "reelpress", *arguments)
    assert "typer" in loaded
    assert not loaded & HEAVY


GPU_USERS = "convert.select convert.gpu compose.gpu.device export.api".split()


@pytest.mark.parametrize("name", GPU_USERS)
def test_wgpu_is_loaded_at_first_use(name):
    """Who only decides, or composes on the CPU, does not pay for it (0.1 s, and the drivers of the machine)."""
    loaded = loaded_by("-c", f"import reelpress.{name}")
    assert "reelpress" in loaded
    assert "wgpu" not in loaded


@pytest.mark.parametrize("command", ["plan", "export"])
def test_the_cpu_needs_no_wgpu(command, tiny_cap, tmp_path):
    arguments = ["-m", "reelpress", command, str(tiny_cap), "--renderer", "cpu"]
    if command == "export":
        arguments += ["-o", str(tmp_path / "out.mp4"), "--end", "0.2"]
    loaded = loaded_by(*arguments)
    assert "av" in loaded
    assert "wgpu" not in loaded
