"""What is one person's own, and who is there, on PostgreSQL as its service's role: the same promises as on SQLite."""

from tests.unit.conversations.test_own import (  # noqa: F401 - collected here once more, with this module's house
    dmitri,
    nora,
    talk,
    test_a_draft_follows_its_author_and_is_gone_once_it_was_posted,
    test_a_patients_drafts_know_one_stream,
    test_an_empty_draft_forgets_the_one_before,
    test_an_internal_note_brings_it_back_for_staff_and_not_for_the_patient,
    test_ones_own_devices_hear_of_it_and_nobody_else_does,
    test_ones_own_lines_are_never_unread,
    test_preferences_are_kept_and_told_to_ones_own_devices,
    test_staff_see_who_the_patient_is,
    test_to_a_stranger_there_is_no_such_conversation,
    test_what_is_kept_unread_counts_until_one_reads_there,
    test_what_is_put_away_leaves_the_list_and_comes_back_with_what_is_new,
)
from tests.unit.conversations.test_presence import (  # noqa: F401 - likewise
    heard,
    test_colleagues_of_the_conversation_hear_it_and_no_patient,
    test_strangers_and_patients_are_refused_and_it_is_on_the_record,
)
