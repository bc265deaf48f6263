"""What runs after `sh -c` in a container."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.node.runtime.shell import ShellSyntaxError, read_script
from kubecourse.node.runtime.words import evaluate
from kubecourse.snapshot import fork
from tests.node.world import World


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    world.run("box", image="busybox", command=["sleep", "infinity"])
    world.clock.settle()
    return world


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("echo hello", "hello\n"),
        ("echo -n a; echo b", "ab\n"),
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("! false && echo yes", "yes\n"),
        ("false; echo $?", "1\n"),
        ("if [ 1 -lt 2 ]; then echo less; else echo more; fi", "less\n"),
        ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n"),
        ("for i in 1 2 3; do echo $i; done", "1\n2\n3\n"),
        ("for i in $(seq 2); do for j in a b; do echo $i$j; done; done", "1a\n1b\n2a\n2b\n"),
        ("n=0; while [ $n -lt 3 ]; do n=$((n+1)); done; echo $n", "3\n"),
        ("n=5; until [ $n -eq 3 ]; do n=$((n-1)); done; echo $n", "3\n"),
        ("echo $((2 + 3 * (4 - 1)))", "11\n"),
        ('x="a b"; echo "$x"; echo ${y:-none}', "a b\nnone\n"),
        ("echo 'it is $HOME'", "it is $HOME\n"),
        ("echo one two | wc -w", "2\n"),
        ("echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f; rm /tmp/f", "a\nb\n"),
        ("cat < /etc/hostname", "box\n"),
        ("[ -f /tmp/none ] && echo there || echo gone", "gone\n"),
        ("touch /tmp/x && test -e /tmp/x && echo there; rm /tmp/x", "there\n"),
        ("echo out; echo err >&2", "out\n"),
        ("(echo a; echo b) ; { echo c; }", "a\nb\nc\n"),
        ("# nothing\necho a # comment", "a\n"),
        ("X=1 printenv X; echo [$X]", "1\n[]\n"),
        ("hostname; pwd; cd /tmp; pwd", "box\n/\n/tmp\n"),
        ("echo a b c | grep -c b; seq 5 | head -n 2 | tail -1", "1\n2\n"),
        ("exit 3; echo never", ""),
        ("case abc in a*) echo A;; *) echo other;; esac", "A\n"),
        ("f() { echo hi $1 $#; return 3; }; f x y; echo $?", "hi x 2\n3\n"),
        ("f() { local v=$1; echo $v; }; y=$(f q); echo $y; f r | cat", "q\nr\n"),
        ("for i in 1 2 3; do [ $i = 2 ] && continue; [ $i = 3 ] && break; echo $i; done", "1\n"),
        ("printf '1\\n2\\n' | while read n; do echo got $n; done; echo $?", "got 1\ngot 2\n0\n"),
        ("{ echo a; echo b; } > /tmp/q; while read x; do echo $x; done < /tmp/q", "a\nb\n"),
        ("ls /nosuch > /tmp/e 2>&1; cat /tmp/e", "ls: /nosuch: No such file or directory\n"),
        ("x=1; (x=2; cd /tmp; exit 3); echo $? $x; pwd", "3 1\n/\n"),
        ("set -e; if false; then :; fi; false || true; echo on; false; echo never", "on\n"),
        ("[[ web-12 =~ -([0-9]+)$ ]] && echo $((${BASH_REMATCH[1]} + 100))", "112\n"),
        ("[[ -z $none && $none != a ]] && echo empty; [[ web == w* ]] || echo not", "empty\n"),
        ("echo a > /tmp/a; [[ x$(</tmp/a) = xa || -f /none ]] && echo read", "read\n"),
        ("x=a/b/c; echo ${x//\\//-} ${x/b/B} ${x:2} ${x:0:1} ${x^^}", "a-b-c a/B/c b/c a A/B/C\n"),
        ("x=1; echo ${x:?} on; echo ${y:?wanted}; echo never", "1 on\n\n"),
        ("printf 'k=1\\n# no\\n' | sed -e '/^#/d; s/=/: /'", "k: 1\n"),
        ("echo old > /tmp/s; sed -i 's/old/new/' /tmp/s; cat /tmp/s", "new\n"),
        ("echo 'a,b;' | sed -E 's/(a),(b);$/\\2\\1/' | tr a-z A-Z", "BA\n"),
        ("echo root:x:0 | cut -d: -f1,3; echo ' x  y' | awk '{print $2}'", "root:0\ny\n"),
        ("printf '10\\n9\\n9\\n' | sort -n | uniq", "9\n10\n"),
        ("echo hi | tee /tmp/t | base64; base64 -d < /dev/null; cat /tmp/t", "aGkK\nhi\n"),
        (
            "echo v=3 > /tmp/env; . /tmp/env; echo $v; basename /a/b.c .c; dirname /a/b",
            "3\nb\n/a\n",
        ),
        (
            "sysctl -w vm.max_map_count=262144; timeout 5 echo hi; command -v sh",
            "hi\n/usr/bin/sh\n",
        ),
        ("command -v nosuch || echo none; command echo hi", "none\nhi\n"),
        (
            "ln -s /etc/hostname /tmp/name; cat /tmp/name; cp --update=none /tmp/name /tmp/n",
            "box\n",
        ),
        (
            "a=(foo 'b c' $((1 + 1))); n=1; echo ${a[$n]} ${a[n+1]} ${#a[@]} ${a[0]}",
            "b c 2 3 foo\n",
        ),
        (
            'a=(x y); a+=(z); for i in "${a[@]}"; do echo -n $i,; done; s=p; s+=q; echo $s',
            "x,y,z,pq\n",
        ),
        ("set -- a b; echo $2 $#; echo abc | rev", "b 2\ncba\n"),
        ("x=a/b.txt; echo ${x%.txt} ${x##*/} ${#x} ${y:=new} $y", "a/b b.txt 7 new new\n"),
        (
            "mkdir -p /tmp/d; touch /tmp/d/a /tmp/d/b; for f in /tmp/d/*; do echo $f; done",
            "/tmp/d/a\n/tmp/d/b\n",
        ),
        ("cat <<EOF\nhello $HOSTNAME\nEOF", "hello box\n"),
        ("cat <<'EOF' > /tmp/z\nraw $HOME\nEOF\ncat /tmp/z", "raw $HOME\n"),
        ("printf '%s is %d\\n' a 3 b 4", "a is 3\nb is 4\n"),
        ("echo hi > /tmp/1; cp /tmp/1 /tmp/2; mv /tmp/2 /tmp/3; cat /tmp/3; ls /tmp/2", "hi\n"),
        ("f() { for i in 1 2; do [ $i = 2 ] && return 5; echo $i; done; }; f; echo $?", "1\n5\n"),
        (
            "for i in 1 2; do for j in a b; do break; done; for k in x; do echo $i$k; done; done",
            "1x\n2x\n",
        ),
        ("while read a; do echo $a; read b > /tmp/null; done < /etc/nosuch; echo $?", "1\n"),
        ("x=$(false) || echo no; x=1; echo $? ${HOSTNAME##*-}", "no\n0 box\n"),
        ("(exec echo a; echo b); exec > /tmp/out; echo c; cat /tmp/out >&2", "a\n"),
        ("sh -ec 'echo $1; false; echo never' sh x; echo $?", "x\n1\n"),
        ("env A=1 sh -c 'echo $A$1' sh 2; eval 'x=3; echo $x'; echo $x", "12\n3\n3\n"),
        ("mkdir /tmp/new && rm -r /tmp/new && ls /tmp/new 2>/dev/null || echo gone", "gone\n"),
        ("yes > /dev/null || echo $?", "127\n"),
        ("trap 'echo bye' EXIT; echo hello", "hello\nbye\n"),
    ],
)
def test_scripts(world: World, script: str, out: str) -> None:
    assert world.exec("box", "sh", "-c", script).stdout == out


@pytest.mark.parametrize(
    ("script", "code", "error"),
    [
        ("exit 7", 7, ""),
        ("cat /tmp/h", 1, "cat: can't open '/tmp/h': No such file or directory\n"),
        ("nosuch", 127, "sh: nosuch: not found\n"),
        ("if true; echo a", 2, 'sh: syntax error: unexpected "end of file" (expecting "then")\n'),
        ("echo 'a", 2, "sh: syntax error: unterminated quoted string\n"),
    ],
)
def test_what_goes_wrong(world: World, script: str, code: int, error: str) -> None:
    result = world.exec("box", "sh", "-c", script)
    assert (result.code, result.stderr) == (code, error)


def test_sleep_takes_virtual_time(world: World) -> None:
    assert world.exec("box", "sh", "-c", "sleep 1.5; sleep 1m").seconds == 61.5


def test_a_program_that_is_not_there(world: World) -> None:
    result = world.exec("box", "psql")
    assert result.code == 126
    assert 'exec: "psql": executable file not found in $PATH' in result.stderr


def test_containers_write_logs_as_time_passes() -> None:
    world = World()
    script = "for i in 1 2 3; do echo line $i; sleep 5; done; exit 4"
    world.run(
        "talks", image="busybox", command=["sh", "-c", script], pod={"restartPolicy": "Never"}
    )
    world.clock.advance(10)
    assert world.logs("talks") == "line 1\nline 2\n"
    world.clock.settle()
    assert world.logs("talks") == "line 1\nline 2\nline 3\n"
    assert world.state("talks") == ("terminated", ("Error", 4))


def test_a_loop_that_does_nothing_costs_nothing() -> None:
    world = World()
    command = ["sh", "-c", "while true; do sleep 1; [ -f /tmp/go ] && exit 5; done"]
    world.run("waits", image="busybox", command=command, pod={"restartPolicy": "Never"})
    world.clock.advance(7200)
    fired: list[float] = []
    world.clock.call_later(3600, fired.append, 1)
    world.clock.advance(86400)
    assert world.state("waits")[0] == "running"
    world.exec("waits", "touch", "/tmp/go")
    world.clock.advance(5)
    assert world.state("waits") == ("terminated", ("Error", 5))


def test_a_trap_runs_when_the_present_command_is_done() -> None:
    world = World()
    script = "trap 'echo bye; exit 0' TERM; while true; do sleep 4; done"
    world.run("kind", image="busybox", command=["sh", "-c", script])
    world.clock.advance(10)
    began = world.clock.now
    world.container("kind").terminate()
    assert world.container("kind").running
    world.clock.wait_for(lambda: not world.container("kind").running, 10)
    assert 0 < world.clock.now - began <= 4
    assert world.logs("kind") == "bye\n"
    assert world.container("kind").exit_code == 0


def test_a_trap_ends_a_wait_at_once() -> None:
    world = World()
    script = "trap 'echo bye; exit 0' TERM; sleep infinity & wait"
    world.run("kind", image="busybox", command=["sh", "-c", script])
    world.clock.advance(10)
    world.container("kind").terminate()
    assert (world.container("kind").exit_code, world.logs("kind")) == (0, "bye\n")


def test_background_processes_run_beside_their_shell() -> None:
    world = World()
    script = "(sleep 2; echo child) & echo parent; wait; echo both; sleep 3 & kill $!; wait; exit 4"
    world.run("two", image="busybox", command=["sh", "-c", script], pod={"restartPolicy": "Never"})
    world.clock.advance(6)
    assert world.logs("two") == "parent\nchild\nboth\n"
    assert world.state("two") == ("terminated", ("Error", 4))


def test_a_second_world_goes_on_in_the_middle_of_a_function() -> None:
    world = World()
    script = "f() { for i in 1 2 3; do echo $1 $i; sleep 2; done; }; f a; (x=y; f b); echo $x."
    world.run("a", image="busybox", command=["sh", "-c", script], pod={"restartPolicy": "Never"})
    world.clock.advance(4)
    other = fork(world)
    for each in (other, world):
        each.clock.settle()
        assert each.logs("a") == "a 1\na 2\na 3\nb 1\nb 2\nb 3\n.\n"


def test_a_sidecar_follows_a_log_file() -> None:
    world = World()
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/log"}]}
    write = ["sh", "-c", "for i in 1 2 3; do echo line $i >> /log/a; sleep 5; done; sleep 1000"]
    main = {"name": "m", "image": "busybox", "command": write, **mount}
    read = {"name": "c", "image": "busybox", "args": ["tail", "-n+1", "-F", "/log/a"], **mount}
    world.run("a", pod={"containers": [read, main], "volumes": [{"name": "v", "emptyDir": {}}]})
    world.clock.advance(30)
    assert world.logs("a", "c") == "line 1\nline 2\nline 3\n"


@given(st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 99))
def test_arithmetic_is_that_of_integers(a: int, b: int, c: int) -> None:
    assert evaluate(f"{a} + {b} * {c}", {}) == a + b * c
    assert evaluate(f"({a} - {b}) / {c}", {}) == int((a - b) / c)
    assert evaluate(f"{a} < {b}", {}) == (a < b)


@given(st.text(alphabet="if then fi while do done ; && || | ( ) { } ' \" $ ` x \n", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        read_script(text)
    except ShellSyntaxError as error:
        assert str(error).startswith("syntax error")
