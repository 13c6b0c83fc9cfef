//! What the mailboxes say: under which keys nothing is answered any more.
//!
//! Follows the forced writes of heartbeats at the devices themselves, for a holder's own
//! report of them may come late, and its partner's never does.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use stormglass_engine::contract::{IoRequest, PageIndex, Persistence, ReservationKey};
use stormglass_engine::storage_set::format::decode_heartbeat;
use stormglass_sim::device::{CommandNumber, Device};
use stormglass_sim::world::DeviceIndex;

/// A word on its way: whose, and where it is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    key: ReservationKey,
    page: PageIndex,
}

/// Drained keys of each journal device. Empty in most runs, so a fork copies a pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained(Arc<Words>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Words {
    waiting: OrdMap<(DeviceIndex, CommandNumber), Word>,
    /// Of those that have left their queue, whatever came of them.
    ended: OrdSet<(DeviceIndex, ReservationKey)>,
    /// Stable, and since which event.
    said: OrdMap<(DeviceIndex, ReservationKey), u64>,
}

impl Drained {
    /// A command entered a queue.
    pub fn submitted(&mut self, index: DeviceIndex, number: CommandNumber, device: &Device) {
        let Some(word) = word_of(number, device) else {
            return;
        };
        let words = Arc::make_mut(&mut self.0);
        words.waiting.insert((index, number), word);
    }

    /// A command left a queue.
    pub fn executed(
        &mut self,
        (index, number): (DeviceIndex, CommandNumber),
        succeeded: bool,
        event: u64,
    ) {
        if self.0.waiting.contains_key(&(index, number)) {
            self.end((index, number), succeeded, event);
        }
    }

    fn end(&mut self, place: (DeviceIndex, CommandNumber), succeeded: bool, event: u64) {
        let words = Arc::make_mut(&mut self.0);
        if let Some(word) = words.waiting.remove(&place) {
            words.ended.insert((place.0, word.key));
            if succeeded {
                words.said.entry((place.0, word.key)).or_insert(event);
            }
        }
    }

    /// Commands left a device's queue without a word: what they were to write stands there
    /// or does not.
    pub fn settled(&mut self, index: DeviceIndex, device: &Device, event: u64) {
        let span = (index, CommandNumber(0))..=(index, CommandNumber(u64::MAX));
        let gone: Vec<_> = self
            .0
            .waiting
            .range(span)
            .filter(|((_, number), _)| !device.queued().any(|(queued, _)| queued == *number))
            .map(|(place, word)| (*place, *word))
            .collect();
        for (place, word) in gone {
            let stands = decode_heartbeat(&device.current(word.page))
                .is_ok_and(|it| it.drained == word.key.epoch);
            self.end(place, stands, event);
        }
    }

    /// A device was replaced: keys begin anew.
    pub fn replaced(&mut self, index: DeviceIndex) {
        if self.0.said.is_empty() && self.0.ended.is_empty() {
            return;
        }
        let words = Arc::make_mut(&mut self.0);
        let own = |(device, _): &(DeviceIndex, ReservationKey)| *device == index;
        words.ended = words.ended.iter().filter(|it| !own(it)).copied().collect();
        let said = words.said.iter().filter(|(it, _)| !own(it));
        words.said = said.map(|(it, event)| (*it, *event)).collect();
    }

    /// Since which event nothing is answered under this key.
    pub fn since(&self, journal: DeviceIndex, key: ReservationKey) -> Option<u64> {
        self.0.said.get(&(journal, key)).copied()
    }

    /// True if that was written, well or not.
    pub fn is_written(&self, journal: DeviceIndex, key: ReservationKey) -> bool {
        self.0.ended.contains(&(journal, key))
    }
}

/// What a queued command says of a drained set; nothing if it need not be stable.
fn word_of(number: CommandNumber, device: &Device) -> Option<Word> {
    let (_, it) = device.queued().find(|(queued, _)| *queued == number)?;
    let IoRequest::Write {
        start,
        pages,
        persistence: Persistence::ForceUnitAccess,
    } = &it.request
    else {
        return None;
    };
    let beat = decode_heartbeat(pages.first()?).ok()?;
    let key = ReservationKey {
        epoch: beat.drained,
        node: beat.node.value(),
    };
    let page = *start;
    (beat.drained > 0).then_some(Word { key, page })
}
