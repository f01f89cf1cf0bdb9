//! Narrows indices into a plan to what records and messages carry.

/// An index into a plan's scenarios, stages, requests, thresholds or checks, as records carry it.
///
/// # Panics
/// Where the index does not fit. A plan is refused long before: it has at most 1,000 of anything and
/// 64 checks for each request. To saturate would book on something else.
#[track_caller]
pub fn narrow(index: usize) -> u16 {
    u16::try_from(index).expect("an index into a plan fits 16 bits")
}

#[cfg(test)]
mod tests {
    use super::narrow;

    #[test]
    fn every_index_that_fits_is_kept() {
        assert!((0..=u16::MAX).all(|index| narrow(usize::from(index)) == index));
    }

    #[test]
    #[should_panic(expected = "fits 16 bits")]
    fn an_index_that_does_not_fit_is_no_other() {
        narrow(65_536);
    }
}
