"""The usage texts: `kubectl --help`, `kubectl get --help`."""

from __future__ import annotations

from kubecourse.tools.kubectl import flags
from kubecourse.tools.kubectl.cli import Command, Flag

GROUPS = (
    "Basic Commands (Beginner)",
    "Basic Commands (Intermediate)",
    "Deploy Commands",
    "Cluster Management Commands",
    "Troubleshooting and Debugging Commands",
    "Advanced Commands",
    "Settings Commands",
    "Other Commands",
)


def root(commands: list[Command]) -> str:
    """All commands, by group."""
    lines = ["kubectl controls the Kubernetes cluster manager.", ""]
    for group in GROUPS:
        rows = [(c.name, c.short) for c in commands if c.group == group]
        if rows:
            lines += [f"{group}:", *_rows(rows), ""]
    lines += [
        "Usage:",
        "  kubectl [flags] [options]",
        "",
        'Use "kubectl <command> --help" for more information about a given command.',
    ]
    return "\n".join(lines) + "\n"


def command(command: Command, path: str) -> str:
    """One command: what it does, its subcommands or flags, its usage."""
    lines = [command.long or command.short, ""]
    if command.examples:
        lines += ["Examples:", *(f"  {line}" for line in command.examples.split("\n")), ""]
    if command.children:
        lines += ["Available Commands:", *_rows([(c.name, c.short) for c in command.children]), ""]
        usage = f"{path} SUBCOMMAND [options]"
        more = f'Use "{path} <command> --help" for more information about a given command.'
    else:
        if command.flags:
            lines += [
                "Options:",
                *(line for flag in sorted(command.flags, key=_name) for line in _flag(flag)),
            ]
        usage = f"kubectl {command.use or path.removeprefix('kubectl ')} [options]"
        more = (
            'Use "kubectl options" for a list of global command-line options '
            "(applies to all commands)."
        )
    lines += ["Usage:", f"  {usage}", "", more]
    return "\n".join(lines) + "\n"


def options() -> str:
    """The flags of every command."""
    head = ["The following options can be passed to any command:", ""]
    return (
        "\n".join(head + [line for flag in sorted(flags.GLOBAL, key=_name) for line in _flag(flag)])
        + "\n"
    )


def _name(flag: Flag) -> str:
    return flag.name


def _flag(flag: Flag) -> list[str]:
    short = f"-{flag.short}, " if flag.short else ""
    return [f"    {short}--{flag.name}={_default(flag)}:", f"        {flag.help}", ""]


def _default(flag: Flag) -> str:
    value = flag.initial
    if flag.type == "bool":
        return "true" if value else "false"
    if flag.type == "string":
        return f"'{value}'"
    if flag.type in ("strings", "array"):
        return f"[{','.join(value)}]"
    return f"{value:g}s" if flag.type == "duration" else str(value)


def _rows(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{max(width, 15)}} {text}" for name, text in rows]
