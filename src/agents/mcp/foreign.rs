//! A tool of another program as one of ours.

use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::link::Link;
use super::listing::Listed;
use crate::agents::tools::{Tool, ToolContext, ToolError, ToolOutput};

/// The tool `name` of the server behind a link.
pub(super) struct Foreign {
    name: String,
    link: Arc<Link>,
    /// What its server says of it; nothing until the server answers for the first time. What it says later of the same
    /// tool is not told to models before the next start, but whether it may be called is looked up at every connection.
    told: OnceLock<Listed>,
    /// What is said meanwhile.
    silent: String,
}

impl Foreign {
    pub(super) fn new(name: String, link: Arc<Link>, told: Option<Listed>) -> Self {
        let silent = format!(
            "(A tool of {}, not of kubewright.) Its server has not said yet what it does or what it takes; a call asks it \
             again.",
            link.name
        );
        let told = told.map_or_else(OnceLock::new, OnceLock::from);
        Self { name, link, told, silent }
    }

    async fn run(&self, given: Value) -> Result<ToolOutput, ToolError> {
        let Value::Object(arguments) = given else {
            return Err(ToolError::Arguments("they must be one JSON object".to_owned()));
        };
        let session = self.link.session().await.map_err(|why| {
            ToolError::Unavailable(format!("{why}; go on without it, or try again in a minute"))
        })?;
        let Some(listed) = session.listing.taken.get(&self.name) else {
            return Err(ToolError::Denied(session.listing.refusal(&self.link.name, &self.name)));
        };
        self.told.get_or_init(|| listed.clone());
        self.link.call(&session, listed, arguments).await
    }
}

impl Tool for Foreign {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        self.told.get().map_or(&self.silent, |told| &told.description)
    }

    fn schema(&self) -> Value {
        self.told
            .get()
            .map_or_else(|| json!({"type": "object", "properties": {}}), |told| told.schema.clone())
    }

    fn call<'a>(
        &'a self,
        given: Value,
        _context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(self.run(given))
    }
}
