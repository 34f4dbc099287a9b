"""The package as a stranger gets it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("agents", "benchmarks", "configs", "envs", "league", "models", "networks", "selfplay")

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")


def test_every_room_at_the_root_is_linked_into_the_package():
    for room in ROOMS:
        link = ROOT / "src" / "tengen" / room
        assert link.is_symlink()
        assert link.resolve() == ROOT / room


def test_rooms_import_only_from_those_below_them():
    order = ("envs", "networks", "agents", "selfplay", "league")
    for floor, room in enumerate(order):
        above = "|".join((*order[floor + 1 :], "cli", "benchmarks"))
        for file in (ROOT / room).rglob("*.py"):
            if file.name != "gym.py":  # its opponents are agents, imported when asked for
                assert not re.search(rf"(from|import) tengen\.({above})\b", file.read_text()), file


def test_every_dependency_has_its_version_pinned():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)", line).groups()  # no local tags such as +cpu
            pins[name.lower().replace("_", "-")] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        name = re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")
        assert name in pins, f"{name} has no pinned version"
    assert "tengen" not in pins


def test_the_installed_version_is_the_packages_own():
    import tengen

    assert metadata.version("tengen") == tengen.__version__


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text()
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 3, 29 June 2007" in text
    assert text.rstrip().endswith("<https://www.gnu.org/licenses/why-not-lgpl.html>.")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_says_which_python_it_needs():
    make = ["make", "-C", str(ROOT), "-W", "pyproject.toml", "PYTHON=/no/such/python", "install"]
    done = subprocess.run(make, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "tengen needs Python 3.11 or later, which /no/such/python is not" in done.stderr


@pytest.mark.slow
def test_the_wheel_made_from_the_sdist_holds_every_room(tmp_path):
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    for pattern in ("*.yaml", "*.safetensors", "*.json"):
        sources += [file for room in ("configs", "models") for file in (ROOT / room).rglob(pattern)]
    sources += (ROOT / "src" / "tengen" / "cli").rglob("*.py")
    missing = [
        name
        for file in sources
        if (name := f"tengen/{file.relative_to(ROOT).as_posix().removeprefix('src/tengen/')}") not in names
    ]
    assert not missing
    assert "tengen/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "agents/"))]
