//! The commands that start agents on the hosts: what `--launch` says, as command lines.

use super::{BROKER_VARIABLE, Wrong, quoted};
use crate::engine::Launch;
use std::path::Path;

/// The values that agents are started with.
pub(super) struct Agents<'a> {
    pub(super) exe: &'a Path,
    pub(super) broker: &'a str,
    pub(super) run: &'a str,
}

impl Agents<'_> {
    /// The words that start an agent; `program`: as it is called there.
    fn words(&self, program: &str, broker: Option<&str>, slot: Option<u16>) -> Vec<String> {
        let mut words = vec![program.to_owned(), "agent".to_owned(), "--quiet".to_owned()];
        words.extend(["--run".to_owned(), self.run.to_owned()]);
        words.extend(broker.map(|broker| format!("--nats={broker}")));
        words.extend(slot.map(|slot| format!("--slot={slot}")));
        words
    }

    fn has_password(&self) -> bool {
        url::Url::parse(self.broker)
            .is_ok_and(|url| url.password().is_some() || !url.username().is_empty())
    }

    fn variables(&self) -> Vec<(String, String)> {
        vec![(BROKER_VARIABLE.to_owned(), self.broker.to_owned())]
    }
}

fn help() -> String {
    "give `--launch ssh:HOST,HOST`, `--launch pdsh:client[01-21]`, `--launch 'slurm:OPTIONS'`, or `--launch 'exec:COMMAND {agent}'`".to_owned()
}

/// The commands that start agents on `hosts` hosts.
pub(super) fn launches(how: &str, hosts: u16, agents: &Agents<'_>) -> Result<Vec<Launch>, Wrong> {
    match how.split_once(':') {
        Some(("ssh", names)) => ssh(names, hosts, agents),
        Some(("pdsh", names)) if !names.is_empty() => pdsh(names, agents),
        Some(("slurm", options)) => Ok(vec![slurm(options, hosts, agents)]),
        Some(("exec", command)) if !command.trim().is_empty() => {
            Ok(exec(command.trim(), hosts, agents))
        }
        _ => Err((format!("`{how}` starts no agents"), help())),
    }
}

/// One `ssh` for each host; the broker's URL goes through standard input.
fn ssh(names: &str, hosts: u16, agents: &Agents<'_>) -> Result<Vec<Launch>, Wrong> {
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    if names.len() != usize::from(hosts) {
        return Err((format!("expected {hosts} hosts, found {}", names.len()), help()));
    }
    let command = |(slot, name): (u16, &str)| {
        let mut command = ["ssh", "-o", "BatchMode=yes", name, "--"].map(str::to_owned).to_vec();
        command.extend(agents.words("planrun", Some("-"), Some(slot)));
        let input = Some(format!("{}\n", agents.broker));
        Launch { command, input, variables: Vec::new() }
    };
    Ok((0..).zip(names).map(command).collect())
}

/// One `pdsh` for all hosts.
fn pdsh(names: &str, agents: &Agents<'_>) -> Result<Vec<Launch>, Wrong> {
    if agents.has_password() {
        return Err((
            "pdsh would show the broker's password in the list of processes of every host"
                .to_owned(),
            format!(
                "set {BROKER_VARIABLE} on the hosts, and start the agents there: `pdsh -w HOSTS planrun agent --run {}`",
                agents.run
            ),
        ));
    }
    let mut command = ["pdsh", "-S", "-w", names].map(str::to_owned).to_vec();
    command.push(agents.words("planrun", Some(agents.broker), None).join(" "));
    Ok(vec![Launch { command, input: None, variables: agents.variables() }])
}

/// One `srun` for all hosts: a task on each, whose number is its slot. Slurm hands the environment
/// on, and with it the broker's URL.
fn slurm(options: &str, hosts: u16, agents: &Agents<'_>) -> Launch {
    let tasks = format!("--ntasks={hosts}");
    let fixed = ["srun", "--no-kill", "--kill-on-bad-exit=0", "--export=ALL", &tasks];
    let mut command = fixed.map(str::to_owned).to_vec();
    command.extend(options.split_whitespace().map(str::to_owned));
    command.extend(agents.words("planrun", None, None));
    command.push("--slot-env=SLURM_PROCID".to_owned());
    Launch { command, input: None, variables: agents.variables() }
}

/// A command of the user's: for each slot where it names `{slot}`, or is the agent itself.
fn exec(command: &str, hosts: u16, agents: &Agents<'_>) -> Vec<Launch> {
    let program = quoted(&agents.exe.display().to_string());
    let names_slot = command.contains("{slot}");
    let each = names_slot || command.starts_with("{agent}");
    let slots = if each { (0..hosts).map(Some).collect() } else { vec![None] };
    let command = |slot: Option<u16>| {
        let agent = agents.words(&program, None, slot).join(" ");
        let slot = slot.map_or_else(String::new, |slot| slot.to_string());
        let line = command.replace("{agent}", &agent).replace("{slot}", &slot);
        let command = ["sh", "-c", &line].map(str::to_owned).to_vec();
        Launch { command, input: None, variables: agents.variables() }
    };
    slots.into_iter().map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launched(how: &str, hosts: u16, exe: &str, broker: &str) -> Vec<String> {
        let agents = Agents { exe: Path::new(exe), broker, run: "r1" };
        let launches = launches(how, hosts, &agents).unwrap();
        launches.iter().map(|launch| launch.command.join(" ")).collect()
    }

    #[test]
    fn a_command_is_started_for_each_slot_that_it_names() {
        let agent = "/opt/planrun agent --quiet --run r1";
        let broker = "nats://127.0.0.1:4222";
        let lines = |how| launched(how, 2, "/opt/planrun", broker);
        let each = [0, 1].map(|slot| format!("sh -c {agent} --slot={slot}"));
        assert_eq!(lines("exec:{agent}"), each, "it is the agent itself");
        let named =
            [0, 1].map(|slot| format!("sh -c on h{slot} {agent} --slot={slot} --name h{slot}"));
        assert_eq!(lines("exec:on h{slot} {agent} --name h{slot}"), named);
        assert_eq!(lines("exec:on-all {agent}"), [format!("sh -c on-all {agent}")]);
        let broken = launches("exec: ", 2, &Agents { exe: Path::new("/x"), broker, run: "r1" });
        assert!(broken.is_err());
    }

    #[test]
    fn a_path_with_spaces_stays_one_word() {
        let lines = launched("exec:{agent}", 1, "/opt/it's here/planrun", "nats://h:1");
        assert_eq!(lines, ["sh -c \"/opt/it's here/planrun\" agent --quiet --run r1 --slot=0"]);
    }

    #[test]
    fn slurm_starts_a_task_a_host_and_shows_no_password() {
        let lines = launched("slurm:-N 4 --exclusive", 4, "/x", "nats://me:s3cr3t@h:1");
        assert_eq!(
            lines,
            [
                "srun --no-kill --kill-on-bad-exit=0 --export=ALL --ntasks=4 -N 4 --exclusive planrun agent --quiet --run r1 --slot-env=SLURM_PROCID"
            ]
        );
        let agents = Agents { exe: Path::new("/x"), broker: "nats://t0ken@h:1", run: "r1" };
        assert!(launches("pdsh:client[1-9]", 9, &agents).is_err(), "a token is a secret, too");
    }
}
