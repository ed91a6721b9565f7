//! Whether the rules of a role grant what is asked, and if not, what is nearest to it.

use k8s_openapi::api::rbac::v1::PolicyRule;

use super::question::Question;

/// What of a rule keeps it from granting; the later the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Short {
    /// Nothing names the resource.
    Resource,
    /// The resource is named in another API group.
    Group,
    /// The verb is not among those of the resource.
    Verb,
    /// The rule is for objects of other names.
    Name,
}

/// Whether any of the rules grants what is asked.
pub(super) fn grants(rules: &[PolicyRule], asked: &Question) -> bool {
    rules.iter().any(|rule| {
        has_resource(rule, asked) && has_group(rule, asked) && has_verb(rule, asked) && has_name(rule, asked)
    })
}

/// What the nearest of rules that do not grant it lacks.
pub(super) fn shortcoming(rules: &[PolicyRule], asked: &Question) -> Short {
    let of_rule = |rule: &PolicyRule| match (has_resource(rule, asked), has_group(rule, asked)) {
        (false, _) => Short::Resource,
        (true, false) => Short::Group,
        (true, true) if !has_verb(rule, asked) => Short::Verb,
        (true, true) => Short::Name,
    };
    rules.iter().map(of_rule).max().unwrap_or(Short::Resource)
}

fn any(list: Option<&Vec<String>>, wanted: &str) -> bool {
    list.into_iter().flatten().any(|found| found == wanted || found == "*")
}

fn has_verb(rule: &PolicyRule, asked: &Question) -> bool {
    rule.verbs.iter().any(|verb| *verb == asked.verb || verb == "*")
}

fn has_group(rule: &PolicyRule, asked: &Question) -> bool {
    any(rule.api_groups.as_ref(), &asked.group)
}

/// `pods` does not stand for `pods/log`; `*/scale` stands for that subresource of everything.
fn has_resource(rule: &PolicyRule, asked: &Question) -> bool {
    let of_all = asked.resource.split_once('/').map(|(_, part)| format!("*/{part}"));
    any(rule.resources.as_ref(), &asked.resource)
        || of_all.is_some_and(|of_all| rule.resources.iter().flatten().any(|found| *found == of_all))
}

/// A rule for some names grants no request that names no object, such as a list.
fn has_name(rule: &PolicyRule, asked: &Question) -> bool {
    let names = rule.resource_names.as_deref().unwrap_or_default();
    names.is_empty() || asked.name.as_ref().is_some_and(|name| names.contains(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{PolicyRule, Question, Short, grants, shortcoming};

    fn asked(verb: &str, resource: &str, name: Option<&str>) -> Question {
        let name = name.map(|name| format!("\"{name}\" ")).unwrap_or_default();
        let text = format!(
            "x {name}is forbidden: User \"system:serviceaccount:shop:cart\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"shop\""
        );
        Question::read(&text).unwrap()
    }

    fn rules(rule: Value) -> Vec<PolicyRule> {
        vec![serde_json::from_value(rule).unwrap()]
    }

    #[test]
    fn rules_grant_as_the_authorizer_reads_them() {
        let all = rules(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}));
        assert!(grants(&all, &asked("list", "pods/log", None)));
        let pods = rules(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}));
        assert!(grants(&pods, &asked("get", "pods", Some("a"))));
        assert!(!grants(&pods, &asked("get", "pods/log", Some("a"))));
        let status = rules(json!({"apiGroups": [""], "resources": ["*/status"], "verbs": ["get"]}));
        assert!(grants(&status, &asked("get", "pods/status", Some("a"))));
        let named = rules(
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"], "resourceNames": ["a"]}),
        );
        assert!(grants(&named, &asked("get", "pods", Some("a"))));
        assert!(!grants(&named, &asked("list", "pods", None)));
    }

    #[test]
    fn the_nearest_rule_says_what_is_lacking() {
        let rule = |group: &str, resource: &str, verb: &str| {
            rules(
                json!({"apiGroups": [group], "resources": [resource], "verbs": [verb], "resourceNames": ["other"]}),
            )
        };
        let asked = asked("get", "pods", Some("a"));
        assert_eq!(shortcoming(&rule("", "secrets", "get"), &asked), Short::Resource);
        assert_eq!(shortcoming(&rule("apps", "pods", "get"), &asked), Short::Group);
        assert_eq!(shortcoming(&rule("", "pods", "list"), &asked), Short::Verb);
        assert_eq!(shortcoming(&rule("", "pods", "get"), &asked), Short::Name);
        assert_eq!(shortcoming(&[], &asked), Short::Resource);
    }
}
