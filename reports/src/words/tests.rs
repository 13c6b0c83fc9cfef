use super::*;

#[test]
fn times_round_to_the_nearest_millisecond() {
    assert_eq!(seconds(Duration::from_nanos(499_999)), "0.000 s");
    assert_eq!(seconds(Duration::from_nanos(500_000)), "0.001 s");
    assert_eq!(seconds(Duration::from_micros(999_999)), "1.000 s");
    assert_eq!(seconds(Duration::MAX), "18446744073709551616.000 s");
}

#[test]
fn digits_are_grouped_by_thousands() {
    let all = [0, 999, 1_000, 12_345, 1_000_000].map(grouped);
    assert_eq!(all, ["0", "999", "1,000", "12,345", "1,000,000"]);
}

#[test]
fn one_is_singular() {
    let all = [0, 1, 2].map(|count| counted(count, "run"));
    assert_eq!(all, ["0 runs", "1 run", "2 runs"]);
}

#[test]
fn only_outcomes_that_occurred_are_named() {
    let mut commands = CommandCounts {
        issued: 1_234,
        ..CommandCounts::default()
    };
    assert_eq!(outcomes(&commands), "1,234 issued");
    (commands.mismatch, commands.cancelled) = (1_000, 234);
    assert_eq!(
        outcomes(&commands),
        "1,234 issued: 1,000 mismatch, 234 cancelled"
    );
}

#[test]
fn what_was_enabled_and_never_happened_is_said_apart() {
    let said = |pairs: &[(&str, u64)]| {
        let map = pairs.iter().map(|(name, n)| ((*name).to_owned(), *n));
        counts(&map.collect(), "never")
    };
    assert_eq!(said(&[]), "none");
    assert_eq!(said(&[("drop", 2)]), "drop 2");
    assert_eq!(said(&[("drop", 0)]), "never: drop");
    assert_eq!(
        said(&[("crash", 0), ("drop", 2), ("tear", 0)]),
        "drop 2; never: crash, tear"
    );
}
