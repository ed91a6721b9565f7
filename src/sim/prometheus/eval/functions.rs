//! Function calls.

use promql_parser::parser::{Call, Expr};

use super::histogram::histogram_quantile;
use super::range::{Growth, extrapolated, instant_rate, pairs, quantile};
use super::{Element, Evaluator, QueryError, Value, Window, map_values, unsupported, without_name};
use crate::sim::prometheus::series::Labels;

impl Evaluator<'_> {
    pub(super) fn call(&self, call: &Call, depth: usize) -> Result<Value, QueryError> {
        let args: Vec<&Expr> = call.args.args.iter().map(Box::as_ref).collect();
        let name = call.func.name;
        match (name, args.as_slice()) {
            ("time", []) => Ok(Value::Scalar(self.at_ms as f64 / 1000.0)),
            ("vector", [arg]) => {
                let value = self.scalar(arg, depth)?;
                Ok(Value::Vector(vec![Element { labels: Labels::new(), value }]))
            }
            ("scalar", [arg]) => Ok(Value::Scalar(only_value(&self.vector(arg, depth)?))),
            ("absent", [arg]) => Ok(Value::Vector(absent(arg, self.vector(arg, depth)?.is_empty()))),
            ("absent_over_time", [arg]) => {
                Ok(Value::Vector(absent(arg, self.windows(arg, depth)?.is_empty())))
            }
            ("histogram_quantile", [q, arg]) => {
                let (q, buckets) = (self.scalar(q, depth)?, self.vector(arg, depth)?);
                Ok(Value::Vector(histogram_quantile(q, buckets)))
            }
            ("quantile_over_time", [q, arg]) => {
                let q = self.scalar(q, depth)?;
                self.over_time(arg, depth, |w| Some(quantile(q, values(w).collect())))
            }
            ("label_replace" | "label_join", _) => self.relabel(name, &args, depth),
            ("sort" | "sort_desc", [arg]) => self.sorted(arg, name == "sort_desc", depth),
            (_, [arg]) if range_function(name).is_some() => {
                let function = range_function(name).ok_or_else(|| unsupported(name))?;
                self.over_time(arg, depth, function)
            }
            _ => self.arithmetic(name, &args, depth),
        }
    }

    fn windows(&self, arg: &Expr, depth: usize) -> Result<Vec<Window>, QueryError> {
        match self.at_depth(arg, depth)? {
            Value::Matrix(windows) => Ok(windows),
            _ => Err(QueryError::BadData("expected type range vector".to_owned())),
        }
    }

    fn over_time(
        &self,
        arg: &Expr,
        depth: usize,
        function: impl Fn(&Window) -> Option<f64>,
    ) -> Result<Value, QueryError> {
        let windows = self.windows(arg, depth)?;
        let reduced = windows.into_iter().filter_map(|window| {
            let value = function(&window)?;
            Some(Element { labels: without_name(window.labels), value })
        });
        Ok(Value::Vector(reduced.collect()))
    }

    fn sorted(&self, arg: &Expr, descending: bool, depth: usize) -> Result<Value, QueryError> {
        let mut elements = self.vector(arg, depth)?;
        elements.sort_by(
            |a, b| if descending { b.value.total_cmp(&a.value) } else { a.value.total_cmp(&b.value) },
        );
        Ok(Value::Vector(elements))
    }

    /// Functions of each value alone, with scalar parameters behind the vector.
    fn arithmetic(&self, name: &str, args: &[&Expr], depth: usize) -> Result<Value, QueryError> {
        let Some((vector, rest)) = args.split_first() else {
            return Err(unsupported(&format!("calls of {name}()")));
        };
        let parameters: Vec<f64> =
            rest.iter().map(|arg| self.scalar(arg, depth)).collect::<Result<_, _>>()?;
        let elements = self.vector(vector, depth)?;
        let mapped = match (name, parameters.as_slice()) {
            ("abs", []) => map_values(elements, f64::abs),
            ("ceil", []) => map_values(elements, f64::ceil),
            ("floor", []) => map_values(elements, f64::floor),
            ("exp", []) => map_values(elements, f64::exp),
            ("ln", []) => map_values(elements, f64::ln),
            ("log2", []) => map_values(elements, f64::log2),
            ("log10", []) => map_values(elements, f64::log10),
            ("sqrt", []) => map_values(elements, f64::sqrt),
            ("sgn", []) => map_values(elements, |v| if v == 0.0 { 0.0 } else { v.signum() }),
            ("timestamp", []) => map_values(elements, |_| self.at_ms as f64 / 1000.0),
            ("round", []) => map_values(elements, |v| (v + 0.5).floor()),
            ("round", [to]) => map_values(elements, |v| (v / to + 0.5).floor() * to),
            ("clamp_min", [low]) => map_values(elements, |v| v.max(*low)),
            ("clamp_max", [high]) => map_values(elements, |v| v.min(*high)),
            ("clamp", [low, high]) if low > high => Vec::new(),
            ("clamp", [low, high]) => map_values(elements, |v| v.max(*low).min(*high)),
            _ => return Err(unsupported(&format!("calls of {name}()"))),
        };
        Ok(Value::Vector(mapped))
    }

    fn relabel(&self, name: &str, args: &[&Expr], depth: usize) -> Result<Value, QueryError> {
        let Some((vector, texts)) = args.split_first() else { return Err(unsupported(name)) };
        let texts: Vec<String> = texts.iter().map(|arg| self.text(arg, depth)).collect::<Result<_, _>>()?;
        let mut elements = self.vector(vector, depth)?;
        match (name, texts.as_slice()) {
            ("label_replace", [target, replacement, source, pattern]) => {
                let pattern = regex::Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| {
                    QueryError::BadData(format!("invalid regular expression in label_replace(): {pattern}"))
                })?;
                for element in &mut elements {
                    let value = element.labels.get(source).map_or("", String::as_str);
                    let Some(captures) = pattern.captures(value) else { continue };
                    let mut replaced = String::new();
                    captures.expand(replacement, &mut replaced);
                    set_label(&mut element.labels, target, replaced);
                }
            }
            ("label_join", [target, separator, sources @ ..]) => {
                for element in &mut elements {
                    let parts: Vec<&str> =
                        sources.iter().map(|s| element.labels.get(s).map_or("", String::as_str)).collect();
                    let joined = parts.join(separator);
                    set_label(&mut element.labels, target, joined);
                }
            }
            _ => return Err(unsupported(&format!("calls of {name}()"))),
        }
        Ok(Value::Vector(elements))
    }

    fn text(&self, expr: &Expr, depth: usize) -> Result<String, QueryError> {
        match self.at_depth(expr, depth)? {
            Value::Text(text) => Ok(text),
            _ => Err(QueryError::BadData("expected type string".to_owned())),
        }
    }
}

fn set_label(labels: &mut Labels, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

fn range_function(name: &str) -> Option<fn(&Window) -> Option<f64>> {
    let function: fn(&Window) -> Option<f64> = match name {
        "rate" => |w| extrapolated(w, Growth::Rate),
        "increase" => |w| extrapolated(w, Growth::Increase),
        "delta" => |w| extrapolated(w, Growth::Delta),
        "irate" => instant_rate,
        "idelta" => |w| pairs(w).last().map(|(before, last)| last.1 - before.1),
        "changes" => |w| Some(pairs(w).filter(|(a, b)| a.1.to_bits() != b.1.to_bits()).count() as f64),
        "resets" => |w| Some(pairs(w).filter(|(a, b)| b.1 < a.1).count() as f64),
        "sum_over_time" => |w| Some(values(w).sum()),
        "count_over_time" => |w| Some(w.points.len() as f64),
        "avg_over_time" => |w| Some(values(w).sum::<f64>() / w.points.len() as f64),
        "max_over_time" => |w| values(w).reduce(f64::max),
        "min_over_time" => |w| values(w).reduce(f64::min),
        "last_over_time" => |w| values(w).last(),
        "present_over_time" => |_| Some(1.0),
        _ => return None,
    };
    Some(function)
}

fn values(window: &Window) -> impl Iterator<Item = f64> {
    window.points.iter().map(|point| point.1)
}

fn only_value(elements: &[Element]) -> f64 {
    match elements {
        [one] => one.value,
        _ => f64::NAN,
    }
}

/// `1` with the labels that the selector requires exactly, when it found nothing.
fn absent(arg: &Expr, is_absent: bool) -> Vec<Element> {
    if !is_absent {
        return Vec::new();
    }
    let selector = match arg {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::MatrixSelector(selector) => Some(&selector.vs),
        _ => None,
    };
    let exact = |m: &promql_parser::label::Matcher| {
        (m.op == promql_parser::label::MatchOp::Equal && m.name != "__name__")
            .then(|| (m.name.clone(), m.value.clone()))
    };
    let labels = selector.map(|s| s.matchers.matchers.iter().filter_map(exact).collect()).unwrap_or_default();
    vec![Element { labels, value: 1.0 }]
}
