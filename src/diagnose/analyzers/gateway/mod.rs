//! The Gateway API: classes, Gateways and routes that their controllers do not accept, and backends that are not there.
//!
//! Its objects are read untyped: they are of kinds that are not built in, and their versions differ. What a controller says
//! of them in conditions counts as much as what they refer to.

mod condition;
mod gateways;
mod resource;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::backend::Backends;
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;
use resource::Resource;

/// What the checks look things up in.
struct World<'a> {
    index: &'a Index<'a>,
    backends: Backends<'a>,
    classes: Vec<Resource<'a>>,
    gateways: BTreeMap<ObjectRef, Resource<'a>>,
    grants: Vec<Resource<'a>>,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let resources: Vec<Resource<'_>> =
        index.snapshot.objects.others.iter().filter_map(Resource::read).collect();
    if resources.is_empty() {
        return Vec::new();
    }
    let of =
        |kind: &str| resources.iter().filter(|found| found.name.kind == kind).cloned().collect::<Vec<_>>();
    let gateways = of("Gateway").into_iter().map(|gateway| (gateway.name.clone(), gateway)).collect();
    let world = World {
        index,
        backends: Backends::new(index),
        classes: of("GatewayClass"),
        gateways,
        grants: of("ReferenceGrant"),
    };
    let mut found = gateways::findings(&world);
    let faulty: Vec<ObjectRef> = found.iter().map(|finding| finding.object.clone()).collect();
    let routes = resources.iter().filter(|found| found.name.kind.ends_with("Route"));
    found.extend(routes.flat_map(|route| routes::findings(&world, route, &faulty)));
    found
}
