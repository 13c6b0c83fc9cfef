//! The label rule: a message sent again is another message.

use super::ping_pong::Rules;
use super::weather::{Weather, ratio};

/// Rounds finished within 20,000 events at 50 % loss, and within 20,000 more.
fn finished(seed: u64, repeats_labels: bool) -> (u64, u64) {
    let rules = Rules {
        seed,
        pairs: 1,
        rounds: 100,
        has_devices: false,
        repeats_labels,
        weather: Weather::lossy(seed, ratio(1, 2)),
        ..Rules::default()
    };
    let mut game = rules.game();
    game.run(20_000);
    let at_first = game.finished();
    game.run(20_000);
    (at_first, game.finished())
}

#[test]
fn rising_attempts_get_through_any_loss() {
    for seed in 0..30 {
        assert_eq!(finished(seed, false), (100, 100), "seed {seed}");
    }
}

#[test]
fn a_repeated_label_meets_the_same_fate_for_ever() {
    for seed in 0..30 {
        // Of a hundred pings and pongs each, some are lost at the first attempt,
        // and there is no other.
        let (at_first, later) = finished(seed, true);
        assert!(at_first < 100, "seed {seed}");
        assert_eq!(at_first, later, "seed {seed}");
    }
}
