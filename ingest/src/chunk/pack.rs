//! Packs the units of one section into parts of about equal length.

use crate::Lines;

use super::units::Unit;

/// A passage in the making: units of one section.
pub(super) struct Part {
    pub(super) text: String,
    pub(super) lines: Lines,
    pub(super) tokens: usize,
    /// Nothing but code: the objects of a manifest, which never share a passage.
    pub(super) code: bool,
}

/// Puts units together, in order, up to `budget` tokens. A short piece of prose at the end of a part, up to `overlap`
/// tokens, begins the next one as well.
pub(super) fn pack(units: Vec<Unit>, budget: usize, overlap: usize) -> Vec<Part> {
    let total: usize = units.iter().map(|unit| unit.tokens).sum();
    let target = total.div_ceil(total.div_ceil(budget.max(1)).max(1));
    let mut packing = Packing { parts: Vec::new(), open: Vec::new(), tokens: 0, repeated: 0 };
    for unit in units {
        let full = packing.tokens + unit.tokens > budget || packing.tokens >= target;
        if full && packing.open.len() > packing.repeated {
            packing.close();
            packing.repeat(overlap, budget.saturating_sub(unit.tokens));
        }
        if packing.tokens + unit.tokens > budget {
            // What would only be repeated does not make an overlong unit longer.
            packing.open.clear();
            packing.tokens = 0;
            packing.repeated = 0;
        }
        packing.tokens += unit.tokens;
        packing.open.push(unit);
    }
    if packing.open.len() > packing.repeated {
        packing.close();
    }
    packing.parts
}

struct Packing {
    parts: Vec<Part>,
    open: Vec<Unit>,
    tokens: usize,
    /// How many of the open units the part before has as well.
    repeated: usize,
}

impl Packing {
    /// Ends the open part; its last unit stays open.
    fn close(&mut self) {
        let text = self.open.iter().map(|unit| unit.text.as_str()).collect::<Vec<_>>().join("\n\n");
        let lines = self.open.iter().map(|unit| unit.lines).reduce(Lines::with).unwrap_or_default();
        let code = self.open.iter().all(|unit| unit.code);
        self.parts.push(Part { text, lines, tokens: self.tokens, code });
    }

    /// Keeps the last unit for the next part, if it is short prose and leaves room.
    fn repeat(&mut self, overlap: usize, room: usize) {
        let last = self.open.pop().filter(|unit| unit.prose && unit.tokens <= overlap.min(room));
        self.open.clear();
        self.open.extend(last);
        self.tokens = self.open.iter().map(|unit| unit.tokens).sum();
        self.repeated = self.open.len();
    }
}
