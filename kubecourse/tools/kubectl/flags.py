"""Flags that several commands share, and those that every command has.

Source: `staging/src/k8s.io/cli-runtime/pkg/genericclioptions` and
`staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go`.
"""

from kubecourse.tools.kubectl.cli import Flag

GLOBAL = (
    Flag("namespace", "n", help="The namespace to work in, default where not given."),
    Flag("context", help="The kubeconfig context to use."),
    Flag("cluster", help="The kubeconfig cluster to use."),
    Flag("user", help="The kubeconfig user to use."),
    Flag("kubeconfig", help="Path to the kubeconfig file."),
    Flag("server", "s", help="Address of the API server."),
    Flag("request-timeout", default="0", help="How long to wait for one answer; 0 is for ever."),
    Flag("warnings-as-errors", type="bool", help="Exit with 1 when the server warned."),
    Flag("v", "v", default="0", help="Log level."),
    Flag("help", "h", type="bool", help="Help for the command."),
)
"""Known everywhere. An embedded cluster has one context, so most change nothing."""

FILENAME = (
    Flag("filename", "f", type="strings", help="File, directory or URL with objects; - is stdin."),
    Flag("recursive", "R", type="bool", help="Look through the directory in -f recursively."),
    Flag("kustomize", "k", help="A kustomization directory."),
)
SELECTOR = (Flag("selector", "l", help="Label selector, such as app=web,tier!=db."),)
FIELD_SELECTOR = (Flag("field-selector", help="Field selector, such as status.phase=Running."),)
ALL_NAMESPACES = (Flag("all-namespaces", "A", type="bool", help="Objects of every namespace."),)
OUTPUT = (
    Flag(
        "output", "o", help="Output format: json, yaml, name, jsonpath=…, custom-columns=…, wide."
    ),
    Flag("template", help="Template for go-template and jsonpath output."),
    Flag("show-managed-fields", type="bool", help="Keep managedFields in json and yaml."),
    Flag("allow-missing-template-keys", type="bool", default=True, help="Ignore missing keys."),
)
DRY_RUN = (
    Flag(
        "dry-run", default="none", bare="unchanged",
        help='"none", "client" (only print) or "server" (send, but do not store).',
    ),
)  # fmt: skip
VALIDATE = (
    Flag(
        "validate", default="strict", bare="strict", help="strict, warn or ignore unknown fields."
    ),
)
FIELD_MANAGER = (Flag("field-manager", help="Who is said to manage the fields written."),)
