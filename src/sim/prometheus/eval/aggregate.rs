//! Aggregations by groups of labels.

use std::collections::BTreeMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUM, T_TOPK, TokenId,
};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::range::quantile;
use super::{Element, Evaluator, QueryError, Value, unsupported, without_name};
use crate::sim::prometheus::series::{Labels, NAME};

impl Evaluator<'_> {
    pub(super) fn aggregate(&self, aggregate: &AggregateExpr, depth: usize) -> Result<Value, QueryError> {
        let elements = self.vector(&aggregate.expr, depth)?;
        let parameter = match &aggregate.param {
            Some(expr) => Some(self.scalar(expr, depth)?),
            None => None,
        };
        let op = aggregate.op.id();
        let mut groups: BTreeMap<Labels, Vec<Element>> = BTreeMap::new();
        for element in elements {
            groups.entry(group_of(&element.labels, aggregate.modifier.as_ref())).or_default().push(element);
        }
        let mut result = Vec::new();
        for (labels, members) in groups {
            if op == T_TOPK || op == T_BOTTOMK {
                result.extend(extremes(members, parameter.unwrap_or(0.0), op == T_TOPK));
            } else {
                result.push(Element { labels, value: reduce(op, parameter, &members)? });
            }
        }
        Ok(Value::Vector(result))
    }
}

fn group_of(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::new(),
        Some(LabelModifier::Include(kept)) => {
            let pick = |name: &String| Some((name.clone(), labels.get(name)?.clone()));
            kept.labels.iter().filter_map(pick).collect()
        }
        Some(LabelModifier::Exclude(dropped)) => {
            let mut rest = without_name(labels.clone());
            rest.retain(|name, _| name != NAME && !dropped.labels.contains(name));
            rest
        }
    }
}

fn reduce(op: TokenId, parameter: Option<f64>, members: &[Element]) -> Result<f64, QueryError> {
    let values = || members.iter().map(|m| m.value);
    let count = members.len() as f64;
    let mean = values().sum::<f64>() / count;
    let variance = || values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    match op {
        T_SUM => Ok(values().sum()),
        T_AVG => Ok(mean),
        T_MIN => Ok(values().fold(f64::NAN, f64::min)),
        T_MAX => Ok(values().fold(f64::NAN, f64::max)),
        T_COUNT => Ok(count),
        T_GROUP => Ok(1.0),
        T_STDVAR => Ok(variance()),
        T_STDDEV => Ok(variance().sqrt()),
        T_QUANTILE => Ok(quantile(parameter.unwrap_or(f64::NAN), values().collect())),
        _ => Err(unsupported("aggregations of this kind")),
    }
}

fn extremes(mut members: Vec<Element>, k: f64, largest: bool) -> Vec<Element> {
    members.sort_by(|a, b| if largest { b.value.total_cmp(&a.value) } else { a.value.total_cmp(&b.value) });
    members.truncate(if k >= 1.0 { k.min(1e6) as usize } else { 0 });
    members
}
