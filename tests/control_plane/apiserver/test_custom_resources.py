"""Kinds that CustomResourceDefinitions add to a cluster, and other kinds that extend one."""

from __future__ import annotations

import pytest

from kubecourse import Cluster

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: backups.db.example.com}
spec:
  group: db.example.com
  scope: Namespaced
  names: {plural: backups, kind: Backup, shortNames: [bk], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.copies, statusReplicasPath: .status.copies}
    selectableFields: [{jsonPath: .spec.mode}]
    additionalPrinterColumns:
    - {name: Schedule, type: string, jsonPath: .spec.schedule}
    - {name: Copies, type: integer, jsonPath: .spec.copies}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema: &schema
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [schedule]
            description: What is wanted.
            properties:
              schedule: {type: string, pattern: '^\\S+( \\S+){4}$'}
              copies: {type: integer, minimum: 1, maximum: 9, default: 1}
              mode: {type: string, enum: [Full, Partial]}
              port: {x-kubernetes-int-or-string: true}
              targets:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, path: {type: string, default: /data}}
              options: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: *schema
"""
BACKUP = """
apiVersion: db.example.com/v1
kind: Backup
metadata: {name: daily}
spec:
  schedule: 0 3 * * *
  targets: [{name: a}, {name: b, path: /b}]
  options: {deep: {er: [1, 2]}}
"""


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=1)
    cluster.run("apply -f -", DEFINITION)
    return cluster


def say(cluster: Cluster, command: str, stdin: str | None = None) -> str:
    answer = cluster.run(command, stdin)
    return (answer.text).rstrip("\n")


def test_a_definition_is_established_at_once(cluster: Cluster) -> None:
    name = "crd/backups.db.example.com"
    assert "condition met" in say(cluster, f"wait --for condition=established {name}")
    assert "backups   bk           db.example.com/v1   true         Backup" in say(
        cluster, "api-resources --api-group db.example.com"
    )


def test_its_objects_are_stored_with_defaults_and_shown_in_its_columns(cluster: Cluster) -> None:
    assert say(cluster, "apply -f -", BACKUP) == "backup.db.example.com/daily created"
    # kubectl sends lists whole: defaults in them are taken out, and written in again.
    assert say(cluster, "apply -f -", BACKUP) == "backup.db.example.com/daily configured"
    lines = say(cluster, "get bk").split("\n")
    assert lines[0].split() == ["NAME", "SCHEDULE", "COPIES", "READY", "AGE"]
    assert lines[1].split() == ["daily", "0", "3", "*", "*", "*", "1", "0s"]
    path = "{.spec.targets[*].path} {.spec.options.deep.er} {.metadata.generation}"
    assert say(cluster, f"get bk daily -o jsonpath='{path}'") == "/data /b [1,2] 1"
    assert "backup.db.example.com/daily" in say(cluster, "get all")
    assert "Schedule:  0 3 * * *" in say(cluster, "describe backup daily")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("{}", "spec.schedule: Required value"),
        (
            "{schedule: often}",
            'spec.schedule: Invalid value: "often": '
            "spec.schedule in body should match '^\\S+( \\S+){4}$'",
        ),
        (
            "{schedule: 0 3 * * *, copies: 20}",
            "spec.copies: Invalid value: 20: spec.copies in body should be less than or equal to 9",
        ),
        (
            "{schedule: 0 3 * * *, copies: many}",
            'spec.copies: Invalid value: "string": '
            'spec.copies in body must be of type integer: "string"',
        ),
        (
            "{schedule: 0 3 * * *, mode: Half}",
            'spec.mode: Unsupported value: "Half": supported values: "Full", "Partial"',
        ),
        (
            "{schedule: 0 3 * * *, targets: [{path: /x}]}",
            "spec.targets[0].name: Required value",
        ),
    ],
)
def test_what_its_schema_forbids_is_refused(cluster: Cluster, spec: str, why: str) -> None:
    manifest = f"apiVersion: db.example.com/v1\nkind: Backup\nmetadata: {{name: x}}\nspec: {spec}\n"
    assert say(cluster, "create -f -", manifest) == f'The Backup "x" is invalid: {why}'


def test_what_its_schema_does_not_know_is_refused_or_taken_out(cluster: Cluster) -> None:
    manifest = BACKUP.replace("  targets:", "  colour: red\n  targets:")
    assert 'strict decoding error: unknown field "spec.colour"' in say(
        cluster, "create -f -", manifest
    )
    assert 'unknown field "spec.colour"' in say(cluster, "create --validate=warn -f -", manifest)
    assert say(cluster, "get bk daily -o jsonpath={.spec.colour}") == ""


def test_lists_have_owners_element_by_element(cluster: Cluster) -> None:
    say(cluster, "apply --server-side -f -", BACKUP)
    other = BACKUP.replace("[{name: a}, {name: b, path: /b}]", "[{name: b, path: /c}]")
    answer = say(cluster, "apply --server-side --field-manager me -f -", other)
    assert "conflict" in answer
    assert '.spec.targets[name="b"].path' in answer


def test_its_status_and_scale_are_apart(cluster: Cluster) -> None:
    say(cluster, "apply -f -", BACKUP + "status: {copies: 7}\n")
    assert say(cluster, "get bk daily -o jsonpath={.status}") == ""
    patch = """'{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}'"""
    say(cluster, f"patch bk daily --subresource status --type merge -p {patch}")
    assert say(cluster, "get bk").split("\n")[1].split()[-2:] == ["True", "0s"]
    assert say(cluster, "get bk daily -o jsonpath={.metadata.generation}") == "1"
    assert say(cluster, "scale bk daily --replicas 3") == "backup.db.example.com/daily scaled"
    found = say(cluster, "get bk daily -o jsonpath='{.spec.copies} {.metadata.generation}'")
    assert found == "3 2"


def test_strategic_patches_are_refused(cluster: Cluster) -> None:
    say(cluster, "apply -f -", BACKUP)
    answer = say(cluster, """patch bk daily -p '{"spec": {"copies": 2}}'""")
    assert answer == (
        "error: application/strategic-merge-patch+json is not supported by db.example.com/v1, "
        "Kind=Backup: the body of the request was in an unknown format - accepted media types "
        "include: application/json-patch+json, application/merge-patch+json, "
        "application/apply-patch+yaml"
    )
    assert say(cluster, "label bk daily a=b") == "backup.db.example.com/daily labeled"


def test_another_version_is_the_same_object(cluster: Cluster) -> None:
    answer = say(cluster, "apply -f -", BACKUP.replace("/v1", "/v1beta1"))
    assert "Warning: db.example.com/v1beta1 Backup is deprecated" in answer
    answer = say(cluster, "get --raw /apis/db.example.com/v1beta1/namespaces/default/backups/daily")
    assert '"apiVersion":"db.example.com/v1beta1"' in answer
    assert say(cluster, "get bk daily -o jsonpath={.apiVersion}") == "db.example.com/v1"


def test_fields_may_be_selected_by(cluster: Cluster) -> None:
    say(cluster, "apply -f -", BACKUP + "  mode: Full\n")
    assert "daily" in say(cluster, "get bk --field-selector spec.mode=Full")
    assert "No resources" in say(cluster, "get bk --field-selector spec.mode=Partial")
    assert "field label not supported" in say(cluster, "get bk --field-selector spec.copies=1")


def test_a_watch_tells_of_it(cluster: Cluster) -> None:
    seen: list[str] = []
    resource = cluster.server.custom("db.example.com", "v1", "backups")
    assert resource is not None
    cluster.server.watch(resource, lambda changes: seen.extend(c.type for c in changes))
    say(cluster, "apply -f -", BACKUP)
    cluster.advance(1)
    assert seen == ["ADDED"]


def test_objects_go_with_their_namespace_and_with_their_definition(cluster: Cluster) -> None:
    say(cluster, "create ns shop")
    say(cluster, "apply -n shop -f -", BACKUP)
    say(cluster, "delete ns shop")
    assert say(cluster, "get bk -A") == "No resources found"
    say(cluster, "apply -f -", BACKUP)
    answer = say(cluster, "delete crd backups.db.example.com")
    assert answer.endswith('"backups.db.example.com" deleted')
    assert say(cluster, "get bk") == 'error: the server doesn\'t have a resource type "bk"'
    cluster.run("apply -f -", DEFINITION)
    assert say(cluster, "get bk") == "No resources found in default namespace."


def test_all_of_its_objects_go_with_a_definition_at_once(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):
        cluster.run("apply -f -", BACKUP.replace("daily", name))
    assert cluster.run("delete crd backups.db.example.com").code == 0
    assert cluster.run("get crd").text == "No resources found\n"


def test_its_status_may_have_defaults(cluster: Cluster) -> None:
    waiting = (
        "status: {type: object, default: {phase: Waiting}, properties: {phase: {type: string}}}"
    )
    cluster.run("delete crd backups.db.example.com")
    unknown = "status: {type: object, x-kubernetes-preserve-unknown-fields: true}"
    cluster.run("apply -f -", DEFINITION.replace(unknown, waiting))
    cluster.run("apply -f -", BACKUP + "status: {phase: Mine}\n")
    assert cluster.run("get bk daily -o jsonpath={.status.phase}").text == "Waiting"


def test_what_nobody_asks_of_its_objects_is_said(cluster: Cluster) -> None:
    rules = "required: [schedule]\n            x-kubernetes-validations: [{rule: 'true'}]"
    hook = """  conversion:
    strategy: Webhook
    webhook: {conversionReviewVersions: [v1], clientConfig: {url: 'https://example.com'}}
"""
    text = DEFINITION.replace("required: [schedule]", rules)
    said = cluster.run("apply -f -", text.replace("  versions:", hook + "  versions:", 1)).stderr
    assert said.splitlines() == [
        "Warning: simulated: x-kubernetes-validations are stored, but no rule in CEL is asked",
        "Warning: simulated: spec.conversion.webhook is stored, but no webhook is asked: "
        "versions differ in their name only",
    ]


@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "Job", "Namespace", "Pod", "Service"])
def test_its_objects_are_none_of_kubernetes_own(cluster: Cluster, kind: str) -> None:
    plural = f"{kind.lower()}s"
    text = DEFINITION.replace("kind: Backup", f"kind: {kind}").replace("shortNames: [bk], ", "")
    cluster.run("apply -f -", text.replace("backups", plural))
    mine = BACKUP.replace("kind: Backup", f"kind: {kind}")
    for schedule in ("0 3 * * *", "0 4 * * *"):
        answer = cluster.run("apply -f -", mine.replace("0 3 * * *", schedule))
        assert answer.code == 0, answer.text
    path = "{.spec.schedule}/{.metadata.generation}"
    shown = cluster.run(f"get {plural}.db.example.com daily -o jsonpath={path}").text
    assert shown == "0 4 * * */2"
    assert cluster.run(f"delete {plural}.db.example.com daily").code == 0


def owned(cluster: Cluster, name: str, version: str = "v1") -> str:
    """A ConfigMap that belongs to the backup."""
    uid = cluster.run("get bk daily -o jsonpath={.metadata.uid}").text
    owner = f"{{apiVersion: db.example.com/{version}, kind: Backup, name: daily, uid: {uid}}}"
    metadata = f"{{name: {name}, ownerReferences: [{owner}]}}"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"


def names(cluster: Cluster, kinds: str) -> str:
    """What there is of some kinds, besides what every namespace has."""
    found = cluster.run(f"get {kinds} -o name").text.split()
    return " ".join(each for each in found if "root-ca" not in each)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_what_belongs_to_its_objects_goes_with_them(cluster: Cluster, version: str) -> None:
    """An operator's Deployments go when what they were made for does."""
    cluster.run("apply -f -", BACKUP)
    cluster.run("apply -f -", owned(cluster, "of-daily", version))
    uid = cluster.run("get cm of-daily -o jsonpath={.metadata.uid}").text
    owner = f"[{{apiVersion: v1, kind: ConfigMap, name: of-daily, uid: {uid}}}]"
    child = BACKUP.replace("{name: daily}", f"{{name: child, ownerReferences: {owner}}}")
    cluster.run("apply -f -", child)
    cluster.advance(60)
    assert names(cluster, "cm,bk") == (
        "configmap/of-daily backup.db.example.com/child backup.db.example.com/daily"
    )
    cluster.run("delete bk daily")
    cluster.advance(5)
    assert names(cluster, "cm,bk") == ""


def test_what_belongs_to_its_objects_may_stay_or_go_first(cluster: Cluster) -> None:
    cluster.run("apply -f -", BACKUP)
    cluster.run("apply -f -", owned(cluster, "one"))
    cluster.run("delete bk daily --cascade=foreground")
    assert names(cluster, "cm,bk") == ""
    cluster.run("apply -f -", BACKUP)
    cluster.run("apply -f -", owned(cluster, "two"))
    cluster.advance(1)
    cluster.run("delete bk daily --cascade=orphan")
    cluster.advance(5)
    assert names(cluster, "cm,bk") == "configmap/two"


def test_a_collector_that_was_away_finds_what_belonged_to_them(cluster: Cluster) -> None:
    cluster.run("apply -f -", BACKUP)
    cluster.run("apply -f -", owned(cluster, "one"))
    copy = cluster.fork()
    copy.stop("kube-controller-manager")
    copy.run("delete bk daily")
    copy.advance(5)
    assert names(copy, "cm") == names(cluster, "cm") == "configmap/one"
    copy.start("kube-controller-manager")
    copy.advance(60)
    assert names(copy, "cm") == ""


def test_a_definition_waits_for_finalizers(cluster: Cluster) -> None:
    manifest = BACKUP.replace("{name: daily}", "{name: daily, finalizers: [db.example.com/keep]}")
    say(cluster, "apply -f -", manifest)
    say(cluster, "delete crd backups.db.example.com --wait=false")
    assert "backups.db.example.com" in say(cluster, "get crd")
    say(cluster, """patch bk daily --type merge -p '{"metadata": {"finalizers": null}}'""")
    assert say(cluster, "get crd") == "No resources found"


def test_wrong_definitions_are_refused(cluster: Cluster) -> None:
    wrong = DEFINITION.replace("backups.db", "backup.db")
    assert 'must be spec.names.plural+"."+spec.group' in say(cluster, "create -f -", wrong)


def test_a_kind_may_be_called_as_one_of_kubernetes_own(cluster: Cluster) -> None:
    definition = DEFINITION.replace("backups", "services").replace("kind: Backup", "kind: Service")
    say(cluster, "apply -f -", definition)
    manifest = BACKUP.replace("kind: Backup", "kind: Service")
    assert say(cluster, "apply -f -", manifest) == "service.db.example.com/daily created"
    assert "daily" in say(cluster, "get services.db.example.com")
    assert "daily" not in say(cluster, "get services")
    say(cluster, "create quota few --hard=services=1,pods=1,requests.cpu=1")
    assert "configured" in say(cluster, "apply -f -", manifest.replace("0 3", "0 4"))
    other = manifest.replace("daily", "weekly")
    assert say(cluster, "apply -f -", other) == "service.db.example.com/weekly created"


def test_a_copy_of_a_cluster_has_them_too(cluster: Cluster) -> None:
    say(cluster, "apply -f -", BACKUP)
    other = cluster.fork()
    other.run("delete bk daily")
    assert say(other, "get bk") == "No resources found in default namespace."
    assert "daily" in say(cluster, "get bk")


# --- Kubernetes' own kinds that extend a cluster

EXTENSIONS = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: web}
spec: {controller: example.com/web}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: checks, namespace: default}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.things.example.com}
spec:
  group: things.example.com
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: things, namespace: default}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: sandboxed}
handler: sandbox
overhead: {podFixed: {memory: 64Mi}}
scheduling: {nodeSelector: {sandbox: "yes"}}
"""


def test_what_extends_a_cluster_is_stored_and_said_to_do_nothing() -> None:
    cluster = Cluster(nodes=1)
    answer = say(cluster, "apply -f -", EXTENSIONS)
    assert "Warning: simulated: validatingwebhookconfigurations are stored" in answer
    assert "example.com/web" in say(cluster, "get ingressclass")
    assert say(cluster, "get validatingwebhookconfigurations").split("\n")[1].split()[1] == "1"
    assert "default/things" in say(cluster, "get apiservices")
    path = "{.webhooks[0].timeoutSeconds} {.webhooks[0].clientConfig.service.port}"
    assert say(cluster, f"get validatingwebhookconfigurations checks -o jsonpath='{path}'") == (
        "10 443"
    )


def test_a_pod_bears_what_its_way_of_running_costs() -> None:
    cluster = Cluster(nodes=1)
    say(cluster, "apply -f -", EXTENSIONS)
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {runtimeClassName: %s, "
    pod += "containers: [{name: a, image: nginx}]}\n"
    answer = say(cluster, "apply -f -", pod % ("one", "other"))
    assert 'pods "one" is forbidden: pod rejected: RuntimeClass "other" not found' in answer
    say(cluster, "apply -f -", pod % ("two", "sandboxed"))
    found = say(cluster, "get pod two -o jsonpath='{.spec.overhead.memory} {.spec.nodeSelector}'")
    assert found == '64Mi {"sandbox":"yes"}'


def test_an_ingress_is_of_the_class_that_is_the_default() -> None:
    cluster = Cluster(nodes=1)
    mark = "annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}"
    say(cluster, "apply -f -", EXTENSIONS.replace("{name: web}", f"{{name: web, {mark}}}"))
    ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: shop}\nspec: "
    ingress += "{%s defaultBackend: {service: {name: shop, port: {number: 80}}}}\n"
    path = "jsonpath={.spec.ingressClassName}"
    say(cluster, "apply -f -", ingress % "")
    assert say(cluster, f"get ingress shop -o {path}") == "web"
    say(cluster, "replace --force -f -", ingress % "ingressClassName: other,")
    assert say(cluster, f"get ingress shop -o {path}") == "other"
