"""Chapter 2's tools, on a real Docker engine: images, ports, a registry, limits.

    from kubecourse.containers import *

    lab(2)                                     # which engine; what to read if there is none
    hello = build("data/apps/hello", "hello")  # prints each instruction as it is done
    look = anatomy("hello")                    # the saved archive, opened
    run("hello", publish={8080: 18080})        # 127.0.0.1:18080 -> the container's 8080
    get(18080)                                 # a real HTTP request
    clean()                                    # nothing of ours is left

Every answer is plain data (msgspec structs, so `asdict`, `==` and JSON work) whose `print` is its
text twin; pictures and exercises read the fields. Names may leave out the prefix `kubecourse-`:
"hello" is the image `kubecourse-hello:latest` and the container `kubecourse-hello`.

engines     `engine()` -> Engine; `client()`: the SDK's client, for checks.
            EngineError(reason, said, values): the one error of this package, its text in the
            reader's language. NoEngine: there is no engine to ask.
cleaning    `clean()` -> Removed, as `kubecourse clean` does; `clean(bases=False)` keeps those.
recording   `lab(chapter)` -> Lab. Without an engine every function below answers from the
            chapter's recording, `data/recorded/chapter_N.json.gz`, and says so. With
            KUBECOURSE_RECORD=1 in the environment, `lab` writes that file anew. An answer is
            found by the call's function and arguments; the n-th such call gets the n-th answer.
bases       `base(name)` -> Base: where `FROM kubecourse-python` (`-gcc`, `-registry`) comes from:
            `data/base_images.yaml`. KUBECOURSE_BASES=public or stand-in allows one source only.
building    `build(folder, name, dockerfile="Dockerfile", cache=True, target=None, show=say)` ->
            Build with `.steps` (Step: instruction, stage, cached, seconds, bytes), `.bytes`,
            `.context_bytes`. `context(folder)` -> the files an engine is sent and their bytes;
            `take(folder)` -> a copy of it to change, below `work/`.
images      `anatomy(image)` -> Anatomy: `.manifest`, `.config`, `.layers` (Layer: declared and
            computed digest, `.files`, `.removed`, `.instruction`), `.history`, `.find(path)`,
            `.wasted`. `compare(a, b)` -> Comparison. `read_file(image, path, layer)` -> str, even
            if a later layer deleted it. `diff(container)` -> list of Change.
ports       `run(image, name=None, publish={inside: outside}, ...)` -> Container; outside 0 is any
            free port; a name in use by us is replaced. `inspect(name)`, `containers()`, `logs`,
            `stop`, `remove`, `execute(name, command)` -> exit code. `get(port, path="/")` ->
            Answer (`.status`, `.body` or `.problem`). `holder(port)`; `port_map()` -> PortMap:
            host, bridges, containers, as inspected.
registry    `explain_name(text)` -> Name. `start_registry(port=5005)` -> Registry. `tag`, `push`
            and `pull` -> Transfer with `.layers` (state, bytes), `.digest`, `.sent`;
            `catalog()`, `tags(repository)`, `manifest(name)` -> Manifest, `delete(name)`;
            `remove_image(name)` deletes the local copy.
limits      `run_limited(image, command, memory=None, cpus=None, seconds=10)` -> Outcome: exit code,
            `.oom_killed`, `.samples` (memory, CPU, throttling over time), `.meaning`;
            `watch(name, seconds)` -> samples of a running one; `explain_exit(code)`.

`show` is called with each Step or Progress while it happens; `say` prints those that are done,
`silent` does nothing. Labs behave: everything carries the label `kubecourse`, publishes on
127.0.0.1 only, mounts nothing of the host and has no privileges.
"""

from kubecourse.containers.bases import base
from kubecourse.containers.building import build, context, take
from kubecourse.containers.cleaning import clean
from kubecourse.containers.engines import EngineError, NoEngine, client, engine
from kubecourse.containers.images import anatomy, compare, diff, read_file
from kubecourse.containers.limits import explain_exit, run_limited, watch
from kubecourse.containers.ports import (
    containers,
    execute,
    get,
    holder,
    inspect,
    logs,
    port_map,
    remove,
    run,
    stop,
)
from kubecourse.containers.recording import lab, say, silent
from kubecourse.containers.registry import (
    catalog,
    delete,
    explain_name,
    manifest,
    pull,
    push,
    remove_image,
    start_registry,
    tag,
    tags,
)

__all__ = [
    "EngineError", "NoEngine", "anatomy", "base", "build", "catalog", "clean", "client",
    "compare", "containers", "context", "delete", "diff", "engine", "execute", "explain_exit",
    "explain_name", "get", "holder", "inspect", "lab", "logs", "manifest", "port_map", "pull",
    "push", "read_file", "remove", "remove_image", "run", "run_limited", "say", "silent",
    "start_registry", "stop", "tag", "tags", "take", "watch",
]  # fmt: skip
