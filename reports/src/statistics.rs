//! Order statistics: what a sample says without an assumption of how it is distributed.
//!
//! All of them are ranks in the sorted sample, so they are exact and the same everywhere.
//! Refuses to know what was measured.

/// The value of a sorted sample that is not below so many of a hundred (nearest rank);
/// zero of an empty one.
pub fn quantile(sorted: &[u64], percent: u64) -> u64 {
    let rank = (sorted.len() as u64 * percent.min(100))
        .div_ceil(100)
        .max(1);
    at_rank(sorted, rank)
}

/// The value in the middle of a sorted sample, the lower one of two.
pub fn median(sorted: &[u64]) -> u64 {
    quantile(sorted, 50)
}

/// The values between which the median of what was sampled lies, with at least 95 %
/// confidence: the ranks n/2 - 0.98 √n and 1 + n/2 + 0.98 √n, from the normal
/// approximation of the binomial, rounded outwards.
///
/// Source: Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2.
pub fn median_interval(sorted: &[u64]) -> [u64; 2] {
    let n = sorted.len() as u64;
    // In hundredths; the root is rounded up.
    let root = (n * 10_000).isqrt() + 1;
    let half = root * 98 / 100;
    let (middle, low) = (n * 50, (n * 50).saturating_sub(half) / 100);
    let high = (middle + half).div_ceil(100) + 1;
    [at_rank(sorted, low.max(1)), at_rank(sorted, high)]
}

/// By ranks from 1; the last one beyond.
fn at_rank(sorted: &[u64], rank: u64) -> u64 {
    let place = usize::try_from(rank - 1).unwrap_or(usize::MAX);
    let last = sorted.len().saturating_sub(1);
    sorted.get(place.min(last)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let sorted: Vec<u64> = (1..=10).collect();
        let found = [0, 1, 10, 11, 50, 90, 91, 100].map(|percent| quantile(&sorted, percent));
        assert_eq!(found, [1, 1, 1, 2, 5, 9, 10, 10]);
        assert_eq!((median(&[]), median(&[7]), median(&[1, 2])), (0, 7, 1));
    }

    #[test]
    fn the_medians_interval_has_the_tabled_ranks() {
        // Conover's table gives 86 and 115 for 200, 40 and 61 for 100.
        for (n, [low, high]) in [(200, [86, 115]), (100, [40, 61])] {
            let sorted: Vec<u64> = (1..=n).collect();
            assert_eq!(median_interval(&sorted), [low, high], "{n}");
        }
        assert_eq!(median_interval(&[5]), [5, 5]);
        assert_eq!(median_interval(&[]), [0, 0]);
    }

    #[test]
    fn the_interval_holds_the_median() {
        for n in 1..300_u64 {
            let sorted: Vec<u64> = (1..=n).collect();
            let [low, high] = median_interval(&sorted);
            assert!(low <= median(&sorted) && median(&sorted) <= high, "{n}");
        }
    }
}
