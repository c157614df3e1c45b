//! Times and sizes as people write them: `30d`, `20G`.

use std::str::FromStr;

/// A time that has passed, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub u64);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a number with one of {units} is expected, as in `{example}`")]
pub struct QuantityError {
    units: &'static str,
    example: &'static str,
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl FromStr for Age {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        const UNITS: &[(&str, u64)] = &[
            ("s", 1),
            ("min", 60),
            ("h", 3600),
            ("d", 24 * 3600),
            ("w", 7 * 24 * 3600),
            ("y", 365 * 24 * 3600),
        ];
        let error = QuantityError { units: "s, min, h, d, w, y", example: "30d" };
        quantity(text, UNITS).map(Self).ok_or(error)
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        const UNITS: &[(&str, u64)] = &[
            ("", 1),
            ("B", 1),
            ("K", 1 << 10),
            ("KiB", 1 << 10),
            ("M", 1 << 20),
            ("MiB", 1 << 20),
            ("G", 1 << 30),
            ("GiB", 1 << 30),
            ("T", 1 << 40),
            ("TiB", 1 << 40),
        ];
        let error = QuantityError { units: "K, M, G, T", example: "20G" };
        quantity(text, UNITS).map(Self).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_people_write_them() {
        assert_eq!("30d".parse(), Ok(Age(30 * 86_400)));
        assert_eq!("0s".parse(), Ok(Age(0)));
        assert_eq!("20G".parse(), Ok(Size(20 << 30)));
        assert_eq!("512 MiB".parse(), Ok(Size(512 << 20)));
        assert_eq!("1000".parse(), Ok(Size(1000)));
        for wrong in ["", "d", "3", "-1d", "3 months", "99999999999999999999d", "18446744073709551615y"] {
            assert!(wrong.parse::<Age>().is_err(), "{wrong}");
        }
        assert!("20X".parse::<Size>().is_err());
    }
}
