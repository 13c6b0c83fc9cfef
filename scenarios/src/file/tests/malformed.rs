//! What a user reads who got something wrong.

use super::exercise;

fn check(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    let rendered = exercise(text).unwrap_err().render(false, "mine.toml", text);
    settings.bind(|| insta::assert_snapshot!(name, rendered));
}

macro_rules! shows {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), $text);
        }
    )*};
}

shows! {
    not_toml: "title = \"Half a string\n[workload]\nclients = 2\n";
    a_key_given_twice: "[workload]\nclients = 2\nclients = 3\n";
    unknown_keys_are_all_reported:
        "[topology]\nvolume_bloks = 64\n\n[workload]\nclient = 2\nfrobnicate = true\n\n[weahter]\nloss = \"1/10\"\n";
    wrong_types:
        "title = 7\ncovers = \"P1\"\n\n[workload]\nclients = \"two\"\ncommands = 1.5\nhot = [0, 1, 2]\nmix = 3\n";
    bad_durations:
        "[workload]\nstart = \"-3ms\"\nthink = \"5\"\n\n[limits]\nsim_time = 60\n\n[settings.timers]\nidle_clear = \"1 fortnight\"\npath_timeout = \"0.1ns\"\n";
    bad_ratios:
        "[weather]\nloss = \"3/2\"\nduplicate = [\"1/10\", \"0/0\"]\ncorrupt = 0.01\ndelay = { ratio = \"1%\" }\n";
    bad_choices:
        "[topology]\nprofile = \"metropolis\"\n\n[settings]\nreplication = \"paralel\"\n\n[expect]\nverdict = \"fail\"\n";
    a_number_out_of_range: "[workload]\nclients = -2\noutstanding = 4294967296\n";
    names_of_nothing:
        "covers = [\"P12\", \"s3\"]\n\n[[fault]]\ncrash = { at = \"2s\", node = \"east-3\", restart_after = \"1s\" }\n";
    a_fault_on_nothing:
        "[[fault]]\nkill = { at = \"2s\", node = \"north-1\", module = \"X\", restart_after = \"1s\" }\n\n[[fault]]\npower_off = { at = \"1s\", cluster = \"north\", restart_after = \"1s\" }\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"east-1\", to = \"moon\", network = \"moonlink\" }\n\n[devices.\"east.tape\"]\nwrite = \"1ms\"\n";
    a_fault_without_a_moment:
        "[[fault]]\ncrash = { node = \"east-1\", restart_after = \"1s\" }\n\n[[fault]]\ncrash = { at = \"1s\", on = { event = \"local durable\", node = \"east-1\" }, node = \"east-1\", restart_after = \"1s\" }\n";
    damage_that_cannot_happen:
        "[[fault]]\ndamage = { at = \"2s\", device = \"east.journal\", block = 17, kind = \"rot\" }\n\n[[fault]]\ndamage = { at = \"2s\", device = \"west.data\", block = 512, kind = \"unreadable\" }\n";
    damage_of_no_kind:
        "[[fault]]\ndamage = { at = \"2s\", device = \"west.tape\", block = -1, kind = \"rust\" }\n\n[[fault]]\ndevice_gone = { at = \"2s\", device = \"west-data\", returns = \"never\", duration = \"0\" }\n";
    a_mediator_that_there_is_not:
        "[links.mediator]\nlatency = \"1ms\"\n\n[[fault]]\ncrash = { on = { event = \"mediator set\", node = \"mediator\" }, node = \"mediator\" }\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"mediator\", to = \"east\", network = \"mediator\" }\n\n[[fault]]\ndevice_gone = { at = \"1s\", device = \"mediator\", duration = \"0s\" }\n";
    an_interconnect_that_there_is_not:
        "[settings]\nhardware_notice = true\n\n[links.interconnect]\nlatency = \"1ms\"\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"east-1\", to = \"west-1\", network = \"interconnect\" }\n\n[[fault]]\nisolate = { at = \"1s\", side = \"east-1\", networks = [\"interconnect\"], duration = \"1s\" }\n\n[weather.io]\nmailbox = { node = \"east-7\", at = \"1s\", lasts = \"1s\" }\n";
    networks_that_do_not_lead_there:
        "[topology]\nmediator = true\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"mediator\", to = \"clients\", network = \"mediator\" }\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"mediator\", to = \"east\", network = \"client\" }\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"east\", to = \"mediator\" }\n";
    settings_of_a_takeover_that_contradict:
        "[topology]\nregion_blocks = 257\n\n[settings.timers]\nheartbeat = \"600ms\"\ntakeover_after = \"600ms\"\nloss_after = \"0s\"\n";
    downtimes_of_nothing:
        "[[fault]]\ncrash = { at = \"2s\", node = \"east-1\", restart_after = \"0s\" }\n\n[[fault]]\nkill = { at = \"2s\", node = \"east-1\", module = \"D\", restart_after = \"0s\" }\n\n[[fault]]\npower_off = { at = \"2s\", cluster = \"east\", restart_after = \"0s\" }\n";
    kinds_of_faults:
        "[[fault]]\n\n[[fault]]\ncrush = { at = \"2s\" }\n\n[[fault]]\npause = { at = \"2s\", node = \"east-1\", duration = \"1s\" }\ncrash = { at = \"2s\", node = \"east-1\", restart_after = \"1s\" }\n";
    faults_that_do_not_fit:
        "[[fault]]\npause = { at = \"70s\", node = \"east-1\", duration = \"0s\" }\n\n[[fault]]\npartition = { at = \"1s\", duration = \"1s\", from = \"east-1\", to = \"east-2\" }\n\n[[fault]]\npartition = { on = { event = \"\", node = \"west-7\", nth = 0 }, duration = \"1s\", from = \"clients\", to = \"clients\", network = \"client\" }\n";
    pairs_that_are_not_there:
        "[topology]\npairs_per_cluster = 2\nowners = [\"east\", \"west\", \"west\"]\n\n[devices.\"east.data-3\"]\nwrite = \"1ms\"\n\n[workload]\nvolumes = [1, 3]\n\n[[fault]]\ncrash = { at = \"2s\", node = \"east-5\" }\n\n[[fault]]\ndamage = { at = \"2s\", device = \"west.data-8\", block = 1, kind = \"rot\" }\n\n[[fault]]\ndevice_gone = { at = \"2s\", device = \"west.tape-2\" }\n\n[[expect.measures]]\nname = \"volume_3_unknown\"\nmax = 0\n";
    an_impossible_topology:
        "[topology]\npairs_per_cluster = 9\nvolume_blocks = 64\njournal_ring_pages = 100\n\n[workload]\nclients = 0\noutstanding = 65\nhot = [60, 8]\ncommand_blocks = [1, 33]\n";
    ends_of_a_range: "[weather]\nloss = [\"1/10\", \"1/100\"]\nduplicate = [\"0/1\", \"1/10\"]\ndelay = { ratio = \"1/10\" }\nuntil = \"60s\"\n\n[limits]\nsim_time = \"30s\"\n";
    a_value_that_collides_with_a_default: "[settings.limits]\nwindow = 2\njournal_reserve = 500\n";
    settings_that_contradict:
        "[settings.timers]\nanswer_limit = \"7s\"\nretransmit_max = \"1ms\"\n\n[settings.limits]\nwindow = 0\n";
    expectations_that_cannot_be_met:
        "probes = [\"journal full\"]\n\n[expect]\nprobes = [\"journal ful\"]\nmeasures = [\n    { name = \"write_local_p50_ms\" },\n    { name = \"write_local_p99_ms\", min = 2, max = \"1.5\" },\n]\n";
    a_measure_that_there_is_not:
        "[expect]\nmeasures = [{ name = \"write_latency_p90_ms\", max = 1 }, { name = \"speed\", min = 1 }]\n";
    expectations_mistyped:
        "[expect]\nmeasures = [{ name = \"a\", max = 1.0005 }, { max = -1 }, { name = \"c\", max = true }]\n";
    triggers_of_nothing_and_of_two_things:
        "[[fault]]\npause = { on = { node = \"east-1\" }, node = \"east-1\", duration = \"1s\" }\n\n[[fault]]\npause = { on = { event = \"marked\", probe = \"rare\", node = \"east-1\" }, node = \"east-1\", duration = \"1s\" }\n\n[[fault]]\npause = { on = { executed = \"tape\", node = \"east-1\" }, node = \"east-1\", duration = \"1s\" }\n";
    devices_that_cannot_be_so:
        "[[fault]]\ndevice_slow = { at = \"1s\", device = \"mediator\", factor = 0, duration = \"0s\" }\n\n[[fault]]\ndevice_full = { at = \"1s\", device = \"east.data\", area = \"attic\" }\n\n[[fault]]\nstale_pages = { at = \"1s\", device = \"east.data\", start = 600, count = 1 }\n\n[[fault]]\nswap = { at = \"1s\", device = \"east.data\", with = \"east.data\" }\n";
    devices_that_do_not_fit:
        "[[fault]]\ndevice_stall = { at = \"1s\", device = \"mediator\", duration = \"0s\" }\n\n[[fault]]\nstale_pages = { at = \"1s\", device = \"east.data\", start = 600, count = 1 }\n\n[[fault]]\nswap = { at = \"1s\", device = \"east.data\", with = \"east.data\" }\n";
    networks_that_cannot_be_so:
        "[[fault]]\npartition = { at = \"1s\", from = \"east\", to = \"west\", kind = \"sett\", duration = \"1s\" }\n\n[[fault]]\nisolate = { at = \"1s\", side = \"clients\", networks = [\"moon\"], duration = \"1s\" }\n\n[[fault]]\npower_off = { at = \"1s\", cluster = \"north\" }\n";
    networks_that_do_not_fit:
        "[[fault]]\nisolate = { at = \"1s\", side = \"clients\", networks = [\"mediator\", \"client\"], duration = \"1s\" }\n\n[[fault]]\nisolate = { at = \"1s\", side = \"east-3\", networks = [], duration = \"1s\" }\n\n[[fault]]\nclog = { at = \"1s\", from = \"east\", to = \"east-2\", duration = \"1s\", interval = \"0s\" }\n\n[[fault]]\nnarrow = { at = \"1s\", from = \"east\", to = \"west\", queue_bytes = 5, duration = \"1s\" }\n";
    machines_that_do_not_fit:
        "[[fault]]\nslow_cpu = { at = \"1s\", node = \"mediator\", factor = 2, duration = \"1s\" }\n\n[[fault]]\ncrash_loop = { at = \"1s\", node = \"east-1\", times = 2, interval = \"1s\", restart_after = \"1s\" }\n\n[[fault]]\nclock = { at = \"1s\", node = \"east-1\", drift_ppm = 2501 }\n\n[[fault]]\nclock = { at = \"1s\", node = \"east-1\", drift_ppm = 500001, way = \"both\", beyond_bound = true }\n";
}

#[test]
fn colour_marks_the_place() {
    let text = "[workload]\nclients = 0\n";
    let coloured = exercise(text).unwrap_err().render(true, "mine.toml", text);
    assert!(coloured.contains("\u{1b}["));
}
