"""Read Kubernetes' Go types and write the tables that the API package works from.

    python tools/generate_schema.py GOPATH_SRC

`GOPATH_SRC` holds `k8s.io/api` and `k8s.io/apimachinery`, as Debian's packages
`golang-k8s-api-dev` and `golang-k8s-apimachinery-dev` install them below
`/usr/share/gocode/src`. Two files are written into `kubecourse/api/`:

- `schema.json`: per struct, its fields: JSON name, Go type, what an absent or zero value
  means, patch and list-map keys, protobuf number. Facts about the wire format only.
- `descriptions.json.gz`: the fields' documentation, which `kubectl explain` prints, and the
  values of enumerations with theirs.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

PACKAGES = [
    "api/core/v1",
    "api/apps/v1",
    "api/batch/v1",
    "api/autoscaling/v1",
    "api/autoscaling/v2",
    "api/policy/v1",
    "api/networking/v1",
    "api/discovery/v1",
    "api/coordination/v1",
    "api/events/v1",
    "api/rbac/v1",
    "api/scheduling/v1",
    "api/storage/v1",
    "api/authentication/v1",
    "api/authorization/v1",
    "api/admissionregistration/v1",
    "api/node/v1",
    "api/certificates/v1",
    "api/flowcontrol/v1",
    "api/resource/v1",
    "apimachinery/pkg/apis/meta/v1",
]
# Types whose JSON is not their Go struct: the codec knows them by name.
SPECIAL = {
    "meta/v1.Time",
    "meta/v1.MicroTime",
    "meta/v1.Duration",
    "meta/v1.FieldsV1",
    "meta/v1.Verbs",
    "runtime.RawExtension",
    "resource.Quantity",
    "intstr.IntOrString",
}
BASIC = {"string", "bool", "int", "int32", "int64", "float64", "byte", "uint16", "any"}
FIELD = re.compile(r"^\s+(?:(\w+)\s+)?([*\[\]\w.]+(?:\[[\w.]+\][*\w.]+)?)\s+`(.*)`")
EMBEDDED = re.compile(r"^\s+([*\w.]+)\s+`(.*)`")
CONSTANT = re.compile(r'^\s+\w+\s+(\w+)\s*=\s*"([^"]*)"')
DEFAULT = re.compile(r'^\+default="(.*)"$')
TAG = re.compile(r'(\w+):"([^"]*)"')


def short(package: str) -> str:
    """`api/core/v1` → `core/v1`; `apimachinery/pkg/apis/meta/v1` → `meta/v1`."""
    return "/".join(package.split("/")[-2:])


class Package:
    """One Go package: its imports, named types and structs."""

    def __init__(self, source: Path, package: str) -> None:
        self.name = short(package)
        self.structs: dict[str, list[dict]] = {}
        self.named: dict[str, str] = {}
        self.docs: dict[str, str] = {}
        self.atomic: dict[str, bool] = {}
        self.enums: dict[str, dict[str, str]] = {}
        self.constants: dict[str, dict[str, str]] = {}
        for path in sorted((source / package).glob("*.go")):
            if not path.name.endswith("_test.go") and "generated" not in path.name:
                self._read(path.read_text())

    def _read(self, text: str) -> None:
        self.imports = {}
        for line in re.findall(r"^import \((.*?)^\)", text, re.S | re.M):
            for alias, target in re.findall(r'^\s*(\w+)?\s*"([^"]+)"', line, re.M):
                self.imports[alias or target.split("/")[-1]] = target
        struct: list[dict] | None = None
        comment: list[str] = []
        for line in text.split("\n"):
            stripped = line.strip()
            if struct is None:
                struct = self._declaration(line, comment)
            elif line.startswith("}"):
                struct = None
            elif stripped and not stripped.startswith("//"):
                self._field(struct, line, comment)
            comment = [*comment, stripped[2:].strip()] if stripped.startswith("//") else []

    def _declaration(self, line: str, comment: list[str]) -> list[dict] | None:
        if match := re.match(r"^type (\w+) struct \{$", line):
            self.docs[match[1]] = prose(comment)
            self.atomic[match[1]] = relation(comment) == "atomic"
            return self.structs.setdefault(match[1], [])
        if match := re.match(r"^type (\w+) =? ?([*\[\]\w.]+)$", line):
            self.named[match[1]] = self.qualify(match[2])
            if "+enum" in comment:
                self.enums[match[1]] = self.constants.setdefault(match[1], {})
        elif match := CONSTANT.match(line):
            self.constants.setdefault(match[1], {})[match[2]] = prose(comment)
        return None

    def _field(self, struct: list[dict], line: str, comment: list[str]) -> None:
        match = FIELD.match(line)
        if not match:
            return
        tags = dict(TAG.findall(match[3]))
        if "json" not in tags or tags["json"] == "-":
            return
        name, *options = tags["json"].split(",")
        proto = tags.get("protobuf", "").split(",")
        field = {
            "name": name,
            "type": self.qualify(match[2]),
            "inline": "inline" in options or (match[1] is None and not name),
            "omit": "omitzero"
            if "omitzero" in options
            else "omitempty"
            if "omitempty" in options
            else "",
            "merge_key": tags.get("patchMergeKey", ""),
            "strategy": tags.get("patchStrategy", ""),
            "number": int(proto[1]) if len(proto) > 1 else 0,
            "list_type": relation(comment),
            "list_keys": [m for line in comment for m in re.findall(r"^\+listMapKey=(\w+)", line)],
            "default": next((m[1] for c in comment if (m := DEFAULT.match(c))), None),
            "description": prose(comment),
        }
        struct.append(field)

    def qualify(self, go: str) -> str:
        """`[]Container` in core/v1 → `[]core/v1.Container`; imported names likewise."""

        def name(match: re.Match[str]) -> str:
            package, local = match[1], match[2]
            if not package:
                return local if local in BASIC else f"{self.name}.{local}"
            target = self.imports[package[:-1]]
            short_name = short(target) if re.search(r"/v\d\w*$", target) else target.split("/")[-1]
            return f"{short_name}.{local}"

        return re.sub(r"(\w+\.)?\b(?!map\b)([A-Za-z]\w*)", name, go)


def relation(comment: list[str]) -> str:
    """How a list, map or struct is merged: `+listType=map`, or `+mapType=atomic`."""
    pattern = re.compile(r"^\+(?:list|map|struct)Type=(\w+)")
    return next((m[1] for line in comment if (m := pattern.match(line))), "")


def prose(comment: list[str]) -> str:
    """A Go comment without its `+markers`, paragraphs unwrapped."""
    lines = [line for line in comment if not re.match(r"^\+\S", line) and line != "---"]
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).split("TODO")[0].strip())
    return "\n\n".join(
        p if re.search(r"^\s*[-*]", p, re.M) else p.replace("\n", " ") for p in paragraphs
    )


def reachable(packages: dict[str, Package], roots: list[str]) -> list[str]:
    """The structs that the roots refer to, directly or not."""
    seen: dict[str, None] = {}
    todo = list(roots)
    while todo:
        name = todo.pop()
        package, _, local = name.rpartition(".")
        if name in seen or package not in packages or name in SPECIAL:
            continue
        if local in packages[package].structs:
            seen[name] = None
            for field in packages[package].structs[local]:
                todo += re.findall(r"[\w/]+\.\w+", field["type"])
        elif local in packages[package].named:
            todo += re.findall(r"[\w/]+\.\w+", packages[package].named[local])
    return sorted(seen)


def main(source: Path) -> None:
    """Write both files."""
    packages = {p.name: p for p in (Package(source, name) for name in PACKAGES)}
    kinds = [
        f"{p.name}.{name}"
        for p in packages.values()
        for name, fields in p.structs.items()
        if any(f["inline"] and f["type"] == "meta/v1.TypeMeta" for f in fields)
        and not name.endswith("List")
    ]
    types, descriptions = {}, {}
    for name in reachable(packages, kinds):
        package, _, local = name.rpartition(".")
        types[name] = [
            row(f) for f in packages[package].structs[local] if f["type"] != "meta/v1.TypeMeta"
        ]
        docs = {f["name"]: f["description"] for f in packages[package].structs[local] if f["name"]}
        descriptions[name] = {"": packages[package].docs[local], **docs}
    used = {n for rows in types.values() for r in rows for n in re.findall(r"[\w/]+\.\w+", r[1])}
    named = {
        f"{p.name}.{name}": target
        for p in packages.values()
        for name, target in p.named.items()
        if f"{p.name}.{name}" in used
    }
    named |= {"types.UID": "string", "types.NodeName": "string"}
    descriptions |= {
        f"{p.name}.{name}": dict(sorted(values.items()))
        for p in packages.values()
        for name, values in p.enums.items()
        if f"{p.name}.{name}" in named
    }
    missing = used - set(types) - set(named) - SPECIAL
    if missing:
        raise SystemExit(f"unresolved types: {sorted(missing)}")
    facts = {"named": dict(sorted(named.items()))}
    facts["atomic"] = [
        name for name in types if packages[(parts := name.rpartition("."))[0]].atomic[parts[2]]
    ]
    facts["key_defaults"] = key_defaults(packages, types)
    out = Path(__file__).parent.parent / "kubecourse" / "api"
    lines = [
        f'  "{name}": [\n' + ",\n".join(f"    {json.dumps(r)}" for r in rows) + "\n  ]"
        for name, rows in types.items()
    ]
    (out / "schema.json").write_text(
        "{\n"
        + "".join(f'"{key}": {json.dumps(fact, indent=1)},\n' for key, fact in facts.items())
        + '"types": {\n'
        + ",\n".join(lines)
        + "\n}}\n"
    )
    packed = gzip.compress(json.dumps(descriptions, separators=(",", ":")).encode(), mtime=0)
    (out / "descriptions.json.gz").write_bytes(packed)
    print(f"{len(types)} structs, {len(named)} named types, {len(packed)} bytes of descriptions")


def key_defaults(packages: dict[str, Package], types: dict[str, list]) -> dict[str, str]:
    """What the keys of a list's elements are where an element does not say."""
    keyed = {
        (row[1][2:], key) for rows in types.values() for row in rows for key in row[7:] and row[7]
    }
    return {
        f"{name}.{key}": field["default"]
        for name, key in sorted(keyed)
        for field in packages[name.rpartition(".")[0]].structs[name.rpartition(".")[2]]
        if field["name"] == key and field["default"] is not None
    }


def row(field: dict) -> list:
    """A field as the table has it: name, type, omit, patch keys, number, list keys."""
    full = [
        "" if field["inline"] else field["name"],
        field["type"],
        field["omit"],
        field["merge_key"],
        field["strategy"],
        field["number"],
        field["list_type"],
        field["list_keys"],
    ]
    while not full[-1]:
        full.pop()
    return full


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "k8s.io")
