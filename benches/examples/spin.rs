use stormglass_benches::{
    ping_pong::Game,
    workload::{Extra, Workload},
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let extra = match a[1].as_str() {
        "cpu" => Extra::CpuTime,
        "device" => Extra::Device,
        _ => Extra::Nothing,
    };
    let mut game = Game::new(Workload {
        pairs: a[2].parse().unwrap(),
        in_flight: a[3].parse().unwrap(),
        extra,
    });
    game.run(a[4].parse().unwrap());
    println!("{:x}", game.world.trace_hash());
}
