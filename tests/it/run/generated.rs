//! Generated values: the same in every run and by any number of workers, in all requests of a pass,
//! and in what is expected of its responses.

use super::api::{Asked, accounting, answer, go, plan, serve};
use std::collections::{BTreeMap, BTreeSet};

/// Sends the body back.
fn echo(asked: &Asked) -> Vec<u8> {
    let id = asked.headers.get("x-id").cloned().unwrap_or_default();
    answer(200, &format!("x-id: {id}\r\n"), &asked.body)
}

const STEPS: &str = r#"
steps = [
  { name = "order", method = "POST", path = "/orders/${user}/${iteration}", headers = { x-id = "${uuid}", content-type = "application/json" },
    body = '{"n":${random.int(1,6)},"m":${random.int(1,6).m},"kind":"${random.choice(tea,green tea)}"}',
    expect = { json = { "/n" = "${random.int(1,6)}", "/m" = "<= 6", "/kind" = "${random.choice(tea,green tea)}" }, headers = { x-id = "${uuid}" } } },
  { name = "look", path = "/orders/${uuid}?at=${now(unix)}&day=${now(%Y-%m-%d)}" },
]
think_time = "20ms"
thresholds = []
"#;

/// What each user asked for in each of its first passes; and how many requests failed.
fn asked(stages: &str, workers: u32, seed: u64) -> (BTreeMap<String, String>, u64) {
    let (address, asked) = serve(echo);
    let text = plan(address, &format!("{STEPS}{stages}\n[generator]\nworkers = {workers}\n"));
    let outcome = go(&format!("seed = {seed}\n{text}"), &[]);
    let asked = asked.lock().unwrap();
    let orders = asked.iter().filter(|one| one.line.starts_with("POST"));
    let orders = orders.map(|one| {
        let body = String::from_utf8(one.body.clone()).unwrap();
        (one.line.clone(), format!("{} {body}", one.headers["x-id"]))
    });
    let orders: BTreeMap<_, _> = orders.collect();
    let ids: BTreeSet<&str> =
        orders.values().map(|order| order.split(' ').next().unwrap()).collect();
    assert_eq!(ids.len(), orders.len(), "{orders:?}");
    for look in asked.iter().filter(|one| one.line.starts_with("GET")) {
        let (path, query) = look.line.split_once('?').unwrap();
        assert!(ids.contains(path.rsplit('/').next().unwrap()), "{path}");
        let (at, day) = query.split_once('&').unwrap();
        let at: i64 = at.trim_start_matches("at=").parse().unwrap();
        let now = jiff::Timestamp::now().as_second();
        assert!((now - 60..=now).contains(&at), "{at} {now}");
        assert!(day.starts_with("day=20") && day.len() == 14, "{day}");
    }
    (orders, accounting(&outcome)["failed"])
}

#[test]
fn they_are_the_same_in_every_run_and_by_any_number_of_workers() {
    for (stages, first) in [
        ("stages = [{ users = 4, hold = \"400ms\" }]", "POST /orders/3/1"),
        ("stages = [{ rate = \"40/s\", hold = \"400ms\" }]", "POST /orders/9/0"),
    ] {
        let (one, failed) = asked(stages, 1, 7);
        let (two, also_failed) = asked(stages, 2, 7);
        assert_eq!((failed, also_failed), (0, 0));
        let both = one.iter().filter(|(line, _)| two.contains_key(*line));
        let both: Vec<_> = both.collect();
        assert!(both.len() >= 8, "{one:?} {two:?}");
        assert!(both.iter().all(|(line, order)| two[*line] == **order), "{one:?} {two:?}");
        assert!(one.contains_key(first), "{one:?}");
        let (other, _) = asked(stages, 1, 8);
        assert_ne!(one[first], other[first]);
    }
}
