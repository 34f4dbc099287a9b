"""Checkpoints: what is saved comes back, what is broken is named, and nothing is ever half-written."""

import errno
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import tengen
from tengen.envs.registry import make_game
from tengen.errors import MachineError, TengenError
from tengen.files import atomic_write_bytes
from tengen.networks.checkpoint import load_checkpoint, save_checkpoint
from tengen.networks.heads import PolicyValueNet
from tengen.networks.spec import spec_for
from tengen.networks.weights import network_weights
from tests.nets import SMALL, Shapes, lived_in, observations

GAME = Shapes(5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound checkpoint."""
    path = tmp_path / "models" / "five"
    save_checkpoint(path, lived_in(GAME), game=GAME, step=12, extra={"games": 400})
    return path


def test_what_was_saved_comes_back(folder: Path) -> None:
    network, meta = load_checkpoint(folder)
    obs = torch.from_numpy(observations(GAME, 2))
    for ours, theirs in zip(network(obs), lived_in(GAME)(obs), strict=True):
        assert torch.equal(ours, theirs)
    assert not network.training
    assert (meta.game, meta.family, meta.step, meta.extra) == ("go5", "go", 12, {"games": 400})
    assert meta.planes == GAME.planes
    assert (meta.tengen_version, meta.torch_version) == (tengen.__version__, str(torch.__version__))
    assert sorted(file.name for file in folder.iterdir()) == ["state.json", "weights.safetensors"]


@pytest.mark.parametrize("name", ["go5", "checkers", "connect4"])
def test_every_game_is_served_by_its_own_checkpoint(name: str, tmp_path: Path) -> None:
    game = make_game(name)
    network = PolicyValueNet(SMALL, spec_for(game)).eval()
    save_checkpoint(tmp_path, network, game=game)
    again, _ = load_checkpoint(tmp_path, game)
    obs = torch.rand(2, *game.obs_shape)
    assert torch.equal(again(obs).policy, network(obs).policy)


def test_go_of_another_size_and_komi_is_served(tmp_path: Path) -> None:
    small, large = make_game("go5"), make_game("go:size=11,komi=6.5")
    save_checkpoint(tmp_path, PolicyValueNet(SMALL, spec_for(small)), game=small)
    network, meta = load_checkpoint(tmp_path, large)
    assert meta.game == small.name
    assert network(torch.rand(1, *large.obs_shape)).policy.shape == (1, 122)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (make_game("connect4"), "is for go5 and cannot play connect4; choose a checkpoint for connect4"),
        (Shapes(5, planes=("own", "other", "ko")), r"other planes than go5 gives \(differing: ko, ones\)"),
        (Shapes(5, planes=("other", "own", "ones")), r"differing: their order"),
        (Shapes(5, policy_planes=2), "actions are not laid out as those of go5"),
    ],
)
def test_a_checkpoint_that_cannot_serve_the_game_says_why(other: Shapes, reason: str, folder: Path) -> None:
    with pytest.raises(TengenError, match=reason):
        load_checkpoint(folder, other)


# --- names ------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_found_by_folder_file_run_and_latest(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "demo"
    for step in (9, 100, 20):
        save_checkpoint(run / "checkpoints" / f"step-{step:08d}", lived_in(GAME), game=GAME, step=step)
    (run / "checkpoints" / ".tmp-step-00000200").mkdir()
    newest = [run, run / "latest", run / "checkpoints" / "step-00000100"]
    assert [load_checkpoint(path)[1].step for path in newest] == [100, 100, 100]
    files = [folder, folder / "weights.safetensors", folder / "state.json", str(folder)]
    assert [load_checkpoint(path)[1].step for path in files] == [12, 12, 12, 12]


def test_shipped_models_are_found_from_any_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "tengen"
    shutil.copytree(folder, package / "models" / "shipped")
    monkeypatch.setattr(tengen, "__file__", str(package / "__init__.py"))
    monkeypatch.chdir(tmp_path / "site")
    assert load_checkpoint("models/shipped")[1].step == 12


def test_a_missing_checkpoint_is_named_with_the_nearest_one(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TengenError, match=r"there is no such checkpoint; did you mean .*models/five"):
        load_checkpoint(folder.with_name("fvie"))
    with pytest.raises(TengenError, match=r"nowhere/at/all: there is no such checkpoint$"):
        load_checkpoint(tmp_path / "nowhere" / "at" / "all")
    with pytest.raises(TengenError, match="models: holds no checkpoint"):
        load_checkpoint(folder.parent)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(TengenError, match="run: has no checkpoint yet"):
        load_checkpoint(tmp_path / "run" / "latest")
    (tmp_path / "net.pt").write_bytes(b"PK")
    with pytest.raises(TengenError, match=r"net\.pt: is not a checkpoint; name the folder"):
        load_checkpoint(tmp_path / "net.pt")


# --- damage -----------------------------------------------------------------------------------------------


def cut(keep: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * keep)])

    return damage


class Bomb:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("boom",)


def as_pickle(file: Path) -> None:
    file.write_bytes(pickle.dumps(Bomb()))


def as_zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))


def as_other_safetensors(file: Path) -> None:
    save_file({"lm_head.weight": torch.zeros(4, 4)}, file)


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "is missing; a checkpoint has weights.safetensors and state.json"),
        (cut(0), "is empty"),
        (cut(0.001), "is truncated or not safetensors"),
        (cut(0.9), "is truncated or not safetensors"),
        (as_pickle, "is a pickle, which could run code; Tengen reads safetensors only"),
        (as_zip, "is a pickle"),
        (as_other_safetensors, "is not the file that state.json beside it was written with"),
        (flip_a_bit, "is not the file that state.json beside it was written with, or is damaged"),
        (lambda file: file.write_bytes(b"\xff" * 64), "is truncated or not safetensors"),
        (lambda file: file.write_text("<html>404</html>"), "is truncated or not safetensors"),
    ],
)
def test_damaged_weights(
    damage: Callable[[Path], None], reason: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage(folder / "weights.safetensors")
    with pytest.raises(TengenError, match=r"weights\.safetensors: " + reason) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "boom").exists()


def rewrite(key: str, value: object) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        state = json.loads(file.read_text())
        *outer, last = key.split(".")
        inner = state
        for part in outer:
            inner = inner[part]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
        file.write_text(json.dumps(state))

    return damage


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "is missing"),
        (cut(0), "is empty"),
        (cut(0.5), "is not whole JSON"),
        (lambda file: file.write_bytes(b"\x00\xff\xfe"), "is not whole JSON"),
        (lambda file: file.write_text("[" * 100_000), "is not whole JSON"),
        (lambda file: file.write_text("[1]"), "is not the state of a Tengen checkpoint"),
        (lambda file: file.write_text('{"epoch": 3}'), "is not the state of a Tengen checkpoint"),
        (rewrite("format", 99), "has format 99, but this Tengen reads up to 1; upgrade it"),
        (rewrite("planes", None), "lacks 'planes'"),
        (rewrite("config.blocks", "many"), "config.blocks: .*integer.* got 'many'"),
        (rewrite("config.width", 3), "config.width: Extra inputs are not permitted"),
        (rewrite("spec.height", "tall"), "holds values of the wrong kind"),
        (rewrite("spec.policy_index", [[0, 10**12]]), "more than 1000000 actions"),
        (rewrite("spec.policy_index", [[0, 400]]), "policy_index reaches 399"),
        (rewrite("step", "soon"), "holds values of the wrong kind"),
    ],
)
def test_damaged_state(damage: Callable[[Path], None], reason: str, folder: Path) -> None:
    damage(folder / "state.json")
    with pytest.raises(TengenError, match=reason) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda t: t.pop("heads.value.bias"), r"lacks 'heads.value.bias' \(1 of \d+ tensors are missing\)"),
        (lambda t: t.update(surplus=torch.zeros(1)), "holds 'surplus', which its network does not have"),
        (
            lambda t: t.update({"heads.value.bias": torch.zeros(4)}),
            r"float32 \[4\], .* needs torch.float32 \[3\]",
        ),
        (lambda t: t.update({"heads.value.bias": torch.zeros(3).half()}), r"is torch.float16 \[3\]"),
        (lambda t: t.update({"heads.value.bias": torch.full((3,), torch.nan)}), "holds infinities or NaN"),
    ],
)
def test_tensors_that_do_not_fit_the_network(
    edit: Callable[[dict[str, torch.Tensor]], None], reason: str, folder: Path
) -> None:
    tensors = load_file(folder / "weights.safetensors")
    edit(tensors)
    save_file(tensors, folder / "weights.safetensors")
    rewrite("weights_blake2b", None)(folder / "state.json")  # a file put together by hand carries no digest
    with pytest.raises(TengenError, match=reason):
        load_checkpoint(folder)


def test_a_forged_size_does_not_fill_the_memory(folder: Path) -> None:
    rewrite("config.channels", 2048)(folder / "state.json")
    rewrite("config.blocks", 128)(folder / "state.json")  # 39 GB of weights
    with pytest.raises(TengenError, match="tensors are missing"):
        load_checkpoint(folder)


# --- faults of the machine --------------------------------------------------------------------------------


def fail_with(code: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint_whole(
    step: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail_with(errno.ENOSPC))
        with pytest.raises(MachineError, match="No space left on device"):
            save_checkpoint(folder, lived_in(GAME, seed=1), game=GAME, step=13)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_save_cut_between_its_two_files_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.replace, []

    def second_fails(*args: str) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(*args)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(MachineError):
        save_checkpoint(folder, lived_in(GAME, seed=1), game=GAME, step=13)
    with pytest.raises(TengenError, match=r"is not the file that state\.json beside it was written with"):
        load_checkpoint(folder)


def test_extra_that_is_not_json_touches_nothing(folder: Path) -> None:
    before = network_weights(load_checkpoint(folder)[0])
    with pytest.raises(TypeError):
        save_checkpoint(folder, lived_in(GAME, seed=1), game=GAME, extra={"rng": object()})
    after = network_weights(load_checkpoint(folder)[0])
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_places_that_cannot_be_written_or_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MachineError, match="cannot write"):
        save_checkpoint(folder / "state.json" / "inside", lived_in(GAME), game=GAME)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail_with(errno.EACCES))
        with pytest.raises(MachineError, match=r"state\.json: cannot be read \(Permission denied\)"):
            load_checkpoint(folder)


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_checkpoint(tmp_path, lived_in(GAME), game=GAME)
    finally:
        os.umask(before)
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
        "weights.safetensors": 0o640,
        "state.json": 0o640,
    }


def test_atomic_write_replaces_whole_files_and_makes_folders(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "file"
    for data in (b"first", b"", b"the second, longer"):
        atomic_write_bytes(file, data)
        assert file.read_bytes() == data
    assert [entry.name for entry in file.parent.iterdir()] == ["file"]
