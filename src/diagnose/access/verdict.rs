//! Why a request is refused: which binding or role comes nearest to granting it, and what is wrong with it.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::Subject;

use super::bindings::{Binding, Role, all};
use super::question::Question;
use super::roles::{Short, grants, shortcoming};
use crate::diagnose::index::{Index, namespace_of};
use crate::incident::ObjectRef;

/// Names that differ in at most so many letters are taken for misspellings of each other.
const MISSPELT: usize = 2;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::diagnose) enum Fault {
    /// Nothing grants it to anybody like the account.
    Unbound,
    /// A role of the account lacks a rule for it.
    RoleLacks,
    /// A role of the account grants it for objects of other names.
    OtherNames,
    /// A binding grants it in another namespace only.
    OtherNamespace,
    /// The program runs as another account than the one that may.
    OtherAccount,
    /// A binding that would grant it names another subject.
    OtherSubject,
    /// A binding of the account refers to a role that does not exist.
    RoleMissing,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::diagnose) struct Verdict {
    /// What is wrong.
    pub(in crate::diagnose) fault: Fault,
    /// The object to repair.
    pub(in crate::diagnose) object: ObjectRef,
    /// A clause that says it.
    pub(in crate::diagnose) why: String,
    /// How sure it is among several, 0 to 100.
    weight: u8,
}

impl Verdict {
    fn new(fault: Fault, weight: u8, object: ObjectRef, why: String) -> Self {
        Self { fault, object, why, weight }
    }
}

/// Judges a refusal of a program that belongs to `workload`. `Err` where the roles of now grant it: then the refusal is of
/// the past. `Ok(None)` where the bindings were not read.
pub(in crate::diagnose) fn judge(
    index: &Index<'_>,
    asked: &Question,
    workload: &ObjectRef,
) -> Result<Option<Verdict>, Granted> {
    let bindings = all(index);
    if !were_read(index, asked) {
        // Whatever was not read does not grant it either, or it would not have been refused.
        let found = bindings.iter().filter_map(|binding| of_binding(index, asked, binding));
        return Ok(found.into_iter().find(|verdict| verdict.fault == Fault::OtherNamespace));
    }
    let mut unsure = false;
    for binding in bindings.iter().filter(|found| found.covers(asked) && found.binds(&asked.account)) {
        match binding.role(index) {
            Role::Known(rules) if grants(rules, asked) => return Err(Granted),
            Role::Unknown => unsure = true,
            _ => {}
        }
    }
    let verdicts = bindings.iter().filter_map(|binding| of_binding(index, asked, binding));
    let verdicts = verdicts.chain(other_account(index, asked, workload, &bindings));
    let best = verdicts.max_by(|left, right| (left.weight, &right.object).cmp(&(right.weight, &left.object)));
    Ok(match best {
        None if unsure => None,
        None => Some(unbound(asked)),
        Some(best) if unsure && best.weight < 80 => None,
        Some(best) => Some(best),
    })
}

/// The roles of now grant what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diagnose) struct Granted;

fn were_read(index: &Index<'_>, asked: &Question) -> bool {
    let (objects, recorded) = (&index.snapshot.objects, &index.snapshot.recorded);
    let wide = !objects.cluster_role_bindings.is_empty() || recorded.knows("clusterrolebindings");
    match &asked.namespace {
        Some(namespace) => {
            recorded.knows_in("rolebindings", namespace)
                || objects.role_bindings.iter().any(|found| namespace_of(&found.metadata) == namespace)
        }
        None => wide,
    }
}

fn of_binding(index: &Index<'_>, asked: &Question, binding: &Binding<'_>) -> Option<Verdict> {
    let (name, role) = (binding.name.clone(), binding.role_name());
    match (binding.names(&asked.account), binding.role(index)) {
        (true, Role::Missing) if binding.covers(asked) => Some(role_missing(index, binding)),
        (true, Role::Known(rules)) if binding.covers(asked) => {
            Some(role_lacks(role, shortcoming(rules, asked)))
        }
        (true, Role::Known(rules)) if grants(rules, asked) => {
            let place = match &asked.namespace {
                Some(namespace) => format!("not in namespace {namespace}"),
                None => "not in the whole cluster".to_owned(),
            };
            let why = format!("{name} grants it in namespace {}, {place}", binding.name.namespace);
            Some(Verdict::new(Fault::OtherNamespace, 84, name, why))
        }
        (false, Role::Known(rules)) if binding.covers(asked) && grants(rules, asked) => {
            other_subject(index, asked, binding)
        }
        _ => None,
    }
}

/// A role that was never there was misspelt in the binding; one that nothing resembles was deleted.
fn role_missing(index: &Index<'_>, binding: &Binding<'_>) -> Verdict {
    let role = binding.role_name();
    let objects = &index.snapshot.objects;
    let names: Vec<&str> = if role.kind == "Role" {
        let here = objects.roles.iter().filter(|found| namespace_of(&found.metadata) == role.namespace);
        here.filter_map(|found| found.metadata.name.as_deref()).collect()
    } else {
        objects.cluster_roles.iter().filter_map(|found| found.metadata.name.as_deref()).collect()
    };
    match names.into_iter().find(|name| is_near(name, &role.name)) {
        Some(near) => {
            let why = format!(
                "{} refers to {role}, which does not exist; there is a {} {near}",
                binding.name, role.kind
            );
            Verdict::new(Fault::RoleMissing, 92, binding.name.clone(), why)
        }
        None => {
            let why = format!("{} refers to {role}, which does not exist", binding.name);
            Verdict::new(Fault::RoleMissing, 90, role, why)
        }
    }
}

fn role_lacks(role: ObjectRef, short: Short) -> Verdict {
    let (fault, weight, why) = match short {
        Short::Name => (Fault::OtherNames, 86, format!("{role} grants it for objects of other names only")),
        Short::Verb => (Fault::RoleLacks, 85, format!("{role} names the resource without that verb")),
        Short::Group => (Fault::RoleLacks, 81, format!("{role} names the resource in another API group")),
        Short::Resource => (
            Fault::RoleLacks,
            60,
            format!("{role}, which the account is bound to, does not name the resource"),
        ),
    };
    Verdict::new(fault, weight, role, why)
}

/// A binding that would grant it, if only it named the account: how likely it was meant to.
fn other_subject(index: &Index<'_>, asked: &Question, binding: &Binding<'_>) -> Option<Verdict> {
    let account = &asked.account;
    let named = binding.subjects.iter().map(|subject| (likeness(index, subject, account), subject));
    let best = named.max_by_key(|(weight, _)| *weight);
    let alike =
        |name: &str| name.contains(account.name.as_str()) || (name.len() > 3 && account.name.contains(name));
    // The bindings of the system and its components are for whom they name.
    let is_own = !binding.name.name.starts_with("system:") && !binding.name.name.starts_with("kubeadm:");
    let by_name =
        if is_own && account.name.len() > 2 && (alike(&binding.name.name) || alike(&binding.role.name)) {
            83
        } else {
            0
        };
    let empty = if binding.subjects.is_empty() { 82 } else { 0 };
    let weight = best.map_or(0, |(weight, _)| weight).max(by_name).max(empty);
    let named: Vec<_> = binding.subjects.iter().map(shown).collect();
    let named = if named.is_empty() { "nobody".to_owned() } else { named.join(", ") };
    let why = format!("{}, which would grant it, names {named}", binding.name);
    (weight > 0).then(|| Verdict::new(Fault::OtherSubject, weight, binding.name.clone(), why))
}

fn shown(subject: &Subject) -> String {
    match &subject.namespace {
        Some(namespace) => format!("{} {namespace}/{}", subject.kind, subject.name),
        None => format!("{} {}", subject.kind, subject.name),
    }
}

/// How likely a subject was meant to be the account.
fn likeness(index: &Index<'_>, subject: &Subject, account: &ObjectRef) -> u8 {
    let namespace = subject.namespace.as_deref().unwrap_or_default();
    if subject.kind != "ServiceAccount" {
        let short = format!("{}:{}", account.namespace, account.name);
        return if subject.name == account.name || subject.name.ends_with(&short) { 88 } else { 0 };
    }
    let (known, exists) = exists(index, namespace, &subject.name);
    match (subject.name == account.name, namespace == account.namespace) {
        // Accounts of common names are bound in many namespaces, each for itself.
        (true, _) if exists && account.name == "default" => 0,
        (true, _) => 88,
        (false, true) if is_near(&subject.name, &account.name) => 87,
        (false, true) if known && !exists => 82,
        (false, true) if !is_used(index, namespace, &subject.name) => 81,
        _ => 0,
    }
}

/// Whether the ServiceAccounts of a namespace are known, and whether it has the one.
fn exists(index: &Index<'_>, namespace: &str, name: &str) -> (bool, bool) {
    let accounts = index.snapshot.objects.service_accounts.iter();
    let here: Vec<_> = accounts.filter(|account| namespace_of(&account.metadata) == namespace).collect();
    let known = !here.is_empty() || index.snapshot.recorded.knows_in("serviceaccounts", namespace);
    (known, here.iter().any(|account| account.metadata.name.as_deref() == Some(name)))
}

/// Whether any program runs as the account.
fn is_used(index: &Index<'_>, namespace: &str, name: &str) -> bool {
    let mut specs = index.templates().filter(|(user, _)| user.namespace == namespace);
    specs.any(|(_, template)| {
        let account = template.spec.and_then(|spec| spec.service_account_name.as_deref());
        account.filter(|account| !account.is_empty()).unwrap_or("default") == name
    })
}

fn is_near(left: &str, right: &str) -> bool {
    let shorter = left.len().min(right.len());
    left != right && strsim::osa_distance(left, right) <= MISSPELT.min(shorter / 3)
}

/// A program that runs as the default account, while one that nobody uses, or that has the program's name, may do it: the
/// template lost its `serviceAccountName`. The same where the last revision changed it.
fn other_account(
    index: &Index<'_>,
    asked: &Question,
    workload: &ObjectRef,
    bindings: &[Binding<'_>],
) -> Option<Verdict> {
    let mut changes = index.snapshot.changes.iter().filter(|change| change.object == *workload);
    let changed = changes.any(|change| change.fields.iter().any(|field| field.path == "serviceAccountName"));
    if !(asked.account.name == "default" || changed) || workload.kind == "ServiceAccount" {
        return None;
    }
    let able: BTreeSet<String> = bindings
        .iter()
        .filter(|binding| binding.covers(asked))
        .filter(|binding| matches!(binding.role(index), Role::Known(rules) if grants(rules, asked)))
        .flat_map(|binding| binding.subjects)
        .filter(|subject| {
            subject.kind == "ServiceAccount" && subject.namespace.as_ref() == Some(&asked.account.namespace)
        })
        .map(|subject| subject.name.clone())
        .collect();
    let used: BTreeSet<_> = index
        .templates()
        .filter(|(user, _)| user.namespace == workload.namespace)
        .filter_map(|(_, template)| template.spec?.service_account_name.clone())
        .collect();
    let meant = able.iter().find(|name| changed || !used.contains(*name) || **name == workload.name)?;
    let why = format!("{workload} runs as {}, while {meant} is the account that may", asked.account.name);
    Some(Verdict::new(Fault::OtherAccount, if changed { 91 } else { 86 }, workload.clone(), why))
}

fn unbound(asked: &Question) -> Verdict {
    let why = format!("no binding gives {} a role that allows it", asked.account);
    Verdict::new(Fault::Unbound, 50, asked.account.clone(), why)
}
