"""Serving a cluster: a thread that answers requests and lets time pass, from start to stop."""

from __future__ import annotations

import asyncio
import atexit
import logging
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from aiohttp import web

from kubecourse.control_plane.apiserver import bootstrap
from kubecourse.control_plane.apiserver.authorization import AUTHENTICATED, User
from kubecourse.control_plane.apiserver.http import kubeconfig
from kubecourse.control_plane.apiserver.http.access import ADMIN
from kubecourse.control_plane.apiserver.http.containers import Front
from kubecourse.control_plane.apiserver.http.gateway import Gateway
from kubecourse.control_plane.apiserver.http.pace import TICK, Pace
from kubecourse.control_plane.apiserver.rest import Request

HOST = "127.0.0.1"
STOPPING = 2.0
"""Real seconds that clients have to finish what they are doing."""


class Service:
    """A cluster that is served on this machine, and on no other: `url`, `kubeconfig`, `port`.

    `with cluster.serve() as kubeconfig:` stops it at the end; so does `stop()`. Meanwhile time
    passes at `speed` virtual seconds a second; `pause()`, `resume()` and `step(seconds)` as well.
    """

    def __init__(
        self,
        front: Front,
        *,
        port: int = 0,
        speed: float = 1.0,
        path: str | Path | None = None,
    ) -> None:
        self._clock = front.clock
        self._gateway = Gateway(front)
        self._pace = Pace(front.clock, self._look)
        self._idle, self._last = 0, 0.0
        self._resumed = speed
        self.speed = speed
        self._certificate = kubeconfig.Certificate()
        self._started, self._stopping = Event(), asyncio.Event()
        self._problems: list[OSError] = []
        self._patience = STOPPING
        self.port = port
        with front.clock.turn:
            bootstrap.policy(front.server)
        self._thread = Thread(target=self._run, name="kubecourse serve", daemon=True)
        self._thread.start()
        self._started.wait()
        for problem in self._problems:
            self._thread.join()
            raise problem
        self._home = Path(tempfile.mkdtemp(prefix="kubecourse-"))
        self.kubeconfig = Path(path) if path else self._home / "config"
        try:
            self._write(self.kubeconfig, ADMIN)
        except OSError:
            self.kubeconfig = self._home / "config"
            self.stop()
            raise
        atexit.register(self.stop)

    # --- where it is

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment needs; kubectl keeps what it learns in a place of its own."""
        return {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self._home / "cache")}

    def reader(self, name: str = "reader") -> Path:
        """A kubeconfig to hand out: whoever has it may look at everything but Secrets."""
        path = self._home / f"{name}.kubeconfig"
        self._write(path, User(name, (bootstrap.READERS, AUTHENTICATED)))
        return path

    def _write(self, path: Path, user: User) -> None:
        token = self._gateway.access.token(user)
        kubeconfig.write(path, self.url, self._certificate, user.name, token)

    def __str__(self) -> str:
        lines = [f"export {name}={value}" for name, value in self.environment.items()]
        return "\n".join([f"# The cluster answers at {self.url}.", *lines])

    def __repr__(self) -> str:
        return f"{self}\n# {self.status}"

    @property
    def status(self) -> str:
        """What time it is, and how fast it passes."""
        now = f"It is virtual second {self._clock.now:.0f}"
        if not self.running:
            return f"{now}; the cluster is no longer served."
        pace = f"{self.speed:g} pass in a real one" if self.speed else "time stands still"
        return f"{now}; {pace}."

    # --- time

    @property
    def speed(self) -> float:
        """Virtual seconds that pass in a real one; 0 is a pause."""
        return self._pace.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not 0 <= speed <= 100_000:
            raise ValueError(f"speed={speed!r}: give virtual seconds a second, such as 1 or 60")
        self._pace.speed = speed
        self._resumed = speed or self._resumed

    def pause(self) -> None:
        """Let time stand still; requests are answered all the same."""
        self.speed = 0

    def resume(self) -> None:
        """Let time pass again, as fast as before."""
        self.speed = self._resumed or 1.0

    def step(self, seconds: float) -> None:
        """Let that many virtual seconds pass at once."""
        self._clock.advance(seconds)

    @property
    def asked(self) -> float:
        """When somebody last asked for something, in real seconds."""
        return self._gateway.heard

    @property
    def watched(self) -> float:
        """Real seconds for which clients only watched, in vain; 0 where nobody watches anything.

        They are counted as turns of the thread that serves: a busy machine takes longer for both.
        """
        idle = self._gateway.watches.any and self._heard == self._last
        return self._idle * TICK if idle else 0.0

    @property
    def _heard(self) -> float:
        return max(self.asked, self._gateway.watches.told)

    def _look(self) -> None:
        """Look around, once in a turn."""
        self._gateway.watches.check()
        self._idle = self._idle + 1 if self._heard == self._last else 0
        self._last = self._heard

    @property
    def changes(self) -> list[tuple[float, Request]] | None:
        """Set to a list, it is filled with what clients send that changes something, and when."""
        return self._gateway.changes

    @changes.setter
    def changes(self, changes: list[tuple[float, Request]] | None) -> None:
        self._gateway.changes = changes

    # --- its life

    @property
    def running(self) -> bool:
        """Whether it is still being served."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until it is over, but no longer than some real seconds."""
        self._thread.join(seconds)

    def stop(self, patience: float = STOPPING) -> None:
        """End it: no thread, port or file stays. Clients have that many real seconds to finish."""
        self._patience = patience
        atexit.unregister(self.stop)
        if self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self.kubeconfig.unlink(missing_ok=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def went_back(self) -> None:
        """The cluster has been put back to an earlier state: clients have to look again."""
        self._gateway.watches.close()

    def __enter__(self) -> str:
        return str(self.kubeconfig)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as problem:
            self._problems.append(problem)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        quiet = logging.Logger("clients that send nonsense", logging.CRITICAL)
        server = web.Server(
            self._gateway.answer, handler_cancellation=True, access_log=None, logger=quiet
        )
        listener = await self._loop.create_server(
            server, HOST, self.port, ssl=self._certificate.context
        )
        self.port = listener.sockets[0].getsockname()[1]
        pace = asyncio.create_task(self._pace.run())
        self._started.set()
        try:
            await self._stopping.wait()
        finally:
            pace.cancel()
            listener.close()
            self.went_back()
            await server.shutdown(self._patience)
