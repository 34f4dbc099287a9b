"""Other people's programs as agents.

`process` runs a program so that nothing it does can hurt us, `faults` names what can go wrong, a `Driver`
speaks one protocol (`gtp`, `hub`; another protocol is one more driver, and knows its games), and
`EngineAgent` seats drivers at boards. Text of the protocols is taken apart in `gtp_wire` and `hub_wire`,
without any process.
"""
