fn main() {
    let name = std::env::args().nth(1).unwrap();
    let seed: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let to: u64 = std::env::args()
        .nth(3)
        .map_or(seed + 1, |s| s.parse().unwrap());
    let source = stormglass_scenarios::catalogue::find(&name).unwrap();
    let scenario = stormglass_scenarios::file::parse(&name, source).unwrap();
    for seed in seed..to {
        let keep = if to == seed + 1 && std::env::args().len() < 4 {
            stormglass_scenarios::run::Keep::Timeline
        } else {
            stormglass_scenarios::run::Keep::Counts
        };
        let r = stormglass_scenarios::run::run(&scenario, seed, keep);
        if std::env::args().len() < 4 {
            println!(
                "{}",
                stormglass_reports::timeline::render(&r, stormglass_reports::Paint::Plain)
            );
        } else if r.verdict != stormglass_reports::record::Verdict::Pass {
            println!("{seed} {} {:?}", r.verdict, r.findings.first());
        }
    }
}
