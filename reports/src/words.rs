//! Numbers and counts as words of a report.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::CommandCounts;

/// Milliseconds, rounded to the nearest.
pub(crate) fn milliseconds(span: Duration) -> u128 {
    (span.as_nanos() + 500_000) / 1_000_000
}

/// `2.104 s`.
pub(crate) fn seconds(span: Duration) -> String {
    let milliseconds = milliseconds(span);
    format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000)
}

/// `18,231`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `871`, `12k`, `3M`: as much of a count as a narrow place holds.
pub(crate) fn compact(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// `1 run`, `2 runs`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(count))
}

/// `61 issued: 58 success, 1 refused, 2 unknown`, without what did not occur.
pub(crate) fn outcomes(commands: &CommandCounts) -> String {
    let all = [
        (commands.success, "success"),
        (commands.mismatch, "mismatch"),
        (commands.refused, "refused"),
        (commands.unknown, "unknown"),
        (commands.cancelled, "cancelled"),
    ];
    let occurred = all.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = occurred
        .map(|(count, name)| format!("{} {name}", grouped(*count)))
        .collect();
    if parts.is_empty() {
        return format!("{} issued", grouped(commands.issued));
    }
    format!("{} issued: {}", grouped(commands.issued), parts.join(", "))
}

/// `drop 17, power_loss 1; enabled but never happened: bit_rot`.
pub(crate) fn counts(counts: &BTreeMap<String, u64>, never: &str) -> String {
    let some: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| format!("{name} {}", grouped(*count)))
        .collect();
    let none: Vec<&str> = counts
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| name.as_str())
        .collect();
    match (some.is_empty(), none.is_empty()) {
        (true, true) => "none".to_owned(),
        (false, true) => some.join(", "),
        (true, false) => format!("{never}: {}", none.join(", ")),
        (false, false) => format!("{}; {never}: {}", some.join(", "), none.join(", ")),
    }
}

#[cfg(test)]
mod tests;
