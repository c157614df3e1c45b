//! Sizes, times and counts as people read them.

/// A number of bytes: `512 B`, `1.5 KiB`, `28 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A time that was measured: `0.04 s`, `3.2 s`, `2 min 5 s`, `1 h 4 min`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 0.1 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

/// A time that is guessed, and says so by how it is rounded.
pub fn about(seconds: f64) -> String {
    if seconds < 10.0 {
        "some seconds".to_owned()
    } else if seconds < 50.0 {
        format!("about {} seconds", (seconds / 10.0).ceil() as u64 * 10)
    } else {
        format!("about {}", count((seconds / 60.0).round().max(1.0) as u64, "minute", "minutes"))
    }
}

/// A number with its noun: `1 source`, `3 sources`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How long ago a time was, both in milliseconds since 1970; to the day, as uses are written down.
pub fn ago(now_ms: u64, then_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) / (24 * 3600 * 1000) {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits_that_matter() {
        let shown: Vec<_> = [0, 1023, 1024, 1536, 10_188, 10_240, 29_360_128, u64::MAX].map(bytes).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "9.9 KiB", "10 KiB", "28 MiB", "16 EiB"]);
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
    }

    #[test]
    fn times_are_as_exact_as_they_deserve() {
        let shown: Vec<_> = [0.0, 0.04, 0.5, 3.16, 59.97, 125.0, 3840.0].map(seconds).into();
        assert_eq!(shown, ["0.00 s", "0.04 s", "0.5 s", "3.2 s", "1 min 0 s", "2 min 5 s", "1 h 4 min"]);
        let guessed: Vec<_> = [3.0, 12.0, 41.0, 55.0, 100.0].map(about).into();
        assert_eq!(
            guessed,
            ["some seconds", "about 20 seconds", "about 50 seconds", "about 1 minute", "about 2 minutes"]
        );
    }
}
