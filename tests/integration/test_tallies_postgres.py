"""The tallies that gateways ask for on PostgreSQL, as its service's role: the same promises as on SQLite."""

from tests.unit.conversations.test_tallies import (  # noqa: F401 - collected here once more, with this module's house
    dmitri,
    nora,
    test_what_is_about_a_patient_one_no_longer_stands_for_counts_no_more,
    test_what_one_has_left_and_what_is_another_organisations_counts_for_nobody,
    test_whoever_has_caught_up_holds_as_much_as_is_told,
)
