"""Exercises, checked on bytes."""

from dicomlab.exercises.checks import CheckResult, check
from dicomlab.exercises.tasks import EXERCISES, Exercise

__all__ = ["EXERCISES", "CheckResult", "Exercise", "check"]
