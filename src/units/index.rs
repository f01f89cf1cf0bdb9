//! Converts indices between what plans, records and memory count with: checked, never saturated.

/// An index into a plan's scenarios, stages, requests, thresholds or checks, as records carry it.
///
/// # Panics
/// Where the index does not fit. A plan is refused long before: it has at most 1,000 of anything
/// and 64 checks for each request. To saturate would book on something else.
#[track_caller]
pub fn narrow(index: usize) -> u16 {
    u16::try_from(index).expect("an index into a plan fits 16 bits")
}

/// An index or a length of something that is bounded far below 4 GiB: plans, their files, requests.
///
/// # Panics
/// Where it does not fit.
#[track_caller]
pub fn narrow32(length: usize) -> u32 {
    u32::try_from(length).expect("an index or a length fits 32 bits")
}

/// A number of a user, an arrival or a byte as an index into memory.
///
/// # Panics
/// Where the number does not fit, which only a machine of 32 bits can say. To saturate would take
/// something else.
#[track_caller]
pub fn index(number: u64) -> usize {
    usize::try_from(number).expect("an index into memory fits a pointer")
}

/// A place in a worker's memory, as events and queues carry it.
///
/// # Panics
/// Where the place does not fit: no process has as many connections. To saturate would take another
/// one's.
#[track_caller]
pub fn slot(index: usize) -> u32 {
    u32::try_from(index).expect("a slot fits 32 bits")
}

#[cfg(test)]
mod tests {
    use super::{index, narrow, narrow32, slot};

    #[test]
    fn a_number_is_the_index_that_it_was() {
        assert_eq!(index(u64::from(u32::MAX)), u32::MAX as usize);
        assert_eq!(slot(u32::MAX as usize), u32::MAX);
    }

    #[test]
    fn every_index_that_fits_is_kept() {
        assert!((0..=u16::MAX).all(|index| narrow(usize::from(index)) == index));
    }

    #[test]
    #[should_panic(expected = "fits 32 bits")]
    fn a_length_that_does_not_fit_is_no_other() {
        assert_eq!(narrow32(u32::MAX as usize), u32::MAX);
        narrow32(u32::MAX as usize + 1);
    }

    #[test]
    #[should_panic(expected = "fits 16 bits")]
    fn an_index_that_does_not_fit_is_no_other() {
        narrow(65_536);
    }

    #[test]
    #[should_panic(expected = "fits 32 bits")]
    fn a_slot_that_does_not_fit_is_no_other() {
        slot(1 << 32);
    }
}
