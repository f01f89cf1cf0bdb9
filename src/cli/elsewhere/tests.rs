use super::*;
use crate::plan::{Overrides, Plan, Source};

fn arguments(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn answer(line: &str) -> Answer {
    of_command_line(&arguments(line)).unwrap_or_else(|| panic!("nothing for {line}"))
}

/// Lines of other tools, and what their plan must have.
const LINES: &[(&str, &str)] = &[
    ("http://127.0.0.1:8080/", "users = 10, hold = \"30s\""),
    ("run https://example.com/a?b=c", "address = \"https://example.com/a?b=c\""),
    ("-c 100 -d 30s -t 4 http://127.0.0.1:8080/", "users = 100, hold = \"30s\""),
    ("-t4 -c100 -d30s -R2000 http://127.0.0.1:8080/", "rate = \"2000/s\", hold = \"30s\""),
    ("-z 10s -c 50 -q 5 http://127.0.0.1:8080/", "rate = \"5/s\", hold = \"10s\""),
    ("--vus 10 --duration 1m http://127.0.0.1:8080/", "users = 10, hold = \"1m\""),
    (
        "-u 100 --spawn-rate 10 --run-time 5m --host http://127.0.0.1:8080",
        "users = 100, spawn_rate = \"10/s\", hold = \"5m\"",
    ),
    (
        "--url=http://127.0.0.1:8080/ --rate=7 --ramp=5 --time=60",
        "rate = \"7/s\", ramp = \"5s\", hold = \"60s\"",
    ),
    ("-u http://127.0.0.1:8080/ -c 3", "users = 3, hold"),
    ("127.0.0.1:9000 -c 5", "address = \"127.0.0.1:9000\""),
    ("tcp://127.0.0.1:9000 -c 5", "protocol = \"tcp-hold\""),
    ("ws://shop.example/x", "address = \"shop.example:80\"\n\n"),
    ("wss://shop.example/x", "address = \"shop.example:443\"\ntls = {}"),
    ("wss://shop.example:8443?x=1", "address = \"shop.example:8443\"\ntls = {}"),
    ("wss://[::1]/x", "address = \"[::1]:443\""),
    ("tls://[::1]:9", "address = \"[::1]:9\"\ntls = {}"),
    ("https://shop.example/x", "address = \"https://shop.example/x\""),
    ("HTTPS://shop.example", "address = \"https://shop.example\""),
];

#[test]
fn a_word_in_place_of_a_plan_leads_on() {
    let help = |word: &str| of_path(Path::new(word)).map(|answer| answer.help);
    assert_eq!(help("chek").as_deref(), Some("did you mean `planrun check`?"));
    assert!(help("-").unwrap().contains("/dev/stdin"));
    assert_eq!(help("no-such-plan.toml"), None);
    for word in crate::cli::SUBCOMMANDS {
        assert!(crate::cli::is_subcommand(word), "{word}");
    }
}

#[test]
fn the_value_of_an_unknown_flag_is_no_subcommand() {
    for line in ["-o out p.toml", "--tag nightly p.toml", "--output json p.toml", "-t 10 p.toml"] {
        let message = of_command_line(&arguments(line)).map(|answer| answer.message);
        let flag = line.split(' ').next().unwrap();
        let words = format!("planrun has no flag `{flag}`");
        assert!(message.is_none_or(|message| message == words), "{line}");
    }
    assert!(answer("repot results").help.contains("planrun report results"));
}

#[test]
fn an_address_is_shown_as_it_was_typed() {
    assert_eq!(
        answer("localhost:8080").message,
        "expected a plan file, found the address `localhost:8080`"
    );
}

#[test]
fn a_url_is_answered_with_a_plan_that_can_be_run() {
    for (line, has) in LINES {
        let text = answer(line).plan.unwrap();
        assert!(text.contains(has), "{line}:\n{text}");
        let source = Source { name: "plan.toml".to_owned(), text };
        let read = Plan::parse(&source, &Overrides::default(), &|_| None);
        assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
    }
}

#[test]
fn flags_and_files_of_other_tools_lead_on() {
    for (line, says) in [
        ("x.toml --vus 10", "stages.0.users=10"),
        ("x.toml -n 1000", "iterations = 1000"),
        ("x.toml -c 7", "users = 7, hold"),
        ("x.toml -d 30", "stages.0.hold=30s"),
        ("x.toml --duration 30s", "stages.0.hold=30s"),
        ("x.toml --rate 50", "stages.0.rate=50/s"),
        ("x.toml --iterations 5", "iterations = 5, hold"),
        ("x.toml --headless", "--progress none"),
        ("x.toml -H http", "--target NAME=ADDRESS"),
        ("script.js", "planrun init"),
        ("run locustfile.py", "planrun init"),
        ("-n -t test.jmx -l results.jtl", "planrun init"),
        ("load.yaml", "planrun init"),
        ("x.toml -v", "--summary full"),
        ("x.toml --seed 7", "--set seed=42"),
        ("x.toml --http2", "version = \"2\""),
        ("x.toml --cacert ca.pem", "tls = { ca = \"ca.pem\" }"),
        ("x.toml --disable-keepalive", "max_requests = 1"),
        ("x.toml --dry-run", "planrun check"),
        ("x.toml --stages 1m:10", "set the stages in the plan"),
        ("x.toml --format json", "--out DIR"),
        ("curl x.txt", "planrun import curl"),
        ("convert har x.har", "planrun import curl|har"),
        ("inspect x.js", "`planrun check PLAN.toml`"),
        ("cloud run x.js", "`planrun PLAN.toml`"),
        ("plot results.bin", "`planrun report DIR`"),
        ("a.toml b.toml", "planrun a.toml && planrun b.toml"),
        ("chek a.toml --scale 5%", "`planrun check a.toml --scale 5%`"),
        ("Doctor a.toml", "`planrun doctor a.toml`"),
        ("reprot results/x", "`planrun report results/x`"),
        ("runn a.toml", "`planrun run a.toml`"),
        ("--plan a.toml", "planrun init"),
        ("analyse a b", "`planrun --help` lists the subcommands"),
    ] {
        let Answer { message, help, .. } = answer(line);
        assert!(help.contains(says), "{line}: {message}: {help}");
    }
    for line in ["check x.js -c 5", "report DIR --rate 5", "x.toml", "x.toml --colour"] {
        assert!(of_command_line(&arguments(line)).is_none(), "{line}");
    }
}

#[test]
fn no_flag_of_another_tool_is_one_of_the_main_form() {
    use clap::CommandFactory;
    let command = crate::cli::Cli::command();
    for own in command.get_arguments().filter_map(clap::Arg::get_long) {
        let own = format!("--{own}");
        assert!(FLAGS.iter().all(|(names, _)| !names.contains(&own.as_str())), "{own}");
    }
}
