//! Evaluating PromQL at one instant: selectors, functions, aggregations and binary operators.
//!
//! The text is parsed by promql-parser; what is not in the subset (subqueries, native histograms, rarely used functions)
//! is refused with an error of the kind that Prometheus gives. The simulated world can run faster than the clock on
//! the wall; a range such as `[5m]` then covers 5 minutes of simulated time, so that rates follow the world. Offsets
//! are left alone: they address history, which has wall-clock times.

mod aggregate;
mod binary;
mod functions;
mod histogram;
mod range;

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::parser::{
    AtModifier, Expr, MatrixSelector, Offset, UnaryExpr, VectorSelector, parse as parse_promql,
};

use super::series::{Labels, NAME, Point, Selector, SeriesStore};

/// How far back an instant selector looks for a sample.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Expressions nested deeper than this are refused.
const MAX_DEPTH: usize = 64;

/// Longest query text that is parsed.
const MAX_QUERY: usize = 16 * 1024;

/// Why a query has no answer; the two kinds have HTTP status codes of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// The request or the expression is wrong: 400.
    #[error("{0}")]
    BadData(String),
    /// The expression is right but can't be evaluated: 422.
    #[error("{0}")]
    Execution(String),
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// One element of a range vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) labels: Labels,
    pub(crate) points: Vec<(i64, f64)>,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// What an expression evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Vector(Vec<Element>),
    Matrix(Vec<Window>),
    Text(String),
}

/// Parses an expression.
pub(crate) fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.trim().is_empty() {
        return Err(QueryError::BadData("1:1: parse error: no expression found in input".to_owned()));
    }
    if query.len() > MAX_QUERY {
        return Err(QueryError::BadData(format!("parse error: expression longer than {MAX_QUERY} bytes")));
    }
    let nesting = query.bytes().filter(|b| matches!(b, b'(' | b'-' | b'+')).count();
    if nesting > 8 * MAX_DEPTH {
        return Err(QueryError::BadData("parse error: expression nested too deeply".to_owned()));
    }
    parse_promql(query).map_err(|error| QueryError::BadData(format!("1:1: parse error: {error}")))
}

/// Evaluates expressions at one instant of a series store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    /// Where the samples are.
    pub(crate) store: &'a SeriesStore,
    /// The instant, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// First instant of the query, for `@ start()`.
    pub(crate) start_ms: i64,
    /// Last instant of the query, for `@ end()`.
    pub(crate) end_ms: i64,
    /// Simulated seconds in a real one.
    pub(crate) speed: f64,
}

impl<'a> Evaluator<'a> {
    /// An evaluator for an instant query.
    pub(crate) fn instant(store: &'a SeriesStore, at_ms: i64, speed: f64) -> Self {
        Self { store, at_ms, start_ms: at_ms, end_ms: at_ms, speed }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(&self, expr: &Expr) -> Result<Value, QueryError> {
        self.at_depth(expr, 0)
    }

    fn at_depth(&self, expr: &Expr, depth: usize) -> Result<Value, QueryError> {
        if depth > MAX_DEPTH {
            return Err(QueryError::Execution("expression nested too deeply".to_owned()));
        }
        match expr {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(number.val)),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.at_depth(&inner.expr, depth + 1),
            Expr::Unary(unary) => self.negate(unary, depth),
            Expr::VectorSelector(selector) => Ok(Value::Vector(self.select(selector)?)),
            Expr::MatrixSelector(selector) => Ok(Value::Matrix(self.select_range(selector)?)),
            Expr::Call(call) => self.call(call, depth + 1),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, depth + 1),
            Expr::Binary(binary) => self.binary(binary, depth + 1),
            Expr::Subquery(_) => Err(unsupported("subqueries")),
            Expr::Extension(_) => Err(unsupported("extensions")),
        }
    }

    /// The value of an expression that must be an instant vector.
    fn vector(&self, expr: &Expr, depth: usize) -> Result<Vec<Element>, QueryError> {
        match self.at_depth(expr, depth)? {
            Value::Vector(elements) => Ok(elements),
            _ => Err(QueryError::BadData("expected type instant vector".to_owned())),
        }
    }

    /// The value of an expression that must be a scalar.
    fn scalar(&self, expr: &Expr, depth: usize) -> Result<f64, QueryError> {
        match self.at_depth(expr, depth)? {
            Value::Scalar(number) => Ok(number),
            _ => Err(QueryError::BadData("expected type scalar".to_owned())),
        }
    }

    fn negate(&self, unary: &UnaryExpr, depth: usize) -> Result<Value, QueryError> {
        match self.at_depth(&unary.expr, depth + 1)? {
            Value::Scalar(number) => Ok(Value::Scalar(-number)),
            Value::Vector(elements) => Ok(Value::Vector(map_values(elements, |value| -value))),
            _ => Err(QueryError::BadData("unary expression only allowed on scalars and vectors".to_owned())),
        }
    }

    fn select(&self, wanted: &VectorSelector) -> Result<Vec<Element>, QueryError> {
        let at = self.instant_of(wanted.at.as_ref(), wanted.offset.as_ref());
        let from = at.saturating_sub(millis(LOOKBACK));
        let selector = Selector::new(wanted.name.clone(), wanted.matchers.clone());
        let newest = |point: Option<Point>| point.and_then(|p| p.value);
        let elements = self
            .store
            .select(&selector)
            .filter_map(|s| Some(Element { labels: s.labels.clone(), value: newest(s.newest(from, at))? }));
        Ok(elements.collect())
    }

    fn select_range(&self, wanted: &MatrixSelector) -> Result<Vec<Window>, QueryError> {
        let to_ms = self.instant_of(wanted.vs.at.as_ref(), wanted.vs.offset.as_ref());
        let from_ms = to_ms.saturating_sub(millis(wanted.range.div_f64(self.speed)).max(1));
        let selector = Selector::new(wanted.vs.name.clone(), wanted.vs.matchers.clone());
        let windows = self.store.select(&selector).map(|series| {
            let points = series.between(from_ms, to_ms).filter_map(|p| Some((p.at_ms, p.value?))).collect();
            Window { labels: series.labels.clone(), points, from_ms, to_ms }
        });
        Ok(windows.filter(|window| !window.points.is_empty()).collect())
    }

    fn instant_of(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> i64 {
        let at_ms = match at {
            None => self.at_ms,
            Some(AtModifier::Start) => self.start_ms,
            Some(AtModifier::End) => self.end_ms,
            Some(AtModifier::At(time)) => since_epoch(*time),
        };
        match offset {
            None => at_ms,
            Some(Offset::Pos(by)) => at_ms.saturating_sub(millis(*by)),
            Some(Offset::Neg(by)) => at_ms.saturating_add(millis(*by)),
        }
    }
}

fn since_epoch(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map(millis).unwrap_or_default()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn unsupported(what: &str) -> QueryError {
    QueryError::BadData(format!("parse error: {what} are not supported by the simulated Prometheus"))
}

/// The labels without the metric's name, which no operation keeps.
fn without_name(mut labels: Labels) -> Labels {
    labels.remove(NAME);
    labels
}

/// Applies a function to every value; the metric's name goes.
fn map_values(elements: Vec<Element>, apply: impl Fn(f64) -> f64) -> Vec<Element> {
    let map = |e: Element| Element { labels: without_name(e.labels), value: apply(e.value) };
    elements.into_iter().map(map).collect()
}
