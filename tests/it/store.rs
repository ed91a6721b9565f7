//! The store keeps its promises on both engines: the same cases on SQLite files and on a real PostgreSQL.

mod alerts;
mod concurrency;
mod conversations;
mod leases;
mod reading;
mod results;
mod runs;
mod site;
mod usage;

use site::Site;

use crate::support::postgres::Postgres;

/// Runs each case as a test of its own on SQLite, and all of them on one PostgreSQL server, each in a fresh database.
macro_rules! on_both_engines {
    ($($room:ident :: $case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$room::$case(&super::Site::sqlite()).await;
                }
            )+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgresql_keeps_the_same_promises() {
            let server = Postgres::start();
            $(
                let name = stringify!($case);
                eprintln!("on PostgreSQL: {name}");
                $room::$case(&Site::postgres(&server, name)).await;
            )+
        }
    };
}

on_both_engines! {
    alerts::a_repeated_alert_never_opens_a_second_incident,
    alerts::duplicates_inside_one_payload_open_one_incident,
    alerts::an_alert_about_the_same_workload_joins_the_open_incident,
    alerts::an_end_closes_the_incident_and_the_next_alert_opens_another,
    alerts::an_end_that_comes_first_opens_nothing_and_its_late_beginning_neither,
    alerts::an_incident_left_to_people_takes_new_alerts_only_within_the_window,
    alerts::texts_that_databases_dislike_are_stored,
    alerts::one_alert_that_cannot_be_stored_does_not_fail_its_neighbours,
    alerts::a_thousand_alerts_of_one_payload_are_each_stored,
    concurrency::many_tasks_that_deliver_one_alert_open_one_incident,
    concurrency::two_replicas_that_deliver_one_alert_open_one_incident,
    concurrency::two_workers_never_hold_the_same_incident,
    concurrency::alerts_that_arrive_while_a_step_commits_are_not_lost,
    concurrency::closing_stores_what_was_waiting,
    conversations::a_conversation_is_there_after_a_restart_as_it_was_said,
    conversations::conversations_are_listed_by_what_was_said_last,
    conversations::a_removed_conversation_takes_its_messages_with_it,
    conversations::answers_of_two_turns_at_once_are_both_kept,
    conversations::silent_conversations_and_those_beyond_the_count_are_removed,
    leases::the_worst_and_longest_waiting_is_claimed_first,
    leases::the_lease_of_a_dead_worker_is_taken_over_once_it_has_run_out,
    leases::a_commit_saves_state_events_and_snapshot_together,
    leases::an_event_that_does_not_fit_saves_nothing,
    leases::a_person_may_act_without_a_lease_and_wakes_the_incident,
    leases::an_answer_that_the_worker_has_not_seen_beats_its_wish_to_rest,
    leases::what_a_person_has_closed_stays_closed,
    leases::a_released_incident_is_due_when_it_was_told,
    reading::pages_show_every_incident_once_newest_first,
    reading::filters_choose,
    reading::a_beginning_of_the_identifier_is_enough,
    reading::what_was_stored_is_there_after_a_restart,
    reading::what_is_not_there_is_said_so,
    results::a_kept_answer_is_read_by_whom_it_belongs_to,
    results::old_answers_are_forgotten_when_others_are_kept,
    usage::what_was_reserved_stays_booked_until_it_is_settled,
    usage::each_limit_counts_what_is_its_own,
    usage::replicas_that_ask_at_the_same_time_never_go_over_a_limit_together,
    usage::time_that_is_left_is_told,
    usage::what_a_caller_who_has_gone_had_reserved_is_given_back,
    runs::a_run_is_there_after_a_restart_as_it_was_last_written,
    runs::runs_are_listed_newest_first_and_chosen_by_what_they_are,
    runs::a_beginning_of_a_runs_identifier_is_enough,
    runs::a_run_goes_with_its_conversation,
    runs::old_runs_and_those_beyond_the_count_are_removed_but_never_one_at_work,
}

#[tokio::test]
async fn a_new_file_is_made_with_its_folders_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep er/kube%wright.db");
    let store = site::open(&format!("sqlite://{}", path.display())).await.unwrap();
    store.receive(vec![site::alert("a", "checkout", 0)]).await.unwrap();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_an_error_that_shows_no_password() {
    let error = site::open("postgres://kube:s3cret@127.0.0.1:1/incidents").await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(shown.contains("127.0.0.1:1/incidents"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are my notes, not a database; do not touch them\n".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(site::open(&format!("sqlite://{}", path.display())).await.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
