"""A capture with its diagnosis: what lint finds and the verdict, made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar, overload

from dicomlab.diagnosis.lint import lint, lint_connection
from dicomlab.diagnosis.verdict import of_association, of_connection
from dicomlab.model import (
    Association,
    AssociationLine,
    Capture,
    Connection,
    Pdu,
    association_line,
    association_lines,
)

T = TypeVar("T")


def diagnosed(capture: Capture) -> Capture:
    """The same capture, each association and connection with all its findings and its verdict."""
    return replace(
        capture,
        associations=_Associations(capture.associations, diagnose),
        connections=_Each(capture.connections, diagnose_connection),
    )


def diagnose(association: Association) -> Association:
    """The association with all its findings and its verdict."""
    line = _line(association_line(association), association.pdus.__getitem__)
    return replace(association, findings=line.findings, verdict=line.verdict)


def diagnose_connection(connection: Connection) -> Connection:
    """The connection with all its findings and its verdict."""
    findings = (*connection.findings, *lint_connection(connection))
    found = replace(connection, findings=findings)
    return replace(found, verdict=of_connection(found))


def _line(line: AssociationLine, look: Callable[[int], Pdu]) -> AssociationLine:
    found = lint(line, look)
    if found:
        line = line._replace(findings=(*line.findings, *found))
    return line._replace(verdict=of_association(line))


@dataclass(frozen=True, eq=False)
class _Each(Sequence[T], Generic[T]):
    """Values of which each is changed when somebody looks."""

    values: Sequence[T]
    change: Callable[[T], T]

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(map(self.change, self.values[index]))
        return self.change(self.values[index])

    def __iter__(self) -> Iterator[T]:
        return map(self.change, self.values)

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


class _Associations(_Each[Association]):
    """The same of associations, which have lines too."""

    def lines(self) -> Iterator[AssociationLine]:
        """The same without the cost of their PDUs and messages."""
        for index, line in enumerate(association_lines(self.values)):
            yield _line(line, _Looked(self.values, index))


@dataclass
class _Looked:
    """Gives the PDUs of one association, which is made for the first of them."""

    associations: Sequence[Association]
    index: int

    def __call__(self, index: int) -> Pdu:
        return self._association.pdus[index]

    @cached_property
    def _association(self) -> Association:
        return self.associations[self.index]
