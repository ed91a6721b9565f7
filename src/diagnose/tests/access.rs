//! Refusals of the Kubernetes API: which binding or role is blamed.

use serde_json::{Value, json};

use crate::diagnose::world::{World, object};

/// A program `sync` of the account `shop/sync` that may not list the ConfigMaps of its namespace.
fn refused(namespace: Option<&str>) -> World {
    let place = match namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let line = format!(
        "E0105 reflector: configmaps is forbidden: User \"system:serviceaccount:shop:sync\" cannot list resource \"configmaps\" in API group \"\" {place}\n"
    );
    let mut world = World::new().deployment("sync", 1).log("sync-1-0", &line.repeat(3));
    let spec = world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.service_account_name = Some("sync".to_owned());
    world
}

fn account(mut world: World, name: &str) -> World {
    let account = json!({"metadata": {"namespace": "shop", "name": name}});
    world.snapshot.objects.service_accounts.push(object(account));
    world
}

fn role(mut world: World, name: &str, rule: &Value) -> World {
    let mut whole =
        json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]});
    json_patch::merge(&mut whole, rule);
    let role = json!({"metadata": {"namespace": "shop", "name": name}, "rules": [whole]});
    world.snapshot.objects.roles.push(object(role));
    world
}

fn binding(mut world: World, namespace: &str, role: &str, subject: &Value) -> World {
    let mut whole = json!({"kind": "ServiceAccount", "name": "sync", "namespace": "shop"});
    json_patch::merge(&mut whole, subject);
    world.snapshot.objects.role_bindings.push(object(json!({
        "metadata": {"namespace": namespace, "name": "reads-settings"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}, "subjects": [whole]})));
    world
}

/// The one cause's object and the code of the Evidence that shows it.
fn blamed(world: &World) -> (String, String) {
    let diagnosis = world.diagnose();
    assert_eq!(diagnosis.hypotheses.len(), 1, "{:?}", diagnosis.hypotheses);
    let first = &diagnosis.hypotheses[0];
    assert_eq!(first.code, "access.forbidden");
    let shown = diagnosis
        .evidence
        .iter()
        .find(|piece| piece.object == first.object && piece.code != "log.api.forbidden");
    (first.object.to_string(), shown.unwrap().code.clone())
}

fn expect(world: &World, object: &str, code: &str) {
    assert_eq!(blamed(world), (object.to_owned(), code.to_owned()));
}

#[test]
fn a_binding_that_names_another_subject_is_blamed() {
    let ready = || role(account(refused(Some("shop")), "sync"), "reader", &json!({}));
    let binding_name = "RoleBinding shop/reads-settings";
    for subject in [
        json!({"name": "snyc"}),
        json!({"namespace": "default"}),
        json!({"name": "departed"}),
        json!({"kind": "User", "namespace": null}),
    ] {
        expect(&binding(ready(), "shop", "reader", &subject), binding_name, "rbac.binding.other_subject");
    }
}

#[test]
fn a_binding_for_an_account_that_nobody_runs_as_is_blamed_and_one_for_another_program_is_not() {
    let world = || role(account(account(refused(Some("shop")), "sync"), "other"), "reader", &json!({}));
    let bound = binding(world(), "shop", "reader", &json!({"name": "other"}));
    expect(&bound, "RoleBinding shop/reads-settings", "rbac.binding.other_subject");
    let mut used = bound.deployment("other", 1);
    let spec = used.snapshot.objects.deployments[1].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.service_account_name = Some("other".to_owned());
    expect(&used, "ServiceAccount shop/sync", "rbac.account_unbound");
}

#[test]
fn a_role_that_lacks_the_verb_the_group_or_the_name_is_blamed() {
    for (rule, code) in [
        (json!({"verbs": ["get"]}), "rbac.role.lacks_rule"),
        (json!({"apiGroups": ["apps"]}), "rbac.role.lacks_rule"),
        (json!({"resources": ["secrets"]}), "rbac.role.lacks_rule"),
        (json!({"resourceNames": ["one"]}), "rbac.role.other_names"),
    ] {
        let world = binding(role(refused(Some("shop")), "reader", &rule), "shop", "reader", &json!({}));
        expect(&world, "Role shop/reader", code);
    }
}

#[test]
fn a_binding_to_a_role_that_is_misspelt_is_blamed_and_else_the_role_that_is_gone() {
    let world = binding(role(refused(Some("shop")), "reader", &json!({})), "shop", "raeder", &json!({}));
    expect(&world, "RoleBinding shop/reads-settings", "rbac.binding.role_missing");
    let world = binding(role(refused(Some("shop")), "other", &json!({})), "shop", "reader", &json!({}));
    expect(&world, "Role shop/reader", "rbac.binding.role_missing");
}

#[test]
fn a_binding_in_one_namespace_does_not_do_for_the_whole_cluster() {
    let mut world = binding(role(refused(None), "reader", &json!({})), "shop", "reader", &json!({}));
    world.snapshot.recorded.asked.insert("clusterrolebindings".to_owned());
    expect(&world, "RoleBinding shop/reads-settings", "rbac.binding.other_namespace");
}

#[test]
fn a_program_that_lost_its_account_is_blamed_itself() {
    let mut world = binding(
        role(account(refused(Some("shop")), "sync"), "reader", &json!({})),
        "shop",
        "reader",
        &json!({}),
    );
    let text = &mut world.snapshot.logs[0].text;
    *text = text.replace("shop:sync", "shop:default");
    let spec = world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.service_account_name = None;
    expect(&world, "Deployment shop/sync", "rbac.workload.other_account");
}

#[test]
fn an_account_that_nobody_binds_is_named_and_so_is_one_whose_bindings_were_not_read() {
    let mut world = refused(Some("shop"));
    expect(&world, "ServiceAccount shop/sync", "access.refused");
    world.snapshot.recorded.asked.insert("rolebindings".to_owned());
    expect(&world, "ServiceAccount shop/sync", "rbac.account_unbound");
}

#[test]
fn a_refusal_that_the_roles_of_now_would_grant_is_of_the_past() {
    let world = binding(role(refused(Some("shop")), "reader", &json!({})), "shop", "reader", &json!({}));
    assert_eq!(world.causes(), []);
    let mut world = refused(Some("shop"));
    world.snapshot.objects.cluster_roles.push(object(json!({"metadata": {"name": "all"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]})));
    world.snapshot.objects.cluster_role_bindings.push(object(json!({"metadata": {"name": "all"},
        "roleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "all"},
        "subjects": [{"kind": "Group", "name": "system:serviceaccounts:shop"}]})));
    world.snapshot.recorded.asked.insert("rolebindings".to_owned());
    assert_eq!(world.causes(), []);
}

#[test]
fn a_permission_that_a_program_that_works_asks_for_once_and_does_without_is_no_cause() {
    let mut world = refused(Some("shop"));
    let text = &mut world.snapshot.logs[0].text;
    *text = text.lines().take(1).collect();
    assert_eq!(world.causes(), []);
}

#[test]
fn bindings_and_roles_that_nobody_is_refused_by_are_no_finding() {
    let world = World::new().deployment("sync", 1);
    let world =
        binding(role(world, "reader", &json!({"verbs": ["get"]})), "shop", "gone", &json!({"name": "snyc"}));
    assert_eq!(world.codes(), Vec::<String>::new());
}
