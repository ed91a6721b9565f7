//! How quickly log lines are mined, and how the time grows with their number.
//!
//! `cargo bench --bench logs`

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kubewright::observe::LogMiner;

/// Lines of a service in five formats with what varies in them, as a cluster's logs mix them; every sixteenth line of a
/// kind has words that are seen once.
fn text(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let (second, id) = (line / 50 % 60, line.wrapping_mul(0x9e37_79b9) & 0xffff_ffff);
        let (minute, address) = (line / 3000 % 60, id % 250);
        let time = format!("2026-01-02T10:{minute:02}:{second:02}.{:03}Z", line % 1000);
        let written = match (line % 5, line % 80 < 5) {
            (_, true) => {
                writeln!(text, "{time} WARN shop::cart: item {} of {} is gone", word(id), word(line))
            }
            (0, _) => writeln!(
                text,
                "{time} INFO [worker-{address}] org.shop.Cart: added item {id} to cart 7f{id:08x} in {}ms",
                line % 97
            ),
            (1, _) => writeln!(
                text,
                r#"{{"level":"error","ts":"{time}","msg":"payment {id} failed","error":"dial tcp 10.0.{address}.9:5432: connect: connection refused","attempt":{}}}"#,
                line % 9
            ),
            (2, _) => writeln!(
                text,
                r#"10.0.3.{address} - - [02/Jan/2026:10:{minute:02}:{second:02} +0000] "GET /v1/items/{id} HTTP/1.1" 200 {} "-" "probe/1.1""#,
                line % 4096
            ),
            (3, _) => writeln!(
                text,
                "time=\"{time}\" level=info msg=\"reconciled object\" name=shop-{id:x} duration={}ms queue={}",
                line % 977,
                line % 17
            ),
            _ => writeln!(
                text,
                "E0102 10:{minute:02}:{second:02}.{:06}       1 sync.go:{}] pod \"shop/web-{id:x}\" took {}s of 30s",
                line % 1_000_000,
                100 + line % 3,
                line % 31
            ),
        };
        written.unwrap_or_default();
    }
    text
}

fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

fn mine(text: &str) -> LogMiner {
    let mut miner = LogMiner::default();
    for line in text.as_bytes().split(|byte| *byte == b'\n') {
        miner.add(line);
    }
    miner
}

fn logs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("logs");
    group.sample_size(10);
    for lines in [1_000, 10_000, 100_000, 1_000_000] {
        let text = text(lines);
        group.throughput(Throughput::Elements(lines as u64));
        group.bench_with_input(BenchmarkId::new("lines", lines), &text, |bencher, text| {
            bencher.iter(|| black_box(mine(black_box(text))));
        });
    }
    group.finish();
}

criterion_group!(benches, logs);
criterion_main!(benches);
