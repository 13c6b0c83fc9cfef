use super::*;

fn set(argument: &str) -> Result<Source, SourceError> {
    let setting: Setting = argument.parse()?;
    Source::load("parallel-latency", &[setting])
}

fn complaint(argument: &str) -> String {
    set(argument).unwrap_err().render(false)
}

#[test]
fn a_setting_changes_the_scenario_and_stands_in_the_command() {
    let source = set("settings.replication=chained").unwrap();
    assert_eq!(
        source.scenario.settings.replication,
        stormglass_engine::configuration::Replication::Chained
    );
    assert_eq!(
        source.run_command(7),
        "stormglass run parallel-latency --seed 7 --set settings.replication=chained"
    );
    assert_eq!(
        set("workload.clients=2").unwrap().scenario.workload.clients,
        2
    );
}

#[test]
fn settings_reach_quoted_keys_lists_and_new_tables() {
    let source = set("devices.\"east.journal\".write=4ms").unwrap();
    let times = source.scenario.devices.values().next().unwrap();
    assert_eq!(times.write.unwrap().as_nanos(), 4_000_000);
    let bound = set("expect.measures.0.max=3").unwrap().scenario;
    assert_eq!(bound.expect.measures[0].max.unwrap().value(), 3_000);
    let loss = set("weather.loss=1/100").unwrap().scenario.weather;
    assert!(!loss.is_calm());
}

#[test]
fn a_wrong_setting_names_itself_and_what_would_be_right() {
    let unknown = complaint("workload.cleints=2");
    assert!(
        unknown.starts_with("error: --set workload.cleints=2: "),
        "{unknown}"
    );
    assert!(unknown.contains("clients"), "{unknown}");
    let negative = complaint("workload.think=-1s");
    assert!(negative.contains("negative"), "{negative}");
    let through = complaint("workload.clients.more=2");
    assert!(
        through.contains("\"workload.clients\" holds no keys"),
        "{through}"
    );
    let beyond = complaint("expect.measures.7.max=2");
    assert!(
        beyond.contains("\"expect.measures\" holds no keys"),
        "{beyond}"
    );
    assert!("workload".parse::<Setting>().is_err());
    assert!("a b=1".parse::<Setting>().is_err());
    assert!("=1".parse::<Setting>().is_err());
    // Not a way to smuggle in further keys.
    let two = complaint("workload.clients=1\nname = \"x\"");
    assert!(two.contains("workload.clients"), "{two}");
}

#[test]
fn an_unknown_name_suggests_the_closest() {
    let error = Source::load("owner-crahs", &[]).unwrap_err();
    assert!(matches!(&error, SourceError::UnknownName { near, .. } if near[0] == "owner-crash"));
    let text = error.render(false);
    assert!(text.contains("did you mean owner-crash"), "{text}");
    assert!(text.contains("stormglass list"), "{text}");
    assert!(matches!(
        Source::load("no/such.toml", &[]),
        Err(SourceError::Unreadable { .. })
    ));
}

#[test]
fn a_suite_is_its_scenarios_by_name() {
    let suite = Source::suite("spine", &[]).unwrap();
    let names: Vec<&str> = suite.iter().map(|source| source.target.as_str()).collect();
    assert!(names.is_sorted());
    assert!(names.contains(&"owner-crash"));
    let error = Source::suite("spin", &[]).unwrap_err().render(false);
    assert!(error.contains("spine"), "{error}");
}
