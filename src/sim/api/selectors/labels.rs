//! Label selectors as text (`app=web,tier in (a, b),!old`) and as the `LabelSelector` object of workloads.

use serde_json::Value;

use crate::sim::objects::{ApiError, meta};

/// Requirements that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Reads a selector as kubectl writes it; the empty one selects everything.
    ///
    /// # Errors
    /// 400 when it cannot be understood.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let refuse = |part: &str| {
            ApiError::bad_request(format!(
                "unable to parse requirement: found '{part}', expected: a label requirement"
            ))
        };
        split_outside_parentheses(text)
            .into_iter()
            .map(|part| requirement(part).ok_or_else(|| refuse(part)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads the `matchLabels`/`matchExpressions` form; none when there is no selector or it is malformed.
    pub fn from_object(selector: &Value) -> Option<Self> {
        let labels = selector.get("matchLabels").and_then(Value::as_object);
        let mut all: Vec<Requirement> = Vec::new();
        for (key, value) in labels.into_iter().flatten() {
            all.push(Requirement { key: key.clone(), test: Test::In(vec![value.as_str()?.to_owned()]) });
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            all.push(expressed(expression)?);
        }
        selector.is_object().then_some(Self(all))
    }

    /// Reads a plain map of labels, as in a Service.
    pub fn from_map(map: &Value) -> Option<Self> {
        let pairs = map.as_object()?.iter().map(|(key, value)| {
            Some(Requirement { key: key.clone(), test: Test::In(vec![value.as_str()?.to_owned()]) })
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// Whether an object's labels fit.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| requirement.holds(object))
    }

    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(Requirement::to_string).collect();
        f.write_str(&parts.join(","))
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::Exists => write!(f, "{key}"),
            Test::Absent => write!(f, "!{key}"),
            Test::In(values) => match values.as_slice() {
                [one] => write!(f, "{key}={one}"),
                many => write!(f, "{key} in ({})", many.join(",")),
            },
            Test::NotIn(values) => match values.as_slice() {
                [one] => write!(f, "{key}!={one}"),
                many => write!(f, "{key} notin ({})", many.join(",")),
            },
            Test::Greater(bound) => write!(f, "{key}>{bound}"),
            Test::Less(bound) => write!(f, "{key}<{bound}"),
        }
    }
}

impl Requirement {
    fn holds(&self, object: &Value) -> bool {
        let value = meta::labels(object).find(|(key, _)| *key == self.key).map(|(_, value)| value);
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|v| values.iter().any(|wanted| wanted == v)),
            Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|refused| refused != v)),
            Test::Greater(bound) => number().is_some_and(|n| n > *bound),
            Test::Less(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

fn requirement(part: &str) -> Option<Requirement> {
    if let Some(key) = part.strip_prefix('!') {
        return made(key, Test::Absent);
    }
    for (operator, negative) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = part.split_once(operator) {
            let value = value.trim();
            if !is_label_value(value) {
                return None;
            }
            let values = vec![value.to_owned()];
            return made(key, if negative { Test::NotIn(values) } else { Test::In(values) });
        }
    }
    if let Some((key, bound)) = part.split_once('>') {
        return made(key, Test::Greater(bound.trim().parse().ok()?));
    }
    if let Some((key, bound)) = part.split_once('<') {
        return made(key, Test::Less(bound.trim().parse().ok()?));
    }
    set_based(part)
}

fn set_based(part: &str) -> Option<Requirement> {
    let Some((head, values)) = part.split_once('(') else { return made(part, Test::Exists) };
    let values =
        values.trim_end().strip_suffix(')')?.split(',').map(|v| v.trim().to_owned()).collect::<Vec<_>>();
    if !values.iter().all(|value| is_label_value(value)) {
        return None;
    }
    match head.split_whitespace().collect::<Vec<_>>().as_slice() {
        [key, "in"] => made(key, Test::In(values)),
        [key, "notin"] => made(key, Test::NotIn(values)),
        _ => None,
    }
}

fn made(key: &str, test: Test) -> Option<Requirement> {
    let key = key.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!key.is_empty() && key.chars().all(allowed)).then(|| Requirement { key: key.to_owned(), test })
}

fn is_label_value(value: &str) -> bool {
    value.len() <= 63 && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn expressed(expression: &Value) -> Option<Requirement> {
    let key = expression.get("key")?.as_str()?.to_owned();
    let values = || -> Vec<String> {
        let list = expression.get("values").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let test = match expression.get("operator")?.as_str()? {
        "In" => Test::In(values()),
        "NotIn" => Test::NotIn(values()),
        "Exists" => Test::Exists,
        "DoesNotExist" => Test::Absent,
        _ => return None,
    };
    Some(Requirement { key, test })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(selector: &str) -> bool {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front", "size": "7"}}});
        LabelSelector::parse(selector).unwrap().matches(&object)
    }

    #[test]
    fn every_operator_selects_what_it_says() {
        let yes = [
            "",
            "app=web",
            "app==web",
            "app!=db",
            "missing!=x",
            "app",
            "!missing",
            "app in (web, db)",
            "tier notin (back)",
            "missing notin (a)",
            "size>6",
            "size<8",
            "app=web,tier in (front,back),!old",
        ];
        let no = [
            "app=db",
            "app!=web",
            "missing",
            "!app",
            "app in (db)",
            "tier notin (front,back)",
            "size>7",
            "missing=x",
        ];
        assert_eq!(yes.iter().filter(|s| !fits(s)).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert_eq!(no.iter().filter(|s| fits(s)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn garbage_is_refused_with_400() {
        for garbage in
            ["app in web", "app in (a", "a b", "=x", "app=we b", "size>many", "app within (a)", "é=1"]
        {
            assert_eq!(LabelSelector::parse(garbage).map_err(|e| e.code), Err(400), "{garbage}");
        }
    }

    #[test]
    fn the_object_form_means_the_same_as_the_text_form() {
        let object = json!({
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}],
        });
        let text = LabelSelector::parse("app=web,tier in (a,b),!old").unwrap();
        assert_eq!(LabelSelector::from_object(&object), Some(text.clone()));
        assert_eq!(text.to_string(), "app=web,tier in (a,b),!old");
    }
}
