//! What every store must do, whatever the database. Each contract is written against the port `Store`, and is run on
//! SQLite and on PostgreSQL.

mod held;
mod joined;
pub mod kit;
mod lease;
use crate::{knowledge, local, outages};
mod migrations;
mod outbox;
mod postgres;
mod record;
mod sqlite;

/// Makes a test of each contract for each database.
macro_rules! contracts {
    ($($topic:ident: $($contract:ident,)+;)+) => {
        mod on_sqlite {
            $($(
                #[tokio::test]
                async fn $contract() {
                    let folder = tempfile::tempdir().expect("a folder");
                    let store = super::kit::open(&folder.path().join("desk.db")).await;
                    super::$topic::$contract(store.clone()).await;
                    store.close().await;
                }
            )+)+
        }

        mod on_postgres {
            $($(
                #[tokio::test]
                async fn $contract() {
                    let Some(url) = crate::postgres::database().await else { return };
                    let store = super::kit::open_postgres(&url).await;
                    super::$topic::$contract(store.clone()).await;
                    store.close().await;
                }
            )+)+
        }
    };
}

contracts! {
    outages:
        each_follower_of_several_services_is_met_once_however_it_is_paged,
        of_two_who_change_an_outage_at_once_one_decides_again,
        an_announcement_that_is_never_sent_is_forgotten,
    ;
    knowledge:
        files_are_brought_in_once_and_change_their_articles,
        articles_whose_files_are_gone_are_retired_if_that_is_asked_for,
        a_change_of_an_article_that_somebody_else_changed_is_a_conflict,
        what_was_done_in_chat_is_not_undone_by_a_file_that_says_what_it_said,
        what_was_edited_in_chat_stays_until_the_file_says_the_same,
        what_was_written_in_chat_is_the_same_article_after_export_and_import,
        who_is_erased_owns_and_checked_nothing,
        every_replica_finds_what_is_published_and_nothing_else,
    ;
    local:
        a_call_ends_as_an_event_whatever_becomes_of_it,
        a_request_has_its_key_before_anything_is_searched_for_it,
        a_call_of_a_dead_process_is_made_by_another,
        a_call_whose_end_was_handed_in_is_settled_and_no_more,
        a_spread_that_is_killed_again_and_again_reaches_each_place_once,
        a_notice_that_is_forgotten_leaves_nothing,
        a_notice_that_was_broken_off_is_made_up_for,
        what_another_version_has_set_aside_is_taken_up_again,
    ;
    record:
        a_ticket_is_read_back_as_it_was_written,
        numbers_and_ids_are_taken_once,
        a_change_of_what_somebody_else_changed_is_a_conflict,
        what_is_said_and_done_is_read_back_in_order,
        edits_and_deletions_in_any_order,
        skipped_mentions_are_kept_replaced_and_forgotten,
        drafts_are_their_persons_alone_and_kept_for_an_hour,
        a_place_and_a_message_lead_to_their_ticket,
        a_move_takes_everything_but_cards_along,
        a_burst_is_of_one_author_and_channel_within_its_window,
        the_latest_direct_ticket_and_open_ones,
        one_failing_work_among_ten_leaves_nothing_and_harms_nobody,
        a_fact_is_known_once_remembered,
        what_is_old_is_forgotten_a_little_at_a_time,
    ;
    outbox:
        effects_are_read_back_as_they_were_written,
        effects_come_by_lane_and_one_of_an_order_key,
        a_try_that_failed_holds_its_order_key_back,
        a_card_that_waits_is_not_queued_twice,
        what_ended_loses_its_words_and_stands,
        timers_are_set_moved_and_cleared,
        who_delivers_is_woken,
        dead_events_counts_and_tidying,
    ;
    held:
        what_is_held_keeps_its_words_until_it_is_let_go,
        a_card_that_is_held_is_not_queued_twice_and_goes_before_its_lines,
        what_is_held_for_too_long_ends_and_is_told,
        gates_whose_limits_are_used_up_are_left_out,
        what_is_to_be_known_again_is,
        tickets_that_lack_a_card_in_a_channel_are_found,
        who_is_erased_goes_from_what_is_held_and_from_whispers,
        what_failed_is_no_more_to_be_let_go,
    ;
    joined:
        lines_that_wait_untried_share_one_effect,
        lines_are_joined_only_to_what_they_follow,
        lines_share_an_effect_as_long_as_they_fit_into_one_message,
        a_post_of_several_lines_is_found_by_each_of_them,
        what_is_taken_back_is_not_joined_to,
        what_was_added_to_meanwhile_does_not_end_unleased,
        an_erasure_waits_for_what_is_being_posted,
    ;
    lease:
        what_another_process_took_over_is_not_ours_to_settle,
        what_was_tried_is_known_to_a_successor,
        the_outbox_is_read_in_pages,
        what_failed_is_listed_without_its_words,
        a_turn_passes_on_when_it_ends_or_is_given_back,
        positions_go_forward_only,
        conversations_that_matter_are_found_last_active_first,
        what_was_said_in_a_channel_is_found_newest_first,
        dead_events_are_listed_oldest_first_and_exhumed,
    ;
}
