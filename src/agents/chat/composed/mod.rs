//! Answers without a language model: composed from analyzers, incidents, documents and past incidents.
//!
//! Owns what a question asks for (simple rules on its words), what of the cluster it names (matched with live objects),
//! and the sentences. It guesses nothing: where nothing is found it says what was looked at.

mod changes;
mod concern;
mod draft;
mod health;
mod incidents;
mod intent;
mod knowledge;
mod listing;
mod near;
mod overview;
mod subject;
mod wish;
mod words;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ChatAnswer, ChatError, ChatTurn, Role};
use crate::agents::Sources;
use crate::agents::progress::RunEvent;
use crate::incident::{Gap, Incident, ObjectRef};
use crate::observe::{Directory, Observer};
use draft::Draft;
pub(super) use draft::Without;
use intent::Intent;
use subject::{Named, Origin};

/// How long a piece of the answer waits for whoever reads it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far back a question without names is completed from those before it.
const LOOK_BACK: usize = 4;

/// Longest piece in which the answer is sent, bytes.
const PIECE: usize = 200;

/// What answers are composed from.
pub(super) struct Composer<'a> {
    sources: &'a Sources,
    observer: Option<&'a Observer>,
    turn: &'a ChatTurn,
    /// The incident that the conversation is about.
    about: Option<Incident>,
    /// The names of what lives in the cluster, once they were read.
    directory: Directory,
    /// How many reads were told.
    calls: u32,
    draft: Draft,
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        sources: &'a Sources,
        observer: Option<&'a Observer>,
        turn: &'a ChatTurn,
        about: Option<Incident>,
    ) -> Self {
        let (directory, draft) = (Directory::default(), Draft::default());
        let mut composer = Self { sources, observer, turn, about: None, directory, calls: 0, draft };
        composer.about = about.filter(|incident| composer.permits_incident(incident.namespace.as_deref()));
        composer
    }

    fn question(&self) -> &'a str {
        self.turn.messages.last().map_or("", |last| last.text.as_str())
    }

    /// The questions so far, the newest first.
    fn questions(&self) -> impl Iterator<Item = &'a str> {
        let asked = self.turn.messages.iter().rev().filter(|message| message.role == Role::User);
        asked.map(|message| message.text.as_str()).take(LOOK_BACK)
    }

    async fn say(&self, event: RunEvent) {
        self.turn.progress.say(event, PATIENCE).await;
    }

    /// Reads something and says so.
    async fn reading<T>(
        &mut self,
        tool: &str,
        arguments: Value,
        work: impl Future<Output = Result<T, String>>,
        summary: impl FnOnce(&T) -> String,
    ) -> Result<T, String> {
        self.calls += 1;
        let (call, tool) = (format!("call-{}", self.calls), tool.to_owned());
        self.say(RunEvent::ToolStarted {
            call: call.clone(),
            agent: self.turn.agent.clone(),
            tool: tool.clone(),
            arguments: arguments.to_string(),
        })
        .await;
        let began = Instant::now();
        let result = work.await;
        let said = match &result {
            Ok(found) => summary(found),
            Err(error) => error.clone(),
        };
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ok = result.is_ok();
        self.say(RunEvent::ToolFinished { call, tool, ok, summary: said, took_ms }).await;
        result
    }

    /// Whether something in a namespace may be told; cluster-wide things may.
    fn permits(&self, namespace: &str) -> bool {
        namespace.is_empty() || self.turn.access.check(namespace).is_ok()
    }

    /// Notes what could not be read. Why can name namespaces that the caller may not know of.
    fn note_gaps(&mut self, gaps: &[Gap]) {
        if self.turn.access.namespaces().is_none() {
            self.draft.blind(gaps.iter().map(|gap| format!("{}: {}", gap.collector, gap.reason)));
        } else {
            self.draft.blind(gaps.iter().map(|gap| format!("{} could not be read", gap.collector)));
        }
    }

    fn permits_object(&self, object: &ObjectRef) -> bool {
        self.permits(&object.namespace)
    }
}

/// Answers the last question of the turn.
pub(super) async fn compose(
    mut composer: Composer<'_>,
    without: Without<'_>,
) -> Result<ChatAnswer, ChatError> {
    let intent = Intent::of(composer.question(), composer.about.is_some());
    tracing::debug!(?intent, "composing an answer");
    composer.answer(&intent).await.map_err(ChatError::Failed)?;
    let cited = composer.draft.cited().to_vec();
    for cited in cited {
        composer.say(RunEvent::Citation { cited }).await;
    }
    let limits = draft::Limits { stop: &composer.turn.stop, max_tokens: composer.turn.max_tokens };
    let (text, finish) = std::mem::take(&mut composer.draft).finish(without, &limits);
    for piece in draft::pieces(&text, PIECE) {
        composer.say(RunEvent::Text { text: piece.to_owned() }).await;
    }
    let read = composer.turn.messages.iter().map(|message| message.text.as_str());
    Ok(ChatAnswer {
        input_tokens: read.map(draft::tokens).sum(),
        output_tokens: draft::tokens(&text),
        finish,
        text,
        model: None,
    })
}

impl Composer<'_> {
    async fn answer(&mut self, intent: &Intent) -> anyhow::Result<()> {
        match intent {
            Intent::Help => self.help(),
            Intent::Incidents => {
                self.list_incidents(&[]).await?;
                self.draft.say(
                    "The cluster itself was not looked at for this; ask whether everything is ok to have it looked at.",
                );
            }
            Intent::Overview => self.overview().await?,
            Intent::Wish(wish) => self.answer_wish(*wish).await?,
            Intent::Unready(kind) => self.list_unready(kind).await,
            Intent::Logs { previous } => self.show_logs(*previous).await,
            Intent::Incident(id) => self.tell_incident(id.as_deref()).await?,
            Intent::Similar => self.similar_incidents().await,
            Intent::Alert(name) => self.explain_alert(name).await,
            Intent::Changes => {
                let named = self.named().await;
                self.tell_changes(&named).await?;
            }
            Intent::Repair => self.repair().await?,
            Intent::Health => self.health().await?,
        }
        Ok(())
    }

    /// What is wrong with what the question names; where it names nothing, what the documents say about it.
    async fn health(&mut self) -> anyhow::Result<()> {
        let named = self.named().await;
        if !named.subjects.is_empty() {
            self.diagnose(&named.subjects).await?;
        } else if self.about.is_some() && named.unknown.is_empty() {
            self.tell_incident(None).await?;
        } else {
            self.unknown_names(&named);
            if named.near.is_empty() {
                self.search(self.question()).await;
                self.list_if_nothing_was_found().await?;
            }
        }
        Ok(())
    }

    /// How to put right what the question names, or what the incident is about.
    async fn repair(&mut self) -> anyhow::Result<()> {
        let named = self.named().await;
        let chosen = named.origin == Origin::Chosen && !words::follows_on(self.question());
        if !named.subjects.is_empty() && !chosen {
            self.diagnose(&named.subjects).await?;
        } else if self.about.is_some() {
            self.tell_repair().await;
        }
        self.search(self.question()).await;
        Ok(())
    }

    /// What the question names. One that goes on with what was asked before (`why?`, `how do I fix it?`) is about what
    /// that named; one that is about something else never is.
    async fn named(&mut self) -> Named {
        let Some(observer) = self.observer else {
            self.draft.looked_at("no cluster, because none is configured");
            return Named::default();
        };
        let only = self.turn.access.namespaces();
        let arguments = serde_json::json!({ "cluster": observer.name(), "names_only": true });
        let read = async { Ok(observer.directory(only).await) };
        let read = self.reading("kubernetes_list", arguments, read, |directory| {
            format!("{} names", directory.objects.len())
        });
        let Ok(directory) = read.await else { return Named::default() };
        self.draft.looked_at(format!(
            "the names of {} objects in cluster {}",
            directory.objects.len(),
            observer.name()
        ));
        self.note_gaps(&directory.gaps);
        self.directory = directory;
        self.named_in(&self.directory)
    }

    fn named_in(&self, directory: &Directory) -> Named {
        let questions: Vec<&str> = self.questions().collect();
        let mut found = questions.iter().map(|question| subject::named(question, directory));
        let mut newest = found.next().unwrap_or_default();
        let follows_on = words::follows_on(self.question());
        if newest.subjects.is_empty() && newest.unknown.is_empty() && !follows_on {
            // Of an incident people ask after plans, policy and the like: only what is misspelt is taken for a name then.
            let name = near::guessed(self.question(), directory);
            let meant = |name: &String| self.about.is_none() || !near::alike(name, directory).is_empty();
            newest.unknown.extend(name.filter(meant));
        }
        if let Some(unknown) = newest.unknown.first() {
            newest.near = near::alike(unknown, directory);
        }
        if !newest.subjects.is_empty() || !newest.unknown.is_empty() || self.about.is_some() {
            return newest;
        }
        let earlier = found.find(|earlier| !earlier.subjects.is_empty()).filter(|_| follows_on);
        earlier.map_or_else(|| self.only_namespace(), |earlier| Named { origin: Origin::Earlier, ..earlier })
    }

    /// Where the caller has chosen one namespace, a question that names nothing is about that.
    fn only_namespace(&self) -> Named {
        let chosen = self.turn.access.namespaces().filter(|namespaces| namespaces.len() == 1);
        let subjects = chosen.into_iter().flatten().map(|name| ObjectRef::cluster_wide("Namespace", name));
        Named { subjects: subjects.collect(), origin: Origin::Chosen, ..Named::default() }
    }

    /// Says that what was asked about does not exist, and what is called almost so; `false` where nothing was asked by
    /// name.
    fn unknown_names(&mut self, named: &Named) -> bool {
        let Some(name) = named.unknown.first() else { return false };
        let cluster = self.observer.map(|observer| observer.name().to_owned()).unwrap_or_default();
        let near: Vec<String> = named.near.iter().map(|object| draft::prose(&object.to_string())).collect();
        let name = draft::prose(name);
        let meant =
            if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
        self.draft.say(format!(
            "There is nothing called {name} in cluster {cluster} that may be read here.{meant}"
        ));
        true
    }

    fn help(&mut self) {
        self.draft.say(
            "I answer questions about this cluster and its incidents, for instance: what is going on; what is wrong \
             with checkout; what changed in namespace shop; status of inc-7h2k; what does KubePodCrashLooping mean; \
             how do I fix an ImagePullBackOff.",
        );
    }
}
