//! The wall clock is set back by an hour while a run goes on.

use super::{Lab, newest, succeed};
use crate::outcome::{assert_report_is_whole, assert_sums};
use std::process::Command;
use std::time::{Duration, Instant};

/// From the moment in which a file stands where `JUMPED` says, the wall clock is an hour behind.
const CLOCK: &str = "
    #define _GNU_SOURCE
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>
    int clock_gettime(clockid_t clock, struct timespec *now) {
        int result = syscall(SYS_clock_gettime, clock, now);
        const char *jumped = getenv(\"JUMPED\");
        if (clock == CLOCK_REALTIME && jumped && access(jumped, F_OK) == 0) now->tv_sec -= 3600;
        return result;
    }
";

#[test]
fn a_wall_clock_that_is_set_back_moves_no_time_of_a_run() {
    Lab::within(|lab| {
        let folder = lab.folder.path().to_owned();
        let (code, clock) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&code, CLOCK).unwrap();
        succeed(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&clock, &code]));
        let plan = "name = \"back\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\n\
             protocol = \"http\"\nthink_time = \"50ms\"\nstages = [{ users = 4, hold = \"6s\" }]\n\
             thresholds = [\"success_ratio >= 100%\"]\n[generator]\nworkers = 1\n";
        let jumped = folder.join("jumped");
        let variables =
            [format!("JUMPED={}", jumped.display()), format!("LD_PRELOAD={}", clock.display())];
        let jumps = std::thread::spawn(move || {
            let begun = Instant::now();
            let seconds = || {
                let journal = newest(&folder.join("results"))?.join("recording.jsonl");
                Some(std::fs::read_to_string(journal).ok()?.matches("{\"second\":").count())
            };
            while seconds().unwrap_or(0) < 2 {
                assert!(begun.elapsed() < Duration::from_mins(1), "the run does not begin");
                std::thread::sleep(Duration::from_millis(50));
            }
            std::fs::write(jumped, "").unwrap();
        });
        let before = ["env", &variables[0], &variables[1]];
        let begun = jiff::Timestamp::now();
        let ran = lab.run(&before, plan, &["--progress", "json"]);
        let ended = jiff::Timestamp::now();
        jumps.join().unwrap();

        // It is said, and by how much.
        assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.breaks("clock_step"), "{}", ran.stdout);
        let measured = ran.health("clock_step")["measured_ns"].as_f64().unwrap();
        assert!((3_599e9..3_601e9).contains(&measured), "{measured}");
        let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("the wall clock jumped by 1h00m"), "{words}");

        // Durations are those of the steady clock, and all figures are there.
        assert_report_is_whole(&ran.report);
        let results = ran.folder.as_ref().unwrap();
        assert_sums(results);
        let stopped = ran.report["stopped"]["at_ns"].as_u64().unwrap();
        assert!((6_000_000_000..9_000_000_000).contains(&stopped), "{stopped}");
        let time = &ran.report["scenarios"][0]["times"]["service_time"];
        assert!(time["max_ns"].as_u64().is_some_and(|max| max < 2_000_000_000), "{time}");

        // Of the wall clock there is the start alone; all else counts from it.
        for key in ["created_at", "started_at"] {
            let at: jiff::Timestamp = ran.report[key].as_str().unwrap().parse().unwrap();
            assert!((begun..=ended).contains(&at), "{key} {at}: {begun} to {ended}");
        }
        let rows = std::fs::read_to_string(results.join("timeline.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(rows.as_bytes());
        let seconds: Vec<u64> =
            rows.records().map(|row| row.unwrap()[0].parse().unwrap()).collect();
        assert!(seconds.is_sorted() && seconds.len() >= 6, "{seconds:?}");
        let said = ran.stderr.lines().filter_map(|line| serde_json::from_str(line).ok());
        let times: Vec<u64> =
            said.filter_map(|line: serde_json::Value| line["at_ns"].as_u64()).collect();
        assert!(times.is_sorted() && times.len() > 3, "{times:?}");
    });
}
