use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::{Layered, Set, Table};

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u8, u32),
    Remove(u8),
    Change(u8),
    /// The same of what there may be nothing of.
    ChangeOrMake(u8),
    /// Another holder of the same content, as after a fork.
    Fork,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..40_u8;
    let step = prop_oneof![
        4 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        3 => key.clone().prop_map(Step::Remove),
        3 => key.clone().prop_map(Step::Change),
        2 => key.prop_map(Step::ChangeOrMake),
        1 => Just(Step::Fork),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn a_table_is_a_map(steps in steps()) {
        let (mut table, mut model) = (Table::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(table.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(table.remove(&key), model.remove(&key)),
                Step::Change(key) => {
                    let (mine, theirs) = (table.get_mut(&key), model.get_mut(&key));
                    prop_assert_eq!(&mine, &theirs);
                    if let (Some(mine), Some(theirs)) = (mine, theirs) {
                        *mine ^= 1;
                        *theirs ^= 1;
                    }
                }
                Step::ChangeOrMake(key) => {
                    prop_assert_eq!(table.contains_key(&key), model.contains_key(&key));
                }
                Step::Fork => table = table.clone(),
            }
            prop_assert!(table.iter().eq(&model));
        }
        table.retain(|key, _| key % 2 == 0);
        model.retain(|key, _| key % 2 == 0);
        prop_assert!(table.iter().eq(&model));
    }

    #[test]
    fn a_small_set_is_a_set(steps in steps()) {
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Insert(member, _) => {
                    prop_assert_eq!(set.insert(member), model.insert(member));
                }
                Step::Remove(member) => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                Step::Change(member) | Step::ChangeOrMake(member) => {
                    prop_assert_eq!(set.contains(&member), model.contains(&member));
                }
                Step::Fork => set = set.clone(),
            }
            prop_assert_eq!(set.first(), model.first());
            prop_assert!(set.iter().eq(&model));
        }
    }

    #[test]
    fn a_layered_map_is_a_map(steps in steps()) {
        let (mut layered, mut model) = (Layered::new(), BTreeMap::new());
        let mut forks = Vec::new();
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    let before = layered.insert(key, value).map(|value| *value);
                    prop_assert_eq!(before, model.insert(key, value));
                }
                Step::Remove(key) => {
                    let before: Option<Arc<u32>> = layered.remove(&key);
                    prop_assert_eq!(before.map(|value| *value), model.remove(&key));
                }
                Step::Change(key) => {
                    let (mine, theirs) = (layered.get_mut(&key), model.get_mut(&key));
                    prop_assert_eq!(&mine, &theirs);
                    if let (Some(mine), Some(theirs)) = (mine, theirs) {
                        *mine ^= 1;
                        *theirs ^= 1;
                    }
                }
                Step::ChangeOrMake(key) => {
                    let (mine, theirs) = (layered.get_or_default(key), model.entry(key).or_default());
                    prop_assert_eq!(&mine, &theirs);
                    *mine ^= 2;
                    *theirs ^= 2;
                }
                Step::Fork => forks.push((layered.clone(), model.clone())),
            }
            prop_assert_eq!(layered.len(), model.len());
            prop_assert!(layered.iter().eq(model.iter().map(|(key, value)| (*key, value))));
            for key in 0..41 {
                let next = model.range(key..).next().map(|(key, value)| (*key, value));
                prop_assert_eq!(layered.next(&key), next);
                prop_assert_eq!(layered.get(&key), model.get(&key));
            }
        }
        for (fork, model) in forks {
            prop_assert!(fork.iter().eq(model.iter().map(|(key, value)| (*key, value))));
            let anew: Layered<u8, u32> = model.into_iter().collect();
            prop_assert_eq!(&fork, &anew);
        }
    }
}
