"""All exercises, those of each notebook from a module of its own."""

from dicomlab.exercises import (
    application_entities,
    association,
    beyond_the_echo,
    capture_it,
    dimse,
    dissect_a_capture,
    first_echo,
    limits,
    service_classes,
    start_here,
)
from dicomlab.exercises.exercise import Exercise

EXERCISES: dict[str, Exercise] = {
    one.id: one
    for notebook in (
        start_here,
        first_echo,
        application_entities,
        service_classes,
        association,
        dimse,
        capture_it,
        dissect_a_capture,
        beyond_the_echo,
        limits,
    )
    for one in notebook.EXERCISES
}
