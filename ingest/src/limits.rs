//! How much is read from outside, and for how long.

use std::time::Duration;

use crate::format::PdfWorker;

/// Bounds on what a source may bring. What goes beyond is refused with its name and the bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Largest document, bytes as read.
    pub document_bytes: u64,
    /// Most documents of one source.
    pub documents: usize,
    /// Largest sum of unpacked bytes of one archive.
    pub archive_bytes: u64,
    /// Largest ratio of unpacked to packed bytes of one archive entry above the first MiB.
    pub archive_ratio: u64,
    /// Deadline of one web request with its body.
    pub request: Duration,
    /// Most redirects of one request.
    pub redirects: usize,
    /// Most pages of one sitemap.
    pub pages: usize,
    /// Deadline of a git clone or fetch.
    pub clone: Duration,
    /// Deadline of the parsing of one document.
    pub parse: Duration,
    /// What reads PDFs in a process of its own, which is killed at that deadline. Without it they are read on a thread,
    /// which goes on past its deadline until its parser ends, and whose stack overflow ends this process.
    pub pdf_worker: Option<PdfWorker>,
    /// Whether web requests may go to loopback, link-local and private addresses. Off where others name the URL.
    pub private_addresses: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 32 << 20,
            documents: 200_000,
            archive_bytes: 2 << 30,
            archive_ratio: 200,
            request: Duration::from_secs(30),
            redirects: 5,
            pages: 5_000,
            clone: Duration::from_secs(300),
            parse: Duration::from_secs(30),
            pdf_worker: None,
            private_addresses: true,
        }
    }
}
