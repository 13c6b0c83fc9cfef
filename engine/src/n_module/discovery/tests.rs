use super::*;
use crate::contract::Effect;

const NETWORK: NetworkId = NetworkId::new(1);
const TIMEOUT: Duration = Duration::from_millis(50);
const ME: u64 = 77;

struct Searcher {
    discovery: Discovery,
    now: Instant,
    out: NodeOutbox,
}

fn search(count: u32) -> Search {
    Search {
        nonce: 9,
        network: NETWORK,
        wanted: [NodeId::new(3), NodeId::new(4)],
        candidates: Candidates {
            first: Address::new(200),
            count,
        },
        at_a_time: 3,
        timeout: TIMEOUT,
    }
}

impl Searcher {
    fn start(count: u32) -> Self {
        let (mut out, now) = (NodeOutbox::default(), Instant::from_nanos(0));
        let discovery = Discovery::start(&search(count), ME, now, &mut out);
        Searcher {
            discovery,
            now,
            out,
        }
    }

    /// Addresses that were asked since, with the attempt, and what was told.
    fn take(&mut self) -> (Vec<(u32, u32)>, Vec<Local>) {
        let (mut asked, mut told) = (Vec::new(), Vec::new());
        for effect in self.out.drain() {
            match effect {
                Effect::Send { to, label, .. } => asked.push((to.value(), label.attempt)),
                Effect::Local { message, .. } => told.push(message),
                Effect::Bind { .. } | Effect::Submit(_) | Effect::Trace(_) | Effect::Probe(_) => {
                    panic!("it asks and tells")
                }
            }
        }
        (asked, told)
    }

    fn here(&mut self, address: u32, node: u32) {
        self.answer(9, address, node);
    }

    fn answer(&mut self, nonce: u64, address: u32, node: u32) {
        let (said, from) = ((nonce, NodeId::new(node)), Address::new(address));
        self.discovery
            .handle_here(said, from, ME, self.now, &mut self.out);
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.discovery.handle_deadline(ME, self.now, &mut self.out);
    }
}

fn found(first: Option<u32>, second: Option<u32>, is_over: bool) -> Local {
    Local::Found {
        nonce: 9,
        found: [first, second].map(|it| it.map(Address::new)),
        is_over,
    }
}

#[test]
fn so_many_addresses_are_asked_at_a_time_and_the_next_when_one_is_done() {
    let mut searcher = Searcher::start(5);
    assert_eq!(
        searcher.take(),
        (vec![(200, 0), (201, 0), (202, 0)], vec![])
    );
    searcher.here(201, 8);
    assert_eq!(searcher.take(), (vec![(203, 0)], vec![]), "a stranger");
    searcher.here(202, 4);
    assert_eq!(
        searcher.take(),
        (vec![(204, 0)], vec![found(None, Some(202), false)])
    );
}

#[test]
fn it_ends_as_soon_as_everybody_is_found() {
    let mut searcher = Searcher::start(5);
    searcher.take();
    searcher.here(200, 4);
    searcher.here(202, 3);
    let (asked, told) = searcher.take();
    assert_eq!(asked, [(203, 0)]);
    let last = found(Some(202), Some(200), true);
    assert_eq!(told, [found(None, Some(200), false), last]);
    assert!(searcher.discovery.is_over());
}

#[test]
fn who_does_not_answer_is_asked_twice_and_passed_over() {
    let mut searcher = Searcher::start(4);
    searcher.take();
    searcher.pass(Duration::from_millis(49));
    assert_eq!(searcher.take(), (vec![], vec![]), "not yet");
    searcher.pass(Duration::from_millis(1));
    assert_eq!(
        searcher.take(),
        (vec![(200, 1), (201, 1), (202, 1)], vec![])
    );
    searcher.pass(TIMEOUT);
    assert_eq!(searcher.take(), (vec![(203, 0)], vec![]));
    searcher.pass(TIMEOUT);
    searcher.pass(TIMEOUT);
    assert_eq!(
        searcher.take(),
        (vec![(203, 1)], vec![found(None, None, true)])
    );
    assert_eq!(searcher.discovery.next_deadline(), None);
}

#[test]
fn an_answer_counts_once_and_to_this_search_alone() {
    let mut searcher = Searcher::start(5);
    searcher.take();
    searcher.answer(8, 200, 3);
    searcher.here(204, 3);
    assert_eq!(
        searcher.take(),
        (vec![], vec![]),
        "of another, not asked yet"
    );
    searcher.here(200, 3);
    searcher.here(200, 4);
    let (_, told) = searcher.take();
    assert_eq!(told, [found(Some(200), None, false)]);
}

#[test]
fn without_candidates_nothing_is_found_at_once() {
    let mut searcher = Searcher::start(0);
    assert_eq!(searcher.take(), (vec![], vec![found(None, None, true)]));
    let beyond = Search {
        candidates: Candidates {
            first: Address::new(u32::MAX),
            count: 3,
        },
        ..search(0)
    };
    let mut out = NodeOutbox::default();
    let discovery = Discovery::start(&beyond, ME, Instant::from_nanos(0), &mut out);
    assert!(!discovery.is_over(), "there is one");
    assert_eq!(out.drain().count(), 1);
}
