//! What the applications tell of their requests.

use super::Sink;
use crate::sim::traffic::{BOUNDS, Traffic};

pub(super) fn collect(traffic: &Traffic, sink: &mut Sink) {
    for ((service, pod), flow) in &traffic.flows {
        let (namespace, service) = service.split_once('/').unwrap_or(("", service));
        let own = [("namespace", namespace), ("service", service), ("pod", pod.as_str())];
        let [a, b, c] = own;
        for (code, count) in &flow.codes {
            sink.add("http_requests_total", &[a, b, c, ("code", code)], *count);
        }
        for (bound, count) in BOUNDS.iter().zip(&flow.buckets) {
            let le = bound.to_string();
            sink.add("http_request_duration_seconds_bucket", &[a, b, c, ("le", &le)], *count);
        }
        sink.add("http_request_duration_seconds_bucket", &[a, b, c, ("le", "+Inf")], flow.count);
        sink.add("http_request_duration_seconds_sum", &own, flow.sum);
        sink.add("http_request_duration_seconds_count", &own, flow.count);
        sink.add("up", &[a, b, c, ("job", service), ("instance", pod)], 1.0);
    }
}
