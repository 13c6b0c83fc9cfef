//! The file of a repro: TOML that is read from top to bottom.
//!
//! ```text
//! repro = 1                      the format
//! seed, stormglass, about
//! [failure]                      what it comes to
//! [calm]                         who is left out when it sets in
//! [[fault]]                      what happened, in order
//! [scenario]                     a scenario file without faults
//! ```
//!
//! Whoever edits one may take faults out; every key is checked before anything runs.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;
use stormglass_engine::time::Duration;
use stormglass_reports::escape;
use stormglass_reports::record::Verdict;
use stormglass_sim::clock::DRIFT_PPB_MAX;
use stormglass_sim::device::{IoEffect, PageRange};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::ADDRESS_MAX;
use stormglass_sim::random::Seed;
use stormglass_sim::time::WorldTime;
use stormglass_sim::world::{DeviceIndex, World};
use toml::{Table, Value};

use super::deed::Deed;
use super::entry::{Act, After, Aspect, Entry, Hardware, Trouble};
use super::names::{Misnamed, Names};
use super::{FORMAT, Failure, Repro};
use crate::actor::Actor;
use crate::cluster;
use crate::file::{self, Diagnostics, DurationText, NodeName, Scenario};
use crate::weather::{Core, Rest};

/// Why a text is no repro.
#[derive(Debug, thiserror::Error)]
pub enum ReproError {
    /// It is not TOML, or not of this form.
    #[error("this is no repro: {0}")]
    Malformed(String),
    /// It is of another format.
    #[error("the repro has format {found}; this build reads {FORMAT}")]
    Format {
        /// Its format.
        found: i64,
    },
    /// Its scenario is not valid.
    #[error("its scenario is not valid: {0}")]
    Scenario(Diagnostics),
    /// A fault is not written as it should be.
    #[error("fault {place}: \"{}\" cannot be used; write {right}", escape(.given))]
    Fault {
        /// Its place in the list, from 1.
        place: usize,
        /// What was written.
        given: String,
        /// What would be right.
        right: &'static str,
    },
    /// A word of the head is none.
    #[error("\"{}\" is no {what}", escape(.given))]
    Word {
        /// What was written.
        given: String,
        /// What it should be.
        what: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    repro: u32,
    #[serde(default)]
    about: String,
    seed: i64,
    #[serde(default)]
    stormglass: String,
    #[serde(default)]
    never_boot: Vec<String>,
    failure: FailureForm,
    calm: Option<CalmForm>,
    #[serde(default, rename = "fault")]
    faults: Vec<FaultForm>,
    scenario: Table,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureForm {
    verdict: Verdict,
    signature: String,
    #[serde(default)]
    says: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalmForm {
    #[serde(default)]
    down: Vec<String>,
    #[serde(default)]
    still: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultForm {
    #[serde(with = "DurationText")]
    at: Duration,
    what: What,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<AfterForm>,
    /// Events of the same instant that come before.
    #[serde(default, skip_serializing_if = "is_zero")]
    late: u64,
    /// True for what a scenario asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    scheduled: bool,
    /// Of a loss of power: the number with which its leavings are drawn.
    #[serde(default, skip_serializing_if = "is_zero")]
    draw: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterForm {
    left: String,
    #[serde(with = "DurationText")]
    by: Duration,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_false(word: &bool) -> bool {
    !*word
}

/// What happened.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Lose(MessageForm),
    Double(MessageForm),
    Delay(MessageForm),
    Corrupt(MessageForm),
    Slow(CommandForm),
    LoseWrite(CommandForm),
    Misdirect(CommandForm),
    Fail(CommandForm),
    RefuseForSpace(CommandForm),
    LieAboutFlush(CommandForm),
    FailFlush(CommandForm),
    #[serde(untagged)]
    Deed(Deed),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MessageForm {
    message: String,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    more: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    apart: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bit: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    times: Vec<u32>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CommandForm {
    command: String,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_page: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    draw: u64,
}

impl Repro {
    /// The text of its file.
    pub fn to_toml(&self) -> String {
        let (world, _) = cluster::build(&self.scenario, Seed(self.seed), WorldTime::ZERO);
        let names = Names::new(&world);
        let mut text = format!("repro = {FORMAT}\n");
        let mut line = |key: &str, value: Value| {
            let _ = writeln!(text, "{key} = {value}");
        };
        if !self.about.is_empty() {
            line("about", self.about.clone().into());
        }
        line("seed", Value::Integer(self.seed.cast_signed()));
        line("stormglass", self.written_by.clone().into());
        if !self.absent.is_empty() {
            let absent = self.absent.iter().map(|node| node.to_string().into());
            line("never_boot", Value::Array(absent.collect()));
        }
        let failure = FailureForm {
            verdict: self.failure.verdict,
            signature: self.failure.signature.clone(),
            says: self.failure.says.clone(),
        };
        section(&mut text, "[failure]", &failure);
        if let Some(core) = &self.core {
            section(&mut text, "[calm]", &calm_form(core, &self.scenario));
        }
        for entry in &self.entries {
            section(&mut text, "[[fault]]", &fault_form(entry, &names));
        }
        let scenario: Table =
            toml::from_str(&self.scenario.to_toml()).expect("a scenario's text is a table");
        let whole = Table::from_iter([("scenario".to_owned(), Value::Table(scenario))]);
        let _ = write!(text, "\n{whole}");
        text
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Repro, ReproError> {
        let malformed = |error: toml::de::Error| ReproError::Malformed(error.to_string());
        let table: Table = toml::from_str(text).map_err(malformed)?;
        match table.get("repro").and_then(Value::as_integer) {
            Some(found) if found == i64::from(FORMAT) => {}
            Some(found) => return Err(ReproError::Format { found }),
            None => {
                let says = "it does not begin with `repro = 1`".to_owned();
                return Err(ReproError::Malformed(says));
            }
        }
        let form: FileForm = toml::from_str(text).map_err(malformed)?;
        let scenario = file::parse("repro", &form.scenario.to_string());
        let scenario = scenario.map_err(ReproError::Scenario)?;
        if !scenario.faults.is_empty() || !scenario.weather.is_calm() {
            let says = "its scenario has faults of its own; they belong into the list";
            return Err(ReproError::Malformed(says.to_owned()));
        }
        let seed = form.seed.cast_unsigned();
        let (world, _) = cluster::build(&scenario, Seed(seed), WorldTime::ZERO);
        let names = Names::new(&world);
        let faults = form.faults.iter().enumerate();
        let entries = faults.map(|(index, fault)| {
            let found = entry_of(fault, &names).and_then(|entry| within(entry, &world));
            found.or_else(|misnamed| match misnamed {
                Misnamed::Absent(_) => Ok(Entry {
                    at: fault.at,
                    act: Act::Unknown(words(&fault.what)),
                }),
                Misnamed::Malformed { given, right } => Err(ReproError::Fault {
                    place: index + 1,
                    given,
                    right,
                }),
            })
        });
        let entries = entries.collect::<Result<_, _>>()?;
        Ok(Repro {
            core: form
                .calm
                .as_ref()
                .map(|calm| core_of(calm, &scenario))
                .transpose()?,
            absent: form
                .never_boot
                .iter()
                .map(|name| node(name, &scenario))
                .collect::<Result<_, _>>()?,
            failure: Failure {
                verdict: form.failure.verdict,
                signature: form.failure.signature,
                says: form.failure.says,
            },
            entries,
            scenario,
            seed,
            written_by: form.stormglass,
            about: form.about,
        })
    }
}

/// The words of a fault, as a key: without its fingerprint.
pub(super) fn key(entry: &Entry, names: &Names<'_>) -> String {
    if let Act::Unknown(words) = &entry.act {
        return words.clone();
    }
    words(&fault_form(entry, names).what)
}

fn words(what: &What) -> String {
    let mut value = to_value(what);
    if let Value::Table(kinds) = &mut value {
        for (_, inner) in kinds.iter_mut() {
            if let Value::Table(inner) = inner {
                inner.remove("content");
            }
        }
        if let Some((kind, inner)) = kinds.iter().next() {
            return match inner {
                Value::String(text) => format!("{kind} {text}"),
                Value::Table(fields) => {
                    let fields = fields.iter().map(|(name, value)| match value {
                        Value::String(text) => format!("{name} {text}"),
                        other => format!("{name} {other}"),
                    });
                    format!("{kind}: {}", fields.collect::<Vec<_>>().join(", "))
                }
                other => format!("{kind} {other}"),
            };
        }
    }
    value.to_string()
}

fn to_value(form: &impl Serialize) -> Value {
    Value::try_from(form).expect("plain forms are TOML")
}

/// A heading and its keys, a line each.
fn section(text: &mut String, heading: &str, form: &impl Serialize) {
    let _ = writeln!(text, "\n{heading}");
    if let Value::Table(keys) = to_value(form) {
        for (key, value) in keys {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
}

fn calm_form(core: &Core, scenario: &Scenario) -> CalmForm {
    let outside = || nodes(scenario).zip(core.outside());
    let those = |rest: Rest| {
        let nodes = outside().filter(|(_, own)| **own == Some(rest));
        nodes.map(|(node, _)| node.to_string()).collect()
    };
    CalmForm {
        down: those(Rest::Down),
        still: those(Rest::Still),
    }
}

/// Nodes in the order of a map.
pub(crate) fn nodes(scenario: &Scenario) -> impl Iterator<Item = NodeName> {
    NodeName::all(scenario.topology.pairs_per_cluster)
}

fn node(name: &str, scenario: &Scenario) -> Result<NodeName, ReproError> {
    let found = nodes(scenario).find(|node| node.to_string() == name);
    found.ok_or_else(|| ReproError::Word {
        given: name.to_owned(),
        what: "node",
    })
}

fn core_of(form: &CalmForm, scenario: &Scenario) -> Result<Core, ReproError> {
    let mut outside = vec![None; nodes(scenario).count()];
    for (names, rest) in [(&form.down, Rest::Down), (&form.still, Rest::Still)] {
        for name in names {
            let found = node(name, scenario)?;
            let mut places = nodes(scenario).zip(&mut outside);
            if let Some((_, place)) = places.find(|(node, _)| *node == found) {
                *place = Some(rest);
            }
        }
    }
    Ok(Core::without(outside))
}

fn fault_form(entry: &Entry, names: &Names<'_>) -> FaultForm {
    let plain = |what| FaultForm {
        at: entry.at,
        what,
        after: None,
        late: 0,
        scheduled: false,
        draw: 0,
    };
    match &entry.act {
        Act::Message {
            name,
            fingerprint,
            aspect,
            times,
        } => {
            let form = MessageForm {
                message: names.packet_name(name),
                content: hex(*fingerprint),
                times: times.clone(),
                ..MessageForm::default()
            };
            plain(message_form(*aspect, form))
        }
        Act::Command {
            name,
            fingerprint,
            trouble,
        } => {
            let form = CommandForm {
                command: names.command_name(name),
                content: hex(*fingerprint),
                ..CommandForm::default()
            };
            plain(command_form(*trouble, form))
        }
        Act::Hardware(hardware) => FaultForm {
            after: hardware.after.map(|after| AfterForm {
                left: names.departed_name(&after.departed),
                by: after.span,
            }),
            late: hardware.late,
            scheduled: hardware.is_scheduled,
            draw: hardware.draw,
            ..plain(What::Deed(Deed::of(&hardware.fault, names)))
        },
        Act::Unknown(words) => plain(What::Deed(Deed::Pause(words.clone()))),
    }
}

fn message_form(aspect: Aspect, form: MessageForm) -> What {
    let text = file::print_duration;
    match aspect {
        Aspect::Lost => What::Lose(form),
        Aspect::Doubled { later, more, apart } => What::Double(MessageForm {
            by: Some(text(later)),
            more: u64::from(more),
            apart: (more > 0).then(|| text(apart)),
            ..form
        }),
        Aspect::Delayed(by) => What::Delay(MessageForm {
            by: Some(text(by)),
            ..form
        }),
        Aspect::Corrupted(bit) => What::Corrupt(MessageForm {
            bit: Some(hex(bit)),
            ..form
        }),
    }
}

fn command_form(trouble: Trouble, form: CommandForm) -> What {
    let (effect, draw) = match trouble {
        Trouble::Slow(by) => {
            return What::Slow(CommandForm {
                by: Some(file::print_duration(by)),
                ..form
            });
        }
        Trouble::Wrong { effect, draw } => (effect, draw),
    };
    match effect {
        IoEffect::Lost => What::LoseWrite(form),
        IoEffect::Misdirected(page) => What::Misdirect(CommandForm {
            to_page: Some(page.0),
            ..form
        }),
        IoEffect::Error | IoEffect::Sound => What::Fail(form),
        IoEffect::Full => What::RefuseForSpace(form),
        IoEffect::FlushLies => What::LieAboutFlush(form),
        IoEffect::FlushFails => What::FailFlush(CommandForm { draw, ..form }),
    }
}

fn hex(bits: u64) -> String {
    format!("{bits:016x}")
}

type Named<T> = Result<T, Misnamed>;

fn entry_of(form: &FaultForm, names: &Names<'_>) -> Named<Entry> {
    let act = match &form.what {
        What::Lose(it) => message(it, names, Aspect::Lost)?,
        What::Double(it) => {
            let aspect = Aspect::Doubled {
                later: span(it.by.as_deref())?,
                more: u16::try_from(it.more).map_err(|_| wrong(it.more, "fewer copies"))?,
                apart: it
                    .apart
                    .as_deref()
                    .map_or(Ok(Duration::ZERO), |it| span(Some(it)))?,
            };
            message(it, names, aspect)?
        }
        What::Delay(it) => message(it, names, Aspect::Delayed(span(it.by.as_deref())?))?,
        What::Corrupt(it) => {
            let bit = bits(it.bit.as_deref().unwrap_or_default())?;
            message(it, names, Aspect::Corrupted(bit))?
        }
        What::Slow(it) => command(it, names, Trouble::Slow(span(it.by.as_deref())?))?,
        What::LoseWrite(it) => effect(it, names, IoEffect::Lost)?,
        What::Misdirect(it) => {
            let page = it
                .to_page
                .ok_or_else(|| wrong("misdirect", "it with `to_page`"))?;
            effect(it, names, IoEffect::Misdirected(PageIndex(page)))?
        }
        What::Fail(it) => effect(it, names, IoEffect::Error)?,
        What::RefuseForSpace(it) => effect(it, names, IoEffect::Full)?,
        What::LieAboutFlush(it) => effect(it, names, IoEffect::FlushLies)?,
        What::FailFlush(it) => effect(it, names, IoEffect::FlushFails)?,
        What::Deed(deed) => {
            let after = form.after.as_ref().map(|after| {
                let departed = names.departed(&after.left)?;
                let span = after.by;
                Ok(After { departed, span })
            });
            Act::Hardware(Box::new(Hardware {
                fault: deed.to_fault(names)?,
                after: after.transpose()?,
                late: form.late,
                is_scheduled: form.scheduled,
                draw: form.draw,
            }))
        }
    };
    Ok(Entry { at: form.at, act })
}

fn message(form: &MessageForm, names: &Names<'_>, aspect: Aspect) -> Named<Act> {
    Ok(Act::Message {
        name: names.packet(&form.message)?,
        fingerprint: bits(&form.content)?,
        aspect,
        times: form.times.clone(),
    })
}

fn effect(form: &CommandForm, names: &Names<'_>, effect: IoEffect) -> Named<Act> {
    let draw = form.draw;
    command(form, names, Trouble::Wrong { effect, draw })
}

fn command(form: &CommandForm, names: &Names<'_>, trouble: Trouble) -> Named<Act> {
    Ok(Act::Command {
        name: names.command(&form.command)?,
        fingerprint: bits(&form.content)?,
        trouble,
    })
}

fn span(text: Option<&str>) -> Named<Duration> {
    let text = text.unwrap_or_default();
    file::parse_duration(text).map_err(|_| wrong(text, "a duration as in \"1.5ms\""))
}

fn bits(text: &str) -> Named<u64> {
    u64::from_str_radix(text, 16).map_err(|_| wrong(text, "sixteen hexadecimal digits"))
}

fn wrong(given: impl ToString, right: &'static str) -> Misnamed {
    Misnamed::Malformed {
        given: given.to_string(),
        right,
    }
}

/// What the world would not take: pages behind a device's end, clocks that run backwards.
fn within(entry: Entry, world: &World<Actor>) -> Named<Entry> {
    let Some(hardware) = entry.hardware() else {
        return Ok(entry);
    };
    let holds = |device: DeviceIndex, pages: PageRange| {
        let whole = world.drive(device).device.whole();
        let end = pages.start.0.checked_add(pages.count);
        match pages.count > 0 && end.is_some_and(|end| end <= whole.start.0 + whole.count) {
            true => Ok(()),
            false => Err(wrong(
                pages.start.0,
                "pages of the device, as [first, count]",
            )),
        }
    };
    match hardware.fault {
        Fault::Damage { device, page, .. } => {
            let (start, count) = (page, 1);
            holds(device, PageRange { start, count })?;
        }
        Fault::DeviceFull(device, pages) | Fault::Restore(device, pages) => holds(device, pages)?,
        Fault::ClockRate(_, rate)
            if rate.drift_ppb.unsigned_abs() > DRIFT_PPB_MAX.unsigned_abs() =>
        {
            return Err(wrong(rate.drift_ppb, "a drift of at most 500000000 ppb"));
        }
        Fault::Readdress { address, .. } if address.value() >= ADDRESS_MAX => {
            return Err(wrong(address.value(), "an address below 65536"));
        }
        _ => {}
    }
    Ok(entry)
}
