"""All exercises, those of each notebook from a module of its own."""

from dicomlab.exercises import first_echo
from dicomlab.exercises.exercise import Exercise

EXERCISES: dict[str, Exercise] = {one.id: one for one in (*first_echo.EXERCISES,)}
