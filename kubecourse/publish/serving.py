"""`kubecourse serve`: a cluster for clients in other terminals, until it is stopped."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from kubecourse.api.duration import parse_duration

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.http.service import Service

HELP = """\
Type here: pause, resume, speed 60, step 30s, status, or stop (Ctrl-C does the same)."""


ABOUT = """\
Start a simulated cluster and answer requests over HTTPS, on this machine only. What is printed
first makes kubectl in another terminal find it. Until it is stopped the terminal takes: pause,
resume, speed 60, step 30s, status, stop."""


def add_options(serving: ArgumentParser) -> None:
    """Add the command's options."""
    serving.add_argument("--nodes", type=int, default=3, metavar="N", help="workers (3)")
    serving.add_argument(
        "--control-plane", type=int, default=1, metavar="N", help="control plane machines (1)"
    )
    serving.add_argument("--seed", type=int, default=0, metavar="N", help="what is random (0)")
    serving.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="virtual seconds a second (1)"
    )
    serving.add_argument("--port", type=int, default=0, metavar="N", help="0 is any that is free")
    serving.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="a file to make, for you alone"
    )


def serve(options: Namespace) -> Service:
    """Start a cluster and serve it. Raises ImportError, OSError, ValueError, CourseError."""
    from kubecourse import Cluster

    cluster = Cluster(options.nodes, control_plane=options.control_plane, seed=options.seed)
    return cluster.serve(port=options.port, speed=options.speed, kubeconfig=options.kubeconfig)


def attend(service: Service) -> None:
    """Say where it is, and do what is typed, until it is to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(service, flush=True)
    if sys.stdin.isatty():
        print(HELP, flush=True)
    try:
        Thread(target=_read, args=(service,), daemon=True).start()
        while service.running:
            service.wait(1.0)
    except KeyboardInterrupt:
        pass
    finally:
        service.stop()


def _read(service: Service) -> None:
    """Do what is typed; at the end of the input go on serving."""
    for line in sys.stdin:
        try:
            said = command(service, line)
        except ValueError as error:
            said = str(error)
        if said:
            print(said, flush=True)


def command(service: Service, line: str) -> str:
    """Do what one line says; what there is to answer. Raises ValueError."""
    word, *words = line.split() or [""]
    match word, words:
        case "", []:
            return ""
        case "pause", []:
            service.pause()
        case "resume", []:
            service.resume()
        case "speed", [text]:
            service.speed = float(text)
        case "step", [text]:
            service.step(parse_duration(text))
        case "stop" | "quit" | "exit", []:
            service.stop()
            return ""
        case "status", []:
            pass
        case _:
            raise ValueError(HELP)
    return service.status


def explained(problem: Any) -> tuple[str, str]:
    """What went wrong, and what to do."""
    if isinstance(problem, ImportError):
        return "nothing can be served here.", "Install it with: pip install -e '.[serve]'"
    if isinstance(problem, FileExistsError):
        return f"{problem.filename} is there already.", "Name another file with --kubeconfig."
    return f"the cluster cannot be served: {problem}", "kubecourse serve --help tells the options."
