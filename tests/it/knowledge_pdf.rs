//! PDFs, which are read in processes of their own, and what becomes of those.

use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(120);

/// A PDF of one page with this text.
fn pdf(text: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 72 700 Td ({text}) Tj ET");
    let page =
        "<</Type/Page/Parent 2 0 R/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 600 800]/Contents 5 0 R>>";
    let stream = format!("<</Length {}>>\nstream\n{content}\nendstream", content.len());
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[4 0 R]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        page,
        &stream,
    ];
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(file.len());
        write!(file, "{number} 0 obj\n{object}\nendobj\n").unwrap();
    }
    let start = file.len();
    write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        writeln!(file, "{place:010} 00000 n ").unwrap();
    }
    let size = objects.len() + 1;
    write!(file, "trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").unwrap();
    file
}

fn program(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
    command.args(args).env_clear().env("HOME", folder.path()).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(folder: &TempDir, args: &[&str]) -> Output {
    tokio::time::timeout(LIMIT, program(folder, args).output()).await.expect("the command ends").unwrap()
}

/// A folder with documents and a configuration without a model.
fn place(documents: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("docs")).unwrap();
    for (name, bytes) in documents {
        std::fs::write(folder.path().join("docs").join(name), bytes).unwrap();
    }
    let settings = "[knowledge]\nmodel = \"none\"\nfolder = \"base\"\n";
    std::fs::write(folder.path().join("kubewright.toml"), settings).unwrap();
    folder
}

/// What a worker answers to a question, and whether it ended well.
async fn ask_worker(question: &[u8]) -> (bool, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = program(&folder, &["ingest-pdf-worker"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = worker.stdin.take().unwrap();
    // One that has ended reads no further.
    let _ = input.write_all(question).await;
    drop(input);
    let output = tokio::time::timeout(LIMIT, worker.wait_with_output()).await.unwrap().unwrap();
    (output.status.success(), output.stdout)
}

fn question(seconds: u64, pdf: &[u8]) -> Vec<u8> {
    let header = format!("{{\"path\":\"a.pdf\",\"seconds\":{seconds}}}\n");
    [header.as_bytes(), pdf].concat()
}

#[tokio::test]
async fn good_pdfs_are_found_and_broken_ones_refused_by_name() {
    let good = pdf("The kubelet evicts pods under pressure.");
    let mut broken = b"%PDF-1.7\n".to_vec();
    broken.extend((0..50_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8));
    let cut = &good[..good.len() / 2];
    let folder =
        place(&[("good.pdf", &good), ("noise.pdf", &broken), ("cut.pdf", cut), ("a.md", b"# A\n\nText.")]);
    let output = run(&folder, &["ingest", "docs", "-o", "json"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["sources"][0]["added"], 2, "{report}");
    let refused: Vec<&str> = report["sources"][0]["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["uri"].as_str().unwrap())
        .collect();
    assert!(refused.len() == 2 && refused.iter().any(|uri| uri.ends_with("noise.pdf")), "{report}");
    let found = run(&folder, &["search", "kubelet", "pressure", "-o", "json"]).await;
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["results"][0]["citation"]["path"], "good.pdf", "{found}");
}

#[tokio::test]
async fn a_worker_answers_in_words_and_only_to_questions() {
    let (well, answer) = ask_worker(&question(60, &pdf("Some words."))).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert!(well && answer["Ok"]["blocks"][0]["text"] == "Some words.", "{answer}");
    let (well, answer) = ask_worker(&question(60, b"%PDF-1.4\nnonsense")).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert!(well && answer["Err"].as_str().is_some_and(|why| why.starts_with("is a broken PDF")), "{answer}");
    for garbage in [b"".as_slice(), b"\n\xff", b"{\"path\":1}\n", &[b'x'; 100_000]] {
        assert_eq!(ask_worker(garbage).await, (false, Vec::new()));
    }
}

/// The limits of a process, by name: soft and hard.
fn limits(id: u32) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let limit = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        let mut words = line[name.len()..].split_whitespace();
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
    };
    ["Max cpu time", "Max data size", "Max core file size"].map(limit).to_vec()
}

#[tokio::test]
async fn a_worker_limits_its_own_memory_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = program(&folder, &["ingest-pdf-worker"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = worker.stdin.take().unwrap();
    input.write_all(&question(31, b"%PDF-1.4\n")).await.unwrap();
    let pair = |value: &str| (value.to_owned(), value.to_owned());
    let limited = async {
        while limits(worker.id().unwrap()) != [pair("31"), pair("2147483648"), pair("0")] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, limited).await.expect("31 s, 2 GiB, no core dump");
    drop(input);
    assert!(tokio::time::timeout(LIMIT, worker.wait()).await.unwrap().unwrap().success());
}
