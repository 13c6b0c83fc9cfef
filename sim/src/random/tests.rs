use super::*;
use stormglass_engine::time::Duration;

/// Also computed by an independent program from the formulas.
const GOLDEN_KEYS: [(u64, u64); 5] = [
    (11_719_800_644_248_634_603, 15_811_010_066_321_129_958),
    (11_689_679_740_561_302_379, 3_044_350_620_732_938_233),
    (12_677_684_167_563_838_464, 5_273_620_521_348_540_324),
    (203_752_526_247_194_359, 9_643_156_910_645_371_402),
    (4_171_259_148_106_097_439, 9_264_263_209_262_635_673),
];
/// Likewise.
const GOLDEN_SAMPLES: [u64; 5] = [
    17_272_762_180_944_009_950,
    10_233_461_347_530_223_007,
    3_337_545_799_077_117_823,
    17_803_876_424_605_631_957,
    2_559_730_978_250_648_646,
];
/// Likewise.
const GOLDEN_FURTHER: [u64; 3] = [
    15_706_541_379_458_400_359,
    4_309_983_884_765_954_909,
    14_748_218_827_407_109_724,
];
const GOLDEN_DICE: [u64; 12] = [1, 1, 2, 2, 3, 4, 2, 3, 5, 3, 3, 1];
const GOLDEN_COINS: &str = "++++--+----+";
const GOLDEN_ORDER: [u32; 10] = [1, 6, 3, 5, 2, 4, 9, 0, 8, 7];
const HALF: Ratio = match Ratio::new(1, 2) {
    Ok(ratio) => ratio,
    Err(_) => panic!("a half is a ratio"),
};

/// Samples of one draw under rising identities, as a run asks for them.
fn samples(count: u64) -> impl Iterator<Item = Sample> {
    let draw = Seed(7).draw(3, "tests");
    (0..count).map(move |number| draw.at(&[1, number, 0, 2]))
}

fn span_of(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

/// `actual` within `tolerance` thousandths of `expected`.
fn assert_near(actual: u64, expected: u64, tolerance: u64) {
    let off = actual.abs_diff(expected) * 1_000;
    assert!(
        off <= expected * tolerance,
        "{actual} is not near {expected}"
    );
}

#[test]
fn draws_are_pinned() {
    let keys: Vec<_> = [
        (0, 0, ""),
        (1, 0, ""),
        (0, 1, ""),
        (0, 0, "loss"),
        (42, 7, "latency"),
    ]
    .map(|(seed, component, purpose)| Seed(seed).draw(component, purpose))
    .iter()
    .map(|draw| (draw.k0, draw.k1))
    .collect();
    assert_eq!(keys, GOLDEN_KEYS);
}

#[test]
fn samples_are_pinned() {
    let draw = Seed(42).draw(7, "latency");
    let bits: Vec<_> = [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [1, 2, 3, 4],
        [u64::MAX; 4],
    ]
    .iter()
    .map(|identity| draw.at(identity).bits())
    .collect();
    assert_eq!(bits, GOLDEN_SAMPLES);
    let further: Vec<_> = (0..3)
        .map(|index| draw.at(&[0; 4]).further(index).bits())
        .collect();
    assert_eq!(further, GOLDEN_FURTHER);
}

#[test]
fn what_is_made_of_samples_is_pinned() {
    let dice: Vec<_> = samples(12).map(|sample| sample.below(6)).collect();
    assert_eq!(dice, GOLDEN_DICE);
    let coin = |sample: Sample| if sample.chance(HALF) { '+' } else { '-' };
    let coins: String = samples(12).map(coin).collect();
    assert_eq!(coins, GOLDEN_COINS);
    let mut order: Vec<u32> = (0..10).collect();
    Sample::from_bits(99).shuffle(&mut order);
    assert_eq!(order, GOLDEN_ORDER);
}

const SPREAD: [u64; 9] = [
    0,
    1,
    1 << 63,
    u64::MAX,
    u64::MAX - 1,
    1 << 60,
    (1 << 60) + 1,
    0x1234_5678_9abc_def0,
    0x1234_5678_9abc_def1,
];

/// Beside each number stands what floating point makes of the formula.
#[test]
fn distributions_are_pinned() {
    let exponential = Exponential {
        mean: span_of(1_000_000),
        cap: Duration::from_secs(1),
    };
    let spans = SPREAD.map(|bits| exponential.span(Sample::from_bits(bits)).as_nanos());
    assert_eq!(
        spans,
        [
            44_361_419, // .556
            44_361_419, // .556
            693_147,    // .181
            0,          // .000
            0,          // .000
            2_772_588,  // .722
            2_772_588,  // .722
            2_643_512,  // 2_643_511.680
            2_643_512,  // 2_643_511.680
        ]
    );
    let lognormal = Lognormal {
        median: span_of(1_000_000),
        sigma_milli: 500,
        cap: Duration::from_secs(1),
    };
    let spans = SPREAD.map(|bits| lognormal.span(Sample::from_bits(bits)).as_nanos());
    assert_eq!(
        spans,
        // The first two lie beyond the cut at 6.3 sigma.
        [
            23_783_207, // 93_698_067
            42_046,     // 10_673
            1_401_083,  // 1_401_082
            1_000_000,  // 1_000_000
            1_000_000,  // 1_000_000
            2_537_973,  // 2_537_974
            394_015,    // 394_015
            2_465_716,  // 2_465_473
            405_562,    // 405_602
        ]
    );
}

#[test]
fn distributions_keep_to_their_limits() {
    let cap = span_of(1_500);
    for sample in samples(10_000).chain(SPREAD.map(Sample::from_bits)) {
        assert!(
            Exponential {
                mean: span_of(1_000),
                cap
            }
            .span(sample)
                <= cap
        );
        let wild = Lognormal {
            median: span_of(1_000),
            sigma_milli: u32::MAX,
            cap,
        };
        assert!(wild.span(sample) <= cap);
        let steady = Lognormal {
            median: span_of(1_000),
            sigma_milli: 0,
            cap,
        };
        assert_eq!(steady.span(sample), span_of(1_000));
        let huge = span_of(u64::MAX);
        Exponential {
            mean: huge,
            cap: huge,
        }
        .span(sample);
        Lognormal {
            median: huge,
            sigma_milli: 3_000,
            cap: huge,
        }
        .span(sample);
    }
}

/// Spans rise and fall with the bits, without a step anywhere: neighbouring
/// entries of the tables fit together.
#[test]
fn distributions_are_monotone() {
    let cap = Duration::from_secs(1_000);
    let exponential = Exponential {
        mean: span_of(1_000_000),
        cap,
    };
    let lognormal = Lognormal {
        median: span_of(1_000_000),
        sigma_milli: 1_000,
        cap,
    };
    let mut bits = 2_u64;
    while let Some(next) = bits.checked_add(bits / 512 * 2 + 2) {
        let (low, high) = (Sample::from_bits(bits), Sample::from_bits(next));
        assert!(exponential.span(low) >= exponential.span(high));
        assert!(lognormal.span(low) >= lognormal.span(high));
        bits = next;
    }
}

#[test]
fn distributions_have_their_quantiles() {
    let cap = Duration::from_secs(1_000);
    let exponential = Exponential {
        mean: span_of(1_000_000),
        cap,
    };
    let lognormal = Lognormal {
        median: span_of(1_000_000),
        sigma_milli: 1_000,
        cap,
    };
    let sorted = |span: &dyn Fn(Sample) -> Duration| {
        let mut spans: Vec<_> = samples(100_000)
            .map(|sample| span(sample).as_nanos())
            .collect();
        spans.sort_unstable();
        spans
    };
    let spans = sorted(&|sample| exponential.span(sample));
    assert_near(spans.iter().sum::<u64>() / 100_000, 1_000_000, 10);
    assert_near(spans[50_000], 693_147, 15);
    assert_near(spans[90_000], 2_302_585, 15);
    assert_near(spans[99_000], 4_605_170, 30);
    let spans = sorted(&|sample| lognormal.span(sample));
    // exp(z) at the quantiles of the normal distribution.
    assert_near(spans[15_866], 367_879, 20);
    assert_near(spans[50_000], 1_000_000, 15);
    assert_near(spans[84_134], 2_718_282, 20);
    assert_near(spans[97_725], 7_389_056, 30);
}

#[test]
fn below_is_even() {
    let mut counts = [0_u64; 7];
    for sample in samples(70_000) {
        counts[sample.index(7)] += 1;
    }
    // Standard deviation 93.
    assert!(
        counts.iter().all(|count| count.abs_diff(10_000) < 400),
        "{counts:?}"
    );
}

#[test]
fn chance_keeps_its_rate() {
    let hundredth = Ratio::new(1, 100).expect("a ratio");
    let hits = |probability| {
        samples(100_000)
            .filter(|sample| sample.chance(probability))
            .count()
    };
    assert!(hits(hundredth).abs_diff(1_000) < 130);
    assert!(hits(HALF).abs_diff(50_000) < 700);
    assert_eq!(hits(Ratio::NEVER), 0);
    assert_eq!(hits(Ratio::ALWAYS), 100_000);
}

/// Turning any one bit of an identity turns every bit of the sample about half
/// of the time.
#[test]
fn every_bit_of_an_identity_matters() {
    let draw = Seed(1).draw(1, "avalanche");
    for word in 0..4 {
        for bit in 0..64 {
            let mut turned = [0_u32; 64];
            for number in 0..400 {
                let identity = [number, 1, 2, 3];
                let mut other = identity;
                other[word] ^= 1 << bit;
                let difference = draw.at(&identity).bits() ^ draw.at(&other).bits();
                for (place, count) in turned.iter_mut().enumerate() {
                    *count += u32::from(difference >> place & 1 == 1);
                }
            }
            // Mean 200, standard deviation 10.
            let is_even = turned.iter().all(|count| (140..=260).contains(count));
            assert!(is_even, "word {word}, bit {bit}: {turned:?}");
        }
    }
}

#[test]
fn words_of_an_identity_are_told_apart() {
    let draw = Seed(1).draw(1, "order");
    let mut seen = std::collections::BTreeSet::new();
    for a in 0..10 {
        for b in 0..10 {
            for c in 0..10 {
                for d in 0..10 {
                    seen.insert(draw.at(&[a, b, c, d]).bits());
                }
            }
        }
    }
    assert_eq!(seen.len(), 10_000);
}

#[test]
fn draws_of_other_seeds_components_and_purposes_are_unlike() {
    let identity = [1, 2, 3, 4];
    let base = Seed(1).draw(1, "loss").at(&identity);
    assert_ne!(base, Seed(2).draw(1, "loss").at(&identity));
    assert_ne!(base, Seed(1).draw(2, "loss").at(&identity));
    assert_ne!(base, Seed(1).draw(1, "duplicate").at(&identity));
    assert_eq!(base, Seed(1).draw(1, "loss").at(&identity));
}

#[test]
fn further_samples_are_even_and_unlike() {
    let mut ones = [0_u32; 64];
    let mut equal = 0;
    for sample in samples(1_000) {
        let (first, second) = (sample.further(0), sample.further(1));
        equal += u32::from(first == second || first == sample);
        for (place, count) in ones.iter_mut().enumerate() {
            *count += u32::from((first.bits() ^ second.bits()) >> place & 1 == 1);
        }
    }
    assert_eq!(equal, 0);
    assert!(
        ones.iter().all(|count| (420..=580).contains(count)),
        "{ones:?}"
    );
}

#[test]
fn a_shuffle_reaches_every_order_equally() {
    let mut counts = std::collections::BTreeMap::new();
    for sample in samples(24_000) {
        let mut order = [0, 1, 2, 3];
        sample.shuffle(&mut order);
        *counts.entry(order).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.len(), 24);
    // Standard deviation 31.
    assert!(
        counts.values().all(|count| count.abs_diff(1_000) < 150),
        "{counts:?}"
    );
}

#[test]
fn a_ratio_is_validated_everywhere() {
    let more = RatioError::MoreThanOne {
        numerator: 3,
        denominator: 2,
    };
    assert_eq!(Ratio::new(3, 2), Err(more));
    assert_eq!(Ratio::new(0, 0), Err(RatioError::ZeroDenominator));
    assert_eq!("1/100".parse(), Ratio::new(1, 100));
    assert_eq!("3/2".parse::<Ratio>(), Err(more));
    assert_eq!("1".parse::<Ratio>(), Err(RatioError::Malformed));
    assert_eq!("-1/2".parse::<Ratio>(), Err(RatioError::Malformed));
    assert_eq!(HALF.to_string(), "1/2");
    let bytes = postcard::to_stdvec(&HALF).expect("serializes");
    assert_eq!(postcard::from_bytes(&bytes), Ok(HALF));
    assert!(postcard::from_bytes::<Ratio>(&[3, 2]).is_err());
}
