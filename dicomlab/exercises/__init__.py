"""Exercises, checked on bytes; sites, one to be kept in order, and broken ones; the exam."""

from dicomlab.exercises.checks import CheckResult, check
from dicomlab.exercises.exam import Exam, exam
from dicomlab.exercises.exercise import Exercise
from dicomlab.exercises.registration import Site
from dicomlab.exercises.sites import broken_site
from dicomlab.exercises.tasks import EXERCISES

__all__ = ["EXERCISES", "CheckResult", "Exam", "Exercise", "Site", "broken_site", "check", "exam"]
