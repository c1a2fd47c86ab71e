"""A capture with its diagnosis: what lint finds and the verdict, made when somebody looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Generic, TypeVar, overload

from dicomlab.diagnosis.elsewhere import NOBODY, Elsewhere, Titles, elsewhere
from dicomlab.diagnosis.lint import lint, lint_connection
from dicomlab.diagnosis.verdict import of_association, of_connection
from dicomlab.model import (
    Association,
    AssociationLine,
    Capture,
    Connection,
    association_line,
    association_lines,
)

T = TypeVar("T")


def diagnosed(capture: Capture) -> Capture:
    """The same capture, each association and connection with all its findings and its verdict."""
    return replace(
        capture,
        associations=_Associations(capture.associations),
        connections=_Connections(capture.connections),
    )


class _Each(Sequence[T], ABC, Generic[T]):
    """Values of which each is explained when somebody looks."""

    def __init__(self, values: Sequence[T]) -> None:
        self.values = values

    @abstractmethod
    def explained(self, value: T) -> T:
        """The value with all that there is to say of it."""

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(map(self.explained, self.values[index]))
        return self.explained(self.values[index])

    def __iter__(self) -> Iterator[T]:
        return map(self.explained, self.values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(
            bool(one == another) for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"[{shown}{', …' if len(self) > 3 else ''}]"


class _Connections(_Each[Connection]):
    """Connections without an association."""

    def explained(self, value: Connection) -> Connection:
        findings = (*value.findings, *lint_connection(value))
        found = replace(value, findings=findings)
        return replace(found, verdict=of_connection(found))


class _Associations(_Each[Association]):
    """Associations, which have lines too."""

    def explained(self, value: Association) -> Association:
        line = self._line(association_line(value))
        return replace(value, findings=line.findings, verdict=line.verdict)

    def lines(self) -> Iterator[AssociationLine]:
        """The same without the cost of their PDUs and messages."""
        return map(self._line, association_lines(self.values))

    def _line(self, line: AssociationLine) -> AssociationLine:
        found = lint(line)
        if found:
            line = line._replace(findings=(*line.findings, *found))
        return line._replace(verdict=of_association(line, self._titles_at))

    def _titles_at(self, acceptor: str) -> Titles:
        """With which AE titles others were accepted there."""
        return self._elsewhere.get(acceptor, NOBODY)

    @cached_property
    def _elsewhere(self) -> Elsewhere:
        return elsewhere(association_lines(self.values))
