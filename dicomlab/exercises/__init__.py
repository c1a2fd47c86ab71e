"""Exercises, checked on bytes, and broken sites."""

from dicomlab.exercises.checks import CheckResult, check
from dicomlab.exercises.exercise import Exercise
from dicomlab.exercises.sites import broken_site
from dicomlab.exercises.tasks import EXERCISES

__all__ = ["EXERCISES", "CheckResult", "Exercise", "broken_site", "check"]
