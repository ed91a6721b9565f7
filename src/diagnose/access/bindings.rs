//! Bindings of both kinds alike, with the rules that they lead to.

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};

use super::question::Question;
use crate::diagnose::index::{Index, namespace_of, object_ref};
use crate::incident::ObjectRef;

/// A RoleBinding or ClusterRoleBinding.
pub(super) struct Binding<'a> {
    pub(super) name: ObjectRef,
    pub(super) subjects: &'a [Subject],
    pub(super) role: &'a RoleRef,
}

/// What a binding refers to.
pub(super) enum Role<'a> {
    /// It exists, with these rules.
    Known(&'a [PolicyRule]),
    /// It does not exist.
    Missing,
    /// It was not read.
    Unknown,
}

/// All bindings that were read.
pub(super) fn all<'a>(index: &Index<'a>) -> Vec<Binding<'a>> {
    let objects = &index.snapshot.objects;
    let local = objects.role_bindings.iter().map(|binding| Binding {
        name: object_ref(binding),
        subjects: binding.subjects.as_deref().unwrap_or_default(),
        role: &binding.role_ref,
    });
    let wide = objects.cluster_role_bindings.iter().map(|binding| Binding {
        name: object_ref(binding),
        subjects: binding.subjects.as_deref().unwrap_or_default(),
        role: &binding.role_ref,
    });
    local.chain(wide).collect()
}

impl<'a> Binding<'a> {
    /// Whether what it grants holds where the question was asked: a RoleBinding is for its own namespace.
    pub(super) fn covers(&self, asked: &Question) -> bool {
        self.name.namespace.is_empty() || asked.namespace.as_ref() == Some(&self.name.namespace)
    }

    /// Whether it names the account itself, or a group that it is in.
    pub(super) fn binds(&self, account: &ObjectRef) -> bool {
        self.names(account) || self.subjects.iter().any(|subject| is_group_of(subject, account))
    }

    /// Whether it names the account itself.
    pub(super) fn names(&self, account: &ObjectRef) -> bool {
        let user = format!("system:serviceaccount:{}:{}", account.namespace, account.name);
        self.subjects.iter().any(|subject| match subject.kind.as_str() {
            "ServiceAccount" => {
                subject.name == account.name
                    && subject.namespace.as_deref() == Some(account.namespace.as_str())
            }
            "User" => subject.name == user,
            _ => false,
        })
    }

    /// The object that it refers to.
    pub(super) fn role_name(&self) -> ObjectRef {
        let namespace = if self.role.kind == "Role" { self.name.namespace.as_str() } else { "" };
        ObjectRef::new(self.role.kind.as_str(), namespace, self.role.name.as_str())
    }

    /// The rules that it leads to.
    pub(super) fn role(&self, index: &Index<'a>) -> Role<'a> {
        let (objects, recorded) = (&index.snapshot.objects, &index.snapshot.recorded);
        let wanted = self.role_name();
        let (rules, listed) = if wanted.kind == "Role" {
            let found = objects.roles.iter().find(|role| object_ref(*role) == wanted);
            let here = objects.roles.iter().any(|role| namespace_of(&role.metadata) == wanted.namespace);
            (found.map(|role| role.rules.as_deref()), here || recorded.knows_in("roles", &wanted.namespace))
        } else {
            let found = objects.cluster_roles.iter().find(|role| object_ref(*role) == wanted);
            let listed = !objects.cluster_roles.is_empty() || recorded.knows("clusterroles");
            (found.map(|role| role.rules.as_deref()), listed)
        };
        match rules {
            Some(rules) => Role::Known(rules.unwrap_or_default()),
            None if listed => Role::Missing,
            None => Role::Unknown,
        }
    }
}

fn is_group_of(subject: &Subject, account: &ObjectRef) -> bool {
    subject.kind == "Group"
        && (subject.name == "system:serviceaccounts"
            || subject.name == "system:authenticated"
            || subject.name == format!("system:serviceaccounts:{}", account.namespace))
}
