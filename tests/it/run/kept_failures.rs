//! Exchanges that failed, kept in `failures/`: a few of each cause and request, whole, and without
//! secrets.

use super::api::{Asked, answer, plan, serve};
use crate::outcome::{Outcome, Stage, exe, run_as};
use std::collections::BTreeMap;
use std::process::Command;

fn shop(asked: &Asked) -> Vec<u8> {
    let token = asked.headers.get("x-token").cloned().unwrap_or_default();
    match asked.line.as_str() {
        "GET /down" => {
            let body = format!(
                "{{\"error\":\"no stock\",\"token\":\"{token}\",\"more\":\"{}\"}}",
                "x".repeat(40_000)
            );
            answer(503, "x-cause: stock\r\nset-cookie: sid=7\r\n", body)
        }
        "POST /wrong" => answer(200, "x-version: 2\r\n", "{\"total\":1}"),
        _ => answer(200, "", "ok"),
    }
}

const REQUESTS: &str = r#"
requests = [
  { name = "down it is", path = "/down", headers = { x-token = "${env.TOKEN}", authorization = "Bearer plain" } },
  { name = "wrong", method = "POST", path = "/wrong", body = '{"of":"${row.of}"}', expect = { json = { "/total" = "> 1" } } },
  { name = "fine", path = "/fine", expect = { body = "ok" } },
]
data = { file = "of.csv" }
thresholds = ["failure_ratio == 0%"]
[generator]
workers = 2
"#;

fn failing(scenario: &str) -> Outcome {
    let (address, _) = serve(shop);
    let plan = plan(
        address,
        &format!("stages = [{{ users = 4, hold = \"600ms\" }}]\nthink_time = \"10ms\"\n{scenario}"),
    );
    run_as(1, &plan, |stage: &Stage| {
        std::fs::write(stage.folder.path().join("of.csv"), "of\nspoons\n").unwrap();
        let mut command = stage.command(&[]);
        command.env("TOKEN", "s3cr3t-of-all");
        command
    })
}

/// The files of `failures/`, by name.
fn kept(outcome: &Outcome) -> BTreeMap<String, String> {
    let folder = outcome.results.as_ref().unwrap().join("failures");
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

#[test]
fn a_few_of_each_cause_and_request_are_kept_whole_and_without_secrets() {
    let outcome = failing(REQUESTS);
    let kept = kept(&outcome);
    let of = |part: &str| kept.iter().filter(|(name, _)| name.contains(part)).collect::<Vec<_>>();
    let (down, wrong) = (of("-down-it-is-status-503.txt"), of("-wrong-check.txt"));
    assert_eq!((down.len(), wrong.len(), kept.len()), (5, 5, 10), "{:?}", kept.keys());
    for (name, text) in &down {
        for part in [
            "request:  down it is\n",
            "failure:  status 503, ",
            "> GET /down HTTP/1.1\n",
            "> x-token: ${env.TOKEN}\n",
            "> authorization: ***\n",
            "< HTTP/1.1 503 Service Unavailable\n",
            "< x-cause: stock\n",
            "< set-cookie: ***\n",
            "< {\"error\":\"no stock\",\"token\":\"${env.TOKEN}\",",
            "* cut: 40,0",
        ] {
            assert!(text.contains(part), "{name}: {part}: {text}");
        }
        assert!((16_000..20_000).contains(&text.len()), "{name}: {}", text.len());
    }
    assert!(kept.values().all(|text| !text.contains("s3cr3t-of-all")));
    // The head of the first one came before anybody knew that it would fail.
    let whole = wrong.iter().filter(|(_, text)| text.contains("< x-version: 2\n"));
    assert!(whole.count() >= 3, "{wrong:?}");
    assert!(wrong.iter().all(|(_, text)| text.contains("> POST /wrong HTTP/1.1\n")));
    assert!(wrong.iter().all(|(_, text)| text.contains("> {\"of\":\"spoons\"}\n")));

    assert!(outcome.stdout.contains("failures/ has 10 of these requests"), "{}", outcome.stdout);
    let page = outcome.file("report.html");
    assert!(page.contains("href=\"failures/001-web-"), "no link");
    let sums = outcome.file("SHA256SUMS");
    assert_eq!(sums.lines().filter(|line| line.contains("  failures/")).count(), 10, "{sums}");
    let folder = outcome.results.as_ref().unwrap();
    for subcommand in ["verify", "report", "verify"] {
        let ran = Command::new(exe()).arg(subcommand).arg(folder).output().unwrap();
        let words = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            ran.status.success(),
            "{subcommand}: {words}{}",
            String::from_utf8_lossy(&ran.stdout)
        );
    }
    std::fs::write(folder.join("failures").join(down[0].0), "nothing").unwrap();
    let ran = Command::new(exe()).arg("verify").arg(folder).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
}

#[test]
fn nothing_is_kept_where_nothing_failed() {
    let (address, _) = serve(|_| answer(200, "", "ok"));
    let plan = plan(address, "stages = [{ users = 2, hold = \"200ms\" }]\n");
    let outcome = run_as(0, &plan, |stage: &Stage| stage.command(&[]));
    assert!(kept(&outcome).is_empty() && !outcome.results.unwrap().join("failures").exists());
}
