"""Time that passes by itself, so many virtual seconds for each real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kubecourse.clock import Clock

TICK = 0.02
"""Real seconds between two looks at the clock on the wall."""
LONGEST = 0.02
"""Real seconds of simulation after which requests have their turn."""
PATIENCE = 1.0
"""Real seconds of delay that are made up for; more are forgotten: time then passes more slowly."""


class Pace:
    """Lets a clock's time pass at a `speed`; 0 is a pause. Calls somebody at each tick."""

    def __init__(self, clock: Clock, each_tick: Callable[[], None]) -> None:
        self.clock = clock
        self.speed = 0.0
        self._each_tick = each_tick
        self._owed = 0.0
        self._late = 0.0

    async def run(self) -> None:
        """Go on until cancelled."""
        now = asyncio.get_running_loop().time
        before = now()
        while True:
            await asyncio.sleep(TICK)
            passed, before = now() - before, now()
            self._owed = min(self._owed + passed * self.speed, PATIENCE * self.speed)
            if self._owed > 0:
                self._late = now() + LONGEST
                self._catch_up()
            self._each_tick()

    def _catch_up(self) -> None:
        clock = self.clock
        with clock.turn:
            start = clock.now
            clock.wait_for(self._enough, self._owed)
            self._owed = max(0.0, self._owed - (clock.now - start))

    def _enough(self) -> bool:
        return asyncio.get_running_loop().time() >= self._late
