"""The GPU machine: takes jobs over a link that it opens itself, and answers them with a runtime.

It owns no key and no money: it knows an address to be paid to, and the orchestrator counts.
`loop` is the way in; `plan` and `state` are pure; `runtimes/` has one file per runtime. It shares
only `basis.rules` and `basis.wire` with the server, so that it installs alone.
"""
