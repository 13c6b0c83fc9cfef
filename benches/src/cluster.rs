//! A world of the size of a cluster, to be forked: ten nodes with full disks.

use stormglass_engine::contract::{PAGE_BYTES, PageIndex};
use stormglass_engine::payload::Payload;
use stormglass_sim::world::DeviceIndex;

use crate::ping_pong::Game;
use crate::workload::{Extra, Workload};

/// Nodes of the cluster, each with a disk.
pub const NODES: u32 = 10;
/// Size of each disk.
pub const DISK_BYTES: u64 = 64 << 20;

/// Ten nodes, each with a full disk of 64 MiB and two writes in flight, and a
/// client for each.
pub fn cluster() -> Game {
    let workload = Workload {
        pairs: NODES,
        in_flight: 2,
        extra: Extra::Device,
    };
    let pages = DISK_BYTES / PAGE_BYTES as u64;
    let mut game = Game::with_disks(workload, pages);
    for (device, fill) in (0..10).map(DeviceIndex).zip(1..) {
        let contents = (0..pages).map(|_| Payload::from(vec![fill; PAGE_BYTES]));
        let contents: Vec<_> = contents.collect();
        let drive = game.world.drive_mut(device);
        drive.device.install(PageIndex(0), &contents);
    }
    game.run(5_000);
    game
}
