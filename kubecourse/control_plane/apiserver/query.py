"""What a request's query says: selectors, options, versions.

Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubecourse.api import errors
from kubecourse.api.fields import FieldSelector, FieldSelectorError, parse_field_selector
from kubecourse.api.labels import Selector, SelectorError, parse_selector
from kubecourse.control_plane.apiserver.request import Options

FIELD_VALIDATION = ("", "Ignore", "Strict", "Warn")
LONGEST_MANAGER = 128
PROPAGATION = ("Foreground", "Background", "Orphan")


class Query:
    """A query's values. Its methods raise ApiError for values that may not be."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def get(self, name: str) -> str:
        """One value, '' if absent."""
        return self.values.get(name, "")

    def flag(self, name: str) -> bool:
        """A boolean: given at all and not said to be false, as Go's conversion has it."""
        value = self.values.get(name)
        return value is not None and value.lower() not in ("false", "0")

    def labels(self) -> Selector | None:
        """The label selector, None for everything."""
        text = self.get("labelSelector")
        try:
            return parse_selector(text) if text else None
        except SelectorError as error:
            raise errors.bad_request(str(error)) from None

    def fields(self) -> FieldSelector | None:
        """The field selector, None for everything."""
        text = self.get("fieldSelector")
        try:
            return parse_field_selector(text) if text else None
        except FieldSelectorError as error:
            raise errors.bad_request(str(error)) from None

    def version(self) -> int:
        """The resourceVersion asked for; 0 for none."""
        text = self.get("resourceVersion")
        if not text:
            return 0
        if not text.isascii() or not text.isdigit():
            problem = f'strconv.ParseUint: parsing "{text}": invalid syntax'
            why = errors.invalid("resourceVersion", text, problem)
            raise errors.bad_request(f"invalid resource version: {why}")
        return int(text)

    def initial_events(self) -> bool | None:
        """Whether a watch is to begin with what there is; None if it does not say."""
        return self.flag("sendInitialEvents") if "sendInitialEvents" in self.values else None

    def check_list(self, watching: bool = False) -> None:
        """The options of a list or a watch must go together.

        Source: `…/apis/meta/internalversion/validation/validation.go`.
        """
        for name in ("timeoutSeconds", "limit"):
            self.integer(name)
        match, at = self.get("resourceVersionMatch"), "resourceVersionMatch"
        initially = "sendInitialEvents" in self.values
        watching = watching or self.flag("watch")
        known = ["NotOlderThan"] if watching else ["Exact", "NotOlderThan", ""]
        forbidden = f"{at} is forbidden"
        problems = []
        if watching and initially and match != "NotOlderThan":
            why = f"sendInitialEvents requires setting {at} to NotOlderThan"
            problems.append(errors.field_forbidden(at, why))
        if match and watching and not initially:
            why = f"{forbidden} for watch unless sendInitialEvents is provided"
            problems.append(errors.field_forbidden(at, why))
        if match and not watching and not self.get("resourceVersion"):
            why = f"{forbidden} unless resourceVersion is provided"
            problems.append(errors.field_forbidden(at, why))
        late = []
        if match and self.get("continue"):
            late.append(errors.field_forbidden(at, f"{forbidden} when continue is provided"))
        if match and match not in known:
            # A watch says first what it does not know.
            unknown = errors.not_supported(at, match, known)
            late.insert(0 if watching else len(late), unknown)
        problems += late
        if match == "Exact" and not watching and self.get("resourceVersion") == "0":
            why = f'{at} "exact" is forbidden for resourceVersion "0"'
            problems.append(errors.field_forbidden(at, why))
        if initially and not watching:
            why = "sendInitialEvents is forbidden for list"
            problems.append(errors.field_forbidden("sendInitialEvents", why))
        if problems:
            raise _invalid("ListOptions", *problems)

    def integer(self, name: str) -> int:
        """A whole number, 0 if absent."""
        return _integer(self.values.get(name) or None) or 0

    def options(
        self, kind: str, agent: str, warnings: list[str], applying: bool = False
    ) -> Options:
        """The options of a write. `kind` names them in errors, such as CreateOptions.

        Without a fieldManager the user agent, up to its `/`, manages the fields.
        """
        manager, validation = self.get("fieldManager"), self.get("fieldValidation")
        dry_run = [value] if (value := self.get("dryRun")) else []
        problems = _manager_problems(manager)
        if applying and not manager:
            problems = [errors.required("fieldManager", "is required for apply patch")]
        elif kind == "PatchOptions" and not applying and "force" in self.values:
            why = "may not be specified for non-apply patch"
            problems = [errors.field_forbidden("force", why), *problems]
        if dry_run not in ([], ["All"]):
            problems.append(errors.not_supported("dryRun", dry_run, ["All"]))
        if validation not in FIELD_VALIDATION:
            problems.append(errors.not_supported("fieldValidation", validation, FIELD_VALIDATION))
        if problems:
            raise _invalid(kind, *problems)
        return Options(
            manager=manager or agent.partition("/")[0][:LONGEST_MANAGER] or "unknown",
            dry_run=bool(dry_run),
            warnings=warnings,
            validation=validation or "Warn",
            force=self.flag("force"),
        )

    def deletion(self, given: dict[str, Any], warnings: list[str]) -> Options:
        """The options of a deletion: from the body, or, without one, from the query."""
        kind = "DeleteOptions"
        grace, propagation = given.get("gracePeriodSeconds"), given.get("propagationPolicy")
        dry_run = given.get("dryRun") or []
        orphan = given.get("orphanDependents")
        if not given:
            propagation = self.values.get("propagationPolicy")
            grace = _integer(self.values.get("gracePeriodSeconds"))
            dry_run = [value] if (value := self.values.get("dryRun")) else []
            orphan = self.flag("orphanDependents") if "orphanDependents" in self.values else None
        problems = []
        if orphan is not None and propagation is not None:
            why = "orphanDependents and deletionPropagation cannot be both set"
            problems.append(errors.invalid("propagationPolicy", propagation, why))
        if propagation is not None and propagation not in PROPAGATION:
            supported = (*PROPAGATION, "nil")
            problems.append(errors.not_supported("propagationPolicy", propagation, supported))
        if dry_run not in ([], ["All"]):
            problems.append(errors.not_supported("dryRun", dry_run, ["All"]))
        if problems:
            raise _invalid(kind, *problems)
        if orphan is not None:
            propagation = "Orphan" if orphan else "Background"
        preconditions = given.get("preconditions") or {}
        return Options(
            dry_run=bool(dry_run),
            grace_period=grace,
            propagation=propagation,
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            warnings=warnings,
        )


def _manager_problems(manager: str) -> list[errors.FieldError]:
    problems = []
    if len(manager.encode()) > LONGEST_MANAGER:
        problems.append(errors.too_long("fieldManager", LONGEST_MANAGER))
    for place, char in enumerate(manager):
        if not char.isprintable():
            why = f"invalid character U+{ord(char):04X} (at position {place})"
            problems.append(errors.invalid("fieldManager", manager, why))
    return problems


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _invalid(kind: str, *problems: errors.FieldError) -> errors.ApiError:
    return errors.invalid_object(kind, "meta.k8s.io", "", list(problems))
