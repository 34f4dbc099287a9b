"""What commands read of a run at a URL: fetched when asked for, into a folder here."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tengen.errors import TengenError
from tengen.remote.fetch import clear_others, fetch
from tengen.remote.manifest import manifests
from tengen.remote.place import Place, as_url
from tengen.remote.session import home
from tengen.remote.snapshot import APPENDED, STORE, WHOLE

DEEPEST = 3  # parts of a URL after the run's: checkpoints/step-00000012/state.json
LEAGUE = (*WHOLE, *APPENDED, STORE)


def league_at(path: str) -> Path:
    """A path; of a run's URL a folder here with all but weights and replay, as they were copied last."""
    url = as_url(path)
    return Path(path) if url is None else _fetched(url, lambda name: name in LEAGUE)


def checkpoint_at(url: str) -> Path:
    """The checkpoint's folder, fetched here: of a run's URL the newest, or what the URL names in the run.

    Raises TengenError where the URL is no run's or names no checkpoint, MachineError where it cannot be read.
    """
    run, inner = _run_of(url)
    newest = manifests(Place(run))[0]
    folders = {str(PurePosixPath(path).parent) for path in newest.files if path.endswith("state.json")}
    steps = sorted(folder for folder in folders if folder.startswith("checkpoints/"))
    if inner in ("", "latest", "checkpoints"):
        if not steps:
            raise TengenError(f"{run}: has no checkpoint yet")
        inner = steps[-1]
    if inner not in folders:
        raise TengenError(
            f"{url}: there is no such checkpoint; there are {', '.join(sorted(folders)) or 'none'}"
        )
    return _fetched(run, lambda path: path.startswith(f"{inner}/")) / inner


def _run_of(url: str) -> tuple[str, str]:
    """The URL of the run and the path in it."""
    run, inner = url, ""
    for _ in range(DEEPEST + 1):
        if manifests(Place(run)):
            return run, inner.removesuffix("/state.json").removesuffix("/weights.safetensors")
        run, _, last = run.rpartition("/")
        inner = f"{last}/{inner}".rstrip("/")
        if run.endswith("/") or not run:
            break
    raise TengenError(f"{url}: there is no run; one is begun with 'tengen train CONFIG --run URL'")


def _fetched(run: str, wanted: Callable[[str], bool]) -> Path:
    """The run's folder for readers, with the files wanted, and none that it no longer has."""
    folder = home(run) / "read"
    manifest = fetch(Place(run), folder, wanted)
    clear_others(folder, manifest.files, hidden=False)
    return folder
