//! Conversations are kept as they were, and gone when they are removed.

use jiff::{Timestamp, ToSpan};
use kubewright::store::{
    About, Conversation, ConversationId, ConversationRetention, Link, Message, Saying, Speaker, Store,
    StoreError, Suspicious,
};

use super::site::{Site, alert, opened};

fn conversation(title: &str, minutes: i64) -> Conversation {
    // As exact as it is stored.
    let at = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap() - 1.hour();
    Conversation {
        namespaces: vec!["cart".to_owned(), "shop".to_owned()],
        id: ConversationId::random(),
        title: title.to_owned(),
        agent: "orchestrator".to_owned(),
        incident: None,
        cluster: Some("prod".to_owned()),
        messages: 0,
        started_at: at + minutes.minutes(),
        updated_at: at + minutes.minutes(),
    }
}

fn question(text: &str) -> Saying {
    Saying { speaker: Speaker::User, text: text.to_owned(), about: About::default() }
}

fn answer(text: &str) -> Saying {
    let link = Link { mark: "[1]".to_owned(), title: "T\0".to_owned(), uri: "/x".to_owned() };
    let about = About {
        model: Some("m".to_owned()),
        finish: Some("stop".to_owned()),
        citations: vec![link],
        suspicious: vec![Suspicious { rule: "override".to_owned(), source: "logs of shop/web".to_owned() }],
        input_tokens: u64::MAX,
        output_tokens: 2,
    };
    Saying { speaker: Speaker::Assistant, text: text.to_owned(), about }
}

async fn texts(store: &Store, id: &ConversationId, after: i64) -> Vec<(i64, String)> {
    let messages: Vec<Message> = store.messages(id, after, 500).await.unwrap();
    messages.into_iter().map(|message| (message.seq, message.text)).collect()
}

pub(crate) async fn a_conversation_is_there_after_a_restart_as_it_was_said(site: &Site) {
    let store = site.open().await;
    let incident = opened(&store, alert("a", "checkout", 0)).await;
    let begun = Conversation { incident: Some(incident), ..conversation("why?", 0) };
    store.begin_conversation(&begun).await.unwrap();
    let said = [question("why?\n\0\u{1f600}"), answer("because [1]")];
    assert!(store.add_messages(&begun.id, &said).await.unwrap());
    store.close().await;

    let store = site.open().await;
    let kept = store.conversation(&begun.id).await.unwrap().unwrap();
    assert!(kept.updated_at > begun.updated_at);
    let expected = Conversation { messages: 2, updated_at: kept.updated_at, ..begun.clone() };
    assert_eq!(kept, expected);
    let messages = store.messages(&begun.id, 0, 500).await.unwrap();
    assert_eq!(messages[0].text, "why?\n\u{fffd}\u{1f600}");
    assert_eq!((messages[1].speaker, &messages[1].about), (Speaker::Assistant, &said[1].about));
    assert!(store.add_messages(&begun.id, &[question("and?")]).await.unwrap());
    assert_eq!(texts(&store, &begun.id, 2).await, [(3, "and?".to_owned())]);
}

pub(crate) async fn conversations_are_listed_by_what_was_said_last(site: &Site) {
    let store = site.open().await;
    let incident = opened(&store, alert("a", "checkout", 0)).await;
    let mut begun: Vec<Conversation> = (0..5).map(|minutes| conversation("c", minutes)).collect();
    begun[2].incident = Some(incident.clone());
    // Two of the same moment: pages must neither lose nor repeat one.
    begun[3].updated_at = begun[4].updated_at;
    for one in &begun {
        store.begin_conversation(one).await.unwrap();
    }
    assert!(store.add_messages(&begun[0].id, &[question("x")]).await.unwrap());
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.conversations(None, cursor.as_deref(), 2).await.unwrap();
        seen.extend(page.conversations.into_iter().map(|one| one.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut pair = [begun[3].id.clone(), begun[4].id.clone()];
    pair.sort_by(|a, b| b.cmp(a));
    let [later, earlier] = pair;
    assert_eq!(seen, [begun[0].id.clone(), later, earlier, begun[2].id.clone(), begun[1].id.clone()]);
    let about = store.conversations(Some(&incident), None, 50).await.unwrap().conversations;
    assert_eq!(about, [begun[2].clone()]);
    assert!(matches!(store.conversations(None, Some("zz"), 2).await, Err(StoreError::Cursor)));
}

pub(crate) async fn a_removed_conversation_takes_its_messages_with_it(site: &Site) {
    let store = site.open().await;
    let begun = conversation("why?", 0);
    store.begin_conversation(&begun).await.unwrap();
    assert!(store.add_messages(&begun.id, &[question("why?")]).await.unwrap());
    assert!(store.remove_conversation(&begun.id).await.unwrap());
    assert!(!store.remove_conversation(&begun.id).await.unwrap());
    assert_eq!(store.conversation(&begun.id).await.unwrap(), None);
    assert_eq!(texts(&store, &begun.id, 0).await, []);
    assert!(!store.add_messages(&begun.id, &[question("still there?")]).await.unwrap());
}

pub(crate) async fn answers_of_two_turns_at_once_are_both_kept(site: &Site) {
    let (one, two) = (site.open().await, site.open().await);
    let begun = conversation("why?", 0);
    one.begin_conversation(&begun).await.unwrap();
    let many = |store: Store| {
        let id = begun.id.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                assert!(store.add_messages(&id, &[question("a"), answer("b")]).await.unwrap());
            }
        })
    };
    let (first, second) = tokio::join!(many(one.clone()), many(two));
    first.unwrap();
    second.unwrap();
    let seqs: Vec<i64> = texts(&one, &begun.id, 0).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
}

pub(crate) async fn silent_conversations_and_those_beyond_the_count_are_removed(site: &Site) {
    let store = site.open().await;
    let begun: Vec<Conversation> = (0..5).map(|minutes| conversation("c", minutes)).collect();
    for one in &begun {
        store.begin_conversation(one).await.unwrap();
    }
    // The oldest has just gone on.
    assert!(store.add_messages(&begun[0].id, &[question("x")]).await.unwrap());
    let ids = async |store: &Store| {
        let page = store.conversations(None, None, 50).await.unwrap();
        page.conversations.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let generous = ConversationRetention { since: begun[0].started_at - 24.hours(), most: 100 };
    assert_eq!(store.tidy_conversations(generous).await.unwrap(), 0);
    let since = begun[2].updated_at;
    assert_eq!(store.tidy_conversations(ConversationRetention { since, ..generous }).await.unwrap(), 1);
    let left = [0, 4, 3, 2].map(|at: usize| begun[at].id.clone());
    assert_eq!(ids(&store).await, left);
    assert_eq!(store.tidy_conversations(ConversationRetention { most: 2, ..generous }).await.unwrap(), 2);
    assert_eq!(ids(&store).await, [begun[0].id.clone(), begun[4].id.clone()]);
    assert_eq!(texts(&store, &begun[0].id, 0).await, [(1, "x".to_owned())]);
}
