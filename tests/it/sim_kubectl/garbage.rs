//! Bad requests get a Status and never a panic.

use serde_json::Value;

use super::stage::Stage;

#[tokio::test]
async fn every_bad_request_is_answered_with_a_status_that_fits() {
    let stage = Stage::start().await;
    let pods = "/api/v1/namespaces/shop/pods";
    let web = "/apis/apps/v1/namespaces/shop/deployments/web";
    let json = "application/json";
    for (method, path, media, body, code) in [
        ("GET", "/nope", "", "", 404),
        ("GET", "/api/v1/gadgets", "", "", 404),
        ("GET", "/api/v1/pods?limit=many", "", "", 400),
        ("GET", "/api/v1/pods?labelSelector=a%20b", "", "", 400),
        ("GET", "/api/v1/pods?continue=zz", "", "", 400),
        ("GET", "/api/v1/pods?resourceVersion=x", "", "", 400),
        ("GET", "/api/v1/pods?watch=true&sendInitialEvents=true", "", "", 422),
        ("GET", "/api/v1/namespaces/shop/pods/web-1-good/log?tailLines=-1", "", "", 422),
        ("POST", pods, json, "{", 400),
        ("POST", pods, json, "[]", 400),
        ("POST", pods, json, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}", 400),
        ("POST", pods, json, "{\"metadata\":{\"name\":\"x\"},\"spec\":3}", 400),
        ("POST", pods, json, "{\"metadata\":{\"name\":\"x\"}}", 422),
        ("POST", pods, "text/plain", "x", 415),
        ("POST", pods, "application/vnd.kubernetes.protobuf", "k8s\0\u{1}\u{2}", 400),
        ("POST", "/api/v1/namespaces/nowhere/pods", json, "{\"metadata\":{\"name\":\"x\"}}", 404),
        ("PATCH", web, json, "{}", 415),
        ("PATCH", web, "application/json-patch+json", "{\"op\":1}", 400),
        (
            "PATCH",
            web,
            "application/strategic-merge-patch+json",
            "{\"spec\":{\"template\":{\"spec\":{\"containers\":[1]}}}}",
            400,
        ),
        ("PATCH", web, "application/merge-patch+json", "{\"spec\":{\"replicas\":\"two\"}}", 400),
        (
            "PATCH",
            web,
            "application/merge-patch+json",
            "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"x\"}}}}",
            422,
        ),
        ("PATCH", web, "application/apply-patch+yaml", "a: [", 400),
        ("PATCH", web, "application/merge-patch+json", "null", 400),
        ("PUT", web, json, "{\"metadata\":{\"name\":\"other\"}}", 400),
        ("DELETE", web, json, "{\"propagationPolicy\":\"Sideways\"}", 422),
        ("POST", web, json, "{}", 405),
    ] {
        let request = stage.http.request(method.parse().unwrap(), format!("{}{path}", stage.url));
        let request = if media.is_empty() { request } else { request.header("content-type", media) };
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let shown: Value = answer.json().await.unwrap();
        assert_eq!(
            (status, &shown["kind"]),
            (code, &Value::from("Status")),
            "{method} {path} {body}: {shown}"
        );
    }
    assert_eq!(stage.get(web).await["spec"]["replicas"], 2);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let stage = Stage::start().await;
    let body = "x".repeat(4 * 1024 * 1024);
    let request = stage
        .http
        .post(format!("{}/api/v1/namespaces", stage.url))
        .header("content-type", "application/json");
    assert_eq!(request.body(body).send().await.unwrap().status(), 413);
}
