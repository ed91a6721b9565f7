//! The runbooks that are in the program; `build.rs` puts them there.

use sha2::{Digest, Sha256};

use super::outlet::Outlet;
use super::{SourceError, SourceRead};
use crate::{Found, RawDocument, Validators};

/// File name and text of each runbook, sorted by name.
const RUNBOOKS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

/// Sends all runbooks. Their version is a hash over all of them.
pub(super) async fn read(mut outlet: Outlet) -> Result<SourceRead, SourceError> {
    let mut hash = Sha256::new();
    for (name, text) in RUNBOOKS {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(text);
        if !outlet.wants(name) {
            continue;
        }
        let document = RawDocument {
            path: (*name).to_owned(),
            uri: format!("knowledge/{name}"),
            bytes: text.to_vec(),
            media_type: None,
            modified: None,
            validators: Validators::default(),
        };
        outlet.send(Found::Document(document)).await?;
    }
    Ok(SourceRead { version: Some(hex::encode(hash.finalize())) })
}
