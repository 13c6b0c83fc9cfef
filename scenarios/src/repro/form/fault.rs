//! One fault in the file of a repro, and as a key.

use serde::{Deserialize, Serialize};
use stormglass_engine::contract::PageIndex;
use stormglass_engine::time::Duration;
use stormglass_sim::clock::DRIFT_PPB_MAX;
use stormglass_sim::device::{IoEffect, PageRange};
use stormglass_sim::fault::Fault;
use stormglass_sim::network::ADDRESS_MAX;
use stormglass_sim::world::{DeviceIndex, World};
use toml::Value;

use super::{ReproError, to_value};
use crate::actor::Actor;
use crate::file::{self, DurationText};
use crate::repro::deed::Deed;
use crate::repro::entry::{Act, After, Aspect, Entry, Hardware, Trouble};
use crate::repro::names::{Misnamed, Names};

/// A fault and its instant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultForm {
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

impl FaultForm {
    /// A fault as its file has it.
    pub(super) fn of(entry: &Entry, names: &Names<'_>) -> Self {
        fault_form(entry, names)
    }

    /// The fault, which stands at this place of its list, counted from 1. One that names
    /// what this cluster has not is kept by its words.
    pub(super) fn to_entry(
        &self,
        names: &Names<'_>,
        world: &World<Actor>,
        place: usize,
    ) -> Result<Entry, ReproError> {
        let found = entry_of(self, names).and_then(|entry| within(entry, world));
        found.or_else(|misnamed| match misnamed {
            Misnamed::Absent(_) => Ok(Entry {
                at: self.at,
                act: Act::Unknown(words(&self.what)),
            }),
            Misnamed::Malformed { given, right } => Err(ReproError::Fault {
                place,
                given,
                right,
            }),
        })
    }
}

/// The words of a fault, as a key: without its fingerprint.
pub(in crate::repro) fn key(entry: &Entry, names: &Names<'_>) -> String {
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
