//! Turns the date of a cookie into Unix time as browsers do (RFC 6265, 5.1.1): its parts, in
//! whatever order and between whatever stands there.

use jiff::civil::{Date, DateTime, Time};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds of Unix time; `None` if it is not a date; then the cookie has none.
pub(super) fn unix_s(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~');
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = clock(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = named(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        year if year < 1601 => return None,
        year => year,
    };
    let [hour, minute, second] = time?;
    let date = Date::new(year, month?, day?.try_into().ok()?).ok()?;
    let time = Time::new(hour, minute, second, 0).ok()?;
    let at = DateTime::from_parts(date, time);
    Some(at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_secs())
}

/// A month, from its first three letters.
fn named(token: &str) -> Option<i8> {
    let short = token.get(..3)?;
    let month = (1..).zip(MONTHS).find(|(_, name)| short.eq_ignore_ascii_case(name));
    month.map(|(month, _)| month)
}

/// Three numbers with colons between them.
fn clock(token: &str) -> Option<[i8; 3]> {
    let mut parts = token.splitn(3, ':').map(|part| number(part, 1, 2)?.try_into().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// The leading digits: at least `least`, at most `most` of them.
fn number(token: &str, least: usize, most: usize) -> Option<i16> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    (least..=most).contains(&digits).then(|| token[..digits].parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_browsers_read_them() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("6 november 94 8:49:37", 784_111_777),
            ("08:49:37 1994 Nov 6 UTC", 784_111_777),
            ("Mon, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 1 Jan 1970 0:0:0 GMT", 0),
            ("Wed, 01-Jan-2098 00:00:00 GMT", 4_039_372_800),
            ("Sat, 01 Jan 38 00:00:00 GMT", 2_145_916_800),
            ("Mon, 01-Jan-0001 00:00:00 GMT", 978_307_200),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(unix_s(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "never",
            "Sun, 06 Nov 08:49:37 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 30 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Mon, 01-Jan-1600 00:00:00 GMT",
        ] {
            assert_eq!(unix_s(text), None, "{text}");
        }
    }
}
