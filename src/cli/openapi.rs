//! `kubewright openapi`: the document of the HTTP interface.

use std::process::ExitCode;

use super::output::{Format, print, render};

pub(super) fn run(format: Format) -> anyhow::Result<ExitCode> {
    // There is no table of it; people read JSON.
    let format = if format == Format::Table { Format::Json } else { format };
    print(&render(format, &crate::http::openapi(), |_| String::new())?)?;
    Ok(ExitCode::SUCCESS)
}
