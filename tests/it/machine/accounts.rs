//! What a test cannot do to a whole machine, it writes into the kernel's accounts as a run reads
//! them: a mount namespace has files of its own in their places, and a clock of its own is loaded
//! before the C library's.

use super::{Lab, newest, succeed};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// From the moment in which a file stands where `JUMPED` says, the wall clock is five seconds
/// ahead, and of these the machine slept two.
const CLOCK: &str = "
    #define _GNU_SOURCE
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>
    int clock_gettime(clockid_t clock, struct timespec *now) {
        int result = syscall(SYS_clock_gettime, clock, now);
        if (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME) {
            const char *jumped = getenv(\"JUMPED\");
            if (jumped && access(jumped, F_OK) == 0) now->tv_sec += clock == CLOCK_REALTIME ? 5 : 2;
        }
        return result;
    }
";

/// Where an account stands, what it says at first and, in as many bytes, from the jump on.
const ACCOUNTS: [(&str, &str, &str); 4] = [
    // Of ten seconds of processors three went to others.
    ("/proc/stat", "cpu  1000 0 0 5000 0 0 0 100 0 0\n", "cpu  1200 0 0 5500 0 0 0 400 0 0\n"),
    ("/proc/pressure/memory", "full avg10=0.00 total=1000000\n", "full avg10=0.00 total=2000000\n"),
    ("/proc/vmstat", "pswpin 100\n", "pswpin 107\n"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc \n", "hpet\n"),
];

fn place(folder: &Path, account: &str) -> PathBuf {
    folder.join(account.trim_start_matches('/').replace('/', "-"))
}

/// Waits for the third second of a run, and has all accounts jump.
fn jump(folder: &Path) {
    let begun = Instant::now();
    let seconds = || {
        let journal = newest(&folder.join("results"))?.join("recording.jsonl");
        Some(std::fs::read_to_string(journal).ok()?.matches("{\"second\":").count())
    };
    while seconds().unwrap_or(0) < 3 {
        assert!(begun.elapsed() < Duration::from_mins(1), "the run does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    for (account, _, after) in ACCOUNTS {
        // Written over in one piece: whoever reads meanwhile finds a whole text.
        let file = std::fs::OpenOptions::new().write(true).open(place(folder, account));
        file.unwrap().write_all(after.as_bytes()).unwrap();
    }
    std::fs::write(folder.join("jumped"), "").unwrap();
}

#[test]
fn what_the_machine_did_to_a_run_makes_it_invalid() {
    Lab::within(|lab| {
        let folder = lab.folder.path().to_owned();
        let (code, clock) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&code, CLOCK).unwrap();
        succeed(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&clock, &code]));
        let mounts = ACCOUNTS.map(|(account, before, after)| {
            assert_eq!(before.len(), after.len());
            let file = place(&folder, account);
            std::fs::write(&file, before).unwrap();
            format!("mount --bind {} {account}", file.display())
        });
        let jumped = folder.join("jumped");
        let (jumped, clock) = (jumped.display(), clock.display());
        let script = format!(
            "set -e\n{}\nexec env JUMPED={jumped} LD_PRELOAD={clock} \"$@\"",
            mounts.join("\n")
        );
        let plan = "name = \"accounts\"\n[targets.t]\nbuiltin = \"http\"\n[scenarios.s]\nprotocol = \"http\"\n\
             think_time = \"100ms\"\nstages = [{ users = 4, hold = \"9s\" }]\nthresholds = [\"success_ratio >= 100%\"]\n\
             [generator]\nworkers = 1\n";
        let jumps = std::thread::spawn(move || jump(&folder));
        let ran = lab.run(&["unshare", "--mount", "sh", "-c", &script, "sh"], plan, &[]);
        jumps.join().unwrap();
        assert_eq!(ran.code, 3, "every threshold held: {}{}", ran.stdout, ran.stderr);

        // What is measured, between which bounds, and how it is said.
        let violated = [
            ("steal", "measured", (0.299, 0.301), "the hypervisor gave 30.00% of the processors'"),
            ("clock_step", "measured_ns", (2.99e9, 3.01e9), "the wall clock jumped by 3.0"),
            ("clock_source", "measured", (1.0, 1.0), "the kernel changed its clock source 1 times"),
            ("suspended", "measured_ns", (1.99e9, 2.01e9), "the machine slept for 2"),
            ("memory_stall", "measured", (0.05, 0.2), "everything waited for memory for"),
        ];
        let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for (rule, key, (least, most), says) in violated {
            let health = ran.health(rule);
            assert_eq!(health["state"], "violated", "{health}");
            let measured = health[key].as_f64().unwrap_or_else(|| panic!("{health}"));
            assert!((least..=most).contains(&measured), "{health}");
            assert!(ran.breaks(rule), "{rule}: {}", ran.stdout);
            assert!(words.contains(says), "{says}: {}", ran.stdout);
        }
        for (rule, measured) in [("steal_burst", 0.3), ("swap_in", 7.0)] {
            let health = ran.health(rule);
            assert_eq!(
                (&health["state"], health["measured"].as_f64()),
                (&"warning".into(), Some(measured))
            );
            assert!(!ran.breaks(rule), "{rule}: {}", ran.stdout);
        }
    });
}
