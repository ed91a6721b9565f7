//! Where a source is, and which place a command line argument means.

use std::path::{Path, PathBuf};

use url::Url;

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// One file.
    File(PathBuf),
    /// All files of a folder and its folders; hidden ones and what its `.gitignore` names are left out.
    Folder(PathBuf),
    /// The files under a folder that match a pattern relative to it.
    Glob {
        /// The folder.
        base: PathBuf,
        /// The pattern; `*` does not cross `/`, `**` does.
        pattern: String,
    },
    /// What is piped in.
    Stdin {
        /// A name for it, whose ending says the format; `stdin.md` where nobody says.
        name: Option<String>,
    },
    /// One page.
    Url(Url),
    /// All pages of a sitemap that are on the sitemap's host.
    Sitemap(Url),
    /// The files of a git repository at a commit.
    Git {
        /// A clone on this machine, or an https URL.
        place: Place,
        /// A branch, tag or full commit id; the default branch where nobody says.
        reference: Option<String>,
    },
    /// A zip or tar file, the tar packed with gzip or not.
    Archive(Place),
    /// The runbooks in the program.
    BuiltIn,
}

/// A path or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Local(PathBuf),
    /// Over http or https.
    Remote(Url),
}

/// Why an argument is no place to read from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocationError {
    /// Neither a file nor a folder, nor anything else that is understood.
    #[error("{0} does not exist")]
    Missing(String),
    /// Not a URL.
    #[error("{text} is not a URL: {error}")]
    Url {
        /// The argument.
        text: String,
        /// Why.
        #[source]
        error: url::ParseError,
    },
    /// A URL of a kind that is not read.
    #[error("{0}: only http and https URLs are read; fetch it yourself and give the file or folder")]
    Scheme(String),
    /// git over ssh.
    #[error(
        "{0}: git over ssh needs the ssh program and its keys, which kubewright never uses; \
         clone it yourself and give `git:FOLDER`, or use its https URL"
    )]
    Ssh(String),
    /// git without encryption.
    #[error("{0}: git is read over https only; clone it yourself and give `git:FOLDER`")]
    Unencrypted(String),
    /// A user name or password in a URL.
    #[error(
        "the URL for {0} carries a user name or password, which citations would show; \
         leave it out, or fetch the content yourself and give the file or folder"
    )]
    Credentials(String),
}

impl Location {
    /// What a command line argument can be, for those who gave another.
    pub const KINDS: &'static str = "A source is a file, a folder, a glob in quotes, `-` for stdin, an http or https URL \
        of a page, a sitemap.xml or an archive, a git repository (https URL ending in .git, or git:FOLDER), a .zip, .tar \
        or .tar.gz file, or `builtin`.";

    /// The place that a command line argument means. Looks at the file system, not at the network.
    ///
    /// # Errors
    /// When it exists nowhere, or is of a kind that is not read; [`Self::KINDS`] says what is possible.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text == "-" {
            return Ok(Self::Stdin { name: None });
        }
        if text == "builtin" {
            return Ok(Self::BuiltIn);
        }
        if let Some(rest) = text.strip_prefix("git:").or_else(|| text.strip_prefix("git+")) {
            return Self::git(rest).map_err(|error| match error {
                // As it was written.
                LocationError::Missing(_) => LocationError::Missing(text.to_owned()),
                other => other,
            });
        }
        if text.starts_with("git@") {
            return Err(LocationError::Ssh(text.to_owned()));
        }
        if text.contains("://") {
            return Self::of_url(text);
        }
        Self::of_path(text)
    }

    /// A git repository: a folder or an https URL, with `#REFERENCE` behind it or not.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn git(text: &str) -> Result<Self, LocationError> {
        let (place, reference) = match text.split_once('#') {
            Some((place, reference)) => (place, Some(reference.to_owned())),
            None => (text, None),
        };
        if place.starts_with("git@") || place.starts_with("ssh://") {
            return Err(LocationError::Ssh(place.to_owned()));
        }
        if !place.contains("://") {
            let path = PathBuf::from(place);
            if !path.is_dir() {
                return Err(LocationError::Missing(place.to_owned()));
            }
            return Ok(Self::Git { place: Place::Local(path), reference });
        }
        if place.starts_with("http://") || place.starts_with("git://") {
            return Err(LocationError::Unencrypted(place.to_owned()));
        }
        Ok(Self::Git { place: Place::Remote(web_url(place)?), reference })
    }

    fn of_url(text: &str) -> Result<Self, LocationError> {
        if text.starts_with("ssh://") || text.starts_with("git://") {
            return Self::git(text);
        }
        let url = web_url(text)?;
        let path = url.path().to_ascii_lowercase();
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.ends_with(".git") {
            return Self::git(text);
        }
        if name.contains("sitemap") && (name.ends_with(".xml") || name.ends_with(".xml.gz")) {
            return Ok(Self::Sitemap(url));
        }
        if is_archive(name) {
            return Ok(Self::Archive(Place::Remote(url)));
        }
        Ok(Self::Url(url))
    }

    fn of_path(text: &str) -> Result<Self, LocationError> {
        let path = Path::new(text);
        if path.is_dir() {
            let bare = text.trim_end_matches('/').ends_with(".git") && path.join("objects").is_dir();
            return match bare {
                true => Self::git(text),
                false => Ok(Self::Folder(path.to_owned())),
            };
        }
        if path.exists() {
            return match is_archive(&text.to_ascii_lowercase()) {
                true => Ok(Self::Archive(Place::Local(path.to_owned()))),
                false => Ok(Self::File(path.to_owned())),
            };
        }
        let (base, pattern) = split_glob(text);
        match pattern.is_empty() {
            true => Err(LocationError::Missing(text.to_owned())),
            false => Ok(Self::Glob { base, pattern }),
        }
    }

    /// The folder or file on this machine whose changes matter; `None` for the web, remote git, stdin and `builtin`.
    #[must_use]
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Folder(path) | Self::Glob { base: path, .. } => Some(path),
            Self::Archive(Place::Local(path)) => Some(path),
            _ => None,
        }
    }
}

/// An http or https URL without credentials and fragment.
pub(super) fn web_url(text: &str) -> Result<Url, LocationError> {
    let mut url = Url::parse(text).map_err(|error| LocationError::Url { text: text.to_owned(), error })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(LocationError::Scheme(text.to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LocationError::Credentials(url.host_str().unwrap_or_default().to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether a lower-case file name ends like an archive that is read.
fn is_archive(name: &str) -> bool {
    [".zip", ".tar", ".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

/// The folder before the first part with a wildcard, and the rest; the rest is empty without wildcards.
pub(super) fn split_glob(text: &str) -> (PathBuf, String) {
    let parts: Vec<&str> = text.split('/').collect();
    let wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let Some(first) = parts.iter().position(wild) else {
        return (PathBuf::from(text), String::new());
    };
    let (base, pattern) = parts.split_at(first);
    let base = match base {
        [] => ".".to_owned(),
        [""] => "/".to_owned(),
        parts => parts.join("/"),
    };
    (PathBuf::from(base), pattern.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_understood_by_their_look() {
        let url = |text| Url::parse(text).unwrap();
        let place = |text| Location::parse(text).unwrap();
        assert_eq!(place("-"), Location::Stdin { name: None });
        assert_eq!(place("builtin"), Location::BuiltIn);
        assert_eq!(place("https://a.example/b#c"), Location::Url(url("https://a.example/b")));
        assert_eq!(
            place("https://a.example/sitemap.xml"),
            Location::Sitemap(url("https://a.example/sitemap.xml"))
        );
        assert_eq!(
            place("https://a.example/x.tgz?v=1"),
            Location::Archive(Place::Remote(url("https://a.example/x.tgz?v=1")))
        );
        let git = |reference: Option<&str>| Location::Git {
            place: Place::Remote(url("https://a.example/b.git")),
            reference: reference.map(Into::into),
        };
        assert_eq!(place("https://a.example/b.git"), git(None));
        assert_eq!(place("git+https://a.example/b.git#v1"), git(Some("v1")));
        assert_eq!(place("docs/**/*.md"), Location::Glob { base: "docs".into(), pattern: "**/*.md".into() });
        assert_eq!(place("*.md"), Location::Glob { base: ".".into(), pattern: "*.md".into() });
    }

    #[test]
    fn a_folder_stays_a_folder_even_when_it_is_a_clone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let text = folder.path().to_str().unwrap();
        assert_eq!(Location::parse(text).unwrap(), Location::Folder(folder.path().into()));
        let git = Location::Git { place: Place::Local(folder.path().into()), reference: Some("v1".into()) };
        assert_eq!(Location::parse(&format!("git:{text}#v1")).unwrap(), git);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_do() {
        let refusal = |text| Location::parse(text).unwrap_err().to_string();
        assert_eq!(refusal("/does/not/exist.md"), "/does/not/exist.md does not exist");
        assert_eq!(refusal("git:/does/not/exist#v1"), "git:/does/not/exist#v1 does not exist");
        assert!(refusal("git@a.example:b.git").contains("git:FOLDER"));
        assert!(refusal("ssh://a.example/b.git").contains("ssh"));
        assert!(refusal("http://a.example/b.git").contains("https only"));
        assert!(refusal("ftp://a.example/b").contains("only http and https"));
        assert!(refusal("https://:0bad").contains("not a URL"));
        let secret = refusal("https://me:hunter2@a.example/b");
        assert!(secret.contains("a.example") && !secret.contains("hunter2"), "{secret}");
        assert!(refusal("").contains("does not exist"));
    }
}
