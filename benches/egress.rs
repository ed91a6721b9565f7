//! How fast text is scrubbed before it leaves.
//!
//! `cargo bench --bench egress`

#![expect(clippy::expect_used, reason = "a benchmark without its guard has nothing to measure")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kubewright::egress::Egress;
use kubewright::settings::EgressSettings;

/// Lines as services write them; one in a hundred holds a secret.
fn log(lines: usize) -> String {
    let mut text = String::new();
    for line in 0..lines {
        let trace = format!("{:032x}", line as u128 * 0x9e37_79b9_7f4a_7c15);
        write!(
            text,
            "2026-11-20T09:14:03.211Z INFO request handled path=/v1/products/{line} status=200 trace_id={trace}"
        )
        .expect("text can be written to");
        text.push_str(if line % 100 == 0 { " DB_PASSWORD=hunter2\n" } else { "\n" });
    }
    text
}

fn throughput(criterion: &mut Criterion) {
    let egress = Egress::new(&EgressSettings::default()).expect("the built-in rules are well formed");
    let text = log(2_000);
    let mut group = criterion.benchmark_group("egress");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("scrub", |bencher| bencher.iter(|| egress.scrub(black_box(&text))));
    group.bench_function("untrusted", |bencher| {
        bencher.iter(|| egress.session().untrusted("log", black_box(&text)));
    });
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
