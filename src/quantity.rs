//! Quantities as people read them: one way for the terminal and for the report.

use crate::document::estimate::Interval;

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes with a decimal prefix and three figures: `0 B`, `999 B`, `1.59 MB`.
pub(crate) fn bytes(number: u64) -> String {
    const PREFIXES: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1e3;
    let mut prefix = 0;
    // 999.5 would be written as four figures.
    while value >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1e3;
        prefix += 1;
    }
    format!("{} {}", three_figures(value), PREFIXES[prefix])
}

/// Seconds as `840 ms`, `8.40 s`, `2 min 05 s` or `3 h 07 min`; negative and unknown times as `?`.
pub(crate) fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let whole = seconds.round() as u64;
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 0.9995 => format!("{} ms", three_figures(s * 1e3)),
        s if s < 99.95 => format!("{} s", three_figures(s)),
        s if s < 3599.5 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A fraction as a percentage with two decimals, without its sign: `0.98765` is `98.77`.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2}", fraction * 100.0)
}

/// A mean and its half-interval with that many decimals: `12.34 ± 0.56`, or the mean alone.
pub(crate) fn with_interval(interval: Interval, decimals: usize) -> String {
    let Interval { mean, ci95 } = interval;
    match ci95 {
        Some(half) => format!("{mean:.decimals$} ± {half:.decimals$}"),
        None => format!("{mean:.decimals$}"),
    }
}

/// [`with_interval`] of a fraction, in percent with two decimals.
pub(crate) fn percent_with_interval(Interval { mean, ci95 }: Interval) -> String {
    with_interval(Interval { mean: mean * 100.0, ci95: ci95.map(|half| half * 100.0) }, 2)
}

/// At most three significant figures of a value below 1000, without a point when it has three before it.
fn three_figures(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A loss, or a dash where nothing was judged: `0.1234`, `–`.
pub(crate) fn loss(loss: Option<f64>) -> String {
    loss.map_or_else(|| "–".to_owned(), |loss| format!("{loss:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn bytes_have_three_figures_and_never_four() {
        let cases = [0, 999, 1000, 1_593_680, 999_499, 999_500, 999_999_999, u64::MAX];
        let read = ["0 B", "999 B", "1.00 kB", "1.59 MB", "999 kB", "1.00 MB", "1.00 GB", "18.4 EB"];
        assert_eq!(cases.map(bytes), read);
    }

    #[test]
    fn intervals_are_written_only_where_there_is_one() {
        assert_eq!(percent_with_interval(Interval { mean: 0.98765, ci95: Some(0.0123) }), "98.77 ± 1.23");
        assert_eq!(with_interval(Interval { mean: -0.5, ci95: None }, 3), "-0.500");
    }

    #[test]
    fn seconds_change_their_unit_with_their_size() {
        let cases = [0.0, 0.0042, 0.9999, 8.4, 99.96, 125.0, 3599.6, 11_220.0, f64::NAN, -1.0];
        let read = [
            "0 s",
            "4.20 ms",
            "1.00 s",
            "8.40 s",
            "1 min 40 s",
            "2 min 05 s",
            "1 h 00 min",
            "3 h 07 min",
            "?",
            "?",
        ];
        assert_eq!(cases.map(seconds), read);
    }
}
