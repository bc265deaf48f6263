"""What admission decides on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubecourse.api import errors
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver.request import Options


@dataclass(slots=True)
class Attempt:
    """A write: CREATE, UPDATE or DELETE, with what is there before (`old`) and after (`new`)."""

    server: Any
    operation: str
    resource: Resource
    new: Any
    old: Any
    options: Options

    @property
    def keeps_spec(self) -> bool:
        """Whether an update leaves the spec alone."""
        return self.old is not None and self.new.spec is self.old.spec

    def forbidden(self, why: str, **details: Any) -> errors.ApiError:
        """The answer that refuses it."""
        metadata = (self.old if self.new is None else self.new).metadata
        return errors.forbidden(
            self.resource.plural, self.resource.group, metadata.name, why, **details
        )
