//! How right a grouping of lines is. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

/// A grouping compared with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Grouping {
    /// Grouping accuracy (Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019): the share of lines
    /// whose group holds exactly the lines of their event.
    pub(super) accuracy: f64,
    /// Groups found.
    pub(super) groups: usize,
    /// Events there are.
    #[serde(skip)]
    pub(super) events: usize,
}

/// Compares groups with events, line by line. A line without a group is wrong.
pub(super) fn grouping(groups: &[Option<u32>], events: &[String]) -> Grouping {
    let mut lines_of = BTreeMap::<u32, BTreeMap<&str, usize>>::new();
    let mut sizes = BTreeMap::<&str, usize>::new();
    for (group, event) in groups.iter().zip(events) {
        *sizes.entry(event).or_default() += 1;
        if let Some(group) = group {
            *lines_of.entry(*group).or_default().entry(event).or_default() += 1;
        }
    }
    let right = lines_of.values().filter_map(|events| {
        let (event, lines) = events.first_key_value().filter(|_| events.len() == 1)?;
        (sizes.get(event) == Some(lines)).then_some(*lines)
    });
    let right: usize = right.sum();
    let accuracy = right as f64 / events.len().max(1) as f64;
    Grouping { accuracy, groups: lines_of.len(), events: sizes.len() }
}

#[cfg(test)]
mod tests {
    use super::grouping;

    #[test]
    fn a_line_is_right_only_when_its_group_and_its_event_hold_the_same_lines() {
        let accuracy = |groups: &[u32], events: &str| {
            let groups: Vec<Option<u32>> =
                groups.iter().map(|group| (*group > 0).then_some(*group)).collect();
            let events: Vec<String> = events.chars().map(String::from).collect();
            grouping(&groups, &events).accuracy
        };
        assert_eq!(accuracy(&[1, 1, 2, 3], "aabc"), 1.0);
        assert_eq!(accuracy(&[1, 2, 3, 3], "aabb"), 0.5);
        assert_eq!(accuracy(&[1, 1, 1, 2], "aabc"), 0.25);
        assert_eq!(accuracy(&[1, 1, 0, 2], "aaac"), 0.25);
        assert_eq!(accuracy(&[], ""), 0.0);
    }
}
