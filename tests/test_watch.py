import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from io import BytesIO, StringIO, TextIOWrapper

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from tengen.cli import main
from tengen.envs.atari import atari_roms, atari_spec
from tengen.envs.atari_screen import AtariScreen
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import MachineError, TengenError
from tengen.pixels import resize
from tengen.ui import video as videos
from tengen.ui.halfblocks import fit, lines
from tengen.ui.terminal import LEAVE, colours_of
from tengen.ui.video import check_video, enlarge, open_video
from tengen.ui.viewers import drawn, status

RED, BLUE, BLACK = (200, 0, 0), (0, 0, 255), (0, 0, 0)


def noise(height, width, colours=40, seed=0):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    return palette[rng.integers(colours, size=(height, width))]


def undo(text, width):
    """The two rows of pixels that a terminal would show for a line of half blocks."""
    rows, above, below = ([], []), None, None
    for codes, mark in re.findall(r"\x1b\[([\d;]*)m|(.)", text):
        if mark:
            rows[0].append(below if mark == " " else above)
            rows[1].append(below)
        for which, *rgb in re.findall(r"([34])8;2;(\d+);(\d+);(\d+)", codes):
            colour = tuple(map(int, rgb))
            above, below = (colour, below) if which == "3" else (above, colour)
    assert len(rows[0]) == width
    return rows


def test_half_blocks_show_every_pixel_in_its_own_colour():
    image = noise(12, 31)
    image[4:8, 3:20] = RED
    shown = [row for line in lines(image, "true") for row in undo(line, 31)]
    assert np.array_equal(np.array(shown), image)


def test_a_colour_is_sent_once_for_a_run_of_pixels():
    image = np.zeros((2, 70, 3), np.uint8)
    image[0] = RED
    assert lines(image, "true") == ["\x1b[38;2;200;0;0;48;2;0;0;0m" + "▀" * 70 + "\x1b[0m"]


@pytest.mark.parametrize(
    "colour, index", [((0, 0, 0), 16), ((255, 255, 255), 231), ((215, 0, 95), 161), ((118, 119, 118), 243)]
)
def test_the_nearest_of_256_colours(colour, index):
    assert lines(np.full((2, 1, 3), colour, np.uint8), "256") == [f"\x1b[48;5;{index}m \x1b[0m"]


def test_without_colour_what_differs_from_the_background_stands_out():
    image = np.full((3, 5, 3), (144, 72, 17), np.uint8)
    image[1, 1:3] = (236, 236, 236)
    blank, ball, floor = lines(image, "none")
    assert (blank, floor) == ("", "")
    assert re.fullmatch(r" ([^ ])\1", ball)


@pytest.mark.parametrize("rows, columns", [(23, 80), (40, 200), (5, 80), (50, 20), (1, 1)])
@pytest.mark.parametrize("colours", ["true", "none"])
def test_a_picture_fits_its_window_and_keeps_its_shape(rows, columns, colours):
    text = drawn(noise(210, 160), 1.5, rows, columns, colours)
    assert len(text) <= rows
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in text) <= columns
    height, width = fit(1.5, rows, columns, colours)
    seen = width / (2 * height if colours == "none" else height)
    if min(height, width) > 8:
        assert seen == pytest.approx(1.5, rel=0.15)


def test_shrinking_takes_the_mean_of_the_area():
    image = np.array([[0, 30, 60], [0, 90, 120]], np.uint8)
    # halves of three columns: (0 + 30 / 2) / 1.5 = 10 and (30 / 2 + 60) / 1.5 = 50; below 30 and 110
    assert resize(image, 2, 2).tolist() == [[10, 50], [30, 110]]
    assert resize(image, 1, 2).tolist() == [[20, 80]]
    assert resize(image, 2, 3).tolist() == image.tolist()
    assert resize(image, 4, 6).tolist() == image.repeat(2, 0).repeat(2, 1).tolist()


def test_a_line_of_facts_drops_what_does_not_fit():
    facts = ["atari/Pong", "score -3", "0:12", "random"]
    assert status(facts, "q quit", 40) == "atari/Pong  score -3  0:12  random".ljust(40)[:40].rstrip()
    assert status(facts, "q quit", 44) == "atari/Pong  score -3  0:12  random    q quit"
    assert status(facts, "q quit", 20) == "atari/Pong  score -3"
    assert status(facts, "q quit", 5) == "atari"


@pytest.mark.parametrize(
    "environment, colours",
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
    ],
)
def test_the_terminal_says_which_colours_it_has(monkeypatch, environment, colours):
    for name in ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = StringIO()
    stream.isatty = lambda: True
    assert colours_of(stream) == colours
    assert colours_of(StringIO()) == "none"


def test_an_encoding_without_half_blocks_gets_plain_characters(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLORTERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for encoding, colours in (("utf-8", "256"), ("latin-1", "none"), ("ascii", "none")):
        stream = TextIOWrapper(BytesIO(), encoding=encoding)
        stream.isatty = lambda: True
        assert colours_of(stream) == colours


def test_a_gif_shows_the_pictures_that_went_in_at_their_times(tmp_path):
    film = [enlarge(noise(21, 16, 100, seed=k // 3), 1.5, 40) for k in range(12)]
    film[5] = film[5].copy()
    film[5][10, 20] = BLUE
    film.append(np.arange(film[0].size, dtype=np.uint32).astype(np.uint8).reshape(film[0].shape))
    video = open_video(tmp_path / "new" / "play.gif", 15)
    for image in film:
        video.add(image)
    video.close()
    video.abort()
    shown, ends = [], []
    with Pillow.open(tmp_path / "new" / "play.gif") as gif:
        for frame in ImageSequence.Iterator(gif):
            shown.append(np.asarray(frame.convert("RGB")))
            ends.append(frame.info["duration"] + (ends[-1] if ends else 0))
    assert ends[-1] == pytest.approx(1000 * len(film) / 15, abs=5)
    for k, image in enumerate(film):
        now = next(i for i, end in enumerate(ends) if end > 1000 * k / 15 + 5)
        assert np.array_equal(shown[now], image)
    assert len(shown) < len(film)  # what does not change is not written again
    assert os.listdir(tmp_path / "new") == ["play.gif"]


def fake_ffmpeg(folder, monkeypatch, script):
    """A program named ffmpeg, first on the PATH."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_ffmpeg_is_given_size_rate_and_every_pixel(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/args\neval "out=\\${{$#}}"\ncat > "$out"')
    film = [noise(6, 4, seed=k) for k in range(5)]
    video = open_video(tmp_path / "play.mp4", 15)
    for image in film:
        video.add(image)
    video.close()
    assert (tmp_path / "play.mp4").read_bytes() == b"".join(image.tobytes() for image in film)
    assert "-f rawvideo -pix_fmt rgb24 -s 4x6 -r 15 -i -" in (tmp_path / "args").read_text()


def test_a_fault_of_ffmpeg_is_one_sentence_and_leaves_no_file(tmp_path, monkeypatch):
    fake_ffmpeg(tmp_path, monkeypatch, "echo 'No space left on device' >&2; exit 3")
    video = open_video(tmp_path / "play.mp4", 15)
    with pytest.raises(
        MachineError, match=r"play.mp4: ffmpeg could not write it \(No space left on device\)"
    ):
        for k in range(50):
            video.add(noise(60, 40, seed=k))
        video.close()
    video.abort()
    assert os.listdir(tmp_path) == ["bin"]


@pytest.mark.skipif(videos.find_ffmpeg() is None, reason="needs ffmpeg")
def test_a_real_mp4(tmp_path):
    video = open_video(tmp_path / "play.mp4", 15)
    for k in range(30):
        video.add(noise(211, 161, seed=k // 10))
    video.close()
    assert b"ftyp" in (tmp_path / "play.mp4").read_bytes()[:16]


def test_what_is_wrong_with_a_video_is_said_first(tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "find_ffmpeg", lambda: None)
    with pytest.raises(
        MachineError, match=r"play.mp4: an MP4 needs the ffmpeg program.*or name a GIF: .*gif"
    ):
        check_video(tmp_path / "play.mp4")
    with pytest.raises(TengenError, match=r"play.avi: a video's name must end in .mp4 or .gif"):
        check_video(tmp_path / "play.avi")
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot write: Not a directory"):
        check_video(tmp_path / "file" / "play.gif")
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(MachineError, match="cannot write: Is a directory"):
        check_video(tmp_path / "folder.gif")


@pytest.mark.parametrize("rom", ["pong", "space_invaders"])
def test_the_screen_sees_what_the_vector_environment_sees(rom):
    from ale_py.vector_env import AtariVectorEnv

    vector = AtariVectorEnv(
        rom, 1, noop_max=0, use_fire_reset=False, reward_clipping=False, num_threads=1, stack_num=4
    )
    name = next(name for name, file in atari_roms().items() if file == rom)
    config = WorldsConfig(noop_max=0)
    one = AtariScreen(atari_spec(name, rom, config), rom, seed=7, config=config)
    theirs, _ = vector.reset(seed=7)
    pairs = [(theirs[0].copy(), one.reset())]
    rng = np.random.default_rng(0)
    for _ in range(150):
        action = rng.integers(one.spec.num_actions, size=1).astype(np.int32)
        theirs, rewards, terminals, _, _ = vector.step(action)
        ours, reward, over = one.step(int(action[0]))
        assert (reward, over) == (rewards[0], terminals[0])
        pairs.append((theirs[0].copy(), ours))
    vector.close()
    difference = np.abs(np.array([a for a, _ in pairs]).astype(int) - np.array([b for _, b in pairs]))
    assert difference.max() <= 1  # where a mean lies half-way between two grey levels
    assert (difference > 0).mean() < 2e-3
    assert one.screen.shape == (210, 160, 3) and len(np.unique(one.screen.reshape(-1, 3), axis=0)) > 3


def test_a_pipe_gets_plain_pictures_and_the_score(capsys):
    assert main(["watch", "atari/Pong", "--agent", "random", "--seconds", "3"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "▀" not in out
    assert len(re.findall(r"^atari/Pong  score ", out, re.M)) == 4  # at 0, 1, 2 and 3 s
    assert re.fullmatch(
        r"atari/Pong, random: score -?\d in 0:03, not played to its end", out.splitlines()[-1]
    )
    assert max(map(len, out.splitlines())) <= 80


def test_a_video_of_play(tmp_path, capsys):
    path = tmp_path / "play.gif"
    assert main(["watch", "atari/Breakout", "--agent", "random", "--seconds", "2", "--video", str(path)]) == 0
    with Pillow.open(path) as gif:
        assert gif.size == (320, 210)
        assert gif.n_frames > 20
    assert f"{path}: 2 s of play" in capsys.readouterr().out


def open_in_terminal(*arguments):
    """A command in a terminal of 24 x 80 of its own: the process and the other end of the terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-m", "tengen", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        start_new_session=True,
    )
    return process, ours, theirs, before


def read_until(descriptor, found, deadline_s=60):
    """What the terminal was sent, until `found` is in it."""
    text, end = "", time.monotonic() + deadline_s
    while found not in text:
        ready, _, _ = select.select([descriptor], [], [], max(0, end - time.monotonic()))
        assert ready, f"no {found!r} in time, but {text[-300:]!r}"
        text += os.read(descriptor, 65536).decode(errors="replace")
    return text


@pytest.mark.parametrize("leave, code", [("key", 0), ("signal", 130)])
def test_the_terminal_is_left_as_it_was_found(leave, code):
    process, ours, theirs, before = open_in_terminal("watch", "atari/Pong", "--agent", "random")
    try:
        shown = read_until(ours, "score 0  0:00")
        assert "\x1b[?1049h\x1b[?25l" in shown and "▀" in shown
        assert termios.tcgetattr(theirs) != before
        if leave == "key":
            os.write(ours, b"q")
        else:
            process.send_signal(signal.SIGINT)
        shown = read_until(ours, "not played to its end")
        assert LEAVE in shown and "Traceback" not in shown
        assert process.wait(60) == code
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--episodes", "0"], "--episodes 0 is out of range; it must be from 1"),
        (["--speed", "-1"], "--speed -1.0 is out of range"),
        (["--seconds", "0"], "--seconds 0.0 is out of range; it must be more than 0"),
        (["--video", ""], "--video is empty"),
        (["--video", "play.webm"], "play.webm: a video's name must end in .mp4 or .gif"),
        (["--agent", "mcts?sims=5"], "agent 'mcts?sims=5' plays board games, not atari/Pong"),
        (["--agent", "dqn"], "agent 'dqn': dqn needs a checkpoint, as in dqn:runs/pong/latest"),
        (["--agent", "dqn:runs/nothing-here"], "runs/nothing-here: there is no such checkpoint"),
        (["--agent", "random:x"], "random takes no target"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, capsys):
    assert main(["watch", "atari/Pong", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_an_unknown_game_is_told_the_nearest(capsys):
    assert main(["watch", "atari/Pnog", "--agent", "random"]) == 2
    assert "unknown world 'atari/Pnog'; did you mean atari/Pong" in capsys.readouterr().err
