//! Kubernetes quantities (`500m`, `1.5Gi`, `2e3`) as exact numbers.
//!
//! Notation: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.

/// Bytes in a mebibyte.
const MEBIBYTE: i128 = 1024 * 1024;

/// An amount in nano-units, which is as fine as the notation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    const NANO: i128 = 1_000_000_000;

    /// Reads the notation; `None` for anything else, and for numbers too large to hold.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(end);
        let (numerator, denominator) = scale(suffix)?;
        let (mantissa, places) = decimal(digits)?;
        let divisor = 10_i128.checked_pow(places)?.checked_mul(denominator)?;
        let exact = mantissa.checked_mul(Self::NANO)?.checked_mul(numerator)?;
        Some(Self(exact.checked_div(divisor)?))
    }

    /// This many whole units.
    #[must_use]
    pub const fn whole(units: i64) -> Self {
        Self(units as i128 * Self::NANO)
    }

    /// Multiplied by a fraction, as memory: rounded up to whole mebibytes.
    #[must_use]
    pub fn times_in_mebibytes(self, numerator: i128, denominator: i128) -> Option<String> {
        let unit = MEBIBYTE.checked_mul(Self::NANO)?.checked_mul(denominator)?;
        let scaled = self.0.checked_mul(numerator)?;
        let mebibytes = scaled.checked_add(unit - 1)?.checked_div(unit)?;
        Some(format!("{mebibytes}Mi"))
    }

    /// How often `part` fits into this amount; `None` where `part` is nothing.
    #[must_use]
    pub fn fits(self, part: Self) -> Option<i128> {
        (part.0 > 0).then(|| self.0.max(0) / part.0)
    }

    /// In units of so many, with at most one digit behind the point: `1.5Gi`.
    #[must_use]
    pub fn in_units(self, unit: i64, name: &str) -> String {
        let tenths = self.0.saturating_mul(10) / Self::whole(unit.max(1)).0;
        if tenths % 10 == 0 {
            format!("{}{name}", tenths / 10)
        } else {
            format!("{}.{}{name}", tenths / 10, (tenths % 10).abs())
        }
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

fn decimal(digits: &str) -> Option<(i128, u32)> {
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = u32::try_from(fraction.len()).ok().filter(|places| *places <= 18)?;
    let all = format!("{integer}{fraction}");
    Some((all.parse::<i128>().ok()?, places))
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    let power_of_1024 = |n: u32| Some((1024_i128.pow(n), 1));
    let power_of_10 = |n: u32| Some((10_i128.checked_pow(n)?, 1));
    match suffix {
        "" => Some((1, 1)),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => power_of_10(3),
        "M" => power_of_10(6),
        "G" => power_of_10(9),
        "T" => power_of_10(12),
        "P" => power_of_10(15),
        "E" => power_of_10(18),
        "Ki" => power_of_1024(1),
        "Mi" => power_of_1024(2),
        "Gi" => power_of_1024(3),
        "Ti" => power_of_1024(4),
        "Pi" => power_of_1024(5),
        "Ei" => power_of_1024(6),
        exponent => {
            let power: i32 =
                exponent.strip_prefix(['e', 'E'])?.parse().ok().filter(|n| (-9..=18).contains(n))?;
            let factor = 10_i128.checked_pow(power.unsigned_abs())?;
            Some(if power < 0 { (1, factor) } else { (factor, 1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn different_notations_of_one_amount_are_equal() {
        for (one, other) in [
            ("500m", "0.5"),
            ("1Gi", "1024Mi"),
            ("2e3", "2k"),
            ("1.5Gi", "1536Mi"),
            ("100n", "0.0000001"),
            ("1E", "1000P"),
        ] {
            assert_eq!(Quantity::parse(one), Quantity::parse(other), "{one} and {other}");
            assert!(Quantity::parse(one).is_some(), "{one}");
        }
        assert!(Quantity::parse("128Mi") < Quantity::parse("0.2Gi"));
    }

    #[test]
    fn what_is_not_a_quantity_is_not_read_as_one() {
        let long = "9".repeat(60);
        for text in ["", "Mi", "1.2.3", "1 Gi", "ten", "1Zi", "1e99", "--1", "1e", &long] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn half_as_much_again_is_rounded_up_to_mebibytes() {
        let raised = |text: &str| Quantity::parse(text).unwrap().times_in_mebibytes(3, 2);
        assert_eq!(raised("256Mi").as_deref(), Some("384Mi"));
        assert_eq!(raised("100M").as_deref(), Some("144Mi"));
        assert_eq!(raised("1").as_deref(), Some("1Mi"));
    }
}
