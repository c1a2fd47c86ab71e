"""Bytes to leaves: the smallest step of decoding, shared by PDUs and command sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dicomlab.model import Field, Finding, Role, Row, Span, Values
from dicomlab.spec.findings import FINDINGS
from dicomlab.spec.kinds import BYTES


def finding(
    code: str, what: str, span: Span | None = None, *, clause: str = "", **more: Any
) -> Finding:
    """A finding of that code: ``what`` is the case, all else comes from the table.

    ``clause`` is that of the very table that is broken, where it is known.
    """
    row = FINDINGS[code]
    clause = clause or row.clause
    return Finding(code, row.severity, what, row.why, row.remedy, clause, span, **more)


def blame(field: Field, *found: Finding) -> Field:
    """The field with further findings."""
    return alike(field, field.name, field.code, (*field.findings, *found)) if found else field


def alike(field: Field, name: str, code: int | None, findings: tuple[Finding, ...]) -> Field:
    """The field with another name, code and findings: at a fifth of what ``replace`` costs."""
    return Field(
        name,
        field.start,
        field.stop,
        field.kind,
        field.value,
        field.text,
        field.clause,
        field.role,
        field.children,
        findings,
        field.rule,
        code,
        field.secret,
        field.cut,
    )


@dataclass(frozen=True, slots=True)
class Bytes:
    """The bytes that are decoded; ``base`` is the offset that their first one gets."""

    data: bytes
    base: int = 0

    def span(self, at: int, end: int) -> Span:
        """Positions in ``data`` as a span of offsets."""
        return Span(self.base + at, self.base + end)

    def leaf(self, row: Row, clause: str, at: int, end: int, values: Values) -> Field:
        """The field of one row, with what its value alone shows."""
        value = row.kind.decode(self.data[at:end])
        start, stop = self.base + at, self.base + end
        secret = row.secret is not None and row.secret(values)
        if secret and at < end:
            text = f"(masked, {end - at} bytes)"
        else:
            text = row.kind.show(value)
            meaning = row.means(value, values) if row.meaning is not None else None
            if meaning:
                text = f"{text} = {meaning}"
        found: tuple[Finding, ...] = ()
        if row.check is not None:
            found = tuple(finding(c, w, Span(start, stop)) for c, w in row.check(value))
        return Field(
            row.name,
            start,
            stop,
            row.kind,
            value,
            text,
            clause,
            row.role,
            findings=found,
            rule=row.rule,
            secret=secret,
            row=row,
            beside=values,
        )

    def cut(self, row: Row, clause: str, at: int, end: int) -> Field:
        """What is there of a row whose bytes end too soon: shown, and not tested."""
        untested = replace(row, meaning=None, check=None)
        if row.kind.size is not None:  # too few bytes for a value: nobody shall take it for one
            untested = replace(untested, kind=BYTES, name=f"{row.name} (cut)")
        field = self.leaf(untested, clause, at, end, {})
        return replace(field, text=f"{field.text} (cut)", cut=True)

    def opaque(self, name: str, at: int, end: int, *found: Finding, secret: bool = False) -> Field:
        """Bytes that no row describes, as one leaf."""
        raw, span = self.data[at:end], self.span(at, end)
        clause = found[0].clause if found else ""
        return Field(
            name,
            span.start,
            span.stop,
            BYTES,
            raw,
            f"(masked, {end - at} bytes)" if secret else BYTES.show(raw),
            clause,
            Role.PAYLOAD,
            findings=found,
            secret=secret,
        )
