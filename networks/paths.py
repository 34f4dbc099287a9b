"""Where the checkpoint is that a user names: a folder, a file in it, a run, or a network that ships."""

import os
from pathlib import Path

import tengen
from tengen.errors import MachineError, TengenError
from tengen.remote.place import as_url
from tengen.rundir import checkpoints
from tengen.words import nearest

WEIGHTS, STATE = "weights.safetensors", "state.json"


def find_checkpoint(path: Path | str) -> Path:
    """The checkpoint folder that path stands for.

    path: a checkpoint or model folder; one of its files; a run (its newest checkpoint), with or without
    `/latest`; `models/NAME` of the installed package; the URL of a run, or of one of these in it. Raises
    TengenError where there is none.
    """
    if url := as_url(path):
        from tengen.remote.reading import checkpoint_at

        path = checkpoint_at(url)
    path = Path(path).expanduser()
    if not path.exists() and not path.is_absolute() and path.parts[:1] == ("models",):
        shipped = Path(tengen.__file__).parent / path
        path = shipped if shipped.exists() else path
    if path.name == "latest" and not path.exists() and path.parent.is_dir():
        return _newest(path.parent)
    if path.is_file():
        if path.name in (WEIGHTS, STATE):
            return path.parent
        raise TengenError(f"{path}: is not a checkpoint; name the folder that holds {WEIGHTS} and {STATE}")
    if not path.is_dir():
        raise TengenError(f"{path}: there is no such checkpoint{_near(path)}")
    if (path / STATE).exists() or (path / WEIGHTS).exists():
        return path
    if (path / "checkpoints").is_dir():
        return _newest(path)
    raise TengenError(f"{path}: holds no checkpoint (neither {WEIGHTS} nor checkpoints/)")


def _newest(run: Path) -> Path:
    rooms = run / "checkpoints"
    if rooms.is_dir() and not os.access(rooms, os.R_OK | os.X_OK):
        raise MachineError(f"{rooms}: cannot be read: Permission denied")
    folders = list(checkpoints(run).values())
    if not folders:
        raise TengenError(f"{run}: has no checkpoint yet")
    return folders[-1]


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    near = nearest(path.name, (entry.name for entry in path.parent.iterdir() if entry.is_dir()))
    return f"; did you mean {path.parent / near}?" if near else ""
