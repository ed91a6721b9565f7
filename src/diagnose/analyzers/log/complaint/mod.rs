//! One log line that complains about something else: what kind of complaint it is, and whom it names. Pure; whom the name
//! stands for in the cluster is for `resolve` to say.

mod kinds;
mod named;

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::codes::{self, Code};
use crate::incident::ObjectRef;
pub(super) use named::{Place, usual_ports};

/// What a line says about a dependency.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Complaint {
    /// What kind of trouble.
    pub(super) code: Code,
    /// The hosts that it names, the most reliable first.
    pub(super) places: Vec<Place>,
    /// The service account that the Kubernetes API refuses, in a complaint about that.
    pub(super) account: Option<ObjectRef>,
    /// The line, trimmed.
    pub(super) line: String,
}

static ACCOUNT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"User "system:serviceaccount:([^:"]+):([^"]+)""#).ok());

impl Complaint {
    /// Reads a line; `None` for lines that complain about nothing.
    pub(super) fn read(line: &str) -> Option<Self> {
        // A message inside a JSON line has its quotes escaped.
        let line = line.trim().replace("\\\"", "\"");
        let code = kinds::kind(&line)?;
        if code == codes::LOG_FORBIDDEN {
            return Some(Self { code, places: Vec::new(), account: account(&line), line });
        }
        Some(Self { code, places: named::places(&line), account: None, line })
    }
}

fn account(line: &str) -> Option<ObjectRef> {
    let found = ACCOUNT.as_ref()?.captures(line)?;
    Some(ObjectRef::new("ServiceAccount", found.get(1)?.as_str(), found.get(2)?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::Complaint;
    use crate::diagnose::codes;
    use crate::incident::ObjectRef;

    #[test]
    fn a_message_inside_json_is_read_like_any_other() {
        let line =
            r#"{"level":"error","msg":"Get \"http://cart:80/\": dial tcp 10.0.0.1:80: connection refused"}"#;
        let complaint = Complaint::read(line).unwrap();
        assert_eq!((complaint.code, complaint.places[0].host.as_str()), (codes::LOG_REFUSED, "cart"));
    }

    #[test]
    fn what_a_name_server_answers_is_no_complaint_of_its_own() {
        let answer = |code: &str| {
            format!(
                "[INFO] 10.1.0.9:41021 - 4711 \"AAAA IN db.data.shop.svc.cluster.local. udp 51 false 512\" {code} qr,aa,rd 144 0.0001s"
            )
        };
        assert_eq!(Complaint::read(&answer("NXDOMAIN")), None);
        assert_eq!(Complaint::read(&answer("NOERROR")), None);
        assert_eq!(Complaint::read("dnsmasq[7]: reply db.shop.example is NXDOMAIN"), None);
        let asked = [answer("SERVFAIL"), "lookup of db failed: NXDOMAIN".to_owned()];
        for line in asked {
            assert_eq!(Complaint::read(&line).unwrap().code, codes::LOG_DNS, "{line}");
        }
    }

    #[test]
    fn a_refusal_of_the_kubernetes_api_names_the_service_account() {
        let line =
            "pods is forbidden: User \"system:serviceaccount:shop:cart\" cannot list resource \"pods\"";
        let complaint = Complaint::read(line).unwrap();
        assert_eq!(complaint.account, Some(ObjectRef::new("ServiceAccount", "shop", "cart")));
        assert_eq!(complaint.places, []);
    }
}
