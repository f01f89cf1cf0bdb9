//! Turns counts by bucket into bytes of `HdrHistogram`'s format V2 and back, without the 264 KiB
//! that a histogram with every bucket takes.
//!
//! The buckets are those of [`TimeHistograms`](super::TimeHistograms): their numbers are the
//! indices of its counts.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use std::sync::LazyLock;

/// The longest time that a histogram resolves: one hour.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;

/// A histogram of ours without samples.
pub(super) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("fixed bounds that the crate accepts")
}

/// The header of every histogram of ours: cookie, length of the counts, digits and bounds.
static HEAD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(&empty(), &mut bytes).expect("memory");
    bytes.truncate(HEAD_BYTES);
    bytes
});

pub(super) const HEAD_BYTES: usize = 40;

/// How many buckets a histogram of ours has.
const BUCKETS: u64 = 33 << 10;

/// The bytes of a histogram with these counts; each bucket once, the lowest first, none without a
/// sample.
pub(super) fn encode(counts: &[(u16, u64)]) -> Vec<u8> {
    let mut bytes = HEAD.clone();
    let mut next = 0;
    for (bucket, count) in counts {
        match i64::from(*bucket) - next {
            0 => {}
            // One empty bucket is a count of zero, several are their number below zero.
            1 => put(&mut bytes, 0),
            several => put(&mut bytes, -several),
        }
        put(&mut bytes, i64::try_from(*count).unwrap_or(i64::MAX));
        next = i64::from(*bucket) + 1;
    }
    let length = u32::try_from(bytes.len() - HEAD_BYTES).expect("9 bytes a bucket at most");
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// The counts of a histogram of ours.
///
/// # Errors
/// When it is cut off, has other bounds, or counts that no histogram has. Memory is taken only for
/// counts that have come: a few bytes can claim gigabytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<(u16, u64)>, String> {
    let Some((head, mut rest)) = bytes.split_at_checked(HEAD_BYTES) else {
        return Err("a histogram that is cut off".to_owned());
    };
    let claimed = u32::try_from(rest.len()).unwrap_or(u32::MAX).to_be_bytes();
    if head[..4] != HEAD[..4] || head[4..8] != claimed || head[8..] != HEAD[8..] {
        return Err("a histogram with other bounds, or another length".to_owned());
    }
    let (mut counts, mut bucket, mut sum) = (Vec::new(), 0_u64, 0_u64);
    while !rest.is_empty() {
        let number = take(&mut rest).ok_or("a histogram whose last count is cut off")?;
        let Ok(count) = u64::try_from(number) else {
            bucket = bucket.saturating_add(number.unsigned_abs());
            continue;
        };
        let place = u16::try_from(bucket).ok().filter(|_| bucket < BUCKETS);
        let place = place.ok_or("a histogram with more counts than buckets")?;
        sum = sum.checked_add(count).ok_or("a histogram with more samples than can be counted")?;
        if count > 0 {
            counts.push((place, count));
        }
        bucket += 1;
    }
    Ok(counts)
}

/// Adds a number in zigzag and LEB128, whose ninth byte is a whole one.
fn put(bytes: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..8 {
        let low = u8::try_from(left & 0x7f).expect("seven bits");
        left >>= 7;
        if left == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
    bytes.push(u8::try_from(left).expect("eight bits are left"));
}

/// Takes a number off the front; `None` when it is cut off.
fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for at in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let (bits, last) = if at == 8 { (*byte, true) } else { (byte & 0x7f, byte & 0x80 == 0) };
        number |= u64::from(bits) << (7 * at);
        if last {
            break;
        }
    }
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    /// Found by fuzzing: a frame of 200 bytes whose histogram claims 4 GB of counts.
    #[test]
    fn a_histogram_with_other_bounds_is_refused() {
        let of = |histogram: &Histogram<u64>| {
            let mut bytes = Vec::new();
            V2Serializer::new().serialize(histogram, &mut bytes).expect("memory");
            bytes
        };
        assert_eq!(decode(&of(&empty())), Ok(Vec::new()));
        let highest = crate::record::HIGHEST_NS;
        for (low, high, digits) in [(1, u64::MAX, 5), (1, highest, 4), (2, highest, 3)] {
            let other = Histogram::new_with_bounds(low, high, digits).expect("bounds");
            assert!(decode(&of(&other)).is_err(), "{low} {high} {digits}");
        }
        let ours = of(&empty());
        for cut in 0..HEAD_BYTES {
            assert!(decode(&ours[..cut]).is_err(), "{cut}");
        }
        let mut longer = ours.clone();
        longer[4] = 0xf4;
        assert!(decode(&longer).is_err());
        // Compressed ones are never written.
        let mut packed = Vec::new();
        hdrhistogram::serialization::V2DeflateSerializer::new()
            .serialize(&empty(), &mut packed)
            .expect("memory");
        assert!(decode(&packed).is_err());
    }

    #[test]
    fn counts_that_no_histogram_has_are_refused() {
        let with = |numbers: &[i64]| {
            let mut bytes = HEAD.clone();
            for number in numbers {
                put(&mut bytes, *number);
            }
            let length = u32::try_from(bytes.len() - HEAD_BYTES).unwrap();
            bytes[4..8].copy_from_slice(&length.to_be_bytes());
            bytes
        };
        let last = i64::try_from(BUCKETS).unwrap() - 1;
        assert_eq!(decode(&with(&[-last, 7])), Ok(vec![(33_791, 7)]));
        assert!(decode(&with(&[-last, 7, 1])).is_err());
        assert!(decode(&with(&[i64::MIN, i64::MIN, 1])).is_err());
        assert!(decode(&with(&[i64::MAX, i64::MAX, 2])).is_err());
        let mut cut = with(&[1_000]);
        cut.pop();
        cut[7] -= 1;
        assert!(decode(&cut).is_err());
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_the_library(
            counts in proptest::collection::btree_map(0_u16..33_792, 1_u64..u64::MAX >> 17, 0..200),
            dense in 0_u16..30_000,
        ) {
            // Neighbours, too, and gaps of one.
            let near = (0..8).map(|step| (dense + step + step / 3, 1 << (7 * step)));
            let counts: Vec<(u16, u64)> =
                counts.into_iter().chain(near).collect::<std::collections::BTreeMap<_, _>>().into_iter().collect();
            let bytes = encode(&counts);
            let whole: Histogram<u64> =
                Deserializer::new().deserialize(&mut &*bytes).expect("a histogram");
            let mut again = Vec::new();
            V2Serializer::new().serialize(&whole, &mut again).expect("memory");
            prop_assert_eq!(&bytes, &again);
            prop_assert_eq!(whole.len(), counts.iter().map(|(_, count)| count).sum::<u64>());
            prop_assert_eq!(decode(&bytes), Ok(counts));
        }
    }
}
