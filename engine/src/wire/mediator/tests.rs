use super::*;

fn request(ask: Ask) -> MediatorRequest {
    MediatorRequest {
        volume: VolumeId::new(1),
        site: SiteId::new(2),
        nonce: 77,
        attempt: 3,
        ask,
    }
}

fn reply(granted: bool) -> MediatorReply {
    MediatorReply {
        volume: VolumeId::new(1),
        nonce: 77,
        attempt: 3,
        record: MediatorRecord {
            version: SiteEpoch::new(9),
            owner: SiteId::new(2),
            in_sync: true,
        },
        granted,
    }
}

#[test]
fn requests_and_replies_come_back_as_they_were() {
    let expect = SiteEpoch::new(8);
    let set = Ask::CompareAndSet {
        expect,
        in_sync: false,
    };
    for ask in [Ask::Read, Ask::Lease, set] {
        assert_eq!(
            decode_request(&encode_request(&request(ask))),
            Ok(request(ask))
        );
    }
    for granted in [true, false] {
        assert_eq!(
            decode_reply(&encode_reply(&reply(granted))),
            Ok(reply(granted))
        );
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let frame = encode_reply(&reply(true));
    for bit in 0..frame.head.len() * 8 {
        let mut head = frame.head.to_vec();
        head[bit / 8] ^= 1 << (bit % 8);
        let damaged = Frame {
            head: head.into(),
            body: Bytes::new(),
        };
        assert!(decode_reply(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn a_reply_is_no_request() {
    let error = decode_request(&encode_reply(&reply(false)));
    assert_eq!(error, Err(DecodeError::Field("kind")));
}
