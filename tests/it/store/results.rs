//! Answers of tools that left a conversation are there for whoever they belong to, for some days.

use jiff::{Timestamp, ToSpan};
use kubewright::store::KeptResult;

use super::site::Site;

fn result(about: &str) -> KeptResult {
    KeptResult {
        id: KeptResult::random_id(),
        about: about.to_owned(),
        tool: "kubernetes_logs".to_owned(),
        arguments: "{\"pod\":\"checkout\"}".to_owned(),
        text: "line 1\nline 2 \u{1f600}".to_owned(),
    }
}

pub(crate) async fn a_kept_answer_is_read_by_whom_it_belongs_to(site: &Site) {
    let store = site.open().await;
    let (one, two) = (result("inc-a"), result("turn-b"));
    let nul = KeptResult { text: "a\0b".to_owned(), ..result("inc-a") };
    store.keep_results(&[one.clone(), two.clone(), nul.clone()], Timestamp::now()).await.unwrap();
    store.close().await;

    let store = site.open().await;
    assert_eq!(store.kept_result("inc-a", &one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(store.kept_result("turn-b", &two.id).await.unwrap().as_ref(), Some(&two));
    assert_eq!(store.kept_result("turn-b", &one.id).await.unwrap(), None);
    assert_eq!(store.kept_result("inc-a", "res-none").await.unwrap(), None);
    assert_eq!(store.kept_result("inc-a", &nul.id).await.unwrap().unwrap().text, "a\u{fffd}b");
}

pub(crate) async fn old_answers_are_forgotten_when_others_are_kept(site: &Site) {
    let store = site.open().await;
    let now = Timestamp::now();
    let (old, young, new) = (result("inc-a"), result("inc-a"), result("inc-a"));
    store.keep_results(std::slice::from_ref(&old), now - 169.hours()).await.unwrap();
    store.keep_results(std::slice::from_ref(&young), now - 167.hours()).await.unwrap();
    assert!(store.kept_result("inc-a", &old.id).await.unwrap().is_some());
    store.keep_results(&[new], now).await.unwrap();
    assert_eq!(store.kept_result("inc-a", &old.id).await.unwrap(), None);
    assert!(store.kept_result("inc-a", &young.id).await.unwrap().is_some());
}
