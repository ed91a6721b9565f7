//! Binary operators: arithmetic, comparison and sets, with vector matching.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MOD, T_MUL, T_NEQ,
    T_POW, T_SUB, TokenId,
};
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::{Element, Evaluator, QueryError, Value, unsupported, without_name};
use crate::sim::prometheus::series::{Labels, NAME};

/// An operator with the modifiers that change what it keeps.
#[derive(Debug, Clone, Copy)]
struct Operator {
    token: TokenId,
    is_comparison: bool,
    returns_bool: bool,
}

impl Evaluator<'_> {
    pub(super) fn binary(&self, expr: &BinaryExpr, depth: usize) -> Result<Value, QueryError> {
        let (left, right) = (self.at_depth(&expr.lhs, depth)?, self.at_depth(&expr.rhs, depth)?);
        let operator = Operator {
            token: expr.op.id(),
            is_comparison: expr.op.is_comparison_operator(),
            returns_bool: expr.return_bool(),
        };
        match (left, right) {
            (Value::Scalar(a), Value::Scalar(b)) => Ok(Value::Scalar(operator.apply(a, b)?)),
            (Value::Vector(all), Value::Scalar(b)) => operator.with_scalar(all, |v| (v, b)),
            (Value::Scalar(a), Value::Vector(all)) => operator.with_scalar(all, |v| (a, v)),
            (Value::Vector(left), Value::Vector(right)) => {
                let fallback = BinModifier::default();
                let modifier = expr.modifier.as_ref().unwrap_or(&fallback);
                operator.with_vectors(left, right, modifier).map(Value::Vector)
            }
            _ => Err(QueryError::BadData(
                "binary expression must contain only scalar and instant vector types".into(),
            )),
        }
    }
}

impl Operator {
    fn apply(self, a: f64, b: f64) -> Result<f64, QueryError> {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        Ok(match self.token {
            T_ADD => a + b,
            T_SUB => a - b,
            T_MUL => a * b,
            T_DIV => a / b,
            T_MOD => a % b,
            T_POW => a.powf(b),
            T_ATAN2 => a.atan2(b),
            T_EQLC => truth(a == b),
            T_NEQ => truth(a != b),
            T_GTR => truth(a > b),
            T_LSS => truth(a < b),
            T_GTE => truth(a >= b),
            T_LTE => truth(a <= b),
            _ => return Err(unsupported("operators of this kind")),
        })
    }

    /// The element an operation yields; a comparison without `bool` filters and keeps the vector's value.
    fn element(self, labels: Labels, kept: f64, operands: (f64, f64)) -> Result<Option<Element>, QueryError> {
        let value = self.apply(operands.0, operands.1)?;
        if self.is_comparison && !self.returns_bool {
            return Ok((value != 0.0).then_some(Element { labels, value: kept }));
        }
        Ok(Some(Element { labels: without_name(labels), value }))
    }

    fn with_scalar(
        self,
        all: Vec<Element>,
        operands: impl Fn(f64) -> (f64, f64),
    ) -> Result<Value, QueryError> {
        let mut result = Vec::new();
        for element in all {
            let kept = element.value;
            result.extend(self.element(element.labels, kept, operands(kept))?);
        }
        Ok(Value::Vector(result))
    }

    fn with_vectors(
        self,
        left: Vec<Element>,
        right: Vec<Element>,
        modifier: &BinModifier,
    ) -> Result<Vec<Element>, QueryError> {
        let matching = modifier.matching.as_ref();
        match self.token {
            T_LAND | T_LUNLESS => {
                let keys: BTreeSet<Labels> = right.iter().map(|e| key_of(&e.labels, matching)).collect();
                let wanted = self.token == T_LAND;
                Ok(left
                    .into_iter()
                    .filter(|e| keys.contains(&key_of(&e.labels, matching)) == wanted)
                    .collect())
            }
            T_LOR => {
                let keys: BTreeSet<Labels> = left.iter().map(|e| key_of(&e.labels, matching)).collect();
                let others = right.into_iter().filter(|e| !keys.contains(&key_of(&e.labels, matching)));
                Ok(left.into_iter().chain(others).collect())
            }
            _ => self.matched(left, right, modifier),
        }
    }

    /// One-to-one, many-to-one or one-to-many; the "one" side is indexed by its key.
    fn matched(
        self,
        left: Vec<Element>,
        right: Vec<Element>,
        modifier: &BinModifier,
    ) -> Result<Vec<Element>, QueryError> {
        let matching = modifier.matching.as_ref();
        let many_is_right = matches!(modifier.card, VectorMatchCardinality::OneToMany(_));
        let one_to_one = matches!(modifier.card, VectorMatchCardinality::OneToOne);
        let (many, one) = if many_is_right { (right, left) } else { (left, right) };
        let index = index_by_key(one, matching)?;
        let mut seen = BTreeSet::new();
        let mut result = Vec::new();
        for element in many {
            let key = key_of(&element.labels, matching);
            let Some(partner) = index.get(&key) else { continue };
            if one_to_one && !seen.insert(key.clone()) {
                let message = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(QueryError::Execution(message.to_owned()));
            }
            let operands =
                if many_is_right { (partner.value, element.value) } else { (element.value, partner.value) };
            let labels = self.result_labels(&element.labels, partner, key, modifier);
            result.extend(self.element(labels, operands.0, operands)?);
        }
        Ok(result)
    }

    fn result_labels(self, many: &Labels, one: &Element, key: Labels, modifier: &BinModifier) -> Labels {
        let keeps_name = self.is_comparison && !self.returns_bool;
        if matches!(modifier.card, VectorMatchCardinality::OneToOne) {
            let mut labels = if modifier.matching.is_some() && !keeps_name { key } else { many.clone() };
            if let (Some(LabelModifier::Include(on)), true) = (&modifier.matching, keeps_name) {
                labels.retain(|name, _| name == NAME || on.labels.contains(name));
            }
            return labels;
        }
        let mut labels = many.clone();
        for name in modifier.card.labels().map(|l| l.labels.as_slice()).unwrap_or_default() {
            match one.labels.get(name) {
                Some(value) => labels.insert(name.clone(), value.clone()),
                None => labels.remove(name),
            };
        }
        labels
    }
}

fn key_of(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    let mut key = labels.clone();
    match matching {
        Some(LabelModifier::Include(on)) => key.retain(|name, _| on.labels.contains(name)),
        Some(LabelModifier::Exclude(ignored)) => {
            key.retain(|name, _| name != NAME && !ignored.labels.contains(name));
        }
        None => {
            key.remove(NAME);
        }
    }
    key
}

fn index_by_key(
    one: Vec<Element>,
    matching: Option<&LabelModifier>,
) -> Result<BTreeMap<Labels, Element>, QueryError> {
    let mut index = BTreeMap::new();
    for element in one {
        let key = key_of(&element.labels, matching);
        if index.insert(key, element).is_some() {
            let message = "found duplicate series for the match group on one side of the operation; \
                           many-to-many matching not allowed: matching labels must be unique on one side";
            return Err(QueryError::Execution(message.to_owned()));
        }
    }
    Ok(index)
}
