//! What a document is: by the media type that a server sent, then by its name, then by its bytes.

use content_inspector::ContentType;

use crate::RawDocument;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Markdown with front matter and Hugo's shortcodes.
    Markdown,
    /// A web page, of which the main content is read.
    Html,
    /// The text of a PDF.
    Pdf,
    /// Plain text and logs.
    Text,
    /// Manifests, rule files and other YAML.
    Yaml,
    /// The same as JSON.
    Json,
    /// AsciiDoc.
    AsciiDoc,
    /// reStructuredText.
    Rst,
    /// A Jupyter notebook.
    Notebook,
}

impl Format {
    /// The format of a document.
    ///
    /// # Errors
    /// What it is instead, and what to do, to stand after its name.
    pub fn of(raw: &RawDocument) -> Result<Self, String> {
        if raw.bytes.starts_with(b"%PDF-") {
            return Ok(Self::Pdf);
        }
        if let Some(what) = foreign_bytes(&raw.bytes) {
            return Err(what.to_owned());
        }
        let extension = extension(&raw.path);
        let named = extension.as_deref().and_then(by_extension);
        let format = match raw.media_type.as_deref().and_then(by_media_type) {
            Some(Err(what)) => return Err(what),
            // Servers send Markdown and YAML as plain text, and notebooks as JSON.
            Some(Ok(Self::Text)) => named.unwrap_or(Ok(Self::Text))?,
            Some(Ok(Self::Json)) if named == Some(Ok(Self::Notebook)) => Self::Notebook,
            Some(Ok(format)) => format,
            None => match named {
                Some(named) => named?,
                None => by_content(&raw.bytes),
            },
        };
        match format {
            Self::Pdf => Err("is no PDF although it is named so: find the original".to_owned()),
            _ if content_inspector::inspect(&raw.bytes) == ContentType::BINARY => {
                Err("is a binary file: only text can be read".to_owned())
            }
            format => Ok(format),
        }
    }
}

fn extension(path: &str) -> Option<String> {
    let name = path.split(['?', '#']).next()?.rsplit(['/', '!']).next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
}

/// `None` where a media type says nothing (`application/octet-stream`).
fn by_media_type(media_type: &str) -> Option<Result<Format, String>> {
    let media_type = media_type.split(';').next()?.trim().to_ascii_lowercase();
    let format = match media_type.as_str() {
        "text/html" | "application/xhtml+xml" => Format::Html,
        "text/markdown" | "text/x-markdown" => Format::Markdown,
        "application/pdf" => Format::Pdf,
        "text/asciidoc" | "text/x-asciidoc" => Format::AsciiDoc,
        "text/x-rst" | "text/prs.fallenstein.rst" => Format::Rst,
        "application/x-ipynb+json" => Format::Notebook,
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Format::Yaml,
        "application/json" | "text/json" => Format::Json,
        other if other.ends_with("+json") => Format::Json,
        other if other.ends_with("+yaml") => Format::Yaml,
        "text/plain" | "text/x-log" => Format::Text,
        other => return Some(Err(foreign_media_type(other)?)),
    };
    Some(Ok(format))
}

fn foreign_media_type(media_type: &str) -> Option<String> {
    let (kind, name) = media_type.split_once('/')?;
    match (kind, name) {
        ("image", _) => Some(IMAGE.to_owned()),
        ("audio" | "video", _) => Some(RECORDING.to_owned()),
        ("font", _) => Some("is a font: nothing to read in it".to_owned()),
        ("application", name) if name.contains("word") || name.contains("officedocument") => {
            Some(OFFICE.to_owned())
        }
        ("application", "zip" | "gzip" | "x-tar" | "x-gzip" | "x-7z-compressed") => Some(ARCHIVE.to_owned()),
        _ => None,
    }
}

const IMAGE: &str = "is an image: describe in a text file what it shows";
const RECORDING: &str = "is a recording: add its transcript as a text file";
const OFFICE: &str = "is an office document: convert it to Markdown, HTML or PDF";
const ARCHIVE: &str = "is an archive: name it as a source of its own";
const PROGRAM: &str = "is source code: only documents are read";
const KEY: &str = "may be a key or certificate: keep it out of the documents";
const TABLE: &str = "is a data file: convert what matters in it to a Markdown table";

/// `None` for an extension that says nothing; an error for what is not read.
fn by_extension(extension: &str) -> Option<Result<Format, String>> {
    let format = match extension {
        "md" | "markdown" | "mdown" | "mkd" | "mdx" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "pdf" => Format::Pdf,
        "txt" | "text" | "log" | "out" => Format::Text,
        "yaml" | "yml" => Format::Yaml,
        "json" => Format::Json,
        "adoc" | "asciidoc" | "asc" => Format::AsciiDoc,
        "rst" | "rest" => Format::Rst,
        "ipynb" => Format::Notebook,
        other => return foreign_extension(other).map(|what| Err(what.to_owned())),
    };
    Some(Ok(format))
}

fn foreign_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "png" | "jpg" | "jpeg" | "gif" | "svg" | "webp" | "ico" | "bmp" | "tif" | "tiff" | "drawio" => IMAGE,
        "mp3" | "mp4" | "wav" | "webm" | "mov" | "avi" | "mkv" | "cast" => RECORDING,
        "doc" | "docx" => "is a Word document: convert it to Markdown, HTML or PDF",
        "xls" | "xlsx" | "ppt" | "pptx" | "odt" | "ods" | "odp" | "rtf" | "pages" | "epub" => OFFICE,
        "zip" | "tar" | "gz" | "tgz" | "xz" | "bz2" | "zst" | "7z" | "rar" | "jar" => ARCHIVE,
        "pem" | "key" | "crt" | "cer" | "p12" | "pfx" | "jks" | "gpg" | "kubeconfig" => KEY,
        "csv" | "tsv" | "parquet" | "db" | "sqlite" | "xml" | "jsonl" | "ndjson" => TABLE,
        "rs" | "go" | "py" | "js" | "ts" | "tsx" | "jsx" | "java" | "c" | "h" | "cc" | "cpp" | "rb"
        | "php" => PROGRAM,
        "sh" | "bash" | "ps1" | "css" | "scss" | "tf" | "tpl" | "sql" | "proto" | "lua" | "rego" | "mod" => {
            PROGRAM
        }
        "toml" | "ini" | "conf" | "cfg" | "properties" | "env" | "lock" | "sum" => {
            "is a settings file: copy what matters in it to a Markdown document"
        }
        "ttf" | "otf" | "woff" | "woff2" => "is a font: nothing to read in it",
        "exe" | "dll" | "so" | "dylib" | "bin" | "wasm" | "pyc" | "class" | "o" | "a" => {
            "is a program: only documents are read"
        }
        _ => return None,
    })
}

/// What the first bytes give away, whatever the name says.
fn foreign_bytes(bytes: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &'static str); 12] = [
        (b"\x89PNG", IMAGE),
        (b"\xff\xd8\xff", IMAGE),
        (b"GIF8", IMAGE),
        (b"RIFF", RECORDING),
        (b"PK\x03\x04", "is a zip archive or an office document: unpack or convert it"),
        (b"\x1f\x8b", ARCHIVE),
        (b"\xfd7zXZ", ARCHIVE),
        (b"7z\xbc\xaf", ARCHIVE),
        (b"\x28\xb5\x2f\xfd", ARCHIVE),
        (b"\xd0\xcf\x11\xe0", "is an old office document: convert it to Markdown, HTML or PDF"),
        (b"\x7fELF", "is a program: only documents are read"),
        (b"-----BEGIN ", KEY),
    ];
    known.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| *what)
}

/// For documents without a name that helps.
fn by_content(bytes: &[u8]) -> Format {
    let head =
        String::from_utf8_lossy(bytes.get(..bytes.len().min(2048)).unwrap_or_default()).to_ascii_lowercase();
    let start = head.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        Format::Html
    } else if start.starts_with("apiversion:") || start.contains("\napiversion:") {
        Format::Yaml
    } else if start.starts_with('{') && start.contains("\"apiversion\"") {
        Format::Json
    } else if start.starts_with("# ") || start.starts_with("---\n") || start.contains("\n## ") {
        Format::Markdown
    } else {
        Format::Text
    }
}
