"""The drawing of a network: its boxes, and the file."""

from pathlib import Path

import pytest

from tengen.cli import main
from tengen.envs.registry import make_game
from tengen.networks.describe import describe_network
from tengen.networks.draw import boxes
from tengen.networks.spec import spec_for
from tengen.networks.stack import make_network
from tengen.networks.stack_config import StackConfig


def test_every_layer_with_weights_has_a_box_and_the_others_stand_with_it():
    maddison = StackConfig(architecture="maddison", channels=8, convolutions=2, norm="batch")
    rows = describe_network(make_network(maddison, spec_for(make_game("go5"))))
    found = boxes(rows)
    body, heads = ["body.0", "body.1", "body.4", "body.5"], ["policy.map", "policy.places", "extra"]
    assert [box.row.name for box in found] == body + heads
    assert found[1].after == ("BatchNorm2d", "ReLU")
    assert sum(1 + len(box.after) for box in found) == len(rows)


def test_the_command_draws_a_png_and_refuses_other_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert main(["network", "show", "go9", "--png", str(tmp_path / "net.jpg")]) == 2
    assert "must be a .png file" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setitem(__import__("sys").modules, "matplotlib.figure", None)
        assert main(["network", "show", "go9", "--png", str(tmp_path / "net.png")]) == 1
        assert "pip install 'tengen[plots]'" in capsys.readouterr().err
    pytest.importorskip("matplotlib")
    assert main(["network", "show", "go9", "--png", str(tmp_path / "net.png")]) == 0
    assert (tmp_path / "net.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "tower.stem.conv" in capsys.readouterr().out
