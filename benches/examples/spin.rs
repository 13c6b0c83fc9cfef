use stormglass_benches::{
    bare_loop::BareLoop,
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
    let w = Workload {
        pairs: a[2].parse().unwrap(),
        in_flight: a[3].parse().unwrap(),
        extra,
    };
    let n = a[4].parse().unwrap();
    match a.get(5).map(String::as_str) {
        Some("bare") => {
            let mut g = BareLoop::<false, false, false>::new(w);
            g.run(n);
            println!("{:x}", g.trace_hash());
        }
        Some("checked") => {
            let mut g = BareLoop::<true, false, false>::new(w);
            g.run(n);
            println!("{:x}", g.trace_hash());
        }
        _ => {
            let mut g = Game::new(w);
            g.run(n);
            println!("{:x}", g.world.trace_hash());
        }
    }
}
