"""The ways to change an object by sending only the change, and how kubectl makes one up.

| content type | function | lists |
|---|---|---|
| `application/json-patch+json` | `json_patch` | by index |
| `application/merge-patch+json` | `merge_patch` | replaced whole |
| `application/strategic-merge-patch+json` | `strategic_merge_patch` | merged by key |
| `application/apply-patch+yaml` | `owners.apply` | merged by key, and each field has owners |

Documents and patches are plain JSON values: dict, list, str, int, float, bool, None. No function
changes what it is given; results share the parts that did not change.
"""

from kubecourse.api.patch.json_patch import (
    json_patch,
    merge_patch,
    three_way_json_merge_patch,
)
from kubecourse.api.patch.strategic import strategic_merge_patch
from kubecourse.api.patch.strategic_diff import three_way_merge_patch, two_way_merge_patch
from kubecourse.api.patch.values import Json, PatchError

__all__ = [
    "Json", "PatchError", "json_patch", "merge_patch", "strategic_merge_patch",
    "three_way_json_merge_patch", "three_way_merge_patch", "two_way_merge_patch",
]  # fmt: skip
