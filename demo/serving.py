"""Sends the demo's requests through the network, and kills a worker in the middle of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.customers import Answer, Ask, Outcome, plan_long_streams, plan_requests, send_all
from demo.processes import DemoFailed, Processes

REQUESTS = 200
_BEFORE_THE_KILL = 90
# Spread over three workers: each has three of them when one is killed.
_STREAMS_AT_THE_KILL = 9
# A kill may fall just behind the last token of its streams; then it is tried again.
_MOST_KILLS = 5
_SEED = 20_261_121


class Serving:
    """One run of all requests. `kills` counts how often the victim was killed."""

    def __init__(
        self,
        processes: Processes,
        console: Console,
        *,
        url: str,
        key: str,
        victim: str,
        revive: Callable[[], None],
    ) -> None:
        self._processes = processes
        self._console = console
        self.url = url
        self._key = key
        self.victim = victim
        self._revive = revive
        self.kills = 0

    def run(self) -> list[Answer]:
        """The answers to all requests, with a progress bar."""
        bar = BarColumn()
        columns = (TextColumn("requests      "), bar, MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("requests", total=REQUESTS)

            def on_answer(_answer: Answer) -> None:
                again = max(0, self.kills - 1) * _STREAMS_AT_THE_KILL
                progress.update(task, advance=1, total=REQUESTS + again)

            return asyncio.run(self._send_everything(on_answer))

    async def _send_everything(self, on_answer: Callable[[Answer], None]) -> list[Answer]:
        others = plan_requests(REQUESTS - _STREAMS_AT_THE_KILL, seed=_SEED)
        url, key = self.url, self._key
        answers = await send_all(url, key, others[:_BEFORE_THE_KILL], on_answer=on_answer)
        for attempt in range(1, _MOST_KILLS + 1):
            amid = await self._stream_and_kill(on_answer)
            answers += amid
            if self.kills < attempt:
                raise DemoFailed("no stream brought text, so there was nothing to kill a worker in")
            if any(answer.outcome is Outcome.BROKEN_OFF for answer in amid):
                break
        return answers + await send_all(url, key, others[_BEFORE_THE_KILL:], on_answer=on_answer)

    async def _stream_and_kill(self, on_answer: Callable[[Answer], None]) -> list[Answer]:
        """Long streams at every worker, one of which is killed amid them and comes back."""
        streams = plan_long_streams(_STREAMS_AT_THE_KILL, first_number=_BEFORE_THE_KILL)
        begun: set[int] = set()
        kills_before = self.kills

        def kill_once_some_have_begun(ask: Ask) -> None:
            # A client sees text later than the network sent it, so the other streams run as well.
            begun.add(ask.number)
            if len(begun) * 3 >= len(streams) and self.kills == kills_before:
                self._processes.kill(self.victim)
                self.kills += 1
                self._console.print(f"kill -9        {self.victim}, amid {len(streams)} streams")

        answers = await send_all(
            *(self.url, self._key, streams),
            on_answer=on_answer,
            on_text=kill_once_some_have_begun,
            at_once=len(streams),
        )
        if self.kills > kills_before:
            await asyncio.to_thread(self._revive)
            self._console.print(f"and again      {self.victim}, with the same token")
        return answers
