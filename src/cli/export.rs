//! `kubewright incidents export`: keeps an incident as a case, for regression tests of the diagnosis.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio::task::spawn_blocking;

use super::Client;
use super::text::line;
use crate::cases::{Confirmed, scrubbed, write_case};
use crate::http::IncidentDetail;
use crate::incident::ObjectRef;
use crate::observe::Snapshot;

/// Which incident, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright incidents export inc-7h2k                     into ./inc-7h2k…, with the cause that the repair confirmed
  kubewright incidents export inc-7h2k --to cases/db-down --cause dependency.unavailable --object StatefulSet/shop/db
  kubewright eval diagnosis --cases cases")]
pub struct ExportArgs {
    /// The incident's identifier, or its beginning
    id: String,
    /// The folder of the case; it must be new or empty [default: the identifier]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The code of the true cause, where no repair has confirmed one
    #[arg(long, value_name = "CODE", requires = "objects")]
    cause: Option<String>,
    /// An object truly at fault, KIND/NAMESPACE/NAME or KIND/NAME; may be repeated
    #[arg(long = "object", value_name = "OBJECT", value_parser = object)]
    objects: Vec<ObjectRef>,
}

fn object(text: &str) -> Result<ObjectRef, String> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [kind, namespace, name] if ![kind, namespace, name].iter().any(|part| part.is_empty()) => {
            Ok(ObjectRef::new(*kind, *namespace, *name))
        }
        [kind, name] if !kind.is_empty() && !name.is_empty() => Ok(ObjectRef::cluster_wide(*kind, *name)),
        _ => Err("write it like Deployment/shop/checkout or Node/node-1".to_owned()),
    }
}

/// Fetches the incident with its Snapshot, and writes the case; what to tell.
pub(super) async fn run(args: ExportArgs, client: &Client) -> anyhow::Result<String> {
    let detail: IncidentDetail = client.get(&["api", "v1", "incidents", &args.id], &[]).await?;
    let id = detail.incident.id.to_string();
    let cause = cause(&args, &detail)?;
    let snapshot: Snapshot = client.get(&["api", "v1", "incidents", &id, "snapshot"], &[]).await?;
    let folder = args.to.unwrap_or_else(|| PathBuf::from(&id));
    let shown = folder.display().to_string();
    let told = told(&cause, &shown);
    let written = spawn_blocking(move || {
        // The server has cleaned it; an older one, or another that claims to be it, may not have.
        let clean = scrubbed(&snapshot)?;
        anyhow::Ok(write_case(&folder, &clean, &id, &cause)?)
    });
    written.await?.with_context(|| format!("cannot write the case {shown}"))?;
    Ok(told)
}

fn cause(args: &ExportArgs, detail: &IncidentDetail) -> anyhow::Result<Confirmed> {
    if !args.objects.is_empty() {
        let code = args.cause.clone().unwrap_or_default();
        return Ok(Confirmed {
            code,
            objects: args.objects.clone(),
            statement: detail.incident.title.clone(),
        });
    }
    let Some(confirmed) = Confirmed::of(&detail.incident) else {
        bail!(
            "nothing has confirmed a cause of {}; say what it was: --object KIND/NAMESPACE/NAME [--cause CODE]",
            detail.incident.id
        );
    };
    Ok(confirmed)
}

fn told(cause: &Confirmed, folder: &str) -> String {
    let objects: Vec<String> = cause.objects.iter().map(ToString::to_string).collect();
    let what = if objects.is_empty() { "nothing was wrong".to_owned() } else { objects.join(", ") };
    format!("The case is in {}: {}\n", line(folder), line(&what))
}

#[cfg(test)]
mod tests {
    use super::object;
    use crate::incident::ObjectRef;

    #[test]
    fn an_object_is_kind_namespace_and_name() {
        assert_eq!(object("Deployment/shop/cart"), Ok(ObjectRef::new("Deployment", "shop", "cart")));
        assert_eq!(object("Node/n1"), Ok(ObjectRef::cluster_wide("Node", "n1")));
        for wrong in ["cart", "Deployment//cart", "/x", "a/b/c/d"] {
            assert!(object(wrong).is_err(), "{wrong}");
        }
    }
}
