//! Turns a body in gzip, piece by piece, into its content: one member after the other.
//!
//! What follows a member and begins no other is passed over, as browsers do.

use flate2::write::GzDecoder;
use std::io::{self, Write};

/// The bytes that each member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A decoder that writes the content into a `W`.
#[derive(Debug)]
pub(super) struct Gunzip<W: Write + Default> {
    member: GzDecoder<W>,
    place: GzipPosition,
}

/// Where the next byte stands.
#[derive(Debug, Clone, Copy)]
enum GzipPosition {
    /// In a member.
    Inside,
    /// Directly behind a member.
    Behind,
    /// Behind a member and the first byte of what may be another.
    AfterFirst,
    /// In ignored bytes.
    Garbage,
}

impl<W: Write + Default> Gunzip<W> {
    pub(super) fn new(content: W) -> Self {
        Self { member: GzDecoder::new(content), place: GzipPosition::Inside }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// If it is not gzip, or the consumer accepts no more.
    pub(super) fn take(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while let Some(first) = piece.first() {
            let taken = match self.place {
                GzipPosition::Inside => self.member.write(piece)?,
                GzipPosition::Behind if *first == MAGIC[0] => {
                    self.place = GzipPosition::AfterFirst;
                    1
                }
                GzipPosition::AfterFirst if *first == MAGIC[1] => {
                    self.begin_member()?;
                    1
                }
                GzipPosition::Behind | GzipPosition::AfterFirst | GzipPosition::Garbage => {
                    self.place = GzipPosition::Garbage;
                    return Ok(());
                }
            };
            if taken == 0 {
                // The decoder takes nothing once its member has ended.
                self.place = GzipPosition::Behind;
            }
            piece = &piece[taken..];
        }
        Ok(())
    }

    fn begin_member(&mut self) -> io::Result<()> {
        self.member.try_finish()?;
        let content = std::mem::take(self.member.get_mut());
        self.member = GzDecoder::new(content);
        self.place = GzipPosition::Inside;
        self.member.write_all(&MAGIC)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When a member is not whole, or does not match its checksum.
    pub(super) fn try_finish(&mut self) -> io::Result<()> {
        self.member.try_finish()
    }

    pub(super) fn get_ref(&self) -> &W {
        self.member.get_ref()
    }

    pub(super) fn get_mut(&mut self) -> &mut W {
        self.member.get_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut decoder = Gunzip::new(Vec::new());
        for piece in pieces {
            decoder.take(piece)?;
        }
        decoder.try_finish()?;
        Ok(std::mem::take(decoder.get_mut()))
    }

    #[test]
    fn members_are_one_content_and_what_follows_them_is_passed_over() {
        let (one, two) = (member("hello "), member("world"));
        let both = [one, two].concat();
        let garbage: [&[u8]; 5] = [b"", b"\0\0\0\0\0\0\0\0\0", b"GARBAGE", b"\x1f", b"\x1fx"];
        for garbage in garbage {
            let body = [&both, garbage].concat();
            for cut in 0..=body.len() {
                let content = decoded(&[&body[..cut], &body[cut..]]).unwrap();
                assert_eq!(content, b"hello world", "{cut} {garbage:?}");
            }
            let bytes: Vec<&[u8]> = body.chunks(1).collect();
            assert_eq!(decoded(&bytes).unwrap(), b"hello world", "{garbage:?}");
        }
    }

    #[test]
    fn a_member_that_is_cut_or_changed_is_an_error() {
        let whole = member("hello world");
        for length in 0..whole.len() {
            assert!(decoded(&[&whole[..length]]).is_err(), "{length}");
        }
        let mut changed = whole.clone();
        changed[whole.len() - 8] ^= 1;
        assert!(decoded(&[&changed]).is_err());
        assert!(decoded(&[&[&changed[..], &whole[..]].concat()]).is_err());
        assert!(decoded(&[&[&whole[..], &whole[..12]].concat()]).is_err());
        assert!(decoded(&[b"hello world"]).is_err());
    }
}
