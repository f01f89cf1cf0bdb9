//! Tests of the cookies that are kept and sent back.

use super::*;

const HERE: CookieOrigin<'_> = CookieOrigin {
    host: "shop.example.org",
    secured: false,
    path: "/a/login?x=/y",
    now_ns: 5_000_000_000,
    unix_s: 1_000_000_000,
};

fn limits() -> AnswerLimits {
    AnswerLimits::default()
}

fn sent_by(from: CookieOrigin<'_>, said: &[&str], path: &str, now_s: u64) -> Option<String> {
    let mut cookie_jar = CookieJar::default();
    for one in said {
        cookie_jar.take(one, from, limits());
    }
    let mut out = Vec::new();
    cookie_jar.write(&mut out, 0, from.host, (path, now_s * 1_000_000_000));
    (!out.is_empty()).then(|| String::from_utf8(out).unwrap())
}

fn sent(said: &[&str], path: &str, now_s: u64) -> Option<String> {
    sent_by(HERE, said, path, now_s)
}

fn why(from: CookieOrigin<'_>, said: &str) -> Option<RejectedCookie> {
    CookieJar::default().take(said, from, limits())
}

#[test]
fn cookies_come_back_where_they_belong() {
    assert_eq!(sent(&["id=1; Path=/", "t=2"], "/a/b", 6).unwrap(), "t=2; id=1");
    assert_eq!(sent(&["id=1; Path=/", "t=2"], "/b", 6).unwrap(), "id=1");
    assert_eq!(sent(&["t=2"], "/ab", 6), None);
    assert_eq!(sent(&["id=1; Path=/", "id=2; Path=/"], "/", 6).unwrap(), "id=2");
    assert_eq!(sent(&["id=1; Path=/", "id=; Path=/; Max-Age=0"], "/", 6), None);
}

#[test]
fn cookies_of_others_and_secret_ones_are_not_kept() {
    for domain in ["example.com", "org", "hop.example.org", "x.shop.example.org"] {
        let said = format!("id=1; Path=/; Domain={domain}");
        let words = format!("cookie id is for {domain}, and was set by shop.example.org: not kept");
        assert_eq!(why(HERE, &said), Some((CookieLoss::Domain, words)));
        assert_eq!(sent(&[&said], "/", 6), None, "{domain}");
    }
    for domain in ["example.org", ".Example.org", "shop.example.org"] {
        let said = format!("id=1; Path=/; Domain={domain}");
        assert_eq!(sent(&[&said], "/", 6).as_deref(), Some("id=1"), "{domain}");
    }
    let words = "cookie id is Secure and the connection is not: not kept".to_owned();
    assert_eq!(why(HERE, "id=1; Path=/; Secure"), Some((CookieLoss::Secure, words)));
    let secured = CookieOrigin { secured: true, ..HERE };
    assert_eq!(sent_by(secured, &["id=1; Path=/; Secure"], "/", 6).as_deref(), Some("id=1"));
}

#[test]
fn secure_cookies_of_this_machine_are_kept() {
    for host in ["localhost", "shop.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
        let from = CookieOrigin { host, ..HERE };
        let said = ["id=1; Path=/; Secure; HttpOnly; SameSite=Lax"];
        assert_eq!(sent_by(from, &said, "/", 6).as_deref(), Some("id=1"), "{host}");
        let own = format!("id=1; Path=/; Domain={host}");
        assert_eq!(sent_by(from, &[&own], "/", 6).as_deref(), Some("id=1"), "{host}");
    }
    for host in ["localhost.test", "128.0.0.1", "[::2]"] {
        let lost = why(CookieOrigin { host, ..HERE }, "id=1; Secure");
        assert_eq!(lost.map(|(loss, _)| loss), Some(CookieLoss::Secure), "{host}");
    }
}

#[test]
fn each_host_gets_its_own() {
    let mut cookie_jar = CookieJar::default();
    for said in ["own=1; Path=/", "all=2; Path=/; Domain=example.org"] {
        assert_eq!(cookie_jar.take(said, HERE, limits()), None);
    }
    let sent = |host: &str| {
        let mut out = Vec::new();
        cookie_jar.write(&mut out, 0, host, ("/", 6_000_000_000));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(sent("shop.example.org"), "own=1; all=2");
    assert_eq!(sent("example.org"), "all=2");
    assert_eq!(sent("x.shop.example.org"), "all=2");
    assert_eq!(sent("example.com"), "");
    let idn = CookieOrigin { host: "www.xn--bcher-kva.example", ..HERE };
    assert_eq!(why(idn, "id=1; Domain=b\u{fc}cher.example"), None);
}

#[test]
fn what_the_plan_says_goes_before_what_is_kept() {
    let mut cookie_jar = CookieJar::default();
    for said in ["sid=abc; Path=/", "consent=0; Path=/"] {
        assert_eq!(cookie_jar.take(said, HERE, limits()), None);
    }
    let mut out = b"cookie: consent=1; b=2;".to_vec();
    cookie_jar.write(&mut out, 8, HERE.host, ("/", 6_000_000_000));
    assert_eq!(out, b"cookie: consent=1; b=2; sid=abc");
}

#[test]
fn prefixes_and_malformed_cookies_are_refused() {
    let secured = CookieOrigin { secured: true, ..HERE };
    for kept in ["__Host-id=1; Secure; Path=/", "__Secure-id=1; Secure", "id=", "a=b=c", "a=b\tc"] {
        assert_eq!(why(secured, kept), None, "{kept}");
    }
    for (said, loss) in [
        ("__Host-id=1; Secure", CookieLoss::Prefix),
        ("__Host-id=1; Secure; Path=/; Domain=example.org", CookieLoss::Prefix),
        ("__secure-id=1", CookieLoss::Prefix),
        ("", CookieLoss::Malformed),
        ("=; Path=/", CookieLoss::Malformed),
        ("=__Host-id=1; Path=/", CookieLoss::Prefix),
        ("__Secure-id", CookieLoss::Prefix),
        ("id=a\u{1}b", CookieLoss::Malformed),
        ("id=\u{fffd}", CookieLoss::Malformed),
    ] {
        assert_eq!(why(secured, said).map(|(loss, _)| loss), Some(loss), "{said}");
    }
}

#[test]
fn cookies_end() {
    let age = ["id=1; Path=/; Max-Age=10"];
    assert_eq!(sent(&age, "/", 14).as_deref(), Some("id=1"));
    assert_eq!(sent(&age, "/", 15), None);
    // Unix time 1,000,000,000 is 01:46:40 on that day.
    let date = ["id=1; Path=/; Expires=Sun, 09 Sep 2001 01:46:50 GMT"];
    assert_eq!(sent(&date, "/", 14).as_deref(), Some("id=1"));
    assert_eq!(sent(&date, "/", 15), None);
}

#[test]
fn whatever_form_a_date_has_a_cookie_ends_by_it() {
    for date in [
        "Thu Jan  1 00:00:00 1970",
        "Thu, 01 Jan 1970 00:00:00 UTC",
        "1 Jan 1970 0:0:0 GMT",
        "Sat, 1 Jan 98 00:00:00 GMT",
        "Thu, 01-Jan-1970 00:00:01 GMT",
        "Wed, 01 Jan 2098 00:00:00 GMT; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ] {
        let gone = format!("id=; Path=/; expires={date}");
        assert_eq!(sent(&["id=1; Path=/", &gone], "/", 6), None, "{date}");
    }
    // Text that is no date is no attribute.
    for date in ["0", "-1", "never"] {
        let kept = format!("id=1; Path=/; Expires={date}");
        assert_eq!(sent(&[&kept], "/", 6).as_deref(), Some("id=1"), "{date}");
    }
    let age = ["id=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9"];
    assert_eq!(sent(&age, "/", 6).as_deref(), Some("id=1"));
}

#[test]
fn cookies_without_a_name_are_their_value() {
    assert_eq!(sent(&["one; Path=/"], "/", 6).as_deref(), Some("one"));
    assert_eq!(sent(&["=a=b; Path=/", "id=1; Path=/"], "/", 6).as_deref(), Some("a=b; id=1"));
    assert_eq!(sent(&["one; Path=/", "two; Path=/"], "/", 6).as_deref(), Some("two"));
}

#[test]
fn a_user_keeps_no_more_than_the_plan_says() {
    let mut cookie_jar = CookieJar::default();
    let few = AnswerLimits { cookies: 20, cookie: 10, ..limits() };
    let mut lost = Vec::new();
    for number in 0..30 {
        lost.extend(cookie_jar.take(&format!("c{number}=1; Path=/"), HERE, few));
    }
    assert_eq!((cookie_jar.kept.len(), lost.len()), (20, 10));
    let words = "cookie c0 is the oldest of more than 20: not kept; that is planrun's own limit, \
                 `limits = { cookies = 40 }` keeps more";
    assert_eq!(lost[0], (CookieLoss::TooMany, words.to_owned()));
    assert_eq!(&*cookie_jar.kept[0].name, "c10");
    // One that is set again, or ends, needs no room.
    for said in ["c29=2; Path=/", "c28=; Path=/; Max-Age=0", "c30=1; Path=/; Max-Age=1"] {
        assert_eq!(cookie_jar.take(said, HERE, few), None, "{said}");
    }
    // Neither does one beside one that has ended by now.
    let later = CookieOrigin { now_ns: HERE.now_ns + 2_000_000_000, ..HERE };
    assert_eq!(cookie_jar.take("c31=1; Path=/", later, few), None);
    let take = |bytes: usize, limits: AnswerLimits| {
        CookieJar::default().take(&format!("id={}", "x".repeat(bytes - 2)), HERE, limits)
    };
    assert_eq!(take(10, few), None);
    let words = "cookie id is larger than 10 bytes: not kept; that is planrun's own limit, \
                 `limits = { cookie = 20 }` keeps more";
    assert_eq!(take(11, few), Some((CookieLoss::TooLarge, words.to_owned())));
    assert_eq!(take(32 << 10, limits()), None);
    assert_eq!(take((32 << 10) + 1, limits()).map(|(loss, _)| loss), Some(CookieLoss::TooLarge));
}

#[test]
fn a_cookie_that_is_set_again_keeps_its_place() {
    let said = ["a=1; Path=/", "b=2; Path=/", "a=3; Path=/", "a=4; Path=/a"];
    assert_eq!(sent(&said, "/", 6).as_deref(), Some("a=3; b=2"));
    assert_eq!(sent(&said, "/a/b", 6).as_deref(), Some("a=4; a=3; b=2"));
}
