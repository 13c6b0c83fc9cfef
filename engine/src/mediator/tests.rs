use bytes::Bytes;

use super::*;
use crate::codec::envelope::{head_bytes, seal};
use crate::codec::testing::damage::{check_bit_flips, check_versions};
use crate::codec::testing::golden;
use crate::configuration::D_SLOT;
use crate::contract::{Effect, Frame, PAGE_BYTES};
use crate::payload::Payload;
use crate::vocabulary::{SiteEpoch, SiteId};
use crate::wire::DecodeError;
use crate::wire::mediator::{encode_request, kind_of};

type Effects = Vec<Effect<Local, Event>>;

const NETWORK: NetworkId = NetworkId::new(2);
const DEVICE: DeviceId = DeviceId::new(4);
const VOLUME: VolumeId = VolumeId::new(1);
const EAST: SiteId = SiteId::new(1);
const WEST: SiteId = SiteId::new(2);
const GOLDEN: &str = include_str!("../../golden/mediator.hex");
/// A lease of 2 s and its margin of 10 ms.
const TERM: u64 = 2_010;

fn record(version: u64, owner: SiteId, in_sync: bool) -> MediatorRecord {
    MediatorRecord {
        version: SiteEpoch::new(version),
        owner,
        in_sync,
    }
}

fn page(record: MediatorRecord) -> RecordPage {
    let volume = VOLUME;
    RecordPage { volume, record }
}

fn blank() -> Payload {
    vec![0; PAGE_BYTES].into()
}

fn configuration() -> Arc<MediatorConfiguration> {
    Arc::new(configuration_from(PageIndex(0)))
}

/// The configuration of one whose pages begin there.
fn configuration_from(first_page: PageIndex) -> MediatorConfiguration {
    MediatorConfiguration {
        network: NETWORK,
        device: DEVICE,
        first_page,
        volume: VOLUME,
        begins_with: record(1, EAST, true),
        lease: Duration::from_secs(2),
        lease_margin: Duration::from_millis(10),
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(0).after(Duration::from_millis(millis))
}

/// The mediator, asked by two sites.
struct Third {
    mediator: Mediator,
    now: Instant,
    nonce: u64,
}

impl Third {
    /// It has booted at time zero and reads.
    fn booted() -> Self {
        let mut out = NodeOutbox::default();
        let now = at(0);
        let mediator = Mediator::boot(&configuration(), Entropy::new(77), now, &mut out);
        let read = IoRequest::Read {
            start: PageIndex(0),
            count: 2,
        };
        assert_eq!(out.drain().collect::<Effects>(), [submitted(0, read)]);
        let nonce = 500;
        Third {
            mediator,
            now,
            nonce,
        }
    }

    /// It has read these pages.
    fn with(pages: [Payload; 2]) -> Self {
        let mut third = Third::booted();
        let output = IoOutput::Pages(pages.to_vec());
        assert_eq!(third.complete(0, Ok(output)), []);
        third
    }

    fn fresh() -> Self {
        Third::with([blank(), blank()])
    }

    fn input(&mut self, input: Input<Local>) -> Effects {
        let mut out = NodeOutbox::default();
        self.mediator.handle(self.now, input, &mut out);
        self.mediator.check_invariants();
        out.drain().collect()
    }

    fn complete(&mut self, io: u64, result: Result<IoOutput, IoError>) -> Effects {
        let (device, io) = (DEVICE, IoId(io));
        self.input(Input::Completion(Completion { device, io, result }))
    }

    fn packet(&mut self, network: NetworkId, from: SiteId, frame: Frame) -> Effects {
        let label = Label {
            kind: kind_of(Ask::Read),
            incarnation: 3,
            id: self.nonce,
            part: 0,
            attempt: 6,
        };
        self.input(Input::Packet(Packet {
            network,
            from: address(from),
            label,
            frame,
        }))
    }

    fn ask(&mut self, site: SiteId, ask: Ask) -> Effects {
        self.nonce += 1;
        let frame = encode_request(&request(self.nonce, site, ask));
        self.packet(NETWORK, site, frame)
    }

    /// The write of a record is done, and so is the read that checks it.
    fn durable(&mut self, record: MediatorRecord) -> Effects {
        let version = record.version.value();
        assert_eq!(
            self.complete(version, Ok(IoOutput::Done)),
            [checked(0, record)]
        );
        self.found(0, record, encode_page(&page(record)))
    }

    /// The read that checks a write has returned a page.
    fn found(&mut self, repetition: u64, record: MediatorRecord, page: Payload) -> Effects {
        let io = CHECK_BIT | repetition << REPETITION_SHIFT | record.version.value();
        self.complete(io, Ok(IoOutput::Pages(vec![page])))
    }

    /// What it answers to a question for its record.
    fn record(&mut self) -> MediatorRecord {
        let effects = self.ask(WEST, Ask::Read);
        let told = self.mediator.record;
        assert_eq!(effects, [replied(self.nonce, WEST, told, false)]);
        told
    }
}

fn address(site: SiteId) -> Address {
    Address::new(200 + site.value())
}

fn request(nonce: u64, site: SiteId, ask: Ask) -> MediatorRequest {
    MediatorRequest {
        volume: VOLUME,
        site,
        nonce,
        attempt: 6,
        ask,
    }
}

fn set(expect: u64, in_sync: bool) -> Ask {
    let expect = SiteEpoch::new(expect);
    Ask::CompareAndSet { expect, in_sync }
}

fn submitted(io: u64, request: IoRequest) -> Effect<Local, Event> {
    Effect::Submit(Submission {
        device: DEVICE,
        io: IoId(io),
        key: ReservationKey { epoch: 0, node: 0 },
        request,
    })
}

fn checked(repetition: u64, record: MediatorRecord) -> Effect<Local, Event> {
    let version = record.version.value();
    let read = IoRequest::Read {
        start: PageIndex(version % 2),
        count: 1,
    };
    let io = CHECK_BIT | repetition << REPETITION_SHIFT | version;
    submitted(io, read)
}

fn written(record: MediatorRecord) -> Effect<Local, Event> {
    written_again(0, record)
}

fn written_again(repetition: u64, record: MediatorRecord) -> Effect<Local, Event> {
    let place = record.version.value() % 2;
    let write = IoRequest::Write {
        start: PageIndex(place),
        pages: vec![encode_page(&page(record))],
        persistence: Persistence::ForceUnitAccess,
    };
    let io = repetition << REPETITION_SHIFT | record.version.value();
    submitted(io, write)
}

fn replied(nonce: u64, to: SiteId, record: MediatorRecord, granted: bool) -> Effect<Local, Event> {
    let reply = MediatorReply {
        volume: VOLUME,
        nonce,
        attempt: 6,
        record,
        granted,
    };
    Effect::Send {
        network: NETWORK,
        to: address(to),
        label: Label {
            kind: match granted {
                true => kind::MEDIATOR_GRANTED,
                false => kind::MEDIATOR_RECORD,
            },
            incarnation: 77,
            id: nonce,
            part: 0,
            attempt: 6,
        },
        frame: encode_reply(&reply),
    }
}

fn ignored(reason: IgnoreReason) -> Effects {
    vec![Effect::Trace(Event::Ignored(reason))]
}

#[test]
fn a_blank_device_begins_with_the_configured_record() {
    assert_eq!(Third::fresh().record(), record(1, EAST, true));
}

#[test]
fn the_newer_of_two_pages_counts() {
    let (third, second) = (record(3, WEST, true), record(2, EAST, false));
    let pages = [encode_page(&page(second)), encode_page(&page(third))];
    assert_eq!(Third::with(pages).record(), third);
    let fourth = record(4, WEST, true);
    let pages = [encode_page(&page(fourth)), encode_page(&page(third))];
    assert_eq!(Third::with(pages).record(), fourth);
}

#[test]
fn a_torn_write_leaves_the_older_record() {
    let torn: Payload = vec![5; PAGE_BYTES].into();
    let third = record(3, WEST, true);
    let pages = [torn.clone(), encode_page(&page(third))];
    assert_eq!(Third::with(pages).record(), third);
    // The first write ever was torn: the record before it was never written.
    let pages = [torn, blank()];
    assert_eq!(Third::with(pages).record(), record(1, EAST, true));
}

#[test]
fn a_page_in_the_wrong_place_or_of_another_volume_is_no_record() {
    let good = encode_page(&page(record(3, WEST, true)));
    let misplaced = encode_page(&page(record(5, EAST, true)));
    assert_eq!(
        Third::with([misplaced, good.clone()])
            .record()
            .version
            .value(),
        3
    );
    let foreign = encode_page(&RecordPage {
        volume: VolumeId::new(2),
        record: record(4, EAST, true),
    });
    assert_eq!(Third::with([foreign, good]).record().version.value(), 3);
}

#[test]
fn without_a_trustworthy_page_it_halts() {
    let broken: Payload = vec![5; PAGE_BYTES].into();
    let mut third = Third::booted();
    let pages = IoOutput::Pages(vec![broken.clone(), broken]);
    let halted = Effect::Trace(Event::Halted(IoError::Unreadable(PageIndex(0))));
    assert_eq!(third.complete(0, Ok(pages)), [halted]);
    assert_eq!(
        third.ask(EAST, Ask::Read),
        ignored(IgnoreReason::WrongPhase)
    );
}

#[test]
fn a_device_that_cannot_be_read_halts_it() {
    let mut third = Third::booted();
    let error = IoError::Unreadable(PageIndex(1));
    let halted = Effect::Trace(Event::Halted(error));
    assert_eq!(third.complete(0, Err(error)), [halted]);
    let late = ignored(IgnoreReason::LateCompletion);
    assert_eq!(third.complete(0, Ok(IoOutput::Done)), late);
}

#[test]
fn a_device_that_does_not_answer_is_read_back_later_and_nobody_is_answered_before() {
    let mut third = Third::fresh();
    let second = record(2, EAST, false);
    assert_eq!(third.ask(EAST, set(1, false)), [written(second)]);
    let gone = Effect::Probe("mediator: device gone, read back later");
    assert_eq!(third.complete(2, Err(IoError::Gone)), [gone]);
    assert_eq!(
        third.ask(EAST, Ask::Read),
        ignored(IgnoreReason::WrongPhase)
    );
    let read = IoRequest::Read {
        start: PageIndex(0),
        count: 2,
    };
    third.now = at(499);
    assert_eq!(third.input(Input::Deadline), []);
    third.now = at(500);
    assert_eq!(
        third.input(Input::Deadline),
        [submitted(1 << 32, read.clone())]
    );
    // Gone again: once more, under another name.
    assert_eq!(third.complete(1 << 32, Err(IoError::Gone)).len(), 1);
    third.now = at(1_000);
    assert_eq!(third.input(Input::Deadline), [submitted(2 << 32, read)]);
    // The write had its effect after all.
    let pages = vec![encode_page(&page(second)), blank()];
    assert_eq!(third.complete(2 << 32, Ok(IoOutput::Pages(pages))), []);
    assert_eq!(third.record(), second);
}

#[test]
fn a_device_that_cannot_be_written_halts_it_and_nobody_is_answered() {
    let mut third = Third::fresh();
    third.ask(EAST, set(1, false));
    assert_eq!(third.ask(WEST, Ask::Read).len(), 1, "it waits");
    let halted = Effect::Trace(Event::Halted(IoError::Full));
    assert_eq!(third.complete(2, Err(IoError::Full)), [halted]);
    assert_eq!(
        third.ask(WEST, Ask::Read),
        ignored(IgnoreReason::WrongPhase)
    );
}

#[test]
fn questions_before_the_device_is_read_are_ignored() {
    let mut third = Third::booted();
    for ask in [Ask::Read, Ask::Lease, set(1, true)] {
        assert_eq!(third.ask(EAST, ask), ignored(IgnoreReason::WrongPhase));
    }
}

#[test]
fn what_is_not_for_it_is_ignored_with_a_reason() {
    let mut third = Third::fresh();
    let good = request(1, EAST, Ask::Read);
    let elsewhere = third.packet(NetworkId::new(1), EAST, encode_request(&good));
    assert_eq!(elsewhere, ignored(IgnoreReason::Misrouted));
    let volume = VolumeId::new(2);
    let foreign = encode_request(&MediatorRequest { volume, ..good });
    let foreign = third.packet(NETWORK, EAST, foreign);
    assert_eq!(foreign, ignored(IgnoreReason::Misrouted));
    let noise = Frame {
        head: Bytes::from_static(b"noise"),
        body: Payload::new(),
    };
    let noise = third.packet(NETWORK, EAST, noise);
    assert_eq!(noise, ignored(IgnoreReason::Undecodable));
    let local = Input::Local(Local::AskConfiguration { from: D_SLOT });
    assert_eq!(third.input(local), ignored(IgnoreReason::Misrouted));
    let late = third.complete(9, Ok(IoOutput::Done));
    assert_eq!(late, ignored(IgnoreReason::LateCompletion));
    assert_eq!(third.input(Input::Deadline), []);
}

#[test]
fn the_owner_sets_the_record_and_hears_of_it_when_it_is_durable() {
    let mut third = Third::fresh();
    let second = record(2, EAST, false);
    assert_eq!(third.ask(EAST, set(1, false)), [written(second)]);
    let nonce = third.nonce;
    let effects = third.durable(second);
    let durable = Effect::Trace(Event::MediatorSet(second));
    assert_eq!(effects, [durable, replied(nonce, EAST, second, false)]);
    assert_eq!(third.record(), second);
    // The next one goes to the other page.
    let third_version = record(3, EAST, true);
    assert_eq!(third.ask(EAST, set(2, true)), [written(third_version)]);
}

#[test]
fn a_write_that_is_not_there_is_written_again_and_nobody_hears_of_it() {
    let again = Effect::Probe("mediator: written again, for it is not there");
    let mut third = Third::fresh();
    let second = record(2, EAST, false);
    third.ask(EAST, set(1, false));
    third.complete(2, Ok(IoOutput::Done));
    // What stood there before, or another version, or nothing that can be read.
    let older = encode_page(&page(record(4, EAST, false)));
    for (repetition, stale) in [(0, blank()), (1, older)] {
        let effects = third.found(repetition, second, stale);
        let next = written_again(repetition + 1, second);
        assert_eq!(effects, [again.clone(), next]);
        let io = (repetition + 1) << REPETITION_SHIFT | 2;
        let effects = third.complete(io, Ok(IoOutput::Done));
        assert_eq!(effects, [checked(repetition + 1, second)]);
    }
    let effects = third.found(2, second, encode_page(&page(second)));
    assert_eq!(effects[0], Effect::Trace(Event::MediatorSet(second)));
}

#[test]
fn a_device_that_never_keeps_a_write_halts_it() {
    let mut third = Third::fresh();
    third.ask(EAST, set(1, false));
    let mut last = Effects::default();
    for repetition in 0..WRITES_MAX {
        third.complete(repetition << REPETITION_SHIFT | 2, Ok(IoOutput::Done));
        let io = CHECK_BIT | repetition << REPETITION_SHIFT | 2;
        last = third.complete(io, Err(IoError::Unreadable(PageIndex(0))));
    }
    let halted = Effect::Trace(Event::Halted(IoError::Unreadable(PageIndex(0))));
    assert_eq!(last.last(), Some(&halted));
}

#[test]
fn a_set_that_expects_another_version_changes_nothing() {
    let mut third = Third::fresh();
    for expect in [0, 2] {
        let effects = third.ask(EAST, set(expect, false));
        let told = record(1, EAST, true);
        assert_eq!(effects, [replied(third.nonce, EAST, told, false)]);
    }
}

#[test]
fn another_site_is_promoted_once_the_lease_has_run_out() {
    let mut third = Third::fresh();
    let refused = |third: &mut Third, probe| {
        let effects = third.ask(WEST, set(1, false));
        let told = replied(third.nonce, WEST, record(1, EAST, true), false);
        assert_eq!(effects, [Effect::Probe(probe), told]);
    };
    // A boot assumes a lease of a whole term.
    third.now = at(TERM - 1);
    refused(&mut third, "mediator: the owner's lease stands");
    third.ask(EAST, Ask::Lease);
    third.now = at(2 * TERM - 2);
    refused(&mut third, "mediator: the owner's lease stands");
    third.now = at(2 * TERM - 1);
    let promoted = record(2, WEST, false);
    assert_eq!(third.ask(WEST, set(1, false)), [written(promoted)]);
    let effects = third.durable(promoted);
    assert_eq!(effects[0], Effect::Trace(Event::MediatorSet(promoted)));
}

#[test]
fn an_outdated_mirror_is_never_promoted() {
    let mut third = Third::fresh();
    third.ask(EAST, set(1, false));
    third.durable(record(2, EAST, false));
    third.now = at(10 * TERM);
    let effects = third.ask(WEST, set(2, true));
    let told = replied(third.nonce, WEST, record(2, EAST, false), false);
    let probe = Effect::Probe("mediator: an outdated mirror is not promoted");
    assert_eq!(effects, [probe, told]);
}

#[test]
fn only_the_owner_is_granted_a_lease() {
    let mut third = Third::fresh();
    let told = record(1, EAST, true);
    let granted = third.ask(EAST, Ask::Lease);
    assert_eq!(granted, [replied(third.nonce, EAST, told, true)]);
    let refused = third.ask(WEST, Ask::Lease);
    assert_eq!(refused, [replied(third.nonce, WEST, told, false)]);
}

#[test]
fn questions_behind_a_write_are_answered_after_it_and_by_it() {
    let waits = Effect::Probe("mediator: a question waits for a write");
    let mut third = Third::fresh();
    third.now = at(TERM);
    third.ask(WEST, set(1, true));
    let promoting = third.nonce;
    for (site, ask) in [
        (EAST, Ask::Lease),
        (EAST, Ask::Read),
        (WEST, set(2, false)),
        (WEST, Ask::Lease),
    ] {
        assert_eq!(third.ask(site, ask), std::slice::from_ref(&waits));
    }
    let (second, last) = (record(2, WEST, true), record(3, WEST, false));
    // The former owner gets no lease any more; behind the next write, one waits on.
    assert_eq!(
        third.durable(second),
        [
            Effect::Trace(Event::MediatorSet(second)),
            replied(promoting, WEST, second, false),
            replied(promoting + 1, EAST, second, false),
            replied(promoting + 2, EAST, second, false),
            written(last),
        ]
    );
    assert_eq!(
        third.durable(last),
        [
            Effect::Trace(Event::MediatorSet(last)),
            replied(promoting + 3, WEST, last, false),
            replied(promoting + 4, WEST, last, true),
        ]
    );
}

#[test]
fn beyond_its_room_a_question_is_ignored() {
    let mut third = Third::fresh();
    third.ask(EAST, set(1, false));
    for _ in 0..QUESTIONS_MAX {
        third.ask(EAST, Ask::Read);
    }
    let probe = Effect::Probe("mediator: too many questions behind a write");
    let event = Effect::Trace(Event::Ignored(IgnoreReason::NoRoom));
    assert_eq!(third.ask(EAST, Ask::Read), [probe, event]);
    let effects = third.durable(record(2, EAST, false));
    assert_eq!(effects.len(), 2 + QUESTIONS_MAX);
}

#[test]
fn a_page_keeps_its_golden_bytes() {
    let golden_page = page(record(9, WEST, true));
    golden::check(GOLDEN, "record", &encode_page(&golden_page));
    let bytes = golden::section(GOLDEN, "record");
    assert_eq!(decode_page(&bytes), Ok(golden_page));
}

#[test]
fn every_damage_to_a_page_is_noticed() {
    let bytes = encode_page(&page(record(9, WEST, true)));
    check_bit_flips(&bytes, decode_page);
    let length = Err(DecodeError::Field("page length"));
    assert_eq!(decode_page(&bytes[1..]), length);
    let reseal = |bytes: &mut [u8]| {
        let head = head_bytes(bytes).expect("a page is long enough");
        seal(&mut bytes[..head], &[]);
    };
    check_versions(&bytes, 1, reseal, decode_page);
}

#[test]
fn one_that_shares_a_device_keeps_to_its_own_pages() {
    let first_page = PageIndex(6);
    let configuration = Arc::new(configuration_from(first_page));
    let mut out = NodeOutbox::default();
    let now = at(0);
    let mediator = Mediator::boot(&configuration, Entropy::new(77), now, &mut out);
    let read = |start, count| IoRequest::Read { start, count };
    let reread = submitted(0, read(first_page, 2));
    assert_eq!(out.drain().collect::<Effects>(), [reread]);
    let nonce = 500;
    let mut third = Third {
        mediator,
        now,
        nonce,
    };
    let stored = [record(4, EAST, false), record(5, EAST, true)];
    let pages = stored.map(|it| encode_page(&page(it))).to_vec();
    assert_eq!(third.complete(0, Ok(IoOutput::Pages(pages))), []);
    assert_eq!(third.record(), stored[1]);
    let newer = record(6, EAST, false);
    let write = IoRequest::Write {
        start: first_page,
        pages: vec![encode_page(&page(newer))],
        persistence: Persistence::ForceUnitAccess,
    };
    assert_eq!(third.ask(EAST, set(5, false)), [submitted(6, write)]);
    let check = submitted(CHECK_BIT | 6, read(first_page, 1));
    assert_eq!(third.complete(6, Ok(IoOutput::Done)), [check]);
}
