//! What is done to devices from outside, beside loss of power.

use std::sync::Arc;

use stormglass_engine::contract::{Module, PageIndex};

use super::pending::Due;
use super::{DeviceIndex, Workbench, World};
use crate::device::{Damage, Device, PageRange, Return};
use crate::occurrence::{Happened, Occurrence};
use crate::service_time::Pace;

impl<M: Module> World<M> {
    pub(super) fn lose_device(&mut self, device: DeviceIndex, bench: &mut Workbench<M>) {
        if self.touch_device(device).go() {
            let happened = Happened::DeviceGone(device);
            bench.log.push(Occurrence::Fault(happened));
        }
    }

    pub(super) fn return_device(
        &mut self,
        device: DeviceIndex,
        returns: Return,
        bench: &mut Workbench<M>,
    ) {
        let place = self.touch_device(device);
        let (has_memory, pages) = (place.has_memory(), place.whole());
        let Some(ended) = place.come_back(returns) else {
            return;
        };
        self.tell_aborted(device, ended);
        match returns {
            Return::Blank => {
                bench.log.push(Occurrence::Settled { device });
                let happened = Happened::DeviceReplaced(device);
                bench.log.push(Occurrence::Fault(happened));
            }
            Return::Stale if has_memory => {
                let happened = Happened::DeviceStale { device, pages };
                bench.log.push(Occurrence::Fault(happened));
                bench.log.push(Occurrence::Settled { device });
            }
            Return::Stale | Return::Intact => {}
        }
    }

    pub(super) fn damage_page(
        &mut self,
        device: DeviceIndex,
        page: PageIndex,
        damage: Damage,
        bench: &mut Workbench<M>,
    ) {
        self.touch_device(device).damage(page, damage);
        // First: whoever reads the page by the next occurrence knows why it is bad.
        let happened = Happened::Damage { device, page };
        bench.log.push(Occurrence::Fault(happened));
        bench.log.push(Occurrence::Settled { device });
    }

    /// Counts a device that becomes slower than usual, once until it does not.
    pub(super) fn pace_device(
        &mut self,
        device: DeviceIndex,
        pace: Pace,
        bench: &mut Workbench<M>,
    ) {
        assert!(pace.factor > 0, "a device that takes no time");
        self.touch_device(device);
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        let was_usual = drive.pace.set(pace) == Pace::USUAL;
        if was_usual && pace != Pace::USUAL {
            let happened = Happened::DeviceSlow(device);
            bench.log.push(Occurrence::Fault(happened));
        }
    }

    /// What waited executes at this instant, in the order in which its time had come.
    pub(super) fn go_on(&mut self, device: DeviceIndex) {
        if !self.touch_device(device).go_on() {
            return;
        }
        let drive = Arc::make_mut(&mut self.devices[device.index()]);
        for number in std::mem::take(&mut drive.waiting) {
            self.schedule(self.now, Due::Execute(device, number));
        }
    }

    pub(super) fn restore_pages(
        &mut self,
        device: DeviceIndex,
        pages: PageRange,
        bench: &mut Workbench<M>,
    ) {
        if self.touch_device(device).restore(pages) {
            let happened = Happened::Restored { device, pages };
            bench.log.push(Occurrence::Fault(happened));
            bench.log.push(Occurrence::Settled { device });
        }
    }

    /// Does nothing with one device in its own place.
    pub(super) fn swap_devices(&mut self, devices: [DeviceIndex; 2], bench: &mut Workbench<M>) {
        let [one, other] = devices;
        for device in devices {
            self.touch_device(device);
        }
        let places = [one.index(), other.index()];
        let Ok([left, right]) = self.devices.get_disjoint_mut(places) else {
            return;
        };
        let [left, right] = [left, right].map(|drive| &mut Arc::make_mut(drive).device);
        let ended = Device::swap(left, right);
        let pages = [left.whole(), right.whole()];
        for (device, ended) in devices.into_iter().zip(ended) {
            self.tell_aborted(device, ended);
        }
        let happened = Happened::Swapped { devices, pages };
        bench.log.push(Occurrence::Fault(happened));
        for device in devices {
            bench.log.push(Occurrence::Settled { device });
        }
    }
}
