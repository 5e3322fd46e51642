//! Numbers as people read them.

use std::time::Duration;

/// `1,234,567`.
pub(crate) fn count(number: impl Into<i64>) -> String {
    let number: i64 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('−');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 device`, `2,000 devices`.
pub(crate) fn devices(number: i64) -> String {
    match number {
        1 => "1 device".to_owned(),
        number => format!("{} devices", count(number)),
    }
}

/// `4.8/s`, `0.3/s`, `1,200/s`.
pub(crate) fn per_second(rate: f64) -> String {
    if rate >= 99.5 {
        #[expect(clippy::cast_possible_truncation, reason = "a rate fits 64 bits")]
        let whole = rate.round() as i64;
        return format!("{}/s", count(whole));
    }
    format!("{rate:.1}/s")
}

/// A share in whole per cent that is 100 only when it is all, and 0 only when it is nothing.
pub(crate) fn share(part: i64, whole: i64) -> String {
    match (part, whole) {
        (_, 0) => "–".to_owned(),
        (0, _) => "0 %".to_owned(),
        (part, whole) if part >= whole => "100 %".to_owned(),
        (part, whole) => format!("{} %", (part * 100 / whole).clamp(1, 99)),
    }
}

/// A duration in whole units, as in `3 min`.
pub(crate) fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (-1_000, "−1,000"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn a_share_says_all_and_nothing_only_when_it_is() {
        assert_eq!(share(1, 100_000), "1 %");
        assert_eq!(share(99_999, 100_000), "99 %");
        assert_eq!(share(100_000, 100_000), "100 %");
        assert_eq!(share(0, 5), "0 %");
        assert_eq!(share(0, 0), "–");
    }

    #[test]
    fn rates_show_a_tenth_while_it_matters() {
        assert_eq!(per_second(4.84), "4.8/s");
        assert_eq!(per_second(1_234.4), "1,234/s");
    }
}
