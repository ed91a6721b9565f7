//! `kubewright chat`: a conversation on the terminal, with a running server.

mod command;
mod lines;
mod screen;
pub(super) mod turn;

pub(super) use screen::width;

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::output::{Format, age, print, table};
use super::{Client, text};
use crate::agents::NAMES;
use crate::http::{ChatRequest, ConversationDetail, IncidentDetail};
use crate::settings::Environment;
use crate::store::{ConversationPage, Page, Speaker};
use command::{HELP, Input};
use lines::Lines;

/// Conversations and incidents in a list.
const LISTED: usize = 20;

/// Messages of a resumed conversation that are shown again.
const SHOWN: usize = 6;

const WIDTH: usize = 70;

/// With whom, about what.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  kubewright chat                         ask anything; /help lists the commands
  kubewright chat --incident inc-7h2k     talk about one incident
  kubewright chat --resume cnv-7h2kq0m4x9ta")]
pub struct ChatArgs {
    /// The incident that it is about: its identifier, or its beginning
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Who is asked (orchestrator, diagnostic, remediation, security, performance, learning)
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The cluster that it is about
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Read only this namespace for the answers; may come several times
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Vec<String>,
    /// Go on with this conversation
    #[arg(long, value_name = "ID")]
    resume: Option<String>,
}

pub(super) async fn run(
    args: ChatArgs,
    client: &Client,
    environment: &Environment,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let mut talk = Talk { client, next: ChatRequest::default() };
    if let Some(id) = &args.resume {
        talk.resume(id).await?;
    }
    let ChatArgs { incident, agent, cluster, namespace, .. } = args;
    talk.next = ChatRequest { incident, agent, cluster, namespaces: namespace, ..talk.next };
    let lines = Lines::open(environment)?;
    print("Ask anything; /help lists the commands.\n")?;
    shutdown.run_until_cancelled(talk.go_on(&lines)).await.unwrap_or(Ok(()))?;
    Ok(ExitCode::SUCCESS)
}

/// A conversation under way.
struct Talk<'a> {
    client: &'a Client,
    /// The next question, without its words.
    next: ChatRequest,
}

impl Talk<'_> {
    async fn go_on(&mut self, lines: &Lines) -> anyhow::Result<()> {
        while let Some(line) = lines.next(self.prompt()).await? {
            let input = Input::read(&line);
            if input == Input::Quit {
                break;
            }
            // What goes wrong with one question is no reason to leave.
            if let Err(error) = self.obey(input).await {
                anstream::eprintln!("{}", screen::for_reading(&text::line(&format!("{error:#}"))));
            }
        }
        Ok(())
    }

    fn prompt(&self) -> String {
        let agent = self.next.agent.as_deref().unwrap_or("kubewright");
        let about = self.next.incident.as_deref().map(|id| format!(" {id}")).unwrap_or_default();
        text::line(&format!("{agent}{about}> "))
    }

    async fn obey(&mut self, input: Input) -> anyhow::Result<()> {
        match input {
            Input::Nothing | Input::Quit => Ok(()),
            Input::Question(question) => self.ask(question).await,
            Input::Help => print(HELP),
            Input::Incidents => self.incidents().await,
            Input::Incident(id) => self.incident(id).await,
            Input::Agent(name) => self.agent(name),
            Input::New => {
                self.next.conversation = None;
                print("A new conversation.\n")
            }
            Input::Conversations => self.conversations().await,
            Input::Resume(id) => self.resume(&id).await,
            Input::Wrong(said) => print(&format!("{}\n", text::line(&said))),
        }
    }

    /// Asks another agent, which must exist.
    fn agent(&mut self, name: Option<String>) -> anyhow::Result<()> {
        if let Some(unknown) = name.as_deref().filter(|name| !NAMES.contains(name)) {
            let unknown: String = unknown.chars().take(40).collect();
            bail!("there is no agent {unknown}; there are {}", NAMES.join(", "));
        }
        self.next.agent = name;
        Ok(())
    }

    async fn ask(&mut self, question: String) -> anyhow::Result<()> {
        let request = ChatRequest { message: question, ..self.next.clone() };
        let done = turn::ask(self.client, &request, Format::Table).await?;
        self.next.conversation = Some(done.conversation);
        print(&turn::sources(&done.citations))
    }

    async fn incidents(&self) -> anyhow::Result<()> {
        let query = [("open", "true".to_owned()), ("limit", LISTED.to_string())];
        let page: Page = self.client.get(&["api", "v1", "incidents"], &query).await?;
        if page.incidents.is_empty() {
            return print("No open incidents.\n");
        }
        let now = Timestamp::now();
        let rows = page.incidents.into_iter().map(|incident| {
            let title = text::shorten(&incident.title, WIDTH);
            [incident.id.to_string(), incident.phase.to_string(), age(incident.opened_at, now), title]
        });
        print(&table(["ID", "PHASE", "AGE", "TITLE"], rows))
    }

    /// Talks about another incident, which must exist.
    async fn incident(&mut self, id: Option<String>) -> anyhow::Result<()> {
        let Some(id) = id else {
            self.next.incident = None;
            return print("Not about an incident any more; /new leaves this conversation as well.\n");
        };
        let detail: IncidentDetail = self.client.get(&["api", "v1", "incidents", &id], &[]).await?;
        let headline = text::line(&detail.story.headline);
        self.next.incident = Some(detail.incident.id.to_string());
        print(&format!("{headline}\n"))
    }

    async fn conversations(&self) -> anyhow::Result<()> {
        let query = [("limit", LISTED.to_string())];
        let page: ConversationPage = self.client.get(&["api", "v1", "chat", "conversations"], &query).await?;
        if page.conversations.is_empty() {
            return print("No conversations.\n");
        }
        let now = Timestamp::now();
        let rows = page.conversations.into_iter().map(|kept| {
            let incident = kept.incident.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let title = text::shorten(&kept.title, WIDTH);
            [kept.id.to_string(), kept.messages.to_string(), age(kept.updated_at, now), incident, title]
        });
        print(&table(["ID", "MESSAGES", "AGE", "INCIDENT", "TITLE"], rows))
    }

    /// Goes on with a conversation and shows its end.
    async fn resume(&mut self, id: &str) -> anyhow::Result<()> {
        let path = ["api", "v1", "chat", "conversations", id];
        let detail: ConversationDetail = self.client.get(&path, &[]).await?;
        let kept = detail.conversation;
        let after = kept.messages.saturating_sub(i64::try_from(SHOWN).unwrap_or(0)).max(0);
        let last: ConversationDetail = self.client.get(&path, &[("after", after.to_string())]).await?;
        for message in last.messages {
            let who = if message.speaker == Speaker::User { "you> " } else { "" };
            print(&format!("{who}{}\n\n", turn::read(&message.text)))?;
        }
        self.next.conversation = Some(kept.id.to_string());
        // It keeps its own.
        self.next.namespaces = Vec::new();
        self.next.incident = None;
        self.next.agent = Some(kept.agent);
        Ok(())
    }
}
