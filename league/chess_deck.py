"""Well-known openings of chess, a line each: sound starts that differ, where a tournament brings no book."""

LINES = """
e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6
e4 e5 Nf3 Nc6 Bb5 Nf6 O-O Nxe4
e4 e5 Nf3 Nc6 Bb5 a6 Bxc6 dxc6
e4 e5 Nf3 Nc6 Bb5 d6 d4 Bd7
e4 e5 Nf3 Nc6 Bb5 f5 Nc3 fxe4
e4 e5 Nf3 Nc6 Bc4 Bc5 c3 Nf6
e4 e5 Nf3 Nc6 Bc4 Nf6 Ng5 d5
e4 e5 Nf3 Nc6 Bc4 Nf6 d3 Be7
e4 e5 Nf3 Nc6 Bc4 Bc5 b4 Bxb4
e4 e5 Nf3 Nc6 d4 exd4 Nxd4 Nf6
e4 e5 Nf3 Nc6 d4 exd4 Nxd4 Bc5
e4 e5 Nf3 Nc6 Nc3 Nf6 Bb5 Bb4
e4 e5 Nf3 Nc6 Nc3 Nf6 d4 exd4
e4 e5 Nf3 Nf6 Nxe5 d6 Nf3 Nxe4
e4 e5 Nf3 Nf6 d4 Nxe4 Bd3 d5
e4 e5 Nf3 d6 d4 Nf6 Nc3 Nbd7
e4 e5 Nc3 Nf6 f4 d5 fxe5 Nxe4
e4 e5 Nc3 Nf6 Bc4 Nc6 d3 Bb4
e4 e5 Bc4 Nf6 d3 c6 Nf3 d5
e4 e5 f4 exf4 Nf3 g5 h4 g4
e4 e5 f4 exf4 Nf3 d5 exd5 Nf6
e4 e5 f4 Bc5 Nf3 d6 c3 Nf6
e4 e5 d4 exd4 c3 d5 exd5 Qxd5
e4 e5 d4 exd4 Qxd4 Nc6 Qe3 Nf6
e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 a6
e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 g6
e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 Nc6
e4 c5 Nf3 d6 d4 cxd4 Nxd4 Nf6 Nc3 e6
e4 c5 Nf3 d6 Bb5+ Bd7 Bxd7+ Qxd7
e4 c5 Nf3 Nc6 d4 cxd4 Nxd4 Nf6 Nc3 e5
e4 c5 Nf3 Nc6 d4 cxd4 Nxd4 g6 c4 Bg7
e4 c5 Nf3 Nc6 d4 cxd4 Nxd4 e6 Nc3 Qc7
e4 c5 Nf3 Nc6 Bb5 g6 O-O Bg7
e4 c5 Nf3 Nc6 Bb5 e6 O-O Nge7
e4 c5 Nf3 e6 d4 cxd4 Nxd4 a6 Bd3 Nf6
e4 c5 Nf3 e6 d4 cxd4 Nxd4 Nc6 Nb5 d6
e4 c5 Nc3 Nc6 g3 g6 Bg2 Bg7
e4 c5 Nc3 Nc6 f4 g6 Nf3 Bg7
e4 c5 c3 d5 exd5 Qxd5 d4 Nf6
e4 c5 c3 Nf6 e5 Nd5 d4 cxd4
e4 c5 d4 cxd4 c3 dxc3 Nxc3 Nc6
e4 e6 d4 d5 Nc3 Nf6 Bg5 Be7
e4 e6 d4 d5 Nc3 Bb4 e5 c5
e4 e6 d4 d5 Nc3 dxe4 Nxe4 Nd7
e4 e6 d4 d5 Nd2 Nf6 e5 Nfd7
e4 e6 d4 d5 Nd2 c5 exd5 exd5
e4 e6 d4 d5 e5 c5 c3 Nc6
e4 e6 d4 d5 exd5 exd5 Nf3 Nf6
e4 e6 d3 d5 Nd2 Nf6 Ngf3 c5
e4 c6 d4 d5 Nc3 dxe4 Nxe4 Bf5
e4 c6 d4 d5 Nc3 dxe4 Nxe4 Nd7
e4 c6 d4 d5 e5 Bf5 Nf3 e6
e4 c6 d4 d5 exd5 cxd5 c4 Nf6
e4 c6 d4 d5 exd5 cxd5 Bd3 Nc6
e4 c6 Nc3 d5 Nf3 Bg4 h3 Bxf3
e4 d6 d4 Nf6 Nc3 g6 Nf3 Bg7
e4 d6 d4 Nf6 Nc3 g6 f4 Bg7
e4 d6 d4 Nf6 Nc3 g6 Be3 c6
e4 g6 d4 Bg7 Nc3 d6 Be3 a6
e4 g6 d4 Bg7 Nc3 d6 f4 Nc6
e4 d5 exd5 Qxd5 Nc3 Qa5 d4 Nf6
e4 d5 exd5 Qxd5 Nc3 Qd6 d4 Nf6
e4 d5 exd5 Nf6 d4 Nxd5 Nf3 g6
e4 Nf6 e5 Nd5 d4 d6 Nf3 Bg4
e4 Nf6 e5 Nd5 c4 Nb6 d4 d6
e4 Nf6 e5 Nd5 d4 d6 Nf3 dxe5
e4 Nc6 d4 d5 Nc3 dxe4 d5 Ne5
e4 b6 d4 Bb7 Bd3 e6 Nf3 c5
d4 d5 c4 e6 Nc3 Nf6 Bg5 Be7
d4 d5 c4 e6 Nc3 Nf6 cxd5 exd5
d4 d5 c4 e6 Nc3 c5 cxd5 exd5
d4 d5 c4 e6 Nc3 c6 e4 dxe4
d4 d5 c4 e6 Nf3 Nf6 g3 Be7
d4 d5 c4 e6 Nf3 Nf6 g3 dxc4
d4 d5 c4 c6 Nf3 Nf6 Nc3 dxc4
d4 d5 c4 c6 Nf3 Nf6 Nc3 e6
d4 d5 c4 c6 Nf3 Nf6 Nc3 a6
d4 d5 c4 c6 cxd5 cxd5 Nc3 Nf6
d4 d5 c4 dxc4 Nf3 Nf6 e3 e6
d4 d5 c4 dxc4 e4 e5 Nf3 exd4
d4 d5 c4 Nc6 Nc3 dxc4 Nf3 Nf6
d4 d5 c4 e5 dxe5 d4 Nf3 Nc6
d4 d5 Nf3 Nf6 Bf4 c5 e3 Nc6
d4 d5 Nf3 Nf6 e3 e6 Bd3 c5
d4 d5 Bf4 Nf6 e3 c5 c3 Nc6
d4 d5 Nc3 Nf6 Bg5 Nbd7 Nf3 g6
d4 d5 Nc3 Nf6 Bf4 c5 e3 cxd4
d4 Nf6 c4 e6 Nc3 Bb4 e3 O-O
d4 Nf6 c4 e6 Nc3 Bb4 Qc2 O-O
d4 Nf6 c4 e6 Nc3 Bb4 Nf3 b6
d4 Nf6 c4 e6 Nc3 Bb4 f3 d5
d4 Nf6 c4 e6 Nf3 b6 g3 Ba6
d4 Nf6 c4 e6 Nf3 b6 g3 Bb7
d4 Nf6 c4 e6 Nf3 b6 a3 Bb7
d4 Nf6 c4 e6 Nf3 Bb4+ Bd2 Qe7
d4 Nf6 c4 e6 g3 d5 Bg2 Be7
d4 Nf6 c4 e6 Nf3 c5 d5 exd5
d4 Nf6 c4 g6 Nc3 Bg7 e4 d6 Nf3 O-O
d4 Nf6 c4 g6 Nc3 Bg7 e4 d6 f3 O-O
d4 Nf6 c4 g6 Nc3 Bg7 e4 d6 Be2 O-O
d4 Nf6 c4 g6 Nc3 Bg7 e4 d6 f4 O-O
d4 Nf6 c4 g6 Nc3 d5 cxd5 Nxd5 e4 Nxc3
d4 Nf6 c4 g6 Nc3 d5 Nf3 Bg7
d4 Nf6 c4 g6 Nc3 d5 Bf4 Bg7
d4 Nf6 c4 g6 g3 Bg7 Bg2 d5
d4 Nf6 c4 c5 d5 e6 Nc3 exd5
d4 Nf6 c4 c5 d5 b5 cxb5 a6
d4 Nf6 c4 e5 dxe5 Ng4 Bf4 Nc6
d4 Nf6 c4 d6 Nc3 e5 Nf3 Nbd7
d4 Nf6 Nf3 e6 Bg5 c5 e3 Be7
d4 Nf6 Nf3 g6 Bf4 Bg7 e3 d6
d4 Nf6 Nf3 g6 g3 Bg7 Bg2 O-O
d4 Nf6 Bg5 Ne4 Bf4 d5 e3 c5
d4 Nf6 Bg5 d5 Bxf6 exf6 e3 Bd6
d4 f5 g3 Nf6 Bg2 e6 Nf3 Be7
d4 f5 g3 Nf6 Bg2 g6 Nf3 Bg7
d4 f5 c4 Nf6 Nc3 e6 Nf3 Bb4
d4 f5 Nc3 Nf6 Bg5 d5 Bxf6 exf6
d4 e6 c4 b6 e4 Bb7 Bd3 Bb4+
d4 d6 c4 e5 Nf3 e4 Ng5 f5
d4 c5 d5 e5 e4 d6 Nc3 Be7
c4 e5 Nc3 Nf6 Nf3 Nc6 g3 d5
c4 e5 Nc3 Nf6 Nf3 Nc6 g3 Bb4
c4 e5 Nc3 Nc6 g3 g6 Bg2 Bg7
c4 e5 g3 Nf6 Bg2 d5 cxd5 Nxd5
c4 c5 Nf3 Nf6 Nc3 d5 cxd5 Nxd5
c4 c5 Nf3 Nf6 g3 b6 Bg2 Bb7
c4 c5 Nc3 Nc6 g3 g6 Bg2 Bg7
c4 Nf6 Nc3 e6 e4 d5 e5 d4
c4 Nf6 Nc3 g6 e4 d6 g3 Bg7
c4 e6 Nf3 d5 g3 Nf6 Bg2 Be7
c4 c6 e4 d5 exd5 Nf6 Nc3 cxd5
c4 f5 Nc3 Nf6 g3 e6 Bg2 Be7
Nf3 d5 g3 Nf6 Bg2 c6 O-O Bg4
Nf3 d5 g3 c5 Bg2 Nc6 O-O e5
Nf3 d5 c4 d4 g3 c5 Bg2 Nc6
Nf3 d5 c4 e6 b3 Nf6 Bb2 Be7
Nf3 Nf6 g3 g6 Bg2 Bg7 O-O O-O
Nf3 Nf6 b3 g6 Bb2 Bg7 g3 O-O
Nf3 d5 b3 Bg4 Bb2 Nd7 e3 Ngf6
b3 e5 Bb2 Nc6 e3 Nf6 Bb5 Bd6
b3 d5 Bb2 c5 e3 Nc6 Bb5 Qd6
f4 d5 Nf3 g6 e3 Bg7 Be2 Nf6
f4 d5 Nf3 Nf6 e3 c5 b3 Nc6
g3 d5 Bg2 e5 d3 Nf6 Nf3 Nc6
g3 e5 Bg2 d5 d3 Nf6 Nf3 Bd6
Nc3 d5 e4 d4 Nce2 e5 Ng3 Nf6
b4 e5 Bb2 Bxb4 Bxe5 Nf6 c4 O-O
"""


def deck() -> list[list[str]]:
    """The openings as lists of moves in SAN, all from the usual start."""
    return [line.split() for line in LINES.strip().splitlines()]
