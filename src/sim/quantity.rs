//! Kubernetes quantities such as `250m`, `128Mi` and `1e3`.

/// The number that a quantity stands for; none when it is malformed.
///
/// Suffixes: `n u m` (10⁻⁹ to 10⁻³), none, `k M G T P E` (powers of 1000), `Ki Mi Gi Ti Pi Ei` (powers of 1024), and
/// a decimal exponent.
pub fn parse(text: &str) -> Option<f64> {
    const SUFFIXES: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = suffix.unwrap_or((text, 1.0));
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    let value: f64 = if is_number { number.parse().ok()? } else { return None };
    value.is_finite().then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_suffix_scales_and_garbage_is_none() {
        assert_eq!(
            ["250m", "1", "1.5", "128Mi", "2Gi", "1k", "1e3", "-1"].map(parse),
            [0.25, 1.0, 1.5, 134_217_728.0, 2_147_483_648.0, 1_000.0, 1_000.0, -1.0].map(Some)
        );
        assert_eq!(["", "Mi", "1Q", "one", "1 Mi", "inf", "nan", "1e999"].map(parse), [None; 8]);
    }
}
