//! A real PostgreSQL server of our own: made by `initdb` in a temporary folder, on a free port, gone with its owner.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The user that a server is run as when the tests run as root, which PostgreSQL refuses.
const NOBODY: u32 = 65534;

/// The programs that are needed, all in one folder.
const PROGRAMS: [&str; 5] = ["initdb", "postgres", "pg_ctl", "pg_isready", "createdb"];

const START: Duration = Duration::from_secs(60);

/// A running server. Stopped when dropped.
pub(crate) struct Postgres {
    server: Child,
    folder: TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes and starts a server.
    pub(crate) fn start() -> Self {
        let binaries = binaries();
        let folder = tempfile::Builder::new().prefix("kubewright-pg").tempdir_in("/tmp").unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.path().join("data");
        let mut init = command(&binaries, folder.path(), "initdb");
        init.args([
            "--no-sync",
            "--auth=trust",
            "--username=kubewright",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-D",
        ]);
        let made = init.arg(&data).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = command(&binaries, folder.path(), "postgres")
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .args(["-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let postgres = Self { server, folder, binaries, port };
        postgres.wait();
        postgres
    }

    /// Makes an empty database and returns its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        let made = self.client("createdb").arg(name).output().unwrap();
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://kubewright@127.0.0.1:{}/{name}", self.port)
    }

    fn client(&self, name: &str) -> Command {
        let mut command = command(&self.binaries, self.folder.path(), name);
        command.args(["-h", "127.0.0.1", "-U", "kubewright", "-p", &self.port.to_string()]);
        command
    }

    fn wait(&self) {
        let began = Instant::now();
        while !self.client("pg_isready").stdout(Stdio::null()).status().unwrap().success() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < START, "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let mut stop = command(&self.binaries, self.folder.path(), "pg_ctl");
        let _ = stop.args(["stop", "-m", "immediate", "-D"]).arg(data).output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A PostgreSQL program, run in the folder as a user that it accepts.
fn command(binaries: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(binaries.join(name));
    command.current_dir(folder).stdin(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The folder of the server's programs: on the PATH, or where Debian keeps them.
fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| PROGRAMS.iter().all(|program| folder.join(program).exists()))
        .expect("initdb and postgres are needed; install PostgreSQL (Debian: apt-get install postgresql)")
}
