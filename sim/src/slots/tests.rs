use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn the_lowest_free_key_is_used_again() {
    let mut slots = Slots::new();
    assert_eq!(
        [slots.insert('a'), slots.insert('b'), slots.insert('c')],
        [0, 1, 2]
    );
    assert_eq!(slots.take(1), Some('b'));
    assert_eq!(slots.take(0), Some('a'));
    assert_eq!(slots.take(0), None);
    assert_eq!(
        [slots.insert('d'), slots.insert('e'), slots.insert('f')],
        [0, 1, 3]
    );
    assert_eq!(slots.get(3), Some(&'f'));
    assert_eq!(slots.get(4), None);
}

#[test]
fn an_empty_table_holds_no_memory_of_a_full_one() {
    let mut slots = Slots::new();
    let keys: Vec<_> = (0..1_000).map(|number| slots.insert(number)).collect();
    for key in keys {
        slots.take(key);
    }
    assert!(slots.is_empty());
    assert_eq!(slots, Slots::new());
    assert_eq!(slots.insert(1), 0);
}

#[test]
fn a_malformed_table_is_refused() {
    for keys in [
        vec![(1_u32, 0_u8), (1, 0)],
        vec![(2, 0), (1, 0)],
        vec![(u32::MAX, 0)],
    ] {
        let bytes = postcard::to_stdvec(&keys).expect("serializes");
        assert!(postcard::from_bytes::<Slots<u8>>(&bytes).is_err());
    }
}

proptest! {
    /// Insertions (`None`) and removals of the n-th entry, against a plain map.
    #[test]
    fn slots_are_a_map_that_names_its_keys(
        steps in prop::collection::vec(prop::option::weighted(0.45, 0..200_usize), 0..400),
        saved_at in 0..400_usize,
    ) {
        let mut slots = Slots::new();
        let mut model = BTreeMap::new();
        let mut restored: Option<Slots<usize>> = None;
        for (number, step) in steps.into_iter().enumerate() {
            if number == saved_at {
                let bytes = postcard::to_stdvec(&slots).expect("serializes");
                restored = Some(postcard::from_bytes(&bytes).expect("restores"));
            }
            match step {
                None => {
                    let key = slots.insert(number);
                    let lowest = (0..).find(|key| !model.contains_key(key));
                    prop_assert_eq!(Some(key), lowest);
                    model.insert(key, number);
                    if let Some(twin) = &mut restored {
                        prop_assert_eq!(twin.insert(number), key);
                    }
                }
                Some(position) => {
                    let key = model.keys().nth(position).copied().unwrap_or(1_000);
                    prop_assert_eq!(slots.take(key), model.remove(&key));
                    if let Some(twin) = &mut restored {
                        twin.take(key);
                    }
                }
            }
            prop_assert_eq!(slots.len(), model.len());
            prop_assert!(slots.iter().eq(model.iter().map(|(key, item)| (*key, item))));
            if let Some(twin) = &restored {
                prop_assert_eq!(twin, &slots);
            }
        }
    }
}
