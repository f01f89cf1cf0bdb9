//! The variables of the environment that a run of an imported plan needs.

use super::marks::mark;

/// A variable that a run of the plan needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// `TOKEN`.
    pub name: String,
    /// What it is: `the bearer token of GET /orders`.
    pub about: String,
    /// What was taken out; `None` where the file names a variable itself.
    value: Option<String>,
}

/// All variables of a plan, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Variables {
    all: Vec<Variable>,
    /// Different values under one name are one variable.
    shares_names: bool,
}

impl Variables {
    /// From now on, different values under one name are one variable: a list may have thousands.
    pub(super) fn share_names(&mut self) {
        self.shares_names = true;
    }

    /// The marked placeholder in place of a value. The same value under the same name is the same
    /// variable.
    pub(super) fn put(
        &mut self,
        name: &str,
        value: &str,
        about: impl FnOnce() -> String,
    ) -> String {
        let base = variable_name(name);
        let numbers = std::iter::once(base.clone()).chain((2..).map(|one| format!("{base}_{one}")));
        for name in numbers {
            match self.all.iter().find(|one| one.name == name) {
                Some(known) if self.shares_names || known.value.as_deref() == Some(value) => {
                    return env(&name);
                }
                Some(_) => {}
                None => {
                    let value = Some(value.to_owned());
                    let placeholder = env(&name);
                    self.all.push(Variable { name, about: about(), value });
                    return placeholder;
                }
            }
        }
        String::new()
    }

    /// A variable that the file names itself.
    pub(super) fn named(&mut self, name: &str, about: impl FnOnce() -> String) -> String {
        if !self.all.iter().any(|one| one.name == name) {
            self.all.push(Variable { name: name.to_owned(), about: about(), value: None });
        }
        env(name)
    }

    /// In the order in which they were met.
    pub(super) fn all(&self) -> &[Variable] {
        &self.all
    }
}

fn env(name: &str) -> String {
    mark(&format!("env.{name}"))
}

/// A name that every shell can export.
fn variable_name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .take(60)
        .collect();
    match name.trim_matches('_') {
        "" => "SECRET".to_owned(),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        // A shell needs these for itself.
        name @ ("PATH" | "HOME" | "USER" | "SHELL" | "PWD" | "IFS") => format!("API_{name}"),
        name => name.to_owned(),
    }
}
