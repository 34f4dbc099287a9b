"""Other people's programs as agents.

`process` runs a program so that nothing it does can hurt us, `faults` names what can go wrong, a `Driver`
speaks one protocol (`gtp`, `hub`, or `uci` for whatever game is in `uci_rules`), and `EngineAgent` seats
drivers at boards. Text of the protocols is taken apart in `gtp_wire`, `hub_wire` and `uci_wire`, without any
process. `identity` says which player a program is.
"""
